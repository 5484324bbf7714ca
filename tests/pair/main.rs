//! Two real HMSs and 10 000 real hosts in virtual time: what becomes of the hosts when an HMS dies, and what the exchange
//! between the two costs.
//!
//! `HMS_PAIR_HOSTS` chooses another number of hosts, `HMS_PAIR_FIGURES` a file for what the exchange costs.
#![allow(clippy::disallowed_methods, reason = "it tells how long it took")]
#![allow(missing_docs, unreachable_pub, clippy::unwrap_used, reason = "a test")]

mod exchange;
mod failover;
mod hosts;
mod meter;
mod servers;
mod world;

use std::process::ExitCode;
use std::time::Instant as Clock;

const HOSTS: usize = 10_000;

fn main() -> ExitCode {
    let hosts = std::env::var("HMS_PAIR_HOSTS").ok().and_then(|text| text.parse().ok()).unwrap_or(HOSTS);
    let begun = Clock::now();
    let mut broken = failover::play(hosts);
    broken.extend(exchange::play(hosts));
    broken.iter().for_each(|text| println!("FAILED: {text}"));
    println!("{hosts} hosts, {:.1} s", begun.elapsed().as_secs_f64());
    if broken.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
