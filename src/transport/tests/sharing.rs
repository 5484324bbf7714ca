//! Links that share a bottleneck.

use super::path::Faults;
use super::world::{World, message};
use crate::time::Duration;
use crate::transport::LinkId;

/// 10 Mbit/s in bytes a second.
const RATE: u64 = 1_250_000;
/// Bytes that wait at the bottleneck for 25 ms.
const QUEUE: u64 = RATE / 40;

fn feed(world: &mut World, node: usize, link: LinkId) {
    let link = world.nodes[node].endpoint.link_mut(link).expect("a link");
    link.pull_bulk(1000, |_| Some(message(0, 1000))).expect("it fits");
}

/// What two links got.
#[derive(Debug)]
struct Shares {
    /// The larger part of each span by the smaller.
    ratios: Vec<f64>,
    /// Of the rate.
    used: f64,
    /// Of the packets.
    lost: f64,
}

/// Two senders to two receivers through one bottleneck; the second begins `later`. What they get is looked at in
/// three spans of 20 s, 10 s after that.
fn share(seed: u64, queue: u64, delay: u64, later: u64) -> Shares {
    let mut world = World::new(seed, 4, Faults::delay(delay));
    world.share((2, 3), (0, 1));
    world.path(0, 1).faults.rate = Some((RATE, queue));
    let a = world.join(0, 1).0;
    (world.nodes[1].counts, world.nodes[3].counts) = (true, true);
    world.run_with(Duration::from_secs(later), |world| feed(world, 0, a));
    let c = world.join(2, 3).0;
    let both = |world: &mut World| {
        feed(world, 0, a);
        feed(world, 2, c);
    };
    world.run_with(Duration::from_secs(10), both);
    let bytes = |world: &World| (world.nodes[1].told.bytes[2], world.nodes[3].told.bytes[2]);
    let (before, tally) = (bytes(&world), world.path(0, 1).tally());
    let (mut ratios, mut last) = (Vec::new(), before);
    for _ in 0..3 {
        world.run_with(Duration::from_secs(20), both);
        let now = bytes(&world);
        let (a, b) = ((now.0 - last.0) as f64, (now.1 - last.1) as f64);
        ratios.push(a.max(b) / a.min(b));
        last = now;
    }
    let now = world.path(0, 1).tally();
    Shares {
        ratios,
        used: (last.0 - before.0 + last.1 - before.1) as f64 / (RATE * 60) as f64,
        lost: (now.full - tally.full) as f64 / (now.taken - tally.taken) as f64,
    }
}

#[test]
fn two_links_share_a_bottleneck_with_a_short_queue() {
    shows!("R-TRN-50", "R-TRN-53");
    for (queue, delay, later) in
        [(QUEUE, 5, 0), (QUEUE, 5, 10), (QUEUE, 20, 0), (QUEUE, 20, 10), (QUEUE, 50, 10), (2 * QUEUE, 20, 10)]
    {
        let Shares { ratios, used, lost } = share(delay + later, queue, delay, later);
        let percent = lost * 100.0;
        println!("{queue} bytes wait, {delay} ms each way, the second {later} s later:");
        println!("  ratios {ratios:.2?}, {used:.2} of the rate used, {percent:.2} % lost");
        assert!(ratios.iter().all(|ratio| *ratio < 2.0), "{ratios:?}");
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
