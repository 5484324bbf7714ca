//! A steady heartbeat allocates nothing in the server: not for the datagram, not for the answer.

mod counting;

use std::net::SocketAddr;

use hms::auth::{ClusterKey, DatagramKey, RealmSecret, SessionKey, open, seal, user_id};
use hms::cluster::{Decision, Facts};
use hms::ident::{
    Epoch, Generation, Incarnation, InstanceId, Name, RealmId, Revision, ServerId, SessionId, Stamp, UserId,
};
use hms::net::Arrival;
use hms::server::{Server, ServerSettings, Setup};
use hms::time::{Duration, Instant, UnixMillis};
use hms::transport::LinkSecret;
use hms::wire::{Answer, Content, ContentRef, Header, Heartbeat, Init, Kind, Register, Unverified, View};

const REALM: RealmId = RealmId(7);
const HOSTS: u16 = 200;
const ROUNDS: u64 = 20;

fn sealed(key: &impl DatagramKey, header: Header, body: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut buf = Vec::new();
    header.emit(&mut buf);
    body(&mut buf);
    seal(key, &mut buf);
    buf
}

fn header(kind: Kind, user: UserId, session: SessionId, sequence: u64) -> Header {
    Header { kind, flags: 0, epoch: Epoch(1), realm: REALM, user, session, sequence }
}

fn server(now: Instant) -> Server {
    let mut facts = Facts::default();
    let decision = Decision { clock: Stamp(1), by: ServerId(1) };
    let name = Name::new("acme").expect("a name");
    facts.enter_realm(decision, (REALM, Epoch(1)), &[1; 32], &name).expect("room");
    Server::new(
        now,
        Setup {
            name: Name::new("atlas").expect("a name"),
            server: ServerId(1),
            incarnation: Incarnation(1),
            seed: [3; 32],
            settings: ServerSettings::default(),
            facts,
            link_secret: LinkSecret::cluster(&[8; 32]),
            default_realm: Some(REALM),
            cluster: ClusterKey::from_seed(&[2; 32]),
            stamp_base: 0,
            wall: UnixMillis(0),
            rows: Vec::new(),
        },
    )
}

struct Host {
    user: UserId,
    from: SocketAddr,
    session: SessionId,
    key: SessionKey,
}

fn register(server: &mut Server, now: Instant, number: u16) -> Host {
    let name = Name::new(&format!("user{number}")).expect("a name");
    let user = user_id(REALM, name.as_str());
    let key = RealmSecret::new([1; 32]).user_key(user, Generation(0));
    let from = SocketAddr::from(([10, 0, (number >> 8) as u8, number as u8], 5000));
    let nonce = u64::from(number);
    let mut buf = Vec::new();
    let init = header(Kind::Init, user, SessionId(0), nonce);
    server.handle_datagram(now, from, Arrival::default(), &sealed(&key, init, |b| Init::default().emit(b)));
    server.poll_output(now, &mut buf).expect("a challenge");
    let challenge = open(&key, Unverified::parse(&buf).expect("it")).expect("a tag");
    let Answer::Challenge(challenge) = challenge.answer().expect("a body") else { panic!("no challenge") };
    let content = Content::new(name.clone(), name).to_bytes();
    let body = Register {
        takeover: false,
        cookie: challenge.argument,
        instance: InstanceId(nonce),
        last_stamp: Stamp(0),
        content_version: 1,
        incarnation: Incarnation(0),
        revision: Revision(0),
        digest: 0,
        content: ContentRef::trusted(&content),
        view: View::Realm,
        push: false,
    };
    let head = header(Kind::Register, user, SessionId(0), nonce);
    server.handle_datagram(now, from, Arrival::default(), &sealed(&key, head, |b| body.emit(b)));
    server.poll_output(now, &mut buf).expect("an answer");
    assert_eq!(Unverified::parse(&buf).expect("it").header().kind, Kind::Registered);
    let session = key.session_id(nonce, challenge.argument);
    Host { user, from, session, key: key.session_key(session) }
}

#[test]
fn a_steady_heartbeat_allocates_nothing() {
    let mut now = Instant::from_secs(100);
    let mut server = server(now);
    server.set_watched(false);
    let hosts: Vec<Host> = (0..HOSTS).map(|number| register(&mut server, now, number)).collect();
    // Digest and revision of the view are what the server says they are.
    let mut buf = Vec::with_capacity(1200);
    let mut datagrams: Vec<Vec<Vec<u8>>> = Vec::new();
    for round in 1..=ROUNDS {
        let beat = |host: &Host| {
            let body = Heartbeat {
                content_version: 1,
                incarnation: Incarnation(1),
                revision: Revision(0),
                digest: 0,
                cookie: None,
                want: false,
                content: None,
            };
            let head = header(Kind::Heartbeat, host.user, host.session, round);
            sealed(&host.key, head, |b| body.emit(b))
        };
        datagrams.push(hosts.iter().map(beat).collect());
    }
    let mut before = 0;
    for (round, beats) in datagrams.iter().enumerate() {
        if round == 2 {
            before = counting::allocations();
        }
        // A hint, whatever it is of.
        server.expect(beats.iter().map(Vec::as_slice));
        server.expect([b"".as_slice(), &[0xff; 24], &[0; 23]].into_iter());
        for (host, bytes) in hosts.iter().zip(beats) {
            server.handle_datagram(now, host.from, Arrival::default(), bytes);
            assert!(server.poll_output(now, &mut buf).is_some());
            assert!(server.poll_output(now, &mut buf).is_none());
        }
        for _ in 0..10 {
            now += Duration::from_secs(1);
            server.handle_timeout(now);
        }
    }
    let made = counting::allocations() - before;
    assert_eq!(made, 0, "allocations in {} heartbeats", u64::from(HOSTS) * (ROUNDS - 2));
}
