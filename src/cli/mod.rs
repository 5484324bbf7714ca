//! The commands of `hms`: what an admin, a person at a host and an application type and read.
//!
//! One file per command. Daemons run in `shell`; everything else asks them over their control sockets, or reads their files.

mod args;
mod ask;
mod call;
mod capture;
mod check;
mod config;
mod demo;
mod drain;
mod fail;
mod generate;
mod hosts;
mod human;
mod join;
mod leave;
mod me;
mod names;
mod other;
mod out;
mod peers;
mod realm;
mod reload;
mod revoke;
mod rows;
mod secrets;
mod serve;
mod set;
mod settings_file;
mod status;
mod stored;
mod table;
mod token;
mod watch;
mod who;
mod why;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::Parser;
use clap::error::ErrorKind;

use args::{Cli, Command, Global};
use fail::{OK, Outcome, USAGE};

/// Runs the command line `args`, the program's name first, and returns how the process is to end.
pub fn run(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let cli = match Cli::try_parse_from(args) {
        Ok(cli) => cli,
        Err(error) => {
            return wrong_use(&error);
        }
    };
    start_log(cli.global.verbose);
    match dispatch(cli.command, &cli.global) {
        Ok(exit) => ExitCode::from(exit),
        Err(failure) => {
            if !failure.message.is_empty() {
                out::note(format_args!("hms: {failure}"));
            }
            ExitCode::from(failure.exit)
        }
    }
}

/// Help and version are what was asked for: stdout, exit 0. Everything else is said as we say it.
fn wrong_use(error: &clap::Error) -> ExitCode {
    if !error.use_stderr() || error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
        let _ = error.print();
        return ExitCode::from(if error.use_stderr() { USAGE } else { OK });
    }
    let text = error.to_string();
    let text = text.strip_prefix("error: ").unwrap_or(&text);
    let lines = text.lines().filter(|line| !line.trim().is_empty());
    let lines: Vec<&str> = lines.filter(|line| !line.starts_with("For more information")).collect();
    out::note(format_args!("hms: {}\n`--help` tells more", lines.join("\n")));
    ExitCode::from(USAGE)
}

fn dispatch(command: Command, global: &Global) -> Outcome {
    match command {
        Command::Serve(args) => serve::run(&args, global),
        Command::Join(args) => join::join(&args, global),
        Command::Agent(args) => join::agent(&args, global),
        Command::Demo(args) => demo::run(&args),
        Command::DemoRelay(args) => demo::relay::run(&args),
        Command::Check(args) => check::run(&args, global),
        Command::Config(args) => config::run(&args, global),
        Command::Status(args) => status::run(&args, global),
        Command::Peers(args) => peers::run(&args, global),
        Command::Hosts(args) => hosts::run(&args, global),
        Command::Watch(args) => watch::run(&args, global),
        Command::Why(args) => why::run(&args, global),
        Command::Capture(args) => capture::run(&args, global),
        Command::Token(args) => token::run(&args, global),
        Command::Revoke(args) => revoke::run(&args, global),
        Command::Realm(args) => realm::run(&args, global),
        Command::Reload(args) => reload::run(&args, global),
        Command::Drain(args) => drain::run(&args, global),
        Command::Gen(args) => generate::run(&args),
        Command::Who(args) => who::run(&args, global),
        Command::Me(args) => me::run(&args, global),
        Command::Ip(args) => call::ip(&args, global),
        Command::Uri(args) => call::uri(&args, global),
        Command::Env(args) => call::env(&args, global),
        Command::Set(args) => set::run(&args, global),
        Command::Leave(args) => leave::run(&args, global),
        Command::Other(words) => other::run(&words),
    }
}

/// `HMS_LOG` wins over `-v`; without both only warnings are shown. Empty is the same as not set: to the library it
/// would mean errors only.
fn start_log(verbose: u8) {
    let level = match verbose {
        0 => "warn",
        1 => "info",
        2 => "debug",
        _ => "trace",
    };
    let environment = env_logger::Env::new().filter_or("HMS_LOG", level).write_style("HMS_LOG_STYLE");
    let mut log = env_logger::Builder::from_env(environment);
    if std::env::var_os("HMS_LOG").is_some_and(|filter| filter.is_empty()) {
        log.parse_filters(level);
    }
    log.format_target(false);
    // A second start in one process (tests) is no reason to end.
    let _ = log.try_init();
}

#[cfg(test)]
mod tests;
