//! Who is not taken.

use super::world::{World, address, id, members};
use super::*;
use crate::ident::Stamp;
use crate::wire::peer::RefuseCode;

/// Two that are members, and a third that only knows where they are.
fn with_newcomer() -> World {
    let mut world = World::new(21, 3);
    world.nodes[0].disk = members(2);
    world.nodes[1].disk = members(2);
    world.nodes[2].disk = Facts::default();
    world.nodes[2].peers = vec![address(0), address(1)];
    (0..2).for_each(|node| world.start(node));
    world.run(secs(5));
    world
}

#[test]
fn a_newcomer_is_refused_until_its_address_is_registered() {
    crate::shows!("R-PEE-20", "R-PEE-21", "R-PEE-22", "R-PEE-26");
    let mut world = with_newcomer();
    world.start(2);
    world.run(secs(4));
    let status = world.status(2);
    assert_eq!((status.phase, status.hosts_open), (Phase::Refused, false), "{}", world.tell());
    let refusal = status.refusal.unwrap();
    assert_eq!(refusal.code, RefuseCode::NotRegistered);
    assert!(refusal.reason.contains("hms peers add 10.0.0.3"), "{refusal:?}");
    let now = world.now;
    let seen = world.cluster(0).peers(now);
    assert_eq!(seen.last().unwrap().state, PeerState::Refused(RefuseCode::NotRegistered));
    world.run(secs(20));
    assert_eq!(world.status(2).line, None, "it founds nothing: {}", world.tell());
    let now = world.now;
    world.cluster(0).decide(now, |facts, how| facts.register_address(how, address(2), None)).unwrap();
    world.run(secs(12));
    world.assert_agree();
    assert_eq!(world.running().len(), 3);
    let digests: Vec<_> = (0..3).map(|node| world.nodes[node].disk.digest()).collect();
    assert!(digests.windows(2).all(|pair| pair[0] == pair[1]), "facts came to all, on disk");
    assert!(world.nodes[0].disk.member(id(2)).is_some());
}

#[test]
fn two_that_refuse_each_other_serve_on() {
    crate::shows!("R-PEE-21");
    let mut world = World::settled(22, 2);
    for node in 0..2 {
        let mut facts = Facts::default();
        let how = Decision { clock: Stamp(5), by: id(node) };
        facts.enter_member(how, id(node), &crate::ident::Name::new("alone").unwrap()).unwrap();
        facts.register_address(how, address(node), Some(id(node))).unwrap();
        // Each knows an address of the other, but not that it comes from there.
        facts.register_address(how, "10.0.0.77:6710".parse().unwrap(), None).unwrap();
        world.nodes[node].disk = facts;
        world.crash(node);
    }
    (0..2).for_each(|node| world.start(node));
    world.run(secs(6));
    assert!((0..2).all(|node| world.phase(node) == Phase::Operating), "{}", world.tell());
    // Now somebody who is known comes from an address that is not.
    let now = world.now;
    for (node, other) in [(0, 1), (1, 0)] {
        let name = crate::ident::Name::new("other").unwrap();
        world.cluster(node).decide(now, |facts, how| facts.enter_member(how, id(other), &name)).unwrap();
    }
    world.nodes[0].peers = vec![address(1)];
    world.run(secs(60));
    assert!((0..2).all(|node| world.phase(node) == Phase::Operating), "{}", world.tell());
}
