//! Lines that meet, crashes, relays, standing still.

use super::world::{World, id};
use super::*;

#[test]
fn lines_that_meet_become_one_and_all_serve_on() {
    crate::shows!("R-PEE-46");
    for seed in 0..20 {
        let mut world = World::new(seed, 3);
        world.cut_both(0, 1, true);
        world.cut_both(0, 2, true);
        (0..3).for_each(|node| world.start(node));
        world.run(secs(8 + seed));
        let before = [0, 1, 2].map(|node| world.status(node));
        assert!(before.iter().all(|one| one.phase == Phase::Operating), "{}", world.tell());
        assert_ne!(before[0].line.unwrap().0, before[1].line.unwrap().0);
        world.cut_both(0, 1, false);
        world.cut_both(0, 2, false);
        let serve = |world: &World| (0..3).all(|node| world.status(node).hosts_open);
        assert!(!world.run_until(secs(12), |world| !serve(world)), "hosts are answered all the time");
        world.assert_agree();
        let moved =
            (0..3).filter(|node| world.status(*node).line.unwrap().0 != before[*node].line.unwrap().0);
        assert!(matches!(moved.count(), 1 | 2), "one line gave way");
    }
}

#[test]
fn who_is_between_relays() {
    crate::shows!("R-PEE-41", "R-PEE-42");
    let mut world = World::new(7, 3);
    world.cut_both(0, 2, true);
    (0..3).for_each(|node| world.start(node));
    world.run(secs(12));
    world.assert_agree();
    let now = world.now;
    let peers = world.cluster(0).peers(now);
    let far = peers.iter().find(|peer| peer.server == id(2)).unwrap();
    assert_eq!(far.way, Some(Way::Over(id(1))), "{peers:?}");
    assert_eq!((far.phase, far.state), (Some(Phase::Operating), PeerState::NeverHeard));
    assert_eq!(world.status(2).timing, world.status(0).timing, "settings pass over a relay");
    // Cut while they run, and one way only.
    let mut world = World::settled(8, 3);
    world.cut(0, 2, true);
    world.run(secs(25));
    world.assert_agree();
    let now = world.now;
    let way = |peers: &[PeerView]| peers.iter().find(|peer| peer.server == id(2)).unwrap().way;
    assert_eq!(way(&world.cluster(0).peers(now)), Some(Way::Over(id(1))), "not heard both ways");
}

#[test]
fn where_one_way_is_cut_both_find_out() {
    crate::shows!("R-PEE-40");
    for seed in 0..20 {
        let mut world = World::settled(seed, 2);
        world.run(Duration::from_millis(30_000 + 97 * seed));
        world.cut(0, 1, true);
        world.run(Duration::from_millis(11_100));
        let leads: Vec<_> = (0..2).map(|node| world.primary(node) == Some(id(node))).collect();
        assert_eq!(leads, [true, true], "seed {seed}: {}", world.tell());
        world.cut(0, 1, false);
        world.run(secs(12));
        world.assert_agree();
    }
}

#[test]
fn when_the_primary_dies_the_next_leads_and_it_comes_back_as_junior() {
    crate::shows!("R-PEE-40", "R-PEE-41");
    let mut world = World::settled(9, 3);
    world.run(secs(30));
    let primary = world.primary(1).unwrap();
    let node = (0..3).find(|node| id(*node) == primary).unwrap();
    world.crash(node);
    let others = world.running();
    world.run(Duration::from_millis(2900));
    let now = world.now;
    let state = |world: &mut World| {
        let peers = world.cluster(others[0]).peers(now);
        peers.iter().find(|peer| peer.server == primary).unwrap().state
    };
    assert_eq!((state(&mut world), world.primary(others[0])), (PeerState::Up, Some(primary)));
    world.run(Duration::from_millis(7200));
    world.assert_agree();
    assert_ne!(world.primary(others[0]), Some(primary), "{}", world.tell());
    assert_eq!(state(&mut world), PeerState::Down);
    let next = world.primary(others[0]);
    world.start(node);
    world.run(secs(5));
    world.assert_agree();
    assert_eq!(world.primary(node), next);
    let joined: Vec<_> = (0..3).map(|node| world.status(node).joined_at_ms).collect();
    assert!(others.iter().all(|other| joined[*other] < joined[node]), "{joined:?}");
    // Back before anybody missed it: junior all the same.
    let next = (0..3).find(|node| Some(id(*node)) == next).unwrap();
    world.crash(next);
    world.run(secs(1));
    world.start(next);
    world.run(secs(5));
    world.assert_agree();
    assert_ne!(world.primary(next), Some(id(next)));
}

#[test]
fn who_stood_still_asks_before_it_serves_on_and_keeps_its_seat() {
    crate::shows!("R-PEE-06");
    let mut world = World::settled(11, 3);
    world.run(secs(20));
    let before = world.status(0);
    world.nodes[0].stands_still = true;
    world.run(secs(15));
    assert_ne!(world.primary(1), Some(id(0)), "{}", world.tell());
    world.nodes[0].stands_still = false;
    world.run(Duration::from_millis(1));
    assert_eq!((world.phase(0), world.status(0).hosts_open), (Phase::Waking, false));
    world.run(secs(4));
    world.assert_agree();
    let after = world.status(0);
    assert_eq!((after.line.unwrap().0, after.joined_at_ms), (before.line.unwrap().0, before.joined_at_ms));
    assert_eq!(world.primary(1), Some(id(0)), "the oldest leads again");
    // All at once, as machines on one host that was suspended.
    (0..3).for_each(|node| world.nodes[node].stands_still = true);
    world.run(secs(60));
    (0..3).for_each(|node| world.nodes[node].stands_still = false);
    world.run(secs(5));
    world.assert_agree();
    assert_eq!(world.status(0).line.unwrap().0, before.line.unwrap().0, "nobody founded");
}

/// Whatever happened: 12 s after the last fault all name one primary, of one line.
#[test]
fn after_any_faults_one_leads() {
    let seeds = std::env::var("HMS_CLUSTER_SEEDS").ok().and_then(|text| text.parse().ok()).unwrap_or(200);
    for seed in 0..seeds {
        let mut world = World::new(seed, 2 + (seed % 3) as usize);
        world.paths().for_each(|path| path.loss = seed % 4 * 5);
        (0..world.nodes.len()).for_each(|node| world.start(node));
        for _ in 0..8 {
            fault(&mut world);
            let span = Duration::from_millis(world.roll(6000));
            world.run(span);
        }
        heal(&mut world);
        world.run(secs(12));
        world.assert_agree();
        world.run(secs(3));
        world.assert_agree();
    }
}

/// Both dial, one is slow to look, packets are lost: of what opens and ends meanwhile only the link that stays counts, so
/// nobody is down who is not.
#[test]
fn links_that_end_before_they_are_told_of_take_no_neighbour_away() {
    crate::shows!("R-TRN-24", "R-PEE-94");
    for seed in 0..300 {
        let mut world = World::new(seed, 2 + (seed % 2) as usize);
        world.grain = Duration::from_millis(1 + seed % 40);
        world.paths().for_each(|path| path.loss = seed % 3 * 10);
        (0..world.nodes.len()).for_each(|node| world.start(node));
        world.run(secs(20));
    }
}

fn fault(world: &mut World) {
    let count = world.nodes.len() as u64;
    let (one, other) = (world.roll(count) as usize, world.roll(count) as usize);
    match world.roll(6) {
        0 => world.crash(one),
        1 if world.nodes[one].running.is_none() => world.start(one),
        2 => world.cut_both(one, other, true),
        3 => world.cut(one, other, true),
        4 => {
            world.paths().for_each(|path| path.cut = false);
        }
        _ => world.nodes[one].stands_still = !world.nodes[one].stands_still,
    }
}

fn heal(world: &mut World) {
    world.paths().for_each(|path| (path.cut, path.loss) = (false, 0));
    for node in 0..world.nodes.len() {
        world.nodes[node].stands_still = false;
        if world.nodes[node].running.is_none() {
            world.start(node);
        }
    }
}
