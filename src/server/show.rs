//! What `hms status`, `hosts`, `realm list` and `why` show.

use std::borrow::Cow;
use std::collections::BTreeSet;

use super::Server;
use super::view::{
    CommandError, HostCounts, HostRow, InterfaceView, RealmRow, RowFacts, StatusView, WhyRow, host_row,
    rfc3339, seconds,
};
use crate::auth::user_id;
use crate::ident::{Process, RealmId, UserId};
use crate::net::Interface;
use crate::registry::{RowId, ShownRow, Status};
use crate::time::{Instant, UnixMillis};
use crate::wire::ContentRef;

fn interface_view(interface: &Interface) -> InterfaceView {
    let addresses = interface.addresses.iter().map(ToString::to_string).collect();
    InterfaceView { name: interface.name.clone(), addresses }
}

impl Server {
    /// `hms status`.
    pub fn status(&self, now: Instant) -> StatusView {
        let mut hosts = HostCounts::default();
        for realm in self.registry.realms() {
            let counts = self.registry.counts(realm);
            hosts.known += counts.known;
            hosts.up += counts.up;
            hosts.late += counts.late;
            hosts.unconfirmed += counts.unconfirmed;
        }
        let mut drops = self.drops.by_reason();
        self.peers.drops_into(&mut drops);
        if self.answers.lost > 0 {
            drops.insert("output", self.answers.lost);
        }
        let elapsed = u64::try_from(now.since(self.start).as_millis()).unwrap_or(u64::MAX);
        let since = rfc3339(UnixMillis(self.wall.read(now).0.saturating_sub(elapsed)));
        StatusView {
            name: self.name.to_string(),
            version: env!("CARGO_PKG_VERSION"),
            role: self.role(),
            since,
            elapsed_s: now.since(self.start).as_secs(),
            cluster_start: self.cluster_start(now),
            cluster_elapsed_s: self.cluster_age(now).as_secs(),
            check_time_s: seconds(self.settings.check_time),
            exchange_time_s: seconds(self.settings.peers.exchange_time),
            realms: self.keyring.realms().map(|realm| realm.name.to_string()).collect(),
            hosts,
            heartbeats_per_s: self.heartbeats.per_second(),
            drops,
            rows_not_taken: self.peers.rows_not_taken(),
            hints_sent: self.answers.hints,
            peers: self.peers(now),
            listen: self.settings.listen.iter().map(ToString::to_string).collect(),
            interfaces: self.interfaces.iter().map(interface_view).collect(),
            overridden: self.peers.overridden(&self.settings),
            message: self.message(now),
        }
    }

    /// What an admin should know now.
    fn message(&self, now: Instant) -> Option<String> {
        let mut lines = Vec::new();
        self.peers_message(now, &mut lines);
        if let Some(problem) = &self.unstored {
            lines.push(format!("secrets are in force but not stored: {problem}"));
        }
        for realm in self.keyring.realms().filter(|realm| self.registry.braking(realm.id)) {
            let late = self.registry.counts(realm.id).late;
            lines.push(format!(
                "realm {}: many hosts fell silent at once; {late} are kept as late",
                realm.name
            ));
        }
        (!lines.is_empty()).then(|| lines.join("; "))
    }

    pub(super) fn row_ids(&self) -> impl Iterator<Item = RowId> {
        std::iter::successors(self.registry.next_row(None), |id| self.registry.next_row(Some(*id)))
    }

    /// One row of `hms hosts`.
    pub(super) fn host_row(&self, now: Instant, id: RowId) -> Option<HostRow> {
        self.registry.row(id).map(|row| self.shown_row(now, &ShownRow::of(&row)))
    }

    pub(super) fn shown_row(&self, now: Instant, row: &ShownRow<'_>) -> HostRow {
        let realm = self.realm_name(row.realm);
        let facts = RowFacts {
            realm: &realm,
            status: match row.status {
                Status::Up => "up",
                Status::Late => "late",
                Status::Unconfirmed => "unconfirmed",
            },
            address: row.address,
            observed: row.observed,
            since: row.since,
            age_ms: u64::try_from(now.since(row.last_heard).as_millis()).unwrap_or(u64::MAX),
            check_time: row.check_time,
            via: &self.home_name(row.home),
            revision: row.revision.0,
        };
        host_row(&facts, ContentRef::trusted(&row.content))
    }

    /// The HMS at which a row is at home; what is at home nowhere yet is this one's.
    fn home_name(&self, home: Process) -> Cow<'_, str> {
        if home == Process::NOBODY || home.server == self.server {
            return Cow::Borrowed(self.name.as_str());
        }
        let member = self.facts().member(home.server);
        member.map_or_else(|| home.server.to_string().into(), |member| Cow::Borrowed(member.name))
    }

    fn realm_name(&self, realm: RealmId) -> String {
        self.keyring.realm(realm).map_or_else(|| realm.to_string(), |info| info.name.to_string())
    }

    /// The realm of this name.
    pub(super) fn realm_named(&self, name: &str) -> Result<RealmId, CommandError> {
        self.keyring.realm_by_name(name).map(|realm| realm.id).ok_or_else(|| {
            let known: Vec<_> = self.keyring.realms().map(|realm| realm.name.to_string()).collect();
            CommandError::new(2, format!("no realm {name} here; there is {}", known.join(", ")))
        })
    }

    /// `hms realm list`, by name.
    pub fn realm_list(&self) -> Vec<RealmRow> {
        let mut rows: Vec<_> = self.keyring.realms().map(|realm| self.realm_row(realm.id)).collect();
        rows.sort_by(|a, b| a.name.cmp(&b.name));
        rows
    }

    pub(super) fn realm_row(&self, realm: RealmId) -> RealmRow {
        let name = self.realm_name(realm);
        let limits = self.settings.realms.iter().find(|limits| limits.name == name);
        RealmRow {
            id: realm.to_string(),
            default: self.default_realm == Some(realm),
            hosts: self.registry.counts(realm).known,
            max_hosts: limits.and_then(|limits| limits.max_hosts),
            max_rate: limits.and_then(|limits| limits.max_rate),
            name,
        }
    }

    /// `hms why`, the last refusal first. `name` is a user's name, else an unambiguous host name.
    pub fn why(&self, name: Option<&str>, realm: Option<&str>) -> Result<Vec<WhyRow>, CommandError> {
        let only = realm.map(|realm| self.realm_named(realm)).transpose()?;
        let latest = self.refusals.latest();
        let in_realm = |r: RealmId| only.is_none_or(|only| only == r);
        let mut users = self.users_named(name);
        if let Some(name) = name
            && !latest.iter().any(|r| users.contains(&(r.realm, r.user)))
        {
            let refused = latest.iter().filter(|r| in_realm(r.realm)).map(|r| (r.realm, r.user));
            users.extend(self.user_of_host(name, refused.collect())?);
        }
        let rows = latest
            .iter()
            .filter(|r| in_realm(r.realm))
            .filter(|r| name.is_none() || users.contains(&(r.realm, r.user)))
            .map(|r| WhyRow {
                time: rfc3339(r.time),
                address: r.source.to_string(),
                user: Some(
                    r.name
                        .as_ref()
                        .map_or_else(|| self.user_name(r.realm, r.user, name), ToString::to_string),
                ),
                realm: Some(self.realm_name(r.realm)),
                kind: r.kind.name(),
                verdict: r.verdict.name(),
                count: r.count,
                remedy: r.verdict.remedy(),
            })
            .collect();
        Ok(rows)
    }

    /// The users of this name, one in each realm.
    pub fn users_named(&self, name: Option<&str>) -> Vec<(RealmId, UserId)> {
        let of = |name: &str| self.keyring.realms().map(|r| (r.id, user_id(r.id, name))).collect();
        name.map(of).unwrap_or_default()
    }

    /// The user whose host has this name, among those who were refused: looking through the whole table for it would
    /// hold up the hosts.
    fn user_of_host(
        &self,
        name: &str,
        refused: BTreeSet<(RealmId, UserId)>,
    ) -> Result<Option<(RealmId, UserId)>, CommandError> {
        let ids = refused.into_iter().filter_map(|(realm, user)| self.registry.by_user(realm, user));
        let rows = ids.filter_map(|id| self.registry.row(id));
        let hosts: Vec<_> =
            rows.filter(|row| ContentRef::trusted(row.content()).host_name() == name).collect();
        if hosts.len() > 1 {
            let users: Vec<_> =
                hosts.iter().map(|row| ContentRef::trusted(row.content()).user_name()).collect();
            return Err(CommandError::new(
                1,
                format!("several hosts are called {name}: {}", users.join(", ")),
            ));
        }
        Ok(hosts.first().map(|row| (row.realm(), row.user())))
    }

    /// A user's name: ids are hashes, so without a REGISTER it is known only of rows, of the revoked, and of whoever is
    /// asked for.
    fn user_name(&self, realm: RealmId, user: UserId, asked: Option<&str>) -> String {
        let row = self.registry.by_user(realm, user).and_then(|id| self.registry.row(id));
        if let Some(row) = row {
            return ContentRef::trusted(row.content()).user_name().to_owned();
        }
        let asked = asked.filter(|name| user_id(realm, name) == user).map(str::to_owned);
        let revoked = || self.keyring.revoked_name(realm, user).map(ToString::to_string);
        asked.or_else(revoked).unwrap_or_else(|| user.to_string())
    }
}
