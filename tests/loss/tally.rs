//! What happened.

use std::fmt;

use hms::relay::LinkTally;
use hms::time::Duration;
use serde_json::{Value, json};

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    pub up_link: LinkTally,
    pub down_link: LinkTally,
    /// Heartbeats that hosts sent, that the HMS took, and whose ACKs came back.
    pub heartbeats: u64,
    pub accepted: u64,
    pub answered: u64,
    /// Times that nothing answered a host's three heartbeats.
    pub searches: u64,
    /// The longest time between two heartbeats of a host that the HMS took.
    pub silence: Duration,
    /// Sessions that hosts got after their first.
    pub reregistrations: u64,
    /// Rows that the HMS gave up, turned late, or saw leave.
    pub expired: u64,
    pub late: u64,
    pub left: u64,
    /// Of the rows that expired: not 2.5 to 2.6 T after the last heartbeat.
    pub mistimed: u64,
    /// Hosts that ended.
    pub ended: u64,
    /// Rows that are up.
    pub up: usize,
}

impl Tally {
    /// All that happened to hosts that lived.
    pub const fn harm(&self) -> u64 {
        self.reregistrations + self.expired + self.late + self.left + self.ended
    }

    pub const fn datagrams(&self) -> u64 {
        self.up_link.taken + self.down_link.taken
    }

    /// While it runs.
    pub fn line(&self) -> String {
        let Self { answered, searches, expired, .. } = self;
        format!("{answered} heartbeats answered, {searches} searches, {expired} expiries")
    }

    pub fn json(&self) -> Value {
        json!({
            "datagrams": self.datagrams(),
            "lost": self.up_link.lost + self.down_link.lost,
            "heartbeats_sent": self.heartbeats,
            "heartbeats_accepted": self.accepted,
            "heartbeats_answered": self.answered,
            "cycles_without_an_answer": self.searches,
            "longest_silence_seconds": (self.silence.as_secs_f64() * 10.0).round() / 10.0,
            "reregistrations": self.reregistrations,
            "false_expiries": self.expired,
            "expiries_too_early_or_too_late": self.mistimed,
            "late": self.late,
            "hosts_that_left_or_ended": self.left + self.ended,
            "up_at_the_end": self.up,
        })
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let json = self.json();
        let lines = json.as_object().into_iter().flatten();
        lines.enumerate().try_for_each(|(at, (name, value))| {
            let (end, value) = (if at > 0 { "\n" } else { "" }, value.to_string());
            write!(f, "{end}{value:>12} {}", name.replace('_', " "))
        })
    }
}
