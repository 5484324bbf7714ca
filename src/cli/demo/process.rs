//! Processes of the demo: this very program, started with the commands that a person would type.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read};
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};

use crate::cli::fail::Failure;
use crate::shell::clock;
use crate::time::Duration;

/// Settings of the person who runs the demo must not reach into it.
const FOREIGN: [&str; 5] = ["HMS_STATE", "HMS_CONFIG", "HMS_TOKEN", "RUNTIME_DIRECTORY", "NOTIFY_SOCKET"];

/// A child process. Killed when dropped.
#[derive(Debug)]
pub(super) struct Process {
    name: String,
    child: Child,
    out: BufReader<ChildStdout>,
    log: PathBuf,
}

/// This program with `arguments`, away from the caller's settings.
fn program(arguments: &[&str]) -> Result<Command, Failure> {
    let exe = std::env::current_exe().map_err(|e| Failure::no(format!("cannot find this program: {e}")))?;
    let mut command = Command::new(exe);
    command.args(arguments).stdin(Stdio::null());
    FOREIGN.iter().for_each(|name| {
        command.env_remove(name);
    });
    Ok(command)
}

/// Runs a command to its end; what it printed, or why it failed.
pub(super) fn run(arguments: &[&str]) -> Result<String, Failure> {
    let shown = || format!("hms {}", arguments.join(" "));
    let output = program(arguments)?.output().map_err(|e| Failure::no(format!("{}: {e}", shown())))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(Failure::no(format!("{} failed ({}): {}", shown(), output.status, said.trim())))
}

impl Process {
    /// Starts this program; its stderr goes to a file in `dir`, its sockets are there as well.
    pub(super) fn start(name: &str, dir: &Path, arguments: &[&str]) -> Result<Self, Failure> {
        let failed = |e: std::io::Error| Failure::no(format!("cannot start {name}: {e}"));
        let log = dir.join(format!("{name}.log"));
        let file = File::create(&log).map_err(failed)?;
        let mut command = program(arguments)?;
        command.env("RUNTIME_DIRECTORY", dir.join(name).join("run"));
        let mut child = command.stdout(Stdio::piped()).stderr(file).spawn().map_err(failed)?;
        let out = child.stdout.take().map(BufReader::new);
        let out = out.ok_or_else(|| Failure::no(format!("cannot read what {name} says")))?;
        Ok(Self { name: name.to_owned(), child, out, log })
    }

    pub(super) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Its next line; an error with what it said last if it ended.
    pub(super) fn line(&mut self) -> Result<String, Failure> {
        let mut line = String::new();
        match self.out.read_line(&mut line) {
            Ok(n) if n > 0 => Ok(line.trim_end().to_owned()),
            _ => Err(Failure::no(format!("{} ended: {}", self.name, self.last_words()))),
        }
    }

    /// All that it still says, when it is about to end.
    pub(super) fn rest(&mut self) -> String {
        let mut text = String::new();
        // What cannot be read is missing in a statistic.
        let _ = self.out.read_to_string(&mut text);
        text
    }

    /// What it said last on stderr.
    pub(super) fn last_words(&self) -> String {
        let log = fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = log.lines().rev().take(5).collect();
        let words: Vec<&str> = lines.into_iter().rev().collect();
        if words.is_empty() { "it said nothing".to_owned() } else { words.join("\n") }
    }

    /// Whether it still runs.
    pub(super) fn runs(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Kills it as a power cut would.
    pub(super) fn kill(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Waits for its end, at most so long.
    pub(super) fn wait(&mut self, limit: Duration) -> bool {
        let end = clock::now() + limit;
        while self.runs() && clock::now() < end {
            std::thread::park_timeout(Duration::from_millis(10));
        }
        !self.runs()
    }

    /// Sends a signal by its name; the shell's own `kill` is on every machine.
    pub(super) fn signal(&self, name: &str) {
        let kill = format!("kill -{name} {}", self.id());
        let _ = Command::new("sh").args(["-c", &kill]).stderr(Stdio::null()).status();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

/// An address of this machine for the `n`th host: one of its own where the system has the whole of 127.0.0.0/8.
pub(super) fn own_address(n: u8) -> IpAddr {
    let own = IpAddr::from([127, 0, 0, n]);
    match std::net::UdpSocket::bind((own, 0)) {
        Ok(_) => own,
        Err(_) => IpAddr::from([127, 0, 0, 1]),
    }
}
