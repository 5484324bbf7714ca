//! INIT, REGISTER, replacement (spec 4.2, 4.3).

use super::client::{Client, Got};
use super::world::World;
use crate::ident::{InstanceId, Stamp};
use crate::time::Duration;
use crate::wire::RejectCode;

#[test]
fn a_host_registers_in_two_round_trips() {
    crate::shows!("R-REG-10", "R-REG-13", "R-REG-16");
    let mut world = World::new();
    let mut alice = Client::new("alice", 1);
    let Got::Challenge(cookie) = alice.init(&mut world) else { panic!("no challenge") };
    assert!(world.hosts().is_empty(), "INIT changes nothing");
    let Got::Registered(registered) = alice.register_with(&mut world, cookie) else { panic!("refused") };
    assert_eq!(world.hosts(), ["alice up 10.0.1.1:5000"]);
    assert_eq!(registered.settings.observed, Some(alice.from));
    assert_eq!(registered.settings.hms.len(), 1);
    let me = &registered.settings.hms[0];
    assert_eq!((me.name.as_str(), me.sender, me.primary), ("atlas", true, true));
    assert_eq!(me.addresses, ["10.0.0.1:6710".parse().expect("an address")]);
    assert_eq!(registered.settings.realm_name.as_ref().map(|n| n.as_str()), Some("acme"));
    assert_eq!(registered.check_time_ms, 30_000);
    assert!(registered.first_delay_ms < 30_000);
    assert!(registered.stamp > Stamp(0));
    assert_eq!(world.watched(), ["join alice"]);
    let row = &world.server.hosts(world.now, None).expect("rows")[0];
    assert_eq!((row.since.as_str(), row.via.as_str()), ("2026-01-01T00:00:00Z", "atlas"));
}

#[test]
fn a_cookie_that_does_not_hold_is_answered_with_a_new_one() {
    crate::shows!("R-REG-11", "R-AUT-10", "R-AUT-11");
    let mut world = World::new();
    let mut alice = Client::new("alice", 1);
    let Got::Challenge(cookie) = alice.init(&mut world) else { panic!("no challenge") };
    assert!(matches!(alice.register_with(&mut world, cookie ^ 1), Got::Challenge(_)));
    // From another source it does not hold.
    let home = alice.from;
    alice.from = "10.0.1.9:5000".parse().expect("an address");
    assert!(matches!(alice.register_with(&mut world, cookie), Got::Challenge(_)));
    alice.from = home;
    world.secs(16);
    let Got::Challenge(second) = alice.register_with(&mut world, cookie) else {
        panic!("an old cookie held")
    };
    assert!(world.hosts().is_empty());
    assert!(matches!(alice.register_with(&mut world, second), Got::Registered(_)));
    // It was bound to "no row": it is worthless once there is one, even for another nonce's session.
    let session = alice.session.clone();
    alice.nonce += 1;
    assert!(matches!(alice.register_with(&mut world, second), Got::Challenge(_)));
    assert_eq!(alice.session.map(|s| s.0), session.map(|s| s.0));
}

#[test]
fn a_lost_registered_is_said_again_until_the_first_heartbeat() {
    crate::shows!("R-REG-12");
    let mut world = World::new();
    let mut alice = Client::new("alice", 1);
    let Got::Challenge(cookie) = alice.init(&mut world) else { panic!("no challenge") };
    let Got::Registered(first) = alice.register_with(&mut world, cookie) else { panic!("refused") };
    let bytes = alice.register_bytes(cookie);
    world.secs(1);
    let Got::Registered(again) = alice.say(&mut world, &bytes) else { panic!("not said again") };
    assert!(again.number > first.number);
    assert_eq!(crate::wire::Registered { number: first.number, ..(*again).clone() }, *first);
    // From elsewhere it is dropped, and so it is after the first heartbeat.
    let elsewhere = "10.0.1.9:5000".parse().expect("an address");
    assert!(world.send(elsewhere, &bytes).is_empty());
    assert_eq!(world.drops("replay"), 1);
    alice.beat(&mut world);
    assert_eq!(alice.say(&mut world, &bytes), Got::Nothing);
    assert_eq!(world.drops("replay"), 2);
    assert_eq!(world.hosts(), ["alice up 10.0.1.1:5000"]);
}

#[test]
fn another_machine_does_not_take_over_without_being_told_to() {
    crate::shows!("R-REG-14", "R-REG-20", "R-REG-22", "R-REG-01", "R-REG-02", "R-REG-54");
    let mut world = World::new();
    let mut first = Client::new("alice", 1);
    let mut second = Client::new("alice", 2);
    first.join(&mut world);
    assert_eq!(second.register(&mut world), Got::Reject(RejectCode::Taken, 0));
    assert_eq!(world.hosts(), ["alice up 10.0.1.1:5000"]);
    second.takeover = true;
    let taken = second.join(&mut world);
    assert_eq!(world.hosts(), ["alice up 10.0.1.2:5000"]);
    assert_eq!(taken.stamp, Stamp(first.last_stamp.0 + (1 << 16)));
    assert_eq!(world.watched(), ["join alice", "replace alice"]);
    assert_eq!(first.heartbeat(&mut world), Got::Superseded(taken.stamp));
    assert_eq!(first.register(&mut world), Got::Reject(RejectCode::Taken, 0));
    // Nor does it come back by what it adds for registrations that nobody answered.
    first.last_stamp = Stamp(first.last_stamp.0 + 60_000);
    assert_eq!(first.register(&mut world), Got::Reject(RejectCode::Taken, 0));
    // Whoever has the row's stamp, or a later one, had it before: it is not another machine's to keep.
    first.last_stamp = taken.stamp;
    let back = first.join(&mut world);
    assert!(back.stamp > taken.stamp);
    // A machine that restarts needs no takeover.
    let mut restarted = Client::new("alice", 7);
    restarted.instance = InstanceId(1);
    restarted.join(&mut world);
    assert_eq!(world.hosts(), ["alice up 10.0.1.7:5000"]);
}

#[test]
fn who_was_taken_over_stays_out_though_the_other_left_at_once() {
    crate::shows!("R-REG-22", "R-REG-20", "R-REG-21");
    let mut world = World::new();
    let (mut first, mut second) = (Client::new("alice", 1), Client::new("alice", 2));
    first.join(&mut world);
    first.beat(&mut world);
    second.takeover = true;
    let taken = second.join(&mut world).stamp;
    assert_eq!(second.leave(&mut world), Got::Left);
    // Its next heartbeat comes at the latest 1.1 check times after the last one.
    world.secs(33);
    assert_eq!(first.heartbeat(&mut world), Got::Superseded(taken));
    assert!(taken > first.last_stamp);
    assert_eq!(second.leave(&mut world), Got::Left, "said again");
    // A person may join there again, at once.
    first.takeover = true;
    assert!(first.join(&mut world).stamp > taken);
    assert_eq!(world.hosts(), ["alice up 10.0.1.1:5000"]);
    // Who fell silent has not left: the next one comes back by itself.
    world.secs(100);
    assert!(world.hosts().is_empty());
    assert_eq!(first.heartbeat(&mut world), Got::Reregister(0));
}

#[test]
fn stamps_rise_above_everything_known() {
    crate::shows!("R-REG-02", "R-AUT-07");
    let mut world = World::new();
    let mut alice = Client::new("alice", 1);
    let clock = world.server.stamp_clock(world.now);
    alice.last_stamp = Stamp(clock + (1 << 54));
    assert_eq!(alice.join(&mut world).stamp, Stamp(clock + (1 << 54) + 1));
    let mut bob = Client::new("bob", 2);
    let first = bob.join(&mut world).stamp;
    assert_eq!(bob.join(&mut world).stamp, Stamp(first.0 + 1));
    world.secs(10);
    let back = bob.join(&mut world).stamp;
    assert_eq!(back, Stamp(first.0 + 2), "who comes back claims no more");
    bob.takeover = true;
    assert!(bob.join(&mut world).stamp.0 >= 10_000 << 16);
}

#[test]
fn the_highest_stamp_uses_up_nothing() {
    crate::shows!("R-REG-02", "R-REG-14", "R-REG-20", "R-AUT-11", "R-AUT-12");
    let mut world = World::new();
    let clock = world.server.stamp_clock(world.now);
    let (mut first, mut second) = (Client::new("alice", 1), Client::new("alice", 2));
    let mut stamps = Vec::new();
    for wild in [u64::MAX, u64::MAX - 1, clock + (1 << 54) + 1] {
        first.last_stamp = Stamp(wild);
        stamps.push(first.join(&mut world).stamp);
    }
    // Then as every host does it.
    stamps.push(first.join(&mut world).stamp);
    // Another machine is not let in by it without a takeover.
    second.last_stamp = Stamp(u64::MAX);
    assert_eq!(second.register(&mut world), Got::Reject(RejectCode::Taken, 0));
    second.takeover = true;
    stamps.push(second.join(&mut world).stamp);
    assert!(
        stamps.is_sorted_by(|a, b| a < b) && stamps.iter().all(|s| s.0 < clock + (1 << 54)),
        "{stamps:?}"
    );
    // The one that was replaced learns that it is the older one, and stays out.
    assert_eq!(first.heartbeat(&mut world), Got::Superseded(stamps[4]));
    first.last_stamp = Stamp(u64::MAX);
    assert_eq!(first.register(&mut world), Got::Reject(RejectCode::Taken, 0));
    // What was captured brings nothing back after a LEAVE.
    second.last_stamp = Stamp(u64::MAX);
    let Got::Challenge(cookie) = second.init(&mut world) else { panic!("no challenge") };
    let Got::Registered(_) = second.register_with(&mut world, cookie) else { panic!("refused") };
    second.last_stamp = Stamp(u64::MAX);
    let captured = second.register_bytes(cookie);
    assert_eq!(second.leave(&mut world), Got::Left);
    assert!(matches!(second.say(&mut world, &captured), Got::Challenge(_)));
    assert!(world.hosts().is_empty());
}

#[test]
fn a_cookie_from_before_a_leave_does_not_bring_the_row_back() {
    crate::shows!("R-AUT-12", "R-REG-42");
    let mut world = World::new();
    let mut alice = Client::new("alice", 1);
    let Got::Challenge(cookie) = alice.init(&mut world) else { panic!("no challenge") };
    let Got::Registered(_) = alice.register_with(&mut world, cookie) else { panic!("refused") };
    let bytes = alice.register_bytes(cookie);
    alice.beat(&mut world);
    assert_eq!(alice.leave(&mut world), Got::Left);
    assert!(world.hosts().is_empty());
    world.pass(Duration::from_millis(100));
    assert!(matches!(alice.say(&mut world, &bytes), Got::Challenge(_)));
    assert!(world.hosts().is_empty());
}

/// It gave up while its REGISTER was on its way, or on its way into somebody's recorder.
#[test]
fn a_leave_that_overtakes_its_registration_ends_it() {
    crate::shows!("R-REG-42");
    let mut world = World::new();
    let mut alice = Client::new("alice", 1);
    let Got::Challenge(cookie) = alice.init(&mut world) else { panic!("no challenge") };
    let bytes = alice.register_bytes(cookie);
    alice.session = Some(alice.session_of(cookie));
    assert_eq!(alice.leave(&mut world), Got::Left);
    for _ in 0..3 {
        assert_eq!(alice.say(&mut world, &bytes), Got::Nothing);
        world.secs(4);
    }
    assert_eq!(world.drops("replay"), 3);
    world.secs(4);
    assert!(matches!(alice.say(&mut world, &bytes), Got::Challenge(_)), "its cookie is too old by now");
    assert!(world.hosts().is_empty());
    // Another registration is another session.
    alice.join(&mut world);
    assert_eq!(world.hosts().len(), 1);
}

#[test]
fn a_proven_address_is_taken_from_the_older_row() {
    crate::shows!("R-REG-25", "R-REG-26");
    let mut world = World::new();
    let (mut alice, mut bob) = (Client::new("alice", 1), Client::new("bob", 2));
    alice.join(&mut world);
    // Reported only: nothing happens.
    bob.content.reported = vec![alice.from];
    bob.join(&mut world);
    assert_eq!(world.hosts(), ["alice up 10.0.1.1:5000", "bob up 10.0.1.2:5000"]);
    // The same IP with another port is a neighbour behind one NAT.
    bob.from = "10.0.1.1:5001".parse().expect("an address");
    bob.prove(&mut world);
    assert_eq!(world.hosts(), ["alice up 10.0.1.1:5000", "bob up 10.0.1.1:5001"]);
    world.watched();
    bob.from = alice.from;
    bob.prove(&mut world);
    assert_eq!(world.hosts(), ["alice late -", "bob up 10.0.1.1:5000"]);
    assert_eq!(world.watched(), ["late alice"]);
    // The session stays: after proof it has an address again.
    alice.from = "10.0.1.1:5002".parse().expect("an address");
    alice.prove(&mut world);
    assert_eq!(world.hosts(), ["alice up 10.0.1.1:5002", "bob up 10.0.1.1:5000"]);
    // Another realm's row at the same address is nobody's business.
    let mut carol = Client::of_realm(1, "carol", 1);
    carol.from = bob.from;
    carol.join(&mut world);
    assert_eq!(world.hosts(), ["alice up 10.0.1.1:5002", "bob up 10.0.1.1:5000", "carol up 10.0.1.1:5000"]);
}

#[test]
fn a_registration_that_changes_nothing_is_no_change() {
    crate::shows!("R-REG-17");
    let mut world = World::new();
    let mut alice = Client::new("alice", 1).viewing(crate::wire::View::Realm, false);
    let first = alice.join(&mut world);
    let second = alice.join(&mut world);
    assert_eq!(first.revision, second.revision);
    alice.content.conference = crate::ident::Name::new("board").ok();
    assert!(alice.join(&mut world).revision > second.revision);
}
