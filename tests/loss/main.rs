//! Random loss alone takes no host from the table (QUALITY: 5 %, 10 000 hosts, 24 hours): the real HMS and the real
//! hosts in virtual time, all of which live on, so that whatever ends a row or a session is false.
//!
//! Without settings it plays a small world, twice, and one whose loss is too heavy, in which rows must be seen to go.
//! `HMS_LOSS_HOSTS`, `HMS_LOSS_HOURS` and `HMS_LOSS_SEED` choose another world, `HMS_LOSS_FIGURES` names a file for what
//! happened; `.ci/proofs/loss` does that.
#![allow(clippy::disallowed_methods, reason = "it tells how long it took")]
#![allow(missing_docs, unreachable_pub, clippy::unwrap_used, reason = "a test")]

mod tally;
mod world;

use std::process::ExitCode;
use std::str::FromStr;
use std::time::Instant as Clock;

use hms::time::Duration;
use serde_json::{Value, json};

use tally::Tally;
use world::{Plan, World};

hms::shows!("R-REG-30", "R-REG-34", "R-REG-41");

/// The loss that may cost nobody anything, in thousandths, in each direction.
const LOSS: u32 = 50;
/// With so much of it, of twelve heartbeats within an expiry not one comes through so often that rows must go.
const TOO_MUCH: u32 = 600;
/// The small world.
const SMALL: Plan = Plan { hosts: 200, hours: 1.0, loss: LOSS, seed: 1 };
/// How often a long run says how far it is.
const PROGRESS: Duration = Duration::from_secs(20);

fn setting<T: FromStr>(name: &str) -> Option<T> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().ok().unwrap_or_else(|| panic!("{name}={text} is no number")))
}

fn main() -> ExitCode {
    let plan = Plan {
        hosts: setting("HMS_LOSS_HOSTS").unwrap_or(SMALL.hosts),
        hours: setting("HMS_LOSS_HOURS").unwrap_or(SMALL.hours),
        seed: setting("HMS_LOSS_SEED").unwrap_or(SMALL.seed),
        ..SMALL
    };
    let begun = Clock::now();
    let tally = play(plan);
    let seconds = begun.elapsed().as_secs_f64();
    println!("{tally}");
    let again = play(SMALL) == play(SMALL);
    let heavy = play(Plan { loss: TOO_MUCH, ..SMALL });
    println!(
        "with {} % loss, {} hosts, {} h: {} false expiries, of which {} came too early or too late",
        TOO_MUCH / 10,
        SMALL.hosts,
        SMALL.hours,
        heavy.expired,
        heavy.mistimed
    );
    let faults = [
        (tally.harm() > 0, "a host that lived all the time lost its row or its session"),
        (tally.up != plan.hosts, "at the end not all hosts are up"),
        (tally.searches == 0, "no heartbeat cycle was lost: is there loss?"),
        (!again, "the same seed played twice is two worlds"),
        (heavy.expired == 0, "heavy loss takes no row: this test cannot fail"),
        (heavy.mistimed > 0, "a row that went did not go 2.5 to 2.6 T after its last heartbeat"),
    ];
    let broken: Vec<_> = faults.iter().filter(|(holds, _)| *holds).map(|(_, text)| *text).collect();
    if let Some(file) = std::env::var_os("HMS_LOSS_FIGURES") {
        let figures = figures(plan, &tally, seconds, &heavy, &broken);
        std::fs::write(file, format!("{figures:#}\n")).expect("the figures can be written");
    }
    broken.iter().for_each(|text| println!("FAILED: {text}"));
    println!("{} hosts, {} h simulated, {seconds:.1} s", plan.hosts, plan.hours);
    if broken.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// A whole world.
fn play(plan: Plan) -> Tally {
    let mut world = World::new(plan);
    let end = Duration::from_secs_f64(plan.hours * 3600.0);
    let (begun, mut said) = (Clock::now(), Clock::now());
    for minute in 1..=end.as_secs().div_ceil(60) {
        world.run_until(Duration::from_secs(minute * 60).min(end));
        if said.elapsed() >= PROGRESS {
            said = Clock::now();
            let share = minute as f64 * 60.0 / end.as_secs_f64();
            let left = begun.elapsed().as_secs_f64() * (1.0 - share) / share;
            println!("{:5.1} %, {left:.0} s to go, {} so far", share * 100.0, world.tally().line());
        }
    }
    world.tally()
}

fn figures(plan: Plan, tally: &Tally, seconds: f64, heavy: &Tally, broken: &[&str]) -> Value {
    json!({
        "hosts": plan.hosts,
        "hours": plan.hours,
        "loss_percent_in_each_direction": f64::from(plan.loss) / 10.0,
        "seed": plan.seed,
        "result": tally.json(),
        "wall_seconds": seconds.round(),
        "with_heavier_loss": {
            "hosts": SMALL.hosts,
            "hours": SMALL.hours,
            "loss_percent_in_each_direction": f64::from(TOO_MUCH) / 10.0,
            "result": heavy.json(),
        },
        "failed": broken,
    })
}
