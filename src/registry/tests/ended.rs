//! Sessions that ended: what is kept of them, for how long, and for whom.

use super::merging::{HERE, NOW, at_home, expired, gone, left, order, place, stray, table, told};
use super::*;

#[test]
fn what_ended_is_told_for_three_expiries_and_a_minute() {
    crate::shows!("R-PEE-67");
    let mut registry = table();
    let (user, life) = (new_row(1, 1).user, Duration::from_secs(3 * 75 + 60));
    let id = at_home(&mut registry, 10, 4);
    registry.remove(NOW, id, Reason::Expiry);
    let ending = Ending::Expiry { sequence: 4, home: HERE };
    let order = order(&new_row(1, 10));
    assert_eq!(registry.ended(NOW, REALM, user), Some((Ended { order, ending }, life)));
    let last = NOW + life - Duration::from_millis(1);
    assert!(registry.ended(last, REALM, user).is_some());
    assert_eq!(registry.ended(NOW + life, REALM, user), None);
    // A heartbeat that another HMS proved is stronger than an expiry.
    assert_eq!(registry.merge_row(NOW, &told(10, 4)), Merged::Refused(Refused::Ended));
    assert!(matches!(registry.merge_row(NOW, &told(10, 5)), Merged::Entered(..)));
    // Who hears it again keeps it no longer; nobody is believed that it lasts for ever.
    let mut other = table();
    let ten = Duration::from_secs(10);
    let gone =
        |registry: &mut Registry, kept| registry.merge_gone(NOW, REALM, user, left(&new_row(1, 10)), kept);
    assert_eq!(gone(&mut other, ten), Merged::Ended);
    assert_eq!(gone(&mut other, life), Merged::Nothing);
    let silent = expired(&new_row(1, 10), 9);
    assert_eq!(other.merge_gone(NOW, REALM, user, silent, life), Merged::Nothing);
    assert_eq!(other.ended(NOW, REALM, user), Some((left(&new_row(1, 10)), ten)));
    let mut other = table();
    gone(&mut other, Duration::from_secs(1 << 30));
    assert_eq!(other.ended(NOW, REALM, user), Some((left(&new_row(1, 10)), life)));
}

#[test]
fn of_a_session_that_nobody_knew_the_leave_is_kept() {
    crate::shows!("R-PEE-53");
    let mut registry = table();
    let (first, second) = (new_row(1, 10), new_row(1, 11));
    assert_eq!(gone(&mut registry, &first, stray(&first)), Merged::Ended);
    assert_eq!(registry.merge_row(NOW, &told(10, 5)), Merged::Refused(Refused::Ended));
    assert_eq!(registry.ended(NOW, REALM, first.user).map(|(ended, _)| ended), Some(left(&first)));
    // Only the last of a user.
    gone(&mut registry, &second, stray(&second));
    gone(&mut registry, &second, stray(&new_row(1, 12)));
    assert!(matches!(registry.merge_row(NOW, &told(11, 0)), Merged::Entered(..)));
    // A later one replaces the row, and has ended.
    assert_eq!(registry.merge_row(NOW, &told(12, 0)), Merged::Refused(Refused::Ended));
    assert_eq!(registry.by_user(REALM, first.user), None);
}

#[test]
fn the_stamp_of_who_left_elsewhere_is_known_as_long_as_if_it_was_here() {
    crate::shows!("R-PEE-67", "R-AUT-12", "R-REG-22");
    let mut registry = table();
    let row = new_row(1, 10);
    gone(&mut registry, &row, left(&row));
    let last = NOW + Duration::from_millis(37_499);
    assert_eq!(registry.removed_stamp(last, REALM, row.user), Some(Stamp(10)));
    assert_eq!(registry.left_stamp(last, REALM, row.user), Some(Stamp(10)));
    let over = NOW + Duration::from_millis(37_500);
    assert_eq!(registry.removed_stamp(over, REALM, row.user), None);
    // Of a session of which nothing is known, or that fell silent, there is nothing to be said.
    let (stray_row, silent) = (new_row(2, 20), new_row(3, 30));
    gone(&mut registry, &stray_row, stray(&stray_row));
    gone(&mut registry, &silent, expired(&silent, 1));
    for row in [stray_row, silent] {
        assert_eq!(registry.removed_stamp(NOW, REALM, row.user), None);
    }
}

#[test]
fn a_stray_that_turns_out_to_be_known_is_kept_no_longer() {
    crate::shows!("R-PEE-67");
    let mut registry = table();
    let row = new_row(1, 10);
    let ten = Duration::from_secs(10);
    registry.merge_gone(NOW, REALM, row.user, stray(&row), ten);
    for second in [1, 9] {
        let now = NOW + Duration::from_secs(second);
        assert_eq!(registry.merge_row(now, &told(10, 5)), Merged::Refused(Refused::Ended));
        assert_eq!(
            registry.ended(now, REALM, row.user),
            Some((left(&row), Duration::from_secs(10 - second)))
        );
    }
    assert!(matches!(registry.merge_row(NOW + ten, &told(10, 5)), Merged::Entered(..)));
}

#[test]
fn those_who_left_are_told_for_the_snapshot() {
    crate::shows!("R-PEE-67");
    let mut registry = table();
    for user in 1..=1500 {
        let row = new_row(user, user);
        match user % 3 {
            0 => gone(&mut registry, &row, left(&row)),
            1 => gone(&mut registry, &row, stray(&row)),
            _ => gone(&mut registry, &row, expired(&row, 1)),
        };
    }
    let now = NOW + Duration::from_secs(85);
    let (mut all, mut from) = (Vec::new(), Some(0));
    while let Some(at) = from {
        let (left, next) = registry.left_sessions(now, at);
        assert!(left.len() <= 1024);
        (all, from) = ([all, left].concat(), next);
    }
    assert_eq!(all.len(), 1000);
    for one in &all {
        assert_eq!(one.left, Duration::from_secs(200));
        let known = registry.ended(now, one.realm, one.user).map(|(ended, _)| ended.order);
        assert!(known.is_none_or(|order| order == one.order));
        assert_eq!(known.is_none(), one.order.stamp == Stamp(0), "a stray");
    }
    assert!(registry.left_sessions(NOW + Duration::from_secs(285), 0).0.is_empty());
    // And none of them comes back with its row.
    let row = new_row(3, 3);
    assert_eq!(registry.load(now, 7, &row), None);
    assert_eq!(registry.load(now, 7, &NewRow { stamp: Stamp(2), session: SessionId(9), ..row }), None);
    assert_eq!(registry.load(now, 7, &new_row(1, 1)), None);
    let later = registry.load(now, 7, &new_row(3, 5000)).expect("a row");
    assert_eq!(place(&registry, later).sequence, 7);
}
