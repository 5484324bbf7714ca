//! Hosts that are answered when the other HMSs have them (`ack = "replicated"`).

use super::world::{World, user};
use crate::auth::user_id;
use crate::ident::RealmId;
use crate::registry::{Reason, RowId};
use crate::server::{AckWhen, Service};
use crate::time::Duration;

const REALM: RealmId = RealmId(7);

/// So many HMSs that have met, and wait for each other.
fn waiting_for_each_other(nodes: usize) -> World {
    let mut world = World::new(nodes, nodes);
    world.nodes.iter_mut().for_each(|node| node.settings.peers.ack = AckWhen::Replicated);
    (0..nodes).for_each(|node| world.start(node));
    world.secs(8);
    world
}

fn millis(world: &mut World, millis: u64) {
    world.pass(Duration::from_millis(millis));
}

/// Whether the host is registered, and what it was told of the others.
fn told(world: &World, number: u8) -> (bool, Option<bool>) {
    let me = world.hosts[&number].me(world.now);
    (me.registered, me.replicated)
}

fn row(world: &mut World, node: usize, number: u8) -> Option<RowId> {
    world.server(node).registry.by_user(REALM, user_id(REALM, &user(number)))
}

#[test]
fn a_host_is_answered_as_soon_as_all_have_it() {
    crate::shows!("R-PEE-75");
    let mut world = waiting_for_each_other(3);
    world.join(1);
    // Two round trips of 10 ms to the HMS, and one between: nothing waits for the next batch of changes.
    millis(&mut world, 28);
    assert_eq!(told(&world, 1), (false, None), "not before the others have confirmed it");
    millis(&mut world, 7);
    assert_eq!(told(&world, 1), (true, Some(true)), "{}", world.tell());
    assert!((0..3).all(|node| row(&mut world, node, 1).is_some()));
    // Settled as `local`, nobody waits, and nothing is said.
    let (now, mut settings) = (world.now, world.nodes[0].settings.clone());
    settings.peers.ack = AckWhen::Local;
    world.server(0).reload(now, settings);
    world.join(2);
    millis(&mut world, 25);
    assert_eq!(told(&world, 2), (true, None));
}

#[test]
fn a_host_does_not_wait_for_the_dead_for_long() {
    crate::shows!("R-PEE-75");
    let mut world = waiting_for_each_other(2);
    world.crash(1);
    world.join(1);
    millis(&mut world, 500);
    assert_eq!(told(&world, 1), (false, None));
    assert!(world.server(0).held.due().is_some(), "it waits");
    millis(&mut world, 40);
    assert_eq!(told(&world, 1), (true, Some(false)), "{}", world.tell());
    assert_eq!(world.server(0).held.due(), None);
    // Whoever is suspect, or down, is waited for no more.
    world.secs(12);
    world.join(2);
    millis(&mut world, 25);
    assert_eq!(told(&world, 2), (true, Some(false)));
}

#[test]
fn a_late_confirmation_is_told_with_the_next_ack() {
    crate::shows!("R-PEE-75");
    let mut world = waiting_for_each_other(2);
    world.cut(0, 1, true);
    world.join(1);
    millis(&mut world, 700);
    assert_eq!(told(&world, 1), (true, Some(false)));
    world.cut(0, 1, false);
    world.secs(25);
    assert_eq!(told(&world, 1), (true, Some(true)), "{}", world.tell());
}

#[test]
fn the_same_register_is_not_answered_while_the_answer_waits() {
    crate::shows!("R-PEE-75");
    let mut world = waiting_for_each_other(2);
    world.crash(1);
    world.join(1);
    let mut registers = Vec::new();
    for _ in 0..40 {
        millis(&mut world, 1);
        registers.extend(world.take_last_register(1));
    }
    let register = registers.pop().expect("it registers");
    let before = world.server(0).answers.number();
    for _ in 0..5 {
        world.deliver(super::world::host_address(1), super::world::address(0), &register);
    }
    assert_eq!(world.server(0).answers.number(), before + 1, "no answer was made meanwhile");
    assert_eq!(world.status(0).drops.get("held"), Some(&5));
    millis(&mut world, 500);
    assert_eq!(told(&world, 1), (true, Some(false)));
}

#[test]
fn an_answer_whose_row_is_gone_is_not_given() {
    crate::shows!("R-PEE-75");
    let mut world = waiting_for_each_other(2);
    world.crash(1);
    world.join(1);
    millis(&mut world, 100);
    let (now, id) = (world.now, row(&mut world, 0, 1).expect("a row"));
    let due = world.server(0).held.due().expect("its answer waits");
    world.server(0).remove_row(now, id, Reason::Expiry, "expire");
    world.server(0).handle_timeout(due);
    assert!(world.server(0).answers.is_empty());
    assert_eq!(world.server(0).held.due(), None);
}

#[test]
fn who_serves_hosts_no_more_gives_no_answer_that_waits() {
    crate::shows!("R-PEE-75");
    let mut world = waiting_for_each_other(2);
    world.crash(1);
    world.join(1);
    millis(&mut world, 100);
    let now = world.now;
    let due = world.server(0).held.due().expect("its answer waits");
    world.server(0).set_service(now, Service::Closed);
    world.server(0).answer_held(due);
    assert!(world.server(0).answers.is_empty());
    assert_eq!(world.server(0).held.due(), None);
}

#[test]
fn who_has_no_others_says_so_at_once() {
    crate::shows!("R-PEE-75");
    let mut world = waiting_for_each_other(1);
    world.join(1);
    millis(&mut world, 25);
    assert_eq!(told(&world, 1), (true, Some(false)));
}
