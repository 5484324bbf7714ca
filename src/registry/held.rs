//! Going through what there is of one home, in the order in which HMSs page it to each other (R-PEE-79).

use std::ops::Bound;

use super::log::Held;
use super::{Registry, RowId};
use crate::ident::{Process, RealmId, UserId};
use crate::limits::SUM_BUCKETS;
use crate::time::Instant;

/// Rows and ended sessions that one walk looks at.
const LOOKS: usize = 1024;

/// A place in the table, which is ordered by realm and user.
pub type Key = (RealmId, UserId);

/// What a walk comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// A row of the home, or a session of the user that ended. There may be several of one user.
    Held(Key, Held),
    /// Nothing is left up to here; another walk goes on behind it.
    Pause(Key),
    /// Nothing is left at all.
    End,
}

/// A walk through the offered rows of a home, and through what ended of users in the same range, whatever the home was:
/// ascending by realm and user. It ends early, by [`Step::Pause`], so that none is long in a table in which the home
/// has few rows.
pub struct Walk<'a> {
    registry: &'a Registry,
    now: Instant,
    home: Option<u16>,
    wanted: &'a [u8; SUM_BUCKETS / 8],
    row: Option<(Key, u32)>,
    ended: Option<(RealmId, UserId, bool)>,
    looks: usize,
}

impl Registry {
    /// Begins a walk behind `after` through what lies in the buckets of a bit map (bucket 0 is bit 7 of byte 0).
    pub fn held<'a>(
        &'a self,
        now: Instant,
        home: Process,
        wanted: &'a [u8; SUM_BUCKETS / 8],
        after: Key,
    ) -> Walk<'a> {
        let home = self.homes.find_any(home);
        let mut walk = Walk { registry: self, now, home, wanted, row: None, ended: None, looks: LOOKS };
        walk.row = walk.row_behind(after);
        walk.ended = walk.ended_behind((after.0, after.1, true));
        walk
    }
}

impl Walk<'_> {
    /// The next step; after [`Step::Pause`] and [`Step::End`] the walk is over.
    #[expect(clippy::should_implement_trait, reason = "a step is no item: it may say that there is none")]
    pub fn next(&mut self) -> Step {
        loop {
            let ended = self.ended.map(|(realm, user, _)| (realm, user));
            let Some(key) = self.row.map(|(key, _)| key).into_iter().chain(ended).min() else {
                return Step::End;
            };
            if self.looks == 0 {
                return Step::Pause(before(key));
            }
            self.looks -= 1;
            let held = match self.row.filter(|(at, _)| *at == key) {
                Some((_, id)) => self.take_row(key, id),
                None => self.take_ended(),
            };
            if let Some(held) = held {
                return Step::Held(key, held);
            }
        }
    }

    fn take_row(&mut self, key: Key, id: u32) -> Option<Held> {
        self.row = self.row_behind(key);
        let row = self.registry.rows.get(id).filter(|row| Some(row.home) == self.home)?;
        (!row.is_nobodys() && !self.registry.is_row_damaged(id)).then_some(Held::Row(RowId(id)))
    }

    fn take_ended(&mut self) -> Option<Held> {
        let key = self.ended?;
        self.ended = self.ended_behind(key);
        self.registry.gone.told_of(self.now, key)
    }

    fn is_wanted(&self, user: UserId) -> bool {
        self.wants(user.sum_bucket())
    }

    fn wants(&self, bucket: usize) -> bool {
        self.wanted.get(bucket / 8).is_some_and(|byte| byte & (0x80 >> (bucket % 8)) != 0)
    }

    /// The last user that lies before the next wanted bucket behind the one of `user`; `None` if there is none.
    fn skip(&self, user: UserId) -> Option<UserId> {
        let next = (user.sum_bucket() + 1..SUM_BUCKETS).find(|bucket| self.wants(*bucket))?;
        UserId::before_sum_bucket(next)
    }

    /// The first row behind `after` in a wanted bucket.
    fn row_behind(&self, after: Key) -> Option<(Key, u32)> {
        let (mut realm, mut user) = after;
        let mut after = Some(user);
        loop {
            while let Some(id) = self.registry.realm_row_after(realm, after) {
                user = self.registry.rows.get(id.0)?.user;
                if self.is_wanted(user) {
                    return Some(((realm, user), id.0));
                }
                match self.skip(user) {
                    Some(before) => after = Some(before),
                    None => break,
                }
            }
            realm = self.registry.realm_after(Some(realm))?;
            after = None;
        }
    }

    /// The first end of a session behind another in a wanted bucket.
    fn ended_behind(&self, after: (RealmId, UserId, bool)) -> Option<(RealmId, UserId, bool)> {
        let ended = &self.registry.sharing.as_ref()?.ended;
        let mut from = Bound::Excluded(after);
        loop {
            let found = *ended.range((from, Bound::Unbounded)).next()?;
            let (realm, user, _) = found;
            if self.is_wanted(user) {
                return Some(found);
            }
            from = match self.skip(user) {
                Some(before) => Bound::Excluded((realm, before, true)),
                None => Bound::Excluded((realm, UserId::MAX, true)),
            };
        }
    }
}

/// The place just before another; nothing has realm 0.
fn before((realm, user): Key) -> Key {
    match u64::from_be_bytes(user.0).checked_sub(1) {
        Some(user) => (realm, UserId(user.to_be_bytes())),
        None => (RealmId(realm.0.saturating_sub(1)), UserId::MAX),
    }
}
