//! The rows of a realm by user id, in order. User ids are hashes, so their leading bits find the slot: one table
//! answers both "who is this" and "who comes next", and its parts are the digest buckets of R-DIR-02.

use super::rows::{NIL, Rows};
use crate::ident::UserId;
use crate::limits::BUCKETS;

/// The rows of one bucket: chains in ascending order, one for each value of the bits behind the bucket's.
#[derive(Default)]
struct Bucket {
    heads: Vec<u32>,
    len: usize,
}

impl Bucket {
    fn slot(&self, user: UserId) -> usize {
        match self.heads.len() {
            0 | 1 => 0,
            n => ((u64::from_be_bytes(user.0) << 7) >> (64 - n.trailing_zeros())) as usize,
        }
    }

    fn insert(&mut self, rows: &mut Rows, user: UserId, id: u32) {
        if self.len >= self.heads.len() {
            self.resize(rows, (self.heads.len() * 2).max(1));
        }
        self.chain(rows, user, id);
        self.len += 1;
    }

    /// Puts the row into its chain.
    fn chain(&mut self, rows: &mut Rows, user: UserId, id: u32) {
        let slot = self.slot(user);
        let Some(head) = self.heads.get_mut(slot) else { return };
        let (mut before, mut next) = (NIL, *head);
        while let Some(row) = rows.get(next).filter(|row| row.user < user) {
            (before, next) = (next, row.next_user);
        }
        match rows.get_mut(before) {
            Some(row) => row.next_user = id,
            None => *head = id,
        }
        if let Some(row) = rows.get_mut(id) {
            row.next_user = next;
        }
    }

    fn remove(&mut self, rows: &mut Rows, user: UserId, id: u32) {
        let slot = self.slot(user);
        let Some(head) = self.heads.get_mut(slot) else { return };
        let (mut before, mut at) = (NIL, *head);
        while at != id {
            let Some(row) = rows.get(at) else { return };
            (before, at) = (at, row.next_user);
        }
        let next = rows.get(id).map_or(NIL, |row| row.next_user);
        match rows.get_mut(before) {
            Some(row) => row.next_user = next,
            None => *head = next,
        }
        self.len -= 1;
        // Else a walk over a realm that was large once would be long.
        if self.heads.len() > 16 && self.len < self.heads.len() / 8 {
            self.resize(rows, self.heads.len() / 4);
        }
    }

    fn resize(&mut self, rows: &mut Rows, slots: usize) {
        let old = std::mem::replace(&mut self.heads, vec![NIL; slots]);
        for head in old {
            let mut at = head;
            while let Some((user, next)) = rows.get(at).map(|row| (row.user, row.next_user)) {
                self.chain(rows, user, at);
                at = next;
            }
        }
    }

    fn find(&self, rows: &Rows, user: UserId) -> Option<u32> {
        self.first(rows, self.slot(user), |other| other >= user)
            .filter(|id| rows.get(*id).is_some_and(|row| row.user == user))
    }

    /// The first row of a slot that `wanted` takes.
    fn first(&self, rows: &Rows, slot: usize, wanted: impl Fn(UserId) -> bool) -> Option<u32> {
        let mut at = *self.heads.get(slot)?;
        while let Some(row) = rows.get(at) {
            if wanted(row.user) {
                return Some(at);
            }
            at = row.next_user;
        }
        None
    }

    /// The lowest row that `wanted` takes, from the slot of `user` on.
    fn first_from(&self, rows: &Rows, user: UserId, wanted: impl Fn(UserId) -> bool) -> Option<u32> {
        if self.len == 0 {
            return None;
        }
        (self.slot(user)..self.heads.len()).find_map(|slot| self.first(rows, slot, &wanted))
    }
}

/// The rows of one realm.
pub(super) struct Users {
    buckets: Box<[Bucket]>,
}

impl Users {
    pub(super) fn new() -> Self {
        Self { buckets: (0..BUCKETS).map(|_| Bucket::default()).collect() }
    }

    pub(super) fn find(&self, rows: &Rows, user: UserId) -> Option<u32> {
        self.buckets.get(user.bucket())?.find(rows, user)
    }

    /// The first row of the slot in which a user's row is.
    pub(super) fn first_of_slot(&self, user: UserId) -> u32 {
        let bucket = self.buckets.get(user.bucket());
        bucket.and_then(|bucket| bucket.heads.get(bucket.slot(user))).copied().unwrap_or(NIL)
    }

    pub(super) fn insert(&mut self, rows: &mut Rows, user: UserId, id: u32) {
        if let Some(bucket) = self.buckets.get_mut(user.bucket()) {
            bucket.insert(rows, user, id);
        }
    }

    pub(super) fn remove(&mut self, rows: &mut Rows, user: UserId, id: u32) {
        if let Some(bucket) = self.buckets.get_mut(user.bucket()) {
            bucket.remove(rows, user, id);
        }
    }

    /// The row with the lowest user id above `after` (from the lowest on if there is none) in a bucket that `wanted`
    /// takes.
    pub(super) fn next(
        &self,
        rows: &Rows,
        after: Option<UserId>,
        wanted: impl Fn(usize) -> bool,
    ) -> Option<u32> {
        let start = after.unwrap_or_default();
        let above = |user: UserId| after.is_none_or(|after| user > after);
        let numbered = self.buckets.iter().enumerate().skip(start.bucket());
        numbered.filter(|(number, _)| wanted(*number)).find_map(|(number, bucket)| {
            let from = if number == start.bucket() { start } else { UserId::default() };
            bucket.first_from(rows, from, above)
        })
    }
}
