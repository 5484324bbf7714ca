//! An HMS that stops hands over (spec 10.10).

use super::world::{World, id};
use super::*;

const fn millis(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// Three that have run for a while; gives the primary too.
fn settled(seed: u64) -> (World, usize) {
    let mut world = World::settled(seed, 3);
    world.run(secs(5));
    let primary = world.primary(0).unwrap();
    (world, (0..3).find(|node| id(*node) == primary).unwrap())
}

fn stop(world: &mut World, node: usize) {
    let now = world.now;
    world.cluster(node).stop(now);
}

fn hands_over(world: &World, node: usize) -> Option<(ServerId, bool)> {
    world.nodes[node].running.as_ref()?.hands_over
}

#[test]
fn whoever_stops_hands_over_to_the_most_senior_and_the_others_go_on() {
    crate::shows!("R-PEE-85", "R-PEE-86", "R-PEE-87");
    for seed in 0..9 {
        let (mut world, primary) = settled(seed);
        let stops = if seed % 3 == 0 { primary } else { (primary + seed as usize) % 3 };
        let seat = |node: usize| (world.status(node).joined_at_ms, id(node));
        let next = (0..3).filter(|node| *node != stops).min_by_key(|node| seat(*node)).unwrap();
        let began = world.now;
        stop(&mut world, stops);
        assert_eq!(world.phase(stops), Phase::Stopping);
        // One message: nobody names it any more.
        world.run(millis(20));
        let others: Vec<_> = (0..3).filter(|node| *node != stops).collect();
        for other in &others {
            assert_eq!(world.primary(*other), Some(id(next)), "{}", world.tell());
        }
        assert_eq!(hands_over(&world, stops), Some((id(next), true)), "{}", world.tell());
        let now = world.now;
        let peers = world.cluster(others[0]).peers(now);
        let seen = peers.iter().find(|peer| peer.server == id(stops)).unwrap();
        assert_eq!((seen.state, seen.phase), (PeerState::Up, Some(Phase::Stopping)), "it is reachable");
        assert!(world.run_until(secs(2), |world| world.nodes[stops].running.is_none()), "{}", world.tell());
        assert!(world.now.since(began) >= secs(1), "hosts were sent on for so long");
        world.run(millis(50));
        let now = world.now;
        for other in others {
            let peers = world.cluster(other).peers(now);
            let seen = peers.iter().find(|peer| peer.server == id(stops)).unwrap();
            assert_eq!(seen.state, PeerState::Down, "nobody waits for it");
        }
        world.assert_agree();
        // It comes back as the junior.
        world.start(stops);
        world.run(secs(6));
        world.assert_agree();
        assert_eq!(world.primary(stops), Some(id(next)));
    }
}

#[test]
fn who_is_alone_or_serves_nobody_ends_at_once() {
    crate::shows!("R-PEE-85", "R-PEE-88");
    let mut world = World::new(1, 1);
    world.start(0);
    world.run(secs(1));
    stop(&mut world, 0);
    world.run(millis(1));
    assert!(world.nodes[0].running.is_none());
    // It only starts.
    let mut world = World::new(2, 2);
    world.start(0);
    world.run(secs(1));
    stop(&mut world, 0);
    world.run(millis(1));
    assert!(world.nodes[0].running.is_none());
    // It wakes.
    let (mut world, primary) = settled(3);
    world.nodes[primary].stands_still = true;
    world.run(secs(15));
    world.nodes[primary].stands_still = false;
    world.run_until(secs(1), |world| world.phase(primary) == Phase::Waking);
    stop(&mut world, primary);
    world.run(millis(1));
    assert!(world.nodes[primary].running.is_none());
}

#[test]
fn two_that_stop_together_do_not_wait_for_each_other() {
    crate::shows!("R-PEE-85");
    for seed in 0..6 {
        let mut world = World::settled(seed, 2);
        stop(&mut world, 0);
        world.run(millis(seed * 2));
        let both = world.nodes[1].running.is_some();
        stop(&mut world, 1);
        world.run(millis(2600));
        assert!(both && world.running().is_empty(), "{}", world.tell());
    }
    let (mut world, primary) = settled(7);
    let others: Vec<_> = (0..3).filter(|node| *node != primary).collect();
    stop(&mut world, primary);
    stop(&mut world, others[0]);
    world.run(millis(30));
    assert_eq!(hands_over(&world, primary).map(|(to, _)| to), Some(id(others[1])), "{}", world.tell());
    world.run(secs(5));
    assert_eq!(world.running(), [others[1]]);
    world.assert_agree();
}

#[test]
fn who_does_not_answer_is_passed_over() {
    crate::shows!("R-PEE-85");
    let (mut world, primary) = settled(4);
    let seat = |node: usize| (world.status(node).joined_at_ms, id(node));
    let mut others: Vec<_> = (0..3).filter(|node| *node != primary).collect();
    others.sort_by_key(|node| seat(*node));
    world.nodes[others[0]].stands_still = true;
    stop(&mut world, primary);
    world.run(millis(990));
    assert_eq!(hands_over(&world, primary), None);
    world.run(millis(40));
    assert_eq!(hands_over(&world, primary), Some((id(others[1]), true)), "{}", world.tell());
    // Nobody answers.
    world.nodes[others[1]].stands_still = true;
    let (mut world, primary) = settled(5);
    (0..3).filter(|node| *node != primary).for_each(|node| world.nodes[node].stands_still = true);
    stop(&mut world, primary);
    world.run(millis(1990));
    assert!(world.nodes[primary].running.is_some());
    world.run(millis(20));
    assert!(world.nodes[primary].running.is_none(), "{}", world.tell());
}

#[test]
fn it_takes_five_seconds_whatever_is_missing() {
    crate::shows!("R-PEE-86");
    let (mut world, primary) = settled(6);
    world.nodes[primary].confirms = false;
    stop(&mut world, primary);
    world.run(millis(4990));
    assert!(hands_over(&world, primary).is_some_and(|(_, complete)| !complete));
    assert!(world.nodes[primary].running.as_ref().unwrap().hosts_open, "it answers as before");
    world.run(millis(20));
    assert!(world.nodes[primary].running.is_none());
}

#[test]
fn what_comes_late_is_confirmed_before_done() {
    crate::shows!("R-PEE-86");
    let (mut world, primary) = settled(7);
    world.nodes[primary].confirms = false;
    stop(&mut world, primary);
    world.run(secs(2));
    let told = |world: &mut World, revision| {
        let now = world.now;
        world.cluster(primary).handed_over(now, revision);
    };
    told(&mut world, None);
    world.run(millis(10));
    assert_eq!(hands_over(&world, primary).map(|(_, complete)| complete), Some(false));
    told(&mut world, Some(5));
    world.run(millis(500));
    assert_eq!(hands_over(&world, primary).map(|(_, complete)| complete), Some(true));
    // A host leaves meanwhile.
    told(&mut world, None);
    world.run(secs(1));
    assert!(world.nodes[primary].running.is_some());
    told(&mut world, Some(6));
    world.run(millis(100));
    assert!(world.nodes[primary].running.is_none(), "{}", world.tell());
}

#[test]
fn a_second_stop_ends_at_once_and_a_successor_that_goes_has_a_successor() {
    crate::shows!("R-PEE-86", "R-PEE-88");
    let (mut world, primary) = settled(8);
    world.nodes[primary].confirms = false;
    stop(&mut world, primary);
    world.run(millis(100));
    let (first, _) = hands_over(&world, primary).unwrap();
    let first = (0..3).find(|node| id(*node) == first).unwrap();
    stop(&mut world, first);
    world.run(millis(100));
    let (second, complete) = hands_over(&world, primary).unwrap();
    assert!(second != id(first) && !complete, "{}", world.tell());
    stop(&mut world, primary);
    world.run(millis(1));
    assert!(world.nodes[primary].running.is_none());
}

#[test]
fn after_any_stops_and_crashes_one_leads() {
    for seed in 0..100 {
        let mut world = World::new(seed, 2 + (seed % 3) as usize);
        (0..world.nodes.len()).for_each(|node| world.start(node));
        for _ in 0..10 {
            let count = world.nodes.len() as u64;
            let node = world.roll(count) as usize;
            match (world.nodes[node].running.is_some(), world.roll(4)) {
                (false, _) => world.start(node),
                (true, 0) => world.crash(node),
                (true, _) => {
                    world.nodes[node].confirms = seed % 2 == 0;
                    stop(&mut world, node);
                }
            }
            let span = millis(world.roll(4000));
            world.run(span);
        }
        world.run(secs(5));
        for node in 0..world.nodes.len() {
            if world.nodes[node].running.is_none() {
                world.start(node);
            }
        }
        world.run(secs(12));
        world.assert_agree();
    }
}
