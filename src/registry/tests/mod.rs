//! Tests of the table.

mod deadlines;
mod expiry;
mod many;
mod model;
mod parts;
mod random;
mod shown;
mod views;

use super::*;
use crate::ident::{InstanceId, Revision};
use crate::time::{Duration, UnixMillis};

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
