//! `hms-load`: loads an HMS and counts what becomes of it.

mod dice;
mod flood;
mod garbage;
mod report;
mod sources;
mod watch;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

const EXAMPLES: &str = "\
Examples:
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
    Flood(flood::Flood),
}

fn main() -> ExitCode {
    let Profile::Flood(flood) = Args::parse().profile;
    match flood.run() {
        Ok(report) => {
            println!("{}", if flood.json { report.json().to_string() } else { report.table() });
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("hms-load: {error}");
            ExitCode::FAILURE
        }
    }
}
