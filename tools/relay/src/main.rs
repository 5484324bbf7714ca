//! `hms-relay`: a bad network between hosts and an HMS, by the seed.

mod args;

use std::fmt::Display;
use std::io::{self, Read as _, Write as _};
use std::path::Path;
use std::process::{ExitCode, exit};
use std::time::Duration;

use clap::Parser as _;
use hms::relay::run::{Notice, run};
use hms::relay::{Script, Tally};
use hms::shell::clock;
use serde_json::json;

use args::Args;

fn main() -> ExitCode {
    let args = Args::parse();
    match relay(&args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            note(format_args!("hms-relay: {error}"));
            ExitCode::from(2)
        }
    }
}

fn relay(args: &Args) -> Result<(), String> {
    let script = args.script.as_deref().map_or_else(|| Ok(Script::default()), read)?;
    let start = clock::now();
    let tally = run(&args.options(script), &mut |notice| match notice {
        Notice::Ready(at) => note(format_args!("relay ready: {at} to {}, seed {}", args.to, args.seed)),
        Notice::Report(elapsed, tally) => print(args, elapsed, &tally),
        Notice::Changed(step) => note(format_args!("script line {}: {step}", step.line)),
        Notice::Rebound => note("all clients get new ports"),
        Notice::Closed(true) => note("cut: nothing passes"),
        Notice::Closed(false) => note("open again"),
    });
    let tally = tally.map_err(|error| format!("{error} (--listen {}, --to {})", args.listen, args.to))?;
    print(args, clock::now().since(start), &tally);
    Ok(())
}

fn read(path: &Path) -> Result<Script, String> {
    let name = path.display();
    let text = if path == Path::new("-") {
        let mut text = String::new();
        io::stdin().read_to_string(&mut text).map(|_| text)
    } else {
        std::fs::read_to_string(path)
    };
    let text = text.map_err(|error| format!("cannot read {name}: {error}"))?;
    text.parse::<Script>().map_err(|wrong| format!("{name}:{}: {}", wrong.line, wrong.error))
}

/// Prints the counters. A reader that went away (`| head`) ends the relay quietly.
fn print(args: &Args, elapsed: Duration, tally: &Tally) {
    let text = if args.json {
        let Tally { up, down, clients, ports, rebound, idle, errors } = tally;
        json!({
            "elapsed_ms": elapsed.as_millis() as u64, "seed": args.seed, "up": up, "down": down, "clients": clients,
            "ports": ports, "rebound": rebound, "idle": idle, "errors": errors,
        })
        .to_string()
    } else {
        format!("after {:.1} s, seed {}\n{tally}", elapsed.as_secs_f64(), args.seed)
    };
    if let Err(error) = writeln!(io::stdout().lock(), "{text}") {
        if error.kind() == io::ErrorKind::BrokenPipe {
            exit(0);
        }
        note(format_args!("hms-relay: cannot write to stdout: {error}"));
        exit(2);
    }
}

/// Prints what is not data. That nobody reads it is no reason to stop.
fn note(text: impl Display) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}
