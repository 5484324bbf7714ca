//! Two flows that share a bottleneck of 10 Mbit/s.

use hms::relay::Faults;
use hms::time::Duration;
use serde_json::{Value, json};

use crate::figures::{judge, long};
use crate::net::{Node, World};
use crate::ours::Ours;
use crate::quic::Quic;

/// Bytes a second.
const RATE: u64 = 1_250_000;
/// How long both flows share it.
const SHARED: Duration = Duration::from_secs(60);
/// Enough for another course of things with every seed.
const JITTER: Duration = Duration::from_millis(1);

/// Whose flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Ours,
    Cubic,
}

/// The bottleneck.
#[derive(Clone, Copy, Debug)]
struct Path {
    /// How long the queue is when it is full.
    queue_ms: u64,
    /// Each way.
    delay_ms: u64,
}

impl Path {
    /// All of the record.
    fn all() -> Vec<Self> {
        let of = |queue_ms| [5, 25, 50].map(|delay_ms| Self { queue_ms, delay_ms });
        [25, 50, 100].into_iter().flat_map(of).collect()
    }

    fn few() -> Vec<Self> {
        [(25, 5), (25, 25), (50, 50)].map(|(queue_ms, delay_ms)| Self { queue_ms, delay_ms }).into()
    }
}

/// Two flows.
#[derive(Clone, Copy, Debug)]
struct Plan {
    seed: u64,
    path: Path,
    flows: [Kind; 2],
    /// Seconds after which the second begins.
    later: u64,
    /// Whether those send who made the link.
    up: bool,
}

/// What became of them while they shared.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Shares {
    bytes: [u64; 2],
    /// Parts of the datagrams that the queue did not take.
    lost: f64,
}

impl Shares {
    /// The first flow's part of what both got.
    fn first(self) -> f64 {
        self.bytes[0] as f64 / (self.bytes[0] + self.bytes[1]) as f64
    }

    /// What both got of the rate.
    fn used(self) -> f64 {
        (self.bytes[0] + self.bytes[1]) as f64 / (RATE * SHARED.as_secs()) as f64
    }
}

impl Plan {
    fn play(self) -> Shares {
        let queue = RATE * self.path.queue_ms / 1000;
        let delay = Duration::from_millis(self.path.delay_ms);
        let faults = Faults { delay, jitter: JITTER, rate: Some(RATE), queue, ..Faults::default() };
        let mut world = World::new(self.seed, faults);
        self.join(&mut world);
        world.run(Duration::from_secs(self.later));
        self.join(&mut world);
        let way = usize::from(!self.up);
        let (before, tally) = (self.received(&world), world.tallies()[way]);
        world.run(SHARED);
        let (after, now) = (self.received(&world), world.tallies()[way]);
        Shares {
            bytes: [after[0] - before[0], after[1] - before[1]],
            lost: (now.queue_full - tally.queue_full) as f64 / (now.taken - tally.taken) as f64,
        }
    }

    /// The next flow begins.
    fn join(self, world: &mut World<Box<dyn Node>>) {
        let first = world.nodes.len();
        for side in [0, 1] {
            let (me, dials, sends) = (first + side, side == 0, (side == 0) == self.up);
            let bulk = if sends { u64::MAX } else { 0 };
            world.nodes.push(match self.flows[first / 2] {
                Kind::Ours => Box::new(Ours::new(self.seed, me, dials, [0, 0, bulk])),
                Kind::Cubic => Box::new(Quic::new(self.seed, me, dials, sends)),
            });
        }
    }

    fn received(self, world: &World<Box<dyn Node>>) -> [u64; 2] {
        [0, 2].map(|flow| world.nodes.get(flow + usize::from(self.up)).map_or(0, Node::received))
    }
}

/// Plays these flows on all paths, the second at once and later, in each direction; neither may have less than
/// `least` of what both get.
fn compare(part: &str, flows: [Kind; 2], least: f64) {
    let (paths, seeds) = if long() { (Path::all(), 3) } else { (Path::few(), 1) };
    let (mut rows, mut broken) = (Vec::new(), Vec::new());
    for (path, later) in paths.into_iter().flat_map(|path| [(path, 0), (path, 10)]) {
        let runs = (1..=seeds).flat_map(|seed| [(seed, true), (seed, false)]);
        // A short run goes one way with the one, the other way with the other.
        let runs = runs.filter(|(_, up)| long() || *up == (later == 0));
        let plans = runs.map(|(seed, up)| Plan { seed, path, flows, later, up });
        let all: Vec<Shares> = plans.map(Plan::play).collect();
        let row = row(path, later, &all);
        let fair = |part: f64| part >= least && 1.0 - part >= least;
        if !all.iter().all(|shares| fair(shares.first()) && shares.used() > 0.8) {
            broken.push(format!("{flows:?}: {row}"));
        }
        rows.push(row);
    }
    judge(part, rows, &broken);
}

fn row(path: Path, later: u64, all: &[Shares]) -> Value {
    let range = |of: fn(Shares) -> f64| {
        let all = all.iter().map(|shares| (of(*shares) * 1000.0).round() / 1000.0);
        json!([all.clone().fold(f64::INFINITY, f64::min), all.fold(0.0, f64::max)])
    };
    json!({
        "queue_ms": path.queue_ms,
        "delay_ms_each_way": path.delay_ms,
        "second_begins_after_s": later,
        "runs": all.len(),
        "share_of_the_first": range(Shares::first),
        "rate_used": range(Shares::used),
        "queue_refused": range(|shares| shares.lost),
    })
}

#[test]
fn two_links_share_a_bottleneck_within_2_to_1() {
    compare("two_links", [Kind::Ours, Kind::Ours], 1.0 / 3.0);
}

#[test]
fn a_link_does_not_starve_cubic_that_comes_nor_starves() {
    compare("a_link_then_cubic", [Kind::Ours, Kind::Cubic], 1.0 / 3.0);
}

#[test]
fn a_link_that_comes_does_not_starve_cubic_nor_starves() {
    compare("cubic_then_a_link", [Kind::Cubic, Kind::Ours], 1.0 / 3.0);
}

#[test]
fn a_seed_is_one_world() {
    let path = Path { queue_ms: 25, delay_ms: 25 };
    let plan = |seed| Plan { seed, path, flows: [Kind::Cubic, Kind::Ours], later: 1, up: true };
    assert_eq!(plan(1).play(), plan(1).play());
    assert_ne!(plan(1).play(), plan(2).play());
}
