//! What must hold, by name. A violation says which of these it broke.

use std::fmt;

/// The invariants.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rule {
    /// HMSs that reach each other name one primary, and are in one line, 12 s after the last that happened to them.
    OnePrimary,
    /// Where two lines meet the older one stays.
    Elder,
    /// An HMS that starts, is refused or wakes says nothing to hosts.
    Closed,
    /// A user has one row at an HMS.
    OneRow,
    /// Who has left, or was revoked, is listed nowhere.
    Leaver,
    /// A host that runs and reaches an HMS is not lost.
    FalseExpiry,
    /// A silent host is gone everywhere in its time.
    Removal,
    /// Fail-over, return and stop make no registration.
    Session,
    /// What was said before changes nothing, wherever it is said again.
    Replay,
    /// Who answered a host last has it.
    Home,
    /// A revocation is in force everywhere.
    Revoked,
    /// All tables are equal, and equal to the truth, within two digest periods.
    Converged,
    /// Each host's list equals the truth.
    Truth,
    /// Where nothing happens next to nothing is said.
    Quiet,
    /// A graceful stop takes no longer than 5 s.
    Stop,
    /// Time goes on.
    Pace,
    /// Nothing panics.
    Panic,
    /// A seed is one history.
    Repeatable,
}

/// A rule that did not hold, and how.
#[derive(Clone, Debug)]
pub struct Broken {
    pub rule: Rule,
    pub how: String,
}

pub type Checked = Result<(), Broken>;

impl Rule {
    pub fn broken(self, how: impl Into<String>) -> Broken {
        Broken { rule: self, how: how.into() }
    }

    /// Holds if `holds`.
    pub fn demand(self, holds: bool, how: impl FnOnce() -> String) -> Checked {
        if holds { Ok(()) } else { Err(self.broken(how())) }
    }
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{:?}] {}", self.rule, self.how)
    }
}
