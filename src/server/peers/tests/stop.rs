//! The table of an HMS that stops goes to its successor, and its rows live on there (spec 10.10).

use super::world::{World, name};
use crate::server::HandedOver;
use crate::time::Duration;

/// Runs the stop of the first HMS to its end; what it says then.
fn stop(world: &mut World) -> HandedOver {
    let now = world.now;
    world.server(0).stop(now);
    for _ in 0..500 {
        world.pass(Duration::from_millis(10));
        if world.server(0).handed_over().complete {
            break;
        }
    }
    let handed_over = world.server(0).handed_over();
    world.pass(Duration::from_millis(500));
    world.crash(0);
    handed_over
}

#[test]
fn the_successor_has_what_nobody_else_was_told_yet() {
    crate::shows!("R-PEE-86");
    for immediate in [true, false] {
        let mut world = World::new(2, 2);
        for node in &mut world.nodes {
            node.settings.peers.immediate = immediate;
            node.settings.peers.exchange_time = Duration::from_secs(30);
        }
        world.start(0);
        world.secs(4);
        world.start(1);
        world.secs(8);
        (1..=20).for_each(|number| world.join(number));
        world.secs(2);
        assert_eq!(world.rows(0).len(), 20, "{}", world.tell());
        assert_eq!(world.rows(1).len() == 20, immediate, "the exchange is not due");
        let rows = world.rows(0);
        let successor = world.server(0).successor();
        assert_eq!(successor, Some(name(1)));
        let handed_over = stop(&mut world);
        assert!(handed_over.complete && handed_over.successor == successor, "{handed_over:?}");
        assert_eq!(handed_over.hosts, 20);
        assert_eq!(world.rows(1).len(), rows.len(), "{}", world.tell());
        assert_eq!(world.role(1), "primary");
    }
}

#[test]
fn rows_of_an_hms_that_stopped_age_unless_their_hosts_have_moved() {
    crate::shows!("R-PEE-87");
    let mut world = World::settled(2);
    (1..=4).for_each(|number| world.join(number));
    world.secs(15);
    assert_eq!(world.rows(1).len(), 4, "{}", world.tell());
    // Two of them end with it.
    world.hosts.retain(|number, _| *number <= 2);
    assert!(stop(&mut world).complete);
    world.secs(15);
    assert_eq!(world.rows(1).len(), 4, "not sooner than its time");
    world.secs(30);
    let rows = world.rows(1);
    assert_eq!(rows.len(), 2, "{rows:?}");
    assert!(world.hosts.values().all(|host| host.me(world.now).hms == Some(name(1))), "{}", world.tell());
}

#[test]
fn who_is_alone_has_no_successor() {
    crate::shows!("R-PEE-85");
    let mut world = World::settled(1);
    assert_eq!(world.server(0).successor(), None);
    let mut world = World::settled(2);
    world.crash(1);
    world.secs(15);
    assert_eq!(world.server(0).successor(), None);
    assert_eq!(world.server(0).handed_over().successor, None);
}
