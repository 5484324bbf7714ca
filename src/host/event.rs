//! What the host tells its owner.

use std::net::SocketAddr;

use super::views::HostRow;
use crate::ident::Name;
use crate::time::Duration;
use crate::wire::{HintCode, RejectCode};

/// Something happened at the host.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// An HMS took the registration.
    Registered {
        /// The HMS's name.
        hms: Name,
        /// The user.
        user: Name,
        /// The address that the HMS saw.
        address: Option<SocketAddr>,
    },
    /// An HMS refused, and proved who it is.
    Refused {
        /// Why.
        code: RejectCode,
        /// For a person: what is wrong and what to do.
        message: String,
        /// When it is tried again; `None`: the host ended.
        retry: Option<Duration>,
    },
    /// Another machine took the user over; the host ended (R-REG-21).
    Superseded,
    /// The host left, or gave up leaving; it ended.
    Left {
        /// Whether the HMS said so.
        confirmed: bool,
    },
    /// Somebody who proves nothing says why nobody answers (R-AUT-31).
    Hint {
        /// What is said.
        code: HintCode,
        /// Who says so.
        from: SocketAddr,
        /// For a person.
        message: String,
    },
    /// No HMS answers any more; the list is served from storage.
    Lost,
    /// An HMS answers again.
    Back {
        /// Its name.
        hms: Option<Name>,
    },
    /// The directory changed.
    Changed,
    /// A find ended.
    Found {
        /// What [`super::Host::find`] returned.
        id: u64,
        /// The matches, by user id.
        rows: Vec<HostRow>,
        /// Whether these are all: else the HMS stopped answering.
        complete: bool,
    },
    /// [`super::Host::store`] is to be written.
    Persist,
    /// For the log.
    Log {
        /// How important.
        level: log::Level,
        /// What happened.
        text: String,
    },
}
