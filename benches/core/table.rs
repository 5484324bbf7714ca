//! Operations of the table, each with what it costs in a small one.

use std::hint::black_box;

use hms::directory::entry_digest;
use hms::ident::{Generation, InstanceId, RealmId, Revision, ServerId, SessionId, Stamp, UserId};
use hms::registry::{NewContent, NewRow, Reason, Registry, RowId};
use hms::time::{Duration, Instant, UnixMillis};

use crate::cpu::timed;
use crate::measure::{Report, What, median};

const REALM: RealmId = RealmId(7);
const CONTENT: [u8; 57] = [b'c'; 57];
/// Rows that an operation is done to in one round.
const SAMPLE: usize = 5_000;

/// Spreads numbers as a hash does.
const fn hashed(number: u64) -> u64 {
    let z = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z ^ (z >> 27)
}

fn user(number: u64) -> UserId {
    UserId(hashed(number + 1).to_be_bytes())
}

fn session(number: u64) -> SessionId {
    SessionId(hashed(number + (1 << 40)))
}

struct Table {
    registry: Registry,
    now: Instant,
    n: u64,
    /// Numbers of the rows of this round.
    picked: Vec<u64>,
    round: u64,
}

impl Table {
    fn new(n: usize) -> Self {
        let mut registry = Registry::new(1, entry_digest, Instant::ZERO);
        registry.add_realm(REALM);
        let mut table = Self { registry, now: Instant::from_secs(1), n: 0, picked: Vec::new(), round: 0 };
        (0..n as u64).for_each(|number| table.insert(number));
        table.n = n as u64;
        table
    }

    fn insert(&mut self, number: u64) {
        let ip = (number as u32).wrapping_add(0x0a00_0000).to_be_bytes();
        let new = NewRow {
            realm: REALM,
            user: user(number),
            session: session(number),
            key: &[7; 32],
            generation: Generation::default(),
            stamp: Stamp(number),
            server: ServerId(1),
            instance: InstanceId(number),
            content: &CONTENT,
            content_version: 1,
            group: None,
            address: Some((ip, 6711).into()),
            since: UnixMillis(1_700_000_000_000),
            check_time: Duration::from_secs(30),
        };
        black_box(self.registry.register(self.now, &new));
    }

    /// Other rows than in the round before, in random order.
    fn pick(&mut self) {
        self.round += 1;
        self.now += Duration::from_millis(10);
        let (round, n) = (self.round << 32, self.n);
        let mut picked: Vec<u64> = (0..SAMPLE as u64).map(|i| hashed(round + i) % n).collect();
        let mut seen = std::collections::BTreeSet::new();
        picked.retain(|number| seen.insert(*number));
        self.picked = picked;
    }

    fn ids(&self) -> Vec<RowId> {
        self.picked.iter().filter_map(|number| self.registry.by_user(REALM, user(*number))).collect()
    }

    /// Nanoseconds of each operation, in the order of [`OPERATIONS`].
    fn round(&mut self) -> [f64; OPERATIONS.len()] {
        let mut times = [0.0; OPERATIONS.len()];
        self.pick();
        let picked = self.picked.clone();
        let count = picked.len();
        times[0] = timed(count, || {
            for number in &picked {
                black_box(self.registry.by_session(session(*number)));
            }
        });
        self.pick();
        let picked = self.picked.clone();
        times[1] = timed(picked.len(), || {
            for number in &picked {
                black_box(self.registry.by_user(REALM, user(*number)));
            }
        });
        self.pick();
        let ids = self.ids();
        times[2] = timed(ids.len(), || {
            for id in &ids {
                black_box(self.registry.heartbeat(self.now, *id));
            }
        });
        self.pick();
        let ids = self.ids();
        let mut bytes = CONTENT;
        times[3] = timed(ids.len(), || {
            for id in &ids {
                bytes[0] = self.round as u8;
                let new = NewContent { bytes: &bytes, version: 2, group: None };
                black_box(self.registry.set_content(*id, &new));
            }
        });
        times[4] = self.list(ids.len());
        self.remove_and_insert(&mut times);
        times
    }

    /// What changed a moment ago, as a delta needs it.
    fn list(&self, changed: usize) -> f64 {
        let view = self.registry.realm_view(REALM).expect("a realm");
        let last = self.registry.revision(view);
        let from = Revision(last.0 - changed as u32);
        let mut listed = 0;
        let time =
            timed(changed, || listed = black_box(self.registry.changes_after(view, from, None).count()));
        assert_eq!(listed, changed);
        time
    }

    fn remove_and_insert(&mut self, times: &mut [f64; OPERATIONS.len()]) {
        self.pick();
        let (picked, ids) = (self.picked.clone(), self.ids());
        times[5] = timed(ids.len(), || {
            for id in &ids {
                self.registry.remove(self.now, *id, Reason::Leave);
            }
        });
        times[6] = timed(picked.len(), || picked.iter().for_each(|number| self.insert(*number)));
        assert_eq!(self.registry.len() as u64, self.n);
        // What is remembered of removed rows is forgotten again.
        self.now += Duration::from_secs(31);
    }
}

const OPERATIONS: [&str; 7] = [
    "find by session",
    "find by user",
    "heartbeat: time and deadline",
    "change of content, with digests",
    "list after a revision, each change",
    "remove",
    "insert",
];

pub(crate) fn run(report: &mut Report, sizes: &[usize]) {
    report.group("registry", "one row at a time, in random order");
    let mut base = [0.0; OPERATIONS.len()];
    for n in sizes {
        let mut table = Table::new(*n);
        let mut times: [Vec<f64>; OPERATIONS.len()] = Default::default();
        for round in 0..=report.rounds {
            let figures = table.round();
            if round > 0 {
                times.iter_mut().zip(figures).for_each(|(all, one)| all.push(one));
            }
        }
        for ((what, times), base) in OPERATIONS.iter().zip(&mut times).zip(&mut base) {
            let time = median(times);
            if n == &sizes[0] {
                *base = time;
            }
            let line = What { what, rows: *n, yardstick: "the same in the smallest table", bounds: None };
            report.ratio(line, time, *base, time / *base);
        }
        let digest = || {
            timed(1000, || {
                (0..1000).for_each(|i| {
                    black_box(entry_digest(user(i), false, None, black_box(&CONTENT)));
                });
            })
        };
        if n == &sizes[0] {
            let line =
                What { what: "digest of a row", rows: 0, yardstick: "one HMAC over 52 bytes", bounds: None };
            report.compare(line, || crate::measure::hmacs(&[52], 1000), digest);
        }
    }
}
