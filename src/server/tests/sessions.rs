//! The table of spec 4.4, row by row.

use super::client::{Client, Got};
use super::world::World;
use crate::ident::{Incarnation, RealmId, UserId};
use crate::wire::{PullKind, RejectCode};

fn moved(client: &mut Client, to: &str) {
    client.from = to.parse().expect("an address");
}

#[test]
fn row_1_a_realm_that_is_not_served_is_silence() {
    crate::shows!("R-AUT-06");
    let mut world = World::new();
    let mut alice = Client::new("alice", 1);
    alice.join(&mut world);
    alice.realm = RealmId(99);
    assert_eq!(alice.heartbeat(&mut world), Got::Nothing);
    assert_eq!(alice.init(&mut world), Got::Nothing);
    assert_eq!(world.drops("realm"), 2);
}

#[test]
fn row_2_a_bad_tag_is_dropped_and_charged() {
    crate::shows!("R-AUT-01");
    let mut world = World::new();
    let mut alice = Client::new("alice", 1);
    alice.join(&mut world);
    let good = alice.heartbeat_bytes(None, false);
    for bit in 0..good.len() * 8 {
        let mut bad = good.clone();
        bad[bit / 8] ^= 1 << (bit % 8);
        assert!(world.send(alice.from, &bad).is_empty(), "bit {bit}");
    }
    // The window has not moved, and the row's own datagrams still come through.
    assert!(matches!(alice.say(&mut world, &good), Got::Ack(_)));
    assert_eq!(world.hosts(), ["alice up 10.0.1.1:5000"]);
}

#[test]
fn row_3_an_old_key_is_told_so_and_a_wrong_one_is_not() {
    crate::shows!("R-AUT-04", "R-AUT-05");
    let mut world = World::new();
    let mut alice = Client::new("alice", 1);
    alice.join(&mut world);
    world.server.revoke(world.now, Some("acme"), "alice").expect("revoked");
    assert!(world.hosts().is_empty());
    assert_eq!(alice.heartbeat(&mut world), Got::Reject(RejectCode::Revoked, 0));
    assert_eq!(alice.leave(&mut world), Got::Reject(RejectCode::Revoked, 0));
    assert_eq!(alice.init(&mut world), Got::Reject(RejectCode::Revoked, 0));
    let mut stranger = Client::new("alice", 3);
    stranger.key = crate::auth::UserKey::from_bytes([7; 32]);
    stranger.session = alice.session.clone();
    stranger.session.as_mut().expect("a session").1 = crate::auth::SessionKey::from_bytes([7; 32]);
    assert_eq!(stranger.heartbeat(&mut world), Got::Nothing);
    assert_eq!(world.drops("tag"), 1);
}

#[test]
fn rows_4_to_6_without_a_row() {
    crate::shows!("R-REG-22", "R-REG-36", "R-REG-37");
    let mut world = World::new();
    let mut alice = Client::new("alice", 1);
    alice.join(&mut world);
    let mut fresh = world.restarted(2, Vec::new());
    assert_eq!(alice.heartbeat(&mut fresh), Got::Reregister(0));
    assert_eq!(alice.pull(&mut fresh, PullKind::Delta, UserId::default(), None), Got::Reregister(0));
    assert_eq!(alice.leave(&mut fresh), Got::Left);
    assert!(fresh.hosts().is_empty());
    let old = alice.session.clone();
    alice.join(&mut fresh);
    let stamp = alice.last_stamp;
    alice.session = old;
    assert_eq!(alice.heartbeat(&mut fresh), Got::Superseded(stamp));
    assert_eq!(alice.find(&mut fresh, crate::wire::Pattern::User("bob")), Got::Superseded(stamp));
    // Even a superseded session may go in peace; the live one stays.
    assert_eq!(alice.leave(&mut fresh), Got::Left);
    assert_eq!(fresh.hosts(), ["alice up 10.0.1.1:5000"]);
}

#[test]
fn row_7_leave_needs_a_new_sequence() {
    crate::shows!("R-REG-42");
    let mut world = World::new();
    let (mut alice, mut bob) = (Client::new("alice", 1), Client::new("bob", 2));
    alice.join(&mut world);
    bob.join(&mut world);
    alice.beat(&mut world);
    alice.sequence = 0;
    assert_eq!(alice.leave(&mut world), Got::Nothing);
    assert_eq!(world.drops("replay"), 1);
    assert_eq!(alice.leave(&mut world), Got::Left);
    assert_eq!(world.hosts(), ["bob up 10.0.1.2:5000"]);
    assert_eq!(alice.leave(&mut world), Got::Left, "said again: row 4");
    world.watched();
    assert_eq!(bob.leave(&mut world), Got::Left);
    assert_eq!(world.watched(), ["leave bob"]);
}

#[test]
fn row_8_another_source_or_process_is_challenged_and_changes_nothing() {
    let mut world = World::new();
    let mut alice = Client::new("alice", 1);
    alice.join(&mut world);
    alice.beat(&mut world);
    world.secs(10);
    let before = world.server.hosts(world.now, None).expect("rows");
    moved(&mut alice, "10.0.1.44:5000");
    assert!(matches!(alice.heartbeat(&mut world), Got::Challenge(_)));
    assert!(matches!(alice.pull(&mut world, PullKind::Copy, UserId::default(), None), Got::Challenge(_)));
    assert!(matches!(alice.find(&mut world, crate::wire::Pattern::User("x")), Got::Challenge(_)));
    moved(&mut alice, "10.0.1.1:5000");
    alice.incarnation = Incarnation(77);
    assert!(matches!(alice.heartbeat(&mut world), Got::Challenge(_)));
    assert_eq!(world.server.hosts(world.now, None).expect("rows"), before);
    // What its window has seen is not even challenged.
    alice.incarnation = Incarnation(77);
    alice.sequence = 0;
    assert_eq!(alice.heartbeat(&mut world), Got::Nothing);
}

#[test]
fn row_9_a_cookie_moves_the_row() {
    let mut world = World::new();
    let mut alice = Client::new("alice", 1);
    alice.join(&mut world);
    alice.beat(&mut world);
    let since = world.server.hosts(world.now, None).expect("rows")[0].since.clone();
    world.secs(5);
    moved(&mut alice, "10.0.1.44:5001");
    let ack = alice.prove(&mut world);
    assert_eq!(ack.settings.observed, Some(alice.from));
    assert_eq!(world.hosts(), ["alice up 10.0.1.44:5001"]);
    assert_eq!(world.server.hosts(world.now, None).expect("rows")[0].since, since);
    // A cookie is for the source that asked for it, and for no other.
    moved(&mut alice, "10.0.1.45:5001");
    let Got::Challenge(cookie) = alice.heartbeat(&mut world) else { panic!("no challenge") };
    moved(&mut alice, "10.0.1.46:5001");
    assert!(matches!(alice.heartbeat_with(&mut world, cookie), Got::Challenge(_)));
    moved(&mut alice, "10.0.1.45:5001");
    world.secs(31);
    assert!(matches!(alice.heartbeat_with(&mut world, cookie), Got::Challenge(_)), "an old cookie");
    assert_eq!(world.hosts(), ["alice up 10.0.1.44:5001"]);
}

#[test]
fn row_9_what_was_sent_before_moves_nothing() {
    let mut world = World::new();
    let mut alice = Client::new("alice", 1);
    alice.join(&mut world);
    let thief = "10.0.1.66:5000".parse().expect("an address");
    // The attacker sees a heartbeat with a cookie for another source, and keeps it back.
    moved(&mut alice, "10.0.1.44:5000");
    let Got::Challenge(cookie) = alice.heartbeat(&mut world) else { panic!("no challenge") };
    let kept = alice.heartbeat_bytes(Some(cookie), false);
    moved(&mut alice, "10.0.1.1:5000");
    let highest = alice.sequence + 1;
    alice.beat(&mut world);
    assert_eq!(alice.sequence, highest);
    assert!(world.send("10.0.1.44:5000".parse().expect("an address"), &kept).is_empty());
    assert!(world.drops("replay") >= 1);
    // From a third source the cookie counts as none, and the sequence is below the highest: it may be challenged,
    // but changes nothing.
    world.send(thief, &kept);
    assert_eq!(world.hosts(), ["alice up 10.0.1.1:5000"]);
}

#[test]
fn row_10_the_window_decides() {
    crate::shows!("R-AUT-21", "R-REG-30");
    let mut world = World::new();
    let mut alice = Client::new("alice", 1);
    alice.join(&mut world);
    let all: Vec<_> = (0..70).map(|_| alice.heartbeat_bytes(None, false)).collect();
    let answers =
        |world: &mut World, bytes: &[u8]| world.send("10.0.1.1:5000".parse().expect("it"), bytes).len();
    assert_eq!(answers(&mut world, &all[10]), 1);
    assert_eq!(answers(&mut world, &all[10]), 0, "the same again");
    assert_eq!(answers(&mut world, &all[3]), 1, "late, and not seen yet");
    assert_eq!(answers(&mut world, &all[3]), 0);
    assert_eq!(answers(&mut world, &all[69]), 1);
    assert_eq!(answers(&mut world, &all[5]), 0, "64 or more behind");
    assert_eq!(answers(&mut world, &all[6]), 1, "63 behind");
    assert_eq!(world.drops("replay"), 3);
}

#[test]
fn a_steady_heartbeat_is_answered_with_68_bytes() {
    crate::shows!("R-FMT-12", "R-REG-46");
    let mut world = World::new();
    let mut alice = Client::new("alice", 1).viewing(crate::wire::View::Realm, true);
    alice.join(&mut world);
    alice.copy(&mut world);
    for _ in 0..8 {
        world.secs(30);
        let bytes = alice.heartbeat_bytes(None, false);
        assert_eq!(bytes.len(), 68);
        let Got::Ack(ack) = alice.say(&mut world, &bytes) else { panic!("no ACK") };
        // In case that it was told in vain.
        let again = alice.sequence.is_multiple_of(4);
        assert_eq!(ack.settings.check_time_ms, again.then_some(30_000));
        assert_eq!(ack.length, if again { 79 } else { 68 });
        assert_eq!((ack.resync, ack.equal, ack.want_content), (false, false, false));
    }
    assert!(world.unasked.is_empty());
}

#[test]
fn content_goes_by_version() {
    crate::shows!("R-REG-31", "R-FMT-11");
    let mut world = World::new();
    let mut alice = Client::new("alice", 1);
    alice.join(&mut world);
    alice.content.conference = crate::ident::Name::new("board").ok();
    alice.content_version = 3;
    let wants = alice.beat(&mut world);
    assert!(wants.want_content && wants.content_version == 1);
    let bytes = alice.heartbeat_bytes(None, true);
    let Got::Ack(ack) = alice.say(&mut world, &bytes) else { panic!("no ACK") };
    assert!(!ack.want_content && ack.content_version == 3);
    let row = |world: &World| world.server.hosts(world.now, None).expect("rows").remove(0);
    assert_eq!(row(&world).conference.as_deref(), Some("board"));
    // An equal or lower version changes nothing.
    alice.content.conference = None;
    for version in [3, 2] {
        alice.content_version = version;
        let bytes = alice.heartbeat_bytes(None, true);
        let Got::Ack(ack) = alice.say(&mut world, &bytes) else { panic!("no ACK") };
        assert_eq!((ack.content_version, ack.want_content), (3, false));
        assert_eq!(row(&world).conference.as_deref(), Some("board"));
    }
    assert_eq!(world.watched(), ["join alice", "update alice"]);
}

#[test]
fn pull_and_find_do_not_keep_a_row_alive() {
    crate::shows!("R-REG-30");
    let mut world = World::new();
    let mut alice = Client::new("alice", 1).viewing(crate::wire::View::Realm, false);
    alice.join(&mut world);
    for _ in 0..10 {
        world.secs(7);
        alice.pull(&mut world, PullKind::Copy, UserId::default(), None);
        alice.find(&mut world, crate::wire::Pattern::User("alice"));
    }
    world.secs(10);
    assert!(world.hosts().is_empty());
}

#[test]
fn answers_are_never_answered() {
    crate::shows!("R-FMT-03");
    let mut world = World::new();
    let mut alice = Client::new("alice", 1);
    alice.join(&mut world);
    let bytes = alice.heartbeat_bytes(None, false);
    let ack = world.send(alice.from, &bytes).remove(0).bytes;
    assert!(world.send(alice.from, &ack).is_empty());
    assert_eq!(world.drops("type"), 1);
    // An ANNOUNCE, its own or another HMS's, is nothing to count.
    world.server.set_interfaces(
        world.now,
        vec![crate::net::Interface {
            index: 2,
            name: "eth0".into(),
            addresses: vec!["10.0.0.1".parse().expect("an address")],
        }],
    );
    world.secs(2);
    let announce = world.unasked.iter().find(|s| s.to.is_none()).expect("an ANNOUNCE").bytes.clone();
    assert!(world.send("10.0.0.1:6710".parse().expect("an address"), &announce).is_empty());
    assert_eq!(world.drops("type"), 1);
}

#[test]
fn further_tlvs_change_nothing_of_a_request() {
    crate::shows!("R-FMT-07", "R-FMT-13");
    let mut world = World::new();
    let mut alice = Client::new("alice", 1);
    let mut init = alice.init_bytes();
    init.truncate(init.len() - crate::limits::TAG_LEN);
    init.extend_from_slice(&[0x11, 0, 3, b'n', b'e', b'w', 0x7f, 0, 1, 0]);
    crate::auth::seal(&alice.key, &mut init);
    let Got::Challenge(cookie) = alice.say(&mut world, &init) else { panic!("no challenge") };
    assert!(matches!(alice.register_with(&mut world, cookie), Got::Registered(_)));
    let leave = alice.session_bytes(crate::wire::Kind::Leave, 0, |buf| {
        buf.extend_from_slice(&[0; 20]);
        buf.extend_from_slice(&[0x6f, 0, 0, 0x6f, 0, 0, 0x7f, 0, 1, 0]);
    });
    assert_eq!(alice.say(&mut world, &leave), Got::Left);
}

#[test]
fn unknown_content_is_kept_byte_for_byte() {
    crate::shows!("R-REV-01", "R-REV-02");
    let mut world = World::new();
    let mut alice = Client::new("alice", 1);
    alice.join(&mut world);
    let mut content = alice.content.to_bytes();
    content.extend_from_slice(&[9, 0, 1, b'1', 9, 0, 1, b'2', 0x0f, 0, 0]);
    let heartbeat = alice.session_bytes(crate::wire::Kind::Heartbeat, 4, |buf| {
        buf.extend_from_slice(&[0, 0, 0, 2, 0, 0, 0, 1]);
        buf.extend_from_slice(&[0; 12]);
        buf.extend_from_slice(&content);
    });
    assert!(matches!(alice.say(&mut world, &heartbeat), Got::Ack(_)));
    let row = world.server.registry.by_user(alice.realm, alice.user).expect("a row");
    assert_eq!(world.server.registry.row(row).expect("a row").content(), content);
    let row = &world.snapshot()[0];
    assert_eq!(*row.content, content[..]);
}

#[test]
fn a_malformed_body_behind_a_good_tag_is_dropped_whole() {
    crate::shows!("R-FMT-09");
    let mut world = World::new();
    let mut alice = Client::new("alice", 1);
    alice.join(&mut world);
    let bytes = alice.session_bytes(crate::wire::Kind::Heartbeat, 0, |buf| buf.extend_from_slice(&[0; 19]));
    assert_eq!(alice.say(&mut world, &bytes), Got::Nothing);
    assert_eq!(world.drops("malformed"), 1);
    // Its sequence is free still.
    alice.sequence -= 1;
    alice.beat(&mut world);
    assert_eq!(world.server.status(world.now).hosts.up, 1);
}
