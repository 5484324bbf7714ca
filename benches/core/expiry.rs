//! Expiry: what a row costs that falls silent, and what all those cost that do not.

use std::hint::black_box;

use hms::ident::Revision;
use hms::server::Server;
use hms::time::{Duration, Instant};

use crate::cpu::worked;
use crate::hosts::{Fleet, serve, server};
use crate::measure::{Report, What, median};

/// Hosts that fall silent, whatever the number of all.
const SILENT: usize = 1000;
/// Which no loop would call a stall.
const STEP: Duration = Duration::from_millis(250);
/// Steps in one check time.
const CHECK: usize = 120;
/// From the first host that says nothing on until all silent rows are gone: 2.8 check times.
const STEPS: usize = CHECK * 28 / 10;
/// How often hosts fall silent, with the caches in each of the two states.
const EPISODES: usize = 5;
/// Bytes that are read to push the table out of the caches.
const OTHERS: usize = 32 << 20;

/// What the timers find in the caches.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Caches {
    /// What the heartbeats before them left there: a small table wholly.
    AsTheyCome,
    /// Nothing of the table, whatever its size: what a row costs by its number alone.
    Cold,
}

struct Life {
    now: Instant,
    hms: Server,
    fleet: Fleet,
    order: Vec<usize>,
    out: Vec<u8>,
    caches: Caches,
    /// What is read to make them cold.
    others: Vec<u64>,
    /// Nanoseconds of each [`Server::handle_timeout`].
    timers: Vec<f64>,
}

impl Life {
    fn new(n: usize) -> Self {
        let mut now = Instant::from_secs(1);
        let (mut hms, mut fleet) = (server(now), Fleet::new(n + 2 * EPISODES * SILENT));
        now = fleet.register(&mut hms, now, n);
        let order = fleet.shuffled();
        let (out, others) = (Vec::with_capacity(1200), vec![1; OTHERS / 8]);
        Self { now, hms, fleet, order, out, caches: Caches::AsTheyCome, others, timers: Vec::new() }
    }

    /// Whether the host at this place of the order is one of those that fall silent: evenly spread.
    fn is_silent(&self, place: usize) -> bool {
        place * SILENT % self.order.len() < SILENT
    }

    /// One step: its share of the hosts says that it is there, then the timers have their turn.
    fn step(&mut self, number: usize, silence: bool) {
        self.now += STEP;
        let at = |step: usize| step * self.order.len() / CHECK;
        let share = at(number % CHECK)..at(number % CHECK + 1);
        let places: Vec<usize> = share.filter(|place| !silence || !self.is_silent(*place)).collect();
        for places in places.chunks(2048) {
            let beat = |place: &usize| self.fleet.heartbeat(self.order[*place], Revision(0));
            let beats: Vec<_> = places.iter().map(beat).collect();
            serve(&mut self.hms, self.now, &beats, &mut self.out, |_| {});
        }
        if self.caches == Caches::Cold {
            black_box(self.others.iter().step_by(8).sum::<u64>());
        }
        let start = worked();
        self.hms.handle_timeout(self.now);
        self.timers.push((worked() - start) as f64);
        while self.hms.poll_output(self.now, &mut self.out).is_some() {}
        while self.hms.poll_event().is_some() {}
    }

    /// Nanoseconds of timers in a second in which no datagram comes.
    fn quiet(&mut self) -> f64 {
        let (mut steps, start) = (0, worked());
        // None of them is silent long enough to be noticed: 30 s and these 10.
        while steps < 40 {
            self.now += STEP;
            self.hms.handle_timeout(self.now);
            steps += 1;
        }
        (worked() - start) as f64 / (STEP * steps).as_secs_f64()
    }

    /// Nanoseconds of timers in a second without a datagram, in a second in which nobody is silent, and for each row
    /// that expires.
    fn episode(&mut self, caches: Caches) -> [f64; 3] {
        self.caches = Caches::AsTheyCome;
        let before = self.hms.status(self.now).hosts.known;
        (0..CHECK).for_each(|step| self.step(step, false));
        self.caches = caches;
        self.timers.clear();
        (0..CHECK).for_each(|step| self.step(step, false));
        let idle = self.timers.iter().sum::<f64>() / (STEP * CHECK as u32).as_secs_f64();
        let quiet = self.quiet();
        self.timers.clear();
        (0..STEPS).for_each(|step| self.step(step, true));
        let expired = before - self.hms.status(self.now).hosts.known;
        assert_eq!(expired, SILENT, "the silent rows are gone, and only they");
        // In most steps no row is looked at: the median is what a call costs anyway.
        let work = self.timers.iter().sum::<f64>() - median(&mut self.timers) * STEPS as f64;
        self.replace();
        [quiet, idle, work / expired as f64]
    }

    /// Others come in the place of those that are gone.
    fn replace(&mut self) {
        let mut newcomer = self.fleet.len();
        self.now = self.fleet.register(&mut self.hms, self.now, SILENT);
        for place in 0..self.order.len() {
            if self.is_silent(place) {
                self.order[place] = newcomer;
                newcomer += 1;
            }
        }
    }
}

pub(crate) fn run(report: &mut Report, sizes: &[usize]) {
    report.group("expiry", "1000 of n rows fall silent within one check time, all others go on");
    let mut lives: Vec<Life> = sizes.iter().map(|n| Life::new(*n)).collect();
    let mut figures: Vec<[Vec<f64>; 6]> = vec![Default::default(); sizes.len()];
    // Sizes in turn, so that what disturbs one disturbs the others.
    for _ in 0..EPISODES {
        for (life, all) in lives.iter_mut().zip(&mut figures) {
            let both = [Caches::Cold, Caches::AsTheyCome].map(|caches| life.episode(caches));
            all.iter_mut().zip(both.concat()).for_each(|(all, one)| all.push(one));
        }
    }
    let medians: Vec<[f64; 6]> =
        figures.iter_mut().map(|all| all.each_mut().map(|values| median(values))).collect();
    let lines = [
        ("a row that expires, caches cold", 2, true),
        ("the same, caches as they come", 5, false),
        ("a second without a datagram", 3, true),
        ("a second of heartbeats, nobody silent", 4, false),
    ];
    for (what, which, judged) in lines {
        let base = medians.first().map_or(1.0, |figures| figures[which]);
        for (n, figures) in sizes.iter().zip(&medians) {
            let bounds = (judged && *n != sizes[0]).then_some((1.3, 1.5));
            let what = What { what, rows: *n, yardstick: "the same in the smallest table", bounds };
            report.ratio(what, figures[which], base, figures[which] / base);
        }
    }
}
