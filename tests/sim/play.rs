//! Plays worlds: one, or many on all cores. Seeds are independent of each other.

use std::collections::BTreeMap;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant as Moment};

use ::hms::time::Instant;

use crate::figures::cpu_seconds;
use crate::plan::Plan;
use crate::rule::Rule;
use crate::tally::Tally;
use crate::world::{Look, Violation, World};

/// How often a long run says how far it is.
const TELL: Duration = Duration::from_secs(30);

pub struct Played {
    pub tally: Tally,
    pub hash: u64,
    pub result: Result<(), Violation>,
}

pub fn play(seed: u64, look: Look) -> Played {
    let plan = Plan::new(seed);
    let (faults, check_time) = (plan.faults.clone(), plan.check_time);
    let (peace, mode) = (plan.peace, plan.mode);
    let mut world = World::new(plan, look);
    world.note(|| format!("seed {seed}: check time {check_time:?}, {faults:?}"));
    let result = match catch_unwind(AssertUnwindSafe(|| world.play(peace))) {
        Ok(result) => result,
        Err(panic) => {
            let text = panic.downcast_ref::<String>().cloned();
            let text = text.or_else(|| panic.downcast_ref::<&str>().map(ToString::to_string));
            Err(world.violation(Rule::Panic.broken(text.unwrap_or_default())))
        }
    };
    let result = result.map_err(|mut violation| {
        violation.before.insert(0, format!("faults {faults:?}, check time {check_time:?}, {mode}"));
        violation
    });
    Played { tally: world.tally.clone(), hash: world.trace.hash, result }
}

/// The trace of a seed was not what it was before.
pub fn two_ways(how: &str) -> Violation {
    let broken = Rule::Repeatable.broken(format!("{how}, it went two ways"));
    Violation { at: Instant::ZERO, broken, before: Vec::new() }
}

/// What came of many seeds.
#[derive(Default)]
pub struct Sum {
    pub tally: Tally,
    pub failed: Vec<(u64, Violation)>,
    /// Of the seeds that were played twice.
    pub hashes: BTreeMap<u64, u64>,
    told: Option<Moment>,
}

/// Tells every half a minute how far a long run is.
fn tell(sum: &mut Sum) {
    let now = Moment::now();
    if sum.told.is_none_or(|told| now - told >= TELL) {
        sum.told = Some(now);
        let (tally, failed) = (&sum.tally, sum.failed.len());
        eprintln!("{} seeds held, {failed} failed, {:.0} CPU seconds", tally.seeds, cpu_seconds());
    }
}

/// Plays all seeds, the first `twice` of them two times. `enough` ends it early.
pub fn play_all(seeds: &Range<u64>, twice: u64, look: Look, enough: impl Fn(&Sum) -> bool + Sync) -> Sum {
    let next = AtomicU64::new(seeds.start);
    let done = AtomicBool::new(false);
    let sum = Mutex::new(Sum { told: Some(Moment::now()), ..Sum::default() });
    let worker = || {
        while !done.load(Ordering::Relaxed) {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= seeds.end {
                return;
            }
            let mut played = play(seed, look);
            let again = seed < seeds.start + twice;
            if again && play(seed, look).hash != played.hash {
                played.result = Err(two_ways("played twice"));
            }
            let mut sum = sum.lock().expect("no panic while it is held");
            sum.hashes.extend(again.then_some((seed, played.hash)));
            sum.tally.add(&played.tally);
            if let Err(violation) = played.result {
                if look.reference {
                    eprintln!("seed {seed} failed at {}: {}", violation.at, violation.broken);
                }
                sum.failed.push((seed, violation));
            }
            done.fetch_or(enough(&sum), Ordering::Relaxed);
            tell(&mut sum);
        }
    };
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| (0..threads).for_each(|_| drop(scope.spawn(worker))));
    let mut sum = sum.into_inner().expect("no panic while it was held");
    sum.failed.sort_by_key(|(seed, _)| *seed);
    sum
}
