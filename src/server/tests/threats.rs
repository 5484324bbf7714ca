//! The threat model of spec chapter 7 against one HMS: captors, and holders of another key.

use std::net::SocketAddr;

use super::client::{Client, Got, sealed};
use super::world::World;
use crate::auth::DatagramKey;
use crate::ident::{Name, Revision, SessionId, Stamp, UserId};
use crate::limits::{DATAGRAM_MAX, DATAGRAM_MIN};
use crate::time::Duration;
use crate::wire::{Discover, Find, Kind, Pattern, Pull, PullKind, View};

const REQUESTS: [Kind; 7] =
    [Kind::Init, Kind::Register, Kind::Heartbeat, Kind::Leave, Kind::Pull, Kind::Find, Kind::Discover];

fn thief() -> SocketAddr {
    "192.0.2.1:9".parse().expect("an address")
}

/// A datagram of this type and length, with a body of zeros and PAD, whose tag holds.
fn blank(client: &Client, kind: Kind, session: SessionId, key: &impl DatagramKey, len: usize) -> Vec<u8> {
    let header = client.header(kind, 0, session, 77 + len as u64);
    sealed(key, &header, |buf| {
        buf.resize((len - 16).min(52), 0);
        if let Some(rest) = (len - 16).checked_sub(buf.len() + 3) {
            buf.extend([0x7f, (rest >> 8) as u8, rest as u8]);
            buf.resize(len - 16, 0);
        }
    })
}

#[test]
fn no_type_of_any_length_gains_bytes_whatever_key_signed_it() {
    crate::shows!("R-SEC-01", "R-FMT-13");
    let mut world = World::new();
    let mut alice = Client::new("alice", 1);
    let mut bob = Client::new("bob", 2);
    alice.join(&mut world);
    bob.join(&mut world);
    world.server.revoke(world.now, Some("acme"), "bob").expect("revoked");
    let mut rejected = 0;
    for kind in REQUESTS {
        for len in (DATAGRAM_MIN..140).chain([500, 511, 512, 513, DATAGRAM_MAX]) {
            let before = world.traffic.get(&thief()).copied().unwrap_or_default();
            let none = SessionId(0);
            let (session, key) = alice.session.as_ref().expect("a session");
            let (old_session, old_key) = bob.session.as_ref().expect("a session");
            let datagrams = [
                blank(&alice, kind, none, &alice.key, len),
                blank(&alice, kind, *session, key, len),
                blank(&bob, kind, none, &bob.key, len),
                blank(&bob, kind, *old_session, old_key, len),
            ];
            for bytes in &datagrams {
                let answers = world.send(thief(), bytes);
                let back: usize = answers.iter().map(|s| s.bytes.len()).sum();
                assert!(back <= len, "{kind:?}: {back} bytes for {len}");
                rejected += answers.len();
            }
            world.pass(Duration::from_millis(200));
            let after = world.traffic[&thief()];
            assert!(after.1 - before.1 <= after.0 - before.0);
        }
    }
    assert!(rejected > 100, "{rejected} answers: the test sends what is never answered");
}

/// All that alice says in a life: registers, beats, asks, moves, says new things.
pub(super) fn life(world: &mut World, alice: &mut Client) -> Vec<Vec<u8>> {
    let mut said = Vec::new();
    let init = alice.init_bytes();
    let Got::Challenge(cookie) = alice.say(world, &init) else { panic!("no challenge") };
    said.extend([init, alice.register_bytes(cookie)]);
    alice.register_with(world, cookie);
    let mut say = |alice: &mut Client, bytes: Vec<u8>| {
        let got = alice.say(world, &bytes);
        said.push(bytes);
        got
    };
    for _ in 0..3 {
        let bytes = alice.heartbeat_bytes(None, false);
        assert!(matches!(say(alice, bytes), Got::Ack(_)));
    }
    let (incarnation, cursor) = (alice.incarnation, UserId::default());
    for kind in [PullKind::Copy, PullKind::Digests, PullKind::Delta] {
        let body = Pull { incarnation, revision: Revision(1), cursor, kind, buckets: None };
        let bytes = alice.session_bytes(Kind::Pull, 0, |buf| body.emit(buf));
        say(alice, bytes);
    }
    let find = Find { incarnation, cursor, pattern: Pattern::Prefix("") };
    let bytes = alice.session_bytes(Kind::Find, 0, |buf| find.emit(buf));
    say(alice, bytes);
    alice.from = "10.0.1.1:6000".parse().expect("an address");
    let bytes = alice.heartbeat_bytes(None, false);
    let Got::Challenge(cookie) = say(alice, bytes) else { panic!("no challenge") };
    let bytes = alice.heartbeat_bytes(Some(cookie), false);
    assert!(matches!(say(alice, bytes), Got::Ack(_)));
    alice.content_version += 1;
    let bytes = alice.heartbeat_bytes(None, true);
    assert!(matches!(say(alice, bytes), Got::Ack(_)));
    let header = alice.header(Kind::Discover, 0, SessionId(0), 5);
    said.push(sealed(&alice.key, &header, |buf| Discover::default().emit(buf)));
    said
}

/// Says it all again from everywhere; nothing is answered with more bytes than it has, nothing is watched.
fn say_again(world: &mut World, said: &[Vec<u8>]) {
    world.watched();
    for from in ["10.0.1.1:5000", "10.0.1.1:6000", "10.0.1.2:5000", "192.0.2.1:9"] {
        let from: SocketAddr = from.parse().expect("an address");
        for bytes in said.iter().chain(said.iter().rev()) {
            let back: usize = world.send(from, bytes).iter().map(|s| s.bytes.len()).sum();
            assert!(back <= bytes.len(), "{back} bytes for {}", bytes.len());
        }
    }
    assert!(world.watched().is_empty(), "{:?}", world.hosts());
}

#[test]
fn a_life_said_again_creates_extends_moves_and_resurrects_nothing() {
    crate::shows!("R-AUT-11", "R-AUT-12", "R-AUT-21", "R-REG-12", "R-SEC-02");
    let mut world = World::new();
    let mut carol = Client::new("carol", 2);
    carol.join(&mut world);
    let mut alice = Client::new("alice", 1).viewing(View::Realm, true);
    let said = life(&mut world, &mut alice);
    let ages = |world: &World| -> Vec<(String, u64)> {
        let rows = world.server.hosts(world.now, None).expect("rows");
        rows.iter().map(|row| (row.user.clone(), row.age_ms)).collect()
    };
    // While she is there: neither extended nor moved.
    world.secs(10);
    let (hosts, before) = (world.hosts(), ages(&world));
    say_again(&mut world, &said);
    assert_eq!((world.hosts(), ages(&world)), (hosts, before));
    // A restart, the row unconfirmed: it goes when it would have gone.
    let mut warm = world.restarted(2, world.snapshot());
    let mut cold = world.restarted(3, Vec::new());
    for _ in 0..7 {
        say_again(&mut warm, &said);
        say_again(&mut cold, &said);
        assert!(cold.hosts().is_empty());
        assert_eq!(warm.hosts(), ["alice unconfirmed 10.0.1.1:6000", "carol unconfirmed 10.0.1.2:5000"]);
        warm.secs(10);
        cold.secs(10);
    }
    warm.secs(6);
    assert!(warm.hosts().is_empty());
    say_again(&mut warm, &said);
    assert!(warm.hosts().is_empty());
    // A leave: at once, while the cookies live, and after.
    assert_eq!(alice.leave(&mut world), Got::Left);
    for wait in [0, 1, 6, 8, 16, 40] {
        world.secs(wait);
        say_again(&mut world, &said);
        assert!(!world.hosts().iter().any(|row| row.starts_with("alice")));
    }
}

#[test]
fn a_stamp_that_claims_the_end_of_the_numbers_lets_no_cookie_live_on() {
    crate::shows!("R-AUT-11", "R-REG-02", "R-AUT-07");
    let mut world = World::new();
    let mut alice = Client::new("alice", 1);
    for _ in 0..3 {
        alice.last_stamp = Stamp(u64::MAX);
        alice.join(&mut world);
    }
    let Got::Challenge(cookie) = alice.init(&mut world) else { panic!("no challenge") };
    let register = alice.register_bytes(cookie);
    assert!(matches!(alice.register_with(&mut world, cookie), Got::Registered(_)));
    alice.beat(&mut world);
    assert_eq!(alice.leave(&mut world), Got::Left);
    assert!(matches!(alice.say(&mut world, &register), Got::Challenge(_)));
    assert!(world.hosts().is_empty(), "resurrected");
    // Nor does the holder of a revoked key stand in the way of the token that comes after it.
    alice.last_stamp = Stamp(u64::MAX);
    alice.join(&mut world);
    world.server.revoke(world.now, Some("acme"), "alice").expect("revoked");
    let mut again = Client::new("alice", 3);
    let generation = world.server.keyring().generation(again.realm, again.user);
    again.key = crate::auth::RealmSecret::new([1; 32]).user_key(again.user, generation);
    again.join(&mut world);
    assert!(matches!(alice.init(&mut world), Got::Reject(..)));
    assert_eq!(world.hosts(), ["alice up 10.0.1.3:5000"]);
}

#[test]
fn the_key_of_one_user_does_nothing_to_another() {
    crate::shows!("R-AUT-01", "R-AUT-03", "R-REG-25");
    let mut world = World::new();
    let (mut alice, mut bob) = (Client::new("alice", 1), Client::new("bob", 2));
    alice.join(&mut world);
    let registered = bob.join(&mut world);
    let hosts = world.hosts();
    world.watched();
    let (session, _) = *alice.session.as_ref().map(|(id, _)| (id, ())).as_ref().expect("a session");
    let session_key = bob.key.session_key(*session);
    // Every request in alice's name, in her session too, under keys that bob has or can make.
    for kind in REQUESTS {
        for from in [bob.from, alice.from] {
            for len in [68, 96, 512] {
                let none = SessionId(0);
                assert!(!acts(&mut world, from, &blank(&alice, kind, none, &bob.key, len)));
                assert!(!acts(&mut world, from, &blank(&alice, kind, *session, &bob.key, len)));
                assert!(!acts(&mut world, from, &blank(&alice, kind, *session, &session_key, len)));
                // Bob's name on alice's session: no row, so he is told of his own only.
                acts(&mut world, from, &blank(&bob, kind, *session, &session_key, len));
            }
        }
    }
    assert_eq!(world.hosts(), hosts);
    // Her name under his id, in REGISTER and HEARTBEAT.
    bob.content.user_name = Name::new("alice").expect("a name");
    assert!(matches!(bob.register(&mut world), Got::Reject(crate::wire::RejectCode::Name, _)));
    assert!(matches!(bob.update(&mut world), Got::Reject(crate::wire::RejectCode::Name, _)));
    bob.content.user_name = Name::new("bob").expect("a name");
    // From her address, which he does not hold: the challenge does not reach him.
    let own = std::mem::replace(&mut bob.from, alice.from);
    assert!(matches!(bob.heartbeat(&mut world), Got::Challenge(_)));
    assert!(matches!(bob.heartbeat_with(&mut world, 1), Got::Challenge(_)));
    assert!(matches!(bob.init(&mut world), Got::Challenge(_)));
    assert!(matches!(bob.register_with(&mut world, 1), Got::Challenge(_)));
    bob.from = own;
    let Got::Challenge(cookie) = bob.init(&mut world) else { panic!("no challenge") };
    bob.from = alice.from;
    assert!(matches!(bob.register_with(&mut world, cookie), Got::Challenge(_)), "a cookie of another source");
    bob.from = own;
    assert_eq!(world.hosts(), hosts);
    assert!(world.watched().is_empty());
    // One row, however often and from wherever he registers.
    for host in 10..30 {
        bob.from = SocketAddr::from(([10, 0, 1, host], 5000));
        bob.instance = crate::ident::InstanceId(u64::from(host));
        bob.takeover = true;
        assert!(bob.join(&mut world).stamp > registered.stamp);
        world.secs(1);
    }
    assert_eq!(world.hosts(), ["alice up 10.0.1.1:5000", "bob up 10.0.1.29:5000"]);
    assert!(matches!(alice.heartbeat(&mut world), Got::Ack(_)));
}

/// Sends it, and says whether anything was answered but a hint.
fn acts(world: &mut World, from: SocketAddr, bytes: &[u8]) -> bool {
    let answers = world.send(from, bytes);
    answers.iter().any(|s| s.bytes[1] != Kind::Hint.code())
}
