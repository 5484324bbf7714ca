//! CUBIC (RFC 9438): a window that grows by the time since the last loss, so that a long round trip does not starve
//! beside other CUBIC flows (R-TRN-50 to R-TRN-52).

use super::congestion::Controller;
use super::limits::{CUBIC_BETA, CUBIC_C, MSS, WINDOW_INITIAL, WINDOW_MAX, WINDOW_MIN};
use crate::time::{Duration, Instant};

/// What Reno would gain in a round trip, in segments, if it lost as much as CUBIC at each loss (RFC 9438, 4.3).
const FRIENDLY: f64 = 3.0 * (1.0 - CUBIC_BETA) / (1.0 + CUBIC_BETA);
/// The window grows at most by half in a round trip (RFC 9438, 4.2).
const STEEPEST: f64 = 1.5;

/// The default controller.
#[derive(Clone, Debug)]
pub struct Cubic {
    /// Bytes, with their fractions.
    window: f64,
    threshold: f64,
    /// Where the curve is flat: the window at the last loss, or below it if that came earlier than the one before.
    plateau: f64,
    /// The window at the last loss.
    prior: f64,
    /// Of growth above the threshold, since the last loss.
    epoch: Option<Epoch>,
    /// Losses of what was sent before this count no more.
    recovery: Option<Instant>,
    /// When something was last acknowledged.
    heard: Instant,
}

/// A time without loss.
#[derive(Clone, Copy, Debug)]
struct Epoch {
    began: Instant,
    /// Seconds from then to the plateau.
    climb: f64,
    /// The window that Reno would have.
    reno: f64,
}

impl Default for Cubic {
    fn default() -> Self {
        Self {
            window: WINDOW_INITIAL as f64,
            threshold: f64::INFINITY,
            plateau: 0.0,
            prior: 0.0,
            epoch: None,
            recovery: None,
            heard: Instant::ZERO,
        }
    }
}

impl Cubic {
    fn in_recovery(&self, sent_at: Instant) -> bool {
        self.recovery.is_some_and(|began| sent_at <= began)
    }

    /// Grows above the threshold (RFC 9438, 4.2 to 4.5).
    fn avoid(&mut self, now: Instant, bytes: f64, rtt: Duration) {
        let mss = MSS as f64;
        let mut epoch = self.epoch.unwrap_or_else(|| self.begin(now));
        let gain = if epoch.reno < self.prior { FRIENDLY } else { 1.0 };
        epoch.reno += gain * mss * bytes / self.window;
        self.epoch = Some(epoch);
        let height =
            |after: Duration| self.plateau + CUBIC_C * mss * (after.as_secs_f64() - epoch.climb).powi(3);
        let passed = now.since(epoch.began);
        if height(passed) < epoch.reno {
            self.window = self.window.max(epoch.reno);
        } else {
            let target = height(passed + rtt).clamp(self.window, self.window * STEEPEST);
            self.window += (target - self.window) * bytes / self.window;
        }
    }

    fn begin(&mut self, now: Instant) -> Epoch {
        self.plateau = self.plateau.max(self.window);
        let climb = ((self.plateau - self.window) / (CUBIC_C * MSS as f64)).cbrt();
        Epoch { began: now, climb, reno: self.window }
    }
}

impl Controller for Cubic {
    fn acknowledged(&mut self, now: Instant, sent_at: Instant, bytes: u64, limited: bool, rtt: Duration) {
        let passed = now.since(std::mem::replace(&mut self.heard, now));
        if limited {
            // A window that was not tried does not grow with time either (RFC 9438, 5.8).
            if let Some(epoch) = &mut self.epoch {
                epoch.began += passed;
            }
            return;
        }
        if self.in_recovery(sent_at) {
            return;
        }
        if self.window < self.threshold {
            self.window += bytes as f64;
        } else {
            self.avoid(now, bytes as f64, rtt);
        }
        self.window = self.window.min(WINDOW_MAX as f64);
    }

    fn lost(&mut self, now: Instant, sent_at: Instant, _: u64) {
        if self.in_recovery(sent_at) {
            return;
        }
        self.recovery = Some(now);
        // Who loses below the last plateau makes room: another flow has come (RFC 9438, 4.7).
        let room = if self.window < self.plateau { (1.0 + CUBIC_BETA) / 2.0 } else { 1.0 };
        self.plateau = self.window * room;
        self.prior = self.window;
        self.window = (self.window * CUBIC_BETA).max(WINDOW_MIN as f64);
        self.threshold = self.window;
        self.epoch = None;
    }

    fn persistent(&mut self) {
        self.window = WINDOW_MIN as f64;
        self.epoch = None;
        self.recovery = None;
    }

    fn window(&self) -> u64 {
        self.window as u64
    }
}
