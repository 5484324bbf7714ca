//! Tests of the parts.

use std::collections::BTreeMap;

use super::model::Dice;
use crate::ident::{RealmId, Stamp, UserId};
use crate::registry::blobs::Blobs;
use crate::registry::removed::Removed;
use crate::registry::rows::Row;
use crate::time::{Duration, Instant};

#[test]
fn a_row_keeps_its_size() {
    assert_eq!(size_of::<Row>(), 144);
    // A slot of the slab knows whether it is used without a byte of its own.
    let slab: slab::Slab<Row> = slab::Slab::new();
    assert_eq!(size_of_val(&slab), size_of::<slab::Slab<u64>>());
    assert_eq!(size_of::<Option<Row>>(), 144);
}

#[test]
fn blobs_keep_what_is_put_in() {
    let (mut blobs, mut dice) = (Blobs::default(), Dice(3));
    let mut kept: Vec<(u32, Vec<u8>)> = Vec::new();
    for step in 0..20_000u64 {
        if dice.one_in(2) && !kept.is_empty() {
            let (id, bytes) = kept.swap_remove(dice.below(kept.len() as u64) as usize);
            assert_eq!(blobs.get(id, bytes.len()), bytes);
            blobs.remove(id, bytes.len());
        } else {
            let bytes = vec![step as u8; dice.below(200) as usize];
            kept.push((blobs.insert(&bytes), bytes));
        }
    }
    kept.iter().for_each(|(id, bytes)| assert_eq!(blobs.get(*id, bytes.len()), bytes));
}

#[test]
fn removed_stamps_are_known_for_half_a_minute() {
    crate::shows!("R-AUT-12");
    let (mut removed, mut dice) = (Removed::default(), Dice(4));
    let mut model: BTreeMap<UserId, (Stamp, Instant)> = BTreeMap::new();
    let realm = RealmId(1);
    for step in 0..5_000u64 {
        let (now, user) = (Instant::from_millis(step * 40), UserId(dice.below(300).to_be_bytes()));
        if dice.one_in(3) {
            removed.insert(now, realm, user, Stamp(step), None);
            model.insert(user, (Stamp(step), now));
        }
        let known = model.get(&user).filter(|(_, at)| now.since(*at) < Duration::from_secs(30));
        assert_eq!(removed.get(now, realm, user), known.map(|(stamp, _)| *stamp));
    }
}

#[test]
fn a_crowd_that_leaves_shares_its_highest_stamp() {
    let (mut removed, realm) = (Removed::default(), RealmId(1));
    let user = |n: u64| UserId(n.to_be_bytes());
    for n in 0..200_000 {
        if n == 1 << 17 {
            assert_eq!(removed.get(Instant::from_secs(1), realm, user(n)), None, "all are known one by one");
        }
        removed.insert(Instant::from_secs(1), realm, user(n), Stamp(n), None);
    }
    assert_eq!(removed.get(Instant::from_secs(2), realm, user(199_999)), Some(Stamp(199_999)));
    // Forgotten one by one, but no old cookie fits: the stamp is another than any cookie of theirs was made with.
    let crowd = removed.get(Instant::from_secs(2), realm, user(5)).expect("known");
    assert!(crowd > Stamp(5));
    assert_eq!(removed.get(Instant::from_millis(30_999), realm, user(5)), Some(crowd));
    assert_eq!(removed.get(Instant::from_secs(31), realm, user(5)), None);
}

/// Whoever is forgotten early though its stamp counts no more does not add to the crowd's.
#[test]
fn a_crowd_shares_no_stamp_that_is_over() {
    let realm = RealmId(1);
    let user = |n: u64| UserId(n.to_be_bytes());
    for (age_ms, expected) in [(29_999, Some(Stamp(7))), (30_000, None)] {
        let mut removed = Removed::default();
        for n in 0..1 << 17 {
            removed.insert(Instant::ZERO, realm, user(n), Stamp(7), Some(Duration::from_secs(100)));
        }
        let now = Instant::from_millis(age_ms);
        removed.insert(now, realm, user(1 << 17), Stamp(9), None);
        assert_eq!(removed.get(now, realm, user(0)), expected);
    }
}

#[test]
fn places_of_strings_serve_all_lengths_of_a_size() {
    let mut blobs = Blobs::default();
    let (first, second) = (blobs.insert(&[1; 16]), blobs.insert(&[2; 16]));
    blobs.remove(second, 16);
    assert_eq!(blobs.insert(&[3; 9]), second);
    assert_eq!((blobs.get(first, 16), blobs.get(second, 9)), (&[1; 16][..], &[3; 9][..]));
}

#[test]
fn who_left_is_known_for_longer_and_as_one_that_left() {
    crate::shows!("R-AUT-12", "R-REG-22");
    let (mut removed, realm) = (Removed::default(), RealmId(1));
    let user = |n: u64| UserId(n.to_be_bytes());
    let at = Instant::from_secs;
    removed.insert(at(0), realm, user(1), Stamp(1), Some(Duration::from_secs(100)));
    removed.insert(at(0), realm, user(2), Stamp(2), Some(Duration::from_secs(5)));
    removed.insert(at(0), realm, user(3), Stamp(3), None);
    assert_eq!(
        (removed.left(at(29), realm, user(3)), removed.get(at(29), realm, user(3))),
        (None, Some(Stamp(3)))
    );
    assert_eq!(
        (removed.left(at(29), realm, user(2)), removed.left(at(30), realm, user(2))),
        (Some(Stamp(2)), None)
    );
    // Who comes and goes meanwhile changes nothing of it, and an expiry is no leave.
    for n in 10..1000 {
        removed.insert(at(n / 20), realm, user(n), Stamp(n), None);
    }
    assert_eq!(
        (removed.left(at(99), realm, user(1)), removed.get(at(99), realm, user(1))),
        (Some(Stamp(1)), Some(Stamp(1)))
    );
    assert_eq!((removed.left(at(100), realm, user(1)), removed.get(at(100), realm, user(1))), (None, None));
    removed.insert(at(101), realm, user(1), Stamp(5), Some(Duration::ZERO));
    removed.insert(at(102), realm, user(1), Stamp(6), None);
    assert_eq!(
        (removed.left(at(103), realm, user(1)), removed.get(at(103), realm, user(1))),
        (None, Some(Stamp(6)))
    );
}
