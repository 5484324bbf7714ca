//! When hosts come back: delays that need no state, so that repeating a request moves nobody (R-REG-37).

use std::hash::BuildHasher as _;

use foldhash::quality::FixedState;

use crate::ident::{Incarnation, SessionId, UserId};
use crate::limits::COME_BACK_RATE;
use crate::time::Duration;

/// Keyed hash of this process over who asks.
pub(super) struct ComeBack {
    hash: FixedState,
    incarnation: Incarnation,
}

impl ComeBack {
    pub(super) const fn new(seed: u64, incarnation: Incarnation) -> Self {
        Self { hash: FixedState::with_seed(seed), incarnation }
    }

    /// Delay in milliseconds before `user` registers again, spread so that `hosts` come at [`COME_BACK_RATE`].
    pub(super) fn delay_ms(&self, user: UserId, hosts: usize) -> u32 {
        let hosts = u64::try_from(hosts).unwrap_or(u64::MAX);
        let range = hosts.saturating_mul(1000) / u64::from(COME_BACK_RATE);
        scale(self.hash.hash_one((user, self.incarnation)), range)
    }

    /// Delay in milliseconds before the first heartbeat of `session`: uniform over the check time, and the same when
    /// the same REGISTERED is sent again (R-REG-12).
    pub(super) fn first_delay_ms(&self, session: SessionId, check_time: Duration) -> u32 {
        scale(self.hash.hash_one(session), u64::try_from(check_time.as_millis()).unwrap_or(u64::MAX))
    }
}

/// Maps a hash to [0, range).
fn scale(hash: u64, range: u64) -> u32 {
    u32::try_from((u128::from(hash) * u128::from(range)) >> 64).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_spread_over_the_hosts_and_do_not_move() {
        let delays = ComeBack::new(7, Incarnation(3));
        let all: Vec<u32> =
            (0..1000u64).map(|i| delays.delay_ms(UserId(i.to_be_bytes()), 1_000_000)).collect();
        assert!(all.iter().all(|d| *d < 50_000));
        assert!(all.iter().any(|d| *d < 5_000) && all.iter().any(|d| *d > 45_000));
        assert_eq!(all.first(), Some(&delays.delay_ms(UserId(0u64.to_be_bytes()), 1_000_000)));
        assert_eq!(delays.delay_ms(UserId([1; 8]), 10), 0);
        let other = ComeBack::new(7, Incarnation(4));
        assert_ne!(other.delay_ms(UserId([1; 8]), 1_000_000), delays.delay_ms(UserId([1; 8]), 1_000_000));
    }

    #[test]
    fn first_heartbeats_are_spread_over_the_check_time() {
        let delays = ComeBack::new(7, Incarnation(3));
        let t = Duration::from_secs(30);
        let all: Vec<u32> = (0..1000).map(|i| delays.first_delay_ms(SessionId(i), t)).collect();
        let mean = all.iter().map(|d| u64::from(*d)).sum::<u64>() / 1000;
        assert!(all.iter().all(|d| *d < 30_000) && (14_000..16_000).contains(&mean), "mean {mean}");
    }
}
