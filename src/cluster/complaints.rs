//! What an HMS says that this one cannot use is logged, but no HMS fills the log (R-PEE-96).

use std::collections::BTreeMap;

use super::machine::Cluster;
use crate::ident::ServerId;
use crate::limits::COMPLAINT_AGAIN;
use crate::time::Instant;

/// What there is to complain of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Complaint {
    /// Facts that do not fit.
    NoRoom,
    /// Facts from years ahead.
    AbsurdFacts,
    /// A stamp clock that is ahead, and adopted.
    Leap,
    /// A stamp clock from years ahead.
    AbsurdClock,
    /// An address that cannot be registered.
    Address,
    /// REFUSE to this HMS, which serves.
    Refuses,
    /// A twin of this HMS that has to go.
    Twin,
}

/// Which lines were written of late.
#[derive(Debug, Default)]
pub(super) struct Complaints {
    said: BTreeMap<(ServerId, Complaint), Instant>,
}

impl Complaints {
    /// Whether it is to be written, and from now on so.
    fn take(&mut self, now: Instant, server: ServerId, what: Complaint) -> bool {
        self.said.retain(|_, at| now < *at + COMPLAINT_AGAIN);
        let new = !self.said.contains_key(&(server, what));
        if new {
            self.said.insert((server, what), now);
        }
        new
    }
}

impl Cluster {
    /// Writes the line, unless one of this kind about that HMS was written within the last minute.
    pub(super) fn complain(&mut self, now: Instant, server: ServerId, what: Complaint, text: String) {
        if self.complaints.take(now, server, what) {
            self.log(text);
        }
    }
}
