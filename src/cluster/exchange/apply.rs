//! What another HMS tells of the table: judged, and taken (R-PEE-57, R-PEE-61).

use super::codec::{ended_of, view_spec};
use super::table::{Drops, Table};
use crate::auth::{Revocation, UserKey, user_id};
use crate::ident::Process;
use crate::limits::CONTENT_MAX;
use crate::planted::{Bug, planted};
use crate::registry::{Merged, NewRow, Refused, Teller, ToldRow};
use crate::time::{Duration, Instant, UnixMillis};
use crate::wire::peer::{Gone, Home, Row, RowHead, Said};

/// Who tells something.
pub(super) struct Source<'a> {
    /// The neighbour that tells it.
    pub(super) process: Process,
    /// What its changes are noted as.
    pub(super) teller: Teller,
    /// This process.
    pub(super) own: Process,
    /// All neighbours: each speaks for itself.
    pub(super) neighbours: &'a [Process],
}

/// Why a row is not used; all but the first are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reject {
    /// Somebody else speaks for its home (R-PEE-61).
    NotForIt,
    /// Its realm or epoch is not served.
    Realm,
    /// Not as it has to be.
    Malformed,
    /// Its name is not the user's.
    User,
    /// No HMS gave this stamp.
    Stamp,
    /// Its user was revoked since.
    Generation,
    /// The table, or the realm, is full (R-PEE-97).
    Room,
}

impl Source<'_> {
    /// What a third says of a home counts only where the home cannot say it (R-PEE-61), or lost it (R-PEE-81).
    fn may_tell(&self, home: Home, row: &Row<'_>, table: &Table<'_>) -> bool {
        if home.process == self.own {
            return table.registry.is_damaged(row.head.realm, row.head.user);
        }
        let age = Duration::from_millis(u64::from(home.age_ms));
        home.process == self.process
            || (!self.neighbours.contains(&home.process)
                && age < table.registry.expiry_of(Duration::from_millis(u64::from(row.head.place.check_ms))))
    }

    /// Takes a ROW, if it may be.
    pub(super) fn take_row(
        &self,
        now: Instant,
        home: Home,
        row: &Row<'_>,
        table: &mut Table<'_>,
    ) -> Result<Merged, Reject> {
        let head = &row.head;
        if !self.may_tell(home, row, table) {
            return Err(Reject::NotForIt);
        }
        if head.order.stamp > table.highest_stamp {
            return Err(Reject::Stamp);
        }
        let generation = table.keyring.generation(head.realm, head.user);
        if head.order.generation < generation {
            return Err(Reject::Generation);
        }
        // Nobody is revoked but in a realm that is served.
        let mut key = table.user_key(head)?;
        let said = row.said().map_err(|_| Reject::Malformed)?;
        if said.content.as_bytes().len() > CONTENT_MAX {
            return Err(Reject::Malformed);
        }
        if user_id(head.realm, said.content.user_name()) != head.user {
            return Err(Reject::User);
        }
        let known = table.registry.by_user(head.realm, head.user).is_some();
        if !known && table.is_full(head.realm) {
            return Err(Reject::Room);
        }
        if head.order.generation > generation {
            table.keyring.restore(Revocation {
                realm: head.realm,
                user: head.user,
                user_name: None,
                current: head.order.generation,
                previous: generation,
            });
            key = table.user_key(head)?;
        }
        match self.merge(now, home, row, &said, &key, table) {
            Merged::Refused(Refused::Room) => Err(Reject::Room),
            merged => Ok(merged),
        }
    }

    fn merge(
        &self,
        now: Instant,
        home: Home,
        row: &Row<'_>,
        said: &Said<'_>,
        key: &UserKey,
        table: &mut Table<'_>,
    ) -> Merged {
        let head = &row.head;
        let key = key.session_key(head.order.session);
        let own_word = home.process == self.process || planted(Bug::AgeIgnored);
        let told = ToldRow {
            row: NewRow {
                realm: head.realm,
                user: head.user,
                session: head.order.session,
                key: key.as_bytes(),
                generation: head.order.generation,
                stamp: head.order.stamp,
                server: head.order.server,
                instance: head.instance,
                content: said.content.as_bytes(),
                content_version: head.content_version,
                group: said.content.conference(),
                address: head.place.address,
                since: UnixMillis(head.since.saturating_mul(1000)),
                check_time: Duration::from_millis(u64::from(head.place.check_ms)),
            },
            view: view_spec(&said.view),
            push: said.push,
            sequence: head.place.sequence,
            late: head.place.late,
            home: home.process,
            age: if own_word { Duration::ZERO } else { Duration::from_millis(u64::from(home.age_ms)) },
        };
        table.registry.telling(self.teller, |registry| registry.merge_row(now, &told))
    }

    /// Takes a GONE, whoever tells it (R-PEE-61).
    pub(super) fn take_gone(
        &self,
        now: Instant,
        home: Home,
        gone: &Gone,
        table: &mut Table<'_>,
    ) -> Result<Merged, Reject> {
        if gone.order.stamp > table.highest_stamp {
            return Err(Reject::Stamp);
        }
        let (ended, kept) = (ended_of(home, gone), Duration::from_millis(u64::from(gone.forgotten_ms)));
        let merged = table
            .registry
            .telling(self.teller, |registry| registry.merge_gone(now, gone.realm, gone.user, ended, kept));
        match merged {
            Merged::Refused(Refused::Realm) => Err(Reject::Realm),
            merged => Ok(merged),
        }
    }
}

impl Table<'_> {
    fn user_key(&self, head: &RowHead) -> Result<UserKey, Reject> {
        self.keyring.user_key(head.realm, head.epoch, head.user).map_err(|_| Reject::Realm)
    }
}

impl Drops {
    pub(super) const fn count(&mut self, reject: Reject) {
        let count = match reject {
            Reject::NotForIt => return,
            Reject::Realm => &mut self.realm,
            Reject::Malformed => &mut self.malformed,
            Reject::User => &mut self.user,
            Reject::Stamp => &mut self.stamp,
            Reject::Generation => &mut self.generation,
            Reject::Room => &mut self.room,
        };
        *count += 1;
    }
}
