//! What is left of rows that are gone, and what is not; who comes back.

use std::net::SocketAddr;

use super::*;
use crate::ident::{Order, Process};
use crate::limits::GONE_KEPT;
use crate::registry::gone::{Gone, Removal};
use crate::registry::walk::Change;

const NOW: Instant = Instant::from_secs(1);

fn view(registry: &Registry) -> ViewHandle {
    registry.realm_view(REALM).expect("a view")
}

#[test]
fn nothing_stays_in_an_index_of_rows_that_are_gone() {
    let mut registry = registry();
    for n in 0..300 {
        let address = if n % 2 == 0 {
            ([10, 0, (n >> 8) as u8, n as u8], 5000).into()
        } else {
            ([0xfd00, 0, 0, 0, 0, 0, 0, n as u16], 5000).into()
        };
        let new = NewRow { address: Some(address), ..new_row(n + 1, n + 1) };
        registry.register(NOW, &new).expect("realm");
    }
    assert_eq!((registry.sessions.len(), registry.addresses.len(), registry.blobs.len()), (300, 300, 450));
    while let Some(id) = registry.next_row(None) {
        assert!(registry.remove(NOW, id, Reason::Expiry));
    }
    assert_eq!((registry.sessions.len(), registry.addresses.len(), registry.blobs.len()), (0, 0, 0));
}

#[test]
fn removed_stamps_are_forgotten_when_their_time_is_over() {
    shows!("R-AUT-12");
    let mut removed = Gone::new(1);
    for n in 0..1000_u64 {
        let user = UserId(n.to_be_bytes());
        removed.removed(
            Instant::from_secs(n),
            (REALM, user),
            Removal { stamp: Stamp(n), left: None },
            None,
            &mut None,
        );
        assert!(removed.len() <= 30, "{} after {n} s", removed.len());
    }
}

#[test]
fn above_the_bound_those_that_fell_silent_are_forgotten_before_those_that_left() {
    shows!("R-PEE-67");
    let (mut gone, life) = (Gone::new(1), Duration::from_secs(1000));
    let user = |n: u64| UserId(n.to_be_bytes());
    let ended = |n: u64, ending| Ended {
        order: Order { session: SessionId(n), stamp: Stamp(1), ..Order::default() },
        ending,
    };
    let silent = Ending::Expiry { sequence: 0, home: Process::NOBODY };
    for n in 0..GONE_KEPT as u64 {
        let ending = if n < 2 { Ending::Leave } else { silent };
        gone.note(NOW, (REALM, user(n)), ended(n, ending), (life, Duration::ZERO), &mut None);
    }
    let known = |gone: &Gone, n| gone.last(NOW, REALM, user(n)).is_some();
    gone.note(NOW, (REALM, user(1 << 40)), ended(0, silent), (life, Duration::ZERO), &mut None);
    assert!(known(&gone, 0) && !known(&gone, 2) && known(&gone, 3) && known(&gone, 1 << 40));
    // An entry that becomes a leave is one of those.
    gone.note(NOW, (REALM, user(3)), ended(3, Ending::Leave), (life, Duration::ZERO), &mut None);
    gone.note(NOW, (REALM, user(1 << 41)), ended(0, Ending::Leave), (life, Duration::ZERO), &mut None);
    assert!(known(&gone, 3) && !known(&gone, 4) && known(&gone, 5));
    for n in 0..GONE_KEPT as u64 {
        gone.note(
            NOW,
            (REALM, user(n | 1 << 50)),
            ended(n, Ending::Leave),
            (life, Duration::ZERO),
            &mut None,
        );
    }
    assert_eq!(gone.len(), GONE_KEPT);
    assert!(!known(&gone, 0) && !known(&gone, 5) && known(&gone, 1 << 50));
    // And none is kept for ever: two of those that are over go with each that comes.
    let over = NOW + life;
    for n in 0..=GONE_KEPT as u64 / 2 {
        gone.note(over, (REALM, user(1)), ended(n, Ending::Leave), (life, Duration::ZERO), &mut None);
    }
    assert_eq!(gone.len(), 1);
}

#[test]
fn who_is_back_is_not_told_as_gone() {
    shows!("R-REG-45", "R-DIR-03");
    for group in [None, Some("board")] {
        let mut registry = registry();
        let new = |session| NewRow { group, ..new_row(1, session) };
        let keep = registry.register(NOW, &NewRow { group, ..new_row(2, 2) }).expect("realm").row;
        let first = registry.register(NOW, &new(1)).expect("realm").row;
        let view = match group {
            None => view(&registry),
            Some(name) => registry.group_of_realm(REALM, name).expect("a group"),
        };
        let before = registry.revision(view);
        registry.remove(NOW, first, Reason::Leave);
        let gone: Vec<_> = registry.changes_after(view, before, None).map(|(_, change)| change).collect();
        assert!(matches!(gone[..], [Change::Gone(GoneRow { reason: Reason::Leave, .. })]), "{gone:?}");
        let back = registry.register(NOW, &new(3)).expect("realm").row;
        let changes: Vec<_> = registry.changes_after(view, before, None).map(|(_, change)| change).collect();
        assert_eq!(changes, [Change::Row(back)]);
        let all = registry
            .changes_after(view, Revision(0), None)
            .filter(|(_, change)| *change == Change::Row(keep));
        assert_eq!(all.count(), 1);
    }
}

#[test]
fn what_a_delta_costs_is_how_far_back_it_begins() {
    shows!("R-SEC-05");
    let mut registry = registry();
    let revisions: Vec<Revision> = (1..=20)
        .map(|n| {
            registry.register(NOW, &new_row(n, n)).expect("realm");
            registry.revision(view(&registry))
        })
        .collect();
    for (place, revision) in revisions.iter().enumerate() {
        let changes = registry.changes_after(view(&registry), *revision, None);
        assert_eq!(changes.walked(), 19 - place as u64);
        assert_eq!(changes.count(), 19 - place);
    }
}

#[test]
fn a_confirmed_row_is_found_at_the_address_that_it_had() {
    shows!("R-REG-25");
    let mut registry = registry();
    let new = new_row(1, 10);
    let address = new.address.expect("an address");
    let id = registry.load(NOW, 0, &new).expect("a row");
    assert_eq!(registry.by_address(REALM, address), None);
    registry.confirm(NOW, id, address);
    assert_eq!(registry.by_address(REALM, address), Some(id));
    assert_eq!(registry.addresses.len(), 1);
}

#[test]
fn who_was_silent_and_is_heard_counts_for_the_brake_no_more() {
    shows!("R-REG-43");
    let mut registry = registry();
    let id = registry.register(NOW, &new_row(1, 10)).expect("realm").row;
    let suspects = |registry: &Registry| registry.realm(REALM).map(|realm| realm.suspects);
    let silent = NOW + Duration::from_secs(48);
    assert_eq!((registry.expire(silent), suspects(&registry)), (None, Some(1)));
    assert!(!registry.heard(silent, id), "it was up all the time");
    assert_eq!(suspects(&registry), Some(0));
}

#[test]
fn realms_come_one_behind_the_other() {
    let mut registry = registry();
    assert!(registry.add_realm(RealmId(3)) && registry.add_realm(RealmId(9)));
    let next = |after| registry.realm_after(after);
    assert_eq!(next(None), Some(RealmId(3)));
    assert_eq!(next(Some(RealmId(3))), Some(REALM));
    assert_eq!(next(Some(REALM)), Some(RealmId(9)));
    assert_eq!(next(Some(RealmId(9))), None);
}

/// So many questions that some of them meet another realm's row by what the index compares first.
#[test]
fn an_address_belongs_to_one_realm() {
    shows!("R-REG-25");
    let mut registry = registry();
    for n in 100..200 {
        assert!(registry.add_realm(RealmId(n)));
    }
    let address = |n: u64| SocketAddr::from(([10, 1, (n >> 8) as u8, n as u8], 5000));
    for n in 1..=2000 {
        registry.register(NOW, &NewRow { address: Some(address(n)), ..new_row(n, n) }).expect("realm");
    }
    for realm in (100..200).map(RealmId) {
        assert!((1..=2000).all(|n| registry.by_address(realm, address(n)).is_none()), "in realm {realm:?}");
    }
}
