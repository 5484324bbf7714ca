//! Stamps of rows removed a moment ago: they keep old registration cookies from working (R-AUT-12).

use std::collections::{BTreeMap, VecDeque};

use crate::ident::{RealmId, Stamp, UserId};
use crate::limits::REMOVED_STAMP_KEPT;
use crate::planted::{Bug, planted};
use crate::time::{Duration, Instant};

/// Users remembered one by one.
const KEPT: usize = 1 << 17;

/// A row that is gone.
#[derive(Clone, Copy)]
struct Gone {
    stamp: Stamp,
    at: Instant,
    until: Instant,
    /// Its host left, and did not just fall silent.
    left: bool,
}

/// The stamps.
#[derive(Default)]
pub(super) struct Removed {
    gone: BTreeMap<(RealmId, UserId), Gone>,
    order: VecDeque<(Instant, RealmId, UserId)>,
    /// Stands for all users that had to be forgotten early: the highest of their stamps.
    crowd: Option<(Stamp, Instant)>,
}

impl Removed {
    /// A row was removed; `left` says that its host wished so, and for how long that is to be known.
    pub(super) fn insert(
        &mut self,
        now: Instant,
        realm: RealmId,
        user: UserId,
        stamp: Stamp,
        left: Option<Duration>,
    ) {
        self.forget(now);
        let kept = left.unwrap_or_default().max(REMOVED_STAMP_KEPT);
        self.gone.insert((realm, user), Gone { stamp, at: now, until: now + kept, left: left.is_some() });
        self.order.push_back((now, realm, user));
        if self.order.len() > KEPT
            && let Some((at, realm, user)) = self.order.pop_front()
            && let Some(gone) = self.drop_if_from(at, realm, user)
            && now.since(gone.at) < REMOVED_STAMP_KEPT
        {
            let highest = self.crowd.map_or(gone.stamp, |(other, _)| other.max(gone.stamp));
            self.crowd = Some((highest, now));
        }
    }

    /// The stamp of the user's last row. When more users left than are kept, a user without a row gets the stamp of
    /// the crowd: a cookie from before does not fit it, a new one does.
    pub(super) fn get(&self, now: Instant, realm: RealmId, user: UserId) -> Option<Stamp> {
        let own = self.known(now, realm, user).map(|gone| gone.stamp);
        let young = |at: Instant| now.since(at) < REMOVED_STAMP_KEPT;
        own.or_else(|| self.crowd.filter(|(_, at)| young(*at)).map(|(stamp, _)| stamp))
    }

    /// The stamp of the user's last row, if its host left.
    pub(super) fn left(&self, now: Instant, realm: RealmId, user: UserId) -> Option<Stamp> {
        self.known(now, realm, user).filter(|gone| gone.left).map(|gone| gone.stamp)
    }

    fn known(&self, now: Instant, realm: RealmId, user: UserId) -> Option<&Gone> {
        self.gone.get(&(realm, user)).filter(|gone| now < gone.until && !planted(Bug::StampForgotten))
    }

    fn forget(&mut self, now: Instant) {
        // Two at a time keep up with one insertion at a time, without ever a long run.
        for _ in 0..2 {
            let Some(&(at, realm, user)) = self.order.front() else { return };
            if self.gone.get(&(realm, user)).is_some_and(|gone| gone.at == at && now < gone.until) {
                return;
            }
            self.order.pop_front();
            self.drop_if_from(at, realm, user);
        }
    }

    fn drop_if_from(&mut self, at: Instant, realm: RealmId, user: UserId) -> Option<Gone> {
        let key = (realm, user);
        self.gone.get(&key).filter(|gone| gone.at == at)?;
        self.gone.remove(&key)
    }
}
