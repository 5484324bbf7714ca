//! HINT: what somebody says who proves nothing; shown, never acted on (R-AUT-31).

use std::net::SocketAddr;

use super::timer::Timer;
use super::{Event, Host};
use crate::auth::checksum_holds;
use crate::time::{Duration, Instant};
use crate::wire::{Hint, HintCode, Unverified};

/// An authenticated answer within this time before or after it makes a hint void.
const WAIT: Duration = Duration::from_secs(1);
/// The same hint is not shown again within this time.
const QUIET: Duration = Duration::from_secs(60);

/// The hint that waits and the one that was shown.
#[derive(Debug, Default)]
pub(super) struct Hints {
    pending: Option<(Hint, SocketAddr)>,
    shown: Option<(HintCode, SocketAddr, Instant)>,
    /// For `hms self`, until an authenticated answer comes.
    pub(super) message: Option<String>,
}

impl Host {
    /// A HINT that may answer what is outstanding.
    pub(super) fn hinted(
        &mut self,
        now: Instant,
        from: SocketAddr,
        datagram: &Unverified<'_>,
    ) -> Result<(), &'static str> {
        let header = datagram.header();
        let nonce = header.sequence;
        if !self.contact.awaits(nonce) && self.search.nonce() != Some(nonce) {
            return Err("unasked");
        }
        if !self.is_mine(header) {
            return Err("foreign");
        }
        if !checksum_holds(datagram) {
            return Err("checksum");
        }
        let hint = Hint::parse(datagram).map_err(|e| e.reason())?;
        if self.heard.is_some_and(|heard| now.since(heard) < WAIT) {
            return Ok(());
        }
        if self.hints.pending.is_none() {
            self.hints.pending = Some((hint, from));
            self.timers.set(Timer::Hint, now + WAIT);
        }
        Ok(())
    }

    pub(super) fn hint_due(&mut self, now: Instant) {
        let Some((hint, from)) = self.hints.pending.take() else { return };
        let message = text(&hint, from);
        self.hints.message = Some(message.clone());
        let again = self
            .hints
            .shown
            .is_some_and(|(code, by, at)| (code, by) == (hint.code, from) && now.since(at) < QUIET);
        if !again {
            self.hints.shown = Some((hint.code, from, now));
            self.events.push_back(Event::Hint { code: hint.code, from, message });
        }
    }

    /// An authenticated answer came: what others hint is void.
    pub(super) fn hints_void(&mut self) {
        self.hints = Hints::default();
        self.timers.stop(Timer::Hint);
    }
}

fn text(hint: &Hint, from: SocketAddr) -> String {
    match hint.code {
        HintCode::WrongKey => format!(
            "{from} says, without proof, that it serves this realm but not this key: the user may have been \
             revoked or the token be an old one; print a new one on the HMS with `hms token NAME`"
        ),
        HintCode::UnknownEpoch => format!(
            "{from} says, without proof, that it does not know the key's epoch: print a new token on the HMS with \
             `hms token NAME`"
        ),
        HintCode::Version => format!(
            "{from} says, without proof, that it serves protocol versions {} to {}, and this host speaks version 1: \
             update the older of the two",
            hint.min_version, hint.max_version
        ),
        other => format!("{from} says, without proof: {other}"),
    }
}
