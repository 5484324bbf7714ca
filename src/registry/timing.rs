//! Check time, expiry, and the stalls by which expiries are put off (R-REG-41, R-REG-44).

use std::collections::VecDeque;

use crate::limits::{BRAKE_LIMIT, CHECK_TIME, EXPIRY_FACTOR, GONE_GRACE};
use crate::planted::{Bug, planted};
use crate::time::{Duration, Instant};

/// How long silence lasts until what happens.
pub(super) struct Timing {
    /// Expiry in thousandths of a check time.
    factor: u64,
    /// What newly registered hosts are told.
    pub(super) check_time: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        Self::new(CHECK_TIME, EXPIRY_FACTOR)
    }
}

impl Timing {
    pub(super) fn new(check_time: Duration, factor: f64) -> Self {
        let wrong = if planted(Bug::ExpiryEarly) {
            950.0
        } else if planted(Bug::ExpiryLate) {
            1080.0
        } else {
            1000.0
        };
        Self { factor: (factor * wrong) as u64, check_time }
    }

    /// Silence after which a row is removed.
    pub(super) const fn expiry(&self, check_ms: u32) -> Duration {
        Duration::from_micros(self.expiry_micros(check_ms))
    }

    pub(super) const fn expiry_micros(&self, check_ms: u32) -> u64 {
        (check_ms as u64).saturating_mul(self.factor)
    }

    /// Silence after which a row would expire within one check time, and has missed a heartbeat.
    pub(super) fn suspicion(&self, check_ms: u32) -> Duration {
        Duration::from_micros(self.suspicion_micros(check_ms))
    }

    /// The same as a number, for every heartbeat.
    pub(super) fn suspicion_micros(&self, check_ms: u32) -> u64 {
        let check = u64::from(check_ms) * 1000;
        let expiry = self.expiry_micros(check_ms);
        expiry.saturating_sub(check).max(check * 5 / 4).min(expiry)
    }

    /// How long other HMSs are told that a session ended (R-PEE-67): as long as a row may last anywhere.
    pub(super) fn gone_kept(&self, check_time: Duration) -> Duration {
        self.lasts(check_time) + GONE_GRACE
    }

    /// How long a row lasts at most without a word of its host (R-REG-43).
    pub(super) fn lasts(&self, check_time: Duration) -> Duration {
        self.expiry(u32::try_from(check_time.as_millis()).unwrap_or(u32::MAX)) * BRAKE_LIMIT
    }

    /// Silence after which the brake lets go of a row.
    pub(super) fn limit(&self, check_ms: u32) -> Duration {
        let slack = Duration::from_millis(u64::from(check_ms)) / 10;
        (self.expiry(check_ms) * BRAKE_LIMIT).saturating_sub(slack)
    }
}

/// Stalls kept; they are joined when they lie close together. Twelve check times back none is counted any more.
const KEPT: usize = 512;

/// Stalls close together, as one.
struct Stall {
    /// When the first began and ended, and the last ended.
    begin: Instant,
    first: Instant,
    last: Instant,
    /// The sum of all stalls up to `last`.
    sum: Duration,
}

/// The time by which the silence of rows is overstated.
#[derive(Default)]
pub(super) struct Deferrals {
    log: VecDeque<Stall>,
    /// The sum of those no longer in the log.
    base: Duration,
}

impl Deferrals {
    /// Adds a stall that ended at `now`. Those within `grain` become one, so that a row last heard between them lasts
    /// longer than it must, never shorter.
    pub(super) fn add(&mut self, now: Instant, by: Duration, grain: Duration) {
        let sum = self.total().saturating_add(by);
        match self.log.back_mut() {
            Some(stall) if now.since(stall.first) < grain => {
                stall.last = now;
                stall.sum = sum;
            }
            before => {
                let begin = before.map_or(Instant::ZERO, |stall| stall.last).max(now - by);
                self.log.push_back(Stall { begin, first: now, last: now, sum });
            }
        }
        if self.log.len() > KEPT
            && let Some(stall) = self.log.pop_front()
        {
            self.base = stall.sum;
        }
    }

    fn total(&self) -> Duration {
        self.log.back().map_or(self.base, |stall| stall.sum)
    }

    /// What came after `heard`, or ended after it.
    pub(super) fn since(&self, heard: Instant) -> Duration {
        self.behind(self.log.partition_point(|stall| stall.last <= heard))
    }

    /// What began after `heard`.
    pub(super) fn begun_since(&self, heard: Instant) -> Duration {
        self.behind(self.log.partition_point(|stall| stall.begin < heard))
    }

    /// All but the first so many.
    fn behind(&self, before: usize) -> Duration {
        let last = before.checked_sub(1).and_then(|last| self.log.get(last));
        self.total().saturating_sub(last.map_or(self.base, |stall| stall.sum))
    }
}
