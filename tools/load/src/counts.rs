//! What the simulated hosts met with.

use hms::ident::SessionId;
use hms::time::Instant;
use hms::wire::{Header, Kind};
use serde_json::{Value, json};

use crate::histogram::Histogram;

/// Sums since the beginning.
#[derive(Clone, Debug, Default)]
pub(crate) struct Counts {
    /// Hosts that began, that are registered now, and that ended: refused or superseded.
    pub(crate) started: u64,
    pub(crate) registered: u64,
    pub(crate) refused: u64,
    pub(crate) superseded: u64,
    /// Sessions, those of them that were not a host's first, and hosts that got such a one.
    pub(crate) sessions: u64,
    pub(crate) sessions_again: u64,
    pub(crate) hosts_again: u64,
    /// Times that a host lost its HMS: three heartbeats without an answer.
    pub(crate) searches: u64,
    pub(crate) heartbeats: u64,
    /// Heartbeats to which nothing came before the host said it again.
    pub(crate) unanswered: u64,
    /// Answers within a session, however late: ACKs, challenges.
    pub(crate) acknowledged: u64,
    pub(crate) challenged: u64,
    pub(crate) sent: u64,
    pub(crate) received: u64,
    /// Datagrams for which our own socket had no room.
    pub(crate) unsent: u64,
    /// From a heartbeat to its answer, if that came before the host said it again.
    pub(crate) latency: Histogram,
    /// Pages of the directory that came.
    pub(crate) pages: u64,
    /// Hosts that were answered by another HMS than before, when the last of them was, and for how long each of them
    /// was not answered: from the first heartbeat without an answer.
    pub(crate) moved: u64,
    pub(crate) last_moved: Option<Instant>,
    pub(crate) gap: Histogram,
}

impl Counts {
    /// An answer came.
    pub(crate) fn answer(&mut self, header: &Header) {
        // The challenge to an INIT belongs to no session.
        let of_session = header.session != SessionId(0);
        self.acknowledged += u64::from(header.kind == Kind::Ack);
        self.pages += u64::from(header.kind == Kind::Page);
        self.challenged += u64::from(header.kind == Kind::Challenge && of_session);
    }

    pub(crate) fn json(&self) -> Value {
        let ms = |percent| self.latency.percentile(percent).map(|ms| (ms * 1000.0).round() / 1000.0);
        json!({
            "started": self.started,
            "registered": self.registered,
            "refused": self.refused,
            "superseded": self.superseded,
            "sessions": self.sessions,
            "sessions_again": self.sessions_again,
            "hosts_again": self.hosts_again,
            "searches": self.searches,
            "heartbeats": self.heartbeats,
            "acknowledged": self.acknowledged,
            "challenged": self.challenged,
            "unanswered": self.unanswered,
            "datagrams_sent": self.sent,
            "datagrams_received": self.received,
            "datagrams_unsent": self.unsent,
            "latency_ms": { "p50": ms(50.0), "p99": ms(99.0), "p99_9": ms(99.9), "longest": ms(100.0) },
        })
    }
}
