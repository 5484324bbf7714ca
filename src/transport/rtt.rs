//! The round trip time (R-TRN-41), as in RFC 9002, section 5.

use super::limits::{ACK_DELAY, GRANULARITY, INITIAL_RTT};
use crate::time::Duration;

/// What is known of the round trip.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rtt {
    latest: Duration,
    least: Option<Duration>,
    smoothed: Duration,
    variation: Duration,
}

impl Rtt {
    pub(super) fn new() -> Self {
        Self { latest: INITIAL_RTT, least: None, smoothed: INITIAL_RTT, variation: INITIAL_RTT / 2 }
    }

    /// Takes a sample; `delay` is what the peer says that it waited.
    pub(super) fn sample(&mut self, latest: Duration, delay: Duration) {
        self.latest = latest;
        let Some(least) = self.least else {
            (self.least, self.smoothed, self.variation) = (Some(latest), latest, latest / 2);
            return;
        };
        let least = least.min(latest);
        self.least = Some(least);
        let delay = delay.min(ACK_DELAY);
        let rest = latest.checked_sub(delay).filter(|rest| *rest >= least).unwrap_or(latest);
        self.variation = (self.variation * 3 + self.smoothed.abs_diff(rest)) / 4;
        self.smoothed = (self.smoothed * 7 + rest) / 8;
    }

    /// Smoothed, or what is assumed before the first sample.
    pub fn smoothed(&self) -> Duration {
        self.smoothed
    }

    /// The smallest sample.
    pub fn least(&self) -> Option<Duration> {
        self.least
    }

    /// After this a packet counts as lost, if a later one was acknowledged.
    pub(super) fn loss_time(&self) -> Duration {
        (self.smoothed.max(self.latest) * 9 / 8).max(GRANULARITY)
    }

    /// PTO without back-off (R-TRN-43).
    pub fn pto(&self) -> Duration {
        self.smoothed + (self.variation * 4).max(GRANULARITY) + ACK_DELAY
    }
}
