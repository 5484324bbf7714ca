//! What one user may cost, however many datagrams its key can sign (R-SEC-05).

use std::hash::BuildHasher as _;

use foldhash::fast::FixedState;

use crate::ident::{RealmId, UserId};
use crate::time::{Duration, Instant};

/// So many that a whole fleet which registers at once hardly shares them; only those in use take memory.
const CHANGE_PLACES: usize = 1 << 18;
/// Only who asks more than heartbeats need comes here.
const REQUEST_PLACES: usize = 1 << 14;
/// Time that one costs, and how many may be had at once.
const CHANGES: Allowance = Allowance { interval: 1_000_000, burst: 16 };
const REQUESTS: Allowance = Allowance { interval: 1_000_000 / 512, burst: 2048 };

struct Allowance {
    /// Microseconds.
    interval: u64,
    burst: u64,
}

impl Allowance {
    /// How long until `cost` may be had, nothing if now: `until` is when all that was had is paid for.
    fn wait(&self, now: u64, until: u64, cost: u64) -> u64 {
        let ahead = until.saturating_sub(now) + cost * self.interval;
        ahead.saturating_sub(self.burst * self.interval)
    }
}

/// Shares of users. A place holds when all that its users had is paid for, in microseconds.
pub(super) struct UserRates {
    changes: Box<[u64]>,
    requests: Box<[u64]>,
    hash: FixedState,
}

impl UserRates {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            changes: vec![0; CHANGE_PLACES].into_boxed_slice(),
            requests: vec![0; REQUEST_PLACES].into_boxed_slice(),
            hash: FixedState::with_seed(seed),
        }
    }

    /// Takes one change that others see; if the user has none left: when to come again.
    pub(super) fn change(&mut self, now: Instant, realm: RealmId, user: UserId) -> Result<(), Duration> {
        let Some(until) = place(&self.hash, &mut self.changes, realm, user) else { return Ok(()) };
        match CHANGES.wait(now.micros(), *until, 1) {
            0 => {
                *until = now.micros().max(*until) + CHANGES.interval;
                Ok(())
            }
            wait => Err(Duration::from_micros(wait)),
        }
    }

    /// Whether the user has requests left.
    pub(super) fn may_ask(&mut self, now: Instant, realm: RealmId, user: UserId) -> bool {
        place(&self.hash, &mut self.requests, realm, user)
            .is_none_or(|until| REQUESTS.wait(now.micros(), *until, 1) == 0)
    }

    /// Charges a request, which may take more than is left.
    pub(super) fn asked(&mut self, now: Instant, realm: RealmId, user: UserId, cost: u64) {
        if let Some(until) = place(&self.hash, &mut self.requests, realm, user) {
            *until = now.micros().max(*until) + cost * REQUESTS.interval;
        }
    }
}

fn place<'a>(hash: &FixedState, places: &'a mut [u64], realm: RealmId, user: UserId) -> Option<&'a mut u64> {
    let count = places.len() as u64;
    let at = hash.hash_one((realm, user)).checked_rem(count)?;
    places.get_mut(usize::try_from(at).ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    const REALM: RealmId = RealmId(1);

    fn user(n: u8) -> UserId {
        UserId([n; 8])
    }

    #[test]
    fn a_user_has_sixteen_changes_at_once_and_one_a_second() {
        let mut rates = UserRates::new(1);
        let now = Instant::from_secs(100);
        assert!((0..16).all(|_| rates.change(now, REALM, user(1)).is_ok()));
        assert_eq!(rates.change(now, REALM, user(1)), Err(Duration::from_secs(1)));
        assert_eq!(rates.change(now, REALM, user(2)), Ok(()), "the others have theirs");
        let soon = now + Duration::from_millis(999);
        assert_eq!(rates.change(soon, REALM, user(1)), Err(Duration::from_millis(1)));
        let later = now + Duration::from_secs(10);
        assert_eq!((0..30).filter(|_| rates.change(later, REALM, user(1)).is_ok()).count(), 10);
        let much_later = now + Duration::from_secs(1000);
        assert_eq!((0..30).filter(|_| rates.change(much_later, REALM, user(1)).is_ok()).count(), 16);
    }

    #[test]
    fn requests_are_charged_when_they_are_known_to_be_the_users() {
        let mut rates = UserRates::new(1);
        let now = Instant::from_secs(100);
        for _ in 0..2047 {
            assert!(rates.may_ask(now, REALM, user(1)));
            rates.asked(now, REALM, user(1), 1);
        }
        rates.asked(now, REALM, user(1), 4);
        assert!(!rates.may_ask(now, REALM, user(1)) && rates.may_ask(now, REALM, user(2)));
        assert!(rates.may_ask(now + Duration::from_millis(10), REALM, user(1)));
    }
}
