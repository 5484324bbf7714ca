//! Runs the real binary between sockets on loopback, always with a time limit.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, UdpSocket};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use serde_json::Value;

/// Nothing takes longer; a slow machine has time enough.
const PATIENCE: Duration = Duration::from_secs(30);

/// How it ended.
#[derive(Debug)]
pub(crate) struct Done {
    pub(crate) code: Option<i32>,
    pub(crate) out: Vec<String>,
    pub(crate) err: Vec<String>,
}

impl Done {
    /// The lines of stdout as JSON.
    pub(crate) fn json(&self) -> Vec<Value> {
        self.out.iter().map(|line| serde_json::from_str(line).expect("JSON")).collect()
    }
}

/// A relay that runs. Killed when dropped.
pub(crate) struct Relay {
    child: Child,
    out: Receiver<String>,
    err: Receiver<String>,
}

impl Relay {
    /// Starts it with these arguments, and something on stdin.
    pub(crate) fn start(arguments: &[&str], input: &str) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_hms-relay"));
        command.args(arguments);
        Self::spawn(command, input)
    }

    /// Starts a command that ends up as the relay.
    pub(crate) fn spawn(mut command: Command, input: &str) -> Self {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("started");
        child.stdin.take().expect("piped").write_all(input.as_bytes()).expect("written");
        let out = lines(child.stdout.take().expect("piped"));
        let err = lines(child.stderr.take().expect("piped"));
        Self { child, out, err }
    }

    /// Where it listens, once it does.
    pub(crate) fn ready(&self) -> SocketAddr {
        let line = self.note();
        let address = line.strip_prefix("relay ready: ").and_then(|rest| rest.split(' ').next());
        address.and_then(|address| address.parse().ok()).unwrap_or_else(|| panic!("not ready: {line}"))
    }

    /// The next line of stderr.
    pub(crate) fn note(&self) -> String {
        self.err.recv_timeout(PATIENCE).expect("a line on stderr")
    }

    /// The next line of stdout.
    pub(crate) fn line(&self) -> String {
        self.out.recv_timeout(PATIENCE).expect("a line on stdout")
    }

    /// Sends a signal by its name.
    pub(crate) fn signal(&self, name: &str) {
        let kill = format!("kill -{name} {}", self.child.id());
        assert!(Command::new("sh").args(["-c", &kill]).status().expect("sh").success());
    }

    /// Waits for the end; what it said and nobody asked for.
    pub(crate) fn end(mut self) -> Done {
        let rest = |lines: &Receiver<String>| {
            let mut all = Vec::new();
            loop {
                match lines.recv_timeout(PATIENCE) {
                    Ok(line) => all.push(line),
                    Err(std::sync::mpsc::RecvTimeoutError::Disconnected) => return all,
                    Err(_) => panic!("not ended in {PATIENCE:?}: {all:?}"),
                }
            }
        };
        let (out, err) = (rest(&self.out), rest(&self.err));
        Done { code: self.child.wait().expect("waited").code(), out, err }
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn lines(from: impl std::io::Read + Send + 'static) -> Receiver<String> {
    let (tell, lines) = channel();
    let read = move || {
        for line in BufReader::new(from).lines().map_while(Result::ok) {
            let _ = tell.send(line);
        }
    };
    thread::Builder::new().spawn(read).expect("a thread");
    lines
}

/// A socket on loopback that waits, but not for ever.
pub(crate) fn socket() -> UdpSocket {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a port");
    socket.set_read_timeout(Some(PATIENCE)).expect("set");
    socket
}

/// The next datagram, and whence.
pub(crate) fn receive(socket: &UdpSocket) -> (Vec<u8>, SocketAddr) {
    let mut buf = [0; 65_536];
    let (len, from) = socket.recv_from(&mut buf).expect("a datagram");
    (buf.split_at(len).0.to_vec(), from)
}
