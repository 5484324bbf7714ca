//! What a row shows of what was put into it.

use super::{REALM, Registry, new_row};
use crate::ident::{InstanceId, Revision, ServerId, SessionId, Stamp, UserId};
use crate::registry::{
    Counts, FixedSignature, NOT_GRANTED, NewContent, NewRow, Reason, RowId, Status, ViewSpec,
};
use crate::time::{Duration, Instant, UnixMillis};

const NOW: Instant = Instant::from_secs(5_000_000);

fn one_row() -> (Registry, RowId) {
    let mut registry = super::registry();
    let row = registry.register(NOW, &new_row(1, 10)).expect("realm").row;
    (registry, row)
}

#[test]
fn a_row_shows_what_it_was_made_with() {
    let (mut registry, first) = one_row();
    let other = NewRow {
        key: &[7; 32],
        server: ServerId(2),
        instance: InstanceId(77),
        content: b"other content",
        content_version: 9,
        address: Some(([0xfd00, 0, 0, 0, 0, 0, 0, 1], 77).into()),
        since: UnixMillis(1_700_000_000_999),
        check_time: Duration::from_millis(1_500),
        ..new_row(2, 11)
    };
    let second = registry.register(NOW, &other).expect("realm").row;
    let third = registry.register(NOW, &NewRow { server: ServerId(2), ..new_row(3, 12) }).expect("realm").row;
    let row = registry.row(second).expect("a row");
    assert_eq!((row.id(), row.realm(), row.user()), (second, REALM, other.user));
    assert_eq!((row.session(), row.key(), row.stamp()), (SessionId(11), &[7; 32], Stamp(11)));
    assert_eq!((row.server(), row.instance()), (ServerId(2), InstanceId(77)));
    assert_eq!((row.content(), row.content_version()), (&b"other content"[..], 9));
    assert_eq!((row.address(), row.observed()), (other.address, other.address));
    assert_eq!((row.since(), row.last_heard()), (UnixMillis(1_700_000_000_000), NOW));
    assert_eq!((row.window(), row.bad_tags(), row.had_heartbeat()), ((0, 0), 0, false));
    assert_eq!((row.status(), row.revision()), (Status::Up, Revision(3)));
    assert_eq!(row.check_time(), Duration::from_millis(1_500));
    assert_eq!((row.signature(), row.view(), row.wants_push()), (None, None, false));
    assert_eq!((row.told(), row.granted_since(), row.in_group()), (Revision(0), None, false));
    let server = |id| registry.row(id).map(|row| row.server());
    assert_eq!((server(first), server(third)), (Some(ServerId(1)), Some(ServerId(2))));
}

#[test]
fn a_row_remembers_what_its_session_did_until_the_next() {
    shows!("R-REG-12");
    let (mut registry, id) = one_row();
    registry.set_window(id, (70, 0b1011));
    registry.heartbeat(NOW, id);
    assert_eq!((registry.bad_tag(id), registry.bad_tag(id)), (1, 2));
    let row = registry.row(id).expect("a row");
    assert_eq!((row.window(), row.had_heartbeat(), row.bad_tags()), ((70, 0b1011), true, 2));
    registry.good_tag(id);
    assert_eq!(registry.row(id).map(|row| row.bad_tags()), Some(0));
    assert_eq!((0..300).map(|_| registry.bad_tag(id)).last(), Some(255));
    let next = NewRow {
        key: &[1; 32],
        stamp: Stamp(99),
        server: ServerId(4),
        instance: InstanceId(5),
        content_version: 6,
        since: UnixMillis(8_000),
        check_time: Duration::from_secs(7),
        ..new_row(1, 20)
    };
    let done = registry.register(NOW, &next).expect("realm");
    assert_eq!((done.row, done.replaced, done.visible), (id, Some(SessionId(10)), false));
    let row = registry.row(id).expect("a row");
    assert_eq!((row.window(), row.had_heartbeat(), row.bad_tags()), ((0, 0), false, 0));
    assert_eq!((row.session(), row.key(), row.stamp()), (SessionId(20), &[1; 32], Stamp(99)));
    assert_eq!((row.server(), row.instance(), row.content_version()), (ServerId(4), InstanceId(5), 6));
    assert_eq!((row.since(), row.check_time()), (UnixMillis(8_000), Duration::from_secs(7)));
    assert_eq!((registry.by_session(SessionId(10)), registry.by_session(SessionId(20))), (None, Some(id)));
}

#[test]
fn who_left_is_known_as_one_that_left_for_one_and_a_quarter_check_times() {
    shows!("R-AUT-12", "R-REG-22");
    let (mut registry, id) = one_row();
    let user = new_row(1, 10).user;
    registry.remove(NOW, id, Reason::Leave);
    let (short, long) = (Duration::from_millis(37_499), Duration::from_millis(37_500));
    assert_eq!(registry.left_stamp(NOW + short, REALM, user), Some(Stamp(10)));
    assert_eq!(registry.left_stamp(NOW + long, REALM, user), None);
    let id = registry.register(NOW, &new_row(1, 11)).expect("realm").row;
    registry.remove(NOW, id, Reason::Expiry);
    assert_eq!(registry.left_stamp(NOW, REALM, user), None);
    assert_eq!(registry.removed_stamp(NOW + Duration::from_millis(29_999), REALM, user), Some(Stamp(11)));
    assert_eq!(registry.removed_stamp(NOW + Duration::from_secs(30), REALM, user), None);
}

#[test]
fn a_row_was_heard_lately_for_half_a_check_time() {
    let (registry, id) = one_row();
    let row = registry.row(id).expect("a row");
    let lately = |millis| row.heard_lately(NOW + Duration::from_millis(millis));
    assert_eq!([lately(0), lately(14_999), lately(15_000), lately(60_000)], [true, true, false, false]);
}

#[test]
fn a_row_that_is_gone_takes_nothing_and_shows_nothing() {
    let (mut registry, id) = one_row();
    assert!(registry.remove(NOW, id, Reason::Leave));
    assert_eq!(registry.bad_tag(id), 0);
    assert!(!registry.heard(NOW, id));
    assert!(!registry.set_content(id, &NewContent { bytes: b"", version: 1, group: None }));
    assert_eq!(registry.confirm(NOW, id, ([10, 0, 0, 1], 1).into()), Default::default());
    assert!(!registry.remove(NOW, id, Reason::Leave));
    assert!(registry.row(id).is_none());
    assert_eq!(registry.next_deadline(), None);
}

#[test]
fn a_new_version_of_the_same_content_is_noted_and_not_shown() {
    shows!("R-REG-31");
    let (mut registry, id) = one_row();
    let before = registry.row(id).map(|row| row.revision());
    let same = NewContent { bytes: b"content", version: 5, group: None };
    assert!(!registry.set_content(id, &same));
    let row = registry.row(id).expect("a row");
    assert_eq!((row.content_version(), Some(row.revision())), (5, before));
    assert!(registry.set_content(id, &NewContent { bytes: b"contend", version: 6, group: None }));
    let row = registry.row(id).expect("a row");
    assert_eq!((row.content(), row.content_version()), (&b"contend"[..], 6));
    assert!(Some(row.revision()) > before);
}

#[test]
fn a_signature_belongs_to_its_row() {
    shows!("R-AUT-40");
    let (mut registry, id) = one_row();
    let signature = FixedSignature { issued: 8, bytes: [3; 64] };
    registry.set_signature(id, Some(signature));
    assert_eq!(registry.row(id).and_then(|row| row.signature().copied()), Some(signature));
    registry.set_signature(id, None);
    assert_eq!(registry.row(id).and_then(|row| row.signature().copied()), None);
    registry.set_signature(id, Some(signature));
    registry.remove(NOW, id, Reason::Leave);
    let next = registry.register(NOW, &new_row(2, 11)).expect("realm").row;
    assert_eq!(next, id, "the place is used again");
    assert_eq!(registry.row(next).and_then(|row| row.signature().copied()), None);
}

#[test]
fn a_row_without_an_address_is_late_and_one_from_a_snapshot_unconfirmed() {
    let mut registry = super::registry();
    let homeless = NewRow { address: None, ..new_row(1, 1) };
    let late = registry.register(NOW, &homeless).expect("realm").row;
    let loaded = registry.load(NOW, 0, &new_row(2, 2)).expect("room");
    let both = registry.load(NOW, 0, &NewRow { address: None, ..new_row(3, 3) }).expect("room");
    let up = registry.register(NOW, &new_row(4, 4)).expect("realm").row;
    let of =
        |id| registry.row(id).map(|row| (row.status(), row.is_late(), row.is_unconfirmed(), row.is_live()));
    assert_eq!(of(late), Some((Status::Late, true, false, true)));
    assert_eq!(of(loaded), Some((Status::Unconfirmed, false, true, false)));
    assert_eq!(of(both), Some((Status::Unconfirmed, true, true, false)));
    assert_eq!(of(up), Some((Status::Up, false, false, true)));
    assert_eq!(registry.counts(REALM), Counts { known: 4, up: 1, late: 1, unconfirmed: 2 });
    assert!(registry.load(NOW, 0, &new_row(2, 9)).is_none(), "a row that is there stays");
    assert_eq!(registry.by_address(REALM, ([10, 0, 0, 2], 5000).into()), None, "it has not proved it");
    assert_eq!(registry.by_address(REALM, ([10, 0, 0, 4], 5000).into()), Some(up));
    registry.confirm(NOW, both, ([10, 0, 0, 3], 5000).into());
    assert_eq!(registry.counts(REALM), Counts { known: 4, up: 2, late: 1, unconfirmed: 1 });
    for id in [late, loaded, both, up] {
        assert!(registry.remove(NOW, id, Reason::Leave));
    }
    assert_eq!(registry.counts(REALM), Counts::default());
}

#[test]
fn a_session_says_what_it_follows_and_what_it_was_told() {
    let (mut registry, id) = one_row();
    let users = [UserId([9; 8]), UserId([1; 8]), UserId([9; 8])];
    for spec in [ViewSpec::None, ViewSpec::Realm, ViewSpec::Group("board"), ViewSpec::Named(&users)] {
        registry.subscribe(id, spec, true);
        registry.set_told(id, Revision(2));
        registry.subscribe(id, spec, false);
        let row = registry.row(id).expect("a row");
        let follows = spec != ViewSpec::None;
        assert_eq!(row.told(), Revision(if follows { 2 } else { 0 }), "the same view again forgets nothing");
        assert!(!row.wants_push());
        let expected = match spec {
            ViewSpec::Named(_) => ViewSpec::Named(&[UserId([1; 8]), UserId([9; 8])]),
            other => other,
        };
        assert_eq!(registry.view_spec(id), expected);
        assert_eq!(registry.group_of_realm(REALM, "board").is_some(), matches!(spec, ViewSpec::Group(_)));
    }
    registry.subscribe(id, ViewSpec::Named(&users[..2]), false);
    assert_eq!(registry.row(id).map(|row| row.told()), Some(Revision(2)), "the same users in another order");
    registry.subscribe(id, ViewSpec::Named(&users[..1]), false);
    assert_eq!(registry.row(id).map(|row| row.told()), Some(Revision(0)), "other users");
}

#[test]
fn a_refused_view_is_known_as_refused_until_it_is_granted() {
    let (mut registry, id) = one_row();
    registry.subscribe(id, ViewSpec::Realm, false);
    registry.set_told(id, Revision(2));
    assert_eq!(registry.row(id).and_then(|row| row.granted_since()), None);
    registry.refuse_view(id);
    let of = |registry: &Registry| registry.row(id).map(|row| (row.told(), row.granted_since()));
    assert_eq!(of(&registry), Some((Revision(0), Some(NOT_GRANTED))));
    registry.set_granted_since(id, Revision(4));
    assert_eq!(of(&registry), Some((Revision(0), Some(Revision(4)))));
    registry.set_granted_since(id, Revision(0));
    assert_eq!(of(&registry), Some((Revision(0), None)));
}
