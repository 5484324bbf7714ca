//! What a table keeps because other HMSs have it too (spec 10.9): the list of changes, the sums of each home, the order
//! of what ended. A single HMS keeps none of it.

use std::collections::BTreeSet;

use super::log::{COUNTED, DAMAGED, Log, Node, Reader, Teller, Told, WAITS};
use super::{Held, Registry, RowId, RowView, ScrubCounts};
use crate::ident::{RealmId, UserId};
use crate::time::Instant;

/// The digest of a row, the same at every HMS that has it (R-PEE-76).
pub type RowDigestFn = fn(&RowView<'_>) -> u64;

/// Rows whose digests are made together, when they will not change again at once.
const WAITING: usize = 32;
/// Rows or ended sessions that [`Registry::share_step`] enters.
const STEP: u32 = 256;

/// All that is kept beside the rows.
pub(super) struct Sharing {
    digest: RowDigestFn,
    pub(super) log: Log,
    /// Rows that are not in the sums yet.
    waiting: Vec<u32>,
    /// What ended, in order; true: a stray.
    pub(super) ended: BTreeSet<(RealmId, UserId, bool)>,
    /// The rows, then the ended sessions, from which on all that was there has to be entered.
    rows_from: Option<u32>,
    ended_from: Option<u32>,
    pub(super) scrubs: ScrubCounts,
}

impl Registry {
    /// Begins to keep what other HMSs need: from now on changes are listed. What is there already is no change; it is
    /// entered by [`Self::share_step`]. Done twice it does nothing.
    pub fn share(&mut self, digest: RowDigestFn) {
        if self.sharing.is_some() {
            return;
        }
        self.sharing = Some(Box::new(Sharing {
            digest,
            log: Log::new(),
            waiting: Vec::with_capacity(WAITING),
            ended: BTreeSet::new(),
            rows_from: Some(0),
            ended_from: Some(0),
            scrubs: ScrubCounts::default(),
        }));
    }

    /// Whether [`Self::share`] was called.
    pub const fn is_shared(&self) -> bool {
        self.sharing.is_some()
    }

    /// Enters some of what was there before, in less than a millisecond; says whether there is more. Until all is in
    /// there are no sums.
    pub fn share_step(&mut self) -> bool {
        let Some(from) = self.sharing.as_ref().and_then(|sharing| sharing.rows_from) else {
            return self.enter_ended();
        };
        let mut at = Some(from);
        for _ in 0..STEP {
            at = at.and_then(|at| self.rows.next_from(at));
            let Some(id) = at else { break };
            self.unsum(id);
            self.wait(id);
            at = id.checked_add(1);
        }
        if let Some(sharing) = &mut self.sharing {
            sharing.rows_from = at;
        }
        true
    }

    fn enter_ended(&mut self) -> bool {
        let Some(sharing) = &mut self.sharing else { return false };
        let Some(from) = sharing.ended_from else { return false };
        let (ended, next) = self.gone.slice(from, STEP);
        sharing.ended.extend(ended);
        sharing.ended_from = next;
        next.is_some()
    }

    /// Whether all that was there has been entered.
    pub(super) fn is_entered(&self) -> bool {
        let whole = |sharing: &Sharing| sharing.rows_from.is_none() && sharing.ended_from.is_none();
        self.sharing.as_deref().is_some_and(whole)
    }

    /// Another key epoch is part of every row of a realm: all are counted anew.
    pub(super) const fn recount_all(&mut self) {
        if let Some(sharing) = &mut self.sharing {
            sharing.rows_from = Some(0);
        }
    }

    /// Does what another HMS told: the changes that come of it are noted as that neighbour's (R-PEE-71). Without this they
    /// count as made here.
    pub fn telling<T>(&mut self, teller: Teller, act: impl FnOnce(&mut Self) -> T) -> T {
        let set = |registry: &mut Self, teller| {
            if let Some(sharing) = &mut registry.sharing {
                sharing.log.teller = teller;
            }
        };
        set(self, teller);
        let done = act(self);
        set(self, Teller::HERE);
        done
    }

    /// The revision of the last change of all; 0 before the first.
    pub fn position(&self) -> u64 {
        self.sharing.as_ref().map_or(0, |sharing| sharing.log.last())
    }

    /// The revision of a row's last change; 0 if it did not change since the table is shared.
    pub fn shared_revision(&self, id: RowId) -> u64 {
        self.sharing.as_ref().map_or(0, |sharing| sharing.log.row_revision(id.0))
    }

    /// Whether whoever knows all up to this revision can go on from there: no session that ended later was forgotten
    /// (R-PEE-72).
    pub fn can_resume(&mut self, now: Instant, revision: u64) -> bool {
        self.gone.forget(now, &mut self.sharing);
        self.sharing.as_ref().is_some_and(|sharing| revision >= sharing.log.forgotten())
    }

    /// Begins to read the list of changes, behind all that there is. Few may do so: each change costs a look at each
    /// of them. `None` if the table is not shared.
    pub fn open_reader(&mut self) -> Option<Reader> {
        self.sharing.as_mut().map(|sharing| sharing.log.open())
    }

    /// Forgets a place; another may get its name.
    pub fn close_reader(&mut self, reader: Reader) {
        if let Some(sharing) = &mut self.sharing {
            sharing.log.close(reader);
        }
    }

    /// Up to where somebody has read: all with revisions up to this one has been passed. It never falls, unless the
    /// place is moved by [`Self::move_reader`].
    pub fn reader_position(&self, reader: Reader) -> u64 {
        self.sharing.as_ref().map_or(0, |sharing| sharing.log.position(reader))
    }

    /// What comes next at a place.
    pub fn next_change(&self, now: Instant, reader: Reader) -> Option<Told> {
        let (revision, teller, node) = self.sharing.as_ref()?.log.peek(reader)?;
        let what = match node {
            Node::Row(id) => Held::Row(RowId(id)),
            Node::Ended(number) => self.gone.told(now, number)?,
        };
        Some(Told { revision, teller, what })
    }

    /// Goes behind that.
    pub fn pass_change(&mut self, reader: Reader) {
        if let Some(sharing) = &mut self.sharing {
            sharing.log.pass(reader);
        }
    }

    /// Moves one place to another.
    pub fn move_reader(&mut self, reader: Reader, to: Reader) {
        if let Some(sharing) = &mut self.sharing {
            sharing.log.copy(reader, to);
        }
    }

    /// Notes that a row changed: to be called behind the change, whatever it was.
    pub(super) fn touch(&mut self, id: u32) {
        if self.sharing.is_none() {
            return;
        }
        self.unsum(id);
        self.wait(id);
        if self.is_offered(id)
            && let Some(sharing) = &mut self.sharing
        {
            sharing.log.row_changed(id);
        }
    }

    /// A row is about to be removed.
    pub(super) fn untouch(&mut self, id: u32) {
        self.unsum(id);
        if let Some(sharing) = &mut self.sharing {
            sharing.log.row_gone(id);
        }
    }

    /// Whether others are told of a row (R-PEE-65).
    pub(super) fn is_offered(&self, id: u32) -> bool {
        self.rows.get(id).is_some_and(|row| !row.is_nobodys())
    }

    /// Takes a row out of the sums of its home: to be called before it has another one.
    pub(super) fn unsum(&mut self, id: u32) {
        let Some(sharing) = &mut self.sharing else { return };
        let (Some(mark), Some(row)) = (sharing.log.row_mut(id), self.rows.get(id)) else { return };
        if !mark.has(COUNTED) {
            return;
        }
        mark.set(COUNTED | DAMAGED, false);
        self.homes.adjust(row.home, row.user.sum_bucket(), mark.digest, false);
    }

    /// Lets a row that is out of the sums be counted anew.
    pub(super) fn wait(&mut self, id: u32) {
        let Some(sharing) = &mut self.sharing else { return };
        sharing.log.reach_row(id);
        let Some(mark) = sharing.log.row_mut(id).filter(|mark| !mark.has(WAITS)) else { return };
        mark.set(WAITS, true);
        sharing.waiting.push(id);
        if sharing.waiting.len() >= WAITING {
            self.settle_sums();
        }
    }

    /// Counts the rows that wait.
    pub(super) fn settle_sums(&mut self) {
        let Some(sharing) = &mut self.sharing else { return };
        let mut waiting = std::mem::take(&mut sharing.waiting);
        for id in waiting.drain(..) {
            self.sum(id);
        }
        if let Some(sharing) = &mut self.sharing {
            sharing.waiting = waiting;
        }
    }

    fn sum(&mut self, id: u32) {
        let Some(mark) = self.sharing.as_mut().and_then(|sharing| sharing.log.row_mut(id)) else { return };
        // Whoever waited, and was removed, is another now.
        if !mark.has(WAITS) {
            return;
        }
        mark.set(WAITS, false);
        let Some(digest) = self.row_digest(id).filter(|_| self.is_offered(id)) else { return };
        let mark = self.sharing.as_mut().and_then(|sharing| sharing.log.row_mut(id));
        let (Some(mark), Some(row)) = (mark, self.rows.get(id)) else { return };
        mark.digest = digest;
        mark.set(COUNTED, true);
        self.homes.adjust(row.home, row.user.sum_bucket(), digest, true);
    }

    pub(super) fn row_digest(&self, id: u32) -> Option<u64> {
        let digest = self.sharing.as_ref()?.digest;
        Some(digest(&self.row(RowId(id))?))
    }
}
