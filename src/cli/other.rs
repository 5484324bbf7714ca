//! `hms NAME` runs `hms-NAME`, if it is installed: beside this program or on the path.

use std::env;
use std::ffi::{OsStr, OsString};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::Command;

use clap::CommandFactory;

use super::args::Cli;
use super::fail::{Failure, Outcome};
use crate::config::nearest;

pub(super) fn run(words: &[OsString]) -> Outcome {
    let Some((name, arguments)) = words.split_first() else {
        return Err(Failure::usage("a command is missing; `hms --help` lists them"));
    };
    let Some(program) = find(name) else { return Err(unknown(&name.to_string_lossy())) };
    let error = Command::new(&program).args(arguments).exec();
    Err(Failure::file(&program, &error))
}

/// Commands of later versions: who reads of them elsewhere is not to look for a program to install.
const LATER: [&str; 8] = ["key", "snapshot", "capture", "call", "ping", "doctor", "gen", "console"];

fn find(name: &OsStr) -> Option<PathBuf> {
    if name.as_encoded_bytes().contains(&b'/') {
        return None;
    }
    let mut file = OsString::from("hms-");
    file.push(name);
    let beside = env::current_exe().ok().and_then(|exe| exe.parent().map(ToOwned::to_owned));
    let path = env::var_os("PATH").unwrap_or_default();
    beside.into_iter().chain(env::split_paths(&path)).map(|dir| dir.join(&file)).find(|file| file.is_file())
}

fn unknown(name: &str) -> Failure {
    if LATER.contains(&name) {
        return Failure::usage(format!(
            "`hms {name}` is not in this version; `hms --help` lists the commands"
        ));
    }
    let command = Cli::command();
    let commands = command.get_subcommands().map(clap::Command::get_name);
    let hint = match nearest(name, commands) {
        Some(near) => format!("did you mean `hms {near}`?"),
        None => "`hms --help` lists the commands".to_owned(),
    };
    Failure::usage(format!(
        "there is no command `hms {name}`, and no program hms-{name} is installed; {hint}"
    ))
}
