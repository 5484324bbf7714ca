//! One direction of a path, decided by a seed: the relay's faults, a cut, a hole for what is large.

use crate::relay::{self, Chance, Delivery, Link, LinkTally};
use crate::time::{Duration, Instant};

/// What is wrong with a path; probabilities in percent.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Faults {
    pub(super) loss: u64,
    pub(super) duplicate: u64,
    pub(super) reorder: u64,
    pub(super) corrupt: u64,
    pub(super) delay: Duration,
    /// How long a reordered datagram or a copy is held back at most.
    pub(super) reorder_by: Duration,
    /// Bytes a second, and bytes that may wait.
    pub(super) rate: Option<(u64, u64)>,
    /// Nothing passes.
    pub(super) cut: bool,
    /// Nothing passes that is longer.
    pub(super) hole: Option<usize>,
}

impl Faults {
    pub(super) fn delay(millis: u64) -> Self {
        Self { delay: Duration::from_millis(millis), ..Self::default() }
    }
}

#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Tally {
    pub(super) taken: u64,
    pub(super) lost: u64,
    pub(super) full: u64,
    pub(super) copied: u64,
    pub(super) held: u64,
    pub(super) damaged: u64,
}

/// The generator SplitMix64.
#[derive(Clone, Debug)]
pub(super) struct Dice(pub(super) u64);

impl Dice {
    pub(super) fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(super) fn below(&mut self, end: u64) -> u64 {
        self.roll() % end.max(1)
    }

    pub(super) fn percent(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }
}

impl Faults {
    fn of_relay(self) -> relay::Faults {
        let percent = |percent: u64| Chance::per_mille(percent as u32 * 10);
        relay::Faults {
            loss: percent(self.loss),
            duplicate: percent(self.duplicate),
            reorder: percent(self.reorder),
            corrupt: percent(self.corrupt),
            delay: self.delay,
            jitter: Duration::ZERO,
            reorder_by: self.reorder_by,
            rate: self.rate.map(|(bytes_per_second, _)| bytes_per_second),
            queue: self.rate.map_or(0, |(_, queue)| queue),
            max_size: None,
        }
    }
}

#[derive(Debug)]
pub(super) struct Path {
    pub(super) faults: Faults,
    link: Link,
    /// Datagrams that a cut or a hole kept from the link.
    swallowed: u64,
}

impl Path {
    pub(super) fn new(seed: u64, faults: Faults) -> Self {
        Self { faults, link: Link::new(seed, faults.of_relay()), swallowed: 0 }
    }

    pub(super) fn tally(&self) -> Tally {
        let LinkTally { taken, lost, repeated, held_back, corrupted, queue_full, .. } = *self.link.tally();
        Tally {
            taken: taken + self.swallowed,
            lost: lost + self.swallowed,
            full: queue_full,
            copied: repeated,
            held: held_back,
            damaged: corrupted,
        }
    }

    /// When copies of a datagram arrive, and as what.
    pub(super) fn pass(&mut self, now: Instant, bytes: &[u8]) -> Vec<(Instant, Vec<u8>)> {
        if self.faults.cut || self.faults.hole.is_some_and(|largest| bytes.len() > largest) {
            self.swallowed += 1;
            return Vec::new();
        }
        self.link.set_faults(self.faults.of_relay());
        let copies = self.link.pass(now, bytes.len());
        let copy = |delivery: Delivery| {
            let mut bytes = bytes.to_vec();
            if let Some(bit) = delivery.flip {
                bytes[bit / 8] ^= 1 << (bit % 8);
            }
            (delivery.at, bytes)
        };
        copies.into_iter().flatten().map(copy).collect()
    }
}
