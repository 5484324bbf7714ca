//! `hms-load`: loads an HMS and counts what becomes of it.

mod counts;
mod dice;
mod failover;
mod fleet;
mod flood;
mod garbage;
mod histogram;
mod live;
mod process;
mod report;
mod sources;
mod steady;
mod udp;
mod watch;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

const EXAMPLES: &str = "\
Examples:
  hms-load steady --state /var/lib/hms/server --hosts 100000 --seconds 300
  hms-load fail-over --state /var/lib/hms/server --hosts 1000
  hms-load flood --state /var/lib/hms/server --to 127.0.0.1:6710 --count 1000000 --seeds captured.hex

Progress goes to stderr each second, the table (or with --json one object) to stdout.";

/// Loads an HMS and counts what becomes of it.
#[derive(Debug, Parser)]
#[command(name = "hms-load", version, after_help = EXAMPLES)]
struct Args {
    #[command(subcommand)]
    profile: Profile,
}

#[derive(Debug, Subcommand)]
enum Profile {
    Steady(steady::Steady),
    Flood(flood::Flood),
    FailOver(failover::FailOver),
}

fn main() -> ExitCode {
    let done = match Args::parse().profile {
        Profile::Steady(steady) => steady.run(),
        Profile::FailOver(failover) => failover.run(),
        Profile::Flood(flood) => flood.run().map(|report| {
            println!("{}", if flood.json { report.json().to_string() } else { report.table() });
        }),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("hms-load: {error}");
            ExitCode::FAILURE
        }
    }
}
