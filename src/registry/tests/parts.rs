//! Tests of the parts.

use std::collections::BTreeMap;

use super::model::Dice;
use crate::ident::{RealmId, Stamp, UserId};
use crate::limits::GONE_KEPT;
use crate::registry::blobs::Blobs;
use crate::registry::gone::{Gone, Removal};
use crate::registry::rows::Row;
use crate::time::{Duration, Instant};

#[test]
fn a_row_keeps_its_size() {
    assert_eq!(size_of::<Row>(), 152);
    // A slot of the slab knows whether it is used without a byte of its own.
    let slab: slab::Slab<Row> = slab::Slab::new();
    assert_eq!(size_of_val(&slab), size_of::<slab::Slab<u64>>());
    assert_eq!(size_of::<Option<Row>>(), 152);
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
    let (mut removed, mut dice) = (Gone::new(1), Dice(4));
    let mut model: BTreeMap<UserId, (Stamp, Instant)> = BTreeMap::new();
    let realm = RealmId(1);
    for step in 0..5_000u64 {
        let (now, user) = (Instant::from_millis(step * 40), UserId(dice.below(300).to_be_bytes()));
        if dice.one_in(3) {
            removed.removed(now, (realm, user), Removal { stamp: Stamp(step), left: None }, None, &mut None);
            model.insert(user, (Stamp(step), now));
        }
        let known = model.get(&user).filter(|(_, at)| now.since(*at) < Duration::from_secs(30));
        assert_eq!(removed.stamp(now, realm, user), known.map(|(stamp, _)| *stamp));
    }
}

#[test]
fn a_crowd_that_leaves_shares_its_highest_stamp() {
    let (mut removed, realm) = (Gone::new(1), RealmId(1));
    let user = |n: u64| UserId(n.to_be_bytes());
    for n in 0..300_000 {
        if n == GONE_KEPT as u64 {
            assert_eq!(
                removed.stamp(Instant::from_secs(1), realm, user(n)),
                None,
                "all are known one by one"
            );
        }
        removed.removed(
            Instant::from_secs(1),
            (realm, user(n)),
            Removal { stamp: Stamp(n), left: None },
            None,
            &mut None,
        );
    }
    assert_eq!(removed.stamp(Instant::from_secs(2), realm, user(299_999)), Some(Stamp(299_999)));
    // Forgotten one by one, but no old cookie fits: the stamp is another than any cookie of theirs was made with.
    let crowd = removed.stamp(Instant::from_secs(2), realm, user(5)).expect("known");
    assert!(crowd > Stamp(5));
    assert_eq!(removed.stamp(Instant::from_millis(30_999), realm, user(5)), Some(crowd));
    assert_eq!(removed.stamp(Instant::from_secs(31), realm, user(5)), None);
}

/// Whoever is forgotten early though its stamp counts no more does not add to the crowd's.
#[test]
fn a_crowd_shares_no_stamp_that_is_over() {
    let realm = RealmId(1);
    let user = |n: u64| UserId(n.to_be_bytes());
    for (age_ms, expected) in [(29_999, Some(Stamp(7))), (30_000, None)] {
        let mut removed = Gone::new(1);
        for n in 0..GONE_KEPT as u64 {
            removed.removed(
                Instant::ZERO,
                (realm, user(n)),
                Removal { stamp: Stamp(7), left: Some(Duration::from_secs(100)) },
                None,
                &mut None,
            );
        }
        let now = Instant::from_millis(age_ms);
        removed.removed(
            now,
            (realm, user(GONE_KEPT as u64)),
            Removal { stamp: Stamp(9), left: None },
            None,
            &mut None,
        );
        assert_eq!(removed.stamp(now, realm, user(0)), expected);
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
    let (mut removed, realm) = (Gone::new(1), RealmId(1));
    let user = |n: u64| UserId(n.to_be_bytes());
    let at = Instant::from_secs;
    removed.removed(
        at(0),
        (realm, user(1)),
        Removal { stamp: Stamp(1), left: Some(Duration::from_secs(100)) },
        None,
        &mut None,
    );
    removed.removed(
        at(0),
        (realm, user(2)),
        Removal { stamp: Stamp(2), left: Some(Duration::from_secs(5)) },
        None,
        &mut None,
    );
    removed.removed(at(0), (realm, user(3)), Removal { stamp: Stamp(3), left: None }, None, &mut None);
    assert_eq!(
        (removed.left(at(29), realm, user(3)), removed.stamp(at(29), realm, user(3))),
        (None, Some(Stamp(3)))
    );
    assert_eq!(
        (removed.left(at(29), realm, user(2)), removed.left(at(30), realm, user(2))),
        (Some(Stamp(2)), None)
    );
    // Who comes and goes meanwhile changes nothing of it, and an expiry is no leave.
    for n in 10..1000 {
        removed.removed(
            at(n / 20),
            (realm, user(n)),
            Removal { stamp: Stamp(n), left: None },
            None,
            &mut None,
        );
    }
    assert_eq!(
        (removed.left(at(99), realm, user(1)), removed.stamp(at(99), realm, user(1))),
        (Some(Stamp(1)), Some(Stamp(1)))
    );
    assert_eq!((removed.left(at(100), realm, user(1)), removed.stamp(at(100), realm, user(1))), (None, None));
    removed.removed(
        at(101),
        (realm, user(1)),
        Removal { stamp: Stamp(5), left: Some(Duration::ZERO) },
        None,
        &mut None,
    );
    removed.removed(at(102), (realm, user(1)), Removal { stamp: Stamp(6), left: None }, None, &mut None);
    assert_eq!(
        (removed.left(at(103), realm, user(1)), removed.stamp(at(103), realm, user(1))),
        (None, Some(Stamp(6)))
    );
}
