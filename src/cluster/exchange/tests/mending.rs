//! What memory has lost is found, and comes back from the others.

use super::world::*;
use crate::registry::{Registry, RowId, ScrubCounts};
use crate::wire::peer::PeerKind;

/// Rows of node 0, which both have.
fn pair(seed: u64) -> World {
    let mut world = World::settled(seed, 2);
    world.register_many(0, 0..300);
    world.run(secs(5));
    world.assert_equal();
    world
}

/// A row is damaged at a node: within a minute it is what it was, and one bucket was sent for it.
fn is_mended(mut world: World, node: usize, damage: impl Fn(&mut Registry, RowId)) {
    let before = world.shown(node);
    let id = world.row(node, 7).expect("a row");
    damage(world.registry(node), id);
    assert_ne!(world.shown(node), before);
    world.take_heard(node, PeerKind::Page);
    let whole = ScrubCounts { damaged: 1, mended: 1, ..ScrubCounts::default() };
    assert!(world.run_until(secs(63), |world| world.registry(node).scrub_counts() == whole));
    assert_eq!(world.shown(node), before);
    let (pages, bytes) = world.take_heard(node, PeerKind::Page);
    assert!(pages == 1 && bytes < 1000, "{pages} pages, {bytes} bytes");
    world.run(secs(70));
    world.assert_equal();
    assert_eq!(world.registry(node).scrub_counts(), whole);
}

#[test]
fn a_damaged_copy_is_mended_by_its_home() {
    crate::shows!("R-PEE-81");
    is_mended(pair(31), 1, Registry::corrupt_content);
    is_mended(pair(32), 1, Registry::corrupt_stamp);
}

#[test]
fn a_home_is_mended_by_who_has_a_copy() {
    crate::shows!("R-PEE-81");
    is_mended(pair(33), 0, Registry::corrupt_content);
    is_mended(pair(34), 0, Registry::corrupt_stamp);
}

#[test]
fn a_home_that_was_mended_still_has_its_host() {
    let mut world = pair(35);
    world.confirm(0, 7, 9, 5060);
    let id = world.row(0, 7).expect("a row");
    world.registry(0).corrupt_content(id);
    assert!(world.run_until(secs(63), |world| world.registry(0).scrub_counts().mended == 1));
    let registry = world.registry(0);
    let row = registry.row(id).expect("a row");
    assert!(row.is_here() && row.window().0 == 9 && row.address().is_some());
}

#[test]
fn what_is_damaged_is_not_offered() {
    let mut world = pair(36);
    let id = world.row(0, 7).expect("a row");
    let bucket = user(7).sum_bucket();
    world.registry(0).corrupt_content(id);
    assert_eq!(world.registry(0).scrub(bucket).damaged, [world.process(0)]);
    assert!(!world.registry(0).row(id).expect("a row").is_offered());
}

#[test]
fn what_nobody_can_mend_counts_as_it_is() {
    crate::shows!("R-PEE-81");
    let mut world = pair(37);
    world.crash(1);
    world.run(secs(15));
    let id = world.row(0, 7).expect("a row");
    world.registry(0).corrupt_content(id);
    let lost = ScrubCounts { damaged: 1, accepted: 1, ..ScrubCounts::default() };
    assert!(world.run_until(secs(100), |world| world.registry(0).scrub_counts() == lost));
    assert!(world.registry(0).row(id).expect("a row").is_offered());
}
