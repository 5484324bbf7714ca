//! Keys and windows of sessions, of a bounded number of them.

use std::net::SocketAddr;

use hms::auth::{ReadyKey, Window};
use hms::ident::{Epoch, RealmId, SessionId, UserId};
use hms::limits::WINDOW;
use hms::wire::Header;

use super::{Finding, Verdict};
use crate::bounded::Bounded;

/// As many as an HMS of 100 000 hosts has, and some more.
const SESSIONS_MAX: usize = 262_144;

type Id = (RealmId, Epoch, UserId, SessionId);

const fn id(header: &Header) -> Id {
    (header.realm, header.epoch, header.user, header.session)
}

pub(super) struct Sessions {
    keys: Bounded<Id, ReadyKey>,
    /// At each HMS: what passes two places on its way there is no replay.
    windows: Bounded<(Id, SocketAddr), Window>,
}

impl Default for Sessions {
    fn default() -> Self {
        Self { keys: Bounded::new(SESSIONS_MAX), windows: Bounded::new(SESSIONS_MAX) }
    }
}

impl Sessions {
    /// A key under which a datagram of this session was verified before.
    pub(super) fn key(&self, header: &Header) -> Option<&ReadyKey> {
        self.keys.get(&id(header))
    }

    pub(super) fn keep(&mut self, header: &Header, key: ReadyKey) {
        self.keys.insert(id(header), key);
    }

    /// Whether the sequence of a verified request is a new one (R-AUT-21).
    pub(super) fn sequence(&mut self, header: &Header, hms: SocketAddr) -> Finding {
        let (id, sequence) = ((id(header), hms), header.sequence);
        let Some(window) = self.windows.get_mut(&id) else {
            // The capture may begin in the middle of a session: what came before was not seen.
            self.windows.insert(id, Window::from_parts((sequence, 1)));
            return Finding::new(Verdict::Valid);
        };
        let highest = window.highest();
        if window.accept(sequence) {
            Finding::new(Verdict::Valid)
        } else if highest - sequence.min(highest) >= WINDOW {
            let why = format!(
                "dropped: sequence {sequence} lies {WINDOW} or more behind {highest}: a late or replayed datagram"
            );
            Finding::because(Verdict::OutOfWindow, why)
        } else {
            let why = format!("dropped: sequence {sequence} was seen before: replayed, or captured twice");
            Finding::because(Verdict::Replayed, why)
        }
    }
}
