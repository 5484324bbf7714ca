//! The table, as the exchange sees it.

use super::seen::Seen;
use crate::auth::Keyring;
use crate::ident::{RealmId, Stamp};
use crate::registry::Registry;

/// What the exchange reads and changes of its owner's, for one call.
pub struct Table<'a> {
    /// The rows.
    pub registry: &'a mut Registry,
    /// Realms and generations: a row of a higher generation raises that of its user (R-PEE-57).
    pub keyring: &'a mut Keyring,
    /// 2^54 above the stamp clock: what is higher no HMS gave (R-PEE-57).
    pub highest_stamp: Stamp,
    /// How many hosts a realm may have; none if there is no limit. Copies may be twice as many (R-PEE-97).
    pub max_hosts: &'a dyn Fn(RealmId) -> Option<usize>,
    /// What becomes of rows, if somebody watches.
    pub seen: Option<&'a mut Vec<Seen>>,
}

impl Table<'_> {
    pub(super) fn is_full(&self, realm: RealmId) -> bool {
        let most = (self.max_hosts)(realm).map(|most| most.saturating_mul(2));
        most.is_some_and(|most| self.registry.counts(realm).known >= most)
    }
}

/// Rows and ends of sessions that were told and not used, by reason (R-PEE-57).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Drops {
    /// The realm or its key epoch is not served.
    pub realm: u64,
    /// Content or view is not as it has to be, or too long.
    pub malformed: u64,
    /// The name in the content is not the user's.
    pub user: u64,
    /// The stamp is years ahead.
    pub stamp: u64,
    /// The user was revoked since.
    pub generation: u64,
    /// The table or the realm is full (R-PEE-97).
    pub room: u64,
}

impl Drops {
    /// All of them, by the name under which `hms status` shows them.
    pub const fn by_name(&self) -> [(&'static str, u64); 6] {
        [
            ("row-realm", self.realm),
            ("row-malformed", self.malformed),
            ("row-user", self.user),
            ("row-stamp", self.stamp),
            ("row-generation", self.generation),
            ("row-room", self.room),
        ]
    }
}
