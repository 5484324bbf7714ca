//! A new process with the rows of a snapshot: it trusts nothing that it did not hear.

use super::client::{Client, Got};
use super::world::World;
use crate::ident::{Incarnation, InstanceId, Revision};
use crate::time::Duration;
use crate::wire::{RejectCode, View};

#[test]
fn rows_come_back_by_a_challenge() {
    let mut world = World::new();
    let mut alice = Client::new("alice", 1).viewing(View::Realm, true);
    alice.content.conference = crate::ident::Name::new("board").ok();
    alice.join(&mut world);
    Client::new("bob", 2).join(&mut world);
    alice.copy(&mut world);
    let digest = alice.digest;
    world.secs(7);
    let since = world.server.hosts(world.now, None).expect("rows")[0].since.clone();
    let mut world = world.restarted(2, world.snapshot());
    assert_eq!(world.hosts(), ["alice unconfirmed 10.0.1.1:5000", "bob unconfirmed 10.0.1.2:5000"]);
    let captured = alice.heartbeat_bytes(None, false);
    let Got::Challenge(cookie) = alice.say(&mut world, &captured) else { panic!("no challenge") };
    assert_eq!(world.server.status(world.now).hosts.unconfirmed, 2);
    // Its directory came from the last process: only the digest counts.
    alice.revision = Revision(0);
    let Got::Ack(ack) = alice.heartbeat_with(&mut world, cookie) else { panic!("not confirmed") };
    assert!(ack.equal && !ack.resync, "nothing is sent again");
    assert_eq!(ack.settings.check_time_ms, Some(30_000));
    assert_eq!(ack.settings.hms.len(), 1);
    assert_eq!(world.hosts(), ["alice up 10.0.1.1:5000", "bob unconfirmed 10.0.1.2:5000"]);
    let rows = world.server.hosts(world.now, None).expect("rows");
    assert_eq!((rows[0].since.as_str(), rows[0].conference.as_deref()), (since.as_str(), Some("board")));
    assert_eq!(alice.digest, digest, "unconfirmed is not visible content");
    assert_eq!(world.watched(), ["update alice"]);
    // What was captured before is below the window now.
    assert_eq!(alice.say(&mut world, &captured), Got::Nothing);
    // The session follows what it followed, and is pushed to.
    let mut carol = Client::new("carol", 3);
    let Got::Challenge(cookie) = carol.init(&mut world) else { panic!("no challenge") };
    let bytes = carol.register_bytes(cookie);
    let sent = world.send(carol.from, &bytes);
    assert!(sent.iter().any(|s| s.to == Some(alice.from)));
}

#[test]
fn who_left_while_the_snapshot_was_written_does_not_come_back_with_it() {
    crate::shows!("R-PEE-67");
    let mut world = World::new();
    let [mut alice, mut bob] = [Client::new("alice", 1), Client::new("bob", 2)];
    alice.join(&mut world);
    bob.join(&mut world);
    let rows = world.snapshot();
    assert_eq!(alice.leave(&mut world), Got::Left);
    world.secs(10);
    let (ended, next) = world.server.snapshot_ended(world.now, 0);
    assert_eq!((ended.len(), ended[0].left_ms, next), (1, 275_000, None));
    let mut world = world.restarted(2, rows);
    world.server.restore_ended(world.now, &ended);
    assert_eq!(world.hosts(), ["bob unconfirmed 10.0.1.2:5000"]);
    assert_eq!(world.server.snapshot_ended(world.now, 0), (ended, None), "it goes into the next one");
}

#[test]
fn a_replay_after_a_restart_confirms_nothing() {
    let mut world = World::new();
    let mut alice = Client::new("alice", 1);
    alice.join(&mut world);
    let captured: Vec<_> = (0..20).map(|_| alice.heartbeat_bytes(None, false)).collect();
    let rows = world.snapshot();
    let mut world = world.restarted(2, rows);
    world.secs(30);
    for bytes in &captured {
        assert_eq!(world.send(alice.from, bytes).len(), 1, "challenged");
    }
    world.secs(45);
    assert_eq!(world.hosts().len(), 1);
    world.secs(3);
    assert!(world.hosts().is_empty(), "one expiry after the start");
}

#[test]
fn who_left_before_a_crash_is_unconfirmed_for_one_expiry_at_most() {
    crate::shows!("R-REG-41");
    let mut world = World::new();
    let (mut alice, mut bob) = (Client::new("alice", 1), Client::new("bob", 2).viewing(View::Realm, true));
    alice.join(&mut world);
    bob.join(&mut world);
    // It leaves, and the HMS is killed before it writes a snapshot without the row.
    let rows = world.snapshot();
    let said: Vec<_> = (0..5).map(|_| alice.heartbeat_bytes(None, false)).collect();
    assert!(matches!(alice.say(&mut world, &said[0]), Got::Ack(_)));
    assert_eq!(alice.leave(&mut world), Got::Left);
    world.secs(29);
    let mut world = world.restarted(2, rows);
    let start = world.now;
    bob.prove(&mut world);
    while world.hosts().len() == 2 {
        assert_eq!(world.hosts(), ["alice unconfirmed 10.0.1.1:5000", "bob up 10.0.1.2:5000"]);
        for bytes in &said {
            world.send(alice.from, bytes);
        }
        world.secs(1);
        if world.now.since(start).as_secs().is_multiple_of(25) {
            bob.beat(&mut world);
        }
        assert!(world.now.since(start) <= Duration::from_secs(78), "longer than an expiry");
    }
    assert_eq!(world.hosts(), ["bob up 10.0.1.2:5000"]);
}

#[test]
fn a_cookie_confirms_one_heartbeat_only_once() {
    let mut world = World::new();
    let mut alice = Client::new("alice", 1);
    alice.join(&mut world);
    let rows = world.snapshot();
    let mut world = world.restarted(2, rows);
    let Got::Challenge(cookie) = alice.heartbeat(&mut world) else { panic!("no challenge") };
    let proof = alice.heartbeat_bytes(Some(cookie), false);
    assert!(matches!(alice.say(&mut world, &proof), Got::Ack(_)));
    world.secs(10);
    assert_eq!(alice.say(&mut world, &proof), Got::Nothing);
    assert_eq!(world.server.hosts(world.now, None).expect("rows")[0].age_ms, 10_000);
}

#[test]
fn leave_is_taken_from_an_unconfirmed_row() {
    let mut world = World::new();
    let mut alice = Client::new("alice", 1);
    alice.join(&mut world);
    let rows = world.snapshot();
    let mut world = world.restarted(2, rows);
    assert_eq!(alice.leave(&mut world), Got::Left);
    assert!(world.hosts().is_empty());
}

#[test]
fn revocations_hold_over_a_restart() {
    crate::shows!("R-AUT-04");
    let mut world = World::new();
    let mut alice = Client::new("alice", 1);
    alice.join(&mut world);
    let rows = world.snapshot();
    world.server.revoke(world.now, None, "alice").expect_err("two realms: one must be named");
    world.server.revoke(world.now, Some("acme"), "alice").expect("revoked");
    let mut world = world.restarted(2, rows);
    assert!(world.hosts().is_empty(), "its row is of an old generation");
    assert_eq!(alice.heartbeat(&mut world), Got::Reject(RejectCode::Revoked, 0));
    assert_eq!(alice.register(&mut world), Got::Reject(RejectCode::Revoked, 0));
    // A token made anew works.
    let secret = crate::auth::RealmSecret::new([1; 32]);
    let generation = world.server.keyring().generation(alice.realm, alice.user);
    alice.key = secret.user_key(alice.user, generation);
    alice.join(&mut world);
}

#[test]
fn an_unconfirmed_row_of_another_machine_is_not_taken() {
    crate::shows!("R-REG-14");
    let mut world = World::new();
    let mut alice = Client::new("alice", 1);
    alice.join(&mut world);
    let rows = world.snapshot();
    let mut world = world.restarted(2, rows);
    let mut other = Client::new("alice", 2);
    other.instance = InstanceId(99);
    assert_eq!(other.register(&mut world), Got::Reject(RejectCode::Taken, 0));
    // The old machine's heartbeat of another session: not live, so it is not superseded.
    crate::shows!("R-REG-40");
    let mut before = Client::new("alice", 1);
    before.session = Some((crate::ident::SessionId(5), before.key.session_key(crate::ident::SessionId(5))));
    assert_eq!(before.heartbeat(&mut world), Got::Reregister(0));
    alice.prove(&mut world);
    assert!(matches!(before.heartbeat(&mut world), Got::Superseded(_)));
}

#[test]
fn the_snapshot_survives_a_second_restart() {
    let mut world = World::new();
    let mut alice = Client::new("alice", 1).viewing(View::Named(vec![crate::ident::UserId([1; 8])]), true);
    alice.join(&mut world);
    let rows = world.snapshot();
    let second = world.restarted(2, rows.clone());
    assert_eq!(second.snapshot(), rows);
    assert_eq!(rows[0].view, alice.view);
    let mut third = second.restarted(3, second.snapshot());
    third.pass(Duration::from_secs(60));
    alice.prove(&mut third);
    assert_eq!(third.hosts(), ["alice up 10.0.1.1:5000"]);
}

#[test]
fn a_revision_of_another_process_counts_as_none() {
    crate::shows!("R-DIR-06", "R-REG-35");
    let mut world = World::new();
    let mut alice = Client::new("alice", 1).viewing(View::Realm, false);
    alice.join(&mut world);
    Client::new("bob", 2).join(&mut world);
    alice.copy(&mut world);
    let (revision, digest) = (alice.revision, alice.digest);
    let mut world = world.restarted(2, world.snapshot());
    // The new process counts past the old one's revision, so that it would be in its list.
    let mut carol = Client::new("carol", 3);
    carol.join(&mut world);
    for old in [Incarnation(1), Incarnation(0)] {
        let Got::Challenge(cookie) = ({
            alice.incarnation = old;
            alice.heartbeat(&mut world)
        }) else {
            panic!("no challenge")
        };
        alice.incarnation = old;
        let Got::Ack(ack) = alice.heartbeat_with(&mut world, cookie) else { panic!("not confirmed") };
        assert!(ack.resync && ack.page.is_none(), "{ack:?}");
        assert!(ack.revision > revision);
    }
    assert_eq!(carol.leave(&mut world), Got::Left);
    let Got::Challenge(cookie) = alice.heartbeat(&mut world) else { panic!("no challenge") };
    alice.incarnation = Incarnation(1);
    let Got::Ack(ack) = alice.heartbeat_with(&mut world, cookie) else { panic!("not confirmed") };
    assert!(ack.equal && alice.digest == digest, "the digests still decide");
    // Nor does a registration go on from it, and a PULL is challenged.
    alice.incarnation = Incarnation(1);
    let pulled = alice.pull(&mut world, crate::wire::PullKind::Delta, Default::default(), None);
    assert!(matches!(pulled, Got::Challenge(_)));
    (alice.incarnation, alice.revision) = (Incarnation(1), ack.revision);
    let Got::Challenge(cookie) = alice.init(&mut world) else { panic!("no challenge") };
    alice.incarnation = Incarnation(1);
    assert!(matches!(alice.register_with(&mut world, cookie), Got::Registered(_)));
    let row = world.server.registry.by_user(alice.realm, alice.user).expect("a row");
    assert_eq!(world.server.registry.row(row).expect("a row").told(), Revision(0));
}

#[test]
fn a_stamp_out_of_all_bounds_does_not_outlive_a_restart() {
    crate::shows!("R-REG-02");
    let mut world = World::new();
    let mut alice = Client::new("alice", 1);
    alice.join(&mut world);
    let mut rows = world.snapshot();
    rows[0].stamp = crate::ident::Stamp(u64::MAX);
    let mut world = world.restarted(2, rows);
    let first = alice.join(&mut world).stamp;
    assert!(first.0 < u64::MAX && alice.join(&mut world).stamp > first);
}

#[test]
fn who_joins_after_a_crash_is_the_younger_one() {
    crate::shows!("R-REG-02", "R-REG-21");
    let mut world = World::new();
    let (mut first, mut second) = (Client::new("alice", 1), Client::new("alice", 2));
    first.join(&mut world);
    let (rows, clock) = (world.snapshot(), world.server.stamp_clock(world.now));
    // Another machine is joined as this user, and the HMS dies before it writes that down.
    world.secs(500);
    second.takeover = true;
    second.join(&mut world);
    let mut setup = super::world::setup(2, world.server.facts().clone(), super::world::settings());
    (setup.rows, setup.stamp_base) = (rows, clock);
    let mut world = World::of(world.now, setup);
    world.secs(5);
    let mut third = Client::new("alice", 3);
    third.takeover = true;
    let taken = third.join(&mut world).stamp;
    // The one before hears that it was taken over, and stays out.
    assert_eq!(second.heartbeat(&mut world), Got::Superseded(taken));
    assert!(taken > second.last_stamp);
}

#[test]
fn of_two_rows_of_a_user_in_a_snapshot_the_later_one_stays() {
    crate::shows!("R-REG-01");
    let mut world = World::new();
    let (mut first, mut second) = (Client::new("alice", 1), Client::new("alice", 2));
    first.join(&mut world);
    // It leaves behind the writer's back, and another machine registers before it.
    let mut rows = world.snapshot();
    first.leave(&mut world);
    second.join(&mut world);
    rows.extend(world.snapshot());
    for (incarnation, rows) in [(2, rows.clone()), (3, rows.into_iter().rev().collect())] {
        let mut world = world.restarted(incarnation, rows);
        assert_eq!(world.hosts(), ["alice unconfirmed 10.0.1.2:5000"]);
        second.prove(&mut world);
        assert_eq!(world.hosts(), ["alice up 10.0.1.2:5000"]);
    }
}
