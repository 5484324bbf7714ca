use super::ms;
use crate::relay::{Chance, Copies, Delivery, Faults, Link, LinkTally};
use crate::time::{Duration, Instant};

/// Sends `n` datagrams of 100 bytes, one a millisecond.
fn pass(link: &mut Link, n: u64) -> Vec<Copies> {
    (0..n).map(|i| link.pass(Instant::from_millis(i), 100)).collect()
}

#[test]
fn a_clean_link_passes_everything_at_once_and_in_order() {
    let mut link = Link::new(1, Faults::default());
    for (i, copies) in (0..).zip(pass(&mut link, 1000)) {
        assert_eq!(copies, [Some(Delivery { at: Instant::from_millis(i), flip: None }), None]);
    }
    let (taken, taken_bytes) = (1000, 100_000);
    let expected = LinkTally {
        taken,
        taken_bytes,
        delivered: taken,
        delivered_bytes: taken_bytes,
        ..LinkTally::default()
    };
    assert_eq!(*link.tally(), expected);
}

#[test]
fn each_fault_comes_as_often_as_asked() {
    let chance = |n| Chance::per_mille(n);
    let faults = Faults {
        loss: chance(50),
        duplicate: chance(20),
        reorder: chance(100),
        corrupt: chance(10),
        reorder_by: ms(50),
        ..Faults::default()
    };
    let mut link = Link::new(7, faults);
    pass(&mut link, 100_000);
    let t = *link.tally();
    assert_eq!(t.taken + t.repeated, t.delivered + t.lost);
    assert_eq!((t.taken_bytes, t.delivered_bytes), (t.taken * 100, t.delivered * 100));
    // Five standard deviations: sqrt(100 000 * p * (1 - p)) is at most 95 here.
    for (count, expected) in
        [(t.lost, 5000.0), (t.repeated, 1900.0), (t.held_back, 9500.0), (t.corrupted, 950.0)]
    {
        assert!((count as f64 - expected).abs() < 475.0, "{count} instead of {expected}: {t}");
    }
    assert_eq!(Chance::new(0.5).map(Chance::probability), Some(0.5));
    assert_eq!((Chance::new(1.5), Chance::new(f64::NAN)), (None, None));
    assert_eq!(Chance::new(1.0), Some(Chance::ALWAYS));
}

#[test]
fn a_certain_loss_loses_all_and_an_impossible_one_none() {
    let mut link = Link::new(3, Faults { loss: Chance::ALWAYS, ..Faults::default() });
    assert!(pass(&mut link, 1000).iter().all(|copies| *copies == [None, None]));
    link.set_faults(Faults { loss: Chance::NEVER, ..Faults::default() });
    assert!(pass(&mut link, 1000).iter().all(|copies| copies[0].is_some()));
}

#[test]
fn the_seed_decides_everything() {
    let faults = Faults {
        loss: Chance::per_mille(100),
        duplicate: Chance::per_mille(100),
        reorder: Chance::per_mille(100),
        corrupt: Chance::per_mille(100),
        delay: ms(10),
        jitter: ms(5),
        reorder_by: ms(30),
        ..Faults::default()
    };
    let fates = |seed| pass(&mut Link::new(seed, faults), 1000);
    assert_eq!(fates(1), fates(1));
    assert_ne!(fates(1), fates(2));
    // The draws of one fault do not depend on another's setting.
    let flips = |faults| -> Vec<_> {
        let fates = pass(&mut Link::new(1, faults), 1000);
        fates.iter().map(|[first, _]| first.and_then(|delivery| delivery.flip)).collect()
    };
    assert_eq!(flips(faults), flips(Faults { duplicate: Chance::NEVER, jitter: ms(0), ..faults }));
}

#[test]
fn jitter_keeps_the_order_and_reordering_breaks_it() {
    let order = |reorder| {
        let faults =
            Faults { delay: ms(10), jitter: ms(20), reorder, reorder_by: ms(50), ..Faults::default() };
        let fates = pass(&mut Link::new(5, faults), 1000);
        let at: Vec<_> = fates.iter().filter_map(|[first, _]| first.map(|d| d.at)).collect();
        let (low, high) = (0..).zip(&at).fold((ms(1000), ms(0)), |(low, high), (i, at)| {
            let took = at.since(Instant::from_millis(i));
            (low.min(took), high.max(took))
        });
        (at.is_sorted(), low, high)
    };
    let (sorted, low, high) = order(Chance::NEVER);
    assert!(sorted && low >= ms(10) && high <= ms(30), "{low:?} {high:?}");
    let (sorted, low, high) = order(Chance::per_mille(100));
    assert!(!sorted && low >= ms(10) && high > ms(50) && high <= ms(80), "{low:?} {high:?}");
}

#[test]
fn a_bottleneck_spaces_datagrams_and_drops_what_its_queue_cannot_hold() {
    let mut link = Link::new(5, Faults { rate: Some(10_000), queue: 1000, ..Faults::default() });
    let copies: Vec<_> = (0..20).map(|_| link.pass(Instant::ZERO, 100)).collect();
    let at: Vec<_> = copies.iter().filter_map(|[first, _]| first.map(|d| d.at.millis())).collect();
    assert_eq!(at, (1..=10).map(|i| i * 10).collect::<Vec<_>>());
    assert_eq!(link.tally().queue_full, 10);
}

/// When a datagram of `len` bytes arrives that enters `micros` after the start.
fn arrival(link: &mut Link, micros: u64, len: usize) -> Option<u64> {
    link.pass(Instant::from_micros(micros), len)[0].map(|delivery| delivery.at.micros())
}

#[test]
fn a_rate_holds_for_datagrams_that_take_less_than_the_clocks_step() {
    // 100 bytes take two thirds of a microsecond.
    let faults = Faults { rate: Some(150_000_000), queue: u64::MAX, ..Faults::default() };
    let mut link = Link::new(1, faults);
    let last = (0..15_000).filter_map(|_| arrival(&mut link, 0, 100)).last();
    assert!(last.is_some_and(|micros| micros.abs_diff(10_000) <= 10), "{last:?} instead of 10 000");
}

#[test]
fn a_queue_is_counted_in_bytes_that_are_still_there_whatever_the_rate_becomes() {
    let slow = Faults { rate: Some(1000), queue: 1000, ..Faults::default() };
    let mut link = Link::new(1, slow);
    let first: Vec<_> = (0..11).map(|_| arrival(&mut link, 0, 100)).collect();
    let expected: Vec<_> = (1..=10).map(|i| Some(i * 100_000)).chain([None]).collect();
    assert_eq!(first, expected);
    link.set_faults(Faults { rate: Some(1_000_000), ..slow });
    assert_eq!(arrival(&mut link, 99_999, 1), None, "nothing has left yet");
    // One has left; the next waits for the other nine, and takes 100 µs.
    assert_eq!(arrival(&mut link, 100_000, 100), Some(1_000_100));
    assert_eq!(arrival(&mut link, 100_000, 1), None);
    link.set_faults(slow);
    assert_eq!(arrival(&mut link, 1_000_099, 901), None, "100 bytes wait");
    assert_eq!(arrival(&mut link, 1_000_099, 900), Some(1_900_100));
}

#[test]
fn a_queue_holds_64_kib_by_default_and_an_idle_bottleneck_takes_what_it_would_not() {
    let mut link = Link::new(1, Faults { rate: Some(1000), queue: 0, ..Faults::default() });
    assert_eq!(arrival(&mut link, 0, 1200), Some(1_200_000));
    assert_eq!(arrival(&mut link, 1_199_999, 1), None);
    assert_eq!(arrival(&mut link, 1_200_000, 1), Some(1_201_000));
    assert_eq!(link.tally().queue_full, 1);
    let mut link = Link::new(1, Faults { rate: Some(1000), ..Faults::default() });
    let taken = (0..100).filter_map(|_| arrival(&mut link, 0, 1024)).count();
    assert_eq!(taken, 64, "64 KiB by default");
}

#[test]
fn a_bottleneck_forgets_what_is_beyond_its_memory() {
    let mut link = Link::new(1, Faults { rate: Some(1), queue: u64::MAX, ..Faults::default() });
    (0..70_000).for_each(|_| {
        arrival(&mut link, 0, 1);
    });
    assert_eq!((link.tally().delivered, link.tally().queue_full), (65_536, 4464));
}

#[test]
fn what_is_larger_than_the_path_vanishes_and_changes_nothing_else() {
    let faults = Faults { loss: Chance::per_mille(300), jitter: ms(9), ..Faults::default() };
    let narrow = Faults { max_size: Some(1000), ..faults };
    let fates = |faults| {
        let mut link = Link::new(5, faults);
        let lens = [1000, 1001, 0, 65_507].into_iter().cycle().take(400);
        let fates: Vec<_> = lens.map(|len| (len, arrival(&mut link, 0, len))).collect();
        (fates, *link.tally())
    };
    let ((wide, _), (fates, tally)) = (fates(faults), fates(narrow));
    assert_eq!(tally.too_large, 200);
    assert!(fates.iter().all(|(len, at)| *len <= 1000 || at.is_none()));
    let lost = |fates: &[(usize, Option<u64>)]| -> Vec<_> {
        fates.iter().filter(|(len, _)| *len <= 1000).map(|(_, at)| at.is_none()).collect()
    };
    assert_eq!(lost(&fates), lost(&wide), "the others have the luck they had");
}

#[test]
fn a_shorter_delay_keeps_the_order() {
    let mut link = Link::new(1, Faults { delay: ms(100), ..Faults::default() });
    assert_eq!(arrival(&mut link, 0, 1), Some(100_000));
    link.set_faults(Faults::default());
    assert_eq!(arrival(&mut link, 1000, 1), Some(100_000));
    assert_eq!(arrival(&mut link, 100_001, 1), Some(100_001));
}

#[test]
fn values_at_their_ends_are_taken() {
    let long = Duration::MAX;
    let all = Chance::ALWAYS;
    let faults = Faults {
        duplicate: all,
        reorder: all,
        delay: long,
        jitter: long,
        reorder_by: long,
        ..Faults::default()
    };
    let never = Some(Delivery { at: Instant::FAR, flip: None });
    assert_eq!(Link::new(1, faults).pass(Instant::from_secs(1), 9), [never, never]);
    for (rate, takes) in [(0, 9_000_000), (1, 9_000_000), (u64::MAX, 0)] {
        let mut link = Link::new(1, Faults { rate: Some(rate), queue: u64::MAX, ..Faults::default() });
        assert_eq!(arrival(&mut link, 5, 9), Some(5 + takes), "{rate} bytes a second");
    }
    let mut link = Link::new(1, Faults { corrupt: all, rate: Some(1), ..Faults::default() });
    assert_eq!(arrival(&mut link, u64::MAX, 65_507), Some(u64::MAX));
    assert_eq!(link.pass(Instant::FAR, 0)[0], never, "nothing to flip a bit of");
}
