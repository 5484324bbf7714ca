//! The core without sockets, each figure as a ratio to a yardstick in the same run (interleaved, median of 5 rounds).
//!
//! `cargo bench --bench core` (a million rows: about 2 GB and two minutes); `-- --rows 10000` for a quick look;
//! `-- --json FILE` writes the figures.

mod alloc;
mod hosts;
mod yardstick;

use std::hint::black_box;

use hms::net::Arrival;
use hms::time::{Duration, Instant};
use hosts::{Fleet, server};
use serde_json::{Value, json};
use yardstick::{clock, hmac, median};

#[global_allocator]
static ALLOCATOR: alloc::Counting = alloc::Counting::new();

const ROUNDS: usize = 5;

struct Options {
    rows: usize,
    json: Option<String>,
}

fn options() -> Options {
    let mut options = Options { rows: 1_000_000, json: None };
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        match word.as_str() {
            "--rows" => options.rows = words.next().and_then(|n| n.parse().ok()).unwrap_or(options.rows),
            "--json" => options.json = words.next(),
            _ => {}
        }
    }
    options
}

/// Nanoseconds for one of `count` things that `work` does.
fn timed(count: usize, work: impl FnOnce()) -> f64 {
    let start = clock();
    work();
    start.elapsed().as_nanos() as f64 / count as f64
}

/// Runs yardstick and subject in turn and prints the ratio.
fn compare(
    what: &str,
    goal: (f64, f64),
    mut yard: impl FnMut(usize) -> f64,
    mut subject: impl FnMut(usize) -> f64,
) -> Value {
    let (mut yards, mut subjects, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        let (y, s) = (yard(round), subject(round));
        yards.push(y);
        subjects.push(s);
        ratios.push(s / y);
    }
    let (yard, subject, ratio) = (median(&mut yards), median(&mut subjects), median(&mut ratios));
    let verdict = if ratio <= goal.0 {
        "goal"
    } else if ratio <= goal.1 {
        "floor"
    } else {
        "missed"
    };
    println!(
        "{what:44} {subject:9.0} ns {yard:9.0} ns   {ratio:5.2} x   (goal {:.1}, floor {:.1}: {verdict})",
        goal.0, goal.1
    );
    json!({ "what": what, "ns": subject, "yardstick_ns": yard, "ratio": ratio, "goal": goal.0, "floor": goal.1, "verdict": verdict })
}

fn main() {
    let options = options();
    let n = options.rows;
    println!("{n} rows, {ROUNDS} interleaved rounds, median\n");
    let mut figures = Vec::new();

    let mut now = Instant::from_secs(1);
    let mut hms = server(now);
    let mut fleet = Fleet::new(n);
    let (live, resident) = (ALLOCATOR.live(), alloc::resident());
    let registering = timed(n, || now = fleet.register(&mut hms, now));
    let per_row = (ALLOCATOR.live() - live) as f64 / n as f64;
    let grown = (alloc::resident().saturating_sub(resident)) as f64 / n as f64;
    println!("registered through both round trips, hosts included: {registering:.0} ns each");
    println!(
        "memory of a row: {per_row:.0} bytes of live heap, {grown:.0} bytes resident (goal 256, floor 300)\n"
    );
    figures.push(json!({ "what": "memory", "rows": n, "heap_bytes_per_row": per_row, "resident_bytes_per_row": grown }));

    println!("{:44} {:>12} {:>12}   ratio", "", "subject", "yardstick");
    let order = fleet.shuffled();
    let sample = n.min(200_000);
    let mut out = Vec::with_capacity(1200);
    let mut answered = 0usize;
    figures.push(compare(
        "heartbeat: parse, find, verify, window, ack",
        (1.3, 1.8),
        |_| 2.0 * hmac(52, sample),
        |round| {
            let beats = fleet.heartbeats(&order, round * sample, sample);
            now += Duration::from_millis(100);
            timed(sample, || {
                for (from, bytes) in &beats {
                    hms.handle_datagram(now, *from, Arrival::default(), bytes);
                    answered += usize::from(hms.poll_output(now, &mut out).is_some());
                }
            })
        },
    ));
    assert_eq!(answered, ROUNDS * sample, "every heartbeat is answered");

    for (what, known, goal) in
        [("bad tag, session in the table", true, (1.6, 1.8)), ("bad tag, unknown session", false, (4.0, 4.5))]
    {
        let count = sample.min(20_000);
        figures.push(compare(
            what,
            goal,
            |_| hmac(52, count),
            |round| {
                let bad = fleet.bad_tags(&order, round * count, count, known);
                // A whole second later: the budget for unverified work is full again.
                now += Duration::from_secs(1);
                timed(count, || {
                    for (from, bytes) in &bad {
                        hms.handle_datagram(now, *from, Arrival::default(), bytes);
                        black_box(hms.poll_output(now, &mut out));
                    }
                })
            },
        ));
    }
    figures.extend(expiry());
    if let Some(path) = options.json {
        let text =
            serde_json::to_string_pretty(&json!({ "rows": n, "figures": figures })).unwrap_or_default();
        std::fs::write(&path, text + "\n").unwrap_or_else(|e| eprintln!("{path}: {e}"));
    }
}

/// Expiry of all rows of small and large tables: the cost of one row must not depend on how many there are.
fn expiry() -> Vec<Value> {
    println!();
    let mut base = 0.0;
    let mut figures = Vec::new();
    for n in [10_000usize, 100_000, 1_000_000] {
        let mut costs = Vec::new();
        for _ in 0..if n > 100_000 { 1 } else { 3 } {
            costs.push(expire_some(n));
        }
        let cost = median(&mut costs);
        if base == 0.0 {
            base = cost;
        }
        println!(
            "expiry of 5000 of {n:>8} rows: {cost:6.0} ns a row, {:.2} x of the smallest (goal 1.3, floor 1.5)",
            cost / base
        );
        figures.push(json!({ "what": "expiry", "rows": n, "ns_per_row": cost, "ratio": cost / base }));
    }
    figures
}

fn expire_some(n: usize) -> f64 {
    let mut now = Instant::from_secs(1);
    let mut hms = server(now);
    let mut fleet = Fleet::new(n);
    now = fleet.register(&mut hms, now);
    let gone = 5000usize.min(n / 10);
    let stay: Vec<usize> = (gone..n).collect();
    // All but the first say that they are there, two thirds of an expiry later; then the others' time ends.
    now = pass(&mut hms, now, 1000).0;
    let mut out = Vec::with_capacity(1200);
    for (from, bytes) in fleet.heartbeats(&stay, 0, stay.len()) {
        hms.handle_datagram(now, from, Arrival::default(), &bytes);
        let _ = hms.poll_output(now, &mut out);
    }
    while hms.poll_event().is_some() {}
    let known = |hms: &hms::server::Server, now| hms.status(now).hosts.known;
    let before = known(&hms, now);
    let (now, took) = pass(&mut hms, now, 800);
    let expired = before - known(&hms, now);
    assert_eq!(expired, gone, "the silent rows expired, and only they");
    took as f64 / expired as f64
}

/// Lets time go by in steps of 50 ms, which no loop would call a stall; tells the time and what it took.
fn pass(hms: &mut hms::server::Server, mut now: Instant, steps: usize) -> (Instant, u128) {
    let (mut took, mut out) = (0, Vec::with_capacity(1200));
    for _ in 0..steps {
        now += Duration::from_millis(50);
        let start = clock();
        hms.handle_timeout(now);
        while hms.poll_output(now, &mut out).is_some() {}
        took += start.elapsed().as_nanos();
        while hms.poll_event().is_some() {}
    }
    (now, took)
}
