//! The numbers of one direction, as their sender gives them out (R-TRN-12, R-TRN-31).

use std::collections::VecDeque;

use super::draws::Draws;
use super::limits::{LAST_WORDS, NUMBER_END, SKIP, SKIPS_KEPT};

/// A rising count from which a number is left out now and then.
pub(super) struct Numbers {
    next: u64,
    /// From here on only CLOSE is sent.
    end: u64,
    skip_at: u64,
    skips: VecDeque<u64>,
    draws: Draws,
}

impl Numbers {
    pub(super) fn new(seed: &[u8; 32]) -> Self {
        let mut draws = Draws::new(seed);
        let skip_at = SKIP.0 + draws.number() % SKIP.1;
        Self { next: 0, end: NUMBER_END - LAST_WORDS, skip_at, skips: VecDeque::new(), draws }
    }

    /// The next number.
    pub(super) fn take(&mut self) -> u64 {
        if self.next == self.skip_at {
            if self.skips.len() >= SKIPS_KEPT {
                self.skips.pop_front();
            }
            self.skips.push_back(self.skip_at);
            self.next += 1;
            self.skip_at = self.next + SKIP.0 + self.draws.number() % SKIP.1;
        }
        let number = self.next;
        self.next += 1;
        number
    }

    /// Whether only those for CLOSE are left.
    pub(super) const fn used_up(&self) -> bool {
        self.next >= self.end
    }

    /// Whether all from `low` to `high` were sent, as far as that is remembered.
    pub(super) fn were_sent(&self, low: u64, high: u64) -> bool {
        high < self.next && !self.skips.iter().any(|skip| (low..=high).contains(skip))
    }

    /// As if all numbers were used.
    #[cfg(test)]
    pub(super) const fn use_up(&mut self) {
        self.end = self.next;
    }
}
