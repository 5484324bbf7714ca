//! Plays worlds: one, or many on all cores. Seeds are independent of each other.

use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use hms::time::Instant;
use serde_json::{Value, json};

use crate::plan::Plan;
use crate::rule::Rule;
use crate::tally::Tally;
use crate::world::{Violation, World};

/// Ticks of the kernel's CPU clock, on every Linux.
const TICKS: f64 = 100.0;

struct Played {
    tally: Tally,
    hash: u64,
    result: Result<(), Violation>,
}

fn play(seed: u64, print: bool) -> Played {
    let plan = Plan::new(seed);
    let what = format!(
        "{} HMSs, check time {:?}, {}{}{:?}",
        plan.hmss,
        plan.check_time,
        if plan.gentle { "gentle " } else { "" },
        if plan.replicated { "replicated " } else { "" },
        plan.faults
    );
    let mut world = World::new(plan, print);
    world.note(|| format!("seed {seed}: {what}"));
    let result = match catch_unwind(AssertUnwindSafe(|| world.play())) {
        Ok(result) => result,
        Err(panic) => {
            let text = panic.downcast_ref::<String>().cloned();
            let text = text.or_else(|| panic.downcast_ref::<&str>().map(ToString::to_string));
            Err(world.violation(Rule::Panic.broken(text.unwrap_or_default())))
        }
    };
    let result = result.map_err(|mut violation| {
        violation.before.insert(0, what);
        violation
    });
    Played { tally: world.tally.clone(), hash: world.trace.hash, result }
}

/// Whether a world holds.
#[cfg(feature = "planted")]
pub fn sound(seed: u64) -> bool {
    play(seed, false).result.is_ok()
}

/// What came of many seeds.
#[derive(Default)]
pub struct Sum {
    pub tally: Tally,
    pub failed: Vec<(u64, Violation)>,
    pub twice: u64,
}

/// Plays all seeds, the first `twice` of them two times. `enough` ends it early.
pub fn play_all(seeds: &Range<u64>, twice: u64, print: bool, enough: impl Fn(&Sum) -> bool + Sync) -> Sum {
    let done = AtomicBool::new(false);
    let next = AtomicU64::new(seeds.start);
    let sum = Mutex::new(Sum::default());
    let worker = || {
        while !done.load(Ordering::Relaxed) {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= seeds.end {
                return;
            }
            let mut played = play(seed, print);
            let again = seed < seeds.start + twice;
            if again && play(seed, false).hash != played.hash {
                let broken = Rule::Repeatable.broken("played twice, it went two ways");
                played.result = Err(Violation { at: Instant::ZERO, broken, before: Vec::new() });
            }
            let mut sum = sum.lock().expect("no panic while it is held");
            sum.twice += u64::from(again);
            sum.tally.add(&played.tally);
            if let Err(violation) = played.result {
                if !cfg!(feature = "planted") {
                    eprintln!("seed {seed} failed at {}: {}", violation.at, violation.broken);
                }
                sum.failed.push((seed, violation));
            }
            done.fetch_or(enough(&sum), Ordering::Relaxed);
        }
    };
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| (0..threads).for_each(|_| drop(scope.spawn(worker))));
    let mut sum = sum.into_inner().expect("no panic while it was held");
    sum.failed.sort_by_key(|(seed, _)| *seed);
    sum
}

/// CPU seconds of this process, all threads together.
pub fn cpu_seconds() -> f64 {
    let text = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // The second field, a name in brackets, may hold spaces; user and system time are fields 14 and 15.
    let rest = text.rsplit_once(')').map_or("", |(_, rest)| rest);
    let ticks = |field: usize| rest.split_whitespace().nth(field - 3).and_then(|n| n.parse::<f64>().ok());
    (ticks(14).unwrap_or(0.0) + ticks(15).unwrap_or(0.0)) / TICKS
}

/// As JSON, for `benches/figures`.
pub fn figures(sum: &Sum, seeds: &Range<u64>, seconds: f64) -> Value {
    let Sum { tally, failed, .. } = sum;
    let violations: Vec<_> =
        failed.iter().map(|(seed, violation)| format!("seed {seed}: {}", violation.broken)).collect();
    let counts =
        |all: Vec<(String, u64)>| json!(all.into_iter().collect::<std::collections::BTreeMap<_, _>>());
    json!({
        "first_seed": seeds.start,
        "seeds": tally.seeds + failed.len() as u64,
        "violations": violations,
        "simulated_hours": (tally.simulated.as_secs_f64() / 360.0).round() / 10.0,
        "datagrams": tally.datagrams,
        "cpu_seconds": cpu_seconds().round(),
        "seconds": seconds.round(),
        "quiet_bytes_per_second_at_most": tally.quiet,
        "messages": counts(tally.kinds.iter().map(|(k, n)| (k.to_string(), *n)).collect()),
        "faults": counts(tally.faults.iter().map(|(k, n)| (format!("{k:?}"), *n)).collect()),
        "events": counts(tally.events.iter().map(|(k, n)| (k.to_string(), *n)).collect()),
        "never_occurred": tally.missing(),
    })
}
