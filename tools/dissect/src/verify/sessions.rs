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
/// HMSs at which one session is followed.
const PLACES_MAX: usize = 16;

type Id = (RealmId, Epoch, UserId, SessionId);

const fn id(header: &Header) -> Id {
    (header.realm, header.epoch, header.user, header.session)
}

struct Session {
    key: ReadyKey,
    /// At each HMS: what passes two places on its way there is no replay.
    windows: Vec<(SocketAddr, Window)>,
}

pub(super) struct Sessions(Bounded<Id, Session>);

impl Default for Sessions {
    fn default() -> Self {
        Self(Bounded::new(SESSIONS_MAX))
    }
}

impl Sessions {
    /// A key under which a datagram of this session was verified before.
    pub(super) fn key(&self, header: &Header) -> Option<&ReadyKey> {
        self.0.get(&id(header)).map(|session| &session.key)
    }

    pub(super) fn keep(&mut self, header: &Header, key: ReadyKey) {
        self.0.insert(id(header), Session { key, windows: Vec::new() });
    }

    /// Whether the sequence of a verified request is a new one (R-AUT-21).
    pub(super) fn sequence(&mut self, header: &Header, hms: SocketAddr) -> Finding {
        let sequence = header.sequence;
        let Some(Session { windows, .. }) = self.0.get_mut(&id(header)) else {
            return Finding::new(Verdict::Valid);
        };
        let Some((_, window)) = windows.iter_mut().find(|(place, _)| *place == hms) else {
            // The capture may begin in the middle of a session: what came before was not seen.
            if windows.len() >= PLACES_MAX {
                windows.remove(0);
            }
            windows.push((hms, Window::from_parts((sequence, 1))));
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
