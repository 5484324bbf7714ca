//! `hms serve`: the server machine with its sockets, files and signals.

mod capture;
mod decisions;
mod drain;
mod joining;
mod keylog;
mod news;
mod notice;
mod requests;
mod settings;
mod snapshot;

use std::net::SocketAddr;
use std::path::PathBuf;

use crate::capture::Note;
use crate::cluster::Facts;
use crate::config::{Checked, Config};
use crate::ident::Name;
use crate::limits::CLOCK_STORED;
use crate::net::{Arrival, Interface, Transmit};
use crate::server::{Event, HostCursor, Level, Server, Setup, WatchEvent};
use crate::storage::Secrets;
use crate::time::{Duration, Instant, UnixMillis};
use crate::token::Invitation;
use crate::transport::LinkSecret;

use super::clock;
use super::control::{ConnectionId, Listings};
use super::engine::{DaemonError, Engine, Machine};
use super::entropy;
use super::files;
use super::machine::host_name;
use super::paths;
use super::signals::Wish;
use super::state_dir::{StateDir, StateError, StateLock};
use decisions::Waiting;
use joining::Start;
use keylog::KeyLog;
use news::Told;
pub use notice::{Ready, ServerNotice};
use settings::{server_settings, unknown_realms};
use snapshot::Snapshots;

/// Exit code of a settings error.
const EXIT_CONFIG: u8 = 78;
/// Secrets that could not be stored are tried again this often.
const STORE_AGAIN: Duration = Duration::from_secs(5);
/// A graceful stop takes no longer than this: 5 s at most to hand over (R-PEE-86), then the snapshot.
const STOP_MAX: Duration = Duration::from_secs(6);

/// How to run an HMS.
pub struct ServeOptions<'a> {
    /// The state directory.
    pub state: PathBuf,
    /// `--listen`, in the place of the settings' addresses; empty if not given.
    pub listen: Vec<SocketAddr>,
    /// Reads `hms.toml`, at start and at each reload; the error is for a person.
    pub settings: &'a mut dyn FnMut() -> Result<Checked, String>,
    /// `--join`.
    pub join: Option<Invitation>,
    /// `--keylog`.
    pub keylog: Option<PathBuf>,
    /// Shows what happens.
    pub notify: &'a mut dyn FnMut(ServerNotice),
}

impl Machine for Server {
    fn expect(&mut self, datagrams: &mut dyn Iterator<Item = &[u8]>) {
        Self::expect(self, datagrams);
    }

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

    fn lost_input(&mut self, now: Instant, span: Duration) {
        self.stalled(now, span);
    }

    fn verdict(&self, bytes: &[u8]) -> Option<Note<'_>> {
        Some(Self::verdict(self, bytes))
    }

    fn cause(&self, bytes: &[u8]) -> Option<Note<'_>> {
        Some(Self::cause(self, bytes))
    }
}

/// Runs an HMS until it is told to stop.
///
/// # Errors
/// With the exit code and what to say, when it cannot start.
pub fn run(options: ServeOptions<'_>) -> Result<(), DaemonError> {
    let mut daemon = Daemon::start(options)?;
    daemon.ready();
    daemon.serve();
    Ok(())
}

struct Daemon<'a> {
    options: ServeOptions<'a>,
    config: Config,
    name: Name,
    engine: Engine,
    server: Server,
    secrets: Secrets,
    dir: StateDir,
    _lock: StateLock,
    snapshots: Snapshots,
    listings: Listings<HostCursor>,
    waiting: Vec<Waiting>,
    /// Who asked for the stop, and waits for its end.
    draining: Vec<ConnectionId>,
    told: Told,
    /// When the secrets are stored next: soon after a failure, else now and then for the clock's sake.
    store_at: Instant,
    /// Why the last attempt failed, if it did.
    not_stored: Option<String>,
    keylog: Option<KeyLog>,
    new_realm: bool,
    stopping: Option<Instant>,
    stopped: bool,
}

/// What to do about a directory that cannot be taken.
fn in_use(error: StateError) -> DaemonError {
    match error {
        StateError::Locked { .. } => {
            DaemonError::usage(format!("{error}; stop it, or name another directory with --state"))
        }
        StateError::Io { .. } => DaemonError::usage(error),
    }
}

/// All sockets, as the settings say; `listen` in the place of theirs, if it is given.
fn open_engine(listen: &[SocketAddr], config: &Config, dir: &StateDir) -> Result<Engine, DaemonError> {
    let listen = if listen.is_empty() { &config.listen } else { listen };
    let mut engine = Engine::open(listen, true, &paths::socket_dirs(dir.path()))?;
    engine.net.set_wanted(config.interfaces.clone());
    engine.net.set_bind(config.peers.bind);
    engine.point_from(dir);
    Ok(engine)
}

impl<'a> Daemon<'a> {
    fn start(mut options: ServeOptions<'a>) -> Result<Self, DaemonError> {
        let checked = (options.settings)().map_err(|message| DaemonError::new(EXIT_CONFIG, message))?;
        let config = checked.config;
        let dir = StateDir::create(&options.state).map_err(DaemonError::usage)?;
        let lock = dir.lock().map_err(in_use)?;
        dir.sweep(&lock, &files::OF_SERVER);

        let mut engine = open_engine(&options.listen, &config, &dir)?;

        let name = config.name.clone().unwrap_or_else(host_name);
        let keylog = keylog::begin(&mut options, &name)?;
        let notify = &mut *options.notify;
        let start = Start { engine: &mut engine, dir: &dir, config: &config, name: name.clone(), notify };
        let (mut secrets, new_realm) = start.secrets(options.join.take())?;
        let incarnation = secrets.next_incarnation(entropy::fill);
        let saved = files::save_secrets(&dir, &secrets);
        if let (true, Err(error)) = (new_realm, &saved) {
            // Every token of this process would be worthless after its end.
            let message = format!("{error}; a new HMS has to keep its keys, so it does not start without");
            return Err(DaemonError::usage(message));
        }

        let warn = |warning| (options.notify)(ServerNotice::Warning(warning));
        unknown_realms(&config, &secrets).into_iter().for_each(warn);
        let now = engine.now();
        let (rows, ended) = snapshot::load(&dir, &mut *options.notify, &mut secrets);
        let mut server = Server::new(
            now,
            Setup {
                name: name.clone(),
                server: secrets.server,
                incarnation,
                seed: entropy::bytes().map_err(DaemonError::usage)?,
                settings: server_settings(&config, &engine.net),
                facts: Facts::restore(&secrets),
                link_secret: LinkSecret::cluster(&secrets.cluster_secret),
                default_realm: secrets.default_realm().map(|realm| realm.id),
                cluster: secrets.cluster_key(),
                stamp_base: secrets.clock,
                wall: clock::wall(),
                rows,
            },
        );
        server.set_key_log(keylog.is_some());
        server.restore_ended(now, &ended);
        server.restore_invitations(now, &secrets);
        if !engine.net.usable().is_empty() {
            // They were looked at while it joined, and are told again only when they change.
            server.set_interfaces(now, engine.net.usable().to_vec());
        }
        let mut daemon = Self {
            options,
            config,
            name,
            engine,
            server,
            secrets,
            dir,
            _lock: lock,
            snapshots: Snapshots::new(now),
            listings: Listings::new(),
            waiting: Vec::new(),
            draining: Vec::new(),
            told: Told::default(),
            store_at: now + CLOCK_STORED,
            not_stored: None,
            keylog,
            new_realm,
            stopping: None,
            stopped: false,
        };
        daemon.stored(saved.map_err(|error| error.to_string()));
        Ok(daemon)
    }

    fn ready(&mut self) {
        // The first look joins the groups and announces the HMS.
        self.engine.turn(&mut self.server);
        self.tell_news();
    }

    fn notify(&mut self, notice: ServerNotice) {
        (self.options.notify)(notice);
    }

    fn serve(&mut self) {
        while self.step() {}
    }

    /// Waits for something, does a turn's share of it; says whether to go on.
    fn step(&mut self) -> bool {
        let wishes = self.engine.wait(&self.server, self.deadline());
        for wish in wishes {
            match wish {
                Wish::Reload => self.reload_by_signal(),
                // The second one stops at once.
                Wish::Stop if self.stopping.is_some() => return false,
                Wish::Stop => self.stop(),
            }
        }
        self.server.set_watched(self.engine.control.has_subscribers());
        self.engine.turn(&mut self.server);
        self.log_keys();
        self.events();
        self.requests();
        self.list();
        self.store_if_due();
        self.answer_waiting();
        self.tell_news();
        self.snapshots.turn(self.engine.now(), &self.server, &self.dir);
        self.engine.hand_out_captures();
        !self.finished()
    }

    fn deadline(&self) -> Option<Instant> {
        let stop = self.stopping.map(|since| since + STOP_MAX);
        let list = self.listings.ready(&self.engine.control).then_some(Instant::ZERO);
        let snapshot = self.snapshots.next(self.engine.now());
        [Some(self.store_at), Some(snapshot), stop, list, self.answer_due()].into_iter().flatten().min()
    }

    fn stop(&mut self) {
        if self.stopping.is_none() {
            self.stopping = Some(self.engine.now());
            self.notify(ServerNotice::Stopping);
            self.server.stop(self.engine.now());
            self.engine.flush(&mut self.server);
            self.events();
        }
    }

    /// All is said and written, or it takes too long.
    fn finished(&mut self) -> bool {
        let Some(since) = self.stopping else { return false };
        let done = self.stopped && self.snapshots.is_done() && !self.engine.has_output();
        let late = self.engine.now() >= since + STOP_MAX;
        if done || late {
            self.take_secrets();
            if let Err(error) = files::save_secrets(&self.dir, &self.secrets) {
                log::error!("{error}");
            }
            self.answer_drained(since);
            self.engine.captures.finish(&mut self.engine.control);
        }
        done || late
    }

    fn events(&mut self) {
        while let Some(event) = self.server.poll_event() {
            match event {
                Event::Watch(event) => self.watch(&event),
                Event::PersistSecrets => self.store_at = self.engine.now(),
                Event::Log { level, text } => log(level, &text),
                Event::Stopped => {
                    self.stopped = true;
                    self.snapshots.finish(self.engine.now());
                }
            }
        }
    }

    fn watch(&mut self, event: &WatchEvent) {
        if self.engine.control.has_subscribers() {
            let realm = event.row.as_ref().map(|row| row.realm.as_str());
            self.engine.control.publish(event.seq, realm, event);
        }
    }

    fn take_secrets(&mut self) {
        self.server.store(self.engine.now(), &mut self.secrets);
    }

    /// Stores the secrets now; what cannot be stored is in force all the same, shown, and tried again.
    fn store(&mut self) -> Result<(), String> {
        self.take_secrets();
        let result = files::save_secrets(&self.dir, &self.secrets).map_err(|error| error.to_string());
        self.stored(result.clone());
        result
    }

    fn stored(&mut self, result: Result<(), String>) {
        let pause = if result.is_ok() { CLOCK_STORED } else { STORE_AGAIN };
        self.store_at = self.engine.now() + pause;
        if let Err(message) = &result
            && self.not_stored.as_ref() != Some(message)
        {
            log::error!("secrets not stored: {message}");
        }
        self.not_stored = result.as_ref().err().cloned();
        self.server.persisted(self.engine.now(), result);
    }

    fn store_if_due(&mut self) {
        if self.engine.now() >= self.store_at {
            // The result is shown by `hms status`.
            let _ = self.store();
        }
    }
}

pub(super) fn log(level: Level, text: &str) {
    match level {
        Level::Error => log::error!("{text}"),
        Level::Warn => log::warn!("{text}"),
        Level::Info => log::info!("{text}"),
        Level::Debug => log::debug!("{text}"),
    }
}

#[cfg(test)]
mod tests;
