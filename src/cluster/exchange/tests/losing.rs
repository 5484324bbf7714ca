//! Links that are lost and come back, homes that end, processes that stand still.

use std::collections::{BTreeMap, BTreeSet};

use super::world::*;
use crate::ident::{Order, SessionId};
use crate::registry::Reason;
use crate::time::Duration;
use crate::wire::peer::{PeerKind, Phase};

const fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

#[test]
fn a_link_that_comes_back_goes_on_where_it_was() {
    crate::shows!("R-PEE-72", "R-PEE-82");
    let mut world = World::settled(11, 2);
    world.register_many(0, 0..1000);
    world.run(secs(5));
    world.cut(0, 1, true);
    world.run(secs(15));
    world.register_many(0, 1000..1020);
    world.leave(0, 5);
    world.heard.clear();
    world.cut(0, 1, false);
    assert!(world.run_until(secs(15), World::is_equal));
    world.run(secs(2));
    world.assert_equal();
    assert_eq!(world.registry(1).len(), 1019);
    for kind in [PeerKind::Compare, PeerKind::Buckets, PeerKind::Fetch, PeerKind::Page] {
        assert_eq!((world.take_heard(0, kind), world.take_heard(1, kind)), ((0, 0), (0, 0)), "{kind:?}");
    }
    assert!(world.take_heard(1, PeerKind::Delta).1 < 21 * 250);
}

#[test]
fn what_a_process_missed_is_found_by_comparison() {
    crate::shows!("R-PEE-77", "R-PEE-78", "R-PEE-79");
    let mut world = World::settled(12, 2);
    world.register_many(0, 0..2000);
    world.run(secs(5));
    // Nobody tells of a row that is removed for another reason than that its host left or fell silent.
    let (now, row) = (world.now, world.row(0, 7).unwrap());
    world.registry(0).remove(now, row, Reason::Revoked);
    world.heard.clear();
    world.run(secs(65));
    assert_eq!(world.take_heard(0, PeerKind::Compare).0, 1);
    assert_eq!(world.take_heard(1, PeerKind::Buckets).0, 1);
    assert_eq!(world.take_heard(1, PeerKind::Page).0, 1, "the rows of one bucket fit into one page");
    let row = world.row(1, 7).expect("it ages");
    assert!(
        !world.registry(1).row(row).unwrap().is_live() && !world.registry(1).row(row).unwrap().is_offered()
    );
    world.run(secs(83));
    assert!(world.row(1, 7).is_none(), "one expiry later");
    world.assert_equal();
}

#[test]
fn a_row_that_the_home_shows_again_is_vouched_for() {
    crate::shows!("R-PEE-63", "R-PEE-80");
    let mut world = World::settled(13, 2);
    world.register_many(0, 0..50);
    world.run(secs(5));
    let (now, row) = (world.now, world.row(1, 7).unwrap());
    world.registry(1).unvouch(now, row);
    assert!(!world.registry(1).row(row).unwrap().is_live());
    world.heard.clear();
    world.run(secs(65));
    assert!(world.registry(1).row(row).unwrap().is_live(), "the comparison shows it");
    let (deltas, bytes) = world.take_heard(0, PeerKind::Delta);
    assert_eq!(bytes, deltas * 43, "nobody is told of its own rows");
    world.run(secs(100));
    world.assert_equal();
}

/// The last changes of a home that ends are at one of the others only.
#[test]
fn what_one_survivor_knows_of_a_home_all_get_to_know() {
    crate::shows!("R-PEE-61", "R-PEE-62", "R-PEE-77");
    let mut world = World::settled(14, 3);
    world.register_many(0, 0..20);
    world.run(secs(3));
    world.cut(0, 2, true);
    world.register(0, 20);
    world.run(millis(500));
    assert!(world.row(1, 20).is_some() && world.row(2, 20).is_none());
    world.crash(0);
    let lost = world.now;
    assert!(
        world.run_until(secs(25), |world| world.row(2, 20).is_some()),
        "within the time until it is down"
    );
    world.assert_equal();
    assert!(world.run_until(secs(120), |world| world.row(1, 20).is_none() && world.row(2, 20).is_none()));
    let after = world.now.since(lost);
    assert!(after > secs(72) && after < secs(85), "one expiry after the last contact: {after:?}");
}

#[test]
fn both_sides_of_a_partition_become_one() {
    crate::shows!("R-PEE-60");
    let mut world = World::settled(15, 2);
    world.register_many(0, 0..40);
    world.run(secs(2));
    world.cut(0, 1, true);
    world.run(secs(20));
    world.register_many(0, 40..60);
    world.register_many(1, 50..70);
    (0..5).for_each(|host| world.leave(0, host));
    (5..10).for_each(|host| world.leave(1, host));
    (10..15).for_each(|host| world.confirm(1, host, 3, 5070));
    world.run(secs(5));
    world.cut(0, 1, false);
    assert!(world.run_until(secs(15), World::is_equal), "as soon as they are neighbours");
    world.assert_equal();
    assert!((0..10).all(|host| world.row(0, host).is_none()), "who left stays away");
    let (home, row) = (world.process(1), world.row(0, 12).unwrap());
    assert_eq!(world.registry(0).row(row).unwrap().home(), home);
    let row = world.row(0, 55).unwrap();
    assert_eq!(world.registry(0).row(row).unwrap().home(), home, "the later registration");
    world.run(secs(130));
    world.assert_equal();
    assert_eq!(world.registry(0).len(), 60);
}

#[test]
fn who_stood_still_offers_nothing_old_and_copies_nothing_again() {
    crate::shows!("R-PEE-65");
    let mut world = World::settled(16, 2);
    world.register_many(0, 0..500);
    world.register_many(1, 500..1000);
    world.run(secs(5));
    world.stand_still(0, secs(30));
    // What was left elsewhere meanwhile is not told anew by who did not hear of it.
    world.leave(1, 3);
    world.heard.clear();
    world.run(secs(20));
    assert_eq!(world.phase(0), Phase::Operating);
    world.assert_equal();
    assert!(world.row(0, 3).is_none());
    let pages = [world.take_heard(0, PeerKind::Page).0, world.take_heard(1, PeerKind::Page).0];
    assert_eq!(pages, [0, 0]);
}

/// Hosts register anew, move, change, leave, at any HMS that knows them; links lose and are cut. When that ends all
/// have the sessions that they must have: of each user the latest of all that there ever were, if it was not left.
#[test]
fn whatever_happens_all_become_equal() {
    crate::shows!("R-PEE-70", "R-PEE-71", "R-PEE-74");
    for seed in 0..6 {
        let nodes = 2 + (seed % 2) as usize;
        let mut world = World::settled(100 + seed, nodes);
        let mut latest: BTreeMap<u32, Order> = BTreeMap::new();
        let mut left: BTreeSet<SessionId> = BTreeSet::new();
        world.paths.values_mut().for_each(|path| path.loss = 20);
        for round in 0..300 {
            let (node, host) = (world.roll(nodes as u64) as usize, world.roll(60) as u32);
            let (one, other) = (world.roll(nodes as u64) as usize, world.roll(nodes as u64) as usize);
            match (world.roll(12), world.row(node, host)) {
                (0..4, _) | (_, None) => {
                    let row = world.register(node, host);
                    let order = world.registry(node).row(row).unwrap().order();
                    let last = latest.entry(host).or_default();
                    *last = order.max(*last);
                }
                (4, Some(row)) => {
                    left.insert(world.registry(node).row(row).unwrap().session());
                    world.leave(node, host);
                }
                (5..8, Some(_)) => world.confirm(node, host, round, 5000 + round as u16),
                (8 | 9, Some(row)) => {
                    if world.registry(node).row(row).unwrap().is_here() {
                        world.change_content(node, host, round as u32);
                    }
                }
                (10, _) => world.cut(one, other, true),
                _ => (0..nodes).for_each(|other| world.cut(one, other, false)),
            }
            let pause = world.roll(500);
            world.run(millis(pause));
        }
        world.paths.values_mut().for_each(|path| path.cut = false);
        assert!(world.run_until(secs(130), World::is_equal), "seed {seed}");
        world.assert_equal();
        let there = |order: &&Order| !left.contains(&order.session);
        let expected: BTreeSet<_> = latest.values().filter(there).map(|order| order.session).collect();
        let session = |host: u32| {
            let row = world.row(0, host)?;
            Some(world.registry(0).row(row)?.session())
        };
        let shown: BTreeSet<_> = (0..60).filter_map(session).collect();
        assert_eq!(shown, expected, "seed {seed}");
    }
}

#[test]
fn a_copy_goes_on_over_a_link_that_is_lost_meanwhile() {
    crate::shows!("R-PEE-15", "R-PEE-79", "R-PEE-98");
    let mut world = World::new(17, 2);
    world.start(0);
    world.run(secs(5));
    world.register_many(0, 0..8000);
    world.start(1);
    assert!(world.run_until(secs(10), |world| world.registry(1).len() > 2000));
    assert_eq!(world.phase(1), Phase::Synchronising);
    world.cut(0, 1, true);
    world.run(secs(12));
    assert!(world.registry(1).len() < 8000);
    world.heard.clear();
    world.cut(0, 1, false);
    assert!(world.run_until(secs(30), |world| world.registry(1).len() == 8000));
    world.run(secs(2));
    world.assert_equal();
    assert_eq!(world.phase(1), Phase::Operating);
    assert!(world.take_heard(1, PeerKind::Page).1 < 8000 * 160, "not from the beginning");
}
