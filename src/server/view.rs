//! What the control socket shows, with the field names of the JSON contract: never renamed, absent values are null.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use serde::Serialize;

use crate::ident::ServerId;
use crate::time::{Duration, UnixMillis};
use crate::wire::{ContentRef, HostState};

/// `hms status`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct StatusView {
    /// The HMS's name.
    pub name: String,
    /// Its version.
    pub version: &'static str,
    /// `primary`, `secondary`, `standalone`, `starting`, `refused` or `stopping`.
    pub role: &'static str,
    /// When this process started.
    pub since: String,
    /// How long ago that is.
    pub elapsed_s: u64,
    /// When the cluster's founder started.
    pub cluster_start: String,
    /// How long ago that is.
    pub cluster_elapsed_s: u64,
    /// The check time in force: the primary's.
    pub check_time_s: u32,
    /// The exchange time in force: the primary's.
    pub exchange_time_s: u32,
    /// Names of the realms.
    pub realms: Vec<String>,
    /// Rows.
    pub hosts: HostCounts,
    /// Accepted heartbeats, mean of the last ten seconds.
    pub heartbeats_per_s: f64,
    /// Datagrams dropped, by reason.
    pub drops: BTreeMap<&'static str, u64>,
    /// Rows that other HMSs told and that were not taken over, by reason (R-PEE-57, R-PEE-97).
    pub rows_not_taken: BTreeMap<&'static str, u64>,
    /// Hints sent: all that who shows no key is answered with (R-AUT-30).
    pub hints_sent: u64,
    /// The other HMSs.
    pub peers: Vec<PeerRow>,
    /// Where the host ports are open.
    pub listen: Vec<String>,
    /// Where it hears and says multicast.
    pub interfaces: Vec<InterfaceView>,
    /// Own settings that the primary's override.
    pub overridden: BTreeMap<String, String>,
    /// What an admin should know now.
    pub message: Option<String>,
}

/// What this HMS is among the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// The role as in [`StatusView::role`].
    pub role: &'static str,
    /// Who leads, as it sees it.
    pub primary: Option<ServerId>,
}

/// A usable network interface.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct InterfaceView {
    /// Its name.
    pub name: String,
    /// Its addresses.
    pub addresses: Vec<String>,
}

/// Rows by status.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct HostCounts {
    /// All of them.
    pub known: usize,
    /// Confirmed.
    pub up: usize,
    /// Past their expiry, or without an address.
    pub late: usize,
    /// From a snapshot, not heard yet.
    pub unconfirmed: usize,
}

/// What became of the hosts when this HMS stopped.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct HandedOver {
    /// The name of the HMS that took over, or was to.
    pub successor: Option<String>,
    /// It has confirmed everything.
    pub complete: bool,
    /// Rows at the end.
    pub hosts: usize,
    /// Hosts that were told to turn to it; the others turn there when this HMS does not answer any more.
    pub sent: usize,
}

/// `hms peers`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PeerRow {
    /// The peer's name, its id if that is not known.
    pub name: String,
    /// Where its packets last came from, else an address that is registered as its own.
    pub address: Option<String>,
    /// `primary`, `secondary`, `starting`, `refused` or `stopping`, while it is reached.
    pub role: Option<&'static str>,
    /// `up`, `suspect`, `down` or `refused`.
    pub status: &'static str,
    /// The smoothed round trip.
    pub rtt_ms: Option<f64>,
    /// Since the last exchange.
    pub last_exchange_s: Option<u64>,
    /// Rows that it is the home of.
    pub hosts: Option<usize>,
    /// Whether its table was the same at the last comparison.
    pub equal: Option<bool>,
    /// The digest of its rows.
    pub digest: Option<String>,
    /// What an admin should know of it.
    pub message: Option<String>,
}

/// `hms realm list`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RealmRow {
    /// The realm's name.
    pub name: String,
    /// Its id, hexadecimal.
    pub id: String,
    /// Whether commands without `--realm` mean it.
    pub default: bool,
    /// Rows.
    pub hosts: usize,
    /// Most rows.
    pub max_hosts: Option<usize>,
    /// Most registrations a second.
    pub max_rate: Option<u32>,
}

/// `hms revoke`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RevokeView {
    /// Who.
    pub user: String,
    /// In which realm.
    pub realm: String,
    /// Whether a host was registered as this user.
    pub removed: bool,
}

/// One row of `hms hosts`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct HostRow {
    /// The realm's name.
    pub realm: String,
    /// The user's name.
    pub user: String,
    /// The host's name.
    pub host: String,
    /// `participating`, `organizing` or `standby`.
    pub state: String,
    /// `up`, `late` or `unconfirmed`.
    pub status: &'static str,
    /// The published address.
    pub address: Option<String>,
    /// Addresses that the host reports.
    pub reported: Vec<String>,
    /// The source of its last accepted heartbeat.
    pub observed: Option<String>,
    /// Ports of the conference application.
    pub ports: PortsView,
    /// Services as `kind:port/transport`.
    pub services: Vec<String>,
    /// The conference.
    pub conference: Option<String>,
    /// Whether the address is fixed.
    pub fixed: bool,
    /// Time of the current registration.
    pub since: String,
    /// Since the last heartbeat.
    pub age_ms: u64,
    /// The host's check time, rounded up.
    pub check_time_s: u32,
    /// Name of the home HMS.
    pub via: String,
    /// The row's last change.
    pub revision: u32,
}

/// Ports of the conference application; null means none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct PortsView {
    /// Data conference.
    pub data: Option<u16>,
    /// Video.
    pub video: Option<u16>,
    /// Audio.
    pub audio: Option<u16>,
}

/// One row of `hms why`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct WhyRow {
    /// The last time.
    pub time: String,
    /// From where.
    pub address: String,
    /// The user's name if it is known, else the id.
    pub user: Option<String>,
    /// The realm's name, else its id.
    pub realm: Option<String>,
    /// What was sent.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// What was found wrong.
    pub verdict: &'static str,
    /// How often.
    pub count: u64,
    /// What to do.
    pub remedy: &'static str,
}

/// One line of `hms watch`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct WatchEvent {
    /// Rises by one.
    pub seq: u64,
    /// `join`, `update`, `late`, `leave`, `expire`, `replace` or `resync`.
    pub event: &'static str,
    /// The row as it is now, or as it was before it went; null with `resync`.
    pub row: Option<Box<HostRow>>,
}

/// Why a command was not done: the exit code of the command line, and a text that says what to do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CommandError {
    /// 1 negative answer, 2 usage.
    pub exit: u8,
    /// For a person.
    pub message: String,
}

impl CommandError {
    pub(super) fn new(exit: u8, message: impl Into<String>) -> Self {
        Self { exit, message: message.into() }
    }
}

impl std::fmt::Display for CommandError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for CommandError {}

/// RFC 3339 in UTC, milliseconds if there are any.
pub fn rfc3339(time: UnixMillis) -> String {
    i64::try_from(time.0)
        .ok()
        .and_then(|ms| jiff::Timestamp::from_millisecond(ms).ok())
        .unwrap_or(jiff::Timestamp::MAX)
        .to_string()
}

/// What only the row, not its content, knows.
pub(super) struct RowFacts<'a> {
    pub(super) realm: &'a str,
    pub(super) status: &'static str,
    pub(super) address: Option<SocketAddr>,
    pub(super) observed: Option<SocketAddr>,
    pub(super) since: UnixMillis,
    pub(super) age_ms: u64,
    pub(super) check_time: Duration,
    pub(super) via: &'a str,
    pub(super) revision: u32,
}

/// A row as the JSON contract shows it.
pub(super) fn host_row(facts: &RowFacts<'_>, content: ContentRef<'_>) -> HostRow {
    let ports = content.ports();
    let port = |p: u16| (p != 0).then_some(p);
    HostRow {
        realm: facts.realm.to_owned(),
        user: content.user_name().to_owned(),
        host: content.host_name().to_owned(),
        state: state_text(content.state()),
        status: facts.status,
        address: facts.address.map(|a| a.to_string()),
        reported: content.reported().map(|a| a.to_string()).collect(),
        observed: facts.observed.map(|a| a.to_string()),
        ports: PortsView { data: port(ports.data), video: port(ports.video), audio: port(ports.audio) },
        services: content.services().map(|s| s.to_string()).collect(),
        conference: content.conference().map(str::to_owned),
        fixed: content.fixed(),
        since: rfc3339(facts.since),
        age_ms: facts.age_ms,
        check_time_s: seconds(facts.check_time),
        via: facts.via.to_owned(),
        revision: facts.revision,
    }
}

fn state_text(state: HostState) -> String {
    match state {
        HostState::Unknown(code) => format!("state {code}"),
        known => known.name().to_owned(),
    }
}

/// Whole seconds, rounded up.
pub(super) fn seconds(span: Duration) -> u32 {
    u32::try_from(span.as_millis().div_ceil(1000)).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_rfc_3339() {
        assert_eq!(rfc3339(UnixMillis(0)), "1970-01-01T00:00:00Z");
        assert_eq!(rfc3339(UnixMillis(1_767_225_600_250)), "2026-01-01T00:00:00.25Z");
        assert!(rfc3339(UnixMillis(u64::MAX)).starts_with("9999-"));
    }
}
