//! Draws from the generator that the caller seeded: the core has no randomness of its own.

use rand_core::Rng;

use crate::time::Duration;

/// A duration drawn evenly from `low` to `high`, to the microsecond; `low` if the bounds are crossed.
pub fn between(rng: &mut impl Rng, low: Duration, high: Duration) -> Duration {
    let (low, high) = (micros(low), micros(high));
    let span = high.saturating_sub(low).saturating_add(1);
    // Bias of a 64-bit draw over a span of hours is below 10^-9.
    Duration::from_micros(low.saturating_add(rng.next_u64() % span))
}

/// `middle` ± `percent`, drawn evenly.
pub fn around(rng: &mut impl Rng, middle: Duration, percent: u32) -> Duration {
    let slack = middle.saturating_mul(percent) / 100;
    between(rng, middle.saturating_sub(slack), middle.saturating_add(slack))
}

fn micros(span: Duration) -> u64 {
    u64::try_from(span.as_micros()).unwrap_or(u64::MAX / 2)
}

/// Back-off with full jitter: each draw is even from the lowest wait to a cap that doubles up to the highest.
#[derive(Clone, Copy, Debug)]
pub struct Backoff {
    doublings: u32,
}

impl Backoff {
    /// At its beginning.
    pub const NEW: Self = Self { doublings: 0 };

    /// The next wait: at first between `lowest` and twice that, never longer than `highest` (or `lowest`, if that is
    /// longer).
    pub fn draw(&mut self, rng: &mut impl Rng, lowest: Duration, highest: Duration) -> Duration {
        self.doublings = self.doublings.saturating_add(1).min(31);
        let cap = lowest.saturating_mul(1 << self.doublings).min(highest.max(lowest));
        between(rng, lowest, cap)
    }

    /// Starts over: something answered.
    pub const fn reset(&mut self) {
        *self = Self::NEW;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand_chacha::ChaCha20Rng;
    use rand_core::SeedableRng as _;

    #[test]
    fn draws_stay_within_their_bounds() {
        let mut rng = ChaCha20Rng::from_seed([1; 32]);
        let (low, high) = (Duration::from_millis(20), Duration::from_millis(120));
        for _ in 0..1000 {
            assert!((low..=high).contains(&between(&mut rng, low, high)));
            let t = around(&mut rng, Duration::from_secs(30), 10);
            assert!((Duration::from_secs(27)..=Duration::from_secs(33)).contains(&t));
        }
        assert_eq!(between(&mut rng, high, low), high);
    }

    #[test]
    fn the_cap_doubles_up_to_the_highest() {
        let mut rng = ChaCha20Rng::from_seed([2; 32]);
        let second = Duration::from_secs(1);
        let mut backoff = Backoff::NEW;
        for cap in [2, 4, 8, 16, 30, 30, 30] {
            let wait = backoff.draw(&mut rng, second, Duration::from_secs(30));
            assert!((second..=Duration::from_secs(cap)).contains(&wait));
        }
        backoff.reset();
        assert!(backoff.draw(&mut rng, second, Duration::from_secs(30)) <= Duration::from_secs(2));
        assert_eq!(backoff.draw(&mut rng, second, Duration::ZERO), second);
    }
}
