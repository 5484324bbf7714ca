//! Views: groups that become large, users followed by name, deletions that are forgotten.

use std::net::SocketAddr;

use super::{REALM, Registry, digest, new_row};
use crate::ident::{RealmId, Revision, SessionId, UserId};
use crate::limits::{BUCKETS, DELETIONS_KEPT};
use crate::registry::{Change, NewContent, NewRow, Reason, RowId, ViewHandle, ViewSpec};
use crate::time::Instant;

pub(super) const NOW: Instant = Instant::from_secs(9);

pub(super) fn address(n: u64) -> SocketAddr {
    ([10, 4, (n >> 8) as u8, n as u8], 5000).into()
}

pub(super) fn add(registry: &mut Registry, n: u64, group: Option<&str>) -> RowId {
    let new = NewRow { address: Some(address(n)), group, ..new_row(n, n) };
    registry.register(NOW, &new).expect("realm").row
}

pub(super) fn user(n: u64) -> UserId {
    new_row(n, n).user
}

pub(super) fn touch(registry: &mut Registry, id: RowId, bytes: &[u8]) {
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
    assert_eq!(registry.realms[0].group_gone, 0, "nobody left the group");
    for id in &ids[100..500] {
        registry.remove(NOW, *id, Reason::Leave);
    }
    check(&mut registry, 200);
    for n in 1001..=1040 {
        add(&mut registry, n, Some("board"));
    }
    check(&mut registry, 240);
}

thread_local! {
    static DIGESTS: std::cell::Cell<usize> = const { std::cell::Cell::new(0) };
}

fn counted(user: UserId, late: bool, address: Option<std::net::IpAddr>, content: &[u8]) -> u64 {
    DIGESTS.with(|count| count.set(count.get() + 1));
    digest(user, late, address, content)
}

/// How many digests were made meanwhile.
fn digests(work: impl FnOnce()) -> usize {
    let before = DIGESTS.with(std::cell::Cell::get);
    work();
    DIGESTS.with(std::cell::Cell::get) - before
}

/// From 256 rows on the digests of a group are kept by bucket: then neither asking for them nor a change goes through
/// all its rows.
#[test]
fn a_large_group_costs_no_more_than_a_small_one() {
    let mut registry = Registry::new(1, counted, Instant::ZERO);
    assert!(registry.add_realm(REALM));
    for n in 1..=255 {
        add(&mut registry, n, Some("board"));
    }
    let view = registry.group_of_realm(REALM, "board").expect("a group");
    assert_eq!(
        digests(|| {
            registry.buckets(view);
        }),
        255,
        "made when asked for"
    );
    let small = digests(|| {
        add(&mut registry, 1000, None);
    });
    let threshold = digests(|| {
        add(&mut registry, 256, Some("board"));
    });
    assert!(threshold > 256, "{threshold} digests for the first that are kept");
    assert_eq!(
        digests(|| {
            registry.buckets(view);
        }),
        0,
        "kept"
    );
    for n in 257..=400 {
        let cost = digests(|| {
            add(&mut registry, n, Some("board"));
        });
        assert!(cost <= small + 4, "{cost} digests for row {n}, {small} for one outside");
    }
    assert_eq!(registry.buckets(view), summed(&registry, view));
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
    let behind_it: Vec<_> =
        registry.changes_after(view, gone.revision, None).map(|(_, change)| change).collect();
    assert_eq!(behind_it, [Change::Row(newcomer)], "who has heard of a deletion is not told again");
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
