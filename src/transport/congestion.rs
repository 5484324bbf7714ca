//! How much may be in flight: the seam (R-TRN-50).

use std::fmt;

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
