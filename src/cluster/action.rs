//! What a cluster is told when it begins, and what it wants done.

use std::net::SocketAddr;

use super::{FactKey, Facts};
use crate::ident::{Name, Process, ServerId, Stamp};
use crate::time::{Duration, UnixMillis};
use crate::transport::{CloseCode, KeyId, LinkId, Priority};
use crate::wire::peer::{OwnAddress, Timing};

/// What this HMS is.
#[derive(Clone, Debug)]
pub struct Setup {
    /// The process, neither number 0.
    pub process: Process,
    /// It was told to work alone, whoever is a member: it looks for nobody.
    pub alone: bool,
    /// Its name.
    pub name: Name,
    /// How often, and how long each time, others are waited for before it founds a line (PEE-12).
    pub start_tries: u32,
    /// See `start_tries`.
    pub start_wait: Duration,
    /// Its own settings, as long as it is the primary.
    pub timing: Timing,
    /// Its addresses, which it tells the others; at most 16.
    pub addresses: Vec<OwnAddress>,
    /// `[peers] address`.
    pub peers: Vec<SocketAddr>,
    /// What is on disk.
    pub facts: Facts,
    /// Where the stamp clock stands.
    pub clock: Stamp,
    /// The wall clock, only shown.
    pub wall: UnixMillis,
    /// 32 random bytes, used for nothing else.
    pub seed: [u8; 32],
}

/// What the caller is to do, in this order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Begin a link, and say what became of it with [`dialled`](super::Cluster::dialled).
    Dial {
        /// Where to.
        address: SocketAddr,
        /// Who is expected there, if that is known.
        target: Option<ServerId>,
        /// From the address of use 2 that this HMS has told, not from that which the system chooses.
        bound: bool,
    },
    /// Send a message. It always fits, but where the peer takes nothing any more: then the link is to be closed.
    Send {
        /// Over which link.
        link: LinkId,
        /// On which stream.
        priority: Priority,
        /// The message.
        message: Vec<u8>,
    },
    /// End a link.
    Close {
        /// Which.
        link: LinkId,
        /// Why.
        code: CloseCode,
        /// Why, for people.
        reason: String,
    },
    /// This HMS stops, and another takes over: it is to get all that it does not have, as told with
    /// [`handed_over`](super::Cluster::handed_over), and nobody is registered here any more. When that is complete, hosts are
    /// sent there. Another successor may follow.
    HandOver {
        /// Who takes over.
        successor: Process,
        /// It has everything.
        complete: bool,
    },
    /// The end: when what is to be sent is sent, the process may go. Nothing follows.
    Stopped,
    /// Hosts are answered from now on.
    OpenHosts,
    /// Hosts are answered no more.
    CloseHosts,
    /// New facts about these are in force.
    Learned(Vec<FactKey>),
    /// The facts and the invitations are to be stored, and [`stored`](super::Cluster::stored) called.
    Persist,
    /// Links may be made under this invitation from now on, with
    /// [`link_secret`](super::Cluster::link_secret).
    AddKey(KeyId),
    /// And no more.
    RemoveKey(KeyId),
    /// Send ADMIT over this link, and nowhere else: [`admission`](super::admission).
    Admit(LinkId),
    /// These settings hold now in the whole cluster (R-PEE-03).
    Settings(Timing),
    /// For people.
    Log(String),
}
