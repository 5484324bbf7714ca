//! The loop that both daemons run: flush, timers, sockets under a budget, then the control sockets.

use std::fmt;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use mio::{Events, Poll};

use super::captures::Captures;
use super::clock;
use super::control::{ControlError, ControlServer, EXIT_USAGE, REQUESTS_IN_TURN, Request};
use super::net::{Net, Sent, Went};
use super::paths::POINTER;
use super::signals::{Signals, Wish};
use super::state_dir::StateDir;
use super::udp::Sink;
use crate::capture::{Note, Verdict};
use crate::net::{Arrival, Interface, Transmit};
use crate::time::{Duration, Instant, UnixMillis};

/// Datagrams that one flush sends before the sockets are read again.
const SENT_IN_TURN: usize = 1024;
/// Readiness events in one go.
const EVENTS: usize = 256;
/// The machine is told the wall clock, and lost input, this often.
const TELL: Duration = Duration::from_secs(1);

/// The verbs of a sans-I/O machine.
pub(super) trait Machine {
    /// These datagrams come next: only a hint.
    fn expect(&mut self, _datagrams: &mut dyn Iterator<Item = &[u8]>) {}
    fn handle_datagram(&mut self, now: Instant, from: SocketAddr, arrival: Arrival, bytes: &[u8]);
    fn handle_timeout(&mut self, now: Instant);
    fn poll_output(&mut self, now: Instant, buf: &mut Vec<u8>) -> Option<Transmit>;
    fn poll_timeout(&self) -> Option<Instant>;
    fn set_interfaces(&mut self, now: Instant, interfaces: Vec<Interface>);
    fn set_wall(&mut self, now: Instant, wall: UnixMillis);
    /// Datagrams were lost on this machine, somewhere within the last `span`.
    fn lost_input(&mut self, now: Instant, span: Duration);
    /// What became of the datagram that it was given last; none if nobody may see that.
    fn verdict(&self, _bytes: &[u8]) -> Option<Note<'_>> {
        None
    }
    /// Why the datagram is sent that it gave out last.
    fn cause(&self, _bytes: &[u8]) -> Option<Note<'_>> {
        None
    }
}

/// What is received, on its way into the machine.
struct Input<'a, M> {
    now: Instant,
    machine: &'a mut M,
    /// Those who look on, if there are any, and where the socket is bound.
    captures: Option<&'a mut Captures>,
    local: SocketAddr,
}

impl<M: Machine> Sink for Input<'_, M> {
    fn expect(&mut self, datagrams: &mut dyn Iterator<Item = &[u8]>) {
        self.machine.expect(datagrams);
    }

    fn take(&mut self, from: SocketAddr, arrival: Arrival, bytes: &[u8]) {
        self.machine.handle_datagram(self.now, from, arrival, bytes);
        if let Some(captures) = &mut self.captures
            && let Some(note) = self.machine.verdict(bytes)
        {
            captures.received(self.now, self.local, from, arrival, bytes, &note);
        }
    }

    fn at(&mut self, local: SocketAddr) {
        self.local = local;
    }

    fn skip(&mut self, from: SocketAddr, arrival: Arrival, bytes: &[u8], why: &'static str) {
        if let Some(captures) = &mut self.captures {
            let note = Note::from(Verdict::Ignored("datagram", why));
            captures.received(self.now, self.local, from, arrival, bytes, &note);
        }
    }
}

/// Why a daemon ended, or did not start: what to say, and the exit code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DaemonError {
    /// Exit code of the process.
    pub exit: u8,
    /// What to tell the user.
    pub message: String,
}

impl DaemonError {
    /// An error with this exit code and message.
    pub fn new(exit: u8, message: impl fmt::Display) -> Self {
        Self { exit, message: message.to_string() }
    }

    /// The daemon cannot start like this.
    pub(super) fn usage(message: impl fmt::Display) -> Self {
        Self::new(EXIT_USAGE, message)
    }
}

impl fmt::Display for DaemonError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for DaemonError {}

/// Everything that a daemon's loop holds beside its machine.
pub(super) struct Engine {
    poll: Poll,
    events: Events,
    signals: Signals,
    pub(super) net: Net,
    pub(super) control: ControlServer,
    pub(super) captures: Captures,
    /// The machine's datagram on its way out.
    buffer: Vec<u8>,
    /// It waits for room in the send buffer.
    waiting: Option<Transmit>,
    /// The machine had more to send than one flush takes.
    more_output: bool,
    next_wall: Instant,
    requests_left: usize,
    now: Instant,
}

impl Engine {
    /// Opens all sockets. `fixed` ports are those that others know.
    pub(super) fn open(
        listen: &[SocketAddr],
        fixed: bool,
        socket_dirs: &[PathBuf],
    ) -> Result<Self, DaemonError> {
        let system = |error: io::Error| DaemonError::usage(format!("the system refuses: {error}"));
        let poll = Poll::new().map_err(system)?;
        let signals = Signals::open(poll.registry()).map_err(system)?;
        let net = Net::open(poll.registry(), listen, fixed).map_err(DaemonError::usage)?;
        let control = ControlServer::open(poll.registry(), socket_dirs)
            .map_err(|error| DaemonError::usage(format!("no place for the control sockets: {error}")))?;
        Ok(Self {
            poll,
            events: Events::with_capacity(EVENTS),
            signals,
            net,
            control,
            captures: Captures::default(),
            buffer: Vec::new(),
            waiting: None,
            more_output: false,
            next_wall: Instant::ZERO,
            requests_left: 0,
            now: clock::now(),
        })
    }

    /// The time of this turn.
    pub(super) const fn now(&self) -> Instant {
        self.now
    }

    /// Waits until something is ready or `deadline` has come; returns what signals asked for.
    pub(super) fn wait(&mut self, machine: &impl Machine, deadline: Option<Instant>) -> Vec<Wish> {
        let timeout = self.timeout(machine, deadline);
        if let Err(error) = self.poll.poll(&mut self.events, timeout) {
            self.events.clear();
            if error.kind() != io::ErrorKind::Interrupted {
                self.net.counters.count(self.now, "poll", &error, "");
            }
        }
        self.now = clock::now();
        self.requests_left = REQUESTS_IN_TURN;
        let mut wishes = Vec::new();
        for event in &self.events {
            if !self.signals.handle_event(event, &mut wishes) && !self.control.handle_event(event) {
                self.net.handle_event(event);
            }
        }
        wishes
    }

    fn timeout(&self, machine: &impl Machine, deadline: Option<Instant>) -> Option<Duration> {
        let send_again = self.more_output && self.waiting.is_none();
        if self.net.has_ready() || self.control.has_ready() || send_again {
            return Some(Duration::ZERO);
        }
        let times = [
            deadline,
            machine.poll_timeout(),
            Some(self.net.next_look()),
            Some(self.next_wall),
            self.net.wait_deadline(),
            self.control.accept_again(),
        ];
        let now = clock::now();
        times.into_iter().flatten().min().map(|at| at.since(now))
    }

    /// One turn for the machine: flush, timers, sockets, flush.
    pub(super) fn turn(&mut self, machine: &mut impl Machine) {
        let now = self.now;
        // Before anything is sent: at the start the first search goes to the groups of these interfaces.
        if let Some(usable) = self.net.look(now, self.poll.registry()) {
            machine.set_interfaces(now, usable);
        }
        self.flush(machine);
        if now >= self.next_wall {
            self.next_wall = now + TELL;
            machine.set_wall(now, clock::wall());
            if self.net.newly_dropped() > 0 {
                machine.lost_input(now, TELL);
            }
        }
        if machine.poll_timeout().is_some_and(|at| at <= now) {
            machine.handle_timeout(now);
        }
        let captures = Some(&mut self.captures).filter(|captures| captures.is_on());
        let local = SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), 0);
        self.net.receive(now, &mut Input { now, machine, captures, local });
        self.flush(machine);
    }

    /// Sends what the machine wants sent, within the turn's budget.
    pub(super) fn flush(&mut self, machine: &mut impl Machine) {
        let now = self.now;
        self.more_output = false;
        if !self.net.writable(now) {
            self.more_output = true;
            return;
        }
        for _ in 0..SENT_IN_TURN {
            let next = self.waiting.take().or_else(|| machine.poll_output(now, &mut self.buffer));
            let Some(transmit) = next else { return };
            if self.send(now, machine, &transmit) == Sent::Wait {
                self.waiting = Some(transmit);
                self.more_output = true;
                return;
            }
        }
        self.more_output = true;
    }

    fn send(&mut self, now: Instant, machine: &impl Machine, transmit: &Transmit) -> Sent {
        let Self { net, captures, buffer, .. } = self;
        if !captures.is_on() {
            return net.send(now, transmit, buffer, None);
        }
        let mut tap = |went: &Went| {
            if let Some(note) = machine.cause(buffer) {
                captures.sent(now, went, buffer, note);
            }
        };
        net.send(now, transmit, buffer, Some(&mut tap))
    }

    /// Captures get what was gathered.
    pub(super) fn hand_out_captures(&mut self) {
        if self.captures.is_on() {
            self.captures.turn(&mut self.control);
        }
    }

    /// The next request, within the turn's budget.
    pub(super) fn next_request(&mut self) -> Option<Request> {
        self.requests_left = self.requests_left.checked_sub(1)?;
        self.control.next_request(self.now, self.poll.registry(), &mut self.net.counters)
    }

    /// What was just answered was long: other requests wait for the next turn.
    pub(super) const fn end_requests(&mut self) {
        self.requests_left = 0;
    }

    /// The machine's last words are not out yet.
    pub(super) const fn has_output(&self) -> bool {
        self.more_output
    }

    /// Writes down in the state directory where the control sockets are.
    pub(super) fn point_from(&self, dir: &StateDir) {
        let pointer = format!("{}\n", self.sockets().display());
        if let Err(error) = dir.write(POINTER, pointer.as_bytes()) {
            log::warn!("{error}");
        }
    }

    /// Where the control sockets are.
    pub(super) fn sockets(&self) -> &Path {
        self.control.directory()
    }
}

/// The refusal of a request that this daemon does not know.
pub(super) fn unknown_request(request: &Request) -> ControlError {
    ControlError::new(EXIT_USAGE, format!("unknown request \"{}\"", request.command()))
}
