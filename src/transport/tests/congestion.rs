//! What is on the wire keeps to the pace.

use super::path::Faults;
use super::world::{World, message};
use crate::time::{Duration, Instant};
use crate::transport::limits::{BURST_MIN, MSS};
use crate::transport::pacer::Pacer;

#[test]
fn packets_are_spread_over_the_round_trip() {
    shows!("R-TRN-53");
    let mut world = World::new(2, 2, Faults::delay(50));
    let (a, _) = world.join(0, 1);
    world.nodes[1].counts = true;
    world.run_with(Duration::from_millis(500), |world| {
        let link = world.nodes[0].endpoint.link_mut(a).expect("a link");
        link.pull_bulk(1000, |_| Some(message(0, 1000))).expect("it fits");
    });
    world.capture = Some(Vec::new());
    let (mut window, mut rtt) = (0, Duration::ZERO);
    world.run_with(Duration::from_millis(90), |world| {
        let link = world.nodes[0].endpoint.link_mut(a).expect("a link");
        link.pull_bulk(1000, |_| Some(message(0, 1000))).expect("it fits");
        (window, rtt) = (link.window().1, link.rtt().smoothed());
    });
    let capture = world.capture.take().expect("a capture");
    let bytes: Vec<_> = capture.iter().filter(|s| s.0 == 0).map(|s| (s.3, s.2.len() as u64)).collect();
    let rate = window as f64 * 1.25 / rtt.as_secs_f64();
    for (n, (start, _)) in bytes.iter().enumerate() {
        let millis = Duration::from_millis(10);
        let burst: u64 = bytes.iter().skip(n).take_while(|b| b.0.since(*start) <= millis).map(|b| b.1).sum();
        let allowed = rate * 0.010 + 65_536.0_f64.min((rate * 0.002).max(12_000.0)) + 2400.0;
        assert!((burst as f64) <= allowed, "{burst} bytes in 10 ms, {allowed} allowed");
    }
    assert!(bytes.len() > 50, "{}", bytes.len());
}

#[test]
fn the_bucket_holds_a_burst_and_fills_at_the_rate() {
    shows!("R-TRN-53");
    let at = Instant::from_millis;
    let mut pacer = Pacer::new(at(0));
    let rate = 120_000;
    for _ in 0..10 {
        assert_eq!(pacer.wait(at(0), rate), None);
        pacer.spend(MSS);
    }
    assert_eq!(pacer.wait(at(0), rate), Some(at(10)));
    assert_eq!(pacer.wait(at(5), rate), Some(at(10)));
    assert_eq!(pacer.wait(at(10), rate), None);
    pacer.spend(MSS);
    // However long it waits, no more than a burst.
    assert_eq!(pacer.wait(at(100_000), rate), None);
    for _ in 0..BURST_MIN / MSS {
        assert_eq!(pacer.wait(at(100_000), rate), None);
        pacer.spend(MSS);
    }
    assert!(pacer.wait(at(100_000), rate).is_some());
    // A fast path: 2 ms of the rate, at most 64 KiB.
    let mut pacer = Pacer::new(at(0));
    let mut burst = 0;
    while pacer.wait(at(1000), 1 << 30).is_none() {
        pacer.spend(MSS);
        burst += MSS;
    }
    assert!((60 << 10..=66 << 10).contains(&burst), "{burst}");
}
