//! The table of hosts (spec 4.1): rows, indexes, change lists, deadlines. Knows neither wire nor keys: content is
//! opaque bytes, and what a row's digest is, is a function of the caller's.
//!
//! Built for a million rows: 152 bytes a row and 8 for its place in the wheel, the content in pages, indexes that hold
//! ids only, lists whose links are in the rows; about 250 bytes a host with everything (`tests/memory.rs`). Every
//! operation is O(1) (O(log n) in group views), whatever the number of rows.

mod address;
mod ahead;
mod blobs;
mod change;
mod expiry;
mod gone;
mod held;
mod home;
mod index;
mod list;
mod log;
pub mod merge;
mod merging;
mod parked;
mod push;
mod realm;
mod register;
mod remove;
mod row;
mod rows;
mod scrub;
mod sharing;
mod shown;
mod standstill;
mod subscribe;
mod sums;
mod timing;
mod users;
mod view;
mod walk;
mod wheel;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::IpAddr;

use slab::Slab;

use crate::ident::{Generation, RealmId, ServerId, SessionId, Stamp, UserId};
use crate::time::Instant;
use blobs::Blobs;
use gone::Gone;
use home::Homes;
use index::Index;
use realm::Realm;
use rows::Rows;
use subscribe::Sub;
use timing::{Deferrals, Timing};
use view::{Member, View};
use wheel::Wheel;

pub use address::AddressChange;
pub use ahead::AHEAD;
pub use expiry::Fate;
pub use gone::{Ended, Ending, LeftSession};
pub use held::{Key, Step, Walk};
pub use log::{Held, Reader, Teller, Told};
pub use merging::{Merged, Refused, ToldRow};
pub use push::PushTarget;
pub use realm::Counts;
pub use register::{NewContent, NewRow, Registered};
pub use row::{FixedSignature, RowView, Status};
pub use scrub::{ScrubCounts, Scrubbed};
pub use sharing::RowDigestFn;
pub use shown::ShownRow;
pub use subscribe::{NOT_GRANTED, ViewSpec};
pub use sums::Sums;
pub use view::{GoneRow, Reason, ViewHandle};
pub use walk::{Change, Changes};

/// Names a row as long as it exists; later the same id may name another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RowId(u32);

/// The digest of a row's visible content (R-DIR-02): user, late, published address, content.
pub type DigestFn = fn(UserId, bool, Option<IpAddr>, &[u8]) -> u64;

/// The table.
pub struct Registry {
    rows: Rows,
    blobs: Blobs,
    sessions: Index,
    found: [u32; ahead::FOUND],
    addresses: Index,
    wheel: Wheel,
    timing: Timing,
    deferrals: Deferrals,
    /// Due rows that were already looked ahead for.
    looked_ahead: usize,
    realms: Slab<Realm>,
    realm_slots: BTreeMap<RealmId, u16>,
    /// Server ids, named by number in the rows.
    servers: Vec<ServerId>,
    views: Slab<View>,
    view_names: Index,
    members: Slab<Member>,
    subs: Slab<Sub>,
    /// Who follows a user by name: (realm, user, subscription).
    watchers: BTreeSet<(u16, UserId, u32)>,
    pushes: VecDeque<push::Push>,
    gone: Gone,
    homes: Homes,
    /// Of rows whose user was revoked once.
    generations: BTreeMap<u32, Generation>,
    signatures: BTreeMap<u32, FixedSignature>,
    digest: DigestFn,
    /// Where other HMSs have the table too.
    sharing: Option<Box<sharing::Sharing>>,
}

impl Registry {
    /// An empty table. `seed` goes into the hash indexes.
    pub fn new(seed: u64, digest: DigestFn, now: Instant) -> Self {
        Self {
            rows: Rows::default(),
            blobs: Blobs::default(),
            sessions: Index::new(seed),
            found: [rows::NIL; ahead::FOUND],
            addresses: Index::new(seed ^ 1),
            wheel: Wheel::new(now),
            timing: Timing::default(),
            deferrals: Deferrals::default(),
            looked_ahead: 0,
            realms: Slab::new(),
            realm_slots: BTreeMap::new(),
            servers: Vec::new(),
            views: Slab::new(),
            view_names: Index::new(seed ^ 2),
            members: Slab::new(),
            subs: Slab::new(),
            watchers: BTreeSet::new(),
            pushes: VecDeque::new(),
            gone: Gone::new(seed ^ 3),
            homes: Homes::new(),
            generations: BTreeMap::new(),
            signatures: BTreeMap::new(),
            digest,
            sharing: None,
        }
    }

    /// Number of rows in all realms.
    pub const fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there is no row.
    pub const fn is_empty(&self) -> bool {
        self.rows.len() == 0
    }

    /// The row of a session, which was perhaps found already when it was expected.
    pub fn by_session(&self, session: SessionId) -> Option<RowId> {
        let same = |id: u32| self.rows.get(id).is_some_and(|row| row.session == session);
        let found = self.found.get(ahead::place_of(session)).copied().filter(|id| same(*id));
        found.or_else(|| self.sessions.find(self.sessions.hash(session), same)).map(RowId)
    }

    /// The row of a user.
    pub fn by_user(&self, realm: RealmId, user: UserId) -> Option<RowId> {
        self.realm(realm)?.users.find(&self.rows, user).map(RowId)
    }

    /// What is known of a row.
    pub fn row(&self, id: RowId) -> Option<RowView<'_>> {
        self.rows.get(id.0).map(|row| RowView::new(self, row, id))
    }

    /// The first row behind `after`, in no particular order but each once; for going through all of them in pieces.
    pub fn next_row(&self, after: Option<RowId>) -> Option<RowId> {
        self.rows.next_from(after.map_or(0, |id| id.0.saturating_add(1))).map(RowId)
    }

    /// The stamp of a user's row that was removed within the last 30 s (R-AUT-12).
    pub fn removed_stamp(&self, now: Instant, realm: RealmId, user: UserId) -> Option<Stamp> {
        self.gone.stamp(now, realm, user)
    }

    /// The same, only if the row's host left, and for at least 1.25 of its check times (R-REG-22).
    pub fn left_stamp(&self, now: Instant, realm: RealmId, user: UserId) -> Option<Stamp> {
        self.gone.left(now, realm, user)
    }

    fn realm(&self, realm: RealmId) -> Option<&Realm> {
        self.realms.get(usize::from(*self.realm_slots.get(&realm)?))
    }
}
