//! PAGEs as they come: their rows are taken, and what they do not list is vouched for no more (R-PEE-63, R-PEE-80).

use std::collections::BTreeSet;

use super::machine::Exchange;
use super::peer::Waiting;
use super::table::Table;
use crate::ident::{Process, RealmId, ServerId, SessionId, UserId};
use crate::registry::{Held, RowId, Step};
use crate::time::Instant;
use crate::wire::peer::{BucketMap, Cursor, Item, Page};

/// What a PAGE has to show of the copies of a home.
struct Sweep<'a> {
    home: Process,
    wanted: &'a BucketMap,
    since: u64,
    listed: BTreeSet<(RealmId, UserId, SessionId)>,
}

impl Exchange {
    /// Takes a PAGE; says whether it is read to its end.
    pub(super) fn page(
        &mut self,
        now: Instant,
        server: ServerId,
        page: &Page<'_>,
        waiting: &mut Waiting,
        table: &mut Table<'_>,
    ) -> bool {
        let Some((home, after)) = self.asked_for(now, server, page) else { return true };
        self.progress = now;
        if !self.items(now, server, page.items(), waiting, table) {
            return false;
        }
        if self.speaks_for(server, home) && !self.sweep(now, server, page, waiting, table) {
            return false;
        }
        let Some(peer) = self.peers.get_mut(&server) else { return true };
        peer.exchanged = Some(now);
        if page.is_last() {
            peer.asks.wants.remove(&home);
            self.judge_copy(server, home, table);
        } else if let Some((_, fetching)) = peer.asks.fetching() {
            fetching.after = page.up_to.max(after);
        }
        true
    }

    /// The home of a PAGE that is the next one of what was asked for.
    fn asked_for(&mut self, now: Instant, server: ServerId, page: &Page<'_>) -> Option<(Process, Cursor)> {
        let peer = self.peers.get_mut(&server)?;
        peer.asks.moved = now;
        let (home, fetching) = peer.asks.fetching()?;
        let next = fetching.number == page.number && fetching.after == page.after;
        next.then_some((home, fetching.after))
    }

    /// Whether what a neighbour does not list is not there: it is the home, or a neighbour of one that is none here.
    fn speaks_for(&self, server: ServerId, home: Process) -> bool {
        let Some(peer) = self.peers.get(&server) else { return false };
        // Of what is homed here nobody else knows whether it is there (R-PEE-81).
        let further = peer.lists(home) && home != self.own && !self.neighbours().contains(&home);
        peer.process == home || further
    }

    /// Looks for copies in the range of a PAGE that it does not list; some in each turn.
    fn sweep(
        &mut self,
        now: Instant,
        server: ServerId,
        page: &Page<'_>,
        waiting: &mut Waiting,
        table: &mut Table<'_>,
    ) -> bool {
        let Some(peer) = self.peers.get_mut(&server) else { return true };
        let Some((home, fetching)) = peer.asks.fetching() else { return true };
        let listed = page.items().filter_map(|item| match item {
            Item::Row(told, row) if told.process == home => {
                Some((row.head.realm, row.head.user, row.head.order.session))
            }
            _ => None,
        });
        let sweep = Sweep { home, wanted: &fetching.wanted, since: fetching.since, listed: listed.collect() };
        let (missing, end) = sweep.missing(now, waiting.swept.unwrap_or(page.after), page.up_to, table);
        for row in missing {
            table.registry.unvouch(now, row);
        }
        waiting.swept = end;
        if end.is_some() {
            // It took a turn's work.
            self.items = 0;
        }
        end.is_none()
    }
}

impl Sweep<'_> {
    /// Copies behind `after` that are not listed, and where to go on if that was not all.
    fn missing(
        &self,
        now: Instant,
        after: Cursor,
        up_to: Cursor,
        table: &Table<'_>,
    ) -> (Vec<RowId>, Option<Cursor>) {
        let mut missing = Vec::new();
        let mut walk = table.registry.held(now, self.home, &self.wanted.0, (after.realm, after.user));
        loop {
            let (key, held) = match walk.next() {
                Step::Held(key, held) => (key, held),
                Step::Pause((realm, user)) => {
                    let at = Cursor { realm, user };
                    return (missing, Some(at).filter(|at| *at < up_to));
                }
                Step::End => return (missing, None),
            };
            if (Cursor { realm: key.0, user: key.1 }) > up_to {
                return (missing, None);
            }
            if let Held::Row(id) = held
                && let Some(row) = table.registry.row(id)
                && !self.listed.contains(&(row.realm(), row.user(), row.session()))
                && table.registry.shared_revision(id) <= self.since
            {
                missing.push(id);
            }
        }
    }
}
