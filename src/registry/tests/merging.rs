//! What other HMSs tell, and what becomes of it here.

use super::*;
use crate::ident::{Incarnation, Order, Process};
use crate::registry::merge::{Known, Place, Said, Session, Standing};

pub(super) const NOW: Instant = Instant::from_secs(1000);
pub(super) const HERE: Process = Process { server: ServerId(1), incarnation: Incarnation(1) };
pub(super) const THERE: Process = Process { server: ServerId(2), incarnation: Incarnation(1) };
const ELSEWHERE: Process = Process { server: ServerId(3), incarnation: Incarnation(7) };

pub(super) fn table() -> Registry {
    let mut registry = registry();
    registry.set_process(HERE);
    registry
}

/// A row of user 1.
pub(super) fn told(session: u64, sequence: u64) -> ToldRow<'static> {
    ToldRow {
        row: new_row(1, session),
        view: ViewSpec::None,
        push: false,
        sequence,
        late: false,
        home: THERE,
        age: Duration::ZERO,
    }
}

pub(super) fn order(row: &NewRow<'_>) -> Order {
    Order { generation: row.generation, stamp: row.stamp, server: row.server, session: row.session }
}

pub(super) fn expired(row: &NewRow<'_>, sequence: u64) -> Ended {
    Ended { order: order(row), ending: Ending::Expiry { sequence, home: THERE } }
}

pub(super) fn left(row: &NewRow<'_>) -> Ended {
    Ended { order: order(row), ending: Ending::Leave }
}

pub(super) fn stray(row: &NewRow<'_>) -> Ended {
    Ended { order: Order { session: row.session, ..Order::default() }, ending: Ending::Leave }
}

pub(super) fn gone(registry: &mut Registry, row: &NewRow<'_>, ended: Ended) -> Merged {
    registry.merge_gone(NOW, row.realm, row.user, ended, Duration::from_secs(285))
}

/// Registers user 1 here, and lets the window say that so much was accepted.
pub(super) fn at_home(registry: &mut Registry, session: u64, accepted: u64) -> RowId {
    let id = registry.register(NOW, &new_row(1, session)).expect("realm").row;
    registry.set_window(id, (accepted, 1));
    id
}

pub(super) fn place(registry: &Registry, id: RowId) -> Place {
    registry.row(id).expect("a row").place()
}

#[test]
fn what_is_told_in_any_order_is_what_the_rules_say() {
    crate::shows!("R-PEE-50", "R-PEE-51", "R-PEE-53", "R-PEE-54", "R-REG-01");
    const CONTENTS: [&[u8]; 3] = [b"a", b"b", b"bc"];
    for seed in 0..3000 {
        let (mut dice, mut registry, mut known) = (Dice(seed), table(), Known::default());
        let mut silent = false;
        for _ in 0..12 {
            let number = dice.below(3);
            let row = NewRow {
                stamp: Stamp(5 + number / 2),
                session: SessionId(number + 1),
                content: CONTENTS[dice.below(3) as usize],
                content_version: dice.below(2) as u32,
                address: Some(([10, 0, 0, dice.below(2) as u8], 5000).into()),
                ..new_row(1, 0)
            };
            let sequence = dice.below(4);
            let view = if dice.one_in(2) { ViewSpec::Realm } else { ViewSpec::None };
            let home = if dice.one_in(2) { THERE } else { ELSEWHERE };
            let late = dice.one_in(3);
            let told = ToldRow { row, view, late, home, ..told(0, sequence) };
            let ended = match dice.below(12) {
                0 => Some(left(&row)),
                1 => Some(stray(&row)),
                2..=4 => Some(expired(&row, sequence)),
                _ => None,
            };
            match ended {
                Some(ended) => {
                    silent |= ended.ending != Ending::Leave;
                    gone(&mut registry, &row, ended);
                    known = match ended.is_stray() {
                        true => known.hear_stray(row.session),
                        false => known.hear(ended.session()),
                    };
                }
                None => {
                    registry.merge_row(NOW, &told);
                    let standing = if late { Standing::Late } else { Standing::Up };
                    known = known.hear(Session {
                        order: order(&row),
                        said: Said { version: row.content_version, content: row.content, view, push: false },
                        place: Place { sequence, standing, home, address: row.address },
                        left: false,
                    });
                }
            }
            let expected = known.session.filter(Session::is_there);
            let found = registry.by_user(REALM, row.user).and_then(|id| registry.row(id));
            assert_eq!(found.is_some(), expected.is_some(), "seed {seed}: {known:?}");
            let Some((found, expected)) = found.zip(expected) else { continue };
            assert_eq!((found.order(), found.place()), (expected.order, expected.place), "seed {seed}");
            // What was said is forgotten with a row that fell silent, and told again by who has it.
            if !silent {
                let said = (found.content_version(), found.content(), registry.view_spec(found.id()));
                assert_eq!(said, (expected.said.version, expected.said.content, expected.said.view));
            }
        }
    }
}

#[test]
fn a_home_keeps_what_it_heard_itself_or_gives_it_up() {
    crate::shows!("R-PEE-55");
    let mut registry = table();
    let id = at_home(&mut registry, 10, 8);
    assert_eq!(registry.merge_row(NOW, &told(10, 7)), Merged::Kept(id));
    assert_eq!(place(&registry, id), Place { sequence: 8, home: HERE, ..place(&registry, id) });
    assert_eq!(gone(&mut registry, &new_row(1, 10), expired(&new_row(1, 10), 7)), Merged::Nothing);
    registry.set_window(id, (9, 1));
    assert_eq!(gone(&mut registry, &new_row(1, 10), expired(&new_row(1, 10), 8)), Merged::Kept(id));
    assert_eq!(place(&registry, id).sequence, 9);
    // It has no more than that place names.
    let changed = Merged::Changed { row: id, said: false, place: true, yielded: true };
    assert_eq!(registry.merge_row(NOW, &told(10, 10)), changed);
    let row = registry.row(id).expect("a row");
    assert_eq!((row.home(), row.window(), row.is_here(), row.is_live()), (THERE, (9, 1), false, false));
    assert_eq!(registry.by_address(REALM, new_row(1, 1).address.expect("one")), None, "proven elsewhere");
    // And a leave is for good.
    let id = at_home(&mut registry, 11, 8);
    assert_eq!(gone(&mut registry, &new_row(1, 11), left(&new_row(1, 11))), Merged::Ended);
    assert_eq!(registry.row(id).map(|row| row.id()), None);
    assert_eq!(registry.merge_row(NOW, &told(11, 99)), Merged::Refused(Refused::Ended));
}

#[test]
fn what_a_merge_does_is_said() {
    crate::shows!("R-PEE-50", "R-PEE-51", "R-PEE-53");
    let mut registry = table();
    let Merged::Entered(id, None) = registry.merge_row(NOW, &told(10, 0)) else { panic!("a new row") };
    assert_eq!(registry.merge_row(NOW, &told(10, 0)), Merged::Nothing);
    let changed = |said, place| Merged::Changed { row: id, said, place, yielded: false };
    assert_eq!(registry.merge_row(NOW, &ToldRow { late: true, ..told(10, 0) }), changed(false, true));
    let row = NewRow { content: b"more", ..new_row(1, 10) };
    assert_eq!(registry.merge_row(NOW, &ToldRow { row, ..told(10, 0) }), changed(true, false));
    assert!(registry.row(id).expect("a row").is_late(), "the place stayed");
    assert_eq!(registry.merge_row(NOW, &told(11, 0)), Merged::Entered(id, Some(SessionId(10))));
    assert_eq!(registry.merge_row(NOW, &told(10, 99)), Merged::Refused(Refused::Older));
    assert_eq!(
        registry.merge_row(NOW, &ToldRow { home: HERE, ..told(12, 0) }),
        Merged::Refused(Refused::Own)
    );
    let row = NewRow { realm: RealmId(99), ..new_row(1, 12) };
    let nowhere = Merged::Refused(Refused::Realm);
    assert_eq!(registry.merge_row(NOW, &ToldRow { row, ..told(12, 0) }), nowhere);
    assert_eq!(gone(&mut registry, &row, left(&row)), nowhere);
    assert_eq!(gone(&mut registry, &new_row(1, 10), left(&new_row(1, 10))), Merged::Nothing);
    // Of one stamp and server the session decides, and a revocation counts above all.
    let twin = |session| NewRow { stamp: Stamp(11), ..new_row(1, session) };
    let other = registry.merge_row(NOW, &ToldRow { row: twin(12), ..told(12, 0) });
    assert_eq!(other, Merged::Entered(id, Some(SessionId(11))));
    let other = registry.merge_row(NOW, &ToldRow { row: twin(9), ..told(9, 0) });
    assert_eq!(other, Merged::Refused(Refused::Older));
    let row = NewRow { generation: Generation(1), ..new_row(1, 2) };
    let other = registry.merge_row(NOW, &ToldRow { row, ..told(2, 0) });
    assert_eq!(other, Merged::Entered(id, Some(SessionId(12))));
    assert_eq!(registry.row(id).expect("a row").order(), order(&row));
    assert_eq!(registry.merge_row(NOW, &told(50, 0)), Merged::Refused(Refused::Older));
}

#[test]
fn a_place_has_the_sequence_at_which_it_changed() {
    crate::shows!("R-PEE-52");
    let mut registry = table();
    let id = at_home(&mut registry, 10, 3);
    let sequence = |registry: &Registry| place(registry, id).sequence;
    registry.heartbeat(NOW, id);
    assert_eq!((sequence(&registry), place(&registry, id).home), (0, HERE));
    let address = ([10, 0, 0, 9], 1).into();
    registry.confirm(NOW, id, address);
    assert_eq!(sequence(&registry), 3);
    registry.set_window(id, (4, 1));
    registry.confirm(NOW, id, address);
    assert_eq!(sequence(&registry), 3, "it did not move");
    registry.register(NOW, &NewRow { address: Some(address), ..new_row(2, 20) });
    assert_eq!((sequence(&registry), place(&registry, id).address), (4, None));
    registry.set_window(id, (5, 1));
    registry.confirm(NOW, id, ([10, 0, 0, 8], 1).into());
    assert_eq!((sequence(&registry), place(&registry, id).standing), (5, Standing::Up));
    registry.register(NOW, &new_row(1, 11));
    assert_eq!(sequence(&registry), 0);
    // A row that comes from elsewhere is at home where it is confirmed.
    let Merged::Entered(copy, None) = registry.merge_row(NOW, &ToldRow { row: new_row(3, 30), ..told(0, 2) })
    else {
        panic!("a row")
    };
    registry.set_window(copy, (7, 1));
    registry.confirm(NOW, copy, ([10, 0, 0, 3], 5000).into());
    assert_eq!((place(&registry, copy).sequence, place(&registry, copy).home), (7, HERE));
}

/// The first row that expires before `end` is removed: when?
fn runs_out(registry: &mut Registry, end: Instant) -> Option<Instant> {
    loop {
        let now = registry.next_deadline().filter(|now| *now <= end)?;
        if let Some((id, fate)) = registry.expire(now) {
            assert_eq!(fate, Fate::Expired);
            registry.remove(now, id, Reason::Expiry);
            return Some(now);
        }
    }
}

const TEN_MINUTES: Instant = Instant::from_secs(1600);

#[test]
fn a_copy_ages_from_the_last_contact_with_its_home() {
    crate::shows!("R-PEE-64", "R-PEE-68");
    let mut registry = table();
    registry.home_reached(THERE);
    let Merged::Entered(id, None) = registry.merge_row(NOW, &told(10, 0)) else { panic!("a row") };
    let status = |registry: &Registry| registry.row(id).map(|row| row.status());
    assert_eq!(status(&registry), Some(Status::Up));
    assert_eq!(registry.counts(REALM), Counts { known: 1, up: 1, late: 0, unconfirmed: 0 });
    assert_eq!(runs_out(&mut registry, TEN_MINUTES), None, "its home vouches for it");
    let lost = TEN_MINUTES;
    registry.home_lost(THERE, lost - Duration::from_secs(10));
    assert_eq!(status(&registry), Some(Status::Unconfirmed));
    assert_eq!(registry.counts(REALM), Counts { known: 1, up: 0, late: 0, unconfirmed: 1 });
    let removed = runs_out(&mut registry, lost + Duration::from_secs(600)).expect("it ages");
    let age = removed.since(lost - Duration::from_secs(10));
    assert!(age >= Duration::from_secs(75) && age <= Duration::from_secs(78), "{age:?}");
    assert_eq!(registry.ended(removed, REALM, new_row(1, 1).user), None, "nobody is told");
    assert_eq!(registry.counts(REALM), Counts::default());
    assert_eq!(
        registry.merge_row(removed, &told(10, 0)),
        Merged::Entered(id, None),
        "who has it may tell it"
    );
}

#[test]
fn what_a_third_party_tells_is_as_old_as_it_says() {
    crate::shows!("R-PEE-64");
    let mut registry = table();
    let told = ToldRow { age: Duration::from_secs(70), ..told(10, 0) };
    assert!(matches!(registry.merge_row(NOW, &told), Merged::Entered(..)));
    let removed = runs_out(&mut registry, TEN_MINUTES).map(|at| at.since(NOW).as_secs());
    assert!((5..=8).contains(&removed.expect("it ages")), "{removed:?}");
}

/// While this HMS stood still the others heard the home and did not: what they say of its age is so.
#[test]
fn a_standstill_makes_nothing_younger_than_a_third_party_says() {
    crate::shows!("R-PEE-64", "R-REG-44");
    let mut registry = table();
    let asleep = Duration::from_secs(130);
    registry.defer(NOW, asleep);
    // Heard by somebody 10 s before this HMS woke.
    let told = ToldRow { age: Duration::from_secs(10), ..told(10, 0) };
    assert!(matches!(registry.merge_row(NOW, &told), Merged::Entered(..)));
    let removed = runs_out(&mut registry, TEN_MINUTES).map(|at| at.since(NOW).as_secs());
    assert!((65..=68).contains(&removed.expect("it ages")), "{removed:?}");
    // What was heard before it slept is not lost for that: nobody could say anything.
    let mut registry = table();
    registry.home_reached(THERE);
    assert!(matches!(registry.merge_row(NOW, &ToldRow { age: Duration::ZERO, ..told }), Merged::Entered(..)));
    registry.home_lost(THERE, NOW);
    let woke = NOW + asleep;
    registry.defer(woke, asleep);
    let removed = runs_out(&mut registry, TEN_MINUTES).map(|at| at.since(woke).as_secs());
    assert!((75..=78).contains(&removed.expect("it ages")), "{removed:?}");
}

#[test]
fn a_copy_takes_no_address_away() {
    crate::shows!("R-PEE-56", "R-REG-25");
    let mut registry = table();
    let id = at_home(&mut registry, 10, 1);
    let address = new_row(1, 1).address;
    let row = NewRow { address, ..new_row(2, 20) };
    let Merged::Entered(copy, None) = registry.merge_row(NOW, &ToldRow { row, ..told(0, 0) }) else {
        panic!("a row")
    };
    assert_eq!((place(&registry, id).address, place(&registry, copy).address), (address, address));
    assert_eq!(registry.by_address(REALM, address.expect("one")), Some(id));
    registry.register(NOW, &NewRow { address, ..new_row(3, 30) });
    assert_eq!((place(&registry, id).address, place(&registry, copy).address), (None, address));
}

/// R-PEE-63.
#[test]
fn a_copy_that_is_not_vouched_for_ages_though_its_home_is_there() {
    let mut registry = table();
    registry.home_reached(THERE);
    let Merged::Entered(id, None) = registry.merge_row(NOW, &ToldRow { late: true, ..told(10, 0) }) else {
        panic!("a row")
    };
    assert_eq!(registry.counts(REALM), Counts { known: 1, up: 0, late: 1, unconfirmed: 0 });
    registry.unvouch(NOW, id);
    assert_eq!(registry.counts(REALM), Counts { known: 1, up: 0, late: 0, unconfirmed: 1 });
    assert_eq!(registry.row(id).map(|row| row.is_live()), Some(false));
    registry.vouch(NOW, id);
    assert_eq!(registry.counts(REALM), Counts { known: 1, up: 0, late: 1, unconfirmed: 0 });
    registry.unvouch(NOW, id);
    assert_eq!(registry.merge_row(NOW, &ToldRow { late: true, ..told(10, 0) }), Merged::Nothing);
    assert_eq!(registry.row(id).map(|row| row.is_live()), Some(true), "the home told it again");
    registry.unvouch(NOW, id);
    let removed = runs_out(&mut registry, TEN_MINUTES).map(|at| at.since(NOW).as_secs());
    assert!((75..=78).contains(&removed.expect("it ages")), "{removed:?}");
    // Nothing of this concerns a row that is at home here.
    let id = at_home(&mut registry, 20, 1);
    registry.unvouch(NOW, id);
    assert_eq!(registry.row(id).map(|row| row.is_live()), Some(true));
}

#[test]
fn copies_neither_brake_nor_are_braked() {
    crate::shows!("R-PEE-64", "R-REG-43");
    let mut registry = table();
    registry.home_reached(THERE);
    for user in 1..=900 {
        let row = NewRow { address: None, ..new_row(user, user) };
        let home = if user <= 300 { ELSEWHERE } else { THERE };
        registry.merge_row(NOW, &ToldRow { row, home, ..told(0, 0) });
    }
    // More than 50, and more than 15 percent of those that are at home here, but not of all.
    for user in 1001..=1055 {
        let address = Some(([10, 1, 0, user as u8], 1).into());
        registry.register(NOW, &NewRow { address, ..new_row(user, user) });
    }
    let (mut copies, mut late, mut now) = (0, 0, NOW);
    while now < NOW + Duration::from_secs(80) {
        now = registry.next_deadline().expect("a deadline").max(now);
        while let Some((id, fate)) = registry.expire(now) {
            match fate {
                Fate::Late => late += 1,
                Fate::Expired => {
                    assert!(!registry.row(id).expect("a row").is_here());
                    registry.remove(now, id, Reason::Expiry);
                    copies += 1;
                }
            }
        }
    }
    assert_eq!((copies, late), (300, 55));
}

/// R-PEE-97.
#[test]
fn not_everybody_can_be_a_home() {
    let mut registry = table();
    let home = |n: u64| Process { server: ServerId(100 + n), incarnation: Incarnation(1) };
    let of = |user, n| ToldRow { row: new_row(user, user), home: home(n), ..told(0, 0) };
    for n in 1..=256 {
        assert!(matches!(registry.merge_row(NOW, &of(n, n)), Merged::Entered(..)));
    }
    let full = Merged::Refused(Refused::Room);
    assert_eq!(registry.merge_row(NOW, &of(300, 300)), full);
    assert_eq!(registry.merge_row(NOW, &ToldRow { sequence: 9, ..of(1, 300) }), full);
    assert!(matches!(registry.merge_row(NOW, &of(300, 7)), Merged::Entered(..)));
    registry.home_reached(home(300));
    assert!(matches!(registry.merge_row(NOW, &of(301, 300)), Merged::Entered(..)));
    // Without a row a process is none.
    let id = registry.by_user(REALM, new_row(9, 0).user).expect("a row");
    registry.remove(NOW, id, Reason::Expiry);
    assert_eq!(registry.merge_row(NOW, &of(302, 302)), full, "one was beyond the bound");
    let id = registry.by_user(REALM, new_row(8, 0).user).expect("a row");
    registry.remove(NOW, id, Reason::Expiry);
    assert!(matches!(registry.merge_row(NOW, &of(302, 302)), Merged::Entered(..)));
}

#[test]
fn another_check_time_is_told_and_taken_from_the_home() {
    crate::shows!("R-PEE-51", "R-PEE-70");
    let mut registry = table();
    registry.share(|_| 0);
    while registry.share_step() {}
    let Merged::Entered(id, None) = registry.merge_row(NOW, &told(7, 3)) else { panic!("a new row") };
    let with = |secs, age| {
        let mut told = told(7, 3);
        (told.row.check_time, told.age) = (Duration::from_secs(secs), age);
        told
    };
    // A third may not have heard of it yet; the longer one does no harm, so all who lost the home agree on that.
    let before = registry.position();
    let old = Duration::from_millis(1);
    assert_eq!(registry.merge_row(NOW, &with(7, old)), Merged::Nothing);
    assert_eq!(registry.position(), before);
    let changed = Merged::Changed { row: id, said: false, place: false, yielded: false };
    assert_eq!(registry.merge_row(NOW, &with(20, Duration::ZERO)), changed);
    assert_eq!(registry.row(id).expect("a row").check_time(), Duration::from_secs(20));
    assert_eq!(registry.shared_revision(id), before + 1);
    assert_eq!(registry.merge_row(NOW, &with(20, Duration::ZERO)), Merged::Nothing);
    assert_eq!(registry.merge_row(NOW, &with(25, old)), changed);
    assert_eq!(registry.merge_row(NOW, &with(20, old)), Merged::Nothing);
    assert_eq!(registry.merge_row(NOW, &with(20, Duration::ZERO)), changed);
    // What the home told its host others hear as well.
    let own = at_home(&mut registry, 8, 0);
    let before = registry.position();
    assert!(registry.set_check_time(NOW, own, Duration::from_secs(9)));
    assert!(!registry.set_check_time(NOW, own, Duration::from_secs(9)));
    assert_eq!(registry.shared_revision(own), before + 1);
}
