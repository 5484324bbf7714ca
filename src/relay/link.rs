//! One direction of a path: decides the fate of each datagram from a seed.

use rand_chacha::ChaCha8Rng;
use rand_core::{Rng as _, SeedableRng as _};

use super::tally::LinkTally;
use crate::time::{Duration, Instant};

/// A probability in steps of 2^-32.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Chance(u64);

impl Chance {
    /// Never.
    pub const NEVER: Self = Self(0);
    /// Every time.
    pub const ALWAYS: Self = Self(1 << 32);

    /// A probability between 0 and 1; anything else is none.
    pub fn new(probability: f64) -> Option<Self> {
        let all = 2f64.powi(32);
        (0.0..=1.0).contains(&probability).then(|| Self((probability * all).round() as u64))
    }

    /// `n` in a thousand.
    pub const fn per_mille(n: u32) -> Self {
        let n = if n > 1000 { 1000 } else { n };
        Self(((n as u64) << 32) / 1000)
    }

    /// The probability as a number between 0 and 1.
    pub fn probability(self) -> f64 {
        self.0 as f64 / 2f64.powi(32)
    }

    fn hits(self, draw: u32) -> bool {
        u64::from(draw) < self.0
    }
}

/// How fast a path is, and how much waits before more is dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// Bytes of UDP payload a second, at least 1.
    pub bytes_per_second: u64,
    /// Bytes that wait at most.
    pub queue: u64,
}

/// What is wrong with a path.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Faults {
    /// The datagram is lost.
    pub loss: Chance,
    /// A second copy follows.
    pub duplicate: Chance,
    /// The datagram is held back by up to `reorder_by`, so that later ones overtake it.
    pub reorder: Chance,
    /// One bit is flipped.
    pub corrupt: Chance,
    /// Every datagram takes at least this long.
    pub delay: Duration,
    /// And up to this much longer, without overtaking.
    pub jitter: Duration,
    /// Longest time that a reordered datagram or a second copy is held back.
    pub reorder_by: Duration,
    /// Bottleneck, none by default.
    pub rate: Option<Rate>,
}

/// One copy of a datagram that arrives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// When.
    pub at: Instant,
    /// Which bit of it is flipped (bit 0 is the lowest of byte 0).
    pub flip: Option<usize>,
}

/// What becomes of one datagram: none, one or two copies arrive.
pub type Copies = [Option<Delivery>; 2];

/// One direction of a path.
#[derive(Debug)]
pub struct Link {
    faults: Faults,
    rng: ChaCha8Rng,
    /// Latest arrival so far: jitter alone never overtakes.
    last: Instant,
    /// When the bottleneck has sent all that was given to it.
    busy: Instant,
    tally: LinkTally,
}

impl Link {
    /// A path with these faults; equal seeds and equal calls give equal fates.
    pub fn new(seed: u64, faults: Faults) -> Self {
        let rng = ChaCha8Rng::seed_from_u64(seed);
        Self { faults, rng, last: Instant::ZERO, busy: Instant::ZERO, tally: LinkTally::default() }
    }

    /// What is wrong with the path from now on.
    pub const fn set_faults(&mut self, faults: Faults) {
        self.faults = faults;
    }

    /// What is wrong with the path.
    pub const fn faults(&self) -> &Faults {
        &self.faults
    }

    /// What happened so far.
    pub const fn tally(&self) -> &LinkTally {
        &self.tally
    }

    /// A datagram that a cut kept from the path.
    pub(super) const fn cut(&mut self) {
        self.tally.taken += 1;
        self.tally.cut += 1;
    }

    /// Decides the fate of a datagram of `len` bytes that enters the path at `now`.
    pub fn pass(&mut self, now: Instant, len: usize) -> Copies {
        // The same number of draws for every datagram: changing one fault leaves the others as they were.
        let [loss, duplicate, reorder, corrupt] = [(); 4].map(|()| self.rng.next_u32());
        let [jitter, held, gap, bit] = [(); 4].map(|()| self.rng.next_u32());
        self.tally.taken += 1;
        let Some(sent) = self.bottleneck(now, len) else {
            self.tally.queue_full += 1;
            return [None, None];
        };
        if self.faults.loss.hits(loss) {
            self.tally.lost += 1;
            return [None, None];
        }
        let mut at = (sent + self.faults.delay + share(self.faults.jitter, jitter)).max(self.last);
        if self.faults.reorder.hits(reorder) {
            self.tally.held_back += 1;
            at += share(self.faults.reorder_by, held);
        } else {
            self.last = at;
        }
        let flip = (len > 0 && self.faults.corrupt.hits(corrupt)).then(|| bit as usize % (len * 8));
        self.tally.corrupted += u64::from(flip.is_some());
        self.tally.delivered += 1;
        let first = Some(Delivery { at, flip });
        if !self.faults.duplicate.hits(duplicate) {
            return [first, None];
        }
        self.tally.repeated += 1;
        self.tally.delivered += 1;
        [first, Some(Delivery { at: at + share(self.faults.reorder_by, gap), flip })]
    }

    /// When the bottleneck has sent the datagram; none if it does not fit into its queue.
    fn bottleneck(&mut self, now: Instant, len: usize) -> Option<Instant> {
        let Some(rate) = self.faults.rate else { return Some(now) };
        let rate_per_second = u128::from(rate.bytes_per_second.max(1));
        let backlog = self.busy.since(now).as_micros() * rate_per_second / 1_000_000;
        if backlog + len as u128 > u128::from(rate.queue) {
            return None;
        }
        let micros = len as u128 * 1_000_000 / rate_per_second;
        let takes = Duration::from_micros(u64::try_from(micros).unwrap_or(u64::MAX));
        self.busy = self.busy.max(now) + takes;
        Some(self.busy)
    }
}

/// `draw` / 2^32 of a span.
fn share(span: Duration, draw: u32) -> Duration {
    let micros = (span.as_micros() * u128::from(draw)) >> 32;
    Duration::from_micros(u64::try_from(micros).unwrap_or(u64::MAX))
}
