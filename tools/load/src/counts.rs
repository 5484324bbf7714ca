//! What the simulated hosts met with.

use hms::time::Duration;
use hms::wire::Kind;
use serde_json::{Value, json};

use crate::histogram::Histogram;

/// Sums since the beginning.
#[derive(Clone, Debug)]
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
    /// Heartbeats answered before the host said it again, by an ACK, a challenge, or otherwise; and those that were not.
    pub(crate) acknowledged: u64,
    pub(crate) challenged: u64,
    pub(crate) otherwise: u64,
    pub(crate) unanswered: u64,
    pub(crate) sent: u64,
    pub(crate) received: u64,
    /// Datagrams for which our own socket had no room.
    pub(crate) unsent: u64,
    /// From a heartbeat to its answer.
    pub(crate) latency: Histogram,
}

impl Counts {
    /// A heartbeat's answer came.
    pub(crate) fn answered(&mut self, kind: Kind, after: Duration) {
        match kind {
            Kind::Ack => self.acknowledged += 1,
            Kind::Challenge => self.challenged += 1,
            _ => self.otherwise += 1,
        }
        self.latency.add(after);
    }

    pub(crate) fn new() -> Self {
        Self {
            started: 0,
            registered: 0,
            refused: 0,
            superseded: 0,
            sessions: 0,
            sessions_again: 0,
            hosts_again: 0,
            searches: 0,
            heartbeats: 0,
            acknowledged: 0,
            challenged: 0,
            otherwise: 0,
            unanswered: 0,
            sent: 0,
            received: 0,
            unsent: 0,
            latency: Histogram::new(),
        }
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
            "answered_otherwise": self.otherwise,
            "unanswered": self.unanswered,
            "datagrams_sent": self.sent,
            "datagrams_received": self.received,
            "datagrams_unsent": self.unsent,
            "latency_ms": { "p50": ms(50.0), "p99": ms(99.0), "p99_9": ms(99.9), "longest": ms(100.0) },
        })
    }
}
