//! Paths on which a link cannot live, though something comes through.

use super::path::Faults;
use super::world::{World, message, patient};
use crate::time::Duration;
use crate::transport::limits::SILENCE_MIN;
use crate::transport::{CloseCode, CloseReason, LinkId, Priority};

const SECOND: Duration = Duration::from_secs(1);

/// A link that carries bulk from node 0 to node 1, on a path on which nothing longer than 600 bytes comes through.
fn holed() -> (World, LinkId, LinkId) {
    let mut world = World::new(1, 2, Faults::delay(10));
    let (a, b) = world.join(0, 1);
    world.run_with(SECOND, |world| while feed(world, a) {});
    world.path(0, 1).faults.hole = Some(600);
    (world, a, b)
}

fn feed(world: &mut World, link: LinkId) -> bool {
    world.nodes[0].endpoint.send(link, Priority::Bulk, &message(0, 30_000)).is_ok()
}

#[test]
fn a_path_that_carries_small_packets_only_ends_the_link() {
    shows!("R-TRN-70", "R-TRN-01");
    let (mut world, a, b) = holed();
    while feed(&mut world, a) {}
    let took = world.run_until(SECOND * 60, |world| !world.nodes[1].told.closed.is_empty());
    assert!((SECOND * 19..SECOND * 21).contains(&took), "{took:?}");
    assert_eq!(world.nodes[0].told.closed, [(a, CloseReason::Silent)]);
    assert_eq!(world.nodes[1].told.closed, [(b, CloseReason::There(CloseCode::SILENT, String::new()))]);
    let again = world.dial(0, 1);
    world.run(SECOND * 11);
    assert_eq!(world.nodes[0].told.closed.last(), Some(&(again, CloseReason::NoAnswer)));
}

#[test]
fn a_hole_that_closes_in_time_ends_no_link_and_what_was_sent_arrives() {
    shows!("R-TRN-70", "R-TRN-42");
    let (mut world, a, b) = holed();
    world.run_with(SECOND * 16, |world| while feed(world, a) {});
    world.path(0, 1).faults.hole = None;
    world.run(SECOND * 4);
    assert!(world.link(0, a).is_open() && world.link(1, b).is_open());
    assert_eq!(world.link(0, a).unacknowledged(Priority::Bulk), 0);
    // A link that is idle has nothing in flight, for however long.
    world.run(SECOND * 100);
    assert!(world.link(0, a).is_open() && world.link(1, b).is_open());
}

#[test]
fn a_silence_too_short_for_pings_is_not_taken() {
    shows!("R-TRN-70");
    let mut world = World::new(2, 2, Faults::delay(10));
    for node in [0, 1] {
        world.nodes[node].endpoint = patient(node, 1, 2, Duration::from_millis(100));
    }
    let (a, b) = world.join(0, 1);
    world.run(SECOND * 60);
    assert!(world.link(0, a).is_open() && world.link(1, b).is_open());
    world.set_faults(Faults { cut: true, ..Faults::default() });
    let took = world.run_until(SECOND * 60, |world| !world.nodes[0].told.closed.is_empty());
    assert!((SILENCE_MIN - SECOND * 2..SILENCE_MIN + SECOND / 10).contains(&took), "{took:?}");
}
