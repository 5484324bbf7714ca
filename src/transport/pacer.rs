//! Spreads packets over the round trip (R-TRN-53).

use super::limits::{BURST_MAX, BURST_MIN, BURST_TIME, MSS};
use crate::time::{Duration, Instant};

/// A bucket that fills at the controller's rate.
#[derive(Clone, Debug)]
pub(super) struct Pacer {
    tokens: u64,
    filled: Instant,
}

impl Pacer {
    pub(super) const fn new(now: Instant) -> Self {
        Self { tokens: BURST_MIN, filled: now }
    }

    /// None: a packet may go now. Else: when it may.
    pub(super) fn wait(&mut self, now: Instant, rate: u64) -> Option<Instant> {
        let added = within(rate, now.since(self.filled));
        if added > 0 {
            let burst = within(rate, BURST_TIME).clamp(BURST_MIN, BURST_MAX);
            self.tokens = self.tokens.saturating_add(added).min(burst);
            self.filled = now;
        }
        let missing = MSS.checked_sub(self.tokens).filter(|missing| *missing > 0)?;
        let micros = (u128::from(missing) * 1_000_000).div_ceil(u128::from(rate.max(1)));
        Some(self.filled + Duration::from_micros(u64::try_from(micros).unwrap_or(u64::MAX).max(1)))
    }

    /// A packet went.
    pub(super) const fn spend(&mut self, bytes: u64) {
        self.tokens = self.tokens.saturating_sub(bytes);
    }
}

/// Bytes that go at a rate in a time.
fn within(rate: u64, span: Duration) -> u64 {
    u64::try_from(u128::from(rate) * span.as_micros() / 1_000_000).unwrap_or(u64::MAX)
}
