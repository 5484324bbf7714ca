//! What is on the wire keeps to the pace, and how the window grows.

use super::path::Faults;
use super::world::{World, message};
use crate::time::{Duration, Instant};
use crate::transport::congestion::Controller;
use crate::transport::cubic::Cubic;
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

const RTT: Duration = Duration::from_millis(100);

/// Round trips of full windows from `at` on, without loss; gives the window after each.
fn grow(cubic: &mut Cubic, at: &mut Instant, trips: u32) -> Vec<u64> {
    let trip = |_| {
        let sent = *at;
        *at += RTT;
        (0..cubic.window() / MSS).for_each(|_| cubic.acknowledged(*at, sent, MSS, false, RTT));
        cubic.window()
    };
    (0..trips).map(trip).collect()
}

/// A window of 100 MSS at which the first packet is lost.
fn cut() -> (Cubic, Instant) {
    let (mut cubic, mut at) = (Cubic::default(), Instant::from_secs(1));
    while cubic.window() < 100 * MSS {
        cubic.acknowledged(at, at, MSS, false, RTT);
    }
    at += RTT;
    cubic.lost(at, at, MSS);
    (cubic, at)
}

#[test]
fn a_loss_cuts_the_window_once_and_time_brings_it_back() {
    shows!("R-TRN-50");
    let (mut cubic, mut at) = cut();
    assert_eq!(cubic.window(), 70 * MSS);
    cubic.lost(at + RTT, at, MSS);
    assert_eq!(cubic.window(), 70 * MSS, "sent before the loss was seen");
    at += Duration::from_millis(1);
    // 30 MSS below the plateau: it is reached after the cube root of 30 / 0.4, 4.2 s; there the curve is flat.
    let windows = grow(&mut cubic, &mut at, 80);
    let after = |tenths: usize| windows[tenths - 1] as f64 / MSS as f64;
    assert!((88.0..92.0).contains(&after(15)), "{}", after(15));
    assert!((99.0..100.5).contains(&after(42)), "{}", after(42));
    assert!((99.5..102.0).contains(&after(52)), "{}", after(52));
    assert!((118.0..126.0).contains(&after(80)), "{}", after(80));
}

#[test]
fn a_window_that_is_lost_early_makes_room_for_others() {
    shows!("R-TRN-50");
    let (mut cubic, mut at) = cut();
    at += Duration::from_millis(1);
    grow(&mut cubic, &mut at, 10);
    let before = cubic.window() as f64;
    cubic.lost(at, at, MSS);
    assert!((cubic.window() as f64 / before - 0.7).abs() < 0.01);
    at += Duration::from_millis(1);
    // The plateau is at 0.85 of what was lost, not at 100 MSS nor at what was lost.
    let windows = grow(&mut cubic, &mut at, 40);
    let flat = windows[28] as f64 / before;
    assert!((0.84..0.88).contains(&flat), "{flat}");
}

#[test]
fn a_window_that_is_not_filled_stays_whatever_the_time() {
    shows!("R-TRN-51");
    let (mut filled, mut at) = cut();
    at += Duration::from_millis(1);
    grow(&mut filled, &mut at, 5);
    let mut idle = filled.clone();
    let mut later = at;
    for _ in 0..600 {
        later += RTT;
        idle.acknowledged(later, later - RTT, MSS, true, RTT);
    }
    assert_eq!(idle.window(), filled.window());
    assert_eq!(grow(&mut idle, &mut later, 5), grow(&mut filled, &mut at, 5));
}

#[test]
fn beside_short_round_trips_it_grows_as_fast_as_reno() {
    shows!("R-TRN-50");
    let (mut cubic, mut at) = cut();
    at += Duration::from_millis(1);
    let short = Duration::from_millis(5);
    let begun = at;
    while at < begun + Duration::from_millis(500) {
        let sent = at;
        at += short;
        (0..cubic.window() / MSS).for_each(|_| cubic.acknowledged(at, sent, MSS, false, short));
    }
    // 100 round trips: 0.53 MSS in each until 100 MSS are there again, then 1.
    let window = cubic.window() as f64 / MSS as f64;
    assert!((137.0..146.0).contains(&window), "{window}");
}
