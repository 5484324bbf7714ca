//! What a link does when time passes.

use super::incoming::settle;
use super::{Connection, Phase};
use crate::time::Instant;
use crate::transport::event::{CloseCode, CloseReason};
use crate::transport::limits::{PING_TIME, UNANSWERED};

impl Connection {
    /// When [`handle_timeout`](Self::handle_timeout) and [`poll_output`](Self::poll_output) are wanted next.
    pub(in crate::transport) fn poll_timeout(&self) -> Option<Instant> {
        match &self.phase {
            Phase::Dialing(dial) => Some(dial.deadline()),
            Phase::HalfOpen(half) => Some(half.until),
            Phase::Open => self.open_deadline(),
            Phase::Closing(closing) => Some(closing.until),
            Phase::Drained => None,
        }
    }

    fn open_deadline(&self) -> Option<Instant> {
        let ping = (!self.ping).then(|| self.recovery.last_eliciting() + PING_TIME);
        let times =
            [self.received.due(), self.recovery.deadline(), self.pace_at, ping, Some(self.silent_at())];
        times.into_iter().flatten().min()
    }

    /// When the link ends if nothing comes, or nothing that acknowledges what was sent (R-TRN-70).
    fn silent_at(&self) -> Instant {
        let unheard = self.heard + self.silence;
        self.recovery
            .unanswered()
            .map_or(unheard, |since| unheard.min(since + self.silence.saturating_mul(UNANSWERED)))
    }

    /// Time has passed; a call too early or too often does nothing.
    pub(in crate::transport) fn handle_timeout(&mut self, now: Instant) {
        match &mut self.phase {
            Phase::Dialing(dial) => {
                if dial.timeout(now) {
                    self.drain(CloseReason::NoAnswer);
                }
            }
            Phase::HalfOpen(half) => {
                if now >= half.until {
                    self.phase = Phase::Drained;
                }
            }
            Phase::Open => self.open_timeout(now),
            Phase::Closing(closing) => {
                if now >= closing.until {
                    self.phase = Phase::Drained;
                }
            }
            Phase::Drained => {}
        }
    }

    fn open_timeout(&mut self, now: Instant) {
        if now >= self.silent_at() {
            // Perhaps only the way to here is cut: then the other end need not wait as well.
            self.end_with(now, CloseCode::SILENT, "", CloseReason::Silent);
            return;
        }
        if now >= self.recovery.last_eliciting() + PING_TIME {
            self.ping = true;
        }
        let Self { recovery, outward, credit_again, .. } = self;
        if recovery.timeout(now, |outcome| settle(outward, credit_again, outcome)) {
            self.stats.probes += 1;
        }
    }

    /// WELCOME is to be sent again (R-TRN-21).
    pub(in crate::transport) fn welcome_again(&mut self) {
        if let Phase::HalfOpen(half) = &mut self.phase {
            half.due = true;
        }
    }
}
