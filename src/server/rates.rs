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

/// Shares of users. A place holds when all that its users had is paid for, in microseconds. A user has two places,
/// and what the one allows it may have: who shares one of them with somebody that takes all it can get has the other.
struct Shares {
    until: Box<[u64]>,
    allowance: Allowance,
}

impl Shares {
    fn new(places: usize, allowance: Allowance) -> Self {
        Self { until: vec![0; places].into_boxed_slice(), allowance }
    }

    fn places(&self, who: u64) -> [usize; 2] {
        let count = self.until.len().max(1);
        [who as usize % count, (who >> 32) as usize % count]
    }

    fn until(&self, who: u64) -> u64 {
        self.places(who).iter().filter_map(|at| self.until.get(*at)).copied().min().unwrap_or_default()
    }

    /// How long until `cost` may be had, nothing if now.
    fn wait(&self, now: Instant, who: u64, cost: u64) -> u64 {
        self.allowance.wait(now.micros(), self.until(who), cost)
    }

    fn charge(&mut self, now: Instant, who: u64, cost: u64) {
        let paid = now.micros().max(self.until(who)) + cost * self.allowance.interval;
        for at in self.places(who) {
            if let Some(until) = self.until.get_mut(at) {
                *until = paid.max(*until);
            }
        }
    }
}

/// What users may have.
pub(super) struct UserRates {
    changes: Shares,
    requests: Shares,
    hash: FixedState,
}

impl UserRates {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            changes: Shares::new(CHANGE_PLACES, CHANGES),
            requests: Shares::new(REQUEST_PLACES, REQUESTS),
            hash: FixedState::with_seed(seed),
        }
    }

    /// Takes one change that others see; if the user has none left: when to come again.
    pub(super) fn change(&mut self, now: Instant, realm: RealmId, user: UserId) -> Result<(), Duration> {
        let who = self.hash.hash_one((realm, user));
        match self.changes.wait(now, who, 1) {
            0 => {
                self.changes.charge(now, who, 1);
                Ok(())
            }
            wait => Err(Duration::from_micros(wait)),
        }
    }

    /// Whether the user has requests left.
    pub(super) fn may_ask(&self, now: Instant, realm: RealmId, user: UserId) -> bool {
        self.requests.wait(now, self.hash.hash_one((realm, user)), 1) == 0
    }

    /// Charges a request, which may take more than is left.
    pub(super) fn asked(&mut self, now: Instant, realm: RealmId, user: UserId, cost: u64) {
        self.requests.charge(now, self.hash.hash_one((realm, user)), cost);
    }
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

    #[test]
    fn who_shares_a_place_with_one_that_takes_all_it_can_get_loses_nothing() {
        crate::shows!("R-SEC-05");
        let mut rates = UserRates::new(1);
        let who = |rates: &UserRates, n: u64| rates.hash.hash_one((REALM, UserId(n.to_be_bytes())));
        let mine = rates.changes.places(who(&rates, 1));
        let shares = |n: &u64| {
            let theirs = rates.changes.places(who(&rates, *n));
            theirs.iter().filter(|at| mine.contains(at)).count() == 1
        };
        let other = (2..10_000_000).find(shares).expect("somebody shares a place");
        for step in 0..6000u64 {
            let now = Instant::from_secs(100) + Duration::from_millis(10 * step);
            let _ = rates.change(now, REALM, UserId(1u64.to_be_bytes()));
            if step % 100 == 99 {
                assert_eq!(rates.change(now, REALM, UserId(other.to_be_bytes())), Ok(()), "{step}");
            }
        }
    }
}
