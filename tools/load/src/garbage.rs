//! Datagrams that no HMS may take: random, cut off, with flipped bits; and valid ones, said again.

use crate::dice::Dice;

/// What fits into an Ethernet frame; a few are longer, up to [`HUGE`].
const LONGEST: usize = 1472;
const HUGE: usize = 9000;
/// One random datagram of so many is longer than a frame.
const HUGE_EVERY: usize = 500;

/// How a datagram was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Make {
    Random,
    Cut,
    Flipped,
    Repeated,
}

/// The last one only where it is asked for: what becomes of it is not always a drop.
pub(crate) const MAKES: [Make; 4] = [Make::Random, Make::Cut, Make::Flipped, Make::Repeated];

impl Make {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Random => "random",
            Self::Cut => "cut off",
            Self::Flipped => "bits flipped",
            Self::Repeated => "repeated",
        }
    }
}

/// Makes them from valid ones.
pub(crate) struct Garbage {
    seeds: Vec<Vec<u8>>,
    makes: usize,
    dice: Dice,
}

impl Garbage {
    /// `None` without a valid one to start from; with `repeat` those are said again as well.
    pub(crate) fn new(seeds: Vec<Vec<u8>>, seed: u64, repeat: bool) -> Option<Self> {
        let seeds: Vec<_> = seeds.into_iter().filter(|bytes| !bytes.is_empty()).collect();
        let makes = if repeat { MAKES.len() } else { MAKES.len() - 1 };
        (!seeds.is_empty()).then(|| Self { seeds, makes, dice: Dice::new(seed) })
    }

    /// Writes the next one, each kind as often as the others.
    pub(crate) fn next(&mut self, into: &mut Vec<u8>) -> Make {
        let make = MAKES[self.dice.below(self.makes)];
        into.clear();
        match make {
            Make::Random => {
                let huge = self.dice.below(HUGE_EVERY) == 0;
                let length = self.dice.below(if huge { HUGE } else { LONGEST } + 1);
                into.resize(length, 0);
                self.dice.fill(into);
            }
            Make::Cut => {
                let seed = &self.seeds[self.dice.below(self.seeds.len())];
                into.extend_from_slice(&seed[..self.dice.below(seed.len())]);
            }
            Make::Flipped => {
                into.extend_from_slice(&self.seeds[self.dice.below(self.seeds.len())]);
                self.flip(into);
            }
            Make::Repeated => into.extend_from_slice(&self.seeds[self.dice.below(self.seeds.len())]),
        }
        make
    }

    /// One to three different bits: one that is flipped twice would be the valid datagram.
    fn flip(&mut self, bytes: &mut [u8]) {
        let mut flipped = [usize::MAX; 3];
        for number in 0..=self.dice.below(flipped.len()) {
            let mut at = self.dice.below(bytes.len() * 8);
            while flipped.contains(&at) {
                at = self.dice.below(bytes.len() * 8);
            }
            flipped[number] = at;
            bytes[at / 8] ^= 1 << (at % 8);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_valid_is_made_and_every_kind_is() {
        let seeds: Vec<Vec<u8>> = vec![vec![7; 68], (0..200).collect()];
        let mut garbage = Garbage::new(seeds.clone(), 1, false).expect("seeds");
        let (mut bytes, mut made) = (Vec::new(), [0; 4]);
        for _ in 0..30_000 {
            let make = garbage.next(&mut bytes);
            assert!(!seeds.contains(&bytes), "{make:?}");
            assert!(bytes.len() <= HUGE);
            made[MAKES.iter().position(|one| *one == make).expect("a kind")] += 1;
        }
        assert!(made[..3].iter().all(|count| (9_000..11_000).contains(count)), "{made:?}");
        let mut garbage = Garbage::new(seeds.clone(), 1, true).expect("seeds");
        let repeated =
            (0..1000).filter(|_| garbage.next(&mut bytes) == Make::Repeated && seeds.contains(&bytes));
        assert!((150..350).contains(&repeated.count()));
    }

    #[test]
    fn equal_seeds_make_equal_garbage() {
        let make = |seed| {
            let mut garbage = Garbage::new(vec![vec![1; 100]], seed, false).expect("a seed");
            let mut bytes = Vec::new();
            garbage.next(&mut bytes);
            garbage.next(&mut bytes);
            bytes
        };
        assert_eq!(make(3), make(3));
        assert_ne!(make(3), make(4));
        assert!(Garbage::new(vec![vec![]], 1, false).is_none());
    }
}
