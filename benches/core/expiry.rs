//! Expiry: what a row costs that falls silent, and what all those cost that do not.

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
/// How often hosts fall silent.
const EPISODES: usize = 5;

struct Life {
    now: Instant,
    hms: Server,
    fleet: Fleet,
    order: Vec<usize>,
    out: Vec<u8>,
    /// Nanoseconds of [`Server::handle_timeout`].
    timers: u64,
}

impl Life {
    fn new(n: usize) -> Self {
        let mut now = Instant::from_secs(1);
        let (mut hms, mut fleet) = (server(now), Fleet::new(n + EPISODES * SILENT));
        now = fleet.register(&mut hms, now, n);
        let order = fleet.shuffled();
        Self { now, hms, fleet, order, out: Vec::with_capacity(1200), timers: 0 }
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
        let start = worked();
        self.hms.handle_timeout(self.now);
        self.timers += worked() - start;
        while self.hms.poll_output(self.now, &mut self.out).is_some() {}
        while self.hms.poll_event().is_some() {}
    }

    /// Nanoseconds of timers in a second in which nobody is silent, and for each row that expires.
    fn episode(&mut self) -> (f64, f64) {
        let before = self.hms.status(self.now).hosts.known;
        (0..CHECK).for_each(|step| self.step(step, false));
        self.timers = 0;
        (0..CHECK).for_each(|step| self.step(step, false));
        let idle = self.timers as f64 / (STEP * CHECK as u32).as_secs_f64();
        self.timers = 0;
        (0..STEPS).for_each(|step| self.step(step, true));
        let expired = before - self.hms.status(self.now).hosts.known;
        assert_eq!(expired, SILENT, "the silent rows are gone, and only they");
        let work = self.timers as f64 - idle * (STEP * STEPS as u32).as_secs_f64();
        self.replace();
        (idle, work / expired as f64)
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
    let mut figures: Vec<(Vec<f64>, Vec<f64>)> = vec![Default::default(); sizes.len()];
    // Sizes in turn, so that what disturbs one disturbs the others.
    for _ in 0..EPISODES {
        for (life, (idles, costs)) in lives.iter_mut().zip(&mut figures) {
            let (idle, cost) = life.episode();
            idles.push(idle);
            costs.push(cost);
        }
    }
    let yardstick = "the same in the smallest table";
    let medians: Vec<_> = figures.iter_mut().map(|(idles, costs)| (median(idles), median(costs))).collect();
    let Some(&(idle_base, base)) = medians.first() else { return };
    for (n, (_, cost)) in sizes.iter().zip(&medians) {
        let bounds = (*n != sizes[0]).then_some((1.3, 1.5));
        let what = What { what: "a row that expires", rows: *n, yardstick, bounds };
        report.ratio(what, *cost, base, cost / base);
    }
    for (n, (idle, _)) in sizes.iter().zip(&medians) {
        let what = What { what: "a second in which nobody is silent", rows: *n, yardstick, bounds: None };
        report.ratio(what, *idle, idle_base, idle / idle_base);
    }
}
