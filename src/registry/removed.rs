//! Stamps of rows removed a moment ago: they keep old registration cookies from working (R-AUT-12).

use std::collections::VecDeque;
use std::hash::BuildHasher as _;

use foldhash::fast::FixedState;
use hashbrown::HashTable;
use hashbrown::hash_table::Entry;

use crate::ident::{RealmId, Stamp, UserId};
use crate::limits::REMOVED_STAMP_KEPT;
use crate::planted::{Bug, planted};
use crate::time::{Duration, Instant};

/// Users remembered one by one; so few that no growth of their table is long.
const KEPT: usize = 1 << 17;

/// A row that is gone.
#[derive(Clone, Copy)]
struct Gone {
    realm: RealmId,
    user: UserId,
    stamp: Stamp,
    at: Instant,
    until: Instant,
    /// Its host left, and did not just fall silent.
    left: bool,
    /// A later row of the user is gone as well.
    outdated: bool,
}

/// The stamps.
#[derive(Default)]
pub(super) struct Removed {
    /// In the order in which they went.
    gone: VecDeque<Gone>,
    /// The number of the first; each has the next.
    first: u32,
    /// The number of each user's last one.
    last: HashTable<u32>,
    state: FixedState,
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
        let until = now + kept;
        self.push(Gone { realm, user, stamp, at: now, until, left: left.is_some(), outdated: false });
        if self.gone.len() > KEPT
            && let Some(gone) = self.pop()
            && !gone.outdated
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
        let at = |number: &u32| self.gone.get(number.wrapping_sub(self.first) as usize);
        let same = |number: &u32| at(number).is_some_and(|gone| (gone.realm, gone.user) == (realm, user));
        let last = self.last.find(self.state.hash_one((realm, user)), same).and_then(at);
        last.filter(|gone| now < gone.until && !planted(Bug::StampForgotten))
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        assert_eq!(self.gone.iter().filter(|gone| !gone.outdated).count(), self.last.len());
        self.gone.len()
    }

    fn forget(&mut self, now: Instant) {
        // Two at a time keep up with one insertion at a time, without ever a long run.
        for _ in 0..2 {
            if self.gone.front().is_none_or(|gone| now < gone.until && !gone.outdated) {
                return;
            }
            self.pop();
        }
    }

    fn push(&mut self, new: Gone) {
        let number = self.first.wrapping_add(self.gone.len() as u32);
        let place = |number: u32| number.wrapping_sub(self.first) as usize;
        let user_of = |number: &u32| self.gone.get(place(*number)).map(|gone| (gone.realm, gone.user));
        let hash_of = |number: &u32| user_of(number).map_or(0, |user| self.state.hash_one(user));
        let who = (new.realm, new.user);
        let same = |number: &u32| user_of(number) == Some(who);
        let before = match self.last.entry(self.state.hash_one(who), same, hash_of) {
            Entry::Occupied(mut last) => Some(place(std::mem::replace(last.get_mut(), number))),
            Entry::Vacant(room) => {
                room.insert(number);
                None
            }
        };
        if let Some(gone) = before.and_then(|place| self.gone.get_mut(place)) {
            gone.outdated = true;
        }
        self.gone.push_back(new);
    }

    fn pop(&mut self) -> Option<Gone> {
        let gone = self.gone.pop_front()?;
        let number = self.first;
        self.first = number.wrapping_add(1);
        let hash = self.state.hash_one((gone.realm, gone.user));
        if let Ok(last) = self.last.find_entry(hash, |other| *other == number) {
            last.remove();
        }
        Some(gone)
    }
}
