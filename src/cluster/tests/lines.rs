use super::*;
use crate::limits::LEFT_LINES_MAX;
use crate::time::Instant;

const SMALL: LineId = LineId(10);
const LARGE: LineId = LineId(20);

fn judged(own: (LineId, u64, &[LineId]), other: (LineId, u64, &[LineId])) -> Option<Side> {
    let claim = |(line, age_ms, left)| Claim { line, age: Duration::from_millis(age_ms), left };
    let (own, other) = (claim(own), claim(other));
    let side = gives_way(&own, &other);
    assert_eq!(gives_way(&other, &own), side.map(Side::across), "both sides come to the same end");
    side
}

#[test]
fn of_two_lines_one_gives_way() {
    crate::shows!("R-PEE-45");
    // (c) Both are young: the larger id, whichever is older.
    assert_eq!(judged((SMALL, 0, &[]), (LARGE, 9_999, &[])), Some(Side::Other));
    assert_eq!(judged((SMALL, 9_999, &[]), (LARGE, 0, &[])), Some(Side::Other));
    // (d) Nearly equal ages: the larger id.
    assert_eq!(judged((SMALL, 50_000, &[]), (LARGE, 50_999, &[])), Some(Side::Other));
    assert_eq!(judged((SMALL, 50_999, &[]), (LARGE, 50_000, &[])), Some(Side::Other));
    assert_eq!(judged((SMALL, 10_000, &[]), (LARGE, 9_999, &[])), Some(Side::Other));
    // (e) Else the younger.
    assert_eq!(judged((SMALL, 50_000, &[]), (LARGE, 51_000, &[])), Some(Side::Own));
    assert_eq!(judged((SMALL, 10_000, &[]), (LARGE, 9_000, &[])), Some(Side::Other));
    assert_eq!(judged((SMALL, 9_000, &[]), (LARGE, 10_000, &[])), Some(Side::Own));
}

#[test]
fn a_line_that_one_side_left_gives_way_however_old_it_is() {
    crate::shows!("R-PEE-45");
    for ages in [(0, 0), (0, 100_000), (100_000, 0), (100_000, 100_000)] {
        // (a) The other side has been in this line, and knows that it gave way.
        assert_eq!(judged((SMALL, ages.0, &[]), (LARGE, ages.1, &[SMALL])), Some(Side::Own));
        assert_eq!(judged((SMALL, ages.0, &[LARGE]), (LARGE, ages.1, &[])), Some(Side::Other));
        // (b) Each left the other's.
        assert_eq!(judged((SMALL, ages.0, &[LARGE]), (LARGE, ages.1, &[SMALL])), Some(Side::Other));
        // Other lines left say nothing.
        let others = [LineId(1), LineId(2)];
        let plain = judged((SMALL, ages.0, &[]), (LARGE, ages.1, &[]));
        assert_eq!(judged((SMALL, ages.0, &others), (LARGE, ages.1, &others)), plain);
    }
    assert_eq!(judged((SMALL, 1, &[]), (SMALL, 2, &[SMALL])), None, "one line");
}

/// Three that meet two by two, in whatever order, do not go round in a circle: whose line gave way knows it.
#[test]
fn three_lines_become_one_in_any_order_of_meeting() {
    crate::shows!("R-PEE-45");
    let ages = [0, 5, 9, 10, 11, 12, 40];
    for combination in 0..ages.len().pow(3) {
        let age = |place: u32| secs(ages[combination / ages.len().pow(place) % ages.len()]);
        let mut hmss: Vec<_> = (0..3).map(|n| (LineId(n + 1), age(n as u32), LeftLines::default())).collect();
        let mut moves = 0;
        while let Some((a, b)) = [(0, 1), (1, 2), (2, 0)].into_iter().find(|(a, b)| hmss[*a].0 != hmss[*b].0)
        {
            let left: [Vec<_>; 2] = [a, b].map(|n: usize| hmss[n].2.iter().collect());
            let claim = |n: usize, left| Claim { line: hmss[n].0, age: hmss[n].1, left };
            let (loser, winner) = match gives_way(&claim(a, &left[0]), &claim(b, &left[1])) {
                Some(Side::Own) => (a, b),
                Some(Side::Other) => (b, a),
                None => unreachable!("they are of two lines"),
            };
            let (from, to) = (hmss[loser].0, hmss[winner].0);
            hmss[loser].2.change(from, to);
            (hmss[loser].0, hmss[loser].1) = (to, hmss[winner].1);
            moves += 1;
            assert!(moves <= 6, "{hmss:?}");
        }
    }
}

#[test]
fn the_last_lines_left_are_remembered_and_the_one_that_is_joined_is_not() {
    let mut left = LeftLines::default();
    (0..=LEFT_LINES_MAX as u64).for_each(|n| left.change(LineId(n), LineId(n + 1)));
    let known: Vec<_> = left.iter().collect();
    assert_eq!(known.len(), LEFT_LINES_MAX);
    assert_eq!((known.first(), known.last()), (Some(&LineId(1)), Some(&LineId(LEFT_LINES_MAX as u64))));
    left.change(LineId(LEFT_LINES_MAX as u64 + 1), LineId(1));
    assert!(left.iter().all(|line| line != LineId(1)));
    left.change(LineId(1), LineId(5));
    assert_eq!(
        (left.iter().filter(|line| *line == LineId(1)).count(), left.iter().last()),
        (1, Some(LineId(1)))
    );
}

#[test]
fn a_line_ages_from_its_founding_whoever_counts() {
    crate::shows!("R-PEE-47");
    let start = Instant::from_micros(7_000_000);
    let founder = Line::found(start, SMALL);
    assert_eq!(founder.age(start), Duration::ZERO);
    let joined = start + secs(30);
    let told = u64::try_from(founder.age(joined).as_millis()).unwrap();
    let other = Line::join(joined, founder.id(), told);
    assert_eq!((other.id(), other.age(joined + secs(5))), (SMALL, secs(35)));
    assert_eq!(founder.age(joined + secs(5)), secs(35));
    assert_eq!(
        Line::join(start, SMALL, u64::MAX).age(start + secs(1)),
        Duration::from_millis(u64::MAX) + secs(1)
    );
}
