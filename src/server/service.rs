//! What hosts get while this HMS does not operate (spec 10.11).

use super::Server;
use super::answer::Ask;
use crate::ident::ServerId;
use crate::time::Instant;
use crate::wire::Kind;

/// When a lookup is worth asking again, in milliseconds.
const LOOKUP_AGAIN_MS: u64 = 1000;
/// When a REGISTER is: the INIT of the attempt after it is redirected.
const REGISTER_AGAIN_MS: u64 = 100;

/// How far hosts are served: what follows from the HMS's phase.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Service {
    /// Starting, refused or waking: not at all.
    Closed,
    /// Synchronising: all but the directory, of which this HMS does not know enough yet.
    Incomplete,
    /// Operating.
    Whole,
    /// Stopping: hosts turn to another HMS.
    HandOver {
        /// Which one.
        successor: ServerId,
        /// It has all that this one knows.
        complete: bool,
    },
}

impl Service {
    /// Whether new hosts may come.
    pub(super) const fn is_open(self) -> bool {
        matches!(self, Self::Incomplete | Self::Whole)
    }

    /// Whether hosts are told of the directory.
    pub(super) const fn tells_directory(self) -> bool {
        matches!(self, Self::Whole | Self::HandOver { .. })
    }

    /// To whom hosts turn.
    const fn successor(self) -> Option<ServerId> {
        match self {
            Self::HandOver { successor, .. } => Some(successor),
            _ => None,
        }
    }
}

impl Server {
    /// The phase has changed. Who opens announces itself (R-DSC-05).
    pub fn set_service(&mut self, now: Instant, service: Service) {
        let opens = !self.service.is_open() && service.is_open();
        self.service = service;
        if opens {
            self.announce_due = Some(now);
        }
    }

    /// What INIT, REGISTER and DISCOVER get in the place of what chapter 4 says.
    pub(super) fn instead_of_contact(&self, kind: Kind) -> Option<Instead> {
        let successor = self.service.successor()?;
        Some(match kind {
            Kind::Init => Instead::Short(Kind::Redirect, successor.0),
            Kind::Register => Instead::Short(Kind::Retry, REGISTER_AGAIN_MS),
            _ => Instead::Silence,
        })
    }

    /// What HEARTBEAT, PULL and FIND get in the place of what chapter 4 says. *Steady*: from the row's address, to this
    /// process, of a row that it confirmed.
    pub(super) fn instead_of_session(&self, ask: &Ask, steady: bool) -> Option<(Kind, u64)> {
        let lookup = ask.header.kind != Kind::Heartbeat;
        match self.service {
            Service::Incomplete if lookup => Some((Kind::Retry, LOOKUP_AGAIN_MS)),
            Service::HandOver { complete, .. } if steady && (lookup || !complete) => None,
            Service::HandOver { .. } if lookup => Some((Kind::Retry, LOOKUP_AGAIN_MS)),
            Service::HandOver { successor, .. } => Some((Kind::Redirect, successor.0)),
            _ => None,
        }
    }
}

/// An answer that is not that of chapter 4.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Instead {
    /// 68 bytes.
    Short(Kind, u64),
    /// None.
    Silence,
}
