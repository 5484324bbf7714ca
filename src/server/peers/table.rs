//! The table goes between HMSs: the exchange follows the cluster, and has its turn when all else is done.

use std::collections::BTreeMap;

use super::super::Server;
use super::super::budget::Budgets;
use super::Peers;
use crate::auth::Keyring;
use crate::cluster::exchange::{Figures, Seen, Table};
use crate::ident::{ServerId, Stamp};
use crate::registry::Registry;
use crate::time::{Duration, Instant};

/// What is shown of the exchange is this old at most, while something goes on.
const FIGURES_EVERY: Duration = Duration::from_secs(1);

/// What is shown of the exchange, and when it was looked at.
#[derive(Debug, Default)]
pub(super) struct Shown {
    pub(super) at: Instant,
    pub(super) by_server: BTreeMap<ServerId, Figures>,
}

/// Keys, rows and limits in the form in which the exchange has them.
fn with_table<T>(
    registry: &mut Registry,
    keyring: &mut Keyring,
    budgets: &Budgets,
    highest_stamp: Stamp,
    seen: Option<&mut Vec<Seen>>,
    act: impl FnOnce(&mut Table<'_>) -> T,
) -> T {
    let max_hosts = |realm| budgets.max_hosts(realm);
    act(&mut Table { registry, keyring, highest_stamp, max_hosts: &max_hosts, seen })
}

impl Server {
    /// Something is, or was, to be exchanged with another HMS: one that is alone pays nothing for it.
    const fn exchanges(&self) -> bool {
        self.peers.exchanging
    }

    pub(super) fn exchange<T>(
        &mut self,
        now: Instant,
        act: impl FnOnce(&mut Peers, &mut Table<'_>) -> T,
    ) -> T {
        let highest = Stamp(self.stamps(now).highest());
        let mut seen = self.watched.then(Vec::new);
        let Self { registry, keyring, budgets, peers, .. } = self;
        let done = with_table(registry, keyring, budgets, highest, seen.as_mut(), |table| act(peers, table));
        for Seen { event, row } in seen.unwrap_or_default() {
            let row = self.shown_row(now, &row);
            self.watch_row(event, row);
        }
        done
    }

    /// The exchange learns what has changed in the cluster.
    pub(super) fn follow_cluster(&mut self, now: Instant) {
        self.peers.exchanging |= !self.peers.cluster.is_standalone();
        if self.exchanges() {
            self.exchange(now, |peers, table| peers.exchange.follow(now, &peers.cluster, table));
        }
    }

    /// A message about the table has come.
    pub(super) fn table_message(&mut self, now: Instant, server: ServerId, bytes: &[u8]) {
        self.follow_cluster(now);
        self.exchange(now, |peers, table| {
            peers.exchange.message(now, server, bytes, table, &mut peers.endpoint);
        });
    }

    /// Reads what waits and sends what is due, as far as one turn of the loop goes (R-PEE-98); the rest has its turn at
    /// once, behind what else has come.
    pub(super) fn exchange_turn(&mut self, now: Instant) {
        if !self.exchanges() {
            return;
        }
        self.follow_cluster(now);
        let more = self.exchange(now, |peers, table| {
            let more = peers.exchange.turn(now, table, &mut peers.endpoint);
            if now >= peers.shown.at + FIGURES_EVERY {
                peers.look_at_exchange(now, table);
            }
            more
        });
        self.peers.turn_due = more;
        self.peers.turned_at = self.registry.position();
    }

    /// The table has changed since the exchange had its turn.
    pub(in crate::server) fn has_news(&self) -> bool {
        self.registry.position() != self.peers.turned_at
    }
}

impl Peers {
    /// What has changed up to here goes to the others at once (R-PEE-75).
    pub(in crate::server) fn hurry(&mut self, now: Instant, revision: u64) {
        if self.exchanging {
            self.exchange.hurry(now, revision);
        }
    }

    /// Whether all other HMSs that are there have this change; nothing as long as one may confirm it.
    pub(in crate::server) fn is_replicated(&self, revision: u64) -> Option<bool> {
        if self.exchanging { self.exchange.is_replicated(revision) } else { Some(false) }
    }

    fn look_at_exchange(&mut self, now: Instant, table: &mut Table<'_>) {
        let members = self.cluster.facts().members().map(|member| member.server);
        let figures = members.filter_map(|server| Some((server, self.exchange.figures(now, server, table)?)));
        self.shown = Shown { at: now, by_server: figures.collect() };
    }

    /// All that there is to copy is here: who answers hosts operates (R-PEE-15). Says whether that is news.
    pub(super) fn copy_is_complete(&mut self, now: Instant) -> bool {
        let before = self.cluster.phase();
        if !self.exchanging || self.exchange.is_complete(now) {
            self.cluster.copies_complete(now);
        }
        self.cluster.phase() != before
    }
}
