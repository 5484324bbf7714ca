//! The laws of the merge, from domains so small that ties and repetitions occur all the time.

use std::net::SocketAddr;

use super::*;
use crate::ident::{Generation, Incarnation, ServerId, Stamp, UserId};
use crate::registry::tests::Dice;

const CONTENTS: [&[u8]; 3] = [b"", b"a", b"ab"];
const USERS: [UserId; 2] = [UserId([1; 8]), UserId([2; 8])];

fn order(number: u64) -> Order {
    Order {
        generation: Generation(number >> 3 & 1),
        stamp: Stamp(number >> 2 & 1),
        server: ServerId(1 + (number >> 1 & 1)),
        session: SessionId(1 + number),
    }
}

fn home(dice: &mut Dice) -> Process {
    Process { server: ServerId(1 + dice.below(2)), incarnation: Incarnation(1 + dice.below(2) as u32) }
}

fn address(dice: &mut Dice) -> Option<SocketAddr> {
    let port = 1 + dice.below(2) as u16;
    match dice.below(4) {
        0 => None,
        1 => Some(([0xfd00, 0, 0, 0, 0, 0, 0, 1], port).into()),
        host => Some(([10, 0, 0, host as u8], port).into()),
    }
}

fn said(dice: &mut Dice) -> Said<'static> {
    let view = match dice.below(5) {
        0 => ViewSpec::None,
        1 => ViewSpec::Realm,
        2 => ViewSpec::Group(["a", "b"][dice.below(2) as usize]),
        3 => ViewSpec::Named(&USERS),
        _ => ViewSpec::Named(&USERS[1..]),
    };
    let push = view != ViewSpec::None && dice.one_in(2);
    Said { version: dice.below(2) as u32, content: CONTENTS[dice.below(3) as usize], view, push }
}

fn session(dice: &mut Dice, orders: u64) -> Session<'static> {
    let order = order(dice.below(orders));
    let sequence = dice.below(3);
    match dice.below(8) {
        0 => Session::ended(order),
        1 => Session::expired(order, sequence, home(dice)),
        _ => {
            let standing = if dice.one_in(3) { Standing::Late } else { Standing::Up };
            let place = Place { sequence, standing, home: home(dice), address: address(dice) };
            Session { order, said: said(dice), place, left: false }
        }
    }
}

/// What somebody is told of a user.
#[derive(Clone, Copy, Debug)]
enum Told {
    Session(Session<'static>),
    Stray(SessionId),
}

fn hear(told: &[Told]) -> Option<Session<'static>> {
    let known = told.iter().fold(Known::default(), |known, told| match *told {
        Told::Session(session) => known.hear(session),
        Told::Stray(left) => known.hear_stray(left),
    });
    known.session
}

/// All that was ever told, and of that the greatest by the rules.
fn reference(told: &[Told]) -> Option<Session<'static>> {
    let sessions = || {
        told.iter().filter_map(|told| match told {
            Told::Session(session) => Some(session),
            Told::Stray(_) => None,
        })
    };
    let order = sessions().map(|session| session.order).max()?;
    let of_it = || sessions().filter(|session| session.order == order);
    let stray = told.iter().any(|told| matches!(told, Told::Stray(left) if *left == order.session));
    Some(Session {
        order,
        said: of_it().map(|session| session.said).max()?,
        place: of_it().map(|session| session.place).max()?,
        left: stray || of_it().any(|session| session.left),
    })
}

fn shuffle(dice: &mut Dice, told: &mut [Told]) {
    for last in (1..told.len()).rev() {
        told.swap(last, dice.below(last as u64 + 1) as usize);
    }
}

#[test]
fn the_merge_is_commutative_associative_and_idempotent() {
    crate::shows!("R-PEE-54");
    let mut dice = Dice(1);
    for _ in 0..1_000_000 {
        let orders = [1, 2, 16][dice.below(3) as usize];
        let [a, b, c] = std::array::from_fn(|_| session(&mut dice, orders));
        assert_eq!(a.merge(b), b.merge(a), "{a:?} {b:?}");
        assert_eq!(a.merge(b).merge(c), a.merge(b.merge(c)), "{a:?} {b:?} {c:?}");
        assert_eq!(a.merge(a), a);
        assert_eq!(a.merge(b).merge(b), a.merge(b));
    }
}

/// At most one session that nobody knew is left: of more than one only the last is kept (R-PEE-66).
#[test]
fn in_any_order_any_number_of_times_the_same_comes_out() {
    crate::shows!("R-PEE-50", "R-PEE-51", "R-PEE-53", "R-PEE-54");
    let mut dice = Dice(2);
    for _ in 0..200_000 {
        let orders = 1 + dice.below(4);
        let count = 1 + dice.below(7);
        let mut told: Vec<Told> = (0..count).map(|_| Told::Session(session(&mut dice, orders))).collect();
        if dice.one_in(3) {
            told.push(Told::Stray(order(dice.below(orders)).session));
        }
        let expected = reference(&told);
        assert_eq!(hear(&told), expected, "{told:?}");
        told.extend_from_within(..told.len() / 2);
        shuffle(&mut dice, &mut told);
        assert_eq!(hear(&told), expected, "{told:?}");
    }
}

fn place(sequence: u64, standing: Standing, server: u64, incarnation: u32, address: Option<&str>) -> Place {
    let home = Process { server: ServerId(server), incarnation: Incarnation(incarnation) };
    Place { sequence, standing, home, address: address.map(|text| text.parse().expect("an address")) }
}

#[test]
fn places_are_ordered_clause_by_clause() {
    crate::shows!("R-PEE-51");
    use Standing::{Expired, Late, Up};
    let rising = [
        Place::LEAST,
        place(0, Up, 1, 1, Some("0.0.0.0:0")),
        place(0, Up, 1, 1, Some("9.0.0.255:1")),
        place(0, Up, 1, 1, Some("10.0.0.1:1")),
        place(0, Up, 1, 1, Some("10.0.0.1:2")),
        place(0, Up, 1, 1, Some("[::1]:1")),
        place(0, Up, 1, 1, None),
        place(0, Up, 1, 2, Some("10.0.0.1:1")),
        place(0, Up, 2, 1, Some("10.0.0.1:1")),
        place(0, Late, 1, 1, Some("10.0.0.1:1")),
        place(0, Expired, 1, 1, None),
        place(1, Up, 1, 1, Some("10.0.0.1:1")),
    ];
    assert!(rising.is_sorted_by(|a, b| a < b));
}

#[test]
fn contents_are_ordered_clause_by_clause() {
    crate::shows!("R-PEE-51");
    let said = |version, content, view, push| Said { version, content, view, push };
    let rising = [
        Said::NOTHING,
        said(0, b"a", ViewSpec::None, false),
        said(0, b"a", ViewSpec::Realm, false),
        said(0, b"a", ViewSpec::Realm, true),
        said(0, b"a", ViewSpec::Group("b"), false),
        said(0, b"a", ViewSpec::Group("c"), false),
        said(0, b"a", ViewSpec::Group("a"), true),
        said(0, b"a", ViewSpec::Named(&USERS), false),
        said(0, b"a", ViewSpec::Named(&USERS[1..]), false),
        said(0, b"ab", ViewSpec::None, false),
        said(0, b"b", ViewSpec::None, false),
        said(1, b"", ViewSpec::None, false),
    ];
    assert!(rising.is_sorted_by(|a, b| a < b));
}

#[test]
fn a_leave_ends_its_session_and_no_other() {
    crate::shows!("R-PEE-53");
    let up = |number| Session {
        order: order(number),
        said: Said::NOTHING,
        place: place(9, Standing::Up, 1, 1, None),
        left: false,
    };
    let there = |known: Known<'_>| known.session.is_some_and(|session| session.is_there());
    let nothing = Known::default();
    let (gone, stray) = (Session::ended(order(1)), order(1).session);
    assert!(!there(nothing.hear(up(1)).hear(gone)) && !there(nothing.hear(gone).hear(up(1))));
    assert!(!there(nothing.hear(up(1)).hear_stray(stray)) && !there(nothing.hear_stray(stray).hear(up(1))));
    assert!(there(nothing.hear(up(2)).hear(gone)) && there(nothing.hear(gone).hear(up(2))));
    assert!(there(nothing.hear(up(2)).hear_stray(stray)) && there(nothing.hear_stray(stray).hear(up(2))));
    // An expiry is a place, and nothing more.
    let expired = Session::expired(order(1), 8, up(1).place.home);
    assert!(there(nothing.hear(expired).hear(up(1))) && there(nothing.hear(up(1)).hear(expired)));
    let expired = Session::expired(order(1), 9, up(1).place.home);
    assert!(!there(nothing.hear(expired).hear(up(1))) && !there(nothing.hear(up(1)).hear(expired)));
}

#[test]
fn a_home_that_accepted_more_keeps_its_row() {
    crate::shows!("R-PEE-55");
    let at = |sequence, standing, server| Session {
        order: order(1),
        said: Said::NOTHING,
        place: place(sequence, standing, server, 1, None),
        left: false,
    };
    let (mine, theirs) = (at(3, Standing::Up, 1), at(5, Standing::Up, 2));
    let kept = mine.kept_by_home(6, &theirs).expect("it accepted more");
    assert_eq!(kept, Place { sequence: 6, ..mine.place });
    assert!(kept > theirs.place, "what it tells is greater");
    assert_eq!(mine.kept_by_home(5, &theirs), None, "no more than that place names");
    let expired = Session::expired(order(1), 5, theirs.place.home);
    assert_eq!((mine.kept_by_home(6, &expired), mine.kept_by_home(5, &expired)), (Some(kept), None));
    assert_eq!(mine.kept_by_home(6, &Session::ended(order(1))), None, "a leave is for good");
    let ended = Session { place: theirs.place, ..Session::ended(order(1)) };
    assert_eq!(mine.kept_by_home(6, &ended), None, "wherever it was");
    assert_eq!(mine.kept_by_home(6, &Session { order: order(2), ..theirs }), None, "another session");
    assert_eq!(mine.kept_by_home(6, &at(2, Standing::Late, 2)), None, "nothing to be disputed");
    assert_eq!(
        Session::expired(order(1), 3, mine.place.home).kept_by_home(6, &theirs),
        None,
        "nothing to keep"
    );
}
