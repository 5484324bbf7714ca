//! One direction of a path: decides the fate of each datagram from a seed.

use rand_chacha::ChaCha8Rng;
use rand_core::{Rng as _, SeedableRng as _};

use super::bottleneck::Bottleneck;
use super::tally::{Fate, LinkTally};
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

/// What is wrong with a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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
    /// Bottleneck in bytes of UDP payload a second, at least 1; none by default. Loss and second copies happen behind it.
    pub rate: Option<u64>,
    /// Bytes that are in the bottleneck at most, the datagram being sent among them; an idle one takes any datagram.
    pub queue: u64,
    /// Datagrams with more bytes of payload vanish, as where a path is narrow and nobody is told.
    pub max_size: Option<usize>,
}

impl Default for Faults {
    /// None.
    fn default() -> Self {
        Self {
            loss: Chance::NEVER,
            duplicate: Chance::NEVER,
            reorder: Chance::NEVER,
            corrupt: Chance::NEVER,
            delay: Duration::ZERO,
            jitter: Duration::ZERO,
            reorder_by: Duration::ZERO,
            rate: None,
            queue: 65_536,
            max_size: None,
        }
    }
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
    bottleneck: Bottleneck,
    tally: LinkTally,
}

impl Link {
    /// A path with these faults; equal seeds and equal calls give equal fates.
    pub fn new(seed: u64, faults: Faults) -> Self {
        let rng = ChaCha8Rng::seed_from_u64(seed);
        let (bottleneck, tally) = (Bottleneck::default(), LinkTally::default());
        Self { faults, rng, last: Instant::ZERO, bottleneck, tally }
    }

    /// What is wrong with the path for datagrams that enter from now on.
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

    pub(super) const fn tally_mut(&mut self) -> &mut LinkTally {
        &mut self.tally
    }

    /// A datagram that does not even enter the path.
    pub(super) fn turn_away(&mut self, len: usize, fate: Fate) {
        self.tally.take(len);
        *fate(&mut self.tally) += 1;
    }

    /// Decides the fate of a datagram of `len` bytes that enters the path at `now`.
    pub fn pass(&mut self, now: Instant, len: usize) -> Copies {
        // The same number of draws for every datagram: changing one fault leaves the others as they were.
        let [loss, duplicate, reorder, corrupt] = [(); 4].map(|()| self.rng.next_u32());
        let [jitter, held, gap, bit] = [(); 4].map(|()| self.rng.next_u32());
        self.tally.take(len);
        if self.faults.max_size.is_some_and(|max| len > max) {
            self.tally.too_large += 1;
            return [None, None];
        }
        let sent = match self.faults.rate {
            None => Some(now),
            Some(rate) => self.bottleneck.pass(now, len, rate, self.faults.queue),
        };
        let Some(sent) = sent else {
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
        self.tally.deliver(len);
        let first = Some(Delivery { at, flip });
        if !self.faults.duplicate.hits(duplicate) {
            return [first, None];
        }
        self.tally.repeated += 1;
        self.tally.deliver(len);
        [first, Some(Delivery { at: at + share(self.faults.reorder_by, gap), flip })]
    }
}

/// `draw` / 2^32 of a span.
fn share(span: Duration, draw: u32) -> Duration {
    let micros = (span.as_micros() * u128::from(draw)) >> 32;
    Duration::from_micros(u64::try_from(micros).unwrap_or(u64::MAX))
}
