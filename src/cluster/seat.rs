//! Seats: the seniority of an HMS (R-PEE-01).

use crate::ident::{LineId, Process, ServerId};
use crate::wire::peer::Phase;

/// Who is senior in a line. Of two of one line the smaller is senior.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Seat {
    /// The line; seats of two lines are not compared.
    pub line: LineId,
    /// When the HMS joined it, in milliseconds of the line's age.
    pub joined_at_ms: u64,
    /// The HMS.
    pub server: ServerId,
}

impl Seat {
    /// Both are in one line, and this one comes first.
    pub fn is_senior_to(&self, other: &Self) -> bool {
        self.line == other.line && self < other
    }
}

/// What a process is, as it says itself or as another tells of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// The process.
    pub process: Process,
    /// What it does.
    pub phase: Phase,
    /// Its line.
    pub line: Option<LineId>,
    /// When it joined that, in milliseconds of the line's age.
    pub joined_at_ms: u64,
}

impl Standing {
    /// Its seat, while it has one: not before it got it, and not when it stops (R-PEE-01).
    pub fn seat(&self) -> Option<Seat> {
        let has = matches!(self.phase, Phase::Synchronising | Phase::Operating | Phase::Waking);
        let seat = |line| Seat { line, joined_at_ms: self.joined_at_ms, server: self.process.server };
        self.line.filter(|_| has).map(seat)
    }
}
