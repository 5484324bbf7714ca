//! Many hosts in memory: real keys, real protocol, no sockets.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use hms::auth::{self, ClusterKey, Keyring, RealmSecret, SessionKey};
use hms::ident::{
    Epoch, Incarnation, InstanceId, Name, RealmId, Revision, ServerId, SessionId, Stamp, UserId,
};
use hms::limits::TAG_LEN;
use hms::net::Arrival;
use hms::server::{RealmLimits, Server, ServerSettings, Setup};
use hms::time::{Duration, Instant, UnixMillis};
use hms::wire::{
    Answer, Content, ContentRef, Header, Heartbeat, Init, Kind, Ports, Register, Unverified, View,
};

const REALM: RealmId = RealmId(7);
const INCARNATION: Incarnation = Incarnation(77);

fn secret() -> RealmSecret {
    RealmSecret::new([5; 32])
}

/// A server with one realm and no limits.
pub(crate) fn server(now: Instant) -> Server {
    let mut keyring = Keyring::default();
    let realm = Name::new("bench").expect("a name");
    keyring.new_realm(REALM, realm, Epoch(1), secret());
    let limits = RealmLimits { name: "bench".into(), max_hosts: None, max_rate: None };
    Server::new(
        now,
        Setup {
            name: Name::new("atlas").expect("a name"),
            server: ServerId(1),
            incarnation: INCARNATION,
            seed: [1; 32],
            settings: ServerSettings { realms: vec![limits], ..ServerSettings::default() },
            keyring,
            default_realm: Some(REALM),
            cluster: ClusterKey::from_seed(&[2; 32]),
            stamp_base: 0,
            wall: UnixMillis(1_700_000_000_000),
            rows: Vec::new(),
        },
    )
}

struct Session {
    user: UserId,
    id: SessionId,
    key: SessionKey,
    sequence: u64,
}

/// Hosts that all registered.
pub(crate) struct Fleet {
    n: usize,
    sessions: Vec<Session>,
}

/// Each host has an address of its own.
fn address(host: usize) -> SocketAddr {
    SocketAddr::new(IpAddr::V4(Ipv4Addr::from(0x0a00_0000 + host as u32)), 40_000)
}

fn header(kind: Kind, user: UserId, session: SessionId, sequence: u64) -> Header {
    Header { kind, flags: 0, epoch: Epoch(1), realm: REALM, user, session, sequence }
}

impl Fleet {
    /// `n` hosts, none registered.
    pub(crate) fn new(n: usize) -> Self {
        Self { n, sessions: Vec::with_capacity(n) }
    }

    /// Registers them all; tells what time it is then.
    pub(crate) fn register(&mut self, hms: &mut Server, mut now: Instant) -> Instant {
        let secret = secret();
        let mut buf = Vec::with_capacity(1200);
        for host in 0..self.n {
            // Slow enough for the budget of unverified work.
            now += Duration::from_micros(25);
            let name = format!("user-{host:011}");
            let user = auth::user_id(REALM, &name);
            let key = secret.user_key(user, Default::default());
            let nonce = host as u64 + 1;
            let from = address(host);

            buf.clear();
            header(Kind::Init, user, SessionId(0), nonce).emit(&mut buf);
            Init::default().emit(&mut buf);
            auth::seal(&key, &mut buf);
            hms.handle_datagram(now, from, Arrival::default(), &buf);
            let _ = hms.poll_output(now, &mut buf).expect("a challenge");
            let verified = auth::open(&key, Unverified::parse(&buf).expect("a header")).expect("a tag");
            let Ok(Answer::Challenge(challenge)) = verified.answer() else { panic!("no challenge") };
            let cookie = challenge.argument;

            let content = Content {
                ports: Ports { data: 1503, video: 5004, audio: 5006 },
                reported: vec![from],
                ..Content::new(Name::new(&name).expect("a name"), Name::new(&name).expect("a name"))
            }
            .to_bytes();
            let register = Register {
                takeover: false,
                cookie,
                instance: InstanceId(nonce),
                last_stamp: Stamp(0),
                content_version: 1,
                incarnation: Incarnation(0),
                revision: Revision(0),
                digest: 0,
                content: ContentRef::parse(&content, 0).expect("content"),
                view: View::None,
                push: false,
            };
            buf.clear();
            header(Kind::Register, user, SessionId(0), nonce).emit(&mut buf);
            register.emit(&mut buf);
            auth::seal(&key, &mut buf);
            hms.handle_datagram(now, from, Arrival::default(), &buf);
            let _ = hms.poll_output(now, &mut buf).expect("an answer");
            let id = key.session_id(nonce, cookie);
            self.sessions.push(Session { user, id, key: key.session_key(id), sequence: 0 });
            while hms.poll_event().is_some() {}
        }
        now
    }

    /// All hosts in an order that caches do not like; the same in every run.
    pub(crate) fn shuffled(&self) -> Vec<usize> {
        let mut order: Vec<usize> = (0..self.n).collect();
        let mut state = 0x9e37_79b9_7f4a_7c15u64;
        for i in (1..order.len()).rev() {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            order.swap(i, (state >> 33) as usize % (i + 1));
        }
        order
    }

    /// The next heartbeats of `count` hosts of `order` from `start` on, round and round.
    pub(crate) fn heartbeats(
        &mut self,
        order: &[usize],
        start: usize,
        count: usize,
    ) -> Vec<(SocketAddr, Vec<u8>)> {
        (start..start + count).map(|i| self.heartbeat(order[i % order.len()])).collect()
    }

    fn heartbeat(&mut self, host: usize) -> (SocketAddr, Vec<u8>) {
        let session = &mut self.sessions[host];
        session.sequence += 1;
        let heartbeat = Heartbeat {
            content_version: 1,
            incarnation: INCARNATION,
            revision: Revision(0),
            digest: 0,
            cookie: None,
            want: false,
            content: None,
        };
        let mut buf = Vec::with_capacity(68);
        header(Kind::Heartbeat, session.user, session.id, session.sequence).emit(&mut buf);
        heartbeat.emit(&mut buf);
        auth::seal(&session.key, &mut buf);
        (address(host), buf)
    }

    /// Heartbeats with a wrong tag: of known sessions, or of sessions that nobody has.
    pub(crate) fn bad_tags(
        &mut self,
        order: &[usize],
        start: usize,
        count: usize,
        known: bool,
    ) -> Vec<(SocketAddr, Vec<u8>)> {
        let mut beats = self.heartbeats(order, start, count);
        for (from, bytes) in &mut beats {
            let last = bytes.len() - TAG_LEN;
            bytes[last] ^= 1;
            if !known {
                bytes[16] ^= 0x80;
            }
            // From elsewhere: not charged to the row.
            from.set_port(9);
        }
        beats
    }
}
