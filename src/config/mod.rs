//! The settings of an HMS: `hms.toml` as text and as values. Reads no file itself.
//!
//! [`check()`] finds every problem of a text in one go; [`get`] and [`set`] work on single keys and keep comments.
//! All keys stand in one table (`schema`), which checking, editing and suggestions share.

mod check;
mod duration;
mod edit;
mod locate;
mod problem;
mod schema;
mod suggest;
mod value;

use std::net::{IpAddr, SocketAddr};

pub use check::{Checked, check};
pub use duration::{parse_duration, show_duration};
pub use edit::{EditError, Setting, get, set, settings};
pub use locate::{Candidate, SYSTEM_FILE, candidates};
pub use problem::ConfigProblem;
pub use suggest::nearest;
pub use value::{parse_address, parse_destination, parse_listen, parse_peer};

use crate::ident::Name;
use crate::limits::{ALL_ROWS, CHECK_TIME, EXCHANGE_TIME, EXPIRY_FACTOR, PORT, START_TRIES, START_WAIT};
use crate::time::Duration;

/// The file that `hms config default` prints: commented, and every value the default.
pub const DEFAULT_FILE: &str = include_str!("default.toml");

/// What the answer to a heartbeat carries (S306-S307, R-DIR-08).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Update {
    /// The changes.
    #[default]
    OnChange,
    /// The whole directory.
    Always,
    /// The changes, if the host asks.
    OnRequest,
}

/// When a host is told that it is registered, `[peers] ack` (R-PEE-75).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Ack {
    /// When the HMS that it asked has it.
    #[default]
    Local,
    /// When the other HMSs have it too.
    Replicated,
}

/// The other HMSs, `[peers]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeersConfig {
    /// `address`: where they are, beside those that are registered.
    pub address: Vec<SocketAddr>,
    /// `bind`: the address that links between HMSs have for themselves.
    pub bind: Option<IpAddr>,
    /// `exchange_time`.
    pub exchange_time: Duration,
    /// `immediate`.
    pub immediate: bool,
    /// `ack`.
    pub ack: Ack,
    /// `start_tries`.
    pub start_tries: u32,
    /// `start_wait`.
    pub start_wait: Duration,
}

impl Default for PeersConfig {
    fn default() -> Self {
        Self {
            address: Vec::new(),
            bind: None,
            exchange_time: EXCHANGE_TIME,
            immediate: true,
            ack: Ack::Local,
            start_tries: START_TRIES,
            start_wait: START_WAIT,
        }
    }
}

/// Limits of one realm, `[[realm]]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RealmLimits {
    /// Which realm.
    pub name: Name,
    /// Hosts registered at the same time; none: no limit.
    pub max_hosts: Option<usize>,
    /// Registrations per second; none: no limit.
    pub max_rate: Option<u32>,
}

/// Which HMS the hosts of a network belong to, `[[prefer]]` (R-PEE-92).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PreferConfig {
    /// The network; no bit is set behind the prefix.
    pub network: IpAddr,
    /// Length of the prefix in bits.
    pub bits: u8,
    /// The HMS's name.
    pub hms: Name,
}

/// `hms.toml` as values.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// `[hms] name`; none: the machine's host name.
    pub name: Option<Name>,
    /// `[hms] listen`.
    pub listen: Vec<SocketAddr>,
    /// `[hms] interfaces`; empty: every usable one.
    pub interfaces: Vec<String>,
    /// `[hms] standalone`.
    pub standalone: bool,
    /// `[hosts] check_time`.
    pub check_time: Duration,
    /// `[hosts] expiry_factor`.
    pub expiry_factor: f64,
    /// `[hosts] update`.
    pub update: Update,
    /// `[hosts] push`.
    pub push: bool,
    /// `[hosts] all_rows`.
    pub all_rows: usize,
    /// `[hosts] hints` (R-AUT-30).
    pub hints: bool,
    /// `[peers]`.
    pub peers: PeersConfig,
    /// `[[realm]]`, in the order of the file.
    pub realms: Vec<RealmLimits>,
    /// `[[prefer]]`, in the order of the file.
    pub prefer: Vec<PreferConfig>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            name: None,
            listen: vec![SocketAddr::from((std::net::Ipv6Addr::UNSPECIFIED, PORT))],
            interfaces: Vec::new(),
            standalone: false,
            check_time: CHECK_TIME,
            expiry_factor: EXPIRY_FACTOR,
            update: Update::OnChange,
            push: true,
            all_rows: ALL_ROWS,
            hints: true,
            peers: PeersConfig::default(),
            realms: Vec::new(),
            prefer: Vec::new(),
        }
    }
}

impl Config {
    /// The limits of the realm of this name, if the file sets any.
    pub fn realm(&self, name: &str) -> Option<&RealmLimits> {
        self.realms.iter().find(|realm| realm.name.as_str() == name)
    }
}

#[cfg(test)]
mod tests;
