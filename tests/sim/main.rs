//! The simulator: whole worlds in virtual time, each from a seed. `CONTRIBUTING.md` says how to use it.
//!
//! `HMS_SIM_SEED=n` plays one world (with `HMS_SIM_TRACE=1` line by line), `HMS_SIM_SEEDS=n` or `a..b` many, until
//! `HMS_SIM_CPU_MINUTES` are used up; a run that takes longer than `HMS_SIM_SECONDS` fails; `HMS_SIM_FIGURES` names a
//! file for what happened. With the feature `planted` it hunts for bugs that are there, `HMS_SIM_BUG=name` for one.
#![allow(clippy::disallowed_methods, reason = "it tells how long it took")]
#![allow(missing_docs, unreachable_pub, clippy::unwrap_used, reason = "a test")]

mod acts;
mod acts_hms;
mod answers;
mod attack;
mod capture;
mod crafted;
mod device;
mod dice;
mod draw;
mod fault;
mod figures;
mod heap;
mod hms;
mod hms_turn;
mod host_turn;
#[cfg(feature = "planted")]
mod hunt;
mod insider;
mod keys;
mod liveness;
mod net;
mod overload;
mod peace;
mod plan;
mod play;
mod reference;
mod rule;
mod spy;
mod table;
mod tally;
mod witness;
mod world;

use std::ops::Range;
use std::process::{Command, ExitCode};

use figures::{cpu_seconds, figures};
use play::{Sum, play_all, two_ways};
use world::Look;

/// Worlds in an ordinary run, and how many of them are played twice.
const SEEDS: u64 = 1000;
const TWICE: u64 = 20;

/// The one seed that was named.
fn single() -> Option<u64> {
    std::env::var("HMS_SIM_SEED").ok()?.parse().ok()
}

fn seeds() -> Range<u64> {
    if let Some(seed) = single() {
        return seed..seed + 1;
    }
    let text = std::env::var("HMS_SIM_SEEDS").unwrap_or_default();
    let range = match text.split_once("..") {
        Some((a, b)) => a.parse().ok().zip(b.parse().ok()).map(|(a, b)| a..b),
        None => text.parse().ok().map(|n| 0..n),
    };
    range.unwrap_or(0..SEEDS)
}

fn main() -> ExitCode {
    #[cfg(feature = "planted")]
    return hunt::hunt(single());
    #[cfg(not(feature = "planted"))]
    simulate()
}

#[cfg_attr(feature = "planted", expect(dead_code, reason = "with planted bugs there is a hunt"))]
fn simulate() -> ExitCode {
    let (seeds, single) = (seeds(), single().is_some());
    let print = single && std::env::var_os("HMS_SIM_TRACE").is_some();
    let start = std::time::Instant::now();
    let twice = if print { 0 } else { TWICE };
    let minutes = std::env::var("HMS_SIM_CPU_MINUTES").ok().and_then(|text| text.parse::<f64>().ok());
    let enough = |_: &Sum| minutes.is_some_and(|minutes| cpu_seconds() >= minutes * 60.0);
    let mut sum = play_all(&seeds, twice, Look { print, reference: true }, enough);
    if !single {
        play_elsewhere(&mut sum);
    }
    if let Some(file) = std::env::var_os("HMS_SIM_FIGURES") {
        let figures = figures(&sum, &seeds, start.elapsed().as_secs_f64());
        std::fs::write(file, format!("{figures:#}\n")).expect("the figures can be written");
    }
    report(&sum, single, start.elapsed())
}

/// Other processes play some of the seeds, alone and in another order: the same must come of each.
fn play_elsewhere(sum: &mut Sum) {
    let seeds: Vec<_> = sum.hashes.iter().rev().step_by(7).map(|(seed, hash)| (*seed, *hash)).collect();
    for (seed, hash) in seeds {
        let program = std::env::current_exe().expect("this program has a name");
        let mut command = Command::new(program);
        command.env("HMS_SIM_SEED", seed.to_string()).env_remove("HMS_SIM_FIGURES");
        let output = command.output();
        let text = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
        if !text.is_ok_and(|text| text.contains(&trace_line(seed, hash))) {
            sum.failed.push((seed, two_ways("played by another process")));
        }
    }
}

fn trace_line(seed: u64, hash: u64) -> String {
    format!("trace of seed {seed}: {hash:016x}")
}

fn report(sum: &Sum, single: bool, took: std::time::Duration) -> ExitCode {
    let Sum { tally, failed, hashes, .. } = sum;
    let seeds = tally.seeds + failed.len() as u64;
    println!("{tally}");
    hashes.iter().filter(|_| single).for_each(|(seed, hash)| println!("{}", trace_line(*seed, *hash)));
    println!(
        "{} of {seeds} seeds held, {} played twice, {:.1} simulated hours, {} datagrams, {:.1} s",
        tally.seeds,
        hashes.len(),
        tally.simulated.as_secs_f64() / 3600.0,
        tally.datagrams,
        took.as_secs_f64()
    );
    for (seed, violation) in failed.iter().take(if single { 1 } else { 10 }) {
        println!("\nseed {seed} failed at {}: {}", violation.at, violation.broken);
        violation.before.iter().take(if single { 100 } else { 1 }).for_each(|line| println!("    {line}"));
        println!("  replay: HMS_SIM_SEED={seed} HMS_SIM_TRACE=1 cargo test --test sim");
    }
    let missing = tally.missing();
    if !single && seeds >= SEEDS && !missing.is_empty() {
        println!("\nnever occurred: {}", missing.join(", "));
        return ExitCode::FAILURE;
    }
    let limit = std::env::var("HMS_SIM_SECONDS").ok().and_then(|text| text.parse::<f64>().ok());
    if let Some(limit) = limit.filter(|limit| took.as_secs_f64() > *limit) {
        println!("\ntook more than {limit} s");
        return ExitCode::FAILURE;
    }
    if failed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
