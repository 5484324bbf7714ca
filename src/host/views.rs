//! What the control socket shows, with the field names of the JSON contract: never renamed, absent values are null.

use std::net::SocketAddr;

use serde::Serialize;

use crate::time::UnixMillis;
use crate::wire::{ContentRef, HostState};

/// `hms who`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct WhoView {
    /// `hms`: an HMS keeps it up to date; `cache`: the last list, from storage.
    pub source: &'static str,
    /// Name of the HMS, also of the one that gave the cached list.
    pub hms: Option<String>,
    /// Since the last answer of an HMS.
    pub age_ms: Option<u64>,
    /// Whether the HMS says that there are changes that were not asked for (mode on-request).
    pub stale: bool,
    /// Why there is no list although the host is registered.
    pub message: Option<String>,
    /// The hosts by user name, the host itself among them.
    pub hosts: Vec<HostRow>,
}

/// One host.
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
    /// The same as the published address: an HMS publishes what it saw.
    pub observed: Option<String>,
    /// Ports of the conference application.
    pub ports: PortsView,
    /// Services as `kind:port/transport`.
    pub services: Vec<String>,
    /// The conference.
    pub conference: Option<String>,
    /// Whether the address is fixed.
    pub fixed: bool,
    /// Time of the current registration; null where only the signed entry is kept.
    pub since: Option<String>,
    /// How old this knowledge is: since the last answer of an HMS, or since the entry was signed.
    pub age_ms: Option<u64>,
    /// The host's check time; null where only the signed entry is kept.
    pub check_time_s: Option<u32>,
    /// Name of the home HMS, its id if the name is unknown.
    pub via: Option<String>,
    /// The row's last change.
    pub revision: Option<u32>,
    /// Whether it is this host.
    #[serde(rename = "self")]
    pub own: bool,
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

/// `hms self`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SelfView {
    /// Whether an HMS has the registration and answers.
    pub registered: bool,
    /// The user's name.
    pub user: String,
    /// The host's name.
    pub host: String,
    /// The realm's name.
    pub realm: String,
    /// Name of the HMS that answered last.
    pub hms: Option<String>,
    /// Its role: `primary` or `secondary`.
    pub role: Option<&'static str>,
    /// Since its last answer.
    pub age_ms: Option<u64>,
    /// The published address.
    pub address: Option<String>,
    /// The address that the HMS saw.
    pub observed: Option<String>,
    /// `participating`, `organizing` or `standby`.
    pub state: String,
    /// Whether changes are pushed.
    pub push: bool,
    /// What the host is doing about its registration, in the words of the specification.
    pub phase: &'static str,
    /// What a person should know: a refusal, or an unproven hint.
    pub message: Option<String>,
    /// The conference.
    pub conference: Option<String>,
    /// Whether the address is fixed.
    pub fixed: bool,
    /// Ports of the conference application.
    pub ports: PortsView,
    /// Services as `kind:port/transport`.
    pub services: Vec<String>,
    /// The check time that the HMS set.
    pub check_time_s: Option<u32>,
    /// When the HMS sends changes: `on-change`, `always`, `on-request`.
    pub update: Option<&'static str>,
    /// Time of the registration.
    pub since: Option<String>,
    /// Whether every other HMS had the registration when it was answered, or has it since; null: the HMS does not wait
    /// for them.
    pub replicated: Option<bool>,
}

/// RFC 3339 in UTC, milliseconds if there are any.
pub(super) fn rfc3339(time: UnixMillis) -> String {
    i64::try_from(time.0)
        .ok()
        .and_then(|ms| jiff::Timestamp::from_millisecond(ms).ok())
        .unwrap_or(jiff::Timestamp::MAX)
        .to_string()
}

/// What only the row, not its content, knows.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct RowFacts<'a> {
    pub(super) realm: &'a str,
    pub(super) late: bool,
    pub(super) unconfirmed: bool,
    pub(super) address: Option<SocketAddr>,
    /// Unix seconds.
    pub(super) since: Option<u64>,
    pub(super) age_ms: Option<u64>,
    pub(super) check_time_s: Option<u32>,
    pub(super) via: Option<&'a str>,
    pub(super) revision: Option<u32>,
    pub(super) own: bool,
}

/// A row as the JSON contract shows it.
pub(super) fn host_row(facts: &RowFacts<'_>, content: ContentRef<'_>) -> HostRow {
    let address = facts.address.map(|a| a.to_string());
    HostRow {
        realm: facts.realm.to_owned(),
        user: content.user_name().to_owned(),
        host: content.host_name().to_owned(),
        state: state_text(content.state()),
        status: match (facts.late, facts.unconfirmed) {
            (true, _) => "late",
            (_, true) => "unconfirmed",
            _ => "up",
        },
        observed: address.clone(),
        address,
        reported: content.reported().map(|a| a.to_string()).collect(),
        ports: ports_view(content.ports()),
        services: content.services().map(|s| s.to_string()).collect(),
        conference: content.conference().map(str::to_owned),
        fixed: content.fixed(),
        since: facts.since.map(|s| rfc3339(UnixMillis(s.saturating_mul(1000)))),
        age_ms: facts.age_ms,
        check_time_s: facts.check_time_s,
        via: facts.via.map(str::to_owned),
        revision: facts.revision,
        own: facts.own,
    }
}

/// Ports, with null for none.
pub(super) fn ports_view(ports: crate::wire::Ports) -> PortsView {
    let port = |p: u16| (p != 0).then_some(p);
    PortsView { data: port(ports.data), video: port(ports.video), audio: port(ports.audio) }
}

/// A state's name; unknown ones keep their number.
pub(super) fn state_text(state: HostState) -> String {
    match state {
        HostState::Unknown(code) => format!("state {code}"),
        known => known.name().to_owned(),
    }
}
