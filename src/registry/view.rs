//! Views that many sessions share: the realm and its groups. Each has a list of its rows in the order of their last
//! change, the deletions of late, and a digest.

use std::collections::{BTreeMap, VecDeque};

use super::list::{Link, List, Node};
use super::rows::NIL;
use crate::ident::{Revision, UserId};
use crate::limits::{BUCKETS, DELETIONS_KEPT};

/// Group digests by bucket are kept from this many rows on; for fewer they are made when asked for.
const BUCKETS_FROM: usize = 256;

/// Names a view.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ViewHandle {
    /// A realm's or a group's list.
    List(u32),
    /// The named users of one subscription.
    Named(u32),
}

/// Why a row is gone from a view (spec 2.3, GONE).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// The host left.
    Leave,
    /// No heartbeat in time.
    Expiry,
    /// Replaced by another row.
    Replaced,
    /// The user was revoked.
    Revoked,
    /// The row goes on, outside this view.
    LeftView,
}

/// A row that is no longer in a view.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GoneRow {
    /// Whose row.
    pub user: UserId,
    /// The change that removed it.
    pub revision: Revision,
    /// Why.
    pub reason: Reason,
}

/// A row's place in a group.
pub(super) struct Member {
    pub(super) row: u32,
    pub(super) view: u32,
    pub(super) link: Link,
}

impl Node for Member {
    fn link(&mut self) -> &mut Link {
        &mut self.link
    }
}

/// One view.
pub(super) struct View {
    pub(super) realm: u16,
    /// A group's name; the realm's view has none.
    pub(super) name: Option<Box<str>>,
    /// Rows (realm) or members (group) by revision, ascending.
    pub(super) list: List,
    pub(super) len: usize,
    /// The last change.
    pub(super) revision: Revision,
    /// Changes up to here may be forgotten.
    pub(super) floor: Revision,
    pub(super) root: u64,
    pub(super) buckets: Option<Box<[u64; BUCKETS]>>,
    pub(super) gone: VecDeque<GoneRow>,
    /// A group's rows by user; those of the realm are in its user index.
    pub(super) by_user: BTreeMap<UserId, u32>,
    /// Sessions that follow the view.
    pub(super) followers: usize,
    /// Those that want pushes, in the order of subscription.
    pub(super) push: List,
    /// The subscription that is looked at next while a change is pushed.
    pub(super) push_next: u32,
    pub(super) push_queued: bool,
    /// Something changed behind `push_next`.
    pub(super) push_again: bool,
}

impl View {
    pub(super) fn new(realm: u16, name: Option<Box<str>>, revision: Revision) -> Self {
        let buckets = name.is_none().then(|| Box::new([0; BUCKETS]));
        Self {
            realm,
            name,
            list: List::EMPTY,
            len: 0,
            revision,
            floor: revision,
            root: 0,
            buckets,
            gone: VecDeque::new(),
            by_user: BTreeMap::new(),
            followers: 0,
            push: List::EMPTY,
            push_next: NIL,
            push_queued: false,
            push_again: false,
        }
    }

    /// Corrects the digests: `minus` goes, `plus` comes.
    pub(super) fn adjust(&mut self, user: UserId, minus: u64, plus: u64) {
        let difference = plus.wrapping_sub(minus);
        self.root = self.root.wrapping_add(difference);
        if let Some(bucket) = self.buckets.as_mut().and_then(|b| b.get_mut(user.bucket())) {
            *bucket = bucket.wrapping_add(difference);
        }
    }

    /// Whether the digests of a group are to be kept by bucket from now on.
    pub(super) const fn needs_buckets(&self) -> bool {
        self.buckets.is_none() && self.len >= BUCKETS_FROM
    }

    /// Remembers a deletion; says how many were forgotten for it.
    pub(super) fn push_gone(&mut self, gone: GoneRow, limit: usize) -> usize {
        self.gone.push_back(gone);
        let mut forgotten = 0;
        while self.gone.len() > limit.min(DELETIONS_KEPT) {
            if let Some(old) = self.gone.pop_front() {
                self.floor = old.revision;
                forgotten += 1;
            }
        }
        forgotten
    }

    /// Whether nothing needs the group any more.
    pub(super) const fn is_unused(&self) -> bool {
        self.name.is_some() && self.len == 0 && self.followers == 0
    }
}
