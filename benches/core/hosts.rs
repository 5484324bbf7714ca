//! Many hosts in memory: real keys, real protocol, no sockets.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use hms::auth::{self, ClusterKey, RealmSecret, SessionKey, UserKey};
use hms::cluster::{Decision, Facts};
use hms::ident::{
    Epoch, Incarnation, InstanceId, Name, RealmId, Revision, ServerId, SessionId, Stamp, UserId,
};
use hms::limits::TAG_LEN;
use hms::net::Arrival;
use hms::registry::AHEAD;
use hms::server::{RealmLimits, Server, ServerSettings, Setup};
use hms::time::{Duration, Instant, UnixMillis};
use hms::transport::LinkSecret;
use hms::wire::{
    Answer, Content, ContentRef, Header, Heartbeat, Init, Kind, Ports, Register, Unverified, View,
};

const REALM: RealmId = RealmId(7);
const INCARNATION: Incarnation = Incarnation(77);

/// A datagram and where it comes from.
pub(crate) type Datagram = (SocketAddr, Vec<u8>);

fn secret() -> RealmSecret {
    RealmSecret::new([5; 32])
}

/// A server with one realm, without limits, and nobody who watches.
pub(crate) fn server(now: Instant) -> Server {
    let mut facts = Facts::default();
    let realm = Name::new("bench").expect("a name");
    let decision = Decision { clock: Stamp(1), by: ServerId(1) };
    facts.enter_realm(decision, (REALM, Epoch(1)), secret().as_bytes(), &realm).expect("room");
    let limits = RealmLimits { name: "bench".into(), max_hosts: None, max_rate: None };
    let settings = ServerSettings { realms: vec![limits], all_rows: 1 << 30, ..ServerSettings::default() };
    let mut server = Server::new(
        now,
        Setup {
            name: Name::new("atlas").expect("a name"),
            server: ServerId(1),
            incarnation: INCARNATION,
            seed: [1; 32],
            settings,
            facts,
            link_secret: LinkSecret::cluster(&[8; 32]),
            default_realm: Some(REALM),
            cluster: ClusterKey::from_seed(&[2; 32]),
            stamp_base: 0,
            wall: UnixMillis(1_700_000_000_000),
            rows: Vec::new(),
        },
    );
    server.set_watched(false);
    server
}

/// Gives a server datagrams as the shell does: a batch is announced, treated, and its answers are taken. Says how many.
pub(crate) fn serve(
    hms: &mut Server,
    now: Instant,
    datagrams: &[Datagram],
    out: &mut Vec<u8>,
    mut answer: impl FnMut(&[u8]),
) -> usize {
    let mut answers = 0;
    for batch in datagrams.chunks(AHEAD) {
        hms.expect(batch.iter().map(|(_, bytes)| bytes.as_slice()));
        for (from, bytes) in batch {
            hms.handle_datagram(now, *from, Arrival::default(), bytes);
        }
        while hms.poll_output(now, out).is_some() {
            answer(out);
            answers += 1;
        }
    }
    answers
}

#[derive(Clone)]
struct Session {
    user: UserId,
    id: SessionId,
    key: SessionKey,
    sequence: u64,
    content_version: u32,
}

/// Hosts that all registered.
pub(crate) struct Fleet {
    sessions: Vec<Session>,
    /// What the registering hosts are to follow.
    pub(crate) view: View,
    /// The view's revision as the last of them was told.
    pub(crate) revision: Revision,
}

/// A host that is about to register.
pub(crate) struct Newcomer {
    number: usize,
    user: UserId,
    key: UserKey,
    cookie: u64,
}

/// Each host has an address of its own.
fn address(host: usize) -> SocketAddr {
    SocketAddr::new(IpAddr::V4(Ipv4Addr::from(0x0a00_0000 + host as u32)), 40_000)
}

pub(crate) fn header(kind: Kind, user: UserId, session: SessionId, sequence: u64) -> Header {
    Header { kind, flags: 0, epoch: Epoch(1), realm: REALM, user, session, sequence }
}

fn heartbeat(content_version: u32, revision: Revision) -> Heartbeat<'static> {
    Heartbeat {
        content_version,
        incarnation: INCARNATION,
        revision,
        digest: 0,
        cookie: None,
        want: false,
        content: None,
    }
}

/// A steady heartbeat of some session.
pub(crate) fn steady(key: &SessionKey) -> Vec<u8> {
    let mut buf = Vec::with_capacity(128);
    header(Kind::Heartbeat, UserId([1; 8]), SessionId(5), 6).emit(&mut buf);
    heartbeat(1, Revision(0)).emit(&mut buf);
    auth::seal(key, &mut buf);
    buf
}

fn content(host: usize, data: u16) -> Vec<u8> {
    let name = |kind: &str| Name::new(&format!("{kind}-{host:011}")).expect("a name");
    Content {
        ports: Ports { data, video: 5004, audio: 5006 },
        reported: vec![address(host)],
        ..Content::new(name("user"), name("host"))
    }
    .to_bytes()
}

impl Fleet {
    /// Nobody yet, with room for `n`: memory that is used from now on is the server's.
    pub(crate) fn new(n: usize) -> Self {
        let blank = Session {
            user: UserId::default(),
            id: SessionId(0),
            key: SessionKey::from_bytes([0; 32]),
            sequence: 0,
            content_version: 1,
        };
        let mut sessions = vec![blank; n];
        sessions.clear();
        Self { sessions, view: View::None, revision: Revision(0) }
    }

    pub(crate) fn len(&self) -> usize {
        self.sessions.len()
    }

    /// Registers `n` more; tells what time it is then.
    pub(crate) fn register(&mut self, hms: &mut Server, mut now: Instant, n: usize) -> Instant {
        let mut out = Vec::with_capacity(1200);
        let end = self.len() + n;
        while self.len() < end {
            let mut newcomers = self.newcomers((end - self.len()).min(1000));
            // Slow enough for the budget of unverified work.
            now += Duration::from_micros(25) * newcomers.len() as u32;
            let mut answers = Vec::with_capacity(newcomers.len());
            serve(hms, now, &Self::inits(&newcomers), &mut out, |answer| answers.push(answer.to_vec()));
            let registers = self.registers(&mut newcomers, &answers);
            answers.clear();
            serve(hms, now, &registers, &mut out, |answer| answers.push(answer.to_vec()));
            self.registered(&newcomers, &answers);
            while hms.poll_event().is_some() {}
        }
        now
    }

    /// The next hosts.
    pub(crate) fn newcomers(&self, count: usize) -> Vec<Newcomer> {
        let secret = secret();
        let newcomer = |number: usize| {
            let user = auth::user_id(REALM, &format!("user-{number:011}"));
            Newcomer { number, user, key: secret.user_key(user, Default::default()), cookie: 0 }
        };
        (self.len()..self.len() + count).map(newcomer).collect()
    }

    /// What they say first.
    pub(crate) fn inits(newcomers: &[Newcomer]) -> Vec<Datagram> {
        let init = |newcomer: &Newcomer| {
            let mut buf = Vec::with_capacity(68);
            let nonce = newcomer.number as u64 + 1;
            header(Kind::Init, newcomer.user, SessionId(0), nonce).emit(&mut buf);
            Init::default().emit(&mut buf);
            auth::seal(&newcomer.key, &mut buf);
            (address(newcomer.number), buf)
        };
        newcomers.iter().map(init).collect()
    }

    /// What they say to their challenges.
    pub(crate) fn registers(&self, newcomers: &mut [Newcomer], challenges: &[Vec<u8>]) -> Vec<Datagram> {
        assert_eq!(newcomers.len(), challenges.len(), "every INIT is answered");
        let register = |(newcomer, challenge): (&mut Newcomer, &Vec<u8>)| {
            let verified = auth::open(&newcomer.key, Unverified::parse(challenge).expect("a header"));
            let Ok(Answer::Challenge(challenge)) = verified.expect("a tag").answer() else {
                panic!("no challenge")
            };
            newcomer.cookie = challenge.argument;
            let nonce = newcomer.number as u64 + 1;
            let content = content(newcomer.number, 1503);
            let register = Register {
                takeover: false,
                cookie: newcomer.cookie,
                instance: InstanceId(nonce),
                last_stamp: Stamp(0),
                content_version: 1,
                incarnation: Incarnation(0),
                revision: Revision(0),
                digest: 0,
                content: ContentRef::parse(&content, 0).expect("content"),
                view: self.view.clone(),
                push: self.view != View::None,
            };
            let mut buf = Vec::with_capacity(200);
            let head = header(Kind::Register, newcomer.user, SessionId(0), nonce);
            Header { flags: register.flags(), ..head }.emit(&mut buf);
            register.emit(&mut buf);
            auth::seal(&newcomer.key, &mut buf);
            (address(newcomer.number), buf)
        };
        newcomers.iter_mut().zip(challenges).map(register).collect()
    }

    /// They are registered.
    pub(crate) fn registered(&mut self, newcomers: &[Newcomer], answers: &[Vec<u8>]) {
        assert_eq!(newcomers.len(), answers.len(), "every REGISTER is answered");
        for newcomer in newcomers {
            let id = newcomer.key.session_id(newcomer.number as u64 + 1, newcomer.cookie);
            let (user, key) = (newcomer.user, newcomer.key.session_key(id));
            self.sessions.push(Session { user, id, key, sequence: 0, content_version: 1 });
        }
        if let (Some(session), Some(last)) = (self.sessions.last(), answers.last()) {
            let unverified = Unverified::parse(last).expect("a header");
            let key = newcomers.last().map(|newcomer| &newcomer.key).expect("a newcomer");
            let verified = auth::open(&session.key, unverified).or_else(|| auth::open(key, unverified));
            let Ok(Answer::Registered(answer)) = verified.expect("a tag").answer() else {
                panic!("not registered")
            };
            self.revision = answer.revision;
        }
    }

    /// All hosts in an order that caches do not like; the same in every run.
    pub(crate) fn shuffled(&self) -> Vec<usize> {
        let mut order: Vec<usize> = (0..self.len()).collect();
        let mut state = 0x9e37_79b9_7f4a_7c15u64;
        for i in (1..order.len()).rev() {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            order.swap(i, (state >> 33) as usize % (i + 1));
        }
        order
    }

    /// The next heartbeats of `count` hosts of `order` from `start` on, round and round.
    pub(crate) fn heartbeats(&mut self, order: &[usize], start: usize, count: usize) -> Vec<Datagram> {
        (start..start + count).map(|i| self.heartbeat(order[i % order.len()], Revision(0))).collect()
    }

    /// A host's next heartbeat, which names a revision of its view.
    pub(crate) fn heartbeat(&mut self, host: usize, revision: Revision) -> Datagram {
        let session = &mut self.sessions[host];
        session.sequence += 1;
        let mut buf = Vec::with_capacity(68);
        header(Kind::Heartbeat, session.user, session.id, session.sequence).emit(&mut buf);
        heartbeat(session.content_version, revision).emit(&mut buf);
        auth::seal(&session.key, &mut buf);
        (address(host), buf)
    }

    /// A heartbeat with new content.
    pub(crate) fn change(&mut self, host: usize) -> Datagram {
        let view = self.view.clone();
        let session = &mut self.sessions[host];
        session.sequence += 1;
        session.content_version += 1;
        let content = content(host, session.content_version as u16);
        let content = ContentRef::parse(&content, 0).expect("content");
        let body = Heartbeat {
            content: Some((content, view, false)),
            ..heartbeat(session.content_version, Revision(0))
        };
        let mut buf = Vec::with_capacity(200);
        let head = header(Kind::Heartbeat, session.user, session.id, session.sequence);
        Header { flags: body.flags(), ..head }.emit(&mut buf);
        body.emit(&mut buf);
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
    ) -> Vec<Datagram> {
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
