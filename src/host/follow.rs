//! Following the directory: what ACKs, pushes and pulled pages do to the host's copy (R-DIR-03 to R-DIR-09).

use super::pull::{Pull, What};
use super::{Event, Host};
use crate::directory::{Applied, HostDirectory};
use crate::ident::{Incarnation, Revision, UserId};
use crate::time::Instant;
use crate::wire::{Ack, Buckets, Changes, Digests, PageKind, PageMessage, UpdateMode, View};

/// The copy and where it comes from.
#[derive(Debug)]
pub(super) struct Follow {
    pub(super) copy: HostDirectory,
    /// The process whose revisions the copy counts (R-REG-35).
    pub(super) origin: Incarnation,
    /// The HMS has changes that were not asked for (mode on-request).
    pub(super) stale: bool,
    /// A push did not fit: there is more to pull when the present pull ends.
    pub(super) missed: bool,
    pub(super) pull: Option<Pull>,
    /// The first sequence that was sent for the present view: an ACK of an earlier one shows another.
    pub(super) since: u64,
}

impl Follow {
    pub(super) const fn new() -> Self {
        let copy = HostDirectory::new();
        Self { copy, origin: Incarnation(0), stale: false, missed: false, pull: None, since: 0 }
    }

    /// The revision that a request to this process carries: 0 if the copy comes from another (R-REG-35).
    pub(super) fn revision_for(&self, incarnation: Incarnation) -> Revision {
        if self.origin == incarnation { self.copy.revision() } else { Revision(0) }
    }

    /// From now on revisions are those of this process.
    fn turn_to(&mut self, incarnation: Incarnation) {
        if self.origin != incarnation {
            self.origin = incarnation;
            self.copy.adopt(Revision(0));
            self.pull = None;
        }
    }
}

impl Host {
    /// Whether there is a view to follow: wanted, and granted as far as is known (R-DIR-10).
    pub(super) fn follows(&self) -> bool {
        self.own.view != View::None && self.told.granted.is_none_or(|granted| granted.kind != 0)
    }

    /// The HMS does not grant the view: nobody keeps the rows up to date, so they are not shown (R-DIR-10).
    pub(super) fn stop_following(&mut self, now: Instant) {
        if !self.follow.copy.is_empty() {
            self.end_pull();
            self.follow.copy.clear();
            self.events.push_back(Event::Changed);
            self.persist_soon(now);
        }
    }

    /// After REGISTERED: an empty list is pulled at once, another one is compared (R-DIR-07).
    pub(super) fn follow_registered(&mut self, now: Instant, incarnation: Incarnation, revision: Revision) {
        let same = self.follow.origin == incarnation && self.follow.copy.revision().0 != 0;
        self.follow.turn_to(incarnation);
        if !self.follows() {
            return;
        }
        if self.follow.copy.is_empty() {
            self.start_pull(now, What::all());
        } else if !same {
            self.start_pull(now, What::Digests);
        } else if self.follow.copy.revision() != revision {
            self.start_pull(now, What::Delta);
        }
    }

    /// R-DIR-06, R-DIR-08.
    pub(super) fn follow_ack(&mut self, now: Instant, ack: &Ack<'_>, wanted: bool) {
        if ack.revision == Revision(0) {
            return;
        }
        self.follow.turn_to(ack.incarnation);
        if !self.follows() {
            return;
        }
        if let Some(changes) = &ack.changes {
            self.follow_changes(now, changes);
        } else if ack.equal {
            self.follow.copy.adopt(ack.revision);
            self.follow.stale = false;
        } else if ack.resync {
            self.resync(now);
        } else if ack.revision > self.follow.copy.revision() {
            // Changes that did not fit into the budget; in mode on-request those that nobody asked for.
            if self.told.mode == Some(UpdateMode::OnRequest) && !wanted {
                self.set_stale();
            } else if self.follow.copy.revision().0 != 0 {
                self.start_pull(now, What::Delta);
            }
        } else {
            self.follow.stale = false;
        }
    }

    fn set_stale(&mut self) {
        if !self.follow.stale {
            self.follow.stale = true;
            self.events.push_back(Event::Changed);
        }
    }

    /// R-DIR-07.
    fn resync(&mut self, now: Instant) {
        let what = if self.follow.copy.is_empty() { What::all() } else { What::Digests };
        self.start_pull(now, what);
    }

    /// A page that came without being pulled: in an ACK or as a push.
    pub(super) fn follow_changes(&mut self, now: Instant, changes: &Changes<'_>) {
        let info = &changes.info;
        if info.kind == PageKind::Copy && self.copying() {
            return;
        }
        let applied = self.apply(now, changes, &Buckets::ALL);
        match info.kind {
            PageKind::Delta if !applied.taken => self.catch_up(now, info.from),
            PageKind::Delta if info.more => self.start_pull(now, What::Delta),
            // No row fitted beside the rest: all is pulled.
            PageKind::Copy | PageKind::Whole if info.more && info.up_to == UserId::default() => {
                self.start_pull(now, What::all());
            }
            PageKind::Copy if info.more => self.continue_copy(now, info.up_to, Buckets::ALL, info.to),
            PageKind::Copy => self.follow.copy.adopt(info.to),
            PageKind::Whole if info.more => self.continue_copy(now, info.up_to, Buckets::ALL, info.to),
            _ => {}
        }
    }

    /// A push of the process that is followed.
    pub(super) fn follow_push(&mut self, now: Instant, page: &PageMessage<'_>) {
        if self.follow.origin == page.incarnation {
            self.follow_changes(now, &page.changes);
        }
    }

    /// A delta begins behind what is here: the changes between are pulled.
    fn catch_up(&mut self, now: Instant, from: Revision) {
        if self.follow.pull.is_some() {
            self.follow.missed = true;
        } else if self.follow.copy.revision().0 != 0 && self.follow.copy.revision() < from {
            self.start_pull(now, What::Delta);
        }
    }

    fn copying(&self) -> bool {
        self.follow.pull.as_ref().is_some_and(|pull| matches!(pull.what, What::Copy { .. }))
    }

    fn continue_copy(&mut self, now: Instant, cursor: UserId, buckets: Buckets, revision: Revision) {
        self.start_pull(now, What::Copy { cursor, buckets, revision: Some(revision) });
    }

    /// The page that was pulled.
    pub(super) fn pulled_page(&mut self, now: Instant, changes: &Changes<'_>) {
        let Some(what) = self.follow.pull.as_ref().map(|pull| pull.what) else { return };
        let info = &changes.info;
        match (what, info.kind) {
            (What::Delta, PageKind::Delta) => {
                let applied = self.apply(now, changes, &Buckets::ALL);
                if applied.taken && (info.more || std::mem::take(&mut self.follow.missed)) {
                    self.start_pull(now, What::Delta);
                } else {
                    self.end_pull();
                }
            }
            (What::Copy { cursor, buckets, revision }, PageKind::Copy | PageKind::Whole)
                if info.after == cursor =>
            {
                self.apply(now, changes, &buckets);
                // The copy stands for the revision of its first page (R-DIR-04).
                let first = revision.unwrap_or(info.to);
                if info.more {
                    self.continue_copy(now, info.up_to, buckets, first);
                } else {
                    self.copy_complete(now, first, info.to);
                }
            }
            // An HMS may answer with a whole view to whatever was asked (R-DIR-05).
            (_, PageKind::Whole) if info.after == UserId::default() => {
                self.end_pull();
                self.follow_changes(now, changes);
            }
            _ => self.end_pull(),
        }
    }

    fn copy_complete(&mut self, now: Instant, first: Revision, last: Revision) {
        self.follow.copy.adopt(first);
        self.follow.stale = false;
        if first != last || std::mem::take(&mut self.follow.missed) {
            self.start_pull(now, What::Delta);
        } else {
            self.end_pull();
        }
    }

    /// The digests that were pulled, or that answer a delta which the HMS no longer has.
    pub(super) fn pulled_digests(&mut self, now: Instant, digests: &Digests) {
        if digests.root == self.follow.copy.root() {
            self.copy_complete(now, digests.revision, digests.revision);
        } else if self.follow.copy.is_empty() {
            self.start_pull(now, What::all());
        } else {
            let buckets = self.follow.copy.differing(&digests.buckets);
            // The other buckets are equal at the revision of the digests, not at that of the copy's first page.
            let revision = Some(digests.revision);
            self.start_pull(now, What::Copy { cursor: UserId::default(), buckets, revision });
        }
    }

    fn apply(&mut self, now: Instant, changes: &Changes<'_>, buckets: &Buckets) -> Applied {
        let applied = self.follow.copy.apply(changes, buckets);
        if applied.taken {
            self.follow.stale = false;
            self.keep_fixed(changes);
        }
        if applied.changed {
            self.events.push_back(Event::Changed);
            self.persist_soon(now);
        }
        applied
    }
}
