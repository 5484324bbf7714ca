//! Tests the tester: plants one bug after the other and demands that an invariant finds each. The reference, which
//! would notice any difference, looks away.

use std::io::{Write as _, stdout};
use std::process::ExitCode;

use ::hms::planted::{Bug, plant};

use crate::play::{play, play_all};
use crate::world::{Look, Violation};

/// By then every bug must be found.
const SEEDS: u64 = 1000;

/// `HMS_SIM_BUG=name` hunts for the bugs whose name has this in it; with a seed it plays that one.
pub fn hunt(single: Option<u64>) -> ExitCode {
    let wanted = std::env::var("HMS_SIM_BUG").unwrap_or_default().to_lowercase();
    let bugs = Bug::ALL.into_iter().filter(|bug| format!("{bug:?}").to_lowercase().contains(&wanted));
    let seeds = single.map_or(0..SEEDS, |seed| seed..seed + 1);
    let look =
        Look { print: single.is_some() && std::env::var_os("HMS_SIM_TRACE").is_some(), reference: false };
    // What the planted bugs break is told below.
    std::panic::set_hook(Box::new(|_| {}));
    let (mut found, mut missed) = (0, Vec::new());
    for bug in bugs {
        plant(Some(bug));
        let start = std::time::Instant::now();
        let is_found = |violation: &Violation| violation.broken.rule.is_invariant();
        let sum =
            play_all(&seeds, 0, look, |sum| sum.failed.iter().any(|(_, violation)| is_found(violation)));
        let first = sum.failed.iter().find(|(_, violation)| is_found(violation));
        let took = start.elapsed().as_secs_f64();
        let name = format!("{bug:?}");
        // The bug is what makes the difference: the same world is sound without it.
        plant(None);
        let first = first.filter(|(seed, _)| play(*seed, Look { print: false, ..look }).result.is_ok());
        match first {
            Some((seed, violation)) => {
                found += 1;
                println!("{name:22} seed {seed:4}  {took:5.1} s  {}", violation.broken);
                println!(
                    "{:22} HMS_SIM_BUG={name} HMS_SIM_SEED={seed} HMS_SIM_TRACE=1 cargo test --test sim --features planted",
                    ""
                );
            }
            None => {
                let others = sum
                    .failed
                    .first()
                    .map_or(String::new(), |(seed, v)| format!(" (seed {seed}: {})", v.broken));
                println!("{name:22} NOT FOUND in {} seeds, {took:.1} s{others}", sum.tally.seeds);
                missed.push(name);
            }
        }
        let _ = stdout().flush();
    }
    println!("{found} planted bugs found, {} missed {}", missed.len(), missed.join(" "));
    if missed.is_empty() && found > 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
