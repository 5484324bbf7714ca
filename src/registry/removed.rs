//! Stamps of rows removed a moment ago: they keep old registration cookies from working (R-AUT-12).

use std::collections::{BTreeMap, VecDeque};

use crate::ident::{RealmId, Stamp, UserId};
use crate::limits::REMOVED_STAMP_KEPT;
use crate::time::Instant;

/// Users remembered one by one.
const KEPT: usize = 1 << 17;

/// The stamps.
#[derive(Default)]
pub(super) struct Removed {
    stamps: BTreeMap<(RealmId, UserId), (Stamp, Instant)>,
    order: VecDeque<(Instant, RealmId, UserId)>,
    /// Stands for all users that had to be forgotten early: the highest of their stamps.
    crowd: Option<(Stamp, Instant)>,
}

impl Removed {
    pub(super) fn insert(&mut self, now: Instant, realm: RealmId, user: UserId, stamp: Stamp) {
        self.forget(now);
        self.stamps.insert((realm, user), (stamp, now));
        self.order.push_back((now, realm, user));
        if self.order.len() > KEPT
            && let Some((at, realm, user)) = self.order.pop_front()
            && let Some((stamp, _)) = self.drop_if_from(at, realm, user)
        {
            let highest = self.crowd.map_or(stamp, |(other, _)| other.max(stamp));
            self.crowd = Some((highest, now));
        }
    }

    /// The stamp of the user's last row. When more users left than are kept, a user without a row gets the stamp of
    /// the crowd: a cookie from before does not fit it, a new one does.
    pub(super) fn get(&self, now: Instant, realm: RealmId, user: UserId) -> Option<Stamp> {
        let young = |at: Instant| now.since(at) < REMOVED_STAMP_KEPT;
        let own = self.stamps.get(&(realm, user)).filter(|(_, at)| young(*at));
        own.or_else(|| self.crowd.as_ref().filter(|(_, at)| young(*at))).map(|(stamp, _)| *stamp)
    }

    fn forget(&mut self, now: Instant) {
        // Two at a time keep up with one insertion at a time, without ever a long run.
        for _ in 0..2 {
            match self.order.front() {
                Some(&(at, realm, user)) if now.since(at) >= REMOVED_STAMP_KEPT => {
                    self.order.pop_front();
                    self.drop_if_from(at, realm, user);
                }
                _ => return,
            }
        }
    }

    fn drop_if_from(&mut self, at: Instant, realm: RealmId, user: UserId) -> Option<(Stamp, Instant)> {
        let key = (realm, user);
        self.stamps.get(&key).filter(|(_, kept)| *kept == at)?;
        self.stamps.remove(&key)
    }
}
