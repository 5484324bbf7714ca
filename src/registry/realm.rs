//! Realms: each with rows, changes and counts of its own (FIG. 5).

use std::ops::Bound;

use super::home::Tally;
use super::users::Users;
use super::view::{View, ViewHandle};
use super::{Reason, Registry, RowId};
use crate::ident::{Epoch, RealmId, Revision};
use crate::limits::{BRAKE_PERCENT, BRAKE_ROWS};
use crate::time::Instant;

/// Rows of a realm by status.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// All rows.
    pub known: usize,
    /// Live and in time.
    pub up: usize,
    /// Live and late.
    pub late: usize,
    /// Vouched for by nobody who can be reached.
    pub unconfirmed: usize,
}

/// One realm.
pub(super) struct Realm {
    pub(super) id: RealmId,
    pub(super) epoch: Epoch,
    pub(super) users: Users,
    /// The view of all its rows.
    pub(super) view: u32,
    /// The counter of changes (R-DIR-01).
    pub(super) revision: Revision,
    pub(super) rows: usize,
    pub(super) late: usize,
    pub(super) unconfirmed: usize,
    /// Copies by home.
    pub(super) tallies: Vec<Tally>,
    /// Rows that would expire within one check time (R-REG-43).
    pub(super) suspects: usize,
    /// When the brake was last seen to hold.
    pub(super) braked: Option<Instant>,
    /// Deletions that the realm's groups remember.
    pub(super) group_gone: usize,
}

impl Realm {
    /// Whether more rows would expire within one check time than may (R-REG-43). Copies go by their homes' word.
    pub(super) fn braking(&self) -> bool {
        let rows = self.rows.saturating_sub(self.copies());
        self.suspects > BRAKE_ROWS.max(rows * BRAKE_PERCENT / 100)
    }
}

impl Registry {
    /// Adds a realm; `false` if it is there already or no more fit.
    pub fn add_realm(&mut self, realm: RealmId) -> bool {
        let Ok(slot) = u16::try_from(self.realms.vacant_key()) else { return false };
        if self.realm_slots.contains_key(&realm) {
            return false;
        }
        // Revision 0 means none, so that an empty list has one as well.
        let revision = Revision(1);
        let view = self.views.insert(View::new(slot, None, revision)) as u32;
        self.realms.insert(Realm {
            id: realm,
            epoch: Epoch::default(),
            users: Users::new(),
            view,
            revision,
            rows: 0,
            late: 0,
            unconfirmed: 0,
            tallies: Vec::new(),
            suspects: 0,
            braked: None,
            group_gone: 0,
        });
        self.realm_slots.insert(realm, slot);
        true
    }

    /// Says from which of the realm's secrets the keys of its sessions come: ROW tells that.
    pub fn set_epoch(&mut self, realm: RealmId, epoch: Epoch) {
        let slot = self.realm_slots.get(&realm).copied();
        let Some(realm) = slot.and_then(|slot| self.realm_mut(slot)) else { return };
        if std::mem::replace(&mut realm.epoch, epoch) != epoch && realm.rows > 0 {
            self.recount_all();
        }
    }

    /// Removes a realm with all its rows; says how many there were.
    pub fn remove_realm(&mut self, now: Instant, realm: RealmId) -> usize {
        let Some(&slot) = self.realm_slots.get(&realm) else { return 0 };
        let mut removed = 0;
        while let Some(id) =
            self.realms.get(usize::from(slot)).and_then(|r| r.users.next(&self.rows, None, |_| true))
        {
            self.remove(now, RowId(id), Reason::Leave);
            removed += 1;
        }
        self.realm_slots.remove(&realm);
        if let Some(realm) = self.realms.try_remove(usize::from(slot)) {
            self.views.try_remove(realm.view as usize);
        }
        removed
    }

    /// The realm behind `after`, ascending; the first of all if there is none.
    pub fn realm_after(&self, after: Option<RealmId>) -> Option<RealmId> {
        let above = after.map_or(Bound::Unbounded, Bound::Excluded);
        self.realm_slots.range((above, Bound::Unbounded)).next().map(|(realm, _)| *realm)
    }

    /// The realms, ascending.
    pub fn realms(&self) -> impl Iterator<Item = RealmId> {
        self.realm_slots.keys().copied()
    }

    /// Rows of a realm by status.
    pub fn counts(&self, realm: RealmId) -> Counts {
        let Some(realm) = self.realm(realm) else { return Counts::default() };
        let (late, unconfirmed) = self.counted_copies(realm);
        let (late, unconfirmed) = (realm.late + late, realm.unconfirmed + unconfirmed);
        Counts { known: realm.rows, up: realm.rows.saturating_sub(late + unconfirmed), late, unconfirmed }
    }

    /// Whether the brake keeps a realm's silent rows now (R-REG-43).
    pub fn braking(&self, realm: RealmId) -> bool {
        self.realm(realm).is_some_and(Realm::braking)
    }

    /// The view of all rows of a realm.
    pub fn realm_view(&self, realm: RealmId) -> Option<ViewHandle> {
        self.realm(realm).map(|realm| ViewHandle::List(realm.view))
    }

    pub(super) fn realm_mut(&mut self, slot: u16) -> Option<&mut Realm> {
        self.realms.get_mut(usize::from(slot))
    }
}
