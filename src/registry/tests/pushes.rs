//! Who is pushed what, and in which order.

use super::views::{NOW, add, address, touch, user};
use super::{REALM, Registry, new_row};
use crate::ident::Revision;
use crate::registry::{NewContent, NewRow, PushTarget, Reason, RowId, ViewHandle, ViewSpec};

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

/// A row that comes, one that changes its group, one that goes: each is told to the realm and to the group.
#[test]
fn every_kind_of_change_is_pushed_to_realm_and_group() {
    shows!("R-DIR-09");
    let mut registry = super::registry();
    let (of_realm, of_group) = (add(&mut registry, 1, None), add(&mut registry, 2, None));
    registry.subscribe(of_realm, ViewSpec::Realm, true);
    registry.subscribe(of_group, ViewSpec::Group("board"), true);
    let pushed = |registry: &mut Registry, work: &mut dyn FnMut(&mut Registry)| -> Vec<RowId> {
        for id in [of_realm, of_group] {
            let view = registry.row(id).and_then(|row| row.view()).expect("a view");
            registry.set_told(id, registry.revision(view));
        }
        registry.forget_pushes();
        work(registry);
        let mut rows = Vec::new();
        while let Some(push) = registry.next_push() {
            registry.set_told(push.row, registry.revision(push.view));
            rows.push(push.row);
        }
        rows.sort_unstable();
        rows
    };
    let both = [of_realm, of_group];
    let content = |group| NewContent { bytes: b"changed", version: 2, group };
    let mut id = of_realm;
    assert_eq!(pushed(&mut registry, &mut |r| id = add(r, 3, Some("board"))), both, "it comes");
    assert_eq!(pushed(&mut registry, &mut |r| assert!(r.set_content(id, &content(Some("board"))))), both);
    assert_eq!(pushed(&mut registry, &mut |r| assert!(r.remove(NOW, id, Reason::Leave))), both, "it goes");
    assert_eq!(pushed(&mut registry, &mut |r| id = add(r, 4, None)), [of_realm], "outside the group");
    assert_eq!(pushed(&mut registry, &mut |r| assert!(r.set_content(id, &content(Some("board"))))), both);
    assert_eq!(pushed(&mut registry, &mut |r| assert!(r.remove(NOW, id, Reason::Expiry))), both);
    assert_eq!(pushed(&mut registry, &mut |r| id = add(r, 5, None)), [of_realm]);
    assert_eq!(pushed(&mut registry, &mut |r| assert!(r.remove(NOW, id, Reason::Leave))), [of_realm]);
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
