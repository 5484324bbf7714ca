//! Bytes to an address that has not proven itself never exceed the bytes from it (PROTOCOL section 3).

use std::net::SocketAddr;

use super::client::Client;
use super::world::World;
use crate::ident::UserId;
use crate::wire::{Pattern, PullKind, View};

/// Sends everything that a captor of `alice`'s traffic has, from an address of its own.
fn replay_all(world: &mut World, captured: &[Vec<u8>], from: SocketAddr) {
    for bytes in captured {
        world.send(from, bytes);
        let (to_server, back) = world.traffic[&from];
        assert!(back <= to_server, "{back} bytes for {to_server}");
    }
}

#[test]
fn nothing_captured_gains_bytes_elsewhere() {
    crate::shows!("R-SEC-01", "R-SEC-02");
    let mut world = World::new();
    for i in 0..20 {
        Client::new(&format!("user{i}"), i).join(&mut world);
    }
    let mut alice = Client::new("alice", 100).viewing(View::Realm, true);
    let super::client::Got::Challenge(cookie) = alice.init(&mut world) else { panic!("no challenge") };
    let mut captured = vec![alice.init_bytes()];
    alice.nonce -= 1;
    captured.push(alice.register_bytes(cookie));
    alice.register_with(&mut world, cookie);
    captured.push(alice.heartbeat_bytes(None, false));
    captured.push(alice.heartbeat_bytes(Some(1), true));
    for kind in [PullKind::Copy, PullKind::Digests, PullKind::Delta] {
        let body = crate::wire::Pull {
            incarnation: alice.incarnation,
            revision: crate::ident::Revision(1),
            cursor: UserId::default(),
            kind,
            buckets: None,
        };
        captured.push(alice.session_bytes(crate::wire::Kind::Pull, 0, |buf| body.emit(buf)));
    }
    let find = crate::wire::Find {
        incarnation: alice.incarnation,
        cursor: UserId::default(),
        pattern: Pattern::Prefix(""),
    };
    captured.push(alice.session_bytes(crate::wire::Kind::Find, 0, |buf| find.emit(buf)));
    captured.push(alice.session_bytes(crate::wire::Kind::Leave, 0, |buf| crate::wire::Leave.emit(buf)));
    let leave = captured.pop().expect("it");
    let discover = {
        let header = crate::wire::Header {
            kind: crate::wire::Kind::Discover,
            flags: 0,
            epoch: crate::ident::Epoch(1),
            realm: alice.realm,
            user: alice.user,
            session: crate::ident::SessionId(0),
            sequence: 5,
        };
        let mut buf = Vec::new();
        header.emit(&mut buf);
        crate::wire::Discover::default().emit(&mut buf);
        crate::auth::seal(&alice.key, &mut buf);
        buf
    };
    captured.push(discover);
    let thief: SocketAddr = "192.0.2.1:9".parse().expect("an address");
    replay_all(&mut world, &captured, thief);
    world.secs(1);
    // Garbage under every type.
    for code in 0..=255u8 {
        let mut bytes = captured[0].clone();
        bytes[1] = code;
        let from: SocketAddr = "192.0.2.2:9".parse().expect("an address");
        world.send(from, &bytes);
        let mut bytes = captured[0].clone();
        bytes[0] = code;
        world.send(from, &bytes);
    }
    let mut fresh = world.restarted(2, world.snapshot());
    captured.push(leave.clone());
    replay_all(&mut fresh, &captured, thief);
    replay_all(&mut world, &[leave], thief);
    world.secs(200);
    for (address, (to_server, back)) in world.traffic.iter().chain(&fresh.traffic) {
        let proven = address.ip().to_string().starts_with("10.0.1.");
        assert!(proven || back <= to_server, "{address}: {back} bytes for {to_server}");
    }
    assert!(world.unasked.iter().all(|s| s.to.is_none_or(|to| to == thief || to == alice.from)));
}

#[test]
fn a_forged_source_is_never_published() {
    let mut world = World::new();
    let mut alice = Client::new("alice", 1);
    alice.join(&mut world);
    let victim: SocketAddr = "192.0.2.1:9".parse().expect("an address");
    for _ in 0..50 {
        let bytes = alice.heartbeat_bytes(None, false);
        world.send(victim, &bytes);
        let bytes = alice.heartbeat_bytes(Some(0x1234), false);
        world.send(victim, &bytes);
    }
    assert_eq!(world.hosts(), ["alice up 10.0.1.1:5000"]);
    // The true host still comes through: nothing moved its window.
    alice.sequence = 0;
    alice.beat(&mut world);
    assert_eq!(world.hosts(), ["alice up 10.0.1.1:5000"]);
}

#[test]
fn sources_that_cannot_be_answered_are_dropped() {
    crate::shows!("R-DSC-08");
    let mut world = World::new();
    let mut alice = Client::new("alice", 1);
    let bytes = alice.init_bytes();
    for from in ["0.0.0.0:5", "224.0.0.1:5", "255.255.255.255:5", "10.0.1.1:0", "[ff02::1]:5", "[::]:7"] {
        assert!(world.send(from.parse().expect("an address"), &bytes).is_empty(), "{from}");
    }
    assert_eq!(world.drops("source"), 6);
}

#[test]
fn datagrams_outside_the_bounds_are_counted() {
    crate::shows!("R-FMT-01", "R-FMT-02");
    let mut world = World::new();
    let mut alice = Client::new("alice", 1);
    let from = alice.from;
    assert!(world.send(from, &[]).is_empty() && world.send(from, &[1; 47]).is_empty());
    assert!(world.send(from, &[1; 1201]).is_empty());
    let mut bytes = alice.init_bytes();
    bytes[2] = 0x40;
    assert!(world.send(from, &bytes).is_empty(), "the sealed form is not served");
    bytes[1] = 0x30;
    assert!(world.send(from, &bytes).is_empty());
    assert_eq!((world.drops("length"), world.drops("flags"), world.drops("type")), (3, 1, 1));
}

#[test]
fn a_flood_leaves_the_registered_host_alone() {
    crate::shows!("R-SEC-03");
    let mut world = World::new();
    let mut alice = Client::new("alice", 1);
    alice.join(&mut world);
    let good = alice.heartbeat_bytes(None, false);
    let mut forged = Client::new("bob", 2).init_bytes();
    forged[40] ^= 1;
    // Its own network is flooded.
    for i in 0..20_000u32 {
        let from = SocketAddr::from(([10, 0, 1, (i % 250) as u8], 7));
        world.send(from, &forged);
    }
    assert!(world.drops("budget") > 10_000);
    assert_eq!(world.send(alice.from, &good).len(), 1);
    // Registrations whose tags hold wait behind its heartbeats as well.
    let (good, init) = (alice.heartbeat_bytes(None, false), Client::new("dave", 4).init_bytes());
    let before = world.drops("budget");
    for i in 0..20_000u32 {
        world.send(SocketAddr::from(([10, 0, 1, (i % 250) as u8], 8)), &init);
    }
    assert!(world.drops("budget") - before > 10_000);
    assert_eq!(world.send(alice.from, &good).len(), 1);
    // With eight bad tags from its own address it is like everybody else, until a tag holds.
    let mut bad = alice.heartbeat_bytes(None, false);
    bad[40] ^= 1;
    for _ in 0..8 {
        world.send(alice.from, &bad);
    }
    let before = world.drops("budget");
    let good = alice.heartbeat_bytes(None, false);
    assert!(world.send(alice.from, &good).is_empty());
    assert_eq!(world.drops("budget"), before + 1);
    world.pass(crate::time::Duration::from_millis(1));
    assert_eq!(world.send(alice.from, &good).len(), 1);
    for _ in 0..5_000 {
        world.send(SocketAddr::from(([10, 0, 1, 9], 7)), &forged);
    }
    let good = alice.heartbeat_bytes(None, false);
    assert_eq!(world.send(alice.from, &good).len(), 1, "a tag held: vouched for again");
    // Another network has its own share.
    let mut carol = Client::new("carol", 3);
    carol.from = "10.7.7.7:5".parse().expect("an address");
    carol.join(&mut world);
}
