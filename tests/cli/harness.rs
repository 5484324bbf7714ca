//! Runs the real binary on loopback, in temporary directories, always with a time limit.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

/// Nothing takes longer; a slow machine has time enough.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// What a command did.
#[derive(Debug)]
pub(crate) struct Done {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Done {
    /// stdout as JSON.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|e| panic!("no JSON ({e}): {self:?}"))
    }
}

/// A temporary world: all state directories and sockets are in it.
pub(crate) struct World {
    pub(crate) dir: TempDir,
}

impl World {
    pub(crate) fn new() -> Self {
        Self { dir: tempfile::tempdir().expect("a temporary directory") }
    }

    /// A directory or file in it.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Writes a file in it.
    pub(crate) fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        fs::create_dir_all(path.parent().expect("a parent")).expect("made");
        fs::write(&path, text).expect("written");
        path
    }

    pub(crate) fn command(&self, state: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_hms"));
        for name in ["HMS_CONFIG", "HMS_TOKEN", "XDG_RUNTIME_DIR"] {
            command.env_remove(name);
        }
        // Empty is the same as not set.
        command
            .env("HMS_LOG", "")
            .env("HMS_STATE", self.path(state))
            .env("RUNTIME_DIRECTORY", self.path(&format!("{state}.run")));
        command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// Runs a command on a state directory to its end.
    pub(crate) fn hms(&self, state: &str, arguments: &[&str]) -> Done {
        finish(self.command(state, arguments), None)
    }

    /// The same with something on stdin.
    pub(crate) fn hms_with_input(&self, state: &str, arguments: &[&str], input: &str) -> Done {
        finish(self.command(state, arguments), Some(input))
    }

    /// The same with more environment.
    pub(crate) fn hms_with_env(
        &self,
        state: &str,
        arguments: &[&str],
        environment: &[(&str, &Path)],
    ) -> Done {
        let mut command = self.command(state, arguments);
        command.envs(environment.iter().copied());
        finish(command, None)
    }

    /// Runs a command and demands its exit code.
    pub(crate) fn expect(&self, code: i32, state: &str, arguments: &[&str]) -> Done {
        let done = self.hms(state, arguments);
        assert_eq!(done.code, code, "hms {}: {done:?}", arguments.join(" "));
        done
    }

    /// stdout of a command as JSON.
    pub(crate) fn json(&self, state: &str, arguments: &[&str]) -> Value {
        let all: Vec<&str> = arguments.iter().copied().chain(["--json"]).collect();
        self.expect(0, state, &all).json()
    }

    /// Starts a daemon or a stream.
    pub(crate) fn start(&self, state: &str, arguments: &[&str]) -> Running {
        Running::new(self.command(state, arguments))
    }

    /// Starts an HMS on a free port of loopback, with these settings, and waits until it is ready.
    pub(crate) fn serve(&self, state: &str, settings: &str) -> Running {
        self.write(&format!("{state}/hms.toml"), settings);
        let hms = self.start(state, &["serve", "--listen", "127.0.0.1:0"]);
        hms.line("HMS ready");
        hms
    }

    /// Joins as `user` with a token of the HMS on `hms`, and waits until it is registered.
    pub(crate) fn join(&self, hms: &str, user: &str, options: &[&str]) -> Running {
        let token = self.token(hms, user);
        let mut arguments = vec!["join", token.as_str()];
        arguments.extend(options);
        let host = self.start(user, &arguments);
        host.line("registered at");
        host
    }

    pub(crate) fn token(&self, hms: &str, user: &str) -> String {
        self.expect(0, hms, &["token", user, "--bare"]).out.trim().to_owned()
    }
}

/// Agents that were detached are nobody's children.
impl Drop for World {
    fn drop(&mut self) {
        for entry in fs::read_dir(self.dir.path()).into_iter().flatten().flatten() {
            if entry.path().join("host.json").exists() {
                let mut leave = self.command(&entry.file_name().to_string_lossy(), &["leave"]);
                let _ = leave.stdout(Stdio::null()).stderr(Stdio::null()).status();
            }
        }
    }
}

fn finish(mut command: Command, input: Option<&str>) -> Done {
    if input.is_some() {
        command.stdin(Stdio::piped());
    }
    let mut child = command.spawn().expect("started");
    if let (Some(mut stdin), Some(input)) = (child.stdin.take(), input) {
        stdin.write_all(input.as_bytes()).expect("written");
    }
    let (tell, told) = channel();
    let (mut stdout, mut stderr) = (child.stdout.take().expect("piped"), child.stderr.take().expect("piped"));
    let other = tell.clone();
    start_thread(move || {
        let mut text = Vec::new();
        let _ = stdout.read_to_end(&mut text);
        let _ = tell.send((true, text));
    });
    start_thread(move || {
        let mut text = Vec::new();
        let _ = stderr.read_to_end(&mut text);
        let _ = other.send((false, text));
    });
    let (mut out, mut err) = (String::new(), String::new());
    for _ in 0..2 {
        match told.recv_timeout(PATIENCE) {
            Ok((is_out, text)) => {
                *if is_out { &mut out } else { &mut err } = String::from_utf8_lossy(&text).into_owned();
            }
            Err(_) => {
                let _ = child.kill();
                panic!("not done in {PATIENCE:?}: {command:?}");
            }
        }
    }
    let status = child.wait().expect("waited");
    Done { code: code(status), out, err }
}

fn start_thread(work: impl FnOnce() + Send + 'static) {
    thread::Builder::new().spawn(work).expect("a thread");
}

fn code(status: ExitStatus) -> i32 {
    status.code().unwrap_or(-1)
}

/// A process that goes on. Killed when dropped.
pub(crate) struct Running {
    child: Child,
    lines: Receiver<String>,
}

impl Running {
    fn new(mut command: Command) -> Self {
        let mut child = command.spawn().expect("started");
        let (tell, lines) = channel();
        let streams: [Box<dyn Read + Send>; 2] =
            [Box::new(child.stdout.take().expect("piped")), Box::new(child.stderr.take().expect("piped"))];
        for stream in streams {
            let tell = tell.clone();
            start_thread(move || {
                for line in BufReader::new(stream).lines().map_while(Result::ok) {
                    let _ = tell.send(line);
                }
            });
        }
        Self { child, lines }
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Waits for a line with `part` in it.
    pub(crate) fn line(&self, part: &str) -> String {
        let mut seen = Vec::new();
        loop {
            match self.lines.recv_timeout(PATIENCE) {
                Ok(line) if line.contains(part) => return line,
                Ok(line) => seen.push(line),
                Err(RecvTimeoutError::Timeout) => panic!("no line with {part:?} in {PATIENCE:?}: {seen:#?}"),
                Err(RecvTimeoutError::Disconnected) => {
                    panic!("ended without a line with {part:?}: {seen:#?}")
                }
            }
        }
    }

    /// Sends a signal by its name.
    pub(crate) fn signal(&self, name: &str) {
        let kill = format!("kill -{name} {}", self.id());
        assert!(Command::new("sh").args(["-c", &kill]).status().expect("sh").success());
    }

    /// `kill -9`; when it was gone.
    pub(crate) fn kill(&mut self) -> Instant {
        self.child.kill().expect("killed");
        self.child.wait().expect("waited");
        Instant::now()
    }

    /// Waits for the end; all it said since the last line asked for, and its exit code.
    pub(crate) fn end(mut self) -> Done {
        let mut said = Vec::new();
        loop {
            match self.lines.recv_timeout(PATIENCE) {
                Ok(line) => said.push(line),
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => panic!("not ended in {PATIENCE:?}: {said:#?}"),
            }
        }
        let status = self.child.wait().expect("waited");
        Done { code: code(status), out: said.join("\n"), err: String::new() }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
