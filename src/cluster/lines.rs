//! Time lines: their age, and which of two gives way (R-PEE-45, R-PEE-47, PEE-46).

use std::collections::VecDeque;

use crate::ident::LineId;
use crate::limits::{LEFT_LINES_MAX, LINE_YOUNG, LINES_EQUAL};
use crate::planted::{Bug, planted};
use crate::time::{Duration, Instant};

/// The line of an HMS, and how old it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Line {
    id: LineId,
    /// Its age at `since`.
    age: Duration,
    since: Instant,
}

impl Line {
    /// A line that is founded now.
    pub const fn found(now: Instant, id: LineId) -> Self {
        Self { id, age: Duration::ZERO, since: now }
    }

    /// One that is joined now, as SEAT tells.
    pub const fn join(now: Instant, id: LineId, age_ms: u64) -> Self {
        Self { id, age: Duration::from_millis(age_ms), since: now }
    }

    /// Which it is.
    pub const fn id(&self) -> LineId {
        self.id
    }

    /// How old it is; `now` is by a clock that counts suspend.
    pub fn age(&self, now: Instant) -> Duration {
        self.age.saturating_add(now.since(self.since))
    }
}

/// The lines that an HMS left, the last ones, until it ends (PEE-46).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LeftLines(VecDeque<LineId>);

impl LeftLines {
    /// Notes a change of line: `from` is left, `to` no longer.
    pub fn change(&mut self, from: LineId, to: LineId) {
        self.0.retain(|line| *line != from && *line != to);
        self.0.push_back(from);
        while self.0.len() > LEFT_LINES_MAX {
            self.0.pop_front();
        }
    }

    /// The lines, the one left longest ago first.
    pub fn iter(&self) -> impl Iterator<Item = LineId> + '_ {
        self.0.iter().copied()
    }
}

/// What an INTRO says of its sender's line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Claim<'a> {
    /// The line.
    pub line: LineId,
    /// Its age.
    pub age: Duration,
    /// The lines that the sender left.
    pub left: &'a [LineId],
}

/// One of two that compare.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The first.
    Own,
    /// The second.
    Other,
}

impl Side {
    /// The one across.
    pub const fn across(self) -> Self {
        match self {
            Self::Own => Self::Other,
            Self::Other => Self::Own,
        }
    }
}

/// Whose line gives way, by the INTRO that each last sent and last received; none if they are of one line (R-PEE-45).
/// Both sides have the same numbers, so both come to the same end.
pub fn gives_way(own: &Claim<'_>, other: &Claim<'_>) -> Option<Side> {
    if own.line == other.line || planted(Bug::LinesPart) {
        return None;
    }
    let (other_left_own, own_left_other) = (other.left.contains(&own.line), own.left.contains(&other.line));
    Some(match (other_left_own, own_left_other) {
        (true, false) => Side::Own,
        (false, true) => Side::Other,
        (true, true) => larger_id(own, other),
        (false, false) => younger(own, other),
    })
}

/// R-PEE-45 (c) to (e).
pub(super) fn younger(own: &Claim<'_>, other: &Claim<'_>) -> Side {
    let both_young = own.age < LINE_YOUNG && other.age < LINE_YOUNG;
    if both_young || own.age.abs_diff(other.age) < LINES_EQUAL {
        larger_id(own, other)
    } else if (own.age < other.age) != planted(Bug::ElderYields) {
        Side::Own
    } else {
        Side::Other
    }
}

fn larger_id(own: &Claim<'_>, other: &Claim<'_>) -> Side {
    if own.line > other.line { Side::Own } else { Side::Other }
}
