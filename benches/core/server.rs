//! The whole machine: memory, registration, heartbeats, rejects.

use hms::net::Arrival;
use hms::server::Server;
use hms::time::{Duration, Instant};

use crate::hosts::{Datagram, Fleet, serve, server};
use crate::measure::{Bounds, Report, What, hmacs};
use crate::{ALLOCATOR, Options, alloc, cpu};

/// A server with its hosts.
struct World {
    n: usize,
    now: Instant,
    hms: Server,
    fleet: Fleet,
    order: Vec<usize>,
    /// Hosts of `order` that had their turn.
    next: usize,
    out: Vec<u8>,
}

pub(crate) fn run(report: &mut Report, options: &Options) {
    let groups = ["memory", "heartbeat", "reject", "registration"];
    if !groups.iter().any(|group| options.wants(group)) {
        return;
    }
    let sizes = options.sizes();
    for n in sizes {
        // The figures that count are those of the largest table.
        let judged = n == options.rows;
        report.group("memory", "live heap and resident memory of all rows and indexes");
        let mut world = World::new(report, n, judged);
        if options.wants("heartbeat") {
            world.heartbeat(report, judged);
        }
        if options.wants("reject") {
            world.reject(report, judged);
        }
        if options.wants("registration") {
            world.registration(report);
        }
    }
}

fn bounds(judged: bool, goal: f64, floor: f64) -> Bounds {
    judged.then_some((goal, floor))
}

impl World {
    fn new(report: &mut Report, n: usize, judged: bool) -> Self {
        let mut now = Instant::from_secs(1);
        let mut fleet = Fleet::new(n);
        let (live, resident) = (ALLOCATOR.live(), alloc::resident());
        let mut hms = server(now);
        now = fleet.register(&mut hms, now, n);
        let each = |bytes: usize| bytes as f64 / n as f64;
        let goal = bounds(judged, 256.0, 300.0);
        report.value("live heap of a row", n, each(ALLOCATOR.live() - live), "bytes", goal);
        report.value("resident memory of a row", n, each(alloc::resident() - resident), "bytes", goal);
        let order = fleet.shuffled();
        Self { n, now, hms, fleet, order, next: 0, out: Vec::with_capacity(1200) }
    }

    fn what<'a>(&self, what: &'a str, yardstick: &'static str, bounds: Bounds) -> What<'a> {
        What { what, rows: self.n, yardstick, bounds }
    }

    fn heartbeat(&mut self, report: &mut Report, judged: bool) {
        report.group("heartbeat", "parse, find, verify, window, deadline, ACK; hosts in random order");
        let sample = self.n.min(20_000);
        let what =
            self.what("steady heartbeat and its ACK", "two HMACs over 52 bytes", bounds(judged, 1.3, 1.8));
        let mut answered = 0;
        report.compare(
            what,
            || hmacs(&[52, 52], sample),
            || {
                let beats = self.beats(sample);
                cpu::timed(sample, || {
                    answered += serve(&mut self.hms, self.now, &beats, &mut self.out, |_| {});
                })
            },
        );
        assert_eq!(answered, (report.rounds + 1) * sample, "every heartbeat is answered");
        let what = self.what("the same, one datagram at a time", "two HMACs over 52 bytes", None);
        report.compare(
            what,
            || hmacs(&[52, 52], sample),
            || {
                let beats = self.beats(sample);
                cpu::timed(sample, || {
                    for (from, bytes) in &beats {
                        self.hms.handle_datagram(self.now, *from, Arrival::default(), bytes);
                        while self.hms.poll_output(self.now, &mut self.out).is_some() {}
                    }
                })
            },
        );
    }

    /// The next hosts' heartbeats, none sooner than half a check time after its last.
    fn beats(&mut self, sample: usize) -> Vec<Datagram> {
        if self.next / self.n != (self.next + sample) / self.n || self.next == 0 {
            self.rest();
        }
        let beats = self.fleet.heartbeats(&self.order, self.next, sample);
        self.next += sample;
        self.now += Duration::from_millis(10);
        beats
    }

    /// Half a check time goes by.
    fn rest(&mut self) {
        for _ in 0..16 {
            self.now += Duration::from_secs(1);
            self.hms.handle_timeout(self.now);
        }
    }

    fn reject(&mut self, report: &mut Report, judged: bool) {
        report.group("reject", "a heartbeat with a wrong tag, from another address");
        let kinds = [("session in the table", true, (1.6, 1.8)), ("unknown session", false, (4.0, 4.5))];
        let sample = self.n.min(20_000);
        for (what, known, (goal, floor)) in kinds {
            let what = self.what(what, "one HMAC over 52 bytes", bounds(judged, goal, floor));
            let before = self.dropped("tag");
            report.compare(
                what,
                || hmacs(&[52], sample),
                || {
                    let bad = self.fleet.bad_tags(&self.order, self.next, sample, known);
                    self.next += sample;
                    // A whole second later: the budget for unverified work is full again.
                    self.now += Duration::from_secs(1);
                    cpu::timed(sample, || {
                        serve(&mut self.hms, self.now, &bad, &mut self.out, |_| {});
                    })
                },
            );
            let dropped = self.dropped("tag") - before;
            assert_eq!(dropped, ((report.rounds + 1) * sample) as u64, "each was dropped for its tag");
        }
    }

    fn dropped(&self, reason: &str) -> u64 {
        self.hms.status(self.now).drops.get(reason).copied().unwrap_or(0)
    }

    fn registration(&mut self, report: &mut Report) {
        report.group("registration", "INIT, CHALLENGE, REGISTER, REGISTERED of new hosts");
        let sample = 2_000;
        // The lengths that the tags of the four cover.
        let mut lengths = vec![52, 52, 0, 0];
        let yardstick = "the four HMACs over the same bytes";
        let (mut subjects, mut yards, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
        for round in 0..=report.rounds {
            self.now += Duration::from_secs(1);
            let mut newcomers = self.fleet.newcomers(sample);
            let inits = Fleet::inits(&newcomers);
            let mut answers = Vec::with_capacity(sample);
            let mut time = self.serve(&inits, &mut answers);
            let registers = self.fleet.registers(&mut newcomers, &answers);
            answers.clear();
            time += self.serve(&registers, &mut answers);
            lengths[2] = registers.first().map_or(0, |(_, bytes)| bytes.len() - 16);
            lengths[3] = answers.first().map_or(0, |bytes| bytes.len() - 16);
            self.fleet.registered(&newcomers, &answers);
            while self.hms.poll_event().is_some() {}
            let yard = hmacs(&lengths, sample);
            if round > 0 {
                subjects.push(time);
                yards.push(yard);
                ratios.push(time / yard);
            }
        }
        let what = self.what("registration of a new host, both round trips", yardstick, None);
        let medians = [&mut subjects, &mut yards, &mut ratios].map(|values| crate::measure::median(values));
        report.ratio(what, medians[0], medians[1], medians[2]);
    }

    /// Nanoseconds a datagram; the answers are kept.
    fn serve(&mut self, datagrams: &[Datagram], answers: &mut Vec<Vec<u8>>) -> f64 {
        let mut bytes = Vec::with_capacity(datagrams.len() * 400);
        let mut ends = Vec::with_capacity(datagrams.len());
        let time = cpu::timed(datagrams.len(), || {
            serve(&mut self.hms, self.now, datagrams, &mut self.out, |answer| {
                bytes.extend_from_slice(answer);
                ends.push(bytes.len());
            });
        });
        let mut start = 0;
        for end in ends {
            answers.push(bytes[start..end].to_vec());
            start = end;
        }
        time
    }
}
