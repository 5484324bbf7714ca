//! The simulator with several HMSs: whole worlds in virtual time, each from a seed, without a reference: what must hold
//! is said in `rule.rs`, and seen from outside. `CONTRIBUTING.md` says how to use it.
//!
//! `HMS_SIM_SEED=n` plays one world (with `HMS_SIM_TRACE=1` line by line), `HMS_SIM_SEEDS=n` or `a..b` many, until
//! `HMS_SIM_CPU_MINUTES` are used up; `HMS_SIM_FIGURES` names a file for what happened.
#![allow(clippy::disallowed_methods, reason = "it tells how long it took")]
#![allow(missing_docs, unreachable_pub, clippy::unwrap_used, reason = "a test")]

mod acts;
mod check;
mod device;
#[path = "../sim/dice.rs"]
mod dice;
mod disks;
mod fault;
mod hms;
#[cfg(feature = "planted")]
mod hunt;
mod net;
mod peace;
mod plan;
mod play;
mod rule;
mod tally;
mod world;

use std::ops::Range;
use std::process::ExitCode;

use play::{Sum, cpu_seconds, figures, play_all};

/// Worlds in an ordinary run, and how many of them are played twice.
const SEEDS: u64 = 200;
const TWICE: u64 = 10;

fn seeds() -> (Range<u64>, bool) {
    if let Some(seed) = std::env::var("HMS_SIM_SEED").ok().and_then(|text| text.parse().ok()) {
        return (seed..seed + 1, true);
    }
    let text = std::env::var("HMS_SIM_SEEDS").unwrap_or_default();
    let range = match text.split_once("..") {
        Some((a, b)) => a.parse().ok().zip(b.parse().ok()).map(|(a, b)| a..b),
        None => text.parse().ok().map(|n| 0..n),
    };
    (range.unwrap_or(0..SEEDS), false)
}

fn main() -> ExitCode {
    #[cfg(feature = "planted")]
    return hunt::hunt(seeds().1.then(|| seeds().0.start));
    #[cfg(not(feature = "planted"))]
    simulate()
}

#[cfg_attr(feature = "planted", expect(dead_code, reason = "with planted bugs there is a hunt"))]
fn simulate() -> ExitCode {
    let (seeds, single) = seeds();
    let print = single && std::env::var_os("HMS_SIM_TRACE").is_some();
    let twice = if print { 0 } else { TWICE };
    let start = std::time::Instant::now();
    let minutes = std::env::var("HMS_SIM_CPU_MINUTES").ok().and_then(|text| text.parse::<f64>().ok());
    let enough = |_: &Sum| minutes.is_some_and(|minutes| cpu_seconds() >= minutes * 60.0);
    let sum = play_all(&seeds, twice, print, enough);
    if let Some(file) = std::env::var_os("HMS_SIM_FIGURES") {
        let figures = figures(&sum, &seeds, start.elapsed().as_secs_f64());
        std::fs::write(file, format!("{figures:#}\n")).expect("the figures can be written");
    }
    report(&sum, single, start.elapsed())
}

fn report(sum: &Sum, single: bool, took: std::time::Duration) -> ExitCode {
    let Sum { tally, failed, twice, .. } = sum;
    let seeds = tally.seeds + failed.len() as u64;
    println!("{tally}");
    println!(
        "{} of {seeds} seeds held, {twice} played twice, {:.1} simulated hours, {} datagrams, {:.1} s",
        tally.seeds,
        tally.simulated.as_secs_f64() / 3600.0,
        tally.datagrams,
        took.as_secs_f64()
    );
    for (seed, violation) in failed.iter().take(if single { 1 } else { 10 }) {
        println!("\nseed {seed} failed at {}: {}", violation.at, violation.broken);
        violation.before.iter().take(if single { 100 } else { 1 }).for_each(|line| println!("    {line}"));
        println!("  replay: HMS_SIM_SEED={seed} HMS_SIM_TRACE=1 cargo test --test cluster");
    }
    let missing = tally.missing();
    if !single && seeds >= SEEDS && !missing.is_empty() {
        println!("\nnever occurred: {}", missing.join(", "));
        return ExitCode::FAILURE;
    }
    if failed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
