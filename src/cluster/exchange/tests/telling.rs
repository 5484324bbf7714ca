//! Tables of several HMSs become one, and stay so.

use super::world::*;
use crate::registry::ViewSpec;
use crate::time::Duration;
use crate::wire::peer::{PeerKind, Phase};

#[test]
fn a_change_is_at_the_others_within_the_batch() {
    crate::shows!("R-PEE-60", "R-PEE-73");
    let mut world = World::settled(1, 3);
    world.register(0, 1);
    world.run(Duration::from_millis(70));
    world.assert_equal();
    assert!(world.row(1, 1).is_some() && world.row(2, 1).is_some());
    world.change_content(0, 1, 2);
    world.follow_view(0, 1, ViewSpec::Named(&[user(9), user(3)]));
    world.run(Duration::from_millis(70));
    world.assert_equal();
    world.confirm(1, 1, 5, 5061);
    world.run(Duration::from_millis(70));
    world.assert_equal();
    let (home, row) = (world.process(1), world.row(0, 1).unwrap());
    assert_eq!(world.registry(0).row(row).unwrap().home(), home, "it moved");
    world.leave(0, 1);
    world.run(Duration::from_millis(70));
    assert!((0..3).all(|node| world.row(node, 1).is_none()));
}

#[test]
fn without_immediate_changes_wait_for_the_exchange() {
    crate::shows!("R-PEE-73");
    let mut world = World::new(2, 2);
    world.immediate = false;
    (0..2).for_each(|node| world.start(node));
    world.run(secs(12));
    world.assert_operating();
    // The exchange before has just been.
    let last = world.now;
    world.register(0, 1);
    assert!(world.run_until(secs(6), |world| world.row(1, 1).is_some()));
    let waited = world.now.since(last);
    assert!(waited > secs(1) && waited < Duration::from_millis(5100), "{waited:?}");
}

#[test]
fn a_newcomer_gets_all_before_it_operates() {
    crate::shows!("R-PEE-15", "R-PEE-79", "R-PEE-98");
    let mut world = World::new(3, 2);
    world.start(0);
    world.run(secs(5));
    world.register_many(0, 0..3000);
    world.start(1);
    assert!(world.run_until(secs(10), |world| world.phase(1) == Phase::Operating));
    world.assert_equal();
    assert_eq!(world.registry(1).len(), 3000);
}

#[test]
fn in_a_chain_the_middle_relays() {
    crate::shows!("R-PEE-62", "R-PEE-63", "R-PEE-71");
    let mut world = World::new(4, 3);
    world.cut(0, 2, true);
    (0..3).for_each(|node| world.start(node));
    world.run(secs(12));
    world.assert_operating();
    for host in 0..30 {
        world.register(host as usize % 3, host);
    }
    world.run(secs(1));
    world.assert_equal();
    world.leave(0, 0);
    world.leave(2, 2);
    world.run(secs(1));
    world.assert_equal();
    assert_eq!(world.registry(1).len(), 28);
    // No copy ages while its home is reached over one.
    world.run(secs(200));
    world.assert_equal();
    assert_eq!(world.registry(0).len(), 28);
}

#[test]
fn in_a_mesh_everything_travels_once() {
    crate::shows!("R-PEE-70", "R-PEE-71");
    let mut world = World::settled(5, 3);
    world.heard.clear();
    world.register(0, 1);
    world.run(secs(3));
    let heard: Vec<_> = (0..3).map(|node| world.take_heard(node, PeerKind::Delta).0).collect();
    assert_eq!(heard, [0, 1, 1]);
}

#[test]
fn equal_tables_cost_one_delta_each_way_in_a_minute() {
    crate::shows!("R-PEE-77", "R-PEE-78");
    let mut world = World::settled(6, 2);
    world.register_many(0, 0..100);
    world.register_many(1, 100..200);
    world.run(secs(90));
    world.assert_equal();
    world.heard.clear();
    world.run(secs(600));
    for node in 0..2 {
        let (count, bytes) = world.take_heard(node, PeerKind::Delta);
        assert_eq!(count, 10);
        assert_eq!(bytes, 10 * (16 + 27));
    }
    assert!(world.heard.is_empty(), "{:?}", world.heard);
}

#[test]
fn changes_cost_their_rows() {
    let mut world = World::settled(7, 2);
    world.register_many(0, 0..2000);
    world.run(secs(90));
    for changes in [1u32, 10, 1000] {
        world.heard.clear();
        let mut own = 0;
        for host in 0..changes {
            world.change_content(0, host, 2 + changes);
            own += world.shown(0).get(&user(host)).map_or(0, |(_, row)| row.len() as u64);
        }
        world.run(secs(3));
        world.assert_equal();
        let (_, bytes) = world.take_heard(1, PeerKind::Delta);
        assert!(bytes as f64 <= 1.3 * own as f64 + 300.0, "{changes}: {bytes} for {own}");
    }
}

#[test]
fn a_change_is_replicated_when_all_have_confirmed_it() {
    let mut world = World::settled(8, 3);
    let row = world.register(0, 1);
    let revision = world.registry(0).shared_revision(row);
    let now = world.now;
    assert_eq!(world.running(0).exchange.is_replicated(revision), None);
    world.running(0).exchange.hurry(now, revision);
    assert!(
        world.run_until(secs(1), |world| world.running(0).exchange.is_replicated(revision) == Some(true))
    );
    assert!(world.now.since(now) < Duration::from_millis(15), "there and back, and no more");
    assert!(world.row(1, 1).is_some() && world.row(2, 1).is_some());
    // Who confirmed it already is not asked again; who does not answer is waited for until it is suspect.
    let row = world.register(0, 2);
    let revision = world.registry(0).shared_revision(row);
    world.cut(0, 2, true);
    let now = world.now;
    world.running(0).exchange.hurry(now, revision);
    world.run(secs(2));
    assert_eq!(world.running(0).exchange.is_replicated(revision), None);
    assert!(
        world.run_until(secs(5), |world| world.running(0).exchange.is_replicated(revision) == Some(true))
    );
    world.cut(0, 1, true);
    world.run(secs(12));
    assert_eq!(world.running(0).exchange.is_replicated(revision), Some(false), "nobody is there");
}

#[test]
fn who_hands_over_knows_when_all_is_there() {
    let mut world = World::settled(9, 2);
    let all = |world: &mut World| {
        let now = world.now;
        world.running(0).table(now, |exchange, table| exchange.has_everything(now, id(1), table))
    };
    world.run(secs(2));
    assert!(all(&mut world));
    world.register(0, 1);
    assert!(!all(&mut world));
    world.run(Duration::from_millis(100));
    assert!(world.row(1, 1).is_some() && !all(&mut world), "it is there, and not confirmed");
    world.run(secs(1));
    assert!(all(&mut world));
}

#[test]
fn a_copy_is_shown_as_equal_when_it_has_come() {
    let mut world = World::new(11, 2);
    world.start(0);
    world.run(secs(5));
    world.register_many(0, 0..5);
    world.start(1);
    world.run(secs(8));
    let now = world.now;
    let figures = world.running(1).table(now, |exchange, table| exchange.figures(now, id(0), table)).unwrap();
    assert_eq!((figures.rows, figures.equal), (5, Some(true)), "not only with the ROOT of the next minute");
}

#[test]
fn what_differs_is_shown() {
    let mut world = World::settled(10, 2);
    world.register_many(0, 0..5);
    world.run(secs(61));
    let now = world.now;
    let figures = world.running(1).table(now, |exchange, table| exchange.figures(now, id(0), table)).unwrap();
    assert_eq!((figures.rows, figures.equal), (5, Some(true)));
    assert!(figures.root != 0 && figures.exchanged.is_some_and(|ago| ago < secs(61)));
    assert_eq!(world.running(1).exchange.drops(), &Default::default());
}
