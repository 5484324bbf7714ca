//! Tests the tester: plants one bug after the other and demands that an invariant finds each.

use std::io::{Write as _, stdout};
use std::process::ExitCode;

use ::hms::planted::{Bug, plant};

use crate::play::{Sum, play_all, sound};
use crate::rule::Rule;

/// By then every bug must be found.
const SEEDS: u64 = 1000;

/// Worlds that found it last time, which are tried first: some bugs show in one world of many only.
const fn likely(bug: Bug) -> u64 {
    match bug {
        Bug::MergedByArrival | Bug::StaleHomeBelieved => 15,
        Bug::HomesTie => 81,
        Bug::HomeYields => 230,
        Bug::AgeIgnored => 404,
        Bug::LeaveUnkept => 91,
        Bug::CopiesStay => 41,
        Bug::LinesPart | Bug::ElderYields => 10,
        Bug::NobodyRelays => 12,
        _ => 0,
    }
}

/// `HMS_SIM_BUG=name` hunts for the bugs whose name has this in it; with a seed it plays that one.
pub fn hunt(single: Option<u64>) -> ExitCode {
    let wanted = std::env::var("HMS_SIM_BUG").unwrap_or_default().to_lowercase();
    let bugs = Bug::OF_SEVERAL.into_iter().filter(|bug| format!("{bug:?}").to_lowercase().contains(&wanted));
    let seeds = single.map_or(0..SEEDS, |seed| seed..seed + 1);
    let print = single.is_some() && std::env::var_os("HMS_SIM_TRACE").is_some();
    // What the planted bugs break is told below.
    std::panic::set_hook(Box::new(|_| {}));
    let (mut found, mut missed) = (0, Vec::new());
    for bug in bugs {
        plant(Some(bug));
        let start = std::time::Instant::now();
        let is_found = |rule: Rule| !matches!(rule, Rule::Panic | Rule::Repeatable);
        let found_by = |sum: &Sum| sum.failed.iter().any(|(_, v)| is_found(v.broken.rule));
        let known = single.map_or(likely(bug)..likely(bug) + 1, |_| seeds.clone());
        let mut sum = play_all(&known, 0, print, found_by);
        if !found_by(&sum) && single.is_none() {
            sum = play_all(&seeds, 0, print, found_by);
        }
        let first = sum.failed.iter().find(|(_, violation)| is_found(violation.broken.rule));
        let (took, name) = (start.elapsed().as_secs_f64(), format!("{bug:?}"));
        // The bug is what makes the difference: the same world is sound without it.
        plant(None);
        match first.filter(|(seed, _)| sound(*seed)) {
            Some((seed, violation)) => {
                found += 1;
                println!("{name:18} seed {seed:4}  {took:5.1} s  {}", violation.broken);
            }
            None => {
                println!("{name:18} NOT FOUND in {} seeds, {took:.1} s", sum.tally.seeds);
                missed.push(name);
            }
        }
        let _ = stdout().flush();
    }
    println!("{found} planted bugs found, {} missed {}", missed.len(), missed.join(" "));
    if missed.is_empty() && found > 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
