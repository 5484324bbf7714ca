//! How many messages of a kind are taken: 10 a second (R-PEE-96).

use crate::limits::INTROS_PER_SECOND;
use crate::time::{Duration, Instant};

/// Credit of one kind of message, of one neighbour.
#[derive(Clone, Copy, Debug)]
pub(super) struct Allowance {
    /// When it was, or will be, full.
    full_at: Instant,
}

impl Allowance {
    const EACH: Duration = Duration::from_millis(1000 / INTROS_PER_SECOND as u64);

    pub(super) const fn new(now: Instant) -> Self {
        Self { full_at: now }
    }

    /// Takes one, if there is one.
    pub(super) fn take(&mut self, now: Instant) -> bool {
        let granted = now >= self.next();
        if granted {
            self.full_at = self.full_at.max(now) + Self::EACH;
        }
        granted
    }

    /// When there is one again.
    pub(super) fn next(&self) -> Instant {
        self.full_at - Self::EACH * (INTROS_PER_SECOND - 1)
    }
}
