//! `hms who`, `hms self`, `hms set`.

use std::net::SocketAddr;

use super::own::fits;
use super::views::{HostRow, RowFacts, SelfView, WhoView, host_row, ports_view, rfc3339, state_text};
use super::{Change, ChangeError, Host, State};
use crate::limits::REPORTED_MAX;
use crate::storage::StoredEntry;
use crate::time::Instant;
use crate::wire::{Entry, GrantReason, View};

impl Host {
    /// The list: the HMS's while the host is registered, else the last one, with its age, and the signed entries of
    /// hosts with a fixed address (R-DIR-12, ¶57).
    pub fn who(&self, now: Instant) -> WhoView {
        let live = self.state == State::Registered;
        let age_ms = self.age_ms(now);
        let row_age = if live { None } else { age_ms };
        let mut hosts: Vec<_> = self.follow.copy.rows().map(|entry| self.row_view(&entry, row_age)).collect();
        if !live {
            let missing = self.store.fixed.iter().filter(|f| self.follow.copy.row(f.user).is_none());
            hosts.extend(missing.map(|fixed| self.fixed_view(now, fixed)));
        }
        hosts.sort_by(|a, b| a.user.cmp(&b.user));
        WhoView {
            source: if live { "hms" } else { "cache" },
            hms: self.hms_name().map(|name| name.to_string()),
            age_ms,
            stale: self.follow.stale,
            message: self.who_message(),
            hosts,
        }
    }

    fn message(&self) -> Option<String> {
        self.hints.message.as_ref().or(self.own.refused.as_ref()).cloned()
    }

    fn who_message(&self) -> Option<String> {
        let granted = self.told.granted?;
        match (granted.kind, granted.reason) {
            (0, GrantReason::TooManyRows) if self.own.view != View::None => Some(
                "the realm has more hosts than the HMS lists (all_rows); look names up with `hms who NAME`"
                    .into(),
            ),
            (0, GrantReason::UnknownKind) => Some("the HMS does not know this kind of view".into()),
            _ => self.message(),
        }
    }

    /// Milliseconds since the last answer of an HMS, this process's or, by the wall clock, an earlier one's.
    pub(super) fn age_ms(&self, now: Instant) -> Option<u64> {
        let here = self.heard.map(|heard| u64::try_from(now.since(heard).as_millis()).unwrap_or(u64::MAX));
        here.or_else(|| self.store.last_answer.map(|then| self.wall_at(now).0.saturating_sub(then.0)))
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

    /// What the host knows of itself.
    pub fn me(&self, now: Instant) -> SelfView {
        let own = self.follow.copy.row(self.me.user);
        let registered = self.state == State::Registered;
        let listed = own.and_then(|entry| entry.address);
        let server = self.told.server.and_then(|id| self.routes.by_server(id));
        // An HMS that names no other is alone.
        let role = server.map(|hms| match (self.routes.list().len(), hms.info.primary) {
            (1, _) => "standalone",
            (_, true) => "primary",
            (_, false) => "secondary",
        });
        let content = self.own.content();
        let observed = self.told.observed.filter(|_| self.session.is_some());
        SelfView {
            registered,
            user: self.me.user_name.to_string(),
            host: content.host_name.to_string(),
            realm: self.told.realm_name.to_string(),
            hms: self.hms_name().map(|name| name.to_string()),
            role,
            age_ms: self.age_ms(now),
            address: listed.or(observed).map(|a| a.to_string()),
            observed: observed.map(|a| a.to_string()),
            state: state_text(content.state),
            push: self.own.push,
            phase: self.state.name(),
            message: self.message(),
            conference: content.conference.as_ref().map(ToString::to_string),
            fixed: content.fixed,
            ports: ports_view(content.ports),
            services: content.services.iter().map(ToString::to_string).collect(),
            check_time_s: self.told.check_time_told.then_some(seconds(self.told.check_time)),
            update: self.told.mode.map(|mode| mode.name()),
            since: self.session.as_ref().map(|s| rfc3339(s.since)),
        }
    }

    /// Changes what the host says of itself, all or nothing; the HMS is told at once. `false`: nothing changed.
    pub fn set(&mut self, now: Instant, changes: Vec<Change>) -> Result<bool, ChangeError> {
        let mut content = self.own.content().clone();
        for change in changes {
            change.apply(&mut content)?;
        }
        if !fits(&content, &self.own.view) {
            return Err(ChangeError("all this together is too long for one datagram; shorten it".into()));
        }
        let (view, push) = (self.own.view.clone(), self.own.push);
        Ok(self.say(now, content, view, push))
    }

    /// The addresses that the host reports, never proven to anybody; the last ones go if they are too many for a
    /// datagram.
    pub fn set_reported(&mut self, now: Instant, reported: Vec<SocketAddr>) {
        let mut content = self.own.content().clone();
        content.reported = reported;
        content.reported.truncate(REPORTED_MAX);
        while !fits(&content, &self.own.view) && content.reported.pop().is_some() {}
        let (view, push) = (self.own.view.clone(), self.own.push);
        self.say(now, content, view, push);
    }

    /// Follows another part of the directory.
    pub fn set_view(&mut self, now: Instant, view: View, push: bool) -> Result<bool, ChangeError> {
        if !fits(self.own.content(), &view) {
            return Err(ChangeError("the view names too many users beside the host's own content".into()));
        }
        if view != self.own.view {
            self.forget_list();
        }
        let content = self.own.content().clone();
        Ok(self.say(now, content, view, push))
    }

    /// Another view is followed from now on.
    pub(super) fn forget_list(&mut self) {
        self.end_pull();
        self.follow.copy.clear();
        self.told.granted = None;
    }

    fn say(&mut self, now: Instant, content: crate::wire::Content, view: View, push: bool) -> bool {
        let changed = self.own.change(content, view, push);
        if changed {
            self.persist_soon(now);
            if matches!(self.state, State::Registered | State::Searching) {
                self.beat_now(now);
            }
        }
        changed
    }
}

/// Whole seconds, rounded up.
fn seconds(span: crate::time::Duration) -> u32 {
    u32::try_from(span.as_millis().div_ceil(1000)).unwrap_or(u32::MAX)
}
