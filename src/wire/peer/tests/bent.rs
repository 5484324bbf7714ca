//! Prefixes, flipped bits, random bytes and bent samples.

use super::normal::{fixed_part, holds};
use super::samples::*;
use crate::limits::BATCH_MAX;
use crate::wire::peer::PeerKind;
use crate::wire::peer::tlvs::peer_code;
use crate::wire::tlv::first_tlv;

/// Where a TLV may begin, the end included.
fn boundaries(bytes: &[u8]) -> Vec<usize> {
    let (mut at, mut all) = (fixed_part(bytes), vec![fixed_part(bytes)]);
    while let Ok((rest, _)) = first_tlv(&bytes[at..], 0) {
        at = bytes.len() - rest.len();
        all.push(at);
    }
    all
}

#[test]
fn every_prefix_is_malformed_or_ends_before_a_tlv() {
    shows!("R-PEE-07");
    for bytes in all() {
        let mut whole = boundaries(&bytes);
        assert_eq!(whole.last(), Some(&bytes.len()));
        if bytes[0] == PeerKind::Intro.code() {
            assert_eq!(bytes[whole.remove(0)], peer_code::NAME, "without it it is none");
        }
        for end in 0..=bytes.len() {
            assert_eq!(read(&bytes[..end]).is_ok(), whole.contains(&end), "{end} of type {}", bytes[0]);
        }
    }
}

/// A message with a flipped bit is malformed, or says so when it is written: but for reserved bits, and for bits of TLVs
/// that nobody here knows.
#[test]
fn every_flipped_bit_is_seen() {
    shows!("R-PEE-07");
    for bytes in all() {
        assert!(holds(&bytes));
        // The digests of BUCKETS are all alike.
        for bit in 0..bytes.len().min(2000) * 8 {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            holds(&flipped);
        }
    }
}

/// A generator that repeats itself: xorshift.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, below: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as usize % below.max(1)
    }
}

#[test]
fn random_bytes_are_read_without_panic() {
    let mut dice = Dice(0x5eed_0001);
    let mut taken = 0;
    for _ in 0..20_000 {
        let kind = PeerKind::ALL[dice.roll(PeerKind::ALL.len())];
        let mut bytes = vec![kind.code()];
        // Mostly zeros, so that some get far.
        let dense = dice.roll(4) + 1;
        let length = dice.roll(120);
        bytes.extend((0..length).map(|_| if dice.roll(4) < dense { 0 } else { dice.roll(256) as u8 }));
        taken += usize::from(holds(&bytes));
    }
    assert!(taken > 1000, "only {taken} of them were messages");
}

#[test]
fn bent_samples_are_read_without_panic() {
    let mut dice = Dice(0x5eed_0002);
    let samples: Vec<_> = all().into_iter().filter(|bytes| bytes.len() < 1000).collect();
    let mut taken = 0;
    for round in 0..60_000 {
        let mut bytes = samples[dice.roll(samples.len())].clone();
        let other = &samples[dice.roll(samples.len())];
        for _ in 0..=dice.roll(3) {
            bend(&mut bytes, other, &mut dice);
        }
        taken += usize::from(holds(&bytes));
        assert!(bytes.len() < BATCH_MAX, "round {round}");
    }
    assert!(taken > 10_000, "only {taken} of them were messages");
}

fn bend(bytes: &mut Vec<u8>, other: &[u8], dice: &mut Dice) {
    let at = dice.roll(bytes.len());
    match dice.roll(5) {
        0 => bytes.truncate(at),
        1 => bytes.extend_from_slice(&other[dice.roll(other.len())..]),
        2 => {
            bytes.truncate(at);
            bytes.extend_from_slice(&other[dice.roll(other.len())..]);
        }
        3 => bytes.iter_mut().skip(at).take(1).for_each(|byte| *byte ^= 1 << dice.roll(8)),
        _ => bytes
            .iter_mut()
            .skip(at)
            .take(1)
            .for_each(|byte| *byte = [0, 1, 2, 0x7f, 0x80, 0xff][dice.roll(6)]),
    }
}
