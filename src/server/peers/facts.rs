//! Facts are the truth about realms and users; keys and rows follow them, at once (R-PEE-28).

use std::collections::BTreeSet;

use super::super::{Event, Server};
use crate::auth::{Keyring, RealmSecret, Revocation};
use crate::cluster::{FactKey, Facts};
use crate::ident::{Name, RealmId, UserId};
use crate::planted::{Bug, planted};
use crate::registry::{Reason, RowId};
use crate::storage::Secrets;
use crate::time::Instant;
use crate::wire::peer::GenerationFact;

/// All keys that follow from the facts.
pub(in crate::server) fn keyring_of(facts: &Facts) -> Keyring {
    let mut keyring = Keyring::default();
    for (realm, name) in facts.realm_names() {
        keep_realm(&mut keyring, facts, realm, Some(&name));
        facts.generations_of(realm).filter_map(revocation).for_each(|one| keyring.restore(one));
    }
    keyring
}

/// Has the keyring serve a realm as the facts say, under the name that people see.
fn keep_realm(keyring: &mut Keyring, facts: &Facts, realm: RealmId, name: Option<&String>) {
    let Some(name) = name.and_then(|name| Name::new(name).ok()) else {
        keyring.remove_realm(realm);
        return;
    };
    let secrets = facts.secrets_of(realm).map(|one| (one.epoch, RealmSecret::new(*one.secret)));
    keyring.set_realm(realm, name, secrets);
}

fn revocation(fact: GenerationFact<'_>) -> Option<Revocation> {
    let user_name = fact.name.map(Name::new).transpose().ok()?;
    let (realm, user) = (fact.realm, fact.user);
    Some(Revocation { realm, user, user_name, current: fact.generation, previous: fact.previous })
}

impl Server {
    /// New facts are in force: keys, realms and rows follow.
    pub(super) fn learn(&mut self, now: Instant, keys: &[FactKey]) {
        let realms = keys.iter().filter_map(|key| match key {
            FactKey::Realm(realm, _) => Some(*realm),
            _ => None,
        });
        let realms: BTreeSet<_> = realms.collect();
        if !realms.is_empty() {
            self.learn_realms(now, &realms);
        }
        for key in keys {
            if let FactKey::Generation(realm, user) = *key {
                self.learn_generation(now, realm, user);
            }
        }
    }

    fn learn_realms(&mut self, now: Instant, changed: &BTreeSet<RealmId>) {
        let names = self.peers.cluster.facts().realm_names();
        for realm in changed {
            let is_there = self.peers.cluster.facts().secrets_of(*realm).next().is_some();
            match (self.keyring.serves(*realm), is_there) {
                (true, false) => self.drop_realm(now, *realm),
                (false, true) => self.serve_realm(now, *realm, names.get(realm)),
                _ => {}
            }
        }
        // Another secret, and another name: two realms may want one.
        let facts = self.peers.cluster.facts();
        for (realm, name) in &names {
            let known = self.keyring.realm(*realm).is_some_and(|known| known.name.as_str() == name);
            if !known || changed.contains(realm) {
                keep_realm(&mut self.keyring, facts, *realm, Some(name));
            }
        }
        self.keyring.realms().for_each(|realm| self.registry.set_epoch(realm.id, realm.epoch));
        self.apply_realm_limits();
    }

    fn serve_realm(&mut self, now: Instant, realm: RealmId, name: Option<&String>) {
        keep_realm(&mut self.keyring, self.peers.cluster.facts(), realm, name);
        self.registry.add_realm(realm);
        self.default_realm.get_or_insert(realm);
        // What is known of its users from before.
        let users: Vec<_> =
            self.peers.cluster.facts().generations_of(realm).map(|known| known.user).collect();
        users.into_iter().for_each(|user| self.learn_generation(now, realm, user));
    }

    /// A realm goes with its rows, keys and revocations; its hosts get silence from then on (R-AUT-06).
    fn drop_realm(&mut self, now: Instant, realm: RealmId) {
        // A realm without rows costs no walk over those of all others.
        let has_rows = self.registry.counts(realm).known > 0;
        let ids: Vec<RowId> = self
            .row_ids()
            .take_while(|_| has_rows)
            .filter(|id| self.registry.row(*id).is_some_and(|row| row.realm() == realm))
            .collect();
        ids.into_iter().for_each(|id| self.remove_row(now, id, Reason::Leave, "leave"));
        self.registry.remove_realm(now, realm);
        self.keyring.remove_realm(realm);
        if self.default_realm == Some(realm) {
            self.default_realm = self.keyring.realms().next().map(|realm| realm.id);
        }
    }

    /// Keys of a lower generation are worthless, and the row that was made with one goes (R-AUT-04).
    fn learn_generation(&mut self, now: Instant, realm: RealmId, user: UserId) {
        let known = self.peers.cluster.facts().get(FactKey::Generation(realm, user));
        let Some(crate::wire::peer::Fact::Generation(fact)) = known else { return };
        if !self.keyring.serves(realm) {
            return;
        }
        let current = fact.generation;
        if let Some(revocation) = revocation(fact) {
            self.keyring.restore(revocation);
        }
        let row = self.registry.by_user(realm, user).filter(|_| !planted(Bug::RevokedRowStays));
        let below = |id: &RowId| self.registry.row(*id).is_some_and(|row| row.order().generation < current);
        if let Some(row) = row.filter(below) {
            self.remove_row(now, row, Reason::Revoked, "leave");
        }
    }

    /// The facts that are in force.
    pub const fn facts(&self) -> &Facts {
        self.peers.cluster.facts()
    }

    /// Has the secrets keep what is not to be forgotten: facts, invitations and the stamp clock. To be done after
    /// [`Event::PersistSecrets`]; when they are on disk, or cannot be, [`persisted`](Self::persisted) is called.
    pub fn store(&self, now: Instant, secrets: &mut Secrets) {
        secrets.clock = secrets.clock.max(self.stamp_clock(now));
        self.facts().store(secrets);
        secrets.invitations = self.peers.cluster.invitations().iter().cloned().collect();
    }

    /// What [`store`](Self::store) gave is on disk, or why not; nothing else was told the server in between. What could
    /// not be stored is in force all the same and shown by `hms status`; other HMSs hear of it (R-PEE-26).
    pub fn persisted(&mut self, now: Instant, result: Result<(), String>) {
        self.peers.cluster.stored(now, result.is_ok());
        self.unstored = result.err();
        self.attend(now);
    }

    /// A revocation that was not stored, for the simulator to find.
    pub(in crate::server) fn forget_to_persist(&mut self) {
        self.events.retain(|event| *event != Event::PersistSecrets);
    }
}
