//! ROOTs: the sums of homes, told where all before them has been (R-PEE-72, R-PEE-77, R-PEE-78).

use super::asks::Want;
use super::machine::Exchange;
use super::peer::{Out, Peer};
use super::table::Table;
use crate::ident::{Process, ServerId};
use crate::limits::{ASKED_HOMES, DIGEST_PERIOD};
use crate::registry::Registry;
use crate::time::Instant;
use crate::wire::peer::{BucketMap, Cursor, DeltaWriter, Root};

impl Out {
    pub(super) fn roots_due(&self, now: Instant) -> bool {
        self.all_due || !self.roots.is_empty() || self.root_at.is_some_and(|at| at <= now)
    }

    /// A DELTA was made; `at_end` with all that waited, and then with the ROOTs that were due.
    pub(super) fn end(&mut self, now: Instant, at_end: bool, roots: bool) {
        if !at_end {
            self.flushing = true;
            return;
        }
        (self.flushing, self.flush_at) = (false, None);
        if roots {
            if self.all_due || self.root_at.is_some_and(|at| at <= now) {
                self.root_at = Some(now + DIGEST_PERIOD);
            }
            self.all_due = false;
            self.roots.clear();
        }
    }

    /// Whether a DELTA asks for CONFIRM at once; with the last of what was urgent that is over.
    pub(super) fn is_urgent(&mut self, at_end: bool) -> bool {
        let urgent = self.urgent.is_some_and(|revision| revision > self.confirmed_at);
        self.urgent = self.urgent.filter(|_| !at_end);
        urgent
    }
}

fn root(registry: &mut Registry, home: Process) -> Root {
    let (rows, digest) = registry.sums(home).map_or((0, 0), |sums| (sums.rows, sums.root()));
    Root { home, rows, digest }
}

impl Peer {
    /// Appends the ROOTs that are due, that of this process first; says whether they are those of all homes.
    pub(super) fn put_roots(
        &self,
        now: Instant,
        own: Process,
        registry: &mut Registry,
        writer: &mut DeltaWriter<'_>,
    ) -> bool {
        let out = &self.out;
        let again = out.root_at.is_some_and(|at| at <= now);
        let own_first = (out.all_due || again).then_some(own);
        let wanted = |home: &Process| {
            let other = *home != own && *home != self.process;
            other && (out.all_due || out.roots.contains(home) || (again && !self.lists(*home)))
        };
        let others: Vec<_> = registry.summed_homes().into_iter().filter(wanted).collect();
        for home in own_first.into_iter().chain(others) {
            if !writer.root(&root(registry, home)) {
                // More homes than anybody has: what is missing is compared when its own ROOT comes.
                break;
            }
        }
        out.all_due
    }
}

impl Exchange {
    /// What differed has come. If it changed there meanwhile only the next ROOT shows whether it is the same.
    pub(super) fn judge_copy(&mut self, server: ServerId, home: Process, table: &mut Table<'_>) {
        let Some(peer) = self.peers.get_mut(&server).filter(|peer| peer.process == home) else { return };
        let here = root(table.registry, home);
        let same = peer.told.is_some_and(|told| (told.rows, told.digest) == (here.rows, here.digest));
        peer.equal = same.then_some(true);
    }

    /// Compares a ROOT with the sum here; what differs is asked for (R-PEE-78).
    pub(super) fn take_root(&mut self, now: Instant, server: ServerId, told: Root, table: &mut Table<'_>) {
        let neighbours = self.neighbours();
        let Some(peer) = self.peers.get_mut(&server) else { return };
        let itself = told.home == peer.process;
        if told.home == self.own || (!itself && neighbours.contains(&told.home)) {
            return;
        }
        let here = root(table.registry, told.home);
        let equal = (here.rows, here.digest) == (told.rows, told.digest);
        if itself {
            (peer.told, peer.equal) = (Some(told), Some(equal));
        }
        if equal {
            return;
        }
        let want = if here.rows == 0 {
            Want::Fetch { wanted: Box::new(BucketMap::ALL), after: Cursor::START }
        } else {
            Want::Compare
        };
        let asks = &mut peer.asks;
        if asks.wants.len() < ASKED_HOMES {
            asks.moved = now;
            asks.wants.entry(told.home).or_insert(want);
        }
    }

    /// All that speak for themselves.
    pub(super) fn neighbours(&self) -> Vec<Process> {
        self.peers.values().filter(|peer| peer.up).map(|peer| peer.process).collect()
    }
}
