//! One direction of a path, decided by a seed: loss, copies, delay, order, damage, a rate with a queue.

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

#[derive(Debug)]
pub(super) struct Path {
    pub(super) faults: Faults,
    pub(super) tally: Tally,
    dice: Dice,
    last: Instant,
    busy: Instant,
}

impl Path {
    pub(super) fn new(seed: u64, faults: Faults) -> Self {
        Self { faults, tally: Tally::default(), dice: Dice(seed), last: Instant::ZERO, busy: Instant::ZERO }
    }

    /// When copies of a datagram arrive, and as what.
    pub(super) fn pass(&mut self, now: Instant, bytes: &[u8]) -> Vec<(Instant, Vec<u8>)> {
        let faults = self.faults;
        self.tally.taken += 1;
        if faults.cut {
            self.tally.lost += 1;
            return Vec::new();
        }
        let Some(out) = self.bottleneck(now, bytes.len() as u64) else {
            self.tally.full += 1;
            return Vec::new();
        };
        if self.dice.percent(faults.loss) {
            self.tally.lost += 1;
            return Vec::new();
        }
        let mut at = (out + faults.delay).max(self.last);
        let held = faults.reorder_by.as_micros() as u64;
        if self.dice.percent(faults.reorder) {
            self.tally.held += 1;
            at += Duration::from_micros(self.dice.below(held));
        } else {
            self.last = at;
        }
        let mut bytes = bytes.to_vec();
        if self.dice.percent(faults.corrupt) {
            self.tally.damaged += 1;
            let bit = self.dice.below(bytes.len() as u64 * 8) as usize;
            bytes[bit / 8] ^= 1 << (bit % 8);
        }
        let mut copies = vec![(at, bytes.clone())];
        if self.dice.percent(faults.duplicate) {
            self.tally.copied += 1;
            copies.push((at + Duration::from_micros(self.dice.below(held)), bytes));
        }
        copies
    }

    fn bottleneck(&mut self, now: Instant, len: u64) -> Option<Instant> {
        let Some((rate, queue)) = self.faults.rate else { return Some(now) };
        let waiting = self.busy.since(now).as_micros() as u64 * rate / 1_000_000;
        if waiting + len > queue {
            return None;
        }
        self.busy = self.busy.max(now) + Duration::from_micros(len * 1_000_000 / rate);
        Some(self.busy)
    }
}
