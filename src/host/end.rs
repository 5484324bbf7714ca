//! How the host ends: refused or superseded (R-REG-21, spec 2.6 REJECT).

use super::requests::{Asked, Request};
use super::routes::Target;
use super::{Event, Host, State};
use crate::ident::Stamp;
use crate::limits::CHECK_TIME_MAX;
use crate::planted::{Bug, planted};
use crate::time::{Duration, Instant};
use crate::wire::{RejectCode, content_field};

/// Shortest wait after a refusal that may pass, and before registering again against an older session.
const PAUSE: Duration = Duration::from_secs(1);

impl Host {
    /// REJECT, by its code.
    pub(super) fn rejected(
        &mut self,
        now: Instant,
        (code, value): (RejectCode, u32),
        target: Option<Target>,
    ) {
        let message = self.refusal(code, value);
        match code {
            RejectCode::Full | RejectCode::Rate => {
                let wait = Duration::from_millis(value.into()).clamp(PAUSE, CHECK_TIME_MAX);
                self.end_session();
                self.hints.message = Some(message.clone());
                self.events.push_back(Event::Refused { code, message, retry: Some(wait) });
                self.contact_after(now, wait, target);
            }
            RejectCode::Taken => {
                self.hints.message = Some(message.clone());
                self.events.push_back(Event::Refused { code, message, retry: None });
                self.superseded_now(now);
            }
            _ => {
                self.finish(State::Refused);
                self.hints.message = Some(message.clone());
                self.events.push_back(Event::Refused { code, message, retry: None });
                self.persist_now();
            }
        }
    }

    /// REJECT of a session request: content that cannot be taken gives way to what was taken before; all else ends.
    pub(super) fn rejected_in_session(
        &mut self,
        now: Instant,
        request: Request,
        (code, value): (RejectCode, u32),
    ) {
        let Asked::Beat(Some(version)) = request.asked else {
            return self.rejected(now, (code, value), Some(request.target));
        };
        if !matches!(code, RejectCode::Content | RejectCode::Unknown(_)) {
            return self.rejected(now, (code, value), Some(request.target));
        }
        self.requests.close_beats(request.sequence);
        let why = self.refusal(code, value);
        // Content that changed since then is judged by itself.
        if version == self.own.version {
            let view = self.own.view.clone();
            if !self.own.go_back(why.clone()) {
                return self.rejected(now, (code, value), Some(request.target));
            }
            if view != self.own.view {
                self.forget_list();
            }
            self.log(log::Level::Warn, format!("{why}; what the HMS took before stands again"));
            self.persist_soon(now);
        }
        self.beat_again(now);
    }

    /// SUPERSEDED with the stamp of the row that is live (R-REG-21).
    pub(super) fn superseded_by(&mut self, now: Instant, stamp: Stamp, said_so: Target) {
        let own = self.session.as_ref().map_or(self.store.last_stamp, |s| s.stamp);
        if stamp > own && !planted(Bug::SupersededGoesOn) {
            self.hints.message = Some("another machine is registered as this user".into());
            self.superseded_now(now);
        } else {
            self.register_anew(now, PAUSE, said_so);
        }
    }

    /// Remembered over restarts, until `hms join`.
    fn superseded_now(&mut self, now: Instant) {
        self.store.superseded = Some(self.wall_at(now)).filter(|_| !planted(Bug::SupersededForgotten));
        self.finish(State::Superseded);
        self.persist_now();
        self.events.push_back(Event::Superseded);
    }

    /// Ends: nothing is sent any more and no deadline is left.
    pub(super) fn finish(&mut self, state: State) {
        self.end_session();
        self.end_contact();
        self.search.stop();
        self.probes.cancel();
        self.timers.clear();
        self.state = state;
    }

    fn refusal(&self, code: RejectCode, value: u32) -> String {
        let user = &self.me.user_name;
        let realm = &self.told.realm_name;
        match code {
            RejectCode::Revoked => format!(
                "the key of user {user} was revoked; print a new token on the HMS with `hms token {user}`"
            ),
            RejectCode::Name => {
                format!("the HMS does not take the user name {user}; print a new token there")
            }
            RejectCode::Taken => format!(
                "another machine is registered as {user}; `hms join` with the token takes the user back"
            ),
            RejectCode::Full => format!(
                "realm {realm} has as many hosts as it may (max_hosts); tried again in {} s",
                value.div_ceil(1000).max(1)
            ),
            RejectCode::Rate => format!(
                "too many registrations in realm {realm} (max_rate); tried again in {} s",
                value.div_ceil(1000).max(1)
            ),
            RejectCode::Content => {
                let field = u8::try_from(value).map_or("content", content_field);
                format!(
                    "the HMS cannot take this host's {field} (TLV 0x{value:02x}): change it, or update the older of the two programs"
                )
            }
            RejectCode::EpochRetired => {
                "the realm's keys were renewed; print a new token on the HMS with `hms token NAME`".into()
            }
            RejectCode::Unknown(number) => {
                format!(
                    "the HMS refuses with code {number}, which this version does not know; update this program"
                )
            }
        }
    }
}
