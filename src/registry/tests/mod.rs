//! Tests of the table.

mod deadlines;
mod ended;
mod expiry;
mod gone;
mod kept;
mod lists;
mod many;
mod merging;
mod model;
mod parked;
mod parts;
mod pushes;
mod random;
mod shared;
mod shown;
mod standstill;
mod views;

use super::*;
use crate::ident::{Generation, InstanceId, Revision};
use crate::limits::BUCKETS;
use crate::time::{Duration, UnixMillis};
pub(super) use model::Dice;

const REALM: RealmId = RealmId(7);

fn digest(user: UserId, late: bool, address: Option<IpAddr>, content: &[u8]) -> u64 {
    use std::hash::{Hash, Hasher};
    let mut hasher = std::hash::DefaultHasher::new();
    (user, late, address, content).hash(&mut hasher);
    hasher.finish()
}

fn new_row(user: u64, session: u64) -> NewRow<'static> {
    NewRow {
        realm: REALM,
        user: UserId(user.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes()),
        session: SessionId(session),
        key: &[9; 32],
        generation: Generation::default(),
        stamp: Stamp(session),
        server: ServerId(1),
        instance: InstanceId(user),
        content: b"content",
        content_version: 1,
        group: None,
        address: Some(([10, 0, 0, user as u8], 5000).into()),
        since: UnixMillis(1_000_000),
        check_time: Duration::from_secs(30),
    }
}

fn registry() -> Registry {
    let mut registry = Registry::new(1, digest, Instant::ZERO);
    assert!(registry.add_realm(REALM));
    registry
}

#[test]
fn a_row_comes_and_goes() {
    let mut registry = registry();
    let now = Instant::from_secs(1);
    let new = new_row(1, 10);
    let row = registry.register(now, &new).expect("realm").row;
    assert_eq!(registry.by_session(SessionId(10)), Some(row));
    assert_eq!(registry.by_user(REALM, new.user), Some(row));
    assert_eq!(registry.by_address(REALM, new.address.expect("address")), Some(row));
    assert_eq!(registry.counts(REALM), Counts { known: 1, up: 1, late: 0, unconfirmed: 0 });
    let view = registry.realm_view(REALM).expect("view");
    assert_eq!((registry.revision(view), registry.view_len(view)), (Revision(2), 1));
    assert!(registry.remove(now, row, Reason::Leave));
    assert_eq!(registry.by_session(SessionId(10)), None);
    assert_eq!(registry.removed_stamp(now, REALM, new.user), Some(Stamp(10)));
    assert_eq!(registry.root(view), 0);
    assert_eq!(registry.counts(REALM), Counts::default());
}

#[test]
fn silence_expires_between_its_bounds() {
    let mut registry = registry();
    let row = registry.register(Instant::ZERO, &new_row(1, 10)).expect("realm").row;
    let mut now = Instant::ZERO;
    loop {
        now = registry.next_deadline().expect("deadline").max(now);
        if let Some((id, fate)) = registry.expire(now) {
            assert_eq!((id, fate), (row, Fate::Expired));
            break;
        }
    }
    assert!(now >= Instant::from_secs(75) && now <= Instant::from_millis(78_000), "{now}");
}

#[test]
fn one_bucket_of_a_large_group_does_not_cost_the_whole_group() {
    let mut registry = registry();
    for user in 1..=2000 {
        registry.register(Instant::ZERO, &NewRow { group: Some("all"), ..new_row(user, user) });
    }
    let view = registry.group_of_realm(REALM, "all").expect("a group");
    for wanted in [0, 77, 127] {
        let looks = std::cell::Cell::new(0);
        let is_wanted = |bucket| {
            looks.set(looks.get() + 1);
            bucket == wanted
        };
        let (mut cursor, mut found) = (None, 0);
        while let Some(row) = registry.row_above(view, cursor, is_wanted).and_then(|id| registry.row(id)) {
            assert!(row.user().bucket() == wanted && Some(row.user()) > cursor);
            (cursor, found) = (Some(row.user()), found + 1);
        }
        let there = (1..=2000).filter(|user| new_row(*user, 1).user.bucket() == wanted).count();
        assert_eq!(found, there);
        assert!(looks.get() <= 2 * BUCKETS + 2 * found, "{} looks for {found} rows", looks.get());
    }
    assert_eq!(registry.row_above(view, None, |_| false), None);
}

#[test]
fn a_view_that_was_refused_once_counts_again_after_the_numbers_begin_anew() {
    crate::shows!("R-DIR-01", "R-DIR-10");
    let mut registry = registry();
    let id = registry.register(Instant::ZERO, &new_row(1, 10)).expect("realm").row;
    let other = registry.register(Instant::ZERO, &new_row(2, 11)).expect("realm").row;
    registry.subscribe(id, ViewSpec::Realm, false);
    let slot = registry.realm_slots[&REALM];
    registry.realm_mut(slot).expect("realm").revision = Revision(u32::MAX - 1);
    registry.set_granted_since(id, Revision(u32::MAX - 5));
    registry.set_content(other, &NewContent { bytes: b"new", version: 2, group: None });
    let view = registry.realm_view(REALM).expect("view");
    let since = registry.row(id).and_then(|row| row.granted_since()).expect("it was refused once");
    assert!(since <= registry.revision(view), "{since:?} is never reached again");
    registry.refuse_view(id);
    registry.realm_mut(slot).expect("realm").revision = Revision(u32::MAX - 1);
    registry.set_content(other, &NewContent { bytes: b"newer", version: 3, group: None });
    assert_eq!(registry.row(id).and_then(|row| row.granted_since()), Some(NOT_GRANTED));
}
