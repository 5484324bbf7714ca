//! Sessions that were left before they began (R-REG-42): the REGISTER that would begin one may still be on its way, or
//! be said again by somebody.

use std::collections::{HashSet, VecDeque};

use crate::ident::SessionId;
use crate::limits::{REGISTER_COOKIE_SLOT, UNBORN_KEPT};
use crate::time::{Duration, Instant};

/// As long as a cookie given before the LEAVE may be accepted.
const LIFE: Duration = REGISTER_COOKIE_SLOT.saturating_mul(2);

/// The sessions, for the life of a registration cookie.
#[derive(Debug, Default)]
pub(super) struct Unborn {
    sessions: HashSet<SessionId>,
    order: VecDeque<(Instant, SessionId)>,
}

impl Unborn {
    /// Notes one that was left now; of too many the oldest is forgotten.
    pub(super) fn note(&mut self, now: Instant, session: SessionId) {
        self.forget(now);
        if self.order.len() >= UNBORN_KEPT {
            self.forget_oldest();
        }
        if self.sessions.insert(session) {
            self.order.push_back((now, session));
        }
    }

    /// Whether it was left before it began.
    pub(super) fn has(&mut self, now: Instant, session: SessionId) -> bool {
        self.forget(now);
        self.sessions.contains(&session)
    }

    fn forget(&mut self, now: Instant) {
        while self.order.front().is_some_and(|(at, _)| now.since(*at) >= LIFE) {
            self.forget_oldest();
        }
    }

    fn forget_oldest(&mut self) {
        if let Some((_, session)) = self.order.pop_front() {
            self.sessions.remove(&session);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_is_noted_for_the_life_of_a_cookie() {
        crate::shows!("R-REG-42");
        let (start, mut unborn) = (Instant::from_secs(100), Unborn::default());
        assert!(!unborn.has(start, SessionId(1)));
        unborn.note(start, SessionId(1));
        unborn.note(start + Duration::from_secs(5), SessionId(2));
        // Said again, it lasts no longer: the cookie does not either.
        unborn.note(start + Duration::from_secs(6), SessionId(1));
        let last = start + LIFE - Duration::from_micros(1);
        assert!(unborn.has(last, SessionId(1)) && unborn.has(last, SessionId(2)));
        assert!(!unborn.has(start + LIFE, SessionId(1)));
        assert!(unborn.has(start + LIFE, SessionId(2)));
    }

    #[test]
    fn there_are_not_too_many() {
        let (now, mut unborn) = (Instant::from_secs(100), Unborn::default());
        let most = UNBORN_KEPT as u64;
        (0..=most).for_each(|session| unborn.note(now, SessionId(session)));
        assert_eq!((unborn.sessions.len(), unborn.order.len()), (UNBORN_KEPT, UNBORN_KEPT));
        assert!(!unborn.has(now, SessionId(0)) && unborn.has(now, SessionId(most)));
    }
}
