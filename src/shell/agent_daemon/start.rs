//! What an agent begins with: its token, what it kept, its addresses.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use serde::{Deserialize, Serialize};

use super::{AgentNotice, AgentOptions, Daemon};
use crate::host::{Host, HostSetup};
use crate::ident::InstanceId;
use crate::limits::REPORTED_MAX;
use crate::shell::control::{EXIT_USAGE, Listings};
use crate::shell::engine::{DaemonError, Engine};
use crate::shell::machine::host_name;
use crate::shell::state_dir::{StateDir, StateError};
use crate::shell::{clock, entropy, files, paths};
use crate::storage::HostStore;
use crate::token::Token;
use crate::wire::Content;

/// Not the host's business, so not in its store.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
struct Kept {
    /// The port of the last process: with the same one neither the directory nor a NAT sees a restart.
    port: u16,
    /// Addresses to report in the place of the machine's own.
    report: Vec<SocketAddr>,
}

impl Kept {
    fn store(&self, dir: &StateDir, notify: &mut dyn FnMut(AgentNotice)) {
        // These types always become JSON.
        let text = serde_json::to_vec_pretty(self).unwrap_or_default();
        if let Err(error) = dir.write(files::AGENT_SETTINGS, &text) {
            notify(AgentNotice::Warning(error.to_string()));
        }
    }

    /// What is reported; without a port the agent's own is meant.
    fn reported(&self) -> Vec<SocketAddr> {
        let with_port = |a: &SocketAddr| if a.port() == 0 { SocketAddr::new(a.ip(), self.port) } else { *a };
        self.report.iter().take(REPORTED_MAX).map(with_port).collect()
    }
}

impl<'a> Daemon<'a> {
    /// Starts; `None` if another agent runs here with the same token.
    pub(super) fn start(mut options: AgentOptions<'a>) -> Result<Option<Self>, DaemonError> {
        let dir = StateDir::create(&options.state).map_err(DaemonError::usage)?;
        let lock = match dir.lock() {
            Ok(lock) => lock,
            Err(error) => return already_running(&mut options, &dir, &error).map(|()| None),
        };
        dir.sweep(&lock, &files::OF_AGENT);
        let mut kept = load_kept(&dir);
        if let Some(report) = options.report.take() {
            kept.report = report;
        }
        let stored = load_store(&dir, options.token.is_some(), &mut options.notify)?;
        let joining = options.token.is_some();
        let mut store = prepare(&dir, stored, options.token.clone())?;
        (options.content)(&mut store.content);

        let mut engine = open_engine(&options, &dir, kept.port)?;
        engine.net.set_wanted(Vec::new());
        engine.point_from(&dir);
        kept.port = engine.net.listening().first().map_or(0, SocketAddr::port);
        kept.store(&dir, &mut options.notify);
        if !kept.report.is_empty() {
            store.content.reported = kept.reported();
        }
        let now = engine.now();
        let addressed = !store.token.addresses.is_empty();
        let user = store.token.user_name.clone();
        let seed = entropy::bytes().map_err(DaemonError::usage)?;
        let host = Host::new(now, setup(store, joining, seed));
        let give_up_at = options.timeout.map(|timeout| now + timeout);
        let sockets = engine.sockets().to_path_buf();
        (options.notify)(AgentNotice::Searching { user: user.clone(), sockets });
        Ok(Some(Self {
            options,
            user,
            engine,
            host,
            dir,
            _lock: lock,
            give_up_at,
            registered: false,
            addressed,
            refusal: None,
            hint: None,
            store_at: None,
            reported: Vec::new(),
            follow_interfaces: kept.report.is_empty(),
            leaving: None,
            leavers: Vec::new(),
            forget: false,
            finds: Vec::new(),
            refreshers: Vec::new(),
            listings: Listings::new(),
            events_seen: 0,
            end: None,
        }))
    }

    /// Keeps the reported addresses in step with the machine's, unless the user named some.
    pub(super) fn report_addresses(&mut self) {
        if !self.follow_interfaces {
            return;
        }
        let Some(port) = self.engine.net.listening().first().map(SocketAddr::port) else { return };
        let usable = self.engine.net.usable().iter().flat_map(|interface| &interface.addresses);
        let own: Vec<SocketAddr> = match self.options.bind {
            Some(ip) => vec![SocketAddr::new(ip, port)],
            None => usable.filter_map(|ip| reportable(*ip, port)).take(REPORTED_MAX).collect(),
        };
        if own != self.reported {
            self.reported.clone_from(&own);
            self.host.set_reported(self.engine.now(), own);
        }
    }
}

/// A link-local address means nothing to those who read it elsewhere.
fn reportable(ip: IpAddr, port: u16) -> Option<SocketAddr> {
    let local = match ip {
        IpAddr::V4(v4) => v4.is_link_local(),
        IpAddr::V6(v6) => v6.is_unicast_link_local(),
    };
    (!local).then(|| SocketAddr::new(ip, port))
}

fn already_running(
    options: &mut AgentOptions<'_>,
    dir: &StateDir,
    error: &StateError,
) -> Result<(), DaemonError> {
    let StateError::Locked { pid, .. } = error else { return Err(DaemonError::usage(error)) };
    let bytes = dir.read(files::HOST_STORE).ok().flatten().unwrap_or_default();
    let stored = HostStore::from_bytes(&bytes).ok();
    match (&options.token, stored) {
        (Some(token), Some(store)) if token.encode() == store.token.encode() => {
            (options.notify)(AgentNotice::AlreadyRunning { pid: *pid, user: store.token.user_name });
            Ok(())
        }
        (Some(_), Some(store)) => Err(DaemonError::usage(format!(
            "{error}, as user {}: `hms leave` stops it, or name another directory with --state",
            store.token.user_name
        ))),
        _ => Err(DaemonError::usage(format!(
            "{error}: `hms leave` stops it, or name another directory with --state"
        ))),
    }
}

fn load_store(
    dir: &StateDir,
    joining: bool,
    notify: &mut dyn FnMut(AgentNotice),
) -> Result<Option<HostStore>, DaemonError> {
    let Some(bytes) = dir.read(files::HOST_STORE).map_err(DaemonError::usage)? else { return Ok(None) };
    match HostStore::from_bytes(&bytes) {
        Ok(store) => Ok(Some(store)),
        // A token at hand is all that is needed to begin anew.
        Err(error) if joining => {
            notify(AgentNotice::Warning(format!("{}: {error}", dir.file(files::HOST_STORE).display())));
            Ok(None)
        }
        Err(error) => Err(DaemonError::usage(format!("{}: {error}", dir.file(files::HOST_STORE).display()))),
    }
}

/// The store to begin with. A new token of the same user keeps what is known; another user's keeps nothing but the
/// installation's id.
fn prepare(
    dir: &StateDir,
    stored: Option<HostStore>,
    token: Option<Token>,
) -> Result<HostStore, DaemonError> {
    match (stored, token) {
        (Some(store), None) => Ok(store),
        (None, None) => Err(DaemonError::new(
            EXIT_USAGE,
            format!(
                "{}: no token is stored here: `hms join TOKEN` first (the HMS's `hms token NAME` prints the line)",
                dir.path().display()
            ),
        )),
        (Some(mut store), Some(token))
            if store.token.realm == token.realm && store.token.user_name == token.user_name =>
        {
            store.adopt_token(token);
            Ok(store)
        }
        (stored, Some(token)) => {
            let instance = match stored {
                Some(store) => store.instance,
                None => InstanceId(entropy::number().map_err(DaemonError::usage)?.max(1)),
            };
            let content = Content::new(token.user_name.clone(), host_name());
            Ok(HostStore::new(token, instance, content))
        }
    }
}

fn open_engine(options: &AgentOptions<'_>, dir: &StateDir, port: u16) -> Result<Engine, DaemonError> {
    let ip = options.bind.unwrap_or(IpAddr::V6(Ipv6Addr::UNSPECIFIED));
    let dirs = paths::socket_dirs(dir.path());
    let last = SocketAddr::new(ip, port);
    match Engine::open(&[last], false, &dirs) {
        // Somebody else has that port by now: any other will do.
        Err(_) if port != 0 => Engine::open(&[SocketAddr::new(ip, 0)], false, &dirs),
        other => other,
    }
}

fn setup(store: HostStore, takeover: bool, seed: [u8; 32]) -> HostSetup {
    HostSetup {
        token: store.token.clone(),
        content: store.content.clone(),
        view: store.view.clone(),
        push: store.push,
        store,
        takeover,
        near: Vec::new(),
        seed,
        wall: clock::wall(),
    }
}

fn load_kept(dir: &StateDir) -> Kept {
    let bytes = dir.read(files::AGENT_SETTINGS).ok().flatten().unwrap_or_default();
    serde_json::from_slice(&bytes).unwrap_or_default()
}
