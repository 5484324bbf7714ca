//! How the host ends: refused or superseded (R-REG-21, spec 2.6 REJECT).

use super::routes::Target;
use super::{Event, Host, State};
use crate::ident::Stamp;
use crate::limits::CHECK_TIME_MAX;
use crate::time::{Duration, Instant};
use crate::wire::RejectCode;

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

    /// SUPERSEDED with the stamp of the row that is live (R-REG-21).
    pub(super) fn superseded_by(&mut self, now: Instant, stamp: Stamp) {
        let own = self.session.as_ref().map_or(self.store.last_stamp, |s| s.stamp);
        if stamp > own {
            self.hints.message = Some("another machine is registered as this user".into());
            self.superseded_now(now);
        } else {
            self.register_anew(now, PAUSE);
        }
    }

    /// Remembered over restarts, until `hms join`.
    fn superseded_now(&mut self, now: Instant) {
        self.store.superseded = Some(self.wall_at(now));
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
                format!("the HMS cannot take what this host says of itself (TLV 0x{value:02x})")
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
