//! How much may be in flight: the seam, and NewReno (R-TRN-50 to R-TRN-52).

use std::fmt;

use super::limits::{MSS, WINDOW_INITIAL, WINDOW_MAX, WINDOW_MIN};
use crate::time::{Duration, Instant};

/// A congestion controller. Bytes are UDP payload.
pub trait Controller: fmt::Debug + Send {
    /// An eliciting packet goes out; `in_flight` counts it already.
    fn sent(&mut self, now: Instant, bytes: u64, in_flight: u64) {
        let _ = (now, bytes, in_flight);
    }

    /// A packet was acknowledged. `limited`: the sender had less to send than the window allows.
    fn acknowledged(&mut self, now: Instant, sent_at: Instant, bytes: u64, limited: bool, rtt: Duration);

    /// Packets were lost, the latest of which was sent at `sent_at`.
    fn lost(&mut self, now: Instant, sent_at: Instant, bytes: u64);

    /// Nothing came through for long (R-TRN-52).
    fn persistent(&mut self);

    /// Bytes that may be in flight.
    fn window(&self) -> u64;

    /// Bytes a second at which to send; 5/4 of a window in a round trip, unless the controller knows better.
    fn rate(&self, smoothed: Duration) -> u64 {
        let micros = smoothed.as_micros().max(1);
        let rate = u128::from(self.window()) * 1_250_000 / micros;
        u64::try_from(rate).unwrap_or(u64::MAX)
    }
}

/// NewReno as in RFC 9002, section 7.
#[derive(Clone, Debug)]
pub struct NewReno {
    window: u64,
    threshold: u64,
    /// Acknowledged since the window last grew, above the threshold.
    grown: u64,
    /// Losses of what was sent before this count no more.
    recovery: Option<Instant>,
}

impl Default for NewReno {
    fn default() -> Self {
        Self { window: WINDOW_INITIAL, threshold: u64::MAX, grown: 0, recovery: None }
    }
}

impl NewReno {
    fn in_recovery(&self, sent_at: Instant) -> bool {
        self.recovery.is_some_and(|began| sent_at <= began)
    }
}

impl Controller for NewReno {
    fn acknowledged(&mut self, _: Instant, sent_at: Instant, bytes: u64, limited: bool, _: Duration) {
        if limited || self.in_recovery(sent_at) {
            return;
        }
        if self.window < self.threshold {
            self.window += bytes;
        } else {
            self.grown += bytes;
            if self.grown >= self.window {
                self.grown -= self.window;
                self.window += MSS;
            }
        }
        self.window = self.window.min(WINDOW_MAX);
    }

    fn lost(&mut self, now: Instant, sent_at: Instant, _: u64) {
        if self.in_recovery(sent_at) {
            return;
        }
        self.recovery = Some(now);
        self.window = (self.window / 2).max(WINDOW_MIN);
        self.threshold = self.window;
        self.grown = 0;
    }

    fn persistent(&mut self) {
        self.window = WINDOW_MIN;
        self.grown = 0;
        self.recovery = None;
    }

    fn window(&self) -> u64 {
        self.window
    }
}
