//! What this HMS itself is and says of itself.

use crate::ident::{Name, Process, Stamp};
use crate::time::{Duration, Instant, UnixMillis};
use crate::wire::peer::{OwnAddress, Phase, Timing};

use super::lines::{LeftLines, Line};
use super::seat::Standing;

/// A leap of the stamp clock that is shown: 1 h.
const LEAP: u64 = 3_600_000 << 16;
/// One that is not adopted (R-PEE-05).
const ABSURD: u64 = 1 << 54;

#[derive(Debug)]
pub(super) struct Own {
    pub(super) process: Process,
    pub(super) name: Name,
    pub(super) phase: Phase,
    /// When the phase began.
    pub(super) since: Instant,
    pub(super) line: Option<Line>,
    pub(super) joined_at_ms: u64,
    /// When its line was founded, Unix seconds; only shown.
    pub(super) founded: u64,
    pub(super) left: LeftLines,
    /// Its own settings.
    pub(super) timing: Timing,
    pub(super) addresses: Vec<OwnAddress>,
    pub(super) clock: StampClock,
    pub(super) wall: Wall,
}

impl Own {
    pub(super) fn standing(&self) -> Standing {
        Standing {
            process: self.process,
            phase: self.phase,
            line: self.line.map(|line| line.id()),
            joined_at_ms: self.joined_at_ms,
        }
    }

    pub(super) fn has_seat(&self) -> bool {
        self.standing().seat().is_some()
    }

    /// The age of its line in milliseconds, 0 without one.
    pub(super) fn age_ms(&self, now: Instant) -> u64 {
        self.line.map_or(0, |line| millis(line.age(now)))
    }
}

pub(super) fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

/// The stamp clock as HMSs tell it to each other.
#[derive(Clone, Copy, Debug)]
pub(super) struct StampClock {
    base: Stamp,
    at: Instant,
}

/// What became of a stamp that another told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Adopted {
    Plainly,
    /// It leapt by more than an hour.
    Leapt,
    /// It is years ahead, and not taken.
    Absurd,
}

impl StampClock {
    pub(super) const fn new(at: Instant, base: Stamp) -> Self {
        Self { base, at }
    }

    pub(super) fn read(&self, now: Instant) -> Stamp {
        let elapsed = millis(now.since(self.at)).saturating_mul(1 << 16);
        Stamp(self.base.0.saturating_add(elapsed))
    }

    /// Years ahead.
    pub(super) fn is_absurd(&self, now: Instant, told: Stamp) -> bool {
        told.0.saturating_sub(self.read(now).0) > ABSURD
    }

    /// When it will read this.
    pub(super) fn reads(&self, stamp: Stamp) -> Instant {
        let ahead = stamp.0.saturating_sub(self.base.0).div_ceil(1 << 16);
        self.at + Duration::from_millis(ahead)
    }

    /// Goes on from `told` if that is larger (R-PEE-05).
    pub(super) fn adopt(&mut self, now: Instant, told: Stamp) -> Adopted {
        let ahead = told.0.saturating_sub(self.read(now).0);
        if self.is_absurd(now, told) {
            return Adopted::Absurd;
        }
        if ahead > 0 {
            *self = Self::new(now, told);
        }
        if ahead > LEAP { Adopted::Leapt } else { Adopted::Plainly }
    }
}

/// The wall clock as it was told, carried on by the monotonic one.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wall {
    pub(super) told: UnixMillis,
    pub(super) at: Instant,
}

impl Wall {
    pub(super) fn secs(&self, now: Instant) -> u64 {
        self.told.0.saturating_add(millis(now.since(self.at))) / 1000
    }
}
