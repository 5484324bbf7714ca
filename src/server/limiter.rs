//! What bounds unverified work, hints, registrations and directory bytes, in fixed memory.

use std::hash::{BuildHasher as _, Hash};
use std::net::{IpAddr, SocketAddr};

use foldhash::fast::FixedState;

use crate::limits::HINTS_PER_SECOND;
use crate::time::{Duration, Instant};

/// Tokens that refill with time.
#[derive(Clone, Copy, Debug)]
pub(super) struct TokenBucket {
    rate: u32,
    burst: u32,
    /// Millionths of a token.
    level: u64,
    at: Instant,
}

const TOKEN: u64 = 1_000_000;

impl TokenBucket {
    /// `rate` tokens a second, at most `burst` at once; full at first.
    pub(super) const fn new(rate: u32, burst: u32) -> Self {
        Self { rate, burst, level: burst as u64 * TOKEN, at: Instant::ZERO }
    }

    /// Tokens a second.
    pub(super) const fn rate(&self) -> u32 {
        self.rate
    }

    /// Takes `count` tokens if they are there.
    pub(super) fn take(&mut self, now: Instant, count: u32) -> bool {
        self.refill(now);
        let cost = u64::from(count) * TOKEN;
        let enough = self.level >= cost;
        if enough {
            self.level -= cost;
        }
        enough
    }

    /// Takes `count` tokens as soon as one is there, running into debt for the rest.
    pub(super) fn charge(&mut self, now: Instant, count: u32) {
        self.refill(now);
        self.level = self.level.saturating_sub(u64::from(count) * TOKEN);
    }

    /// Whether `count` tokens are there.
    pub(super) fn has(&mut self, now: Instant, count: u32) -> bool {
        self.refill(now);
        self.level >= u64::from(count) * TOKEN
    }

    /// When `count` tokens will be there.
    pub(super) fn ready(&self, count: u32) -> Instant {
        let missing = (u64::from(count) * TOKEN).saturating_sub(self.level);
        self.at + Duration::from_micros(missing.div_ceil(u64::from(self.rate.max(1))))
    }

    fn refill(&mut self, now: Instant) {
        let micros = now.micros().saturating_sub(self.at.micros());
        // A token a second is a millionth of a token a microsecond.
        let gain = micros.saturating_mul(u64::from(self.rate));
        self.level = self.level.saturating_add(gain).min(u64::from(self.burst) * TOKEN);
        self.at = self.at.max(now);
    }
}

/// Sources that the hint limit tells apart at once; those that fall on one place share its second.
const HINT_PLACES: usize = 1024;

/// R-AUT-30: one hint a second for each source, 100 in all.
pub(super) struct HintLimit {
    last: Vec<Option<Instant>>,
    all: TokenBucket,
    hash: FixedState,
}

impl HintLimit {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            last: vec![None; HINT_PLACES],
            all: TokenBucket::new(HINTS_PER_SECOND, HINTS_PER_SECOND),
            hash: FixedState::with_seed(seed),
        }
    }

    /// Whether a hint may go to `source` now; if so it counts.
    pub(super) fn allow(&mut self, now: Instant, source: SocketAddr) -> bool {
        let place = place(&self.hash, source.ip(), HINT_PLACES);
        let Some(last) = self.last.get_mut(place) else { return false };
        if last.is_some_and(|at| now.since(at) < Duration::from_secs(1)) || !self.all.take(now, 1) {
            return false;
        }
        *last = Some(now);
        true
    }
}

/// Prefixes that the budget of unverified work tells apart.
const PREFIX_PLACES: usize = 2048;
/// Unverified datagrams a second from one /24 or /48, and at once.
const PREFIX_RATE: (u32, u32) = (20_000, 5_000);
/// Unverified datagrams a second from everywhere, and at once.
const ALL_RATE: (u32, u32) = (100_000, 25_000);

/// Budget for datagrams that no row vouches for: a flood from one network leaves room for the others, and all floods
/// together leave room for registered hosts.
pub(super) struct Unverified {
    prefixes: Vec<TokenBucket>,
    all: TokenBucket,
    hash: FixedState,
}

impl Unverified {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            prefixes: vec![TokenBucket::new(PREFIX_RATE.0, PREFIX_RATE.1); PREFIX_PLACES],
            all: TokenBucket::new(ALL_RATE.0, ALL_RATE.1),
            hash: FixedState::with_seed(seed),
        }
    }

    /// Whether a datagram from `source` may be worked on; if so it counts.
    pub(super) fn allow(&mut self, now: Instant, source: SocketAddr) -> bool {
        let place = place(&self.hash, prefix(source.ip()), PREFIX_PLACES);
        self.prefixes.get_mut(place).is_some_and(|bucket| bucket.take(now, 1)) && self.all.take(now, 1)
    }
}

/// The network that a source is charged to, as a number of 49 bits.
fn prefix(ip: IpAddr) -> u64 {
    match ip {
        IpAddr::V4(ip) => u64::from(ip.to_bits() >> 8),
        IpAddr::V6(ip) => 1 << 48 | (ip.to_bits() >> 80) as u64,
    }
}

fn place(hash: &FixedState, of: impl Hash, places: usize) -> usize {
    usize::try_from(hash.hash_one(of) % places as u64).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(text: &str) -> SocketAddr {
        text.parse().expect("an address")
    }

    #[test]
    fn tokens_refill_with_time() {
        let mut bucket = TokenBucket::new(2, 3);
        let start = Instant::from_secs(10);
        assert!((0..3).all(|_| bucket.take(start, 1)) && !bucket.take(start, 1));
        assert_eq!(bucket.ready(1), start + Duration::from_millis(500));
        assert!(!bucket.take(start + Duration::from_millis(499), 1));
        assert!(bucket.take(start + Duration::from_millis(500), 1));
        let late = start + Duration::from_secs(1000);
        assert!(bucket.has(late, 3) && !bucket.has(late, 4));
        bucket.charge(late, 100);
        assert!(!bucket.has(late, 1));
    }

    #[test]
    fn hints_are_one_a_second_for_a_source_and_a_hundred_in_all() {
        let mut limit = HintLimit::new(1);
        let start = Instant::from_secs(5);
        assert!(limit.allow(start, source("10.0.0.1:5")));
        assert!(!limit.allow(start + Duration::from_millis(999), source("10.0.0.1:6")));
        assert!(limit.allow(start + Duration::from_secs(1), source("10.0.0.1:5")));
        let later = start + Duration::from_secs(60);
        let sent = (0..1000u16)
            .filter(|i| limit.allow(later, SocketAddr::from(([10, 1, (i >> 8) as u8, *i as u8], 5))))
            .count();
        assert_eq!(sent, 100);
    }

    #[test]
    fn a_flood_from_one_network_leaves_room_for_others() {
        let mut budget = Unverified::new(1);
        let now = Instant::from_secs(5);
        let passed = (0..20_000).filter(|_| budget.allow(now, source("192.0.2.77:9"))).count();
        assert_eq!(passed, PREFIX_RATE.1 as usize);
        assert!(budget.allow(now, source("198.51.100.1:9")));
        assert_eq!(prefix(source("[2001:db8:1:2ff::9]:1").ip()), prefix(source("[2001:db8:1::]:1").ip()));
        assert_ne!(prefix(source("[2001:db8:1:2ff::9]:1").ip()), prefix(source("[2001:db8:2::9]:1").ip()));
    }
}
