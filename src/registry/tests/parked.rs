//! Copies while their home is there, and when it is lost.

use super::shared::{HERE, OTHERS};
use super::*;
use crate::ident::Process;

const NOW: Instant = Instant::from_secs(1000);
const THERE: Process = OTHERS[0];
const ELSEWHERE: Process = OTHERS[2];

/// A table with copies of users 1 to `count`, whose check time is one second.
fn with_copies(count: u64) -> Registry {
    let mut registry = registry();
    registry.set_process(HERE);
    registry.home_reached(THERE);
    for user in 1..=count {
        let row = NewRow { check_time: Duration::from_secs(1), ..new_row(user, user) };
        let told = ToldRow {
            row,
            view: ViewSpec::None,
            push: false,
            sequence: 0,
            late: false,
            home: THERE,
            age: Duration::ZERO,
        };
        assert!(matches!(registry.merge_row(NOW, &told), Merged::Entered(..)));
    }
    registry
}

fn of_user(registry: &Registry, user: u64) -> RowId {
    registry.by_user(REALM, new_row(user, 0).user).expect("a row")
}

/// Removes what expires up to `end`; says when the first and the last one did, and how many.
fn run(registry: &mut Registry, end: Instant) -> (Option<Instant>, Option<Instant>, usize) {
    let (mut first, mut last, mut count, mut now) = (None, None, 0, Instant::ZERO);
    while let Some(next) = registry.next_deadline().filter(|next| *next <= end) {
        now = next.max(now);
        while let Some((id, fate)) = registry.expire(now) {
            assert_eq!(fate, Fate::Expired);
            registry.remove(now, id, Reason::Expiry);
            (first, last, count) = (first.or(Some(now)), Some(now), count + 1);
        }
    }
    (first, last, count)
}

#[test]
fn copies_at_rest_are_never_looked_at() {
    crate::shows!("R-PEE-64");
    let mut registry = with_copies(3000);
    assert_eq!(registry.next_deadline(), None);
    registry.heard(NOW, of_user(&registry, 1));
    registry.set_check_time(NOW, of_user(&registry, 2), Duration::from_secs(1));
    registry.set_check_time(NOW, of_user(&registry, 2), Duration::from_secs(2));
    assert_eq!(registry.next_deadline(), None);
}

#[test]
fn copies_of_a_home_that_is_lost_go_after_one_expiry_and_no_later_than_a_tenth() {
    crate::shows!("R-PEE-64");
    let mut registry = with_copies(3000);
    let lost = NOW + Duration::from_secs(500);
    registry.home_lost(THERE, lost);
    let (first, last, count) = run(&mut registry, lost + Duration::from_secs(10));
    assert_eq!(count, 3000);
    assert!(first.expect("some went").since(lost) >= Duration::from_millis(2500), "{first:?}");
    assert!(last.expect("some went").since(lost) <= Duration::from_millis(2600), "{last:?}");
    assert_eq!(registry.next_deadline(), None);
}

#[test]
fn who_learns_late_of_a_loss_removes_at_once_some_in_each_turn() {
    crate::shows!("R-PEE-64");
    let mut registry = with_copies(3000);
    let lost = NOW + Duration::from_secs(500);
    registry.home_lost(THERE, lost - Duration::from_secs(10));
    assert_eq!(registry.expire(lost), None, "no more than a turn takes");
    assert!(registry.next_deadline().expect("more to be done") <= lost);
    assert_eq!(registry.rows.len(), 3000);
    assert_eq!(run(&mut registry, lost + Duration::from_millis(100)).2, 3000);
}

#[test]
fn who_comes_back_is_left_alone() {
    crate::shows!("R-PEE-64", "R-PEE-68");
    let mut registry = with_copies(3000);
    let lost = NOW + Duration::from_secs(500);
    registry.home_lost(THERE, lost);
    assert_eq!(registry.expire(lost), None);
    registry.home_reached(THERE);
    assert_eq!(run(&mut registry, lost + Duration::from_secs(100)).2, 0);
    assert_eq!(registry.next_deadline(), None, "all are back in its list");
    registry.home_lost(THERE, lost + Duration::from_secs(100));
    assert_eq!(run(&mut registry, lost + Duration::from_secs(103)).2, 3000);
}

#[test]
fn a_copy_that_moves_or_is_doubted_leaves_the_list_of_its_home() {
    crate::shows!("R-PEE-64");
    let mut registry = with_copies(5);
    let [here, elsewhere, doubted, gone, stays] = [1, 2, 3, 4, 5].map(|user| of_user(&registry, user));
    registry.confirm(NOW, here, ([10, 0, 0, 1], 5000).into());
    let row = NewRow { check_time: Duration::from_secs(1), ..new_row(2, 2) };
    let told = ToldRow {
        row,
        view: ViewSpec::None,
        push: false,
        sequence: 9,
        late: false,
        home: ELSEWHERE,
        age: Duration::ZERO,
    };
    assert!(matches!(registry.merge_row(NOW, &told), Merged::Changed { place: true, .. }));
    registry.unvouch(NOW, doubted);
    registry.remove(NOW, gone, Reason::Revoked);
    let parked: Vec<_> = registry.homes.parked().map(|(_, list)| registry.wheel.parked(list)).collect();
    assert_eq!(parked.iter().sum::<usize>(), 1);
    assert_eq!(run(&mut registry, NOW + Duration::from_secs(100)).2, 3);
    for id in [here, elsewhere, doubted] {
        assert_eq!(registry.row(id).map(|row| row.id()), None);
    }
    assert!(registry.row(stays).is_some_and(|row| row.is_live()));
}
