//! What is decided at one HMS is in force at all.

use super::world::{World, name};
use crate::auth::user_id;
use crate::ident::{Epoch, Generation, Name};
use crate::time::Duration;

fn missing(world: &mut World, node: usize) -> Vec<String> {
    let server = world.server(node);
    let decision = server.decision().expect("one was made");
    server.storing(decision).map(|storing| storing.missing).unwrap_or_default()
}

#[test]
fn a_realm_is_served_everywhere_and_goes_everywhere() {
    crate::shows!("R-PEE-28");
    let mut world = World::settled(3);
    let now = world.now;
    assert_eq!(world.status(2).realms, ["acme", "beta"], "what one knew, all know");
    world.server(1).realm_new(now, "gamma").expect("made");
    assert_eq!(missing(&mut world, 1), ["hms0", "hms2"]);
    world.pass(Duration::from_millis(100));
    assert!(missing(&mut world, 1).is_empty());
    for node in 0..3 {
        let keyring = world.server(node).keyring();
        let realm = keyring.realm_by_name("gamma").expect("served").id;
        assert!(keyring.user_key(realm, Epoch(1), user_id(realm, "alice")).is_ok());
    }
    let secret = |world: &mut World, node: usize| {
        *world.server(node).keyring().realm_by_name("gamma").expect("served").secret.as_bytes()
    };
    assert_eq!(secret(&mut world, 1), secret(&mut world, 2));
    let now = world.now;
    world.server(0).realm_remove(now, "gamma").expect("removed");
    world.pass(Duration::from_millis(100));
    assert!((0..3).all(|node| world.status(node).realms == ["acme", "beta"]));
    // On disk as well.
    world.crash(2);
    world.start(2);
    assert_eq!(world.status(2).realms, ["acme", "beta"]);
}

#[test]
fn who_is_revoked_at_one_is_worth_nothing_at_the_other() {
    crate::shows!("R-PEE-28", "R-AUT-04");
    let mut world = World::settled(2);
    let now = world.now;
    world.server(1).revoke(now, Some("acme"), "alice").expect("revoked");
    world.pass(Duration::from_millis(100));
    let generation = |world: &mut World, node: usize| {
        let realm = world.server(node).keyring().realm_by_name("acme").expect("served").id;
        world.server(node).keyring().generation(realm, user_id(realm, "alice"))
    };
    assert!(generation(&mut world, 0) > Generation(0));
    assert_eq!(generation(&mut world, 0), generation(&mut world, 1));
    let realm = world.server(0).keyring().realm_by_name("acme").expect("served").id;
    let shown = world.server(0).keyring().revoked_name(realm, user_id(realm, "alice")).map(Name::to_string);
    assert_eq!(shown.as_deref(), Some("alice"));
    world.crash(0);
    world.start(0);
    assert_eq!(generation(&mut world, 0), generation(&mut world, 1), "stored before it was answered");
}

#[test]
fn who_decides_is_told_where_it_is_not_stored() {
    crate::shows!("R-PEE-26");
    let mut world = World::settled(3);
    world.cut(0, 2, true);
    world.cut(1, 2, true);
    let now = world.now;
    world.server(0).revoke(now, Some("acme"), "alice").expect("revoked");
    let decision = world.server(0).decision().expect("one was made");
    assert_eq!(world.server(0).storing(decision).expect("it waits").until, now + Duration::from_secs(2));
    world.secs(1);
    assert_eq!(missing(&mut world, 0), [name(2)]);
    // A disk that is full says so, and is tried again.
    world.nodes[1].disk_works = false;
    let now = world.now;
    world.server(0).revoke(now, Some("acme"), "bob").expect("revoked");
    world.secs(1);
    assert_eq!(missing(&mut world, 0), [name(1), name(2)]);
    assert!(world.status(1).message.expect("a message").contains("not stored"));
    world.nodes[1].disk_works = true;
    world.secs(11);
    assert_eq!(missing(&mut world, 0), [name(2)]);
    // Over the link that comes after the one that was lost.
    world.cut(0, 2, false);
    world.cut(1, 2, false);
    world.secs(20);
    assert!(missing(&mut world, 0).is_empty(), "{}", world.tell());
    assert_eq!(world.server(0).storing(decision), None);
}

#[test]
fn there_is_one_stamp_clock() {
    crate::shows!("R-PEE-05", "R-REG-02");
    let mut world = World::new(2, 2);
    world.nodes[1].secrets.clock = 1 << 40;
    world.start(0);
    world.start(1);
    world.secs(5);
    let now = world.now;
    let (one, other) = (world.server(0).stamp_clock(now), world.server(1).stamp_clock(now));
    assert!(one >= 1 << 40, "adopted: {one:x}");
    assert!(one.abs_diff(other) < 1000 << 16);
    // Sessions begin above it, and it is stored.
    assert_eq!(world.server(0).stamps(now).stamp(Default::default(), Default::default(), true).0, one);
    let mut secrets = world.nodes[0].secrets.clone();
    world.server(0).store(now, &mut secrets);
    assert_eq!(secrets.clock, one);
}
