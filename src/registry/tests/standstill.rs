//! Rows at home here, after the process stood still (R-PEE-06).

use super::merging::{HERE, NOW, THERE, at_home, left, order, place, table, told};
use super::shared::row_digest;
use super::*;
use crate::ident::Process;
use crate::registry::merge::Standing;

/// Three expiries of a check time of 30 s.
const LASTS: Duration = Duration::from_secs(225);
const WOKE: Instant = Instant::from_secs(1_000 + 225);

fn shared() -> Registry {
    let mut registry = table();
    registry.share(row_digest);
    while registry.share_step() {}
    registry
}

/// User 1 with session 10 was at home here when the process stood still, and is no more.
fn doubted(registry: &mut Registry) -> RowId {
    let id = at_home(registry, 10, 5);
    assert_eq!(registry.doubt_silent(WOKE), 1);
    id
}

/// When the only row runs out.
fn end(registry: &mut Registry) -> Instant {
    loop {
        let now = registry.next_deadline().expect("a row");
        if let Some((id, fate)) = registry.expire(now) {
            assert_eq!(fate, Fate::Expired);
            assert!(registry.remove(now, id, Reason::Expiry));
            return now;
        }
    }
}

#[test]
fn a_row_that_may_have_left_is_as_one_of_a_snapshot() {
    crate::shows!("R-PEE-06", "R-PEE-65", "R-REG-41");
    let mut registry = shared();
    let new = new_row(1, 10);
    let id = doubted(&mut registry);
    let row = registry.row(id).expect("it stays");
    assert_eq!((row.status(), row.is_live(), row.is_here()), (Status::Unconfirmed, false, false));
    assert_eq!((row.home(), row.is_offered()), (Process::NOBODY, false));
    assert_eq!((row.session(), row.since(), row.window()), (new.session, new.since, (5, 1)));
    assert_eq!(row.address(), new.address, "shown, and held by nobody");
    assert_eq!(registry.by_address(REALM, new.address.expect("one")), None);
    assert_eq!(registry.sums(HERE), None);
    assert_eq!(registry.held(WOKE, HERE, &[0xff; 512], (RealmId(0), UserId([0; 8]))).next(), Step::End);
    assert_eq!(registry.counts(REALM), Counts { known: 1, unconfirmed: 1, ..Counts::default() });
    // Doubted once it has its expiry, however often the process stands still.
    assert_eq!(registry.doubt_silent(WOKE + LASTS), 0);
    let ended = end(&mut registry).since(WOKE);
    assert!((Duration::from_secs(75)..=Duration::from_secs(78)).contains(&ended), "{ended:?}");
    assert_eq!(registry.ended(WOKE, REALM, new.user), None, "nobody is told that it is gone");
}

#[test]
fn its_expiry_begins_when_the_standstill_ends() {
    crate::shows!("R-PEE-06", "R-REG-44");
    for micros in [0, 1, 999] {
        let mut registry = table();
        at_home(&mut registry, 10, 5);
        let woke = WOKE + Duration::from_micros(micros);
        assert_eq!(registry.doubt_silent(woke), 1);
        registry.defer(woke, LASTS);
        let ended = end(&mut registry).since(woke);
        assert!(ended <= Duration::from_secs(78), "{ended:?}: the standstill was before it");
    }
}

#[test]
fn who_was_heard_lately_stays_and_so_do_copies() {
    crate::shows!("R-PEE-06");
    let mut registry = shared();
    registry.home_reached(THERE);
    let id = at_home(&mut registry, 10, 5);
    let copy = ToldRow { row: new_row(2, 20), ..told(0, 0) };
    registry.merge_row(NOW, &copy);
    registry.load(NOW, 0, &new_row(3, 30)).expect("a row");
    let before = registry.counts(REALM);
    assert_eq!(registry.doubt_silent(WOKE - Duration::from_millis(1)), 0);
    assert_eq!((registry.counts(REALM), place(&registry, id).home), (before, HERE));
    registry.heartbeat(NOW + Duration::from_secs(1), id);
    assert_eq!(registry.doubt_silent(WOKE), 0);
    assert_eq!(registry.doubt_silent(WOKE + Duration::from_secs(1)), 1);
    let copied = registry.by_user(REALM, copy.row.user).expect("a copy");
    assert_eq!(place(&registry, copied).home, THERE);
}

#[test]
fn the_shorter_check_time_counts() {
    crate::shows!("R-PEE-06", "R-PEE-67");
    // Told to the host, in force here; three expiries of the shorter one are 75 s.
    for (row, here) in [(10, 30), (30, 10)] {
        let mut registry = table();
        registry.set_timing(Duration::from_secs(here), 2.5);
        let new = NewRow { check_time: Duration::from_secs(row), ..new_row(1, 10) };
        registry.register(NOW, &new).expect("realm");
        assert_eq!(registry.doubt_silent(NOW + Duration::from_millis(74_999)), 0);
        assert_eq!(registry.doubt_silent(NOW + Duration::from_secs(75)), 1);
    }
}

#[test]
fn whoever_is_alive_goes_on_with_its_session() {
    crate::shows!("R-PEE-06", "R-PEE-52");
    let mut registry = shared();
    let (new, id) = (new_row(1, 10), doubted(&mut registry));
    let revision = registry.position();
    registry.set_window(id, (6, 1));
    let now = WOKE + Duration::from_secs(20);
    let change = registry.confirm(now, id, new.address.expect("one"));
    assert_eq!(change, AddressChange::default(), "hosts see nothing of it");
    let row = registry.row(id).expect("a row");
    assert_eq!((row.status(), row.session(), row.since()), (Status::Up, new.session, new.since));
    let place = row.place();
    assert_eq!((place.home, place.sequence, place.standing), (HERE, 6, Standing::Up));
    assert_eq!(registry.by_address(REALM, new.address.expect("one")), Some(id));
    assert!(registry.shared_revision(id) > revision, "the others are told");
    assert_eq!(registry.sums(HERE).map(|sums| sums.rows), Some(1));
    assert!(end(&mut registry) >= now + Duration::from_secs(75));
}

#[test]
fn what_another_hms_knows_of_it_counts() {
    crate::shows!("R-PEE-06", "R-PEE-51", "R-PEE-53");
    // It moved, was registered anew, or left.
    for (session, sequence) in [(10, 0), (10, 4), (11, 0)] {
        let mut registry = table();
        registry.home_reached(THERE);
        let id = doubted(&mut registry);
        registry.merge_row(WOKE, &told(session, sequence));
        let row = registry.row(id).expect("a row");
        let told = (row.session(), row.home(), row.status());
        assert_eq!(told, (SessionId(session), THERE, Status::Up), "{sequence}");
    }
    let mut registry = table();
    let (new, id) = (new_row(1, 10), doubted(&mut registry));
    let told = registry.merge_gone(WOKE, REALM, new.user, left(&new), Duration::from_secs(1));
    assert_eq!((told, registry.row(id).is_none()), (Merged::Ended, true));
    assert_eq!(registry.ended(WOKE, REALM, new.user).map(|(ended, _)| ended.order), Some(order(&new)));
}

#[test]
fn it_neither_brakes_nor_holds_an_address() {
    crate::shows!("R-PEE-06", "R-REG-43", "R-REG-25");
    let mut registry = table();
    let address = |user: u64| ([10, 1, (user >> 8) as u8, user as u8], 1).into();
    for user in 1..=100 {
        let new = NewRow { address: Some(address(user)), ..new_row(user, user) };
        registry.register(NOW, &new).expect("realm");
    }
    // All of them miss a heartbeat, then are overdue, and the brake holds.
    assert_eq!(registry.expire(NOW + Duration::from_secs(50)), None);
    let mut late = 0;
    while let Some((_, fate)) = registry.expire(NOW + Duration::from_secs(79)) {
        assert_eq!(fate, Fate::Late);
        late += 1;
    }
    assert_eq!((late, registry.braking(REALM)), (100, true));
    assert_eq!(registry.doubt_silent(WOKE), 100);
    assert!(!registry.braking(REALM));
    assert_eq!(registry.counts(REALM), Counts { known: 100, unconfirmed: 100, ..Counts::default() });
    let other = NewRow { address: Some(address(7)), ..new_row(200, 200) };
    let registered = registry.register(WOKE, &other).expect("realm");
    assert_eq!(registered.displaced, None, "nobody holds it");
}
