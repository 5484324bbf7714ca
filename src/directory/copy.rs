//! The host's copy of its view: pages go in, digests and rows come out (R-DIR-02 to R-DIR-05).

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::ops::Bound;

use super::digest::entry_digest;
use crate::ident::{Revision, UserId};
use crate::limits::BUCKETS;
use crate::wire::{Buckets, Changes, ContentRef, Entry, EntryHead, Item, PageInfo, PageKind, Signature};

/// What became of a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Applied {
    /// The page fits the copy: a delta whose range holds the copy's revision, or a page of rows.
    pub taken: bool,
    /// Something that is shown changed.
    pub changed: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Row {
    head: EntryHead,
    content: Box<[u8]>,
    address: Option<SocketAddr>,
    signature: Option<Signature>,
    digest: u64,
}

impl Row {
    fn new(entry: &Entry<'_>) -> Self {
        let ip = entry.address.map(|a| a.ip().to_canonical());
        let content = entry.content.as_bytes();
        Self {
            head: entry.head,
            content: content.into(),
            address: entry.address,
            signature: entry.signature,
            digest: entry_digest(entry.head.user, entry.head.late, ip, content),
        }
    }

    fn entry(&self) -> Entry<'_> {
        Entry {
            head: self.head,
            content: ContentRef::trusted(&self.content),
            address: self.address,
            signature: self.signature,
        }
    }
}

/// The rows of a view with their digests and the revision that they stand for.
#[derive(Clone, Debug)]
pub struct HostDirectory {
    rows: BTreeMap<UserId, Row>,
    buckets: [u64; BUCKETS],
    root: u64,
    revision: Revision,
}

impl Default for HostDirectory {
    fn default() -> Self {
        Self::new()
    }
}

impl HostDirectory {
    /// An empty copy of no revision.
    pub const fn new() -> Self {
        Self { rows: BTreeMap::new(), buckets: [0; BUCKETS], root: 0, revision: Revision(0) }
    }

    /// The revision that the rows stand for; 0 if unknown.
    pub const fn revision(&self) -> Revision {
        self.revision
    }

    /// The rows are known to stand for this revision, or (0) for none.
    pub const fn adopt(&mut self, revision: Revision) {
        self.revision = revision;
    }

    /// The sum of all digests; 0 if there are no rows.
    pub const fn root(&self) -> u64 {
        self.root
    }

    /// The buckets in which the copy differs from these digests.
    pub fn differing(&self, theirs: &[u64; BUCKETS]) -> Buckets {
        let mut buckets = Buckets::NONE;
        let pairs = self.buckets.iter().zip(theirs).enumerate();
        pairs.filter(|(_, (own, other))| own != other).for_each(|(at, _)| buckets.insert(at));
        buckets
    }

    /// How many rows there are.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// All rows in ascending order of the user id.
    pub fn rows(&self) -> impl Iterator<Item = Entry<'_>> {
        self.rows_after(None)
    }

    /// The rows behind a user, in ascending order of the user id.
    pub fn rows_after(&self, after: Option<UserId>) -> impl Iterator<Item = Entry<'_>> {
        let above = after.map_or(Bound::Unbounded, Bound::Excluded);
        self.rows.range((above, Bound::Unbounded)).map(|(_, row)| row.entry())
    }

    /// The row of one user.
    pub fn row(&self, user: UserId) -> Option<Entry<'_>> {
        self.rows.get(&user).map(Row::entry)
    }

    /// Drops all rows.
    pub fn clear(&mut self) {
        *self = Self::new();
    }

    /// Takes a page; `buckets` are those that a *copy* was asked for, all if it was not asked for.
    pub fn apply(&mut self, changes: &Changes<'_>, buckets: &Buckets) -> Applied {
        let info = &changes.info;
        match info.kind {
            PageKind::Delta => self.delta(info, &changes.items),
            PageKind::Copy => Applied { taken: true, changed: self.range(info, &changes.items, buckets) },
            PageKind::Whole => {
                let changed = self.range(info, &changes.items, &Buckets::ALL);
                if !info.more {
                    self.revision = info.to;
                }
                Applied { taken: true, changed }
            }
            PageKind::Find | PageKind::Unknown(_) => Applied { taken: false, changed: false },
        }
    }

    /// R-DIR-03.
    fn delta(&mut self, info: &PageInfo, items: &[Item<'_>]) -> Applied {
        let fits = self.revision.0 != 0 && info.from <= self.revision && self.revision <= info.to;
        if !fits {
            return Applied { taken: false, changed: false };
        }
        let mut changed = false;
        for item in items {
            changed |= match item {
                Item::Entry(entry) => self.put(entry),
                Item::Gone(gone) => self.remove(gone.user),
            };
        }
        self.revision = info.to;
        Applied { taken: true, changed }
    }

    /// R-DIR-04: what the page covers and does not list is gone.
    fn range(&mut self, info: &PageInfo, items: &[Item<'_>], buckets: &Buckets) -> bool {
        let first = info.after == UserId::default();
        let low = if first { Bound::Unbounded } else { Bound::Excluded(info.after) };
        let high = if info.more { info.up_to } else { UserId::MAX };
        let listed: BTreeMap<UserId, &Entry<'_>> = items.iter().filter_map(entry_of).collect();
        let covered = |user: &UserId| buckets.contains(user.bucket());
        let mut gone = Vec::new();
        if first || info.after < high {
            let range = self.rows.range((low, Bound::Included(high)));
            gone.extend(range.map(|(user, _)| *user).filter(|u| covered(u) && !listed.contains_key(u)));
        }
        let mut changed = false;
        gone.into_iter().for_each(|user| changed |= self.remove(user));
        listed.values().for_each(|entry| changed |= self.put(entry));
        changed
    }

    /// Whether something that is shown changed.
    fn put(&mut self, entry: &Entry<'_>) -> bool {
        let row = Row::new(entry);
        let old = self.rows.get(&entry.head.user);
        if old == Some(&row) {
            return false;
        }
        let before = old.map_or(0, |old| old.digest);
        self.count(entry.head.user, before, row.digest);
        self.rows.insert(entry.head.user, row);
        true
    }

    fn remove(&mut self, user: UserId) -> bool {
        let Some(row) = self.rows.remove(&user) else { return false };
        self.count(user, row.digest, 0);
        true
    }

    fn count(&mut self, user: UserId, before: u64, after: u64) {
        if let Some(bucket) = self.buckets.get_mut(user.bucket()) {
            *bucket = bucket.wrapping_sub(before).wrapping_add(after);
        }
        self.root = self.root.wrapping_sub(before).wrapping_add(after);
    }
}

fn entry_of<'a, 'b>(item: &'b Item<'a>) -> Option<(UserId, &'b Entry<'a>)> {
    match item {
        Item::Entry(entry) => Some((entry.head.user, entry)),
        Item::Gone(_) => None,
    }
}

#[cfg(test)]
#[path = "copy_tests.rs"]
mod tests;
