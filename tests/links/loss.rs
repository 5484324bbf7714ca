//! Random loss in both directions, on a path of 10 Mbit/s.

use hms::relay::{Chance, Faults};
use hms::time::{Duration, Instant};
use serde_json::json;

use crate::figures::{judge, long};
use crate::net::{Node, World};
use crate::ours::Ours;

const RATE: u64 = 1_250_000;
/// A queue of 50 ms.
const QUEUE: u64 = RATE / 20;
/// In every one of so many spans something must arrive.
const SPAN: Duration = Duration::from_secs(10);
const SPANS: usize = 12;
/// Within this a link is there: HELLO, COOKIE and WELCOME may all be lost some times over.
const PATIENCE: Duration = Duration::from_secs(60);

/// Bytes that arrived in each span, in both directions; fails if a link ends.
fn play(seed: u64, percent: u32, delay_ms: u64) -> Vec<[u64; 2]> {
    let (loss, delay) = (Chance::per_mille(percent * 10), Duration::from_millis(delay_ms));
    let faults = Faults { loss, delay, rate: Some(RATE), queue: QUEUE, ..Faults::default() };
    let mut world = World::new(seed, faults);
    world.nodes = [0, 1].map(|me| Ours::new(seed, me, me == 0, [0, 0, u64::MAX])).into();
    while world.nodes.iter().any(|node| node.connected.is_none()) {
        assert!(world.now < Instant::ZERO + PATIENCE, "seed {seed}: no link at {percent} % loss");
        world.run(Duration::from_millis(100));
    }
    let mut before = [0; 2];
    let spans = (0..SPANS).map(|_| {
        world.run(SPAN);
        let now = [0, 1].map(|node| world.nodes[node].received());
        let got = [now[0] - before[0], now[1] - before[1]];
        before = now;
        got
    });
    let spans = spans.collect();
    assert!(world.nodes.iter().all(|node| node.ended.is_empty()), "seed {seed}: a link ended");
    assert!(world.tallies().iter().all(|tally| tally.lost > 0), "no loss");
    spans
}

#[test]
fn goods_arrive_in_every_ten_seconds_at_20_percent_loss() {
    let (losses, seeds) = if long() { (&[1, 5, 10, 20][..], 10) } else { (&[1, 20][..], 2) };
    let (mut rows, mut broken) = (Vec::new(), Vec::new());
    for (percent, delay_ms) in losses.iter().flat_map(|percent| [5, 25, 50].map(|delay| (*percent, delay))) {
        let all: Vec<u64> =
            (1..=seeds).flat_map(|seed| play(seed, percent, delay_ms)).flat_map(<[u64; 2]>::from).collect();
        let (worst, sum) = (all.iter().min().copied().unwrap_or(0), all.iter().sum::<u64>());
        let row = json!({
            "loss_percent_each_way": percent,
            "delay_ms_each_way": delay_ms,
            "runs": seeds,
            "bytes_a_second_each_way": sum / (all.len() as u64 * SPAN.as_secs()),
            "bytes_a_second_in_the_worst_10_s": worst / SPAN.as_secs(),
        });
        if worst == 0 {
            broken.push(format!("nothing in 10 s: {row}"));
        }
        rows.push(row);
    }
    judge("loss", rows, &broken);
}
