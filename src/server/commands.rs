//! Commands of the admin that change something.

use rand_core::Rng as _;

use super::Server;
use super::event::{Event, Level};
use super::settings::ServerSettings;
use super::view::{CommandError, RealmRow, RevokeView};
use crate::auth::{Keyring, RealmSecret};
use crate::ident::{Epoch, Incarnation, Name, RealmId};
use crate::limits::REALM_NAME_MAX;
use crate::planted::{Bug, planted};
use crate::registry::{Reason, RowId};
use crate::storage::{SnapshotEnded, SnapshotHeader, SnapshotRow};
use crate::time::{Duration, Instant};
use crate::wire::AnnounceEvent;

impl Server {
    /// Takes new settings in force at once; no host is lost by it. A check time that shrinks counts for a host only
    /// when every host that is reachable must have heard of it.
    pub fn reload(&mut self, now: Instant, settings: ServerSettings) {
        // What came before counts as long as rows may still have it.
        let before = if now < self.tell_until { self.longest } else { Duration::ZERO };
        let telling =
            settings.check_time != self.settings.check_time || settings.update != self.settings.update;
        self.longest = before.max(self.settings.check_time).max(settings.check_time);
        self.settings = settings;
        if telling {
            let expiry = self.longest.mul_f64(self.settings.expiry_factor);
            self.tell_until = self.tell_until.max(now + expiry);
        }
        self.registry.set_timing(self.settings.check_time, self.settings.expiry_factor);
        self.apply_realm_limits();
        self.log(Level::Info, "settings reloaded");
    }

    /// Gives every realm its limits.
    pub(super) fn apply_realm_limits(&mut self) {
        self.budgets.retain(&self.keyring);
        let realms: Vec<_> = self.keyring.realms().map(|r| (r.id, r.name.to_string())).collect();
        for (id, name) in realms {
            let limits = self.settings.realms.iter().find(|limits| limits.name == name);
            self.budgets.limit(id, limits);
        }
    }

    /// Makes all keys of a user worthless and removes the row; in force when this returns (R-AUT-04).
    pub fn revoke(
        &mut self,
        now: Instant,
        realm: Option<&str>,
        user: &str,
    ) -> Result<RevokeView, CommandError> {
        let realm = self.meant_realm(realm)?;
        let name = Name::new(user).map_err(|e| CommandError::new(2, format!("{user}: {e}")))?;
        let clock = self.stamps.read(now);
        let (id, _) = self.keyring.revoke_name(realm, &name, clock);
        let row = self.registry.by_user(realm, id);
        if let Some(row) = row.filter(|_| !planted(Bug::RevokedRowStays)) {
            self.remove_row(now, row, Reason::Revoked, "leave");
        }
        if !planted(Bug::RevocationNotStored) {
            self.events.push_back(Event::PersistSecrets);
        }
        Ok(RevokeView { user: name.to_string(), realm: self.realm_row(realm).name, removed: row.is_some() })
    }

    /// The realm that is named, or the only one.
    fn meant_realm(&self, name: Option<&str>) -> Result<RealmId, CommandError> {
        if let Some(name) = name {
            return self.realm_named(name);
        }
        let mut realms = self.keyring.realms();
        match (realms.next(), realms.next()) {
            (Some(realm), None) => Ok(realm.id),
            (None, _) => Err(CommandError::new(2, "there is no realm: hms realm new NAME")),
            _ => {
                let names: Vec<_> = self.keyring.realms().map(|r| r.name.to_string()).collect();
                Err(CommandError::new(
                    2,
                    format!("several realms: name one with --realm ({})", names.join(", ")),
                ))
            }
        }
    }

    /// Makes a realm with a new secret.
    pub fn realm_new(&mut self, _now: Instant, name: &str) -> Result<RealmRow, CommandError> {
        let name = Name::with_limit(name, REALM_NAME_MAX)
            .map_err(|e| CommandError::new(2, format!("{name}: {e}")))?;
        if self.keyring.realm_by_name(name.as_str()).is_some() {
            return Err(CommandError::new(1, format!("realm {name} exists already")));
        }
        let mut secret = [0; 32];
        self.rng.fill_bytes(&mut secret);
        let id = std::iter::repeat_with(|| RealmId(self.rng.next_u32()))
            .find(|id| id.0 != 0 && !self.keyring.serves(*id))
            .unwrap_or_default();
        self.keyring.new_realm(id, name, Epoch(1), RealmSecret::new(secret));
        self.registry.add_realm(id);
        self.registry.set_epoch(id, Epoch(1));
        self.default_realm.get_or_insert(id);
        self.apply_realm_limits();
        self.events.push_back(Event::PersistSecrets);
        Ok(self.realm_row(id))
    }

    /// Removes a realm with its rows, keys and revocations; its hosts get silence from then on (R-AUT-06).
    pub fn realm_remove(&mut self, now: Instant, name: &str) -> Result<RealmRow, CommandError> {
        let realm = self.realm_named(name)?;
        let row = self.realm_row(realm);
        let ids: Vec<RowId> = self
            .row_ids()
            .filter(|id| self.registry.row(*id).is_some_and(|row| row.realm() == realm))
            .collect();
        ids.into_iter().for_each(|id| self.remove_row(now, id, Reason::Leave, "leave"));
        self.registry.remove_realm(now, realm);
        self.keyring.remove_realm(realm);
        self.apply_realm_limits();
        if self.default_realm == Some(realm) {
            self.default_realm = self.keyring.realms().next().map(|realm| realm.id);
        }
        self.events.push_back(Event::PersistSecrets);
        Ok(row)
    }

    /// Which realm is the default, for display.
    pub fn set_default_realm(&mut self, realm: Option<RealmId>) {
        self.default_realm = realm;
    }

    /// What to store after [`Event::PersistSecrets`]: pass it to [`crate::storage::Secrets::take`] with
    /// [`Self::stamp_clock`].
    pub const fn keyring(&self) -> &Keyring {
        &self.keyring
    }

    /// The stamp clock, to be stored with the secrets and the snapshot.
    pub fn stamp_clock(&self, now: Instant) -> u64 {
        self.stamps.read(now)
    }

    /// Whether the secrets could be stored; what could not is in force and shown by `hms status`.
    pub fn persisted(&mut self, result: Result<(), String>) {
        self.unstored = result.err();
    }

    /// Says to the groups that this HMS stops (R-DSC-05); when the output is sent the process may end.
    pub fn stop(&mut self, _now: Instant) {
        if !self.stopping {
            self.stopping = true;
            self.announce(AnnounceEvent::Stopping);
            self.events.push_back(Event::Stopped);
        }
    }

    /// The head of a snapshot made now.
    pub fn snapshot_header(&self, now: Instant) -> SnapshotHeader {
        SnapshotHeader {
            server: self.server,
            incarnation: self.answers.incarnation(),
            stamp_clock: self.stamps.read(now),
            wall: self.wall.read(now),
        }
    }

    /// At most `max` rows behind `after`, and where to go on; `None` when all were there. Rows that change between
    /// two calls are in their old or their new form.
    pub fn snapshot_rows(&self, after: Option<RowId>, max: usize) -> (Vec<SnapshotRow>, Option<RowId>) {
        let mut rows = Vec::with_capacity(max);
        let mut at = after;
        while rows.len() < max {
            let Some(id) = self.registry.next_row(at) else { return (rows, None) };
            rows.extend(self.snapshot_row(id));
            at = Some(id);
        }
        (rows, at)
    }

    /// Of some sessions from `from` on (at first 0) those that their hosts left, and where to go on; `None` when all
    /// were there. To be asked when all rows were written: nobody who left meanwhile is then missing.
    pub fn snapshot_ended(&self, now: Instant, from: u32) -> (Vec<SnapshotEnded>, Option<u32>) {
        let (left, next) = self.registry.left_sessions(now, from);
        let ended = left.into_iter().map(|one| SnapshotEnded {
            realm: one.realm,
            user: one.user,
            order: one.order,
            left_ms: u32::try_from(one.left.as_millis()).unwrap_or(u32::MAX),
        });
        (ended.collect(), next)
    }

    /// This process.
    pub const fn incarnation(&self) -> Incarnation {
        self.answers.incarnation()
    }
}
