//! The host against scripted answers, made with the same keys as an HMS would.

mod contact;
mod directory;
mod discovery;
mod failover;
mod forged;
mod heartbeats;
mod refused;
mod storage;
mod together;
mod world;

use super::*;
use crate::auth::{DatagramKey, SessionKey, StoredKey, open, seal};
use crate::ident::{Generation, Incarnation, Revision, ServerId, SessionId, Stamp};
use crate::net::Destination;
use crate::time::Duration;
use crate::wire::{
    Ack, Header, HmsInfo, Kind, Registered, RejectCode, Request, Settings, Short, Unverified, UpdateMode,
    Verified,
};

fn name(text: &str) -> Name {
    Name::new(text).expect("a name")
}

fn addr(last: u8) -> SocketAddr {
    SocketAddr::from(([10, 0, 0, last], 6710))
}

fn token(addresses: Vec<SocketAddr>) -> Token {
    Token {
        realm: RealmId(7),
        epoch: Epoch(1),
        generation: Generation(0),
        user_key: UserKey::from_bytes([9; 32]),
        cluster_key: crate::auth::ClusterKey::from_seed(&[3; 32]).public(),
        user_name: name("ann"),
        realm_name: name("home"),
        addresses,
    }
}

fn setup(token: Token) -> HostSetup {
    let content = Content::new(token.user_name.clone(), name("desk"));
    HostSetup {
        store: HostStore::new(token.clone(), InstanceId(5), content.clone()),
        token,
        content,
        view: View::Realm,
        push: true,
        takeover: false,
        near: Vec::new(),
        seed: [1; 32],
        wall: UnixMillis(1_700_000_000_000),
    }
}

fn hms(server: u64, text: &str, addresses: &[SocketAddr]) -> HmsInfo {
    HmsInfo {
        server: ServerId(server),
        primary: server == 1,
        sender: server == 1,
        name: name(text),
        addresses: addresses.to_vec(),
    }
}

/// A datagram that the host sent.
#[derive(Clone, Debug)]
struct Sent {
    at: Instant,
    to: Destination,
    header: Header,
    bytes: Vec<u8>,
}

impl Sent {
    fn is(&self, kind: Kind) -> bool {
        self.header.kind == kind
    }

    fn to(&self, address: SocketAddr) -> bool {
        self.to == Destination::Unicast(address)
    }
}

/// A host, and the answers that an HMS could give it.
struct Rig {
    host: Host,
    now: Instant,
    user_key: UserKey,
    incarnation: Incarnation,
    number: u64,
    events: Vec<Event>,
}

impl Rig {
    fn new(setup: HostSetup) -> Self {
        let now = Instant::from_secs(1000);
        Self {
            user_key: setup.token.user_key.clone(),
            host: Host::new(now, setup),
            now,
            incarnation: Incarnation(77),
            number: 100,
            events: Vec::new(),
        }
    }

    fn plain() -> Self {
        Self::new(setup(token(vec![addr(1)])))
    }

    /// Everything that waits to be sent.
    fn sent(&mut self) -> Vec<Sent> {
        let (mut all, mut buf) = (Vec::new(), Vec::new());
        while let Some(transmit) = self.host.poll_output(self.now, &mut buf) {
            let header = *Unverified::parse(&buf).expect("a well-formed datagram").header();
            all.push(Sent { at: self.now, to: transmit.to, header, bytes: buf.clone() });
        }
        while let Some(event) = self.host.poll_event() {
            self.events.push(event);
        }
        all
    }

    /// The one datagram that waits to be sent.
    #[track_caller]
    fn one(&mut self, kind: Kind) -> Sent {
        let all = self.sent();
        let kinds: Vec<_> = all.iter().map(|s| s.header.kind).collect();
        assert_eq!(kinds, [kind]);
        all.into_iter().next().expect("one")
    }

    /// Lets time pass, deadline by deadline, without any answer.
    fn run(&mut self, span: Duration) -> Vec<Sent> {
        let end = self.now + span;
        let mut all = self.sent();
        while let Some(due) = self.host.poll_timeout().filter(|due| *due <= end) {
            assert!(due >= self.now, "a deadline in the past stays");
            self.now = due;
            self.host.handle_timeout(due);
            all.extend(self.sent());
            assert!(self.host.poll_timeout() != Some(due), "the deadline was handled");
        }
        self.now = end;
        all
    }

    /// Lets time pass until something of this kind is sent, at most a day.
    #[track_caller]
    fn until(&mut self, kind: Kind) -> Sent {
        let end = self.now + Duration::from_secs(86_400);
        loop {
            if let Some(sent) = self.sent().into_iter().find(|s| s.is(kind)) {
                return sent;
            }
            let due = self.host.poll_timeout().filter(|due| *due <= end);
            self.now = self.now.max(due.expect("the host does something"));
            self.host.handle_timeout(self.now);
        }
    }

    fn session(&self) -> (SessionId, SessionKey) {
        let session = self.host.session.as_ref().expect("a session");
        (session.id, session.key.clone())
    }

    fn open<'a>(&self, sent: &'a Sent) -> Verified<'a> {
        let datagram = Unverified::parse(&sent.bytes).expect("well-formed");
        let id = sent.header.session;
        if id.0 == 0 {
            return open(&self.user_key, datagram).expect("the user's tag");
        }
        open(&self.user_key.session_key(id), datagram).expect("the session's tag")
    }

    fn next(&mut self) -> (Incarnation, u64) {
        self.number += 1;
        (self.incarnation, self.number)
    }

    fn deliver(&mut self, bytes: &[u8]) {
        self.host.handle_datagram(self.now, addr(1), Arrival::default(), bytes);
    }

    /// A datagram with this header, signed with this key.
    fn make(header: Header, key: &impl DatagramKey, body: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
        let mut buf = Vec::new();
        header.emit(&mut buf);
        body(&mut buf);
        seal(key, &mut buf);
        buf
    }

    /// A short answer to what was sent, under the key that belongs to it.
    fn short_bytes(&mut self, to: &Sent, kind: Kind, argument: u64) -> Vec<u8> {
        let (incarnation, number) = self.next();
        let body = Short { incarnation, number, argument };
        let key = self.key_of(to);
        Self::make(to.header.answer(kind), &StoredKey(&key), |buf| body.emit(buf))
    }

    fn key_of(&self, to: &Sent) -> [u8; 32] {
        match to.header.session {
            SessionId(0) => *self.user_key.as_bytes(),
            id => *self.user_key.session_key(id).as_bytes(),
        }
    }

    fn short(&mut self, to: &Sent, kind: Kind, argument: u64) {
        let bytes = self.short_bytes(to, kind, argument);
        self.deliver(&bytes);
    }

    fn reject(&mut self, to: &Sent, code: RejectCode, value: u32) {
        self.short(to, Kind::Reject, Short::reject_argument(code, value));
    }

    fn registered_bytes(&mut self, to: &Sent, change: impl FnOnce(&mut Registered)) -> Vec<u8> {
        let (incarnation, number) = self.next();
        let verified = self.open(to);
        let Ok(Request::Register(register)) = verified.request() else { panic!("a REGISTER") };
        let session = self.user_key.session_id(to.header.sequence, register.cookie);
        let settings = Settings {
            observed: Some(SocketAddr::from(([10, 0, 0, 99], 4000))),
            hms: vec![hms(1, "atlas", &[addr(1)])],
            mode: Some(UpdateMode::OnChange),
            ..Settings::default()
        };
        let mut body = Registered {
            incarnation,
            number,
            stamp: Stamp(500),
            server: ServerId(1),
            revision: Revision(1),
            content_version: register.content_version,
            check_time_ms: 30_000,
            first_delay_ms: 10_000,
            settings,
        };
        change(&mut body);
        let header = Header { session, ..to.header.answer(Kind::Registered) };
        Self::make(header, &self.user_key.session_key(session), |buf| body.emit(buf))
    }

    fn registered(&mut self, to: &Sent, change: impl FnOnce(&mut Registered)) {
        let bytes = self.registered_bytes(to, change);
        self.deliver(&bytes);
    }

    fn ack(&mut self, to: &Sent, change: impl FnOnce(&mut Ack<'_>)) {
        let bytes = self.ack_bytes(to, change);
        self.deliver(&bytes);
    }

    fn ack_bytes(&mut self, to: &Sent, change: impl FnOnce(&mut Ack<'_>)) -> Vec<u8> {
        let (incarnation, number) = self.next();
        let verified = self.open(to);
        let Ok(Request::Heartbeat(beat)) = verified.request() else { panic!("a HEARTBEAT") };
        let mut ack = Ack {
            want_content: false,
            resync: false,
            equal: false,
            incarnation,
            number,
            revision: beat.revision,
            content_version: beat.content_version,
            settings: Settings::default(),
            changes: None,
        };
        change(&mut ack);
        let header = Header { flags: ack.flags(), ..to.header.answer(Kind::Ack) };
        let key = self.key_of(to);
        Self::make(header, &StoredKey(&key), |buf| ack.emit(buf))
    }

    /// Registers with the HMS at the first address that is asked.
    #[track_caller]
    fn register(&mut self) {
        self.register_with(|_| {});
    }

    #[track_caller]
    fn register_with(&mut self, change: impl FnOnce(&mut Registered)) {
        let init = self.until(Kind::Init);
        self.short(&init, Kind::Challenge, 0xc00c1e);
        let register = self.one(Kind::Register);
        self.registered(&register, change);
        assert_eq!(self.host.state, State::Registered);
    }

    /// Drains what the registration brought: the first PULL.
    fn settle(&mut self) {
        self.sent();
        self.host.end_pull();
    }

    fn event(&mut self, wanted: impl Fn(&Event) -> bool) -> bool {
        self.sent();
        self.events.iter().any(wanted)
    }

    fn dropped(&self, reason: &str) -> u64 {
        self.host.drops().get(reason).copied().unwrap_or(0)
    }
}

fn offsets(sent: &[Sent]) -> Vec<u64> {
    let first = sent.first().map_or(Instant::ZERO, |s| s.at);
    sent.iter().map(|s| s.at.since(first).as_millis() as u64).collect()
}
