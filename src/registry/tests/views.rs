//! Views: groups that become large, users followed by name, deletions that are forgotten, and who is pushed what.

use std::net::SocketAddr;

use super::{REALM, Registry, digest, new_row};
use crate::ident::{RealmId, Revision, SessionId, UserId};
use crate::limits::{BUCKETS, DELETIONS_KEPT};
use crate::registry::{Change, NewContent, NewRow, PushTarget, Reason, RowId, ViewHandle, ViewSpec};
use crate::time::Instant;

const NOW: Instant = Instant::from_secs(9);

fn address(n: u64) -> SocketAddr {
    ([10, 4, (n >> 8) as u8, n as u8], 5000).into()
}

fn add(registry: &mut Registry, n: u64, group: Option<&str>) -> RowId {
    let new = NewRow { address: Some(address(n)), group, ..new_row(n, n) };
    registry.register(NOW, &new).expect("realm").row
}

fn user(n: u64) -> UserId {
    new_row(n, n).user
}

fn touch(registry: &mut Registry, id: RowId, bytes: &[u8]) {
    assert!(registry.set_content(id, &NewContent { bytes, version: 2, group: None }));
}

/// Digests by bucket, summed up from the rows of a view one by one.
fn summed(registry: &Registry, view: ViewHandle) -> [u64; BUCKETS] {
    let mut buckets = [0u64; BUCKETS];
    let mut after = None;
    while let Some(id) = registry.row_above(view, after, |_| true) {
        let row = registry.row(id).expect("a row");
        let one = digest(row.user(), row.is_late(), row.address().map(|a| a.ip()), row.content());
        let bucket = &mut buckets[row.user().bucket()];
        *bucket = bucket.wrapping_add(one);
        after = Some(row.user());
    }
    buckets
}

#[test]
fn the_digests_of_a_group_are_right_whatever_its_size() {
    shows!("R-DIR-02");
    let mut registry = super::registry();
    let ids: Vec<RowId> = (1..=600).map(|n| add(&mut registry, n, Some("board"))).collect();
    let view = registry.group_of_realm(REALM, "board").expect("a group");
    let check = |registry: &mut Registry, rows: usize| {
        let buckets = summed(registry, view);
        assert_eq!(registry.view_len(view), rows);
        assert_eq!(registry.buckets(view), buckets);
        assert_eq!(registry.root(view), buckets.iter().fold(0, |sum: u64, one| sum.wrapping_add(*one)));
    };
    check(&mut registry, 600);
    for id in &ids[..300] {
        let new = NewContent { bytes: b"other", version: 2, group: Some("board") };
        assert!(registry.set_content(*id, &new));
    }
    check(&mut registry, 600);
    for id in &ids[100..500] {
        registry.remove(NOW, *id, Reason::Leave);
    }
    check(&mut registry, 200);
    for n in 1001..=1040 {
        add(&mut registry, n, Some("board"));
    }
    check(&mut registry, 240);
}

/// A view of three users of whom one has no row.
#[test]
fn users_followed_by_name_are_shown_as_they_come_and_go() {
    shows!("R-DIR-11");
    let mut registry = super::registry();
    let ids: Vec<RowId> = (1..=5).map(|n| add(&mut registry, n, None)).collect();
    let named = [user(1), user(2), user(9)];
    registry.subscribe(ids[4], ViewSpec::Named(&named), false);
    let view = registry.row(ids[4]).and_then(|row| row.view()).expect("a view");
    let start = registry.revision(view);
    assert_eq!(start, Revision(6), "the realm's last change");
    assert_eq!((registry.view_len(view), registry.floor(view)), (2, Revision(1)));
    let shows = |registry: &mut Registry, users: &[UserId]| {
        let buckets = summed(registry, view);
        assert_eq!(registry.buckets(view), buckets);
        assert_eq!(registry.root(view), buckets.iter().fold(0, |sum: u64, one| sum.wrapping_add(*one)));
        assert_eq!(registry.view_len(view), users.len());
        let listed: Vec<UserId> = std::iter::successors(registry.row_above(view, None, |_| true), |id| {
            registry.row_above(view, registry.row(*id).map(|row| row.user()), |_| true)
        })
        .filter_map(|id| registry.row(id).map(|row| row.user()))
        .collect();
        let mut expected = users.to_vec();
        expected.sort_unstable();
        assert_eq!(listed, expected);
    };
    shows(&mut registry, &named[..2]);
    let odd = |bucket: usize| bucket % 2 == 1;
    let of_odd = registry.row_above(view, None, odd).and_then(|id| registry.row(id)).map(|row| row.user());
    assert_eq!(of_odd, named[..2].iter().copied().filter(|u| odd(u.bucket())).min());

    touch(&mut registry, ids[2], b"somebody else");
    assert_eq!(registry.revision(view), start, "no change of theirs");
    touch(&mut registry, ids[0], b"one of them");
    let first = registry.revision(view);
    assert!(first > start);
    shows(&mut registry, &named[..2]);
    registry.remove(NOW, ids[1], Reason::Leave);
    shows(&mut registry, &named[..1]);
    let newcomer = add(&mut registry, 9, None);
    shows(&mut registry, &[named[0], named[2]]);
    let changes: Vec<_> = registry.changes_after(view, start, None).map(|(_, change)| change).collect();
    let [Change::Row(one), Change::Gone(gone), Change::Row(other)] = changes[..] else {
        panic!("{changes:?}")
    };
    assert_eq!((one, gone.user, gone.reason, other), (ids[0], named[1], Reason::Leave, newcomer));
    let later: Vec<_> = registry.changes_after(view, first, None).map(|(revision, _)| revision).collect();
    assert_eq!(later, [Revision(first.0 + 1), Revision(first.0 + 2)]);
    // A user that comes back is no deletion any more.
    add(&mut registry, 2, None);
    assert!(registry.changes_after(view, start, None).all(|(_, change)| matches!(change, Change::Row(_))));
    registry.subscribe(ids[4], ViewSpec::None, false);
    assert_eq!((registry.view_len(view), registry.root(view)), (0, 0));
    assert_eq!((registry.revision(view), registry.floor(view)), (Revision(0), Revision(0)));
    assert_eq!(registry.changes_after(view, Revision(0), None).count(), 0);
}

#[test]
fn a_realm_remembers_65536_deletions() {
    shows!("R-DIR-01");
    let mut registry = super::registry();
    let view = registry.realm_view(REALM).expect("a view");
    let floor = registry.floor(view);
    for n in 1..=DELETIONS_KEPT as u64 {
        let id = add(&mut registry, n % 100, None);
        registry.remove(NOW, id, Reason::Leave);
    }
    assert_eq!(registry.floor(view), floor, "all of them are remembered");
    let first = Revision(floor.0 + 2);
    for step in 0..3 {
        let id = add(&mut registry, 7, None);
        registry.remove(NOW, id, Reason::Leave);
        assert_eq!(registry.floor(view), Revision(first.0 + 2 * step), "the oldest is forgotten");
    }
}

#[test]
fn a_group_that_nobody_needs_is_forgotten_with_its_deletions() {
    let mut registry = super::registry();
    let follower = add(&mut registry, 1, None);
    let member = add(&mut registry, 2, Some("board"));
    registry.subscribe(follower, ViewSpec::Group("board"), false);
    let view = registry.group_of_realm(REALM, "board").expect("a group");
    registry.remove(NOW, member, Reason::Expiry);
    assert_eq!(registry.group_of_realm(REALM, "board"), Some(view), "somebody follows it");
    assert_eq!(registry.realms[0].group_gone, 1);
    registry.subscribe(follower, ViewSpec::Realm, false);
    assert_eq!(registry.group_of_realm(REALM, "board"), None);
    assert_eq!(registry.realms[0].group_gone, 0);
    // A new one of this name begins behind all that was told of the old one.
    registry.subscribe(follower, ViewSpec::Group("board"), false);
    let view = registry.group_of_realm(REALM, "board").expect("a group");
    let realm = registry.realm_view(REALM).expect("a view");
    assert_eq!(
        (registry.revision(view), registry.floor(view)),
        (registry.revision(realm), registry.revision(realm))
    );
}

#[test]
fn groups_that_forget_too_much_together_keep_64_deletions_each() {
    let mut registry = super::registry();
    let follower = add(&mut registry, 1, None);
    registry.subscribe(follower, ViewSpec::Group("board"), false);
    let view = registry.group_of_realm(REALM, "board").expect("a group");
    let lose = |registry: &mut Registry| {
        let id = add(registry, 2, Some("board"));
        registry.remove(NOW, id, Reason::Leave);
    };
    let floor = registry.floor(view);
    (0..100).for_each(|_| lose(&mut registry));
    assert_eq!((registry.floor(view), registry.realms[0].group_gone), (floor, 100));
    // As if other groups remembered all the rest.
    registry.realms[0].group_gone = 8 * DELETIONS_KEPT - 1;
    lose(&mut registry);
    assert_eq!((registry.floor(view), registry.realms[0].group_gone), (floor, 8 * DELETIONS_KEPT));
    lose(&mut registry);
    let gone = registry.changes_after(view, floor, None).count();
    assert_eq!(gone, 64);
    assert!(registry.floor(view) > floor);
    assert_eq!(registry.realms[0].group_gone, 8 * DELETIONS_KEPT + 1 - (102 - 64));
}

/// The other realm keeps its revisions, and what its sessions were told.
#[test]
fn one_realm_begins_its_revisions_anew() {
    shows!("R-DIR-01");
    let mut registry = super::registry();
    let other = RealmId(8);
    assert!(registry.add_realm(other));
    let there = registry.register(NOW, &NewRow { realm: other, ..new_row(50, 50) }).expect("realm").row;
    let ids: Vec<RowId> = (1..=3).map(|n| add(&mut registry, n, None)).collect();
    registry.subscribe(ids[0], ViewSpec::Realm, false);
    registry.subscribe(ids[1], ViewSpec::Named(&[user(1)]), false);
    registry.subscribe(there, ViewSpec::Realm, false);
    [ids[0], ids[1], there].into_iter().for_each(|id| registry.set_told(id, Revision(2)));
    let named = registry.row(ids[1]).and_then(|row| row.view()).expect("a view");
    let (view, far) =
        (registry.realm_view(REALM).expect("a view"), registry.realm_view(other).expect("a view"));
    let kept = (registry.revision(far), registry.floor(far));

    registry.realm_mut(0).expect("a realm").revision = Revision(u32::MAX - 1);
    touch(&mut registry, ids[2], b"changed");
    // Three rows have the revisions 2, 3 and 4, and the change is the next.
    assert_eq!((registry.revision(view), registry.floor(view)), (Revision(5), Revision(4)));
    assert_eq!((registry.revision(named), registry.floor(named)), (Revision(4), Revision(4)));
    let told = |id| registry.row(id).map(|row| row.told());
    assert_eq!((told(ids[0]), told(ids[1])), (Some(Revision(0)), Some(Revision(0))));
    assert_eq!(
        (told(there), registry.revision(far), registry.floor(far)),
        (Some(Revision(2)), kept.0, kept.1)
    );
}

/// Rows 1, 2, 3 follow the realm, with pushes, and know its revision.
fn followers(registry: &mut Registry) -> (ViewHandle, Vec<RowId>) {
    let ids: Vec<RowId> = (1..=4).map(|n| add(registry, n, None)).collect();
    let view = registry.realm_view(REALM).expect("a view");
    for id in &ids[..3] {
        registry.subscribe(*id, ViewSpec::Realm, true);
        registry.set_told(*id, registry.revision(view));
    }
    registry.forget_pushes();
    (view, ids)
}

#[test]
fn pushes_go_to_each_follower_once_in_order_of_subscription() {
    shows!("R-DIR-09");
    let mut registry = super::registry();
    let (view, ids) = followers(&mut registry);
    assert!(!registry.has_pushes() && registry.next_push().is_none());
    let told = registry.revision(view);
    touch(&mut registry, ids[3], b"changed");
    assert!(registry.has_pushes());
    for id in &ids[..3] {
        assert_eq!(registry.next_push(), Some(PushTarget { row: *id, view, told }));
        registry.set_told(*id, registry.revision(view));
    }
    assert_eq!(registry.next_push(), None);
    assert!(!registry.has_pushes());
}

#[test]
fn who_was_not_told_all_comes_up_again() {
    shows!("R-DIR-09");
    let mut registry = super::registry();
    let (view, ids) = followers(&mut registry);
    touch(&mut registry, ids[3], b"first");
    let between = registry.revision(view);
    touch(&mut registry, ids[0], b"second");
    assert_eq!(registry.next_push().map(|push| push.row), Some(ids[0]));
    registry.set_told(ids[0], between);
    for id in &ids[1..3] {
        assert_eq!(registry.next_push().map(|push| push.row), Some(*id));
        registry.set_told(*id, registry.revision(view));
    }
    assert_eq!(registry.next_push(), Some(PushTarget { row: ids[0], view, told: between }));
    registry.set_told(ids[0], registry.revision(view));
    assert_eq!(registry.next_push(), None);
}

#[test]
fn nobody_is_pushed_what_it_cannot_take() {
    shows!("R-DIR-09");
    let mut registry = super::registry();
    let (view, ids) = followers(&mut registry);
    // One knows nothing yet, one does not want to be told, one is not where it says.
    registry.set_told(ids[0], Revision(0));
    registry.subscribe(ids[1], ViewSpec::Realm, false);
    add(&mut registry, 3, None);
    let taken = NewRow { address: Some(address(3)), ..new_row(5, 5) };
    let done = registry.register(NOW, &taken).expect("realm");
    assert_eq!(done.displaced, Some(ids[2]));
    assert_eq!(registry.next_push(), None);
    assert!(!registry.has_pushes());
    // Nor what was forgotten.
    registry.confirm(NOW, ids[2], address(77));
    registry.set_told(ids[2], Revision(1));
    registry.views[0].floor = Revision(2);
    touch(&mut registry, ids[3], b"changed");
    assert_eq!(registry.next_push(), None);
    registry.set_told(ids[2], Revision(2));
    touch(&mut registry, ids[3], b"again");
    assert_eq!(registry.next_push(), Some(PushTarget { row: ids[2], view, told: Revision(2) }));
}

#[test]
fn followers_of_named_users_are_pushed_their_changes_only() {
    shows!("R-DIR-09", "R-DIR-11");
    let mut registry = super::registry();
    let ids: Vec<RowId> = (1..=4).map(|n| add(&mut registry, n, None)).collect();
    registry.subscribe(ids[0], ViewSpec::Named(&[user(2), user(3)]), true);
    let view = registry.row(ids[0]).and_then(|row| row.view()).expect("a view");
    let told = registry.revision(view);
    registry.set_told(ids[0], told);
    touch(&mut registry, ids[3], b"somebody else");
    assert_eq!(registry.next_push(), None);
    touch(&mut registry, ids[1], b"one");
    touch(&mut registry, ids[2], b"two");
    assert_eq!(registry.pushes.len(), 1, "waits once");
    let push = PushTarget { row: ids[0], view, told };
    assert_eq!((registry.next_push(), registry.next_push()), (Some(push), Some(push)));
    registry.set_told(ids[0], registry.revision(view));
    assert_eq!(registry.next_push(), None);
    touch(&mut registry, ids[1], b"three");
    registry.forget_pushes();
    assert!(!registry.has_pushes());
    touch(&mut registry, ids[1], b"four");
    assert!(registry.next_push().is_some(), "who was forgotten can wait again");
    registry.subscribe(ids[0], ViewSpec::Named(&[user(2), user(3)]), false);
    registry.forget_pushes();
    touch(&mut registry, ids[1], b"five");
    assert!(!registry.has_pushes());
}

#[test]
fn a_follower_that_goes_in_the_middle_of_a_round_ends_nobodys_turn() {
    shows!("R-DIR-09");
    for gone in 0..3 {
        let mut registry = super::registry();
        let (view, ids) = followers(&mut registry);
        touch(&mut registry, ids[3], b"changed");
        assert_eq!(registry.next_push().map(|push| push.row), Some(ids[0]));
        registry.set_told(ids[0], registry.revision(view));
        registry.subscribe(ids[gone], ViewSpec::None, false);
        let expected: Vec<RowId> = (1..3).filter(|n| *n != gone).map(|n| ids[n]).collect();
        for id in expected {
            assert_eq!(registry.next_push().map(|push| push.row), Some(id), "{gone} gone");
            registry.set_told(id, registry.revision(view));
        }
        assert_eq!(registry.next_push(), None);
    }
}

#[test]
fn a_change_during_a_round_reaches_those_who_had_their_turn() {
    shows!("R-DIR-09");
    let mut registry = super::registry();
    let (view, ids) = followers(&mut registry);
    touch(&mut registry, ids[3], b"first");
    assert_eq!(registry.next_push().map(|push| push.row), Some(ids[0]));
    registry.set_told(ids[0], registry.revision(view));
    touch(&mut registry, ids[3], b"second");
    let mut told = Vec::new();
    while let Some(push) = registry.next_push() {
        told.push(push.row);
        registry.set_told(push.row, registry.revision(view));
    }
    assert_eq!(told, [ids[1], ids[2], ids[0]]);
}

#[test]
fn an_address_belongs_to_one_row_of_a_realm() {
    shows!("R-REG-25");
    let mut registry = super::registry();
    let (one, two) = (add(&mut registry, 1, None), add(&mut registry, 2, None));
    let change = registry.confirm(NOW, two, address(1));
    assert_eq!((change.displaced, change.visible), (Some(one), true));
    assert_eq!(registry.by_address(REALM, address(1)), Some(two));
    assert_eq!(registry.by_address(REALM, address(2)), None);
    let row = registry.row(one).expect("a row");
    assert_eq!((row.address(), row.observed(), row.is_late()), (None, Some(address(1)), true));
    // A new port alone is no change of the directory.
    let moved = SocketAddr::new(address(1).ip(), 7);
    let change = registry.confirm(NOW, two, moved);
    assert_eq!((change.displaced, change.visible), (None, false));
    assert_eq!(
        (registry.by_address(REALM, moved), registry.by_address(REALM, address(1))),
        (Some(two), None)
    );
    assert_eq!(registry.by_session(SessionId(2)), Some(two));
}
