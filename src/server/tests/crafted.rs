//! Hostile bytes, with and without a key: nothing breaks, nothing is kept, every datagram is counted once.

use std::net::SocketAddr;

use rand_chacha::ChaCha20Rng;
use rand_core::{Rng as _, SeedableRng as _};

use super::client::{Client, Got};
use super::directory::with_mode;
use super::threats::life;
use super::world::{World, settings};
use crate::auth::seal;
use crate::ident::{Name, Revision, UserId};
use crate::limits::{DATAGRAM_MAX, REFUSALS_KEPT};
use crate::server::{ServerSettings, UpdateMode};
use crate::time::Duration;
use crate::wire::{Kind, Pattern, PullKind, View};

#[test]
fn the_largest_rows_fit_into_every_page() {
    crate::shows!("R-FMT-01", "R-REG-31");
    for mode in [UpdateMode::OnChange, UpdateMode::Always] {
        let mut world = with_mode(mode, true);
        let mut clients: Vec<Client> = (0..64).map(|i| Client::new(&format!("user{i}"), i)).collect();
        let users: Vec<UserId> = clients.iter().map(|c| c.user).collect();
        for (i, client) in clients.iter_mut().enumerate() {
            client.content.host_name = Name::new(&"h".repeat(64)).expect("a name");
            client.content.conference = Name::new(&"c".repeat(64)).ok();
            client.content.fixed = true;
            client.content.reported = vec!["[2001:db8::1]:65535".parse().expect("an address"); 8];
            // A view of 64 named users leaves no room for services beside it.
            let services = if i % 3 == 0 { 0 } else { 16 };
            let service = |n| format!("{:k<14}{n:02}:65535/tcp", "", n = n);
            client.content.services =
                (0..services).map(|n| crate::host::parse_service(&service(n)).expect("a service")).collect();
            client.view = match i % 3 {
                0 => View::Named(users.clone()),
                1 => View::Group(Name::new(&"c".repeat(64)).expect("a name")),
                _ => View::Realm,
            };
            client.push = true;
            client.from = format!("[2001:db8::{i:x}]:5000").parse().expect("an address");
            client.join(&mut world);
        }
        let drops = world.server.status(world.now).drops;
        assert!(drops.is_empty(), "{drops:?}");
        // `World` refuses every datagram of more than 1200 bytes.
        for client in &mut clients {
            assert_eq!(client.copy(&mut world).len(), 64);
            assert!(matches!(
                client.pull(&mut world, PullKind::Digests, UserId::default(), None),
                Got::Digests(..)
            ));
            client.beat(&mut world);
            world.pass(Duration::from_millis(100));
        }
        clients[0].content.host_name = Name::new("other").expect("a name");
        clients[0].content_version += 1;
        let bytes = clients[0].heartbeat_bytes(None, true);
        let pushed = world.send(clients[0].from, &bytes);
        assert!(mode == UpdateMode::Always || pushed.len() >= 60, "{} pushes", pushed.len());
        assert!(matches!(clients[1].find(&mut world, Pattern::Prefix("")), Got::Page(_)));
    }
}

#[test]
fn numbers_at_their_end_harm_only_whoever_sends_them() {
    crate::shows!("R-AUT-07");
    let mut world = World::new();
    let (mut alice, mut bob) = (Client::new("alice", 1).viewing(View::Realm, true), Client::new("bob", 2));
    alice.join(&mut world);
    bob.join(&mut world);
    (alice.sequence, alice.content_version) = (u64::MAX - 1, u32::MAX);
    (alice.revision, alice.digest) = (Revision(u32::MAX), u64::MAX);
    let bytes = alice.heartbeat_bytes(None, true);
    assert!(matches!(alice.say(&mut world, &bytes), Got::Ack(_)));
    alice.sequence = u64::MAX - 1;
    assert_eq!(alice.heartbeat(&mut world), Got::Nothing, "no sequence is left");
    assert_eq!(world.drops("replay"), 1);
    world.secs(20);
    bob.beat(&mut world);
    (alice.nonce, alice.content_version) = (u64::MAX - 1, u32::MAX);
    alice.join(&mut world);
    alice.sequence = u64::MAX - 80;
    for _ in 0..79 {
        alice.beat(&mut world);
    }
    assert_eq!(world.hosts(), ["alice up 10.0.1.1:5000", "bob up 10.0.1.2:5000"]);
    world.secs(40);
    alice.beat(&mut world);
    world.secs(40);
    assert_eq!(world.hosts(), ["alice up 10.0.1.1:5000"]);
}

#[test]
fn crafted_bytes_with_a_tag_that_holds_do_no_harm() {
    crate::shows!("R-FMT-09", "R-SEC-02");
    let mut world = World::new();
    let mut rng = ChaCha20Rng::from_seed([7; 32]);
    let mut alice = Client::new("alice", 1).viewing(View::Realm, true);
    let said = life(&mut world, &mut alice);
    let mut bob = Client::new("bob", 2);
    bob.join(&mut world);
    for round in 0..30_000u32 {
        let mut bytes = said[rng.next_u32() as usize % said.len()].clone();
        bytes.truncate(bytes.len() - 16);
        for _ in 0..=rng.next_u32() % 6 {
            let at = 32 + rng.next_u32() as usize % (bytes.len() - 32);
            bytes[at] = [0, 1, 0x7f, 0x80, 0xff, rng.next_u32() as u8][rng.next_u32() as usize % 6];
        }
        match rng.next_u32() % 4 {
            0 => bytes.truncate(32 + rng.next_u32() as usize % (bytes.len() - 31)),
            1 => bytes.extend((0..rng.next_u32() % 40).map(|i| i as u8)),
            2 => bytes[2] = rng.next_u32() as u8 & 7,
            _ => {}
        }
        if bytes[16..24] != [0; 8] {
            // A sequence that is new, so that the body is looked at.
            bytes[24..32].copy_from_slice(&(1000 + u64::from(round)).to_be_bytes());
        }
        let in_session = bytes[16..24] != [0; 8];
        match alice.session.as_ref().filter(|_| in_session) {
            Some((_, key)) => seal(key, &mut bytes),
            None => seal(&alice.key, &mut bytes),
        }
        bytes.truncate(DATAGRAM_MAX);
        world.send(alice.from, &bytes);
        if round % 1000 == 0 {
            world.secs(1);
            bob.beat(&mut world);
            if !world.hosts().iter().any(|row| row.starts_with("alice")) {
                alice.join(&mut world);
            }
        }
    }
    assert!(world.hosts().contains(&"bob up 10.0.1.2:5000".to_owned()));
    assert!(world.hosts().len() <= 2);
    assert!(world.drops("malformed") + world.drops("critical-tlv") > 3_000);
}

#[test]
fn bytes_without_a_key_are_counted_once_each_and_kept_nowhere() {
    crate::shows!("R-SEC-02", "R-SEC-04", "R-AUT-30");
    let mut world = World::new();
    let mut rng = ChaCha20Rng::from_seed([8; 32]);
    let mut alice = Client::new("alice", 1);
    let said = life(&mut world, &mut alice);
    let status = |world: &World| world.server.status(world.now).drops.values().sum::<u64>();
    let (before, mut hints) = (status(&world), 0);
    const SENT: u64 = 50_000;
    for round in 0..SENT {
        let mut bytes = said[rng.next_u32() as usize % said.len()].clone();
        match round % 3 {
            0 => rng.fill_bytes(&mut bytes),
            1 => bytes.truncate(rng.next_u32() as usize % bytes.len()),
            _ => {
                let at = rng.next_u32() as usize % (bytes.len() * 8);
                bytes[at / 8] ^= 1 << (at % 8);
            }
        }
        let from = SocketAddr::from((rng.next_u32().to_be_bytes(), 1 + rng.next_u32() as u16 % 60_000));
        let before = status(&world);
        let answers = world.send(from, &bytes);
        let known = matches!(from.ip(), std::net::IpAddr::V4(ip) if !ip.is_multicast() && !ip.is_broadcast());
        for answer in &answers {
            assert_eq!(answer.bytes[1], Kind::Hint.code(), "{:02x?}", &bytes[..4]);
            assert!(known && answer.bytes.len() <= bytes.len());
            hints += 1;
        }
        assert_eq!(status(&world), before + 1);
        if round % 500 == 0 {
            world.pass(Duration::from_millis(100));
        }
    }
    assert_eq!(status(&world) - before, SENT);
    assert!((1..=1100).contains(&hints), "{hints} hints in ten seconds");
    assert!(world.server.why(None, None).expect("rows").len() <= REFUSALS_KEPT);
    assert!(world.server.status(world.now).drops.len() < 20);
    assert_eq!(world.hosts(), ["alice up 10.0.1.1:6000"]);
}

#[test]
fn replays_are_not_vouched_for_by_the_row_that_they_repeat() {
    crate::shows!("R-SEC-03");
    let mut world = World::new();
    let mut alice = Client::new("alice", 1);
    alice.join(&mut world);
    let bytes = alice.heartbeat_bytes(None, false);
    assert!(matches!(alice.say(&mut world, &bytes), Got::Ack(_)));
    for _ in 0..20_000 {
        assert!(world.send(alice.from, &bytes).is_empty());
    }
    assert!(world.drops("budget") > 10_000, "{} beyond the budget", world.drops("budget"));
    world.pass(Duration::from_millis(1));
    alice.beat(&mut world);
    world.send(alice.from, &bytes);
    alice.beat(&mut world);
}

#[test]
fn without_pushes_nothing_waits_for_them() {
    let mut world = World::with(ServerSettings { push: false, ..settings() });
    let (mut alice, mut bob) = (Client::new("alice", 1), Client::new("bob", 2));
    alice.push = true;
    bob.join(&mut world);
    alice.join(&mut world);
    for round in 0..100u32 {
        alice.view = match round % 3 {
            0 => View::None,
            1 => View::Named(vec![bob.user]),
            _ => View::Group(Name::new("board").expect("a name")),
        };
        alice.update(&mut world);
        bob.content.conference = Name::new(["board", "lobby"][round as usize % 2]).ok();
        bob.update(&mut world);
        if round % 10 == 9 {
            world.secs(2);
            assert!(!world.server.registry.has_pushes(), "round {round}");
        }
    }
}
