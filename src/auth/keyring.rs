//! The realms of an HMS, their secrets, and the generations of revoked users.

use std::collections::BTreeMap;
use std::fmt;

use super::keys::{RealmSecret, UserKey, user_id};
use crate::ident::{Epoch, Generation, Name, RealmId, UserId};

/// All keys that an HMS can derive: from a realm's secret, for any user, without a list of users (R-AUT-02).
#[derive(Clone, Debug, Default)]
pub struct Keyring {
    realms: BTreeMap<RealmId, Realm>,
    revoked: BTreeMap<(RealmId, UserId), Revoked>,
}

#[derive(Clone, Debug)]
struct Realm {
    name: Name,
    epoch: Epoch,
    secrets: BTreeMap<Epoch, RealmSecret>,
}

#[derive(Clone, Debug)]
struct Revoked {
    user_name: Option<Name>,
    current: Generation,
    previous: Generation,
}

/// A realm as the keyring knows it.
#[derive(Clone, Copy, Debug)]
pub struct RealmInfo<'a> {
    /// Its id.
    pub id: RealmId,
    /// Its name.
    pub name: &'a Name,
    /// The epoch of new tokens.
    pub epoch: Epoch,
    /// The secret of that epoch.
    pub secret: &'a RealmSecret,
}

/// That a user was revoked, to be stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Revocation {
    /// The realm.
    pub realm: RealmId,
    /// The user.
    pub user: UserId,
    /// The user's name, if whoever revoked gave it; only shown.
    pub user_name: Option<Name>,
    /// The generation that keys must have now.
    pub current: Generation,
    /// The one before it, under which REJECT (revoked) is signed (R-AUT-05).
    pub previous: Generation,
}

/// Why there is no key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyError {
    /// The realm is not served here: silence (R-AUT-06).
    UnknownRealm,
    /// The realm is served, and not in this epoch.
    UnknownEpoch,
}

impl fmt::Display for KeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::UnknownRealm => "the realm is not served here",
            Self::UnknownEpoch => "the realm has no secret for this key epoch",
        })
    }
}

impl std::error::Error for KeyError {}

impl Keyring {
    /// Adds a realm. One that is there gets the name and one more secret, which becomes the current one.
    pub fn new_realm(&mut self, id: RealmId, name: Name, epoch: Epoch, secret: RealmSecret) {
        let realm = self.realms.entry(id).or_insert_with(|| Realm {
            name: name.clone(),
            epoch,
            secrets: BTreeMap::new(),
        });
        (realm.name, realm.epoch) = (name, epoch);
        realm.secrets.insert(epoch, secret);
    }

    /// Has exactly these secrets of a realm, the last of which is that of new tokens, and this name; without any the realm
    /// is forgotten.
    pub fn set_realm(
        &mut self,
        id: RealmId,
        name: Name,
        secrets: impl IntoIterator<Item = (Epoch, RealmSecret)>,
    ) {
        let secrets: BTreeMap<_, _> = secrets.into_iter().collect();
        match secrets.last_key_value().map(|(epoch, _)| *epoch) {
            Some(epoch) => {
                self.realms.insert(id, Realm { name, epoch, secrets });
            }
            None => {
                self.remove_realm(id);
            }
        }
    }

    /// Forgets a realm, its secrets and its revocations; `false` if there was none.
    pub fn remove_realm(&mut self, id: RealmId) -> bool {
        // Only its own: who tells of realms all the time is not to have all revocations walked.
        let own = (id, UserId::default())..=(id, UserId::MAX);
        let own: Vec<_> = self.revoked.range(own).map(|(key, _)| *key).collect();
        own.iter().for_each(|key| drop(self.revoked.remove(key)));
        self.realms.remove(&id).is_some()
    }

    /// All realms, in ascending order of their ids.
    pub fn realms(&self) -> impl Iterator<Item = RealmInfo<'_>> {
        self.realms.iter().filter_map(|(id, realm)| realm.info(*id))
    }

    /// One realm.
    pub fn realm(&self, id: RealmId) -> Option<RealmInfo<'_>> {
        self.realms.get(&id).and_then(|realm| realm.info(id))
    }

    /// The realm with this name.
    pub fn realm_by_name(&self, name: &str) -> Option<RealmInfo<'_>> {
        self.realms().find(|realm| realm.name.as_str() == name)
    }

    /// Whether the realm is served here.
    pub fn serves(&self, realm: RealmId) -> bool {
        self.realms.contains_key(&realm)
    }

    /// The key of a user in the current generation.
    pub fn user_key(&self, realm: RealmId, epoch: Epoch, user: UserId) -> Result<UserKey, KeyError> {
        let secret = self.secret(realm, epoch)?;
        Ok(secret.user_key(user, self.generation(realm, user)))
    }

    /// The key that the user had before the last revocation, if there was one (R-AUT-05).
    pub fn previous_user_key(&self, realm: RealmId, epoch: Epoch, user: UserId) -> Option<UserKey> {
        let revoked = self.revoked.get(&(realm, user))?;
        let secret = self.secret(realm, epoch).ok()?;
        Some(secret.user_key(user, revoked.previous))
    }

    /// The generation that a user's keys must have; 0 until the user is revoked.
    pub fn generation(&self, realm: RealmId, user: UserId) -> Generation {
        self.revoked.get(&(realm, user)).map(|revoked| revoked.current).unwrap_or_default()
    }

    /// Makes all keys of a user worthless, from now on and whatever the clock says (R-AUT-04).
    pub fn revoke(&mut self, realm: RealmId, user: UserId, clock: u64) -> Generation {
        let previous = self.generation(realm, user);
        let current = Generation(previous.0.saturating_add(1).max(clock));
        let revoked =
            self.revoked.entry((realm, user)).or_insert(Revoked { user_name: None, current, previous });
        (revoked.current, revoked.previous) = (current, previous);
        current
    }

    /// The same for a user of whom the name is known, which is kept for display.
    pub fn revoke_name(&mut self, realm: RealmId, name: &Name, clock: u64) -> (UserId, Generation) {
        let user = user_id(realm, name.as_str());
        let generation = self.revoke(realm, user, clock);
        if let Some(revoked) = self.revoked.get_mut(&(realm, user)) {
            revoked.user_name = Some(name.clone());
        }
        (user, generation)
    }

    /// The name of a user who was revoked by name.
    pub fn revoked_name(&self, realm: RealmId, user: UserId) -> Option<&Name> {
        self.revoked.get(&(realm, user))?.user_name.as_ref()
    }

    /// All revocations, by realm and user.
    pub fn revocations(&self) -> impl Iterator<Item = Revocation> {
        self.revoked.iter().map(|(&(realm, user), revoked)| Revocation {
            realm,
            user,
            user_name: revoked.user_name.clone(),
            current: revoked.current,
            previous: revoked.previous,
        })
    }

    /// Takes a revocation from where it was stored; one with a lower generation than known changes nothing.
    pub fn restore(&mut self, revocation: Revocation) {
        if revocation.current <= self.generation(revocation.realm, revocation.user) {
            return;
        }
        let Revocation { realm, user, user_name, current, previous } = revocation;
        self.revoked.insert((realm, user), Revoked { user_name, current, previous });
    }

    fn secret(&self, realm: RealmId, epoch: Epoch) -> Result<&RealmSecret, KeyError> {
        let realm = self.realms.get(&realm).ok_or(KeyError::UnknownRealm)?;
        realm.secrets.get(&epoch).ok_or(KeyError::UnknownEpoch)
    }
}

impl Realm {
    fn info(&self, id: RealmId) -> Option<RealmInfo<'_>> {
        let secret = self.secrets.get(&self.epoch)?;
        Some(RealmInfo { id, name: &self.name, epoch: self.epoch, secret })
    }
}
