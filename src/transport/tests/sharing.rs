//! Links that share a bottleneck.

use super::path::Faults;
use super::world::{World, message};
use crate::time::Duration;
use crate::transport::LinkId;

const RATE: u64 = 1_250_000;

fn feed(world: &mut World, node: usize, link: LinkId) {
    let link = world.nodes[node].endpoint.link_mut(link).expect("a link");
    link.pull_bulk(1000, |_| Some(message(0, 1000))).expect("it fits");
}

/// Two senders to two receivers through one bottleneck of 10 Mbit/s; the second begins `later`.
fn share(seed: u64, queue: u64, delays: (u64, u64), later: Duration) -> (u64, u64, f64) {
    let mut world = World::new(seed, 4, Faults::delay(delays.0));
    world.share((2, 3), (0, 1));
    world.path(0, 1).faults.rate = Some((RATE, queue));
    world.path(3, 2).faults.delay = Duration::from_millis(delays.1);
    let (a, c) = (world.join(0, 1).0, world.join(2, 3).0);
    (world.nodes[1].counts, world.nodes[3].counts) = (true, true);
    world.run_with(later, |world| feed(world, 0, a));
    let both = |world: &mut World| {
        feed(world, 0, a);
        feed(world, 2, c);
    };
    world.run_with(Duration::from_secs(20), both);
    let bytes = |world: &World| (world.nodes[1].told.bytes[2], world.nodes[3].told.bytes[2]);
    let before = bytes(&world);
    let tally = world.path(0, 1).tally;
    world.run_with(Duration::from_secs(60), both);
    let after = bytes(&world);
    let now = world.path(0, 1).tally;
    let lost = (now.full - tally.full) as f64 / (now.taken - tally.taken) as f64;
    (after.0 - before.0, after.1 - before.1, lost)
}

#[test]
fn two_links_share_a_bottleneck_with_a_short_queue() {
    shows!("R-TRN-50", "R-TRN-53");
    for (seed, queue, later) in [(1, 24_000, 0), (2, 36_000, 10), (3, 76_800, 20)] {
        let (a, b, lost) = share(seed, queue, (20, 20), Duration::from_secs(later));
        let used = (a + b) as f64 / (RATE * 60) as f64;
        println!(
            "queue {queue}: {a} and {b} bytes in 60 s, {used:.2} of the rate, {:.2} % lost",
            lost * 100.0
        );
        assert!(a < 2 * b && b < 2 * a, "{a} and {b}");
        assert!(used > 0.75 && lost < 0.05, "{used} {lost}");
    }
}

#[test]
fn one_link_alone_fills_a_bottleneck() {
    let mut world = World::new(5, 2, Faults { rate: Some((RATE, 60_000)), ..Faults::delay(20) });
    let (a, _) = world.join(0, 1);
    world.nodes[1].counts = true;
    world.run_with(Duration::from_secs(20), |world| feed(world, 0, a));
    let used = world.nodes[1].told.bytes[2] as f64 / (RATE * 20) as f64;
    let stats = world.link(0, a).stats();
    println!("alone: {used:.2} of the rate, {} of {} packets lost", stats.lost, stats.sent);
    assert!(used > 0.85, "{used}");
}

#[test]
fn a_clean_path_of_50_ms_is_fast() {
    let mut world = World::new(6, 2, Faults::delay(25));
    let (a, _) = world.join(0, 1);
    world.nodes[1].counts = true;
    world.run_with(Duration::from_secs(3), |world| feed(world, 0, a));
    let rate = world.nodes[1].told.bytes[2] / 3;
    println!("clean, 50 ms: {rate} bytes/s in the first 3 s");
    assert!(rate > 10_000_000, "{rate}");
}
