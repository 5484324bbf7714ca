//! Enough rows, groups and strings that every table grows, and shrinks again.

use std::collections::BTreeSet;
use std::hash::BuildHasher as _;
use std::net::SocketAddr;

use super::model::Dice;
use super::{REALM, Registry, new_row};
use crate::ident::{RealmId, SessionId, UserId};
use crate::registry::blobs::Blobs;
use crate::registry::index::Index;
use crate::registry::{Counts, NewRow, Reason, RowId};
use crate::time::Instant;

const MANY: u64 = 6_000;

fn address(n: u64) -> SocketAddr {
    let port = 1000 + (n % 7) as u16;
    if n.is_multiple_of(2) {
        ([10, 9, (n >> 8) as u8, n as u8], port).into()
    } else {
        ([0xfd00, 0, 0, 0, 0, 0, 1, n as u16], port).into()
    }
}

fn add(registry: &mut Registry, n: u64) -> RowId {
    let new = NewRow { address: Some(address(n)), ..new_row(n, n) };
    registry.register(Instant::ZERO, &new).expect("realm").row
}

/// Every index finds exactly the rows that are there.
fn check(registry: &Registry, there: &BTreeSet<u64>, all: u64) {
    for n in 1..=all {
        let user = new_row(n, n).user;
        let found = registry.by_user(REALM, user);
        assert_eq!(found.is_some(), there.contains(&n), "user {n}");
        assert_eq!(registry.by_session(SessionId(n)), found, "session {n}");
        assert_eq!(registry.by_address(REALM, address(n)), found, "address {n}");
        if let Some(row) = found.and_then(|id| registry.row(id)) {
            assert_eq!((row.user(), row.address()), (user, Some(address(n))));
        }
    }
    let mut listed: Vec<UserId> = Vec::new();
    listed.extend(registry.realm_rows(REALM).filter_map(|id| registry.row(id)).map(|row| row.user()));
    let mut expected: Vec<UserId> = there.iter().map(|n| new_row(*n, *n).user).collect();
    expected.sort_unstable();
    assert_eq!(listed, expected);
    let mut through = BTreeSet::new();
    let mut at = None;
    while let Some(id) = registry.next_row(at) {
        assert!(at < Some(id) && through.insert(registry.row(id).expect("a row").user()));
        at = Some(id);
    }
    assert_eq!(through, expected.into_iter().collect());
    assert_eq!((registry.len(), registry.is_empty()), (there.len(), there.is_empty()));
}

#[test]
fn many_rows_are_found_by_every_key() {
    let mut registry = super::registry();
    let mut there: BTreeSet<u64> = (1..=MANY).collect();
    for n in &there {
        add(&mut registry, *n);
    }
    check(&registry, &there, MANY);
    // All but a few go, in no order of ids; then others come into their places.
    let ids: BTreeSet<RowId> = registry.realm_rows(REALM).collect();
    for n in (1..=MANY).filter(|n| n % 17 != 0) {
        let id = registry.by_session(SessionId(n)).expect("a row");
        assert!(registry.remove(Instant::ZERO, id, Reason::Leave));
        there.remove(&n);
    }
    check(&registry, &there, MANY);
    for n in MANY + 1..=MANY + 3000 {
        let id = add(&mut registry, n);
        assert!(ids.contains(&id), "a free place is used before a new one is made");
        there.insert(n);
    }
    check(&registry, &there, MANY + 3000);
    assert_eq!(registry.remove_realm(Instant::ZERO, REALM), there.len());
    assert!(registry.is_empty());
    assert_eq!(registry.next_row(None), None);
    assert_eq!(registry.counts(REALM), Counts::default());
}

/// User ids whose first seven bits are the same: one table of chains holds them all, grows, and shrinks again.
#[test]
fn many_rows_of_one_bucket_are_found_in_order() {
    let mut registry = super::registry();
    let mut dice = Dice(11);
    let mut users: Vec<UserId> =
        (0..1500).map(|_| UserId(((dice.next() >> 7) | (77 << 57)).to_be_bytes())).collect();
    for (n, user) in users.iter().enumerate() {
        let new = NewRow { user: *user, address: None, ..new_row(1, n as u64 + 1) };
        registry.register(Instant::ZERO, &new).expect("realm");
    }
    while !users.is_empty() {
        let listed: Vec<UserId> =
            registry.realm_rows(REALM).filter_map(|id| registry.row(id)).map(|row| row.user()).collect();
        let mut sorted = users.clone();
        sorted.sort_unstable();
        assert_eq!(listed, sorted);
        for user in users.split_off(users.len() * 2 / 3) {
            let id = registry.by_user(REALM, user).expect("a row");
            assert_eq!(registry.row(id).map(|row| row.user()), Some(user));
            assert!(registry.remove(Instant::ZERO, id, Reason::Leave));
            assert_eq!(registry.by_user(REALM, user), None);
        }
    }
}

#[test]
fn an_index_forgets_what_is_taken_out() {
    let mut index = Index::new(3);
    let hashes: Vec<u64> = (0..2000u32).map(|id| index.hash(id)).collect();
    for (id, hash) in hashes.iter().enumerate() {
        index.insert(*hash, id as u32, |state, id| state.hash_one(id));
    }
    for (id, hash) in hashes.iter().enumerate() {
        assert_eq!(index.find(*hash, |other| other == id as u32), Some(id as u32));
        index.remove(*hash, id as u32);
        assert_eq!(index.find(*hash, |other| other == id as u32), None);
    }
}

/// Only a hint: whatever was expected, and whatever became of it, a session is found if it is there.
#[test]
fn what_was_expected_changes_nothing_of_what_is_found() {
    let mut registry = super::registry();
    let ids: Vec<RowId> = (1..=600).map(|n| add(&mut registry, n)).collect();
    let found = |registry: &Registry| -> Vec<Option<RowId>> {
        (1..=700).map(|n| registry.by_session(SessionId(n))).collect()
    };
    let mut expected: Vec<Option<RowId>> = ids.iter().map(|id| Some(*id)).collect();
    expected.resize(700, None);
    for first in (1..=700).step_by(50) {
        registry.expect((first..first + 50).map(SessionId));
        assert_eq!(found(&registry), expected);
    }
    registry.expect([1, 2, 3].map(SessionId).into_iter());
    registry.remove(Instant::ZERO, ids[0], Reason::Leave);
    let moved = NewRow { address: Some(address(2)), ..new_row(2, 700) };
    assert_eq!(registry.register(Instant::ZERO, &moved).map(|done| done.row), Some(ids[1]));
    (expected[0], expected[1], expected[699]) = (None, None, Some(ids[1]));
    assert_eq!(found(&registry), expected);
    registry.expect(std::iter::empty());
    assert_eq!(found(&registry), expected);
}

#[test]
fn many_groups_are_found_by_name() {
    let mut registry = super::registry();
    let other = RealmId(8);
    assert!(registry.add_realm(other));
    let name = |n: u64| format!("group {n}");
    for n in 1..=4000 {
        let group = name(n);
        let realm = if n % 2 == 0 { REALM } else { other };
        let new = NewRow { realm, address: None, group: Some(&group), ..new_row(n, n) };
        registry.register(Instant::ZERO, &new).expect("realm");
    }
    for n in 1..=4000 {
        let (here, there) = if n % 2 == 0 { (REALM, other) } else { (other, REALM) };
        let view = registry.group_of_realm(here, &name(n)).expect("a group");
        assert_eq!(registry.view_len(view), 1);
        assert_eq!(registry.group_of_realm(there, &name(n)), None);
    }
    for n in 1..=4000 {
        let id = registry.by_session(SessionId(n)).expect("a row");
        assert!(registry.remove(Instant::ZERO, id, Reason::Leave));
        let realm = if n % 2 == 0 { REALM } else { other };
        assert_eq!(registry.group_of_realm(realm, &name(n)), None);
    }
}

#[test]
fn strings_of_every_length_are_kept_and_their_places_used_again() {
    let mut blobs = Blobs::default();
    let lengths = [0, 1, 15, 16, 17, 31, 32, 33, 974, 16_383, 16_384, 16_385, 40_000];
    let put = |blobs: &mut Blobs, fill: u8| -> Vec<u32> {
        (0..200).map(|n: u8| blobs.insert(&vec![fill ^ n; lengths[usize::from(n) % lengths.len()]])).collect()
    };
    let holds = |blobs: &Blobs, ids: &[u32], fill: u8| {
        for (n, id) in ids.iter().enumerate() {
            let length = lengths[n % lengths.len()];
            assert_eq!(blobs.get(*id, length), vec![fill ^ n as u8; length]);
        }
    };
    let first = put(&mut blobs, 0x55);
    let second = put(&mut blobs, 0xaa);
    holds(&blobs, &first, 0x55);
    holds(&blobs, &second, 0xaa);
    for (n, id) in first.iter().enumerate() {
        blobs.remove(*id, lengths[n % lengths.len()]);
    }
    holds(&blobs, &second, 0xaa);
    let third = put(&mut blobs, 0x33);
    holds(&blobs, &second, 0xaa);
    holds(&blobs, &third, 0x33);
    // Strings of the same multiple of 16 bytes share their places.
    let of = |ids: &[u32], size: usize| -> BTreeSet<u32> {
        let here = |n: usize| lengths[n % lengths.len()].div_ceil(16) == size;
        ids.iter().enumerate().filter(|(n, _)| here(*n)).map(|(_, id)| *id).collect()
    };
    for length in lengths {
        let size = length.div_ceil(16);
        assert_eq!(of(&third, size), of(&first, size), "{length} bytes");
    }
}

#[test]
fn a_realm_is_there_once() {
    let mut registry = super::registry();
    assert!(!registry.add_realm(REALM));
    assert!(registry.add_realm(RealmId(3)));
    assert_eq!(registry.realms().collect::<Vec<_>>(), [RealmId(3), REALM]);
    assert_eq!(registry.remove_realm(Instant::ZERO, RealmId(4)), 0);
    assert!(registry.realm_view(RealmId(4)).is_none());
    assert!(!registry.braking(RealmId(4)));
    assert_eq!(registry.remove_realm(Instant::ZERO, REALM), 0);
    assert_eq!(registry.realms().collect::<Vec<_>>(), [RealmId(3)]);
    assert!(registry.register(Instant::ZERO, &new_row(1, 1)).is_none());
    assert!(registry.load(Instant::ZERO, 0, &new_row(1, 1)).is_none());
}
