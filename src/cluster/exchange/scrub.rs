//! The scrubber: all rows are hashed anew each minute, in pieces, and what is not what it was is asked for (R-PEE-81).

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use super::asks::Want;
use super::machine::Exchange;
use super::table::Table;
use crate::ident::{Process, ServerId};
use crate::limits::{ASK_GIVEN_UP, SCRUB_PERIOD, SCRUB_ROWS, SUM_BUCKETS};
use crate::time::{Duration, Instant};
use crate::wire::peer::{BucketMap, Cursor, Phase};

/// Buckets in a piece of a small table: one a second.
const PIECE_MAX: usize = SUM_BUCKETS.div_ceil(60);

/// Where it is, and what it found.
pub(super) struct Scrubber {
    bucket: usize,
    next: Instant,
    damaged: BTreeMap<Process, Damaged>,
}

/// Buckets of a home with damaged rows.
struct Damaged {
    buckets: Box<BucketMap>,
    /// They are mended until then, or never.
    until: Instant,
    /// Who was asked.
    asked: Option<ServerId>,
}

impl Scrubber {
    pub(super) const fn new(now: Instant) -> Self {
        Self { bucket: 0, next: now, damaged: BTreeMap::new() }
    }

    fn note(&mut self, now: Instant, home: Process, bucket: usize) {
        let none = || Damaged { buckets: Box::new(BucketMap::NONE), until: now + ASK_GIVEN_UP, asked: None };
        let damaged = self.damaged.entry(home).or_insert_with(none);
        // What was asked for before is asked for again, with this.
        if !damaged.buckets.contains(bucket) {
            damaged.buckets.insert(bucket);
            damaged.asked = None;
        }
    }
}

/// So many buckets make a piece of a table with so many rows.
fn piece(rows: usize) -> usize {
    let per_bucket = rows.div_ceil(SUM_BUCKETS).max(1);
    (SCRUB_ROWS / per_bucket).clamp(1, PIECE_MAX)
}

impl Exchange {
    /// Hashes the next piece if it is time, and sees to what is damaged.
    pub(super) fn scrub(&mut self, now: Instant, table: &mut Table<'_>) {
        if self.is_scrubbing() && now >= self.scrubber.next {
            let buckets = piece(table.registry.row_count());
            for _ in 0..buckets {
                let bucket = self.scrubber.bucket;
                self.scrubber.bucket = (bucket + 1) % SUM_BUCKETS;
                for home in table.registry.scrub(bucket).damaged {
                    self.scrubber.note(now, home, bucket);
                }
            }
            self.scrubber.next = now + pause(buckets);
        }
        for home in self.scrubber.damaged.keys().copied().collect::<Vec<_>>() {
            self.mend(now, home, table);
        }
    }

    /// When the next piece is hashed; never where nobody shares the table.
    pub(super) fn scrubs_at(&self) -> Option<Instant> {
        self.is_scrubbing().then_some(self.scrubber.next)
    }

    fn is_scrubbing(&self) -> bool {
        !self.peers.is_empty()
    }

    /// Asks for damaged rows, and makes an end when the answer has come, or nobody has one.
    fn mend(&mut self, now: Instant, home: Process, table: &mut Table<'_>) {
        let Some(damaged) = self.scrubber.damaged.get(&home) else { return };
        let wants = |server: ServerId| self.peers.get(&server).map(|peer| &peer.asks.wants);
        let answered =
            damaged.asked.is_some_and(|server| wants(server).is_none_or(|all| !all.contains_key(&home)));
        if !answered && now < damaged.until {
            if damaged.asked.is_none() {
                self.ask_for(now, home);
            }
            return;
        }
        for bucket in (0..SUM_BUCKETS).filter(|bucket| damaged.buckets.contains(*bucket)) {
            table.registry.accept_damage(home, bucket);
        }
        self.scrubber.damaged.remove(&home);
    }

    fn ask_for(&mut self, now: Instant, home: Process) {
        let Some(server) = self.who_has(home) else { return };
        let (Some(damaged), Some(peer)) = (self.scrubber.damaged.get_mut(&home), self.peers.get_mut(&server))
        else {
            return;
        };
        // Whatever else is asked of that home comes to its end first.
        if let Entry::Vacant(entry) = peer.asks.wants.entry(home) {
            entry.insert(Want::Fetch { wanted: damaged.buckets.clone(), after: Cursor::START });
            (peer.asks.moved, damaged.asked) = (now, Some(server));
        }
    }

    /// The home itself, or of what is homed here, or further away, a neighbour that offers its rows.
    fn who_has(&self, home: Process) -> Option<ServerId> {
        let offers = |server: &ServerId| {
            self.peers.get(server).is_some_and(|peer| peer.up && peer.phase == Phase::Operating)
        };
        let itself = Some(home.server).filter(|server| {
            offers(server) && self.peers.get(server).is_some_and(|peer| peer.process == home)
        });
        let other = || {
            self.peers.iter().find(|(server, peer)| offers(server) && (home == self.own || peer.lists(home)))
        };
        itself.or_else(|| other().map(|(server, _)| *server))
    }
}

fn pause(buckets: usize) -> Duration {
    SCRUB_PERIOD * u32::try_from(buckets).unwrap_or(u32::MAX) / u32::try_from(SUM_BUCKETS).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_piece_has_a_thousand_rows_or_a_seconds_share_of_the_buckets() {
        for (rows, buckets, millis) in
            [(0, 69, 1010), (50_000, 69, 1010), (1_000_000, 4, 58), (10_000_000, 1, 14)]
        {
            assert_eq!((piece(rows), pause(piece(rows)).as_millis()), (buckets, millis), "{rows} rows");
        }
    }
}
