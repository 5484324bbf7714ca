//! The list of changes, sums and walks, case by case.

use std::collections::BTreeSet;

use super::merging::left;
use super::shared::{HERE, OTHERS, row_digest};
use super::*;
use crate::ident::Order;
use crate::limits::{GONE_KEPT, SUM_BUCKETS};
use crate::registry::log::COUNTED;

const NOW: Instant = Instant::from_secs(1000);
const A: Teller = Teller(1);
const B: Teller = Teller(2);
const ALL: [u8; SUM_BUCKETS / 8] = [0xff; SUM_BUCKETS / 8];
const START: Key = (RealmId(0), UserId([0; 8]));

fn table() -> Registry {
    let mut registry = registry();
    registry.set_process(HERE);
    registry
}

fn shared() -> Registry {
    let mut registry = table();
    registry.share(row_digest);
    while registry.share_step() {}
    registry
}

fn told(user: u64, session: u64, sequence: u64) -> ToldRow<'static> {
    ToldRow {
        row: new_row(user, session),
        view: ViewSpec::None,
        push: false,
        sequence,
        late: false,
        home: OTHERS[0],
        age: Duration::ZERO,
    }
}

fn hear(registry: &mut Registry, teller: Teller, told: &ToldRow<'_>) -> RowId {
    registry.telling(teller, |registry| registry.merge_row(NOW, told));
    registry.by_user(REALM, told.row.user).expect("a row")
}

fn next(registry: &mut Registry, reader: Reader) -> Option<(Teller, Held)> {
    let told = registry.next_change(NOW, reader)?;
    registry.pass_change(reader);
    Some((told.teller, told.what))
}

#[test]
fn a_change_says_who_told_it_until_another_does_before_it_was_read() {
    let mut registry = shared();
    let reader = registry.open_reader().expect("shared");
    let row = hear(&mut registry, A, &told(1, 10, 1));
    assert_eq!(next(&mut registry, reader), Some((A, Held::Row(row))));
    hear(&mut registry, A, &told(1, 10, 2));
    hear(&mut registry, A, &told(1, 10, 3));
    assert_eq!(next(&mut registry, reader), Some((A, Held::Row(row))));
    hear(&mut registry, B, &told(1, 10, 4));
    assert_eq!(next(&mut registry, reader), Some((B, Held::Row(row))), "what A told was read");
    hear(&mut registry, A, &told(1, 10, 5));
    hear(&mut registry, B, &told(1, 10, 6));
    assert_eq!(next(&mut registry, reader), Some((Teller::HERE, Held::Row(row))));
    registry.confirm(NOW, row, ([10, 0, 0, 1], 1).into());
    assert_eq!(next(&mut registry, reader), Some((Teller::HERE, Held::Row(row))));
    assert_eq!(next(&mut registry, reader), None);
}

/// R-PEE-55: who told the other place hears of the one that is kept.
#[test]
fn a_row_that_its_home_keeps_is_told_to_everybody() {
    let mut registry = shared();
    let row = registry.register(NOW, &new_row(1, 10)).expect("realm").row;
    registry.set_window(row, (9, 1));
    let reader = registry.open_reader().expect("shared");
    hear(&mut registry, A, &told(1, 10, 8));
    assert_eq!(next(&mut registry, reader), Some((Teller::HERE, Held::Row(row))));
}

#[test]
fn what_nobody_needs_to_hear_is_not_listed() {
    let mut registry = shared();
    let row = registry.register(NOW, &new_row(1, 10)).expect("realm").row;
    let position = registry.position();
    assert_eq!((registry.shared_revision(row), position), (1, 1));
    registry.heartbeat(NOW + Duration::from_secs(1), row);
    registry.set_window(row, (7, 1));
    registry.confirm(NOW, row, new_row(1, 1).address.expect("one"));
    registry.subscribe(row, ViewSpec::None, true);
    assert!(registry.load(NOW, 0, &new_row(2, 20)).is_some());
    let copy = hear(&mut registry, A, &told(3, 30, 0));
    registry.unvouch(NOW, copy);
    assert_eq!(registry.position(), position + 1, "only the copy came");
    assert!(!registry.row(copy).expect("a row").is_offered());
    registry.vouch(NOW, copy);
    assert_eq!(registry.shared_revision(copy), position + 2, "others may have missed something");
}

#[test]
fn a_reader_stays_where_it_is_whatever_moves() {
    let mut registry = shared();
    let ids: Vec<RowId> =
        (1..=4).map(|n| registry.register(NOW, &new_row(n, n)).expect("realm").row).collect();
    let [from, to] = [(); 2].map(|()| registry.open_reader().expect("shared"));
    assert_eq!((registry.reader_position(from), next(&mut registry, from)), (4, None));
    let change = |registry: &mut Registry, which: usize, version| {
        registry.set_content(ids[which], &NewContent { bytes: b"x", version, group: None });
    };
    (0..4).for_each(|which| change(&mut registry, which, 2));
    assert_eq!(next(&mut registry, from), Some((Teller::HERE, Held::Row(ids[0]))));
    assert_eq!(registry.reader_position(from), 5);
    // The one that comes next moves to the end, and then the one behind is removed.
    change(&mut registry, 1, 3);
    assert_eq!(registry.reader_position(from), 6);
    registry.remove(NOW, ids[2], Reason::Revoked);
    registry.move_reader(to, from);
    for reader in [from, to] {
        let rest: Vec<_> = std::iter::from_fn(|| next(&mut registry, reader)).map(|(_, held)| held).collect();
        assert_eq!(rest, [Held::Row(ids[3]), Held::Row(ids[1])]);
        assert_eq!(registry.reader_position(reader), registry.position());
    }
    registry.close_reader(from);
    assert_eq!(registry.next_change(NOW, from), None);
    // The only one moves.
    change(&mut registry, 1, 4);
    change(&mut registry, 1, 5);
    assert_eq!(next(&mut registry, to), Some((Teller::HERE, Held::Row(ids[1]))));
}

/// No sum has ends in it, so no comparison would show that a neighbour lacks one.
#[test]
fn who_tells_of_a_session_that_ended_is_told_so_again() {
    crate::shows!("R-PEE-58");
    let mut registry = shared();
    let row = new_row(1, 10);
    registry.merge_gone(NOW, REALM, row.user, left(&row), Duration::from_secs(60));
    let reader = registry.open_reader().expect("shared");
    while next(&mut registry, reader).is_some() {}
    let ended = |told: Option<(Teller, Held)>| match told {
        Some((Teller::HERE, Held::Ended { ended, .. })) => Some(ended),
        _ => None,
    };
    // The very session, and one before it.
    for session in [10, 9] {
        registry.telling(A, |registry| registry.merge_row(NOW, &told(1, session, 1)));
        assert_eq!(ended(next(&mut registry, reader)), Some(left(&row)));
        assert_eq!(next(&mut registry, reader), None);
    }
    // Who has a row of the user shows that itself.
    let later = hear(&mut registry, A, &told(1, 11, 1));
    assert_eq!(next(&mut registry, reader), Some((A, Held::Row(later))));
    registry.telling(A, |registry| registry.merge_row(NOW, &told(1, 10, 1)));
    assert_eq!(next(&mut registry, reader), None);
}

/// R-PEE-72.
#[test]
fn nobody_resumes_where_an_end_was_forgotten() {
    let mut registry = shared();
    let remove = |registry: &mut Registry, user, now| {
        let row = registry.register(now, &new_row(user, user)).expect("realm").row;
        let reader = registry.open_reader().expect("shared");
        registry.remove(now, row, Reason::Leave);
        let told = registry.next_change(now, reader).expect("the end");
        assert!(matches!(told.what, Held::Ended { left, .. } if left == Duration::from_secs(285)));
        registry.close_reader(reader);
        told.revision
    };
    let first = remove(&mut registry, 1, NOW);
    let later = NOW + Duration::from_secs(284);
    let second = remove(&mut registry, 2, later);
    assert!(registry.can_resume(later, 0));
    let over = NOW + Duration::from_secs(285);
    assert!(!registry.can_resume(over, first - 1) && registry.can_resume(over, first));
    let over = later + Duration::from_secs(285);
    assert!(!registry.can_resume(over, second - 1) && registry.can_resume(over, second));
    assert!(!table().can_resume(NOW, 0), "there is no list");
}

/// R-PEE-67: those that had to be forgotten early count as well.
#[test]
fn what_is_forgotten_early_is_forgotten() {
    let mut registry = shared();
    let silent = |n: u64| Ended {
        order: Order { session: SessionId(n), stamp: Stamp(1), ..Order::default() },
        ending: Ending::Expiry { sequence: 0, home: OTHERS[0] },
    };
    for n in 0..=GONE_KEPT as u64 {
        let life = Duration::from_secs(100);
        registry.merge_gone(NOW, REALM, UserId(n.to_be_bytes()), silent(n), life);
    }
    assert!(!registry.can_resume(NOW, 0) && registry.can_resume(NOW, 1));
    assert_eq!(registry.sharing.as_ref().expect("shared").ended.len(), GONE_KEPT);
}

#[test]
fn what_was_there_before_is_entered_in_pieces() {
    crate::shows!("R-PEE-76");
    let mut registry = table();
    for n in 1..=1000 {
        let address = Some(([10, 1, (n >> 8) as u8, n as u8], 1).into());
        registry.register(NOW, &NewRow { address, ..new_row(n, n) }).expect("realm");
    }
    for n in 1001..=2000 {
        let row = registry.register(NOW, &new_row(n, n)).expect("realm").row;
        registry.remove(NOW, row, Reason::Leave);
    }
    registry.share(row_digest);
    assert_eq!(registry.sums(HERE), None);
    assert_eq!(registry.summed_homes(), []);
    let steps = std::iter::repeat_with(|| registry.share_step()).take_while(|more| *more).count();
    assert!((6..=12).contains(&steps), "{steps} steps");
    assert_eq!(registry.sums(HERE).map(|sums| sums.rows), Some(1000));
    assert_eq!(registry.position(), 0, "nothing changed");
    let user = new_row(1500, 1).user;
    let mut walk =
        registry.held(NOW, HERE, &ALL, (REALM, UserId((u64::from_be_bytes(user.0) - 1).to_be_bytes())));
    assert!(matches!(walk.next(), Step::Held((REALM, at), Held::Ended { .. }) if at == user));
    // A second time nothing is forgotten.
    registry.share(row_digest);
    assert!(!registry.share_step() && registry.sums(HERE).is_some());
}

#[test]
fn a_walk_pauses_in_a_table_of_others() {
    crate::shows!("R-PEE-79");
    let mut registry = shared();
    for user in 1..=5000 {
        hear(&mut registry, A, &told(user, user, 0));
    }
    let mine = [7, 3000, 4999].map(|n| registry.register(NOW, &new_row(n, 6000 + n)).expect("realm").row);
    let (mut after, mut found, mut pauses) = (START, BTreeSet::new(), 0);
    'walks: loop {
        let mut walk = registry.held(NOW, HERE, &ALL, after);
        loop {
            match walk.next() {
                Step::Held(key, Held::Row(id)) => assert!(key > after && found.insert(id)),
                Step::Held(_, other) => panic!("{other:?}"),
                Step::Pause(key) => {
                    assert!(key > after);
                    (after, pauses) = (key, pauses + 1);
                    break;
                }
                Step::End => break 'walks,
            }
        }
    }
    assert_eq!((found, pauses), (BTreeSet::from(mine), 4));
}

#[test]
fn a_sum_that_its_rows_do_not_give_is_found_and_made_anew() {
    crate::shows!("R-PEE-81");
    let mut registry = shared();
    for user in 1..=400 {
        hear(&mut registry, A, &told(user, user, 0));
    }
    let whole = registry.sums(OTHERS[0]).cloned().expect("sums");
    let user = new_row(77, 1).user;
    let (bucket, id) = (user.sum_bucket(), registry.by_user(REALM, user).expect("a row").0);
    assert_eq!(registry.check_bucket(bucket), []);
    registry.rows.get_mut(id).expect("a row").stamp.0 ^= 1;
    assert_eq!(registry.check_bucket(bucket), [OTHERS[0]]);
    assert_eq!(registry.check_bucket((bucket + 1) % SUM_BUCKETS), []);
    registry.rows.get_mut(id).expect("a row").stamp.0 ^= 1;
    assert_eq!(registry.check_bucket(bucket), []);
    assert_eq!(registry.scrub(bucket), Scrubbed::default());
    // A sum, and then what a row is counted with.
    let sums = registry.homes.all_sums_mut().next().expect("sums");
    sums.buckets[bucket] ^= 8;
    assert_eq!(registry.check_bucket(bucket), [OTHERS[0]]);
    assert_eq!(registry.scrub(bucket), Scrubbed { damaged: vec![], remade: true });
    assert_eq!(registry.check_bucket(bucket), []);
    assert_eq!(registry.sums(OTHERS[0]), Some(&whole));
    let mark = registry.sharing.as_mut().and_then(|sharing| sharing.log.row_mut(id)).expect("a mark");
    assert!(mark.has(COUNTED));
    mark.digest ^= 8;
    assert_eq!(registry.scrub(bucket), Scrubbed { damaged: vec![], remade: true });
    assert_eq!(registry.scrub(bucket), Scrubbed::default());
    assert_eq!(registry.sums(OTHERS[0]), Some(&whole));
    assert_eq!(registry.scrub_counts(), ScrubCounts { remade: 2, ..ScrubCounts::default() });
}

#[test]
fn a_new_session_with_everything_as_before_is_a_change() {
    let mut registry = shared();
    let row = registry.register(NOW, &new_row(1, 10)).expect("realm").row;
    registry.register(NOW, &new_row(1, 11)).expect("realm");
    assert_eq!((registry.shared_revision(row), registry.position()), (2, 2));
}

#[test]
fn a_row_that_is_late_already_and_loses_its_address_is_told() {
    crate::shows!("R-PEE-52");
    let mut registry = shared();
    let row = registry.register(NOW, &new_row(1, 10)).expect("realm").row;
    registry.set_window(row, (5, 1));
    registry.set_late(row.0, true);
    registry.set_window(row, (6, 1));
    let reader = registry.open_reader().expect("shared");
    let address = new_row(1, 10).address;
    let other = registry.register(NOW, &NewRow { address, ..new_row(2, 20) }).expect("realm").row;
    let place = registry.row(row).expect("a row").place();
    assert_eq!((place.address, place.sequence), (None, 6));
    let told: Vec<_> = std::iter::from_fn(|| next(&mut registry, reader)).map(|(_, held)| held).collect();
    assert_eq!(told, [Held::Row(row), Held::Row(other)]);
}
