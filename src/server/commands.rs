//! Commands of the admin that change something.

use rand_core::Rng as _;
use zeroize::Zeroizing;

use super::Server;
use super::event::Level;
use super::settings::ServerSettings;
use super::view::{CommandError, RealmRow, RevokeView};
use crate::auth::{Keyring, user_id};
use crate::ident::{Epoch, Incarnation, Name, RealmId};
use crate::limits::REALM_NAME_MAX;
use crate::planted::{Bug, planted};
use crate::registry::RowId;
use crate::storage::{SnapshotEnded, SnapshotHeader, SnapshotRow};
use crate::time::{Duration, Instant};

/// The epoch of a realm's first secret.
const FIRST_EPOCH: Epoch = Epoch(1);

impl Server {
    /// Takes new settings in force at once; no host is lost by it. A check time that shrinks counts for a host only
    /// when every host that is reachable must have heard of it. In a cluster the times are the primary's (R-PEE-03).
    pub fn reload(&mut self, now: Instant, settings: ServerSettings) {
        self.peers.configure(now, &settings);
        let settings = self.peers.in_force(settings);
        self.take_settings(now, settings);
        self.log(Level::Info, "settings reloaded");
        self.tell_addresses(now);
    }

    /// These settings hold from now on.
    pub(super) fn take_settings(&mut self, now: Instant, settings: ServerSettings) {
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
        let id = user_id(realm, name.as_str());
        let removed = self.registry.by_user(realm, id).is_some();
        self.decide(now, |facts, how| facts.revoke(how, realm, id, &name))?;
        if planted(Bug::RevocationNotStored) {
            self.forget_to_persist();
        }
        Ok(RevokeView { user: name.to_string(), realm: self.realm_row(realm).name, removed })
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
    pub fn realm_new(&mut self, now: Instant, name: &str) -> Result<RealmRow, CommandError> {
        let name = Name::with_limit(name, REALM_NAME_MAX)
            .map_err(|e| CommandError::new(2, format!("{name}: {e}")))?;
        if self.keyring.realm_by_name(name.as_str()).is_some() {
            return Err(CommandError::new(1, format!("realm {name} exists already")));
        }
        let mut secret = Zeroizing::new([0; 32]);
        self.rng.fill_bytes(&mut *secret);
        let id = std::iter::repeat_with(|| RealmId(self.rng.next_u32()))
            .find(|id| id.0 != 0 && !self.peers.cluster.facts().knows_realm(*id))
            .unwrap_or_default();
        self.decide(now, |facts, how| facts.enter_realm(how, (id, FIRST_EPOCH), &secret, &name))?;
        Ok(self.realm_row(id))
    }

    /// Removes a realm with its rows, keys and revocations; its hosts get silence from then on (R-AUT-06).
    pub fn realm_remove(&mut self, now: Instant, name: &str) -> Result<RealmRow, CommandError> {
        let realm = self.realm_named(name)?;
        let row = self.realm_row(realm);
        self.decide(now, |facts, how| facts.remove_realm(how, realm))?;
        Ok(row)
    }

    /// Which realm is the default, for display.
    pub fn set_default_realm(&mut self, realm: Option<RealmId>) {
        self.default_realm = realm;
    }

    /// The keys that follow from the facts.
    pub const fn keyring(&self) -> &Keyring {
        &self.keyring
    }

    /// The stamp clock, to be stored with the secrets and the snapshot.
    pub fn stamp_clock(&self, now: Instant) -> u64 {
        self.stamps(now).clock()
    }

    /// The head of a snapshot made now.
    pub fn snapshot_header(&self, now: Instant) -> SnapshotHeader {
        SnapshotHeader {
            server: self.server,
            incarnation: self.answers.incarnation(),
            stamp_clock: self.stamps(now).clock(),
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
