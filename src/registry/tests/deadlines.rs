//! The wheel, the lengths of silence, and what stalls take off them.

use super::model::Dice;
use super::{REALM, Registry, new_row};
use crate::registry::expiry::slack;
use crate::registry::rows::{NIL, Rows};
use crate::registry::timing::{Deferrals, Timing};
use crate::registry::wheel::{NO_SLOT, Wheel, put_off};
use crate::registry::{Fate, NewRow};
use crate::time::{Duration, Instant};

/// One tick of the wheel.
const TICK: u64 = 1 << 14;

/// Rows that are in no wheel.
fn loose_rows(count: u64) -> (Rows, Vec<u32>) {
    let mut registry = super::registry();
    let ids: Vec<u32> = (1..=count)
        .map(|n| {
            registry.register(Instant::ZERO, &NewRow { address: None, ..new_row(n, n) }).expect("realm").row.0
        })
        .collect();
    let Registry { mut rows, mut wheel, .. } = registry;
    ids.iter().for_each(|id| wheel.remove(&mut rows, *id));
    assert_eq!(wheel.next(), None);
    (rows, ids)
}

/// A row in the wheel: its deadline, and since when it lies in its slot.
struct Waiting {
    deadline: u64,
    since: u64,
    looks: u32,
}

/// Opens slots one by one, or late by up to `late` microseconds, until the wheel is empty.
fn run(start: u64, spans: &[u64], late: u64, dice: &mut Dice) {
    let (mut rows, ids) = loose_rows(spans.len() as u64);
    let mut wheel = Wheel::new(Instant::from_micros(start));
    let mut waiting: Vec<_> =
        spans.iter().map(|span| Waiting { deadline: start + span, since: start, looks: 0 }).collect();
    for (id, row) in ids.iter().zip(&waiting) {
        wheel.insert(&mut rows, *id, Instant::from_micros(row.deadline));
    }
    let (mut now, mut left) = (start, spans.len());
    while let Some(next) = wheel.next() {
        now = now.max(next.micros()) + dice.below(late + 1);
        assert_eq!(
            wheel.pop(&mut rows, Instant::from_micros(next.micros().saturating_sub(1).min(now))),
            None
        );
        while let Some(id) = wheel.pop(&mut rows, Instant::from_micros(now)) {
            let row = &mut waiting[ids.iter().position(|one| *one == id).expect("a row of ours")];
            row.looks += 1;
            if row.deadline <= now {
                assert!(now - row.deadline <= TICK + late, "{} late", now - row.deadline);
                left -= 1;
                continue;
            }
            // Opened early: little is left of the time for which it lay there, unless that is beyond the wheel.
            let (rest, lay) = (row.deadline - now, row.deadline - row.since);
            assert!(rest <= lay / 31 + TICK || lay > TICK << 28, "{rest} of {lay} left");
            row.since = now;
            wheel.insert(&mut rows, id, Instant::from_micros(row.deadline));
        }
    }
    assert_eq!(left, 0);
    assert!(waiting.iter().all(|row| row.looks <= 12), "looked at too often");
}

#[test]
fn deadlines_are_met_within_a_tick_however_far_they_are() {
    let mut dice = Dice(6);
    for start in [0, 1, TICK, 7 * TICK, 255 * TICK, 5_000_000, 1 << 40, (1 << 50) + 12_345] {
        for late in [0, 0, 100_000] {
            let spans: Vec<u64> = (0..60)
                .map(|_| {
                    let magnitude = 1 << dice.below(43);
                    magnitude + dice.below(magnitude)
                })
                .chain([
                    0,
                    1,
                    TICK,
                    254 * TICK,
                    255 * TICK,
                    256 * TICK,
                    (255 * TICK) << 3,
                    ((256 * TICK) << 3) - TICK,
                    (255 * TICK) << 21,
                ])
                .collect();
            run(start, &spans, late, &mut dice);
        }
    }
}

/// So a row that falls silent is looked at when it is suspected and when it is gone, and not in between.
#[test]
fn deadlines_put_off_are_looked_at_once() {
    let (mut rows, ids) = loose_rows(1);
    let mut dice = Dice(9);
    for check_s in [1, 2, 30, 600, 86_400] {
        for _ in 0..200 {
            let (start, slack) = (dice.below(1 << 40), check_s * 1_000_000 / 20);
            // By default both are at most one and a half check times away.
            let deadline = start + dice.below(check_s * 1_500_000);
            let off = put_off(Instant::from_micros(deadline), slack);
            assert!((deadline..deadline + slack.max(1)).contains(&off.micros()));
            let mut wheel = Wheel::new(Instant::from_micros(start));
            wheel.insert(&mut rows, ids[0], off);
            let opened = wheel.next().expect("a slot");
            assert!(opened.micros() + TICK >= deadline, "opened too early");
            assert!(opened.micros() <= off.micros() + TICK);
            assert_eq!(wheel.pop(&mut rows, opened), Some(ids[0]));
        }
    }
}

/// What a heartbeat does: a row that lies in the wheel gets another deadline, mostly a later one.
#[test]
fn a_moved_row_comes_up_at_its_new_deadline() {
    let mut dice = Dice(8);
    let (mut rows, ids) = loose_rows(300);
    let mut wheel = Wheel::new(Instant::ZERO);
    let mut deadlines: Vec<u64> = ids.iter().map(|_| dice.below(60_000_000)).collect();
    for (id, deadline) in ids.iter().zip(&deadlines) {
        wheel.insert(&mut rows, *id, Instant::from_micros(*deadline));
    }
    let (mut now, mut left) = (0, ids.len());
    while let Some(next) = wheel.next() {
        now = now.max(next.micros());
        while let Some(id) = wheel.pop(&mut rows, Instant::from_micros(now)) {
            let deadline = deadlines[ids.iter().position(|one| *one == id).expect("a row of ours")];
            if now < deadline {
                wheel.insert(&mut rows, id, Instant::from_micros(deadline));
                continue;
            }
            assert!(now - deadline <= TICK, "{} late", now - deadline);
            left -= 1;
        }
        // Whoever is still there may be heard in between; at the end nobody is any more.
        for _ in 0..if now < 200_000_000 { 3 } else { 0 } {
            let which = dice.below(ids.len() as u64) as usize;
            if rows.get(ids[which]).expect("a row").timer_slot != NO_SLOT {
                deadlines[which] = now + 1 + dice.below(80_000_000);
                wheel.move_to(&mut rows, ids[which], Instant::from_micros(deadlines[which]));
            }
        }
    }
    assert_eq!(left, 0);
}

#[test]
fn the_rows_that_are_due_are_those_that_come_up() {
    let (mut rows, ids) = loose_rows(40);
    let mut wheel = Wheel::new(Instant::ZERO);
    let (soon, later) = (Instant::from_millis(100), Instant::from_secs(100));
    ids[..30].iter().for_each(|id| wheel.insert(&mut rows, *id, soon));
    ids[30..].iter().for_each(|id| wheel.insert(&mut rows, *id, later));
    let mut due = [NIL; 32];
    assert_eq!(wheel.due(Instant::from_millis(50), &mut due), 0);
    assert_eq!(wheel.due(Instant::from_millis(150), &mut due[..8]), 8);
    assert_eq!(due[..9], [&ids[..8], &[NIL]].concat());
    assert_eq!(wheel.due(Instant::from_millis(150), &mut due), 30);
    assert_eq!(due[..31], [&ids[..30], &[NIL]].concat());
    let popped: Vec<u32> = std::iter::from_fn(|| wheel.pop(&mut rows, Instant::from_millis(150))).collect();
    assert_eq!(popped, ids[..30]);
    assert_eq!(wheel.due(Instant::from_millis(150), &mut due), 0);
}

#[test]
fn farther_than_the_wheel_reaches_is_looked_at_in_between() {
    run(7 * TICK, &[1 << 45, 3 << 44], 0, &mut Dice(7));
}

#[test]
fn a_row_that_is_taken_out_never_comes_up() {
    let (mut rows, ids) = loose_rows(200);
    let mut wheel = Wheel::new(Instant::ZERO);
    for (n, id) in ids.iter().enumerate() {
        wheel.insert(&mut rows, *id, Instant::from_millis(100 + 997 * n as u64));
    }
    let (stay, go) = ids.split_at(50);
    go.iter().for_each(|id| wheel.remove(&mut rows, *id));
    go.iter().for_each(|id| wheel.remove(&mut rows, *id));
    let mut seen: Vec<u32> =
        std::iter::from_fn(|| wheel.pop(&mut rows, Instant::from_secs(100_000))).collect();
    seen.sort_unstable();
    assert_eq!(seen, stay);
    assert_eq!(wheel.next(), None);
}

#[test]
fn silence_has_three_lengths() {
    shows!("R-REG-41", "R-REG-43");
    let secs = Duration::from_secs_f64;
    let of = |factor: f64| {
        let timing = Timing::new(Duration::from_secs(30), factor);
        (timing.suspicion(30_000), timing.expiry(30_000), timing.limit(30_000))
    };
    assert_eq!(of(2.5), (secs(45.0), secs(75.0), secs(222.0)));
    assert_eq!(of(10.0), (secs(270.0), secs(300.0), secs(897.0)));
    assert_eq!(of(1.5), (secs(37.5), secs(45.0), secs(132.0)));
    assert_eq!(of(1.0), (secs(30.0), secs(30.0), secs(87.0)));
    let usual = Timing::default();
    assert_eq!((usual.expiry(1000), usual.check_time), (secs(2.5), secs(30.0)));
}

#[test]
fn deadlines_are_put_off_by_half_of_what_the_specification_allows() {
    shows!("R-REG-41");
    for (check_ms, micros) in [(1_000, 50_000), (30_000, 1_500_000), (86_400_000, 4_320_000_000)] {
        assert_eq!(slack(check_ms), micros);
    }
}

/// Exactly then, not a tick later: 131.072 s is where a slot begins to which the deadline is put off.
#[test]
fn a_row_is_suspected_as_soon_as_it_has_missed_a_heartbeat() {
    shows!("R-REG-43");
    let mut registry = super::registry();
    let (heard, now) = (Instant::from_millis(86_072), Instant::from_millis(131_072));
    for n in 1..=60u64 {
        let address = ([10, 3, 0, n as u8], 6000).into();
        registry.register(heard, &NewRow { address: Some(address), ..new_row(n, n) }).expect("realm");
    }
    assert_eq!(registry.expire(now - Duration::from_millis(20)), None);
    assert!(!registry.braking(REALM));
    assert_eq!(registry.expire(now), None);
    assert!(registry.braking(REALM), "60 rows would expire within one check time");
}

#[test]
fn a_row_is_gone_as_soon_as_its_expiry_is_over() {
    shows!("R-REG-41");
    let mut registry = super::registry();
    let (heard, now) = (Instant::from_millis(56_072), Instant::from_millis(131_072));
    let confirmed = registry.register(heard, &new_row(1, 1)).expect("realm").row;
    let loaded = registry.load(heard, 0, &new_row(2, 2)).expect("room");
    assert_eq!(registry.expire(now - Duration::from_secs(20)), None, "suspected");
    assert_eq!(registry.expire(now - Duration::from_millis(20)), None);
    let mut gone: Vec<_> = std::iter::from_fn(|| registry.expire(now)).collect();
    gone.sort_unstable_by_key(|(id, _)| *id);
    assert_eq!(gone, [(confirmed, Fate::Expired), (loaded, Fate::Expired)]);
}

#[test]
fn stalls_count_for_what_was_heard_before_they_ended() {
    shows!("R-REG-44");
    let secs = Duration::from_secs;
    let mut deferrals = Deferrals::default();
    assert_eq!(deferrals.since(Instant::ZERO), Duration::ZERO);
    let stalls = [(100, 5), (200, 7), (300, 11)];
    for (end, by) in stalls {
        deferrals.add(Instant::from_secs(end), secs(by), secs(3));
    }
    for (heard, sum) in
        [(0, 23), (99, 23), (100, 18), (150, 18), (199, 18), (200, 11), (299, 11), (300, 0), (400, 0)]
    {
        assert_eq!(deferrals.since(Instant::from_secs(heard)), secs(sum), "heard at {heard}");
    }
}

#[test]
fn stalls_close_together_are_one() {
    shows!("R-REG-44");
    let (secs, grain) = (Duration::from_secs, Duration::from_secs(3));
    let mut deferrals = Deferrals::default();
    // The second is joined with the first, the third is not: it lies a whole grain behind the first.
    for end in [100, 102, 103] {
        deferrals.add(Instant::from_secs(end), secs(1), grain);
    }
    let since = |heard| deferrals.since(Instant::from_secs(heard));
    assert_eq!((since(99), since(101)), (secs(3), secs(3)), "rather longer than must be");
    assert_eq!((since(102), since(103)), (secs(1), secs(0)));
}

#[test]
fn of_many_stalls_the_last_512_count() {
    let mut deferrals = Deferrals::default();
    for end in 1..=512 {
        deferrals.add(Instant::from_secs(end), Duration::from_millis(end), Duration::from_millis(1));
    }
    let sum = |from: u64, to: u64| Duration::from_millis((from..=to).sum());
    assert_eq!(deferrals.since(Instant::ZERO), sum(1, 512));
    for end in 513..=524 {
        deferrals.add(Instant::from_secs(end), Duration::from_millis(end), Duration::from_millis(1));
    }
    assert_eq!(deferrals.since(Instant::ZERO), sum(13, 524));
    assert_eq!(deferrals.since(Instant::from_secs(5)), sum(13, 524));
    assert_eq!(deferrals.since(Instant::from_secs(100)), sum(101, 524));
}

/// More rows are due than one turn looks at: the caller gets its turn back, and the deadline is still in the past.
#[test]
fn a_turn_looks_at_1024_rows() {
    let mut registry = super::registry();
    for n in 1..=3000u64 {
        let address = ([10, 3, (n >> 8) as u8, n as u8], 6000).into();
        let new = NewRow { address: Some(address), ..new_row(n, n) };
        registry.register(Instant::ZERO, &new).expect("realm");
    }
    // All have missed a heartbeat: each is looked at once, none has expired.
    let now = Instant::from_secs(50);
    assert_eq!(registry.expire(now), None);
    assert!(registry.next_deadline().expect("rows") <= now);
    let mut turns = 1;
    while registry.next_deadline().expect("rows") <= now {
        assert_eq!(registry.expire(now), None);
        turns += 1;
    }
    assert_eq!(turns, 3);
    assert!(registry.braking(REALM));
    let row = registry.by_user(REALM, new_row(1, 0).user).expect("row");
    let fate = std::iter::from_fn(|| registry.expire(Instant::from_secs(80))).find(|(id, _)| *id == row);
    assert_eq!(fate, Some((row, Fate::Late)));
}
