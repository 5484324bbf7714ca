//! The simulator: whole worlds in virtual time, each from a seed. `CONTRIBUTING.md` says how to use it.
//!
//! `HMS_SIM_SEED=n` plays one world (with `HMS_SIM_TRACE=1` line by line), `HMS_SIM_SEEDS=n` or `a..b` many.
#![allow(clippy::disallowed_methods, reason = "it tells how long it took")]
#![allow(missing_docs, unreachable_pub, clippy::unwrap_used, reason = "a test")]

mod acts;
mod attack;
mod device;
mod dice;
mod fault;
mod hms;
mod hms_turn;
mod keys;
mod net;
mod peace;
mod plan;
mod reference;
mod tally;
mod world;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use ::hms::time::Instant;

use plan::Plan;
use tally::Tally;
use world::{Violation, World};

/// Worlds in an ordinary run, and how many of them are played twice.
const SEEDS: u64 = 200;
const TWICE: u64 = 10;

struct Played {
    tally: Tally,
    hash: u64,
    result: Result<(), Violation>,
}

fn play(seed: u64, print: bool) -> Played {
    let plan = Plan::new(seed);
    let (faults, check_time) = (plan.faults.clone(), plan.check_time);
    let (peace, mode) = (plan.peace, plan.mode);
    let mut world = World::new(plan, print);
    world.note(|| format!("seed {seed}: check time {check_time:?}, {faults:?}"));
    let result = match catch_unwind(AssertUnwindSafe(|| world.play(peace))) {
        Ok(result) => result,
        Err(panic) => {
            let text = panic.downcast_ref::<String>().cloned();
            let text = text.or_else(|| panic.downcast_ref::<&str>().map(ToString::to_string));
            Err(world.violation(format!("panic: {}", text.unwrap_or_default())))
        }
    };
    let result = result.map_err(|mut violation| {
        violation.before.insert(0, format!("faults {faults:?}, check time {check_time:?}, {mode}"));
        violation
    });
    Played { tally: world.tally.clone(), hash: world.trace.hash, result }
}

fn seeds() -> (std::ops::Range<u64>, bool) {
    let number = |name: &str| std::env::var(name).ok();
    if let Some(seed) = number("HMS_SIM_SEED").and_then(|text| text.parse().ok()) {
        return (seed..seed + 1, true);
    }
    let text = number("HMS_SIM_SEEDS").unwrap_or_default();
    let range = match text.split_once("..") {
        Some((a, b)) => a.parse().ok().zip(b.parse().ok()).map(|(a, b)| a..b),
        None => text.parse().ok().map(|n| 0..n),
    };
    (range.unwrap_or(0..SEEDS), false)
}

fn main() -> ExitCode {
    let (range, single) = seeds();
    let print = single && std::env::var_os("HMS_SIM_TRACE").is_some();
    let start = std::time::Instant::now();
    let next = AtomicU64::new(range.start);
    let sum = Mutex::new((Tally::default(), Vec::new()));
    let twice = range.start + TWICE.min(range.end - range.start);
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= range.end {
                        return;
                    }
                    let mut played = play(seed, print);
                    if seed < twice && !single && play(seed, false).hash != played.hash {
                        let what = "played twice, it went two ways".to_owned();
                        played.result = Err(Violation { at: Instant::ZERO, what, before: Vec::new() });
                    }
                    let mut sum = sum.lock().expect("no panic while it is held");
                    sum.0.add(&played.tally);
                    if let Err(violation) = played.result {
                        sum.1.push((seed, violation));
                    }
                }
            });
        }
    });
    let (tally, failed) = sum.into_inner().expect("no panic while it was held");
    report(&tally, failed, single, range.end - range.start, start.elapsed())
}

fn report(
    tally: &Tally,
    mut failed: Vec<(u64, Violation)>,
    single: bool,
    seeds: u64,
    took: std::time::Duration,
) -> ExitCode {
    println!("{tally}");
    println!(
        "{} of {seeds} seeds held, {:.1} simulated hours, {} datagrams, {:.1} s",
        tally.seeds,
        tally.simulated.as_secs_f64() / 3600.0,
        tally.datagrams,
        took.as_secs_f64()
    );
    failed.sort_by_key(|(seed, _)| *seed);
    for (seed, violation) in failed.iter().take(if single { 1 } else { 10 }) {
        println!("\nseed {seed} failed at {}: {}", violation.at, violation.what);
        violation.before.iter().take(if single { 100 } else { 1 }).for_each(|line| println!("    {line}"));
        println!("  replay: HMS_SIM_SEED={seed} HMS_SIM_TRACE=1 cargo test --test sim");
    }
    let missing = tally.missing();
    if !single && seeds >= SEEDS && !missing.is_empty() {
        println!("\nnever occurred: {}", missing.join(", "));
        return ExitCode::FAILURE;
    }
    if failed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
