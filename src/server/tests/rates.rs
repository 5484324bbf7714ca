//! Holders of a key who ask for more than is theirs (R-SEC-05).

use std::net::SocketAddr;

use super::client::{Client, Got, sealed};
use super::world::{World, settings};
use crate::ident::{Name, UserId};
use crate::server::{RealmLimits, ServerSettings};
use crate::time::Duration;
use crate::wire::{Find, Kind, Pattern, PullKind, RejectCode, View};

/// What a heartbeat is answered with that cannot be taken yet.
fn is_retry(got: &Got) -> bool {
    matches!(got, Got::Retry(ms) if (1..=1001).contains(ms))
}

#[test]
fn who_changes_all_the_time_costs_the_others_one_change_a_second() {
    crate::shows!("R-SEC-05");
    let mut world = World::new();
    let mut alice = Client::new("alice", 1);
    let mut bob = Client::new("bob", 2).viewing(View::Realm, true);
    alice.join(&mut world);
    bob.join(&mut world);
    bob.copy(&mut world);
    bob.beat(&mut world);
    world.unasked.clear();
    let (mut taken, mut later) = (0, 0);
    for round in 0..2000 {
        alice.content.host_name = Name::new(&format!("desk {round}")).expect("a name");
        match alice.update(&mut world) {
            Got::Ack(ack) => taken += usize::from(ack.content_version == alice.content_version),
            got => later += usize::from(is_retry(&got)),
        }
        world.pass(Duration::from_millis(10));
    }
    // One of the sixteen went to the registration.
    assert!((34..=36).contains(&taken) && taken + later == 2000, "{taken} taken, {later} later");
    let pushed = world.unasked.iter().filter(|s| s.to == Some(bob.from)).count();
    assert!(pushed <= taken, "{pushed} pushes for {taken} changes");
    let why = world.server.why(None, None).expect("all realms");
    assert!(why.iter().any(|w| w.verdict == "changes" && w.count == later as u64));
    // Its row has lived on, and the last that it said is taken as soon as there is a change to spend.
    assert!(world.hosts().iter().any(|row| row.starts_with("alice up")));
    world.secs(1);
    assert!(
        matches!(alice.update(&mut world), Got::Ack(ack) if ack.content_version == alice.content_version)
    );
    assert!(matches!(bob.update(&mut world), Got::Ack(ack) if ack.content_version == bob.content_version));
}

#[test]
fn a_host_that_moves_to_and_fro_is_published_once_a_second() {
    crate::shows!("R-SEC-05");
    let mut world = World::new();
    let mut alice = Client::new("alice", 1);
    alice.join(&mut world);
    let places: [SocketAddr; 2] = [([10, 0, 1, 1], 5000).into(), ([10, 0, 1, 9], 5000).into()];
    let (mut moved, mut later) = (0, 0);
    for round in 0..400 {
        alice.from = places[(round + 1) % 2];
        let Got::Challenge(cookie) = alice.heartbeat(&mut world) else { continue };
        match alice.heartbeat_with(&mut world, cookie) {
            Got::Ack(_) => moved += 1,
            got => later += usize::from(is_retry(&got)),
        }
        world.pass(Duration::from_millis(25));
    }
    assert!((15..=30).contains(&moved) && later > 100, "{moved} moves, {later} later");
    world.secs(2);
    alice.from = ([10, 0, 1, 20], 5000).into();
    alice.prove(&mut world);
    assert_eq!(world.hosts(), ["alice up 10.0.1.20:5000"]);
}

#[test]
fn who_registers_all_the_time_leaves_its_realms_rate_to_the_others() {
    crate::shows!("R-SEC-05", "R-REG-15");
    let limits = RealmLimits { name: "acme".into(), max_hosts: None, max_rate: Some(30) };
    let mut world = World::with(ServerSettings { realms: vec![limits], ..settings() });
    let mut alice = Client::new("alice", 1);
    let (mut registered, mut rejected) = (0, 0);
    for round in 0..100u64 {
        match alice.register(&mut world) {
            Got::Registered(_) => registered += 1,
            Got::Reject(RejectCode::Rate, wait) => {
                assert!(wait >= 1, "it is told when to come again");
                rejected += 1;
            }
            other => panic!("{other:?}"),
        }
        // Leaving in between wins nothing.
        if round % 2 == 1 {
            alice.leave(&mut world);
        }
    }
    assert_eq!((registered, rejected), (16, 84));
    for host in 2..=14 {
        Client::new(&format!("user{host}"), host).join(&mut world);
    }
}

#[test]
fn who_asks_all_the_time_is_dropped_before_any_work_but_for_its_heartbeats() {
    crate::shows!("R-SEC-05");
    let mut world = World::new();
    let mut alice = Client::new("alice", 1).viewing(View::Realm, false);
    let mut bob = Client::new("bob", 2);
    alice.join(&mut world);
    bob.join(&mut world);
    let answered = (0..5000).filter(|_| alice.heartbeat(&mut world) != Got::Nothing).count();
    assert_eq!(answered, 2048);
    assert_eq!(world.drops("user-budget"), 5000 - 2048);
    assert_eq!(alice.pull(&mut world, PullKind::Copy, UserId::default(), None), Got::Nothing);
    assert_ne!(bob.heartbeat(&mut world), Got::Nothing, "the others have theirs");
    // Half a check time later a heartbeat is due, whatever was asked before.
    world.secs(14);
    (0..60_000).for_each(|_| drop(alice.heartbeat(&mut world)));
    world.secs(16);
    assert!(matches!(alice.heartbeat(&mut world), Got::Ack(_)));
    // A search costs four.
    world.secs(60);
    alice.beat(&mut world);
    let found = (0..1000).filter(|_| alice.find(&mut world, Pattern::Prefix("b")) != Got::Nothing).count();
    assert_eq!(found, 512);
    // So it does when no heartbeat came for a while.
    world.secs(40);
    let found = (0..1000).filter(|_| alice.find(&mut world, Pattern::Prefix("b")) != Got::Nothing).count();
    assert_eq!(found, 512);
}

#[test]
fn what_is_not_accepted_is_no_way_around_the_budgets() {
    crate::shows!("R-SEC-03", "R-SEC-05");
    let mut world = World::new();
    let mut alice = Client::new("alice", 1).viewing(View::Realm, false);
    alice.join(&mut world);
    alice.beat(&mut world);
    // A heartbeat is due, and each is refused for its content: the row vouches for eight, then they are a flood.
    world.secs(20);
    let mut answered = 0;
    for _ in 0..30_000 {
        let sequence = alice.sequence + 1;
        alice.sequence = sequence;
        let (session, key) = alice.session.as_ref().expect("a session");
        let header = alice.header(Kind::Heartbeat, 0x04, *session, sequence);
        let bytes = sealed(key, &header, |buf| {
            buf.resize(52, 0);
            buf.extend([0x87, 0, 0]);
        });
        answered += world.send(alice.from, &bytes).len();
    }
    assert!((5_000..=5_008).contains(&answered), "{answered} answered");
    assert!(world.drops("budget") > 20_000);
    // What is counted against the row does not open a second way to searches.
    world.secs(5);
    let mut bad = alice.heartbeat_bytes(None, false);
    *bad.last_mut().expect("a tag") ^= 1;
    let mut found = 0;
    for round in 0..3000 {
        if round % 10 != 9 {
            world.send(alice.from, &bad);
        } else {
            found += usize::from(alice.find(&mut world, Pattern::Prefix("b")) != Got::Nothing);
        }
    }
    assert_eq!(found, 300);
    for _ in 0..300 {
        (0..9).for_each(|_| drop(world.send(alice.from, &bad)));
        found += usize::from(alice.find(&mut world, Pattern::Prefix("b")) != Got::Nothing);
    }
    assert_eq!(found, 512);
    alice.beat(&mut world);
}

#[test]
fn a_delta_from_far_behind_costs_its_way() {
    crate::shows!("R-SEC-05", "R-DIR-03");
    let mut world = World::new();
    let mut alice = Client::new("alice", 1).viewing(View::Realm, false);
    alice.join(&mut world);
    alice.copy(&mut world);
    for host in 0..1024u32 {
        let mut other = Client::new(&format!("user{host}"), 0);
        other.from = SocketAddr::from(([10, 1, (host >> 8) as u8, host as u8], 5000));
        other.join(&mut world);
    }
    world.secs(10);
    let first = |alice: &mut Client, world: &mut World| {
        alice.pull(world, PullKind::Delta, UserId::default(), None) != Got::Nothing
    };
    let answered = (0..2048).filter(|_| first(&mut alice, &mut world)).count();
    assert_eq!(answered, 2048usize.div_ceil(1 + 4));
}

#[test]
fn nobody_spends_the_requests_of_another() {
    crate::shows!("R-SEC-05", "R-SEC-03");
    let mut world = World::new();
    let mut alice = Client::new("alice", 1).viewing(View::Realm, false);
    alice.join(&mut world);
    let good = alice.heartbeat_bytes(None, false);
    let mut bad = good.clone();
    *bad.last_mut().expect("a tag") ^= 1;
    alice.say(&mut world, &good);
    // From her own address: said again, and with a tag that does not hold.
    for _ in 0..20_000 {
        world.send(alice.from, &good);
        world.send(alice.from, &bad);
    }
    world.secs(1);
    let answered = (0..2040).filter(|_| alice.heartbeat(&mut world) != Got::Nothing).count();
    assert_eq!((answered, world.drops("user-budget")), (2040, 0));
    assert!(matches!(alice.pull(&mut world, PullKind::Copy, UserId::default(), None), Got::Page(_)));
}

#[test]
fn what_is_said_again_to_an_unconfirmed_row_costs_its_user_nothing() {
    crate::shows!("R-SEC-05");
    let mut world = World::new();
    let mut alice = Client::new("alice", 1).viewing(View::Realm, false);
    alice.join(&mut world);
    let body =
        Find { incarnation: alice.incarnation, cursor: UserId::default(), pattern: Pattern::Prefix("b") };
    let captured = alice.session_bytes(Kind::Find, 0, |buf| body.emit(buf));
    alice.say(&mut world, &captured);
    let mut world = world.restarted(2, world.snapshot());
    (0..3000).for_each(|_| drop(world.send(alice.from, &captured)));
    alice.prove(&mut world);
    assert!(matches!(alice.find(&mut world, Pattern::Prefix("b")), Got::Page(_)));
}
