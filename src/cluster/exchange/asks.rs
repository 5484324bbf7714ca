//! What a neighbour is asked for: BUCKETS of a home, then the rows of those that differ (R-PEE-78).

use super::machine::{Exchange, message};
use super::peer::{Asks, Peer};
use super::table::Table;
use crate::ident::{Process, ServerId};
use crate::limits::{ASK_GIVEN_UP, COMPARE_EVERY, FETCH_EVERY};
use crate::time::Instant;
use crate::wire::peer::{BucketMap, Buckets, Compare, Cursor, Fetch, PeerMessage};

/// What is wanted of a home.
pub(super) enum Want {
    /// Its digests are to be asked for.
    Compare,
    /// They were.
    Comparing,
    /// Rows are to be asked for.
    Fetch { wanted: Box<BucketMap>, after: Cursor },
    /// They were.
    Fetching(Fetching),
}

/// A FETCH that is being answered.
pub(super) struct Fetching {
    pub(super) number: u32,
    pub(super) wanted: Box<BucketMap>,
    /// All up to here has come.
    pub(super) after: Cursor,
    /// Rows that changed behind this revision may be missing in the PAGEs (R-PEE-80).
    pub(super) since: u64,
}

impl Asks {
    /// The link is another one: what was asked over that before is asked again, from where its answer ended.
    pub(super) fn ask_again(&mut self) {
        for want in self.wants.values_mut() {
            *want = match std::mem::replace(want, Want::Compare) {
                Want::Fetching(Fetching { wanted, after, .. }) => Want::Fetch { wanted, after },
                Want::Comparing => Want::Compare,
                other => other,
            };
        }
    }

    /// The FETCH that is being answered, and of which home.
    pub(super) fn fetching(&mut self) -> Option<(Process, &mut Fetching)> {
        self.wants.iter_mut().find_map(|(home, want)| match want {
            Want::Fetching(fetching) => Some((*home, fetching)),
            _ => None,
        })
    }

    /// When the next question may go, or the last one is given up.
    pub(super) fn wakes_at(&self) -> Option<Instant> {
        let (mut compare, mut fetch) = (None, None);
        for want in self.wants.values() {
            match want {
                Want::Compare => compare = Some(self.compare_at),
                Want::Fetch { .. } => fetch = Some(self.fetch_at),
                Want::Comparing | Want::Fetching(_) => {}
            }
        }
        let compare = compare.filter(|_| !self.is_comparing());
        let fetch = fetch.filter(|_| !self.is_fetching());
        let given_up = (!self.wants.is_empty()).then(|| self.moved + ASK_GIVEN_UP);
        compare.into_iter().chain(fetch).chain(given_up).min()
    }

    fn is_comparing(&self) -> bool {
        self.wants.values().any(|want| matches!(want, Want::Comparing))
    }

    fn is_fetching(&self) -> bool {
        self.wants.values().any(|want| matches!(want, Want::Fetching(_)))
    }

    fn next_compare(&mut self, now: Instant) -> Option<Compare> {
        if now < self.compare_at || self.is_comparing() {
            return None;
        }
        let (home, want) = self.wants.iter_mut().find(|(_, want)| matches!(want, Want::Compare))?;
        *want = Want::Comparing;
        (self.compare_at, self.moved) = (now + COMPARE_EVERY, now);
        Some(Compare { home: *home })
    }

    /// The next FETCH as it goes; `position` is the last revision now.
    fn next_fetch(&mut self, now: Instant, position: u64) -> Option<Vec<u8>> {
        if now < self.fetch_at || self.is_fetching() {
            return None;
        }
        let (home, want) = self.wants.iter_mut().find(|(_, want)| matches!(want, Want::Fetch { .. }))?;
        let Want::Fetch { wanted, after } = std::mem::replace(want, Want::Compare) else { return None };
        self.number = self.number.wrapping_add(1);
        let fetch = Fetch { home: *home, number: self.number, after, wanted: &wanted.0 };
        let bytes = message(&PeerMessage::Fetch(fetch));
        *want = Want::Fetching(Fetching { number: self.number, wanted, after, since: position });
        (self.fetch_at, self.moved) = (now + FETCH_EVERY, now);
        Some(bytes)
    }
}

impl Peer {
    /// The digests of a home came: the buckets that differ are wanted.
    pub(super) fn take_buckets(&mut self, now: Instant, buckets: &Buckets<'_>, table: &mut Table<'_>) {
        let Some(want) = self.asks.wants.get_mut(&buckets.home) else { return };
        if !matches!(want, Want::Comparing) {
            return;
        }
        let here = table.registry.sums(buckets.home).map(|sums| &sums.buckets);
        let mut wanted = Box::new(BucketMap::NONE);
        for (bucket, there) in buckets.digests().enumerate() {
            if here.and_then(|here| here.get(bucket)).copied().unwrap_or(0) != there {
                wanted.insert(bucket);
            }
        }
        self.asks.moved = now;
        if *wanted == BucketMap::NONE {
            self.asks.wants.remove(&buckets.home);
        } else {
            *want = Want::Fetch { wanted, after: Cursor::START };
        }
    }
}

impl Exchange {
    /// Asks a neighbour for what is wanted of it, one thing of each kind at a time.
    pub(super) fn ask(&mut self, now: Instant, server: ServerId, table: &Table<'_>) {
        let Some(peer) = self.peers.get_mut(&server).filter(|peer| peer.up) else { return };
        let asks = &mut peer.asks;
        if now >= asks.moved + ASK_GIVEN_UP {
            // It skips what it is asked. The next ROOT shows whether that is still missing.
            asks.wants.clear();
        }
        if let Some(compare) = asks.next_compare(now) {
            peer.control.push(message(&PeerMessage::Compare(compare)));
        }
        if let Some(fetch) = asks.next_fetch(now, table.registry.position()) {
            peer.control.push(fetch);
        }
    }
}
