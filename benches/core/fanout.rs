//! A change of one row, and the pages that it makes for those who follow the realm.

use hms::server::Server;
use hms::time::{Duration, Instant};
use hms::wire::View;

use crate::cpu::worked;
use crate::hosts::{Datagram, Fleet, serve, server};
use crate::measure::{Bounds, Report, What, median};

/// Some sizes of table and crowd.
const CASES: [(usize, usize); 5] =
    [(10_000, 10), (10_000, 100), (10_000, 1_000), (100_000, 1_000), (100_000, 10)];

struct Crowd {
    now: Instant,
    hms: Server,
    fleet: Fleet,
    out: Vec<u8>,
}

impl Crowd {
    /// `n` hosts, `m` of them follow the realm and know all of it.
    fn new(n: usize, m: usize) -> Self {
        let mut now = Instant::from_secs(1);
        let (mut hms, mut fleet) = (server(now), Fleet::new(n));
        now = fleet.register(&mut hms, now, n - m);
        fleet.view = View::Realm;
        now = fleet.register(&mut hms, now, m);
        let mut crowd = Self { now, hms, fleet, out: Vec::with_capacity(1200) };
        let before = crowd.fleet.revision;
        // They have seen all but this change, so that the answers to their heartbeats bring them up to date.
        crowd.fleet.view = View::None;
        let change = crowd.fleet.change(0);
        crowd.serve(&[change]);
        let beats: Vec<_> = (n - m..n).map(|host| crowd.fleet.heartbeat(host, before)).collect();
        crowd.serve(&beats);
        crowd
    }

    fn serve(&mut self, datagrams: &[Datagram]) {
        self.now += Duration::from_millis(200);
        serve(&mut self.hms, self.now, datagrams, &mut self.out, |_| {});
    }

    /// Nanoseconds from the datagram with the change to the first and to the last page, and how many there were.
    fn change(&mut self) -> (f64, f64, usize) {
        let change = self.fleet.change(0);
        // A user may make one change a second.
        self.now += Duration::from_secs(1);
        let start = worked();
        self.hms.handle_datagram(self.now, change.0, Default::default(), &change.1);
        let answered = self.hms.poll_output(self.now, &mut self.out);
        assert!(answered.is_some(), "the ACK");
        let (mut first, mut pages) = (0, 0);
        while self.hms.poll_output(self.now, &mut self.out).is_some() {
            if pages == 0 {
                first = worked();
            }
            pages += 1;
        }
        ((first - start) as f64, (worked() - start) as f64, pages)
    }
}

pub(crate) fn run(report: &mut Report, rows: usize) {
    report.group("fan-out", "one row changes, m of n hosts follow the realm: until the last page is written");
    let mut base = 0.0;
    for (n, m) in CASES.into_iter().filter(|(n, _)| *n <= rows) {
        let mut crowd = Crowd::new(n, m);
        let (mut firsts, mut lasts) = (Vec::new(), Vec::new());
        for _ in 0..=report.rounds {
            let (first, last, pages) = crowd.change();
            assert_eq!(pages, m, "each is sent one page");
            firsts.push(first);
            lasts.push(last);
        }
        let (first, last) = (median(&mut firsts), median(&mut lasts));
        let each = last / m as f64;
        if base == 0.0 {
            base = each;
        }
        let what = format!("{m} subscribers, each");
        let yardstick = "the same with 10 of 10000";
        report.ratio(
            What { what: &what, rows: n, yardstick, bounds: Some((1.3, 2.0)) },
            each,
            base,
            each / base,
        );
        let within = |goal: f64| -> Bounds { Some((goal, goal * 2.0)) };
        report.value(&format!("{m} subscribers, the first"), n, first / 1e6, "ms", within(5.0));
        report.value(&format!("{m} subscribers, the last"), n, last / 1e6, "ms", within(50.0));
    }
}
