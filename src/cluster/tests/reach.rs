use super::*;

const A: Standing = standing(3, 1, 0);
const B: Standing = standing(2, 1, 100);
const C: Standing = standing(1, 1, 200);

fn reach(own: Standing, neighbours: &[(Standing, &[Standing])]) -> Reach {
    Reach::new(own, neighbours.iter().copied())
}

fn primary(own: Standing, neighbours: &[(Standing, &[Standing])]) -> Option<u64> {
    reach(own, neighbours).primary().map(|seat| seat.server.0)
}

#[test]
fn who_joined_first_is_senior() {
    crate::shows!("R-PEE-01");
    let seat = |standing: Standing| standing.seat().unwrap();
    assert!(seat(A).is_senior_to(&seat(B)) && !seat(B).is_senior_to(&seat(A)));
    assert!(seat(C).is_senior_to(&seat(standing(2, 1, 200))), "the smaller server id");
    assert!(!seat(A).is_senior_to(&seat(A)), "than itself");
    assert!(!seat(standing(1, 1, 0)).is_senior_to(&seat(standing(2, 2, 5))), "of another line");
    for (phase, has) in [
        (Phase::Starting, false),
        (Phase::Refused, false),
        (Phase::Synchronising, true),
        (Phase::Operating, true),
        (Phase::Waking, true),
        (Phase::Stopping, false),
        (Phase::Unknown(77), false),
    ] {
        assert_eq!(Standing { phase, ..A }.seat().is_some(), has, "{phase:?}");
        assert_eq!(Standing { phase, line: None, ..A }.seat(), None);
    }
}

#[test]
fn the_most_senior_one_that_is_reached_leads() {
    crate::shows!("R-PEE-02");
    assert_eq!(primary(A, &[]), Some(3), "itself");
    assert_eq!(primary(C, &[(B, &[])]), Some(2));
    assert_eq!(primary(C, &[(B, &[A])]), Some(3), "over one other");
    assert_eq!(primary(A, &[(B, &[C]), (C, &[B])]), Some(3));
    let left_out = [
        Standing { phase: Phase::Stopping, ..A },
        Standing { phase: Phase::Starting, ..A },
        Standing { line: Some(LineId(2)), ..A },
        Standing { line: None, ..A },
    ];
    for other in left_out {
        assert_eq!(primary(C, &[(B, &[other]), (other, &[])]), Some(2), "{other:?}");
    }
    assert_eq!(primary(Standing { phase: Phase::Starting, ..C }, &[(A, &[])]), None, "without a seat");
}

/// All who reach the same name the same.
#[test]
fn in_a_chain_of_three_all_name_one() {
    crate::shows!("R-PEE-02");
    assert_eq!(primary(A, &[(B, &[C])]), Some(3));
    assert_eq!(primary(B, &[(A, &[]), (C, &[])]), Some(3));
    assert_eq!(primary(C, &[(B, &[A])]), Some(3));
}

#[test]
fn what_an_hms_says_of_itself_counts_for_more_than_what_others_say() {
    let old = Standing { process: process(3, 1), ..A };
    let new = Standing { process: process(3, 2), joined_at_ms: 500, ..A };
    let seen = reach(C, &[(B, &[old]), (new, &[])]);
    assert_eq!(seen.way(new.process), Some(Way::Neighbour));
    assert_eq!(seen.way(old.process), None, "an earlier process is not the same one");
    assert_eq!(seen.way(B.process), Some(Way::Neighbour));
    assert_eq!(seen.way(C.process), Some(Way::Own));
    assert_eq!(seen.iter().count(), 3);
    assert_eq!(seen.primary(), B.seat(), "it joined anew");
    let over = reach(C, &[(B, &[A])]);
    assert_eq!(over.way(A.process), Some(Way::Over(ServerId(2))));
}

#[test]
fn a_seat_is_given_after_all_others_of_the_line() {
    assert_eq!(reach(A, &[]).last_joined_ms(), Some(0));
    assert_eq!(reach(A, &[(B, &[C]), (standing(9, 2, 9_999), &[])]).last_joined_ms(), Some(200));
    assert_eq!(reach(Standing { line: None, ..A }, &[(B, &[])]).last_joined_ms(), None);
}

#[test]
fn who_stops_hands_over_to_the_most_senior_neighbour_that_can() {
    let own = Standing { phase: Phase::Stopping, ..A };
    let successor = |neighbours: &[(Standing, &[Standing])], asked: &[ServerId]| {
        reach(own, neighbours).successor(asked).map(|process| process.server.0)
    };
    assert_eq!(successor(&[(C, &[]), (B, &[])], &[]), Some(2));
    assert_eq!(successor(&[(C, &[]), (B, &[])], &[ServerId(2)]), Some(1), "the next");
    let copying = Standing { phase: Phase::Synchronising, ..B };
    assert_eq!(
        successor(&[(C, &[]), (copying, &[])], &[]),
        Some(1),
        "one that operates before one that copies"
    );
    assert_eq!(successor(&[(copying, &[])], &[]), Some(2));
    assert_eq!(successor(&[(copying, &[C])], &[ServerId(2)]), None, "no neighbour");
    let useless = [Phase::Starting, Phase::Refused, Phase::Waking, Phase::Stopping]
        .map(|phase| Standing { phase, ..B });
    for one in useless {
        assert_eq!(successor(&[(one, &[])], &[]), None, "{one:?}");
    }
    assert_eq!(successor(&[(standing(2, 9, 0), &[])], &[]), None, "of another line");
}

#[test]
fn a_member_is_heard_both_ways_or_not() {
    let just = Duration::from_millis(1);
    assert_eq!(health(secs(6) - just, Duration::ZERO), Health::Up);
    assert_eq!(health(secs(6), Duration::ZERO), Health::Suspect);
    assert_eq!(health(Duration::ZERO, secs(6)), Health::Suspect, "it does not hear us");
    assert_eq!(health(secs(10) - just, secs(10) - just), Health::Suspect);
    assert_eq!(health(secs(10), Duration::ZERO), Health::Down);
    assert_eq!(health(Duration::ZERO, secs(10)), Health::Down);
}
