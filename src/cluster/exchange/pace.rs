//! How often a neighbour may ask (R-PEE-96).

use crate::time::{Duration, Instant};

/// Credit for one kind of question. Two may come together, as what was sent in time may arrive in a heap.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    each: Duration,
    /// When it was, or will be, full.
    full_at: Instant,
}

impl Pace {
    pub(super) const fn new(now: Instant, each: Duration) -> Self {
        Self { each, full_at: now }
    }

    /// Takes one, if there is one.
    pub(super) fn take(&mut self, now: Instant) -> bool {
        let granted = now + self.each >= self.full_at;
        if granted {
            self.full_at = self.full_at.max(now) + self.each;
        }
        granted
    }
}
