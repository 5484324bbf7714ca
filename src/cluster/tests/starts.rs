//! Founding and joining.

use super::world::{World, id, members};
use super::*;
use crate::ident::Stamp;

const APART: [u64; 5] = [0, 1, 10, 100, 5000];

/// Nobody else is there: one line, one primary, 5 s after the last start.
#[test]
fn however_far_apart_they_start_one_leads() {
    crate::shows!("R-PEE-10", "R-PEE-11", "R-PEE-12", "R-PEE-13");
    for (seed, (apart, count)) in APART.into_iter().flat_map(|ms| [(ms, 2), (ms, 3)]).enumerate() {
        for order in 0..count {
            let mut world = World::new(seed as u64, count);
            for turn in 0..count {
                world.start((order + turn) % count);
                if turn + 1 < count && apart > 0 {
                    world.run(Duration::from_millis(apart));
                }
            }
            world.run(secs(5));
            world.assert_agree();
            let founders = (0..count).filter(|node| world.status(*node).joined_at_ms == 0).count();
            assert_eq!(founders, 1, "{}", world.tell());
            if apart == 0 {
                assert_eq!(world.primary(0), Some(id(0)), "the smallest founds");
            }
        }
    }
}

#[test]
fn who_is_alone_founds_at_once() {
    crate::shows!("R-PEE-04", "R-PEE-13");
    let mut world = World::new(1, 1);
    world.start(0);
    assert_eq!((world.phase(0), world.primary(0)), (Phase::Operating, Some(id(0))));
    let (line, age) = world.status(0).line.unwrap();
    assert!(line != LineId(0) && age == Duration::ZERO);
    world.run(secs(1));
    assert!(world.nodes[0].running.as_ref().unwrap().hosts_open);
    assert_eq!(world.status(0).line, Some((line, secs(1))));
}

/// The smaller one dies while it starts: the other founds 3 s after it was last heard.
#[test]
fn a_smaller_one_that_dies_is_waited_for_three_seconds() {
    crate::shows!("R-PEE-12");
    let mut world = World::new(2, 2);
    world.start(1);
    world.run(Duration::from_millis(2500));
    world.start(0);
    world.run(Duration::from_millis(400));
    world.crash(0);
    // It was heard last when it had just met the other.
    world.run(Duration::from_millis(2600));
    assert_eq!(world.phase(1), Phase::Starting, "{}", world.tell());
    world.run(Duration::from_millis(200));
    assert_eq!(world.phase(1), Phase::Operating, "{}", world.tell());
}

#[test]
fn a_newcomer_has_the_facts_and_the_settings_before_hosts_are_answered() {
    crate::shows!("R-PEE-03", "R-PEE-14", "R-PEE-15", "R-PEE-16");
    let mut world = World::new(3, 2);
    world.start(0);
    world.run(secs(4));
    let decision = Decision { clock: Stamp(99), by: id(0) };
    world
        .cluster(0)
        .decide(decision_at(), |facts, _| {
            facts.register_address(decision, "10.9.9.9:6710".parse().unwrap(), None)
        })
        .unwrap();
    world.start(1);
    assert!(world.run_until(secs(3), |world| world.status(1).hosts_open), "{}", world.tell());
    let digests = [0, 1].map(|node| world.nodes[node].running.as_ref().unwrap().cluster.facts().digest());
    assert_eq!(digests[0], digests[1]);
    world.run(secs(1));
    world.assert_agree();
    let (old, new) = (world.status(0), world.status(1));
    assert_eq!((new.timing, new.overridden), (old.timing, true), "those of the primary");
    assert!(!old.overridden && new.founded == old.founded);
    let ages = [old, new].map(|one| one.line.unwrap().1);
    assert!(ages[0].abs_diff(ages[1]) < Duration::from_millis(50), "{ages:?}");
}

/// What it decides itself while it starts, its own addresses to begin with, makes its digest another one.
#[test]
fn a_newcomer_that_knows_more_does_not_wait_for_the_next_ping() {
    crate::shows!("R-PEE-14", "R-PEE-15");
    for after in 0..50 {
        let mut world = World::new(after, 2);
        world.start(0);
        world.run(secs(4));
        world.start(1);
        world.run(Duration::from_millis(after));
        let now = world.now;
        let register = |facts: &mut Facts, how: Decision| {
            facts.register_address(how, "10.9.9.9:6710".parse().unwrap(), Some(id(1)))
        };
        world.cluster(1).decide(now, register).unwrap();
        let opens = world.run_until(Duration::from_millis(250), |world| world.status(1).hosts_open);
        assert!(opens, "decided after {after} ms: {}", world.tell());
    }
}

fn decision_at() -> crate::time::Instant {
    crate::time::Instant::from_secs(1004)
}

/// The phases of 10.1 in which hosts are answered are checked at every step; here, that a start goes through.
#[test]
fn members_that_are_gone_are_not_waited_for_for_ever() {
    let mut world = World::new(4, 3);
    world.nodes[0].disk = members(3);
    world.start(2);
    world.run(Duration::from_millis(2990));
    assert_eq!(world.phase(2), Phase::Starting);
    world.run(Duration::from_millis(20));
    assert_eq!((world.phase(2), world.primary(2)), (Phase::Operating, Some(id(2))));
}
