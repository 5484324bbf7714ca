//! A path of limited rate: what waits, how long, and what is dropped.

use std::collections::VecDeque;

use crate::time::{Duration, Instant};

/// Datagrams that wait at most, so that a long queue keeps memory bounded.
const WAITING_MAX: usize = 65_536;

/// Sends one datagram after the other.
#[derive(Debug, Default)]
pub(super) struct Bottleneck {
    /// When it has sent all that was given to it, to the nanosecond: what is cut off at each datagram adds up.
    busy: Duration,
    /// When each that waits or is being sent will have left, and its length.
    waiting: VecDeque<(Instant, u64)>,
    /// Their lengths together.
    bytes: u64,
}

impl Bottleneck {
    /// When a datagram of `len` bytes that enters at `now` has left, at `rate` bytes a second; none if it does not fit
    /// into `queue` bytes beside those that are there. Alone it always fits.
    pub(super) fn pass(&mut self, now: Instant, len: usize, rate: u64, queue: u64) -> Option<Instant> {
        self.forget(now);
        let len = len as u64;
        let full = self.bytes.saturating_add(len) > queue || self.waiting.len() >= WAITING_MAX;
        if full && !self.waiting.is_empty() {
            return None;
        }
        let nanos = u128::from(len) * 1_000_000_000 / u128::from(rate.max(1));
        let takes = Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX));
        self.busy = self.busy.max(now.since(Instant::ZERO)).saturating_add(takes);
        let left = Instant::ZERO + self.busy;
        if left > now {
            self.waiting.push_back((left, len));
            self.bytes += len;
        }
        Some(left)
    }

    /// Those that have left do not wait any more.
    fn forget(&mut self, now: Instant) {
        while let Some((_, len)) = self.waiting.front().copied().filter(|(left, _)| *left <= now) {
            self.bytes -= len;
            self.waiting.pop_front();
        }
    }
}
