//! The invitations that an HMS made: each admits one other HMS, once (R-PEE-32).

use std::collections::BTreeMap;

use zeroize::Zeroizing;

use crate::ident::{InvitationId, ServerId, Stamp};
use crate::limits::{INVITATION_LIFE, INVITATION_REPEATED, INVITATIONS_MAX};
use crate::storage::{InvitationRecord, Redeemed};
use crate::time::Duration;

/// Those that are in force, to be stored as they are. Times are those of the stamp clock.
#[derive(Clone, Debug, Default)]
pub struct Invitations(BTreeMap<InvitationId, InvitationRecord>);

impl Invitations {
    /// From where they were stored.
    pub fn restore(records: &[InvitationRecord]) -> Self {
        Self(records.iter().map(|one| (one.id, one.clone())).collect())
    }

    /// All of them, in the order of their ids: what to store, and the keys to take links under (9.2).
    pub fn iter(&self) -> impl Iterator<Item = &InvitationRecord> {
        self.0.values()
    }

    /// Makes one; `id` and `secret` are random. `false`, and none is made, if 16 are in force, or the id is 0 or taken.
    #[must_use]
    pub fn invite(&mut self, clock: Stamp, id: InvitationId, secret: [u8; 32]) -> bool {
        let possible = self.0.len() < INVITATIONS_MAX && id != InvitationId(0) && !self.0.contains_key(&id);
        if possible {
            let expires = later(clock, INVITATION_LIFE);
            let secret = Zeroizing::new(secret);
            self.0.insert(id, InvitationRecord { id, secret, expires, redeemed: None });
        }
        possible
    }

    /// Whether this HMS may redeem it now: nobody has, or it has itself, a short while ago.
    pub fn allows(&self, clock: Stamp, id: InvitationId, server: ServerId) -> bool {
        let known = self.0.get(&id).filter(|one| clock < end(one));
        known.is_some_and(|one| one.redeemed.is_none_or(|redeemed| redeemed.by == server))
    }

    /// Notes that this HMS redeemed it; `false`, and nothing is noted, if it may not. To be stored before ADMIT is sent.
    #[must_use]
    pub fn redeem(&mut self, clock: Stamp, id: InvitationId, server: ServerId) -> bool {
        let allowed = self.allows(clock, id, server);
        if let Some(one) = self.0.get_mut(&id).filter(|_| allowed) {
            // Repeating it does not prolong it.
            one.redeemed.get_or_insert(Redeemed { by: server, at: clock });
        }
        allowed
    }

    /// When the next of them is over.
    pub fn next_end(&self) -> Option<Stamp> {
        self.0.values().map(end).min()
    }

    /// Forgets those that are over, and gives their ids: no link is taken under them any more.
    pub fn forget(&mut self, clock: Stamp) -> Vec<InvitationId> {
        let over: Vec<_> = self.0.values().filter(|one| clock >= end(one)).map(|one| one.id).collect();
        over.iter().for_each(|id| {
            self.0.remove(id);
        });
        over
    }
}

/// From when on it is worth nothing.
fn end(invitation: &InvitationRecord) -> Stamp {
    invitation.redeemed.map_or(invitation.expires, |redeemed| later(redeemed.at, INVITATION_REPEATED))
}

/// The stamp clock rises by 2^16 in each millisecond (R-REG-02); both times here are whole seconds.
const fn later(stamp: Stamp, by: Duration) -> Stamp {
    Stamp(stamp.0.saturating_add(by.as_secs().saturating_mul(1000 << 16)))
}
