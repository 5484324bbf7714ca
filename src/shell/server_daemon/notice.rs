//! What a running HMS tells its admin.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;

use crate::ident::Name;
use crate::net::Interface;
use crate::server::PeerRow;
use crate::shell::interfaces::Skipped;

/// What the admin is shown.
#[derive(Clone, Debug, PartialEq)]
pub enum ServerNotice {
    /// It redeems an invitation, at one of these addresses.
    Joining(Vec<SocketAddr>),
    /// It looks for the others, at these addresses.
    Looking(Vec<String>),
    /// It serves.
    Ready(Box<Ready>),
    /// It serves nobody, since another HMS does not take it; why, and what to do.
    Refused(String),
    /// It has another role, or another primary.
    Standing {
        /// The role.
        role: &'static str,
        /// The primary before, if this HMS is it now.
        lost: Option<PeerRow>,
        /// The other HMSs.
        peers: Vec<PeerRow>,
    },
    /// Other settings of its own are overridden: what holds in their place.
    Overridden(BTreeMap<String, String>),
    /// Something is wrong, but not so that it stops.
    Warning(String),
    /// New settings are in force.
    Reloaded {
        /// Keys that have another value now.
        changed: Vec<String>,
        /// Keys that wait for the next start.
        restart: Vec<String>,
    },
    /// It stops.
    Stopping,
}

/// What there is to say when an HMS serves.
#[derive(Clone, Debug, PartialEq)]
pub struct Ready {
    /// The HMS's name.
    pub name: Name,
    /// `standalone`, `primary` or `secondary`.
    pub role: &'static str,
    /// The other HMSs.
    pub peers: Vec<PeerRow>,
    /// When the cluster's founder started, and how many seconds ago that is.
    pub cluster: (String, u64),
    /// The check time and the exchange time of the primary, in seconds.
    pub times: (u32, u32),
    /// Own settings that others override, with what holds in their place.
    pub overridden: BTreeMap<String, String>,
    /// The realms.
    pub realms: Vec<Name>,
    /// The realm was made just now.
    pub new: bool,
    /// Where hosts reach it.
    pub listen: Vec<SocketAddr>,
    /// Multicast works there.
    pub interfaces: Vec<Interface>,
    /// And there it does not.
    pub skipped: Vec<Skipped>,
    /// The state directory.
    pub state: PathBuf,
    /// Where the control sockets are.
    pub sockets: PathBuf,
    /// Rows of the snapshot that wait to be confirmed.
    pub unconfirmed: usize,
}
