//! Sessions that ended: what other HMSs are told of them (spec 10.8), and the stamps of rows that were removed a moment
//! ago, which keep old registration cookies from working (R-AUT-12).

use slab::Slab;

use super::index::Index;
use super::list::{Link, List, Node};
use super::log::Held;
use super::merge::Session;
use super::sharing::Sharing;
use crate::ident::{Order, Process, RealmId, SessionId, Stamp, UserId};
use crate::limits::{GONE_KEPT, REMOVED_STAMP_KEPT};
use crate::planted::{Bug, planted};
use crate::time::{Duration, Instant};

/// How a session ended, as HMSs tell each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// The host left: for good.
    Leave,
    /// No heartbeat came in time; these are of the place in which it was.
    Expiry {
        /// The highest sequence that the home had accepted.
        sequence: u64,
        /// Who says so.
        home: Process,
    },
}

/// A session that ended (GONE).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ended {
    /// Which; all but the session id are 0 if nobody knew more of it when its host left (R-PEE-66).
    pub order: Order,
    /// How.
    pub ending: Ending,
}

impl Ended {
    /// Nothing is known of it but that its host left.
    pub fn is_stray(&self) -> bool {
        self.order == Order { session: self.order.session, ..Order::default() }
    }

    pub(super) fn session(&self) -> Session<'static> {
        match self.ending {
            Ending::Leave => Session::ended(self.order),
            Ending::Expiry { sequence, home } => Session::expired(self.order, sequence, home),
        }
    }
}

/// A session that its host left, as it outlives this process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LeftSession {
    /// The realm.
    pub realm: RealmId,
    /// The user.
    pub user: UserId,
    /// Which; all but the session id are 0 if nobody knew more of it.
    pub order: Order,
    /// How long others are told that yet.
    pub left: Duration,
}

/// A row that was removed here.
#[derive(Clone, Copy)]
pub(super) struct Removal {
    pub(super) stamp: Stamp,
    /// Its host left, and did not just fall silent; for how long that is to be known.
    pub(super) left: Option<Duration>,
}

/// Of each user one for the last session of which that is known, and one for a stray.
struct Entry {
    realm: RealmId,
    user: UserId,
    stray: bool,
    /// What is told, and until when.
    ended: Option<(Ended, Instant)>,
    /// What was removed, when, and until when that is known.
    removal: Option<(Removal, Instant, Instant)>,
    link: Link,
}

/// A user, and whether that is of a stray.
type Key = (RealmId, UserId, bool);
/// What is kept for other HMSs, if there are some.
type Shared = Option<Box<Sharing>>;

impl Entry {
    const fn key(&self) -> Key {
        (self.realm, self.user, self.stray)
    }

    fn is_over(&self, now: Instant) -> bool {
        self.ended.is_none_or(|(_, until)| now >= until)
            && self.removal.is_none_or(|(_, _, until)| now >= until)
    }

    /// Of two kinds the silent ones are forgotten first.
    fn is_leave(&self) -> bool {
        self.ended.is_some_and(|(ended, _)| ended.ending == Ending::Leave)
    }
}

impl Node for Entry {
    fn link(&mut self) -> &mut Link {
        &mut self.link
    }
}

/// All of them, at most [`GONE_KEPT`].
pub(super) struct Gone {
    entries: Slab<Entry>,
    index: Index,
    /// In the order in which they came: those whose hosts left, and all others.
    leaves: List,
    silent: List,
    /// Stands for all users that had to be forgotten early: the highest of their stamps.
    crowd: Option<(Stamp, Instant)>,
}

impl Gone {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            entries: Slab::new(),
            index: Index::new(seed),
            leaves: List::EMPTY,
            silent: List::EMPTY,
            crowd: None,
        }
    }

    /// A row was removed here; `ended` is what other HMSs are told of that, and for how long.
    pub(super) fn removed(
        &mut self,
        now: Instant,
        (realm, user): (RealmId, UserId),
        removal: Removal,
        ended: Option<(Ended, Duration)>,
        sharing: &mut Shared,
    ) {
        let until = now + removal.left.unwrap_or_default().max(REMOVED_STAMP_KEPT);
        let number = self.put(
            now,
            (realm, user, false),
            |entry| {
                entry.removal = Some((removal, now, until));
                if let Some((ended, life)) = ended {
                    entry.ended = Some((ended, now + life));
                }
            },
            sharing,
        );
        if ended.is_some() {
            self.changed(number, sharing);
        }
    }

    /// Notes the end of a session for so long; of a row that was elsewhere the stamp is known as that of one that left
    /// here is, for `left` (R-PEE-67).
    pub(super) fn note(
        &mut self,
        now: Instant,
        (realm, user): (RealmId, UserId),
        ended: Ended,
        (life, left): (Duration, Duration),
        sharing: &mut Shared,
    ) {
        let key = (realm, user, ended.is_stray());
        let removal = (ended.ending == Ending::Leave && !ended.is_stray())
            .then_some(Removal { stamp: ended.order.stamp, left: Some(left) });
        let until = now + left.max(REMOVED_STAMP_KEPT);
        let note = |entry: &mut Entry| {
            entry.ended = Some((ended, now + life));
            let older = |(known, _, _): (Removal, _, _)| known.stamp < ended.order.stamp;
            if let Some(removal) = removal.filter(|_| entry.removal.is_none_or(older)) {
                entry.removal = Some((removal, now, until));
            }
        };
        let number = self.put(now, key, note, sharing);
        self.changed(number, sharing);
    }

    /// Others are told once more of the end of a user's last session, or of a stray.
    pub(super) fn tell_again(&self, now: Instant, key: Key, sharing: &mut Shared) {
        let ended = self.get(key).and_then(|entry| entry.ended).filter(|(_, until)| now < *until);
        if let (Some(_), Some(number)) = (ended, self.find(key)) {
            self.changed(number, sharing);
        }
    }

    /// Notes that others have to hear of an entry.
    fn changed(&self, number: u32, sharing: &mut Shared) {
        if let (Some(entry), Some(sharing)) = (self.entries.get(number as usize), sharing) {
            sharing.ended.insert(entry.key());
            sharing.log.ended_changed(number);
        }
    }

    /// What others are told of an entry.
    pub(super) fn told(&self, now: Instant, number: u32) -> Option<Held> {
        let entry = self.entries.get(number as usize)?;
        let (ended, until) = entry.ended?;
        let (realm, user, left) = (entry.realm, entry.user, until.since(now));
        Some(Held::Ended { realm, user, ended, left })
    }

    /// The same of a user's last session, or of a stray; nothing if its time is over.
    pub(super) fn told_of(&self, now: Instant, key: Key) -> Option<Held> {
        self.get(key)?.ended.filter(|(_, until)| now < *until)?;
        self.told(now, self.find(key)?)
    }

    /// How long an entry is told yet.
    pub(super) fn left_of(&self, now: Instant, key: Key) -> Duration {
        self.get(key).and_then(|entry| entry.ended).map(|(_, until)| until.since(now)).unwrap_or_default()
    }

    /// Of so many entries from `from` on those that others are told of, and where to go on.
    pub(super) fn slice(&self, from: u32, count: u32) -> (Vec<Key>, Option<u32>) {
        let (entries, next) = self.some(from, count);
        (entries.filter(|entry| entry.ended.is_some()).map(Entry::key).collect(), next)
    }

    /// The same of those whose hosts left: which session, and how long that is told yet.
    pub(super) fn left_slice(&self, now: Instant, from: u32, count: u32) -> (Vec<LeftSession>, Option<u32>) {
        let (entries, next) = self.some(from, count);
        let left = |entry: &Entry| {
            let (ended, until) = entry.ended.filter(|(_, until)| now < *until)?;
            let (realm, user, left) = (entry.realm, entry.user, until.since(now));
            Some(LeftSession { realm, user, order: ended.order, left })
        };
        (entries.filter(|entry| entry.is_leave()).filter_map(left).collect(), next)
    }

    fn some(&self, from: u32, count: u32) -> (impl Iterator<Item = &Entry>, Option<u32>) {
        let next = from.saturating_add(count);
        let entries = (from..next).filter_map(|number| self.entries.get(number as usize));
        (entries, Some(next).filter(|next| (*next as usize) < self.entries.capacity()))
    }

    /// The last session of a user of which it is known that it ended, and until when that is told.
    pub(super) fn last(&self, now: Instant, realm: RealmId, user: UserId) -> Option<(Ended, Instant)> {
        let ended = self.get((realm, user, false))?.ended.filter(|(_, until)| now < *until)?;
        let leave = ended.0.ending == Ending::Leave;
        let forgotten = planted(Bug::StampForgotten) || (leave && planted(Bug::LeaveUnkept));
        (!forgotten).then_some(ended)
    }

    /// The session that a user's host left where nobody knew it.
    pub(super) fn stray(&self, now: Instant, realm: RealmId, user: UserId) -> Option<SessionId> {
        let (ended, _) = self.get((realm, user, true))?.ended.filter(|(_, until)| now < *until)?;
        Some(ended.order.session)
    }

    /// The stamp of the user's last row. When more users left than are kept, a user without a row gets the stamp of
    /// the crowd: a cookie from before does not fit it, a new one does.
    pub(super) fn stamp(&self, now: Instant, realm: RealmId, user: UserId) -> Option<Stamp> {
        let own = self.known(now, realm, user).map(|removal| removal.stamp);
        let young = |at: Instant| now.since(at) < REMOVED_STAMP_KEPT;
        own.or_else(|| self.crowd.filter(|(_, at)| young(*at)).map(|(stamp, _)| stamp))
    }

    /// The stamp of the user's last row, if its host left.
    pub(super) fn left(&self, now: Instant, realm: RealmId, user: UserId) -> Option<Stamp> {
        self.known(now, realm, user).filter(|removal| removal.left.is_some()).map(|removal| removal.stamp)
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        assert_eq!(self.entries.len(), self.index.len());
        self.entries.len()
    }

    fn known(&self, now: Instant, realm: RealmId, user: UserId) -> Option<Removal> {
        let (removal, _, until) = self.get((realm, user, false))?.removal?;
        (now < until && !planted(Bug::StampForgotten)).then_some(removal)
    }

    fn get(&self, key: Key) -> Option<&Entry> {
        self.entries.get(self.find(key)? as usize)
    }

    fn find(&self, key: Key) -> Option<u32> {
        let same = |number: u32| self.entries.get(number as usize).is_some_and(|entry| entry.key() == key);
        self.index.find(self.index.hash(key), same)
    }

    /// Changes a user's entry, which becomes the last of its kind.
    fn put(&mut self, now: Instant, key: Key, edit: impl FnOnce(&mut Entry), sharing: &mut Shared) -> u32 {
        self.forget(now, sharing);
        let number = match self.find(key) {
            Some(number) => {
                self.unlink(number);
                number
            }
            None => self.make(key),
        };
        if let Some(entry) = self.entries.get_mut(number as usize) {
            edit(entry);
        }
        match self.entries.get(number as usize).is_some_and(Entry::is_leave) {
            true => self.leaves.push_back(&mut self.entries, number),
            false => self.silent.push_back(&mut self.entries, number),
        }
        if self.entries.len() > GONE_KEPT {
            self.forget_early(now, sharing);
        }
        number
    }

    fn make(&mut self, key: Key) -> u32 {
        let (realm, user, stray) = key;
        let entry = Entry { realm, user, stray, ended: None, removal: None, link: Link::NONE };
        let number = self.entries.insert(entry) as u32;
        let (hash, entries) = (self.index.hash(key), &self.entries);
        self.index.insert(hash, number, |state, other| {
            use std::hash::BuildHasher;
            entries.get(other as usize).map_or(0, |entry| state.hash_one(entry.key()))
        });
        number
    }

    fn unlink(&mut self, number: u32) {
        match self.entries.get(number as usize).is_some_and(Entry::is_leave) {
            true => self.leaves.remove(&mut self.entries, number),
            false => self.silent.remove(&mut self.entries, number),
        }
    }

    fn drop(&mut self, number: u32, sharing: &mut Shared) -> Option<Entry> {
        self.unlink(number);
        let entry = self.entries.try_remove(number as usize)?;
        self.index.remove(self.index.hash(entry.key()), number);
        if let Some(sharing) = sharing {
            sharing.ended.remove(&entry.key());
            sharing.log.ended_gone(number);
        }
        Some(entry)
    }

    /// Two of each kind at a time keep up with one that comes at a time, without ever a long run.
    pub(super) fn forget(&mut self, now: Instant, sharing: &mut Shared) {
        for _ in 0..2 {
            for number in [self.silent.head, self.leaves.head] {
                if self.entries.get(number as usize).is_some_and(|entry| entry.is_over(now)) {
                    self.drop(number, sharing);
                }
            }
        }
    }

    fn forget_early(&mut self, now: Instant, sharing: &mut Shared) {
        let number = if self.silent.is_empty() { self.leaves.head } else { self.silent.head };
        let Some((removal, at, _)) = self.drop(number, sharing).and_then(|entry| entry.removal) else {
            return;
        };
        if now.since(at) < REMOVED_STAMP_KEPT {
            let highest = self.crowd.map_or(removal.stamp, |(other, _)| other.max(removal.stamp));
            self.crowd = Some((highest, now));
        }
    }
}
