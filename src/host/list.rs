//! `hms who`: the list of hosts, whole or in pages.

use super::views::{HostRow, RowFacts, WhoView, host_row};
use super::who::seconds;
use super::{Host, State};
use crate::ident::UserId;
use crate::storage::StoredEntry;
use crate::time::Instant;
use crate::wire::{Entry, GrantReason, Granted, View};

/// How far a listing has come. It goes by user id, so whoever is listed from its begin to its end is shown once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WhoCursor {
    after: Option<UserId>,
    done: bool,
}

impl WhoCursor {
    /// Whether all was listed.
    pub const fn is_done(&self) -> bool {
        self.done
    }
}

impl Host {
    /// The list: the HMS's while the host is registered, else the last one, with its age, and the signed entries of
    /// hosts with a fixed address (R-DIR-12, ¶57).
    pub fn who(&self, now: Instant) -> WhoView {
        let mut hosts = self.next_who(now, &mut WhoCursor::default(), usize::MAX);
        hosts.sort_by(|a, b| a.user.cmp(&b.user));
        WhoView { hosts, ..self.who_origin(now) }
    }

    /// What the list is worth, without its rows.
    pub fn who_origin(&self, now: Instant) -> WhoView {
        WhoView {
            source: if self.state == State::Registered { "hms" } else { "cache" },
            hms: self.hms_name().map(|name| name.to_string()),
            age_ms: self.age_ms(now),
            stale: self.follow.stale,
            message: self.who_message(),
            hosts: Vec::new(),
        }
    }

    /// The next rows of the list: at most `limit`, and with the last ones those that are not in the HMS's list.
    pub fn next_who(&self, now: Instant, cursor: &mut WhoCursor, limit: usize) -> Vec<HostRow> {
        let live = self.state == State::Registered;
        let row_age = if live { None } else { self.age_ms(now) };
        let mut rows = Vec::new();
        for entry in self.follow.copy.rows_after(cursor.after).take(limit) {
            cursor.after = Some(entry.head.user);
            rows.push(self.row_view(&entry, row_age));
        }
        if rows.len() < limit {
            cursor.done = true;
            if live {
                rows.extend(self.unlisted_view());
            } else {
                let missing = self.store.fixed.iter().filter(|f| self.follow.copy.row(f.user).is_none());
                rows.extend(missing.map(|fixed| self.fixed_view(now, fixed)));
            }
        }
        rows
    }

    fn who_message(&self) -> Option<String> {
        if self.too_many() {
            return Some(format!(
                "realm {} is too large to be listed (all_rows of the HMS): `hms who NAME` looks others up",
                self.told.realm_name
            ));
        }
        match self.told.granted {
            Some(granted) if (granted.kind, granted.reason) == (0, GrantReason::UnknownKind) => {
                Some("the HMS does not know this kind of view".into())
            }
            Some(_) => self.message(),
            None => None,
        }
    }

    /// The HMS gives no list of the realm.
    fn too_many(&self) -> bool {
        let refused = |granted: Granted| (granted.kind, granted.reason) == (0, GrantReason::TooManyRows);
        self.own.view != View::None && self.told.granted.is_some_and(refused)
    }

    /// The host itself, where the HMS gives no list in which it would be.
    fn unlisted_view(&self) -> Option<HostRow> {
        if !self.too_many() || self.follow.copy.row(self.me.user).is_some() {
            return None;
        }
        let session = self.session.as_ref()?;
        let hms = self.hms_name().map(|name| name.to_string());
        let facts = RowFacts {
            realm: self.told.realm_name.as_str(),
            address: self.told.observed,
            since: Some(session.since.0 / 1000),
            check_time_s: self.told.check_time_told.then(|| seconds(self.told.check_time)),
            via: hms.as_deref(),
            own: true,
            ..RowFacts::default()
        };
        Some(host_row(&facts, self.own.bytes()))
    }

    /// A row as it is shown.
    pub(super) fn row_view(&self, entry: &Entry<'_>, age_ms: Option<u64>) -> HostRow {
        let home = entry.head.home;
        let via = self.routes.by_server(home).map(|hms| hms.info.name.to_string());
        let via = via.unwrap_or_else(|| home.to_string());
        let facts = RowFacts {
            realm: self.told.realm_name.as_str(),
            late: entry.head.late,
            unconfirmed: entry.head.unconfirmed,
            address: entry.address,
            since: Some(entry.head.since),
            age_ms,
            check_time_s: Some(entry.head.check_time_s),
            via: Some(&via),
            revision: Some(entry.head.revision.0),
            own: entry.head.user == self.me.user,
        };
        host_row(&facts, entry.content)
    }

    fn fixed_view(&self, now: Instant, fixed: &StoredEntry) -> HostRow {
        let entry = fixed.entry();
        let issued_ms = entry.signature.map(|s| s.issued.saturating_mul(1000));
        let age_ms = issued_ms.map(|issued| self.wall_at(now).0.saturating_sub(issued));
        HostRow { revision: None, ..self.row_view(&entry, age_ms) }
    }
}
