//! `hms join` and `hms agent`: the host machine with its sockets, its store and its local sockets.

mod requests;
mod start;

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use crate::host::{Event, Host, WhoCursor};
use crate::ident::Name;
use crate::net::{Arrival, Interface, Transmit};
use crate::time::{Duration, Instant, UnixMillis};
use crate::token::Token;
use crate::wire::Content;

use super::control::{ConnectionId, Listings};
use super::engine::{DaemonError, Engine, Machine};
use super::files;
use super::signals::Wish;
use super::state_dir::{StateDir, StateLock};

/// Exit codes of PRODUCT.
const EXIT_TIMEOUT: u8 = 3;
const EXIT_REFUSED: u8 = 4;
/// A store that could not be written is tried again this often.
const STORE_AGAIN: Duration = Duration::from_secs(5);
/// Leaving takes no longer than this: the machine gives up at 2 s (spec 6).
const LEAVE_MAX: Duration = Duration::from_secs(3);

/// Who asks for a fresh list gets the one that is there when no HMS answers in this time.
const REFRESH_MAX: Duration = Duration::from_secs(2);

/// How to run a host.
pub struct AgentOptions<'a> {
    /// The state directory.
    pub state: PathBuf,
    /// `hms join`: the token to keep, and to take the user over with. `hms agent`: none, the stored one.
    pub token: Option<Token>,
    /// Changes what the host says of itself, which is what it said last time, or nothing but its names.
    pub content: &'a mut dyn FnMut(&mut Content),
    /// Addresses to report in the place of the machine's own; `None`: what was said last time.
    pub report: Option<Vec<SocketAddr>>,
    /// Sends and receives at this address only; `None`: at all of the machine's.
    pub bind: Option<IpAddr>,
    /// How long to try to register before giving up; `None`: for ever.
    pub timeout: Option<Duration>,
    /// Shows what happens.
    pub notify: &'a mut dyn FnMut(AgentNotice),
}

/// What the user is shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AgentNotice {
    /// Another agent runs here with the same token: there is nothing to do.
    AlreadyRunning {
        /// Its process, if it left its number.
        pid: Option<u32>,
        /// The user.
        user: Name,
    },
    /// The search begins.
    Searching {
        /// The user.
        user: Name,
        /// Where the control sockets are.
        sockets: PathBuf,
    },
    /// An HMS took the registration.
    Registered {
        /// The HMS's name.
        hms: Name,
        /// The user.
        user: Name,
        /// The address that the HMS saw.
        address: Option<SocketAddr>,
        /// It is the first time in this process.
        first: bool,
    },
    /// An HMS refused for now.
    Refused {
        /// What it said.
        message: String,
        /// It is tried again after this.
        retry: Duration,
    },
    /// Somebody who proves nothing says why nobody answers.
    Hint(String),
    /// No HMS answers any more.
    Lost,
    /// An HMS answers again.
    Back(Option<Name>),
    /// Something is wrong, but not so that it stops.
    Warning(String),
    /// It leaves.
    Leaving,
}

impl Machine for Host {
    fn handle_datagram(&mut self, now: Instant, from: SocketAddr, arrival: Arrival, bytes: &[u8]) {
        Self::handle_datagram(self, now, from, arrival, bytes);
    }

    fn handle_timeout(&mut self, now: Instant) {
        Self::handle_timeout(self, now);
    }

    fn poll_output(&mut self, now: Instant, buf: &mut Vec<u8>) -> Option<Transmit> {
        Self::poll_output(self, now, buf)
    }

    fn poll_timeout(&self) -> Option<Instant> {
        Self::poll_timeout(self)
    }

    fn set_interfaces(&mut self, now: Instant, interfaces: Vec<Interface>) {
        Self::set_interfaces(self, now, interfaces);
    }

    fn set_wall(&mut self, now: Instant, wall: UnixMillis) {
        Self::set_wall(self, now, wall);
    }

    /// A host has nothing that expires by silence.
    fn lost_input(&mut self, _now: Instant, _span: Duration) {}
}

/// Runs a host until it leaves, is refused, or another machine takes its user over.
///
/// # Errors
/// With the exit code and what to say: 2 wrong use, 3 nobody answered, 4 refused or superseded.
pub fn run(options: AgentOptions<'_>) -> Result<(), DaemonError> {
    let Some(mut daemon) = Daemon::start(options)? else { return Ok(()) };
    loop {
        if let Some(end) = daemon.step() {
            daemon.close();
            return end;
        }
    }
}

/// How it ends.
type End = Result<(), DaemonError>;

struct Daemon<'a> {
    options: AgentOptions<'a>,
    user: Name,
    engine: Engine,
    host: Host,
    dir: StateDir,
    _lock: StateLock,
    /// Until when it must be registered.
    give_up_at: Option<Instant>,
    registered: bool,
    /// The token names addresses, so that multicast is not needed.
    addressed: bool,
    /// What an HMS that proved itself, or else anybody, said against the registration.
    refusal: Option<String>,
    hint: Option<String>,
    store_at: Option<Instant>,
    /// Addresses that follow the interfaces, unless the user named some.
    follow_interfaces: bool,
    /// What was reported last.
    reported: Vec<SocketAddr>,
    leaving: Option<Instant>,
    /// Who asked to leave, and gets the answer when it is done.
    leavers: Vec<ConnectionId>,
    forget: bool,
    finds: Vec<(u64, ConnectionId)>,
    /// Who waits for the HMS's answer, and until when.
    refreshers: Vec<(ConnectionId, Instant)>,
    listings: Listings<WhoCursor>,
    events_seen: u64,
    end: Option<End>,
}

impl Daemon<'_> {
    /// Waits for something, does a turn's share of it; tells how it ended, when it did.
    fn step(&mut self) -> Option<End> {
        let wishes = self.engine.wait(&self.host, self.deadline());
        let now = self.engine.now();
        for wish in wishes {
            match wish {
                Wish::Reload => self.host.refresh(now),
                // The second one stops at once.
                Wish::Stop if self.leaving.is_some() => return Some(Ok(())),
                Wish::Stop => self.leave(),
            }
        }
        self.engine.turn(&mut self.host);
        self.report_addresses();
        self.events();
        self.requests();
        self.engine.flush(&mut self.host);
        self.answer_refreshers();
        self.list();
        self.store_if_due();
        self.give_up_if_due();
        self.end.take()
    }

    fn deadline(&self) -> Option<Instant> {
        let leave = self.leaving.map(|since| since + LEAVE_MAX);
        let refresh = self.refreshers.iter().map(|(_, until)| *until).min();
        let list = self.listings.ready(&self.engine.control).then_some(Instant::ZERO);
        [self.give_up_at, self.store_at, leave, refresh, list].into_iter().flatten().min()
    }

    /// Begins to leave: the row goes at once, the token stays.
    fn leave(&mut self) {
        if self.leaving.is_none() {
            self.leaving = Some(self.engine.now());
            (self.options.notify)(AgentNotice::Leaving);
            self.host.leave(self.engine.now());
            self.engine.flush(&mut self.host);
            self.events();
        }
    }

    fn events(&mut self) {
        while let Some(event) = self.host.poll_event() {
            self.event(event);
        }
    }

    fn event(&mut self, event: Event) {
        let notify = &mut self.options.notify;
        match event {
            Event::Registered { hms, user, address } => {
                let first = !std::mem::replace(&mut self.registered, true);
                self.give_up_at = None;
                if first {
                    // Whoever is told so may rely on the token being kept.
                    self.store();
                }
                (self.options.notify)(AgentNotice::Registered { hms, user, address, first });
                self.publish("registered");
            }
            Event::Refused { message, retry: Some(retry), .. } => {
                self.refusal = Some(message.clone());
                notify(AgentNotice::Refused { message, retry });
            }
            Event::Refused { message, retry: None, .. } => {
                self.end = Some(Err(DaemonError::new(EXIT_REFUSED, message)));
            }
            Event::Superseded => {
                let message = format!(
                    "another machine is registered as {} now; `hms join` with the token takes it back",
                    self.user
                );
                self.end = Some(Err(DaemonError::new(EXIT_REFUSED, message)));
            }
            Event::Left { .. } => self.end = Some(Ok(())),
            Event::Hint { message, .. } => {
                self.hint = Some(message.clone());
                notify(AgentNotice::Hint(message));
            }
            Event::Lost => {
                notify(AgentNotice::Lost);
                self.publish("lost");
            }
            Event::Back { hms } => {
                notify(AgentNotice::Back(hms));
                self.publish("back");
            }
            Event::Changed => self.publish("changed"),
            Event::Found { id, rows, complete } => self.found(id, &rows, complete),
            Event::Persist => self.store_at = Some(self.engine.now()),
            Event::Log { level, text } => log::log!(level, "{text}"),
        }
    }

    fn give_up_if_due(&mut self) {
        let now = self.engine.now();
        if self.leaving.is_some_and(|since| now >= since + LEAVE_MAX) {
            self.end.get_or_insert(Ok(()));
        }
        if self.give_up_at.is_some_and(|at| now >= at) {
            self.give_up_at = None;
            let error = self.why_not_registered();
            self.end.get_or_insert(Err(error));
        }
    }

    /// An authenticated refusal beats a hint, and a hint beats silence (R-AUT-31).
    fn why_not_registered(&self) -> DaemonError {
        if let Some(message) = self.refusal.as_ref().or(self.hint.as_ref()) {
            return DaemonError::new(EXIT_REFUSED, message);
        }
        let waited = self.options.timeout.unwrap_or_default();
        let far = if self.addressed {
            ""
        } else {
            "; this token names no address, and multicast ends at the next router: for hosts behind one, \
             `hms token NAME` without --multicast or with --address makes a token that does"
        };
        let message = format!(
            "no HMS answered within {}: none is running or reachable from here, or those that are do not serve the \
             realm of this token (`hms realm list` on the HMS shows which it serves){far}",
            crate::config::show_duration(waited)
        );
        DaemonError::new(EXIT_TIMEOUT, message)
    }

    fn store_if_due(&mut self) {
        let due = self.store_at.is_some_and(|at| self.engine.now() >= at);
        if due || (self.end.is_some() && self.store_at.is_some()) {
            self.store();
        }
    }

    /// Stores what the host keeps; what cannot be stored is in force all the same, shown, and tried again.
    fn store(&mut self) {
        self.store_at = None;
        if let Err(error) = self.dir.write(files::HOST_STORE, &self.host.store().to_bytes()) {
            self.store_at = Some(self.engine.now() + STORE_AGAIN);
            self.engine.net.counters.add("store", 1);
            (self.options.notify)(AgentNotice::Warning(format!(
                "not stored: {error}; the agent tries again"
            )));
        }
    }

    /// The last things before the process ends.
    fn close(&mut self) {
        if self.forget {
            let files = [files::HOST_STORE, files::AGENT_SETTINGS];
            for error in files.into_iter().filter_map(|file| self.dir.remove(file).err()) {
                (self.options.notify)(AgentNotice::Warning(format!("not forgotten: {error}")));
            }
        }
        self.answer_leavers();
    }
}
