//! Silence, the brake, and stalls.

use std::collections::BTreeMap;

use super::{REALM, Registry, digest, new_row};
use crate::ident::UserId;
use crate::registry::{Counts, Fate, NewRow, Reason, RowId};
use crate::time::{Duration, Instant};

const T: Duration = Duration::from_secs(30);

/// A realm whose hosts send heartbeats, each at its own time within the check time.
struct Herd {
    registry: Registry,
    rows: Vec<RowId>,
    check: Duration,
    now: Instant,
    /// When whom became of what.
    fates: BTreeMap<UserId, Vec<(Fate, Instant)>>,
}

impl Herd {
    fn new(size: u64, check: Duration, factor: f64) -> Self {
        let mut registry = Registry::new(5, digest, Instant::ZERO);
        registry.set_timing(check, factor);
        registry.add_realm(REALM);
        let mut herd = Self { registry, rows: Vec::new(), check, now: Instant::ZERO, fates: BTreeMap::new() };
        for number in 0..size {
            let address = ([10, 1, (number >> 8) as u8, number as u8], 6000).into();
            let new = NewRow { check_time: check, address: Some(address), ..new_row(number + 1, number + 1) };
            let row = herd.registry.register(herd.beat(number, 0), &new).expect("realm").row;
            herd.rows.push(row);
        }
        herd
    }

    /// The time of a host's heartbeat in a round.
    fn beat(&self, number: u64, round: u32) -> Instant {
        let share = self.check * u32::try_from(number * 7919 % 1000).expect("small") / 1000;
        Instant::ZERO + self.check * round + share
    }

    fn expire_until(&mut self, until: Instant) {
        while let Some(next) = self.registry.next_deadline().filter(|next| *next <= until) {
            self.now = self.now.max(next);
            while let Some((id, fate)) = self.registry.expire(self.now) {
                let row = self.registry.row(id).expect("row");
                self.fates.entry(row.user()).or_default().push((fate, self.now));
                if fate == Fate::Expired {
                    self.registry.remove(self.now, id, Reason::Expiry);
                }
            }
        }
        self.now = until;
    }

    /// One round of heartbeats from those that `alive` takes; expiries happen in between.
    fn round(&mut self, round: u32, alive: impl Fn(u64) -> bool) {
        let mut beats: Vec<_> =
            (0..self.rows.len() as u64).filter(|n| alive(*n)).map(|n| (self.beat(n, round), n)).collect();
        beats.sort_unstable();
        for (at, number) in beats {
            self.expire_until(at);
            self.registry.heard(at, self.rows[number as usize]);
        }
        self.expire_until(Instant::ZERO + self.check * (round + 1));
    }

    fn counts(&self) -> Counts {
        self.registry.counts(REALM)
    }

    /// The times at which rows met a fate, as silence in thousandths of the check time (all were last heard in `round`).
    fn silences(&self, wanted: Fate, round: u32) -> Vec<u128> {
        let mut silences = Vec::new();
        for number in 0..self.rows.len() as u64 {
            let fates = self.fates.get(&new_row(number + 1, 0).user).into_iter().flatten();
            for (_, at) in fates.filter(|(fate, _)| *fate == wanted) {
                silences.push(at.since(self.beat(number, round)).as_micros() * 1000 / self.check.as_micros());
            }
        }
        silences
    }
}

#[test]
fn live_rows_stay() {
    let mut herd = Herd::new(300, T, 2.5);
    (1..40).for_each(|round| herd.round(round, |_| true));
    assert_eq!(herd.counts(), Counts { known: 300, up: 300, late: 0, unconfirmed: 0 });
    assert!(herd.fates.is_empty());
}

#[test]
fn a_tenth_expires_in_time() {
    crate::shows!("R-REG-41");
    for (check, factor) in
        [(T, 2.5), (Duration::from_secs(1), 2.5), (Duration::from_secs(86_400), 10.0), (T, 1.5)]
    {
        let mut herd = Herd::new(1000, check, factor);
        (1..6).for_each(|round| herd.round(round, |_| true));
        (6..20).for_each(|round| herd.round(round, |n| n % 10 != 3));
        assert_eq!(herd.counts(), Counts { known: 900, up: 900, late: 0, unconfirmed: 0 });
        let silences = herd.silences(Fate::Expired, 5);
        let expiry = (factor * 1000.0) as u128;
        assert_eq!(silences.len(), 100);
        assert!(silences.iter().all(|s| (expiry..=expiry + 100).contains(s)), "{silences:?}");
    }
}

#[test]
fn a_third_turns_late_and_goes_at_three_expiries() {
    crate::shows!("R-REG-43");
    let mut herd = Herd::new(1000, T, 2.5);
    (1..6).for_each(|round| herd.round(round, |_| true));
    (6..10).for_each(|round| herd.round(round, |n| n % 10 > 2));
    assert_eq!(herd.counts(), Counts { known: 1000, up: 700, late: 300, unconfirmed: 0 });
    assert!(herd.registry.braking(REALM));
    (10..15).for_each(|round| herd.round(round, |n| n % 10 > 2));
    assert_eq!(herd.counts(), Counts { known: 700, up: 700, late: 0, unconfirmed: 0 });
    let (late, gone) = (herd.silences(Fate::Late, 5), herd.silences(Fate::Expired, 5));
    assert_eq!((late.len(), gone.len()), (300, 300));
    assert!(late.iter().all(|s| (2500..=2600).contains(s)));
    // The brake releases itself when enough of them are gone.
    assert!(gone.iter().all(|s| (2500..=7500).contains(s)));
    assert!(gone.iter().filter(|s| **s >= 7400).count() > 100);
    assert!(!herd.registry.braking(REALM));
}

#[test]
fn the_brake_releases_itself_when_hosts_come_back() {
    crate::shows!("R-REG-43");
    let mut herd = Herd::new(1000, T, 2.5);
    (1..6).for_each(|round| herd.round(round, |_| true));
    (6..9).for_each(|round| herd.round(round, |n| n % 10 > 2));
    assert_eq!(herd.counts().late, 300);
    // Two thirds of them come back, none is removed before; the others are soon after.
    herd.round(9, |n| n % 10 != 0);
    assert_eq!(herd.counts(), Counts { known: 1000, up: 900, late: 100, unconfirmed: 0 });
    (10..12).for_each(|round| herd.round(round, |n| n % 10 != 0));
    assert_eq!(herd.counts(), Counts { known: 900, up: 900, late: 0, unconfirmed: 0 });
    assert_eq!(herd.silences(Fate::Expired, 5).len(), 100);
}

#[test]
fn fifty_may_always_go() {
    crate::shows!("R-REG-43");
    let mut herd = Herd::new(50, T, 2.5);
    herd.round(4, |_| false);
    assert_eq!(herd.counts(), Counts::default());
    assert!(herd.silences(Fate::Expired, 0).iter().all(|s| (2500..=2600).contains(s)));
}

#[test]
fn stalls_put_expiries_off() {
    crate::shows!("R-REG-44");
    let mut herd = Herd::new(40, T, 2.5);
    let stalled = Duration::from_secs(3600);
    let end = Instant::from_secs(35) + stalled;
    herd.registry.defer(end, stalled);
    herd.now = end;
    herd.expire_until(end + Duration::from_secs(9));
    assert_eq!(herd.counts().known, 40);
    herd.expire_until(end + Duration::from_secs(80));
    assert_eq!(herd.counts().known, 0);
    let silences = herd.silences(Fate::Expired, 0);
    assert!(silences.iter().all(|s| (122_500..=122_600).contains(s)), "{silences:?}");
    // What is heard after the stall is not put off by it.
    let row = herd.registry.register(herd.now, &new_row(1, 99)).expect("realm").row;
    let start = herd.now;
    herd.expire_until(start + Duration::from_secs(78));
    assert!(herd.registry.row(row).is_none());
}

/// A row that nobody hears from lasts as long as the HMS hardly listens, but not for ever.
#[test]
fn many_stalls_put_off_for_twelve_check_times() {
    let mut herd = Herd::new(1, T, 2.5);
    let step = |herd: &mut Herd, number: u64| {
        let at = Instant::from_millis(1000 * (number + 1));
        herd.registry.defer(at, Duration::from_millis(995));
        herd.expire_until(at);
    };
    (0..360).for_each(|number| step(&mut herd, number));
    assert_eq!(herd.counts().known, 1);
    (360..600).for_each(|number| step(&mut herd, number));
    assert_eq!(herd.counts().known, 0);
}

#[test]
fn unconfirmed_rows_go_one_expiry_after_the_start_and_do_not_brake() {
    crate::shows!("R-REG-41");
    let mut registry = Registry::new(5, digest, Instant::ZERO);
    registry.add_realm(REALM);
    for number in 0..500u64 {
        registry.load(Instant::ZERO, 0, &new_row(number + 1, number + 1)).expect("room");
    }
    assert_eq!(registry.counts(REALM).unconfirmed, 500);
    let confirmed = registry.by_user(REALM, new_row(1, 0).user).expect("row");
    registry.confirm(Instant::from_secs(60), confirmed, ([10, 0, 0, 9], 1).into());
    let mut herd = Herd { registry, rows: Vec::new(), check: T, now: Instant::ZERO, fates: BTreeMap::new() };
    herd.expire_until(Instant::from_secs(74));
    assert_eq!(herd.counts(), Counts { known: 500, up: 1, late: 0, unconfirmed: 499 });
    herd.expire_until(Instant::from_secs(78));
    assert_eq!(herd.counts(), Counts { known: 1, up: 1, late: 0, unconfirmed: 0 });
    herd.expire_until(Instant::from_secs(138));
    assert_eq!(herd.counts(), Counts::default());
}

#[test]
fn a_new_check_time_holds_from_when_the_host_is_told() {
    let mut herd = Herd::new(2, T, 2.5);
    herd.registry.set_timing(Duration::from_secs(2), 2.5);
    let now = Instant::from_secs(40);
    herd.rows.clone().into_iter().for_each(|row| assert!(!herd.registry.heard(now, row)));
    herd.registry.set_check_time(now, herd.rows[0], Duration::from_secs(2));
    herd.expire_until(now + Duration::from_millis(5200));
    assert_eq!(herd.counts().known, 1);
    herd.expire_until(now + Duration::from_secs(74));
    assert_eq!(herd.counts().known, 1);
    herd.expire_until(now + Duration::from_secs(76));
    assert_eq!(herd.counts().known, 0);
}

#[test]
fn a_row_that_is_due_comes_up_until_it_is_removed() {
    let mut herd = Herd::new(1, T, 2.5);
    let now = Instant::from_secs(80);
    assert_eq!(herd.registry.expire(now), Some((herd.rows[0], Fate::Expired)));
    assert_eq!(herd.registry.expire(now), None);
    let later = herd.registry.next_deadline().expect("again");
    assert!(later > now && later < now + T / 10);
    assert_eq!(herd.registry.expire(later), Some((herd.rows[0], Fate::Expired)));
    herd.registry.remove(later, herd.rows[0], Reason::Expiry);
    assert_eq!(herd.registry.next_deadline(), None);
}

/// The wheel does nothing between deadlines, however many rows there are.
#[test]
fn idle_cost_is_that_of_the_rows_looked_at() {
    for size in [1_000, 20_000] {
        let mut herd = Herd::new(size, Duration::from_secs(30), 2.5);
        let mut openings = 0;
        while let Some(next) = herd.registry.next_deadline().filter(|n| *n < Instant::from_secs(44)) {
            assert!(herd.registry.expire(next).is_none());
            openings += 1;
        }
        // All were heard within the last 45 s: hardly anything is opened.
        assert!(openings < 20, "{openings} openings for {size} rows");
    }
}
