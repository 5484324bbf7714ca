//! What neighbours ask for: the digests of a home's rows, and the rows.

use super::machine::Exchange;
use super::peer::Serves;
use super::table::Table;
use crate::ident::{Process, ServerId};
use crate::limits::{BUCKETS_LEN, SUM_BUCKETS};
use crate::registry::Sums;
use crate::time::Instant;
use crate::wire::peer::{Buckets, Compare, Cursor, Fetch};

/// A FETCH, as far as it is answered.
pub(super) struct Serving {
    pub(super) home: Process,
    pub(super) number: u32,
    pub(super) after: Cursor,
    pub(super) wanted: [u8; SUM_BUCKETS / 8],
}

impl Serves {
    /// One BUCKETS waits; what comes too often is skipped (R-PEE-96).
    pub(super) fn take_compare(&mut self, now: Instant, compare: Compare) {
        if self.compares.take(now) {
            self.buckets = Some(compare.home);
        }
    }

    /// A newer FETCH ends the one before (R-PEE-79).
    pub(super) fn take_fetch(&mut self, now: Instant, fetch: &Fetch<'_>) {
        if self.fetches.take(now) {
            let Fetch { home, number, after, wanted } = *fetch;
            self.fetch = Some(Box::new(Serving { home, number, after, wanted: *wanted }));
        }
    }
}

impl Exchange {
    /// The next BUCKETS or PAGE, if one is wanted and may be offered: while this HMS synchronises they wait (R-PEE-65).
    pub(super) fn next_bulk(
        &mut self,
        now: Instant,
        server: ServerId,
        table: &mut Table<'_>,
    ) -> Option<Vec<u8>> {
        let (own, offers) = (self.own, self.offers());
        let peer = self.peers.get_mut(&server).filter(|peer| peer.up && offers)?;
        if let Some(home) = peer.serves.buckets.take() {
            let none = Sums::default();
            let sums = table.registry.sums(home).unwrap_or(&none);
            let mut bytes = Vec::with_capacity(BUCKETS_LEN);
            Buckets::write(home, &sums.buckets, &mut bytes);
            return Some(bytes);
        }
        let serving = peer.serves.fetch.as_mut()?;
        let page = serving.next_page(now, own, table.registry);
        if serving.after == Cursor::END {
            peer.serves.fetch = None;
        }
        peer.exchanged = Some(now);
        Some(page)
    }
}
