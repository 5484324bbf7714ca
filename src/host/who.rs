//! `hms self`, `hms set`.

use std::net::SocketAddr;

use super::own::fits;
use super::session::Session;
use super::views::{SelfView, ports_view, rfc3339, state_text};
use super::{Change, ChangeError, Host, State};
use crate::limits::REPORTED_MAX;
use crate::time::Instant;
use crate::wire::View;

impl Host {
    pub(super) fn message(&self) -> Option<String> {
        self.hints.message.as_ref().or(self.own.refused.as_ref()).cloned()
    }

    /// Milliseconds since the last answer of an HMS, this process's or, by the wall clock, an earlier one's.
    pub(super) fn age_ms(&self, now: Instant) -> Option<u64> {
        let here = self.heard.map(|heard| u64::try_from(now.since(heard).as_millis()).unwrap_or(u64::MAX));
        here.or_else(|| self.store.last_answer.map(|then| self.wall_at(now).0.saturating_sub(then.0)))
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
            replicated: self.told.replicated.filter(|_| registered),
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
        self.follow.since = self.session.as_ref().map_or(0, Session::next_sequence);
        self.told.granted = None;
    }

    fn say(&mut self, now: Instant, content: crate::wire::Content, view: View, push: bool) -> bool {
        let changed = self.own.change(content, view, push);
        if changed {
            self.persist_soon(now);
            if matches!(self.state, State::Registered | State::Searching) {
                self.beat_also(now);
            }
        }
        changed
    }
}

/// Whole seconds, rounded up.
pub(super) fn seconds(span: crate::time::Duration) -> u32 {
    u32::try_from(span.as_millis().div_ceil(1000)).unwrap_or(u32::MAX)
}
