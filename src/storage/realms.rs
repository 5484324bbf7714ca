//! What is done with the secrets: realms, tokens, revocations.

use std::fmt;
use std::net::SocketAddr;

use zeroize::Zeroizing;

use super::known::RealmMark;
use super::secrets::{RealmRecord, Secrets, nonzero, number};
use crate::auth::{RealmSecret, Revocation, user_id};
use crate::ident::{Epoch, Generation, Name, NameError, RealmId, Stamp, UserId};
use crate::limits::REALM_NAME_MAX;
use crate::token::Token;
use crate::wire::peer::{FactState, Mark};

/// The epoch of a realm's first secret.
const FIRST_EPOCH: Epoch = Epoch(1);
/// Characters of an invented name: none that is taken for another when it is read out or copied by hand.
const NAME_ALPHABET: &[u8; 31] = b"23456789abcdefghjkmnpqrstuvwxyz";

impl Secrets {
    /// A name for a first realm that nobody named: four characters, such as `7q2m`.
    pub fn invent_realm_name(mut random: impl FnMut(&mut [u8])) -> Name {
        let mut bytes = [0; 4];
        random(&mut bytes);
        let letter = |byte: u8| char::from(NAME_ALPHABET[usize::from(byte) % NAME_ALPHABET.len()]);
        Name::new(&String::from_iter(bytes.map(letter))).expect("four letters or digits are a name")
    }

    /// The realm that is meant: the named one, or without a name the only one. Of two with one name it is the one that was
    /// made first; the other is named with its id behind the name (R-PEE-29).
    pub fn realm(&self, name: Option<&str>) -> Result<&RealmRecord, SecretsError> {
        let Some(name) = name else {
            let mut realms = self.current_realms();
            return match (realms.next(), realms.next()) {
                (Some(only), None) => Ok(only),
                (None, _) => Err(SecretsError::NoRealm),
                _ => Err(SecretsError::SeveralRealms { known: self.realm_names() }),
            };
        };
        let named = self.current_realms().filter(|realm| realm.name.as_str() == name);
        let first = named.min_by_key(|realm| (realm.mark.stamp, realm.mark.by, realm.id));
        let by_id = || self.current_realms().find(|realm| format!("{}-{}", realm.name, realm.id) == name);
        let unknown = || SecretsError::UnknownRealm { name: name.into(), known: self.realm_names() };
        first.or_else(by_id).ok_or_else(unknown)
    }

    /// The realm that is meant where nothing is said, if there is any.
    pub fn default_realm(&self) -> Option<&RealmRecord> {
        let id = self.realms.iter().find(|realm| realm.default).or_else(|| self.realms.first())?.id;
        self.current_realms().find(|realm| realm.id == id)
    }

    /// The realms, each with its last secret.
    fn current_realms(&self) -> impl Iterator<Item = &RealmRecord> {
        let is_last = |realm: &RealmRecord| {
            !self.realms.iter().any(|other| other.id == realm.id && other.epoch > realm.epoch)
        };
        self.realms.iter().filter(move |realm| is_last(realm))
    }

    /// Makes a realm. `random` fills its argument with random bytes.
    pub fn new_realm(
        &mut self,
        random: impl FnMut(&mut [u8]),
        name: &str,
    ) -> Result<&RealmRecord, SecretsError> {
        let name = Name::with_limit(name, REALM_NAME_MAX).map_err(SecretsError::RealmName)?;
        if self.realms.iter().any(|realm| realm.name == name) {
            return Err(SecretsError::RealmTaken { name });
        }
        Ok(self.push_realm(random, name))
    }

    /// Removes a realm with its revocations: its tokens are worthless from then on.
    pub fn remove_realm(&mut self, name: &str) -> Result<RealmId, SecretsError> {
        let id = self.realm(Some(name))?.id;
        self.retain_realms(|realm| realm != id);
        self.revocations.retain(|revocation| revocation.realm != id);
        self.keep_one_default();
        Ok(id)
    }

    /// The token of a user: the same key each time, until the user is revoked. No addresses: by multicast.
    pub fn token(
        &self,
        user: &str,
        realm: Option<&str>,
        addresses: Vec<SocketAddr>,
    ) -> Result<Token, SecretsError> {
        let user_name = Name::new(user).map_err(SecretsError::UserName)?;
        let realm = self.realm(realm)?;
        let user = user_id(realm.id, user_name.as_str());
        let generation = self.generation(realm.id, user);
        Ok(Token {
            realm: realm.id,
            epoch: realm.epoch,
            generation,
            user_key: realm.secret.user_key(user, generation),
            cluster_key: self.cluster_key().public(),
            user_name,
            realm_name: realm.name.clone(),
            addresses,
        })
    }

    /// Revokes a user (R-AUT-04): all keys given to the user so far are worthless.
    pub fn revoke(&mut self, user: &str, realm: Option<&str>) -> Result<Revocation, SecretsError> {
        let name = Name::new(user).map_err(SecretsError::UserName)?;
        let realm = self.realm(realm)?.id;
        let previous = self.generation(realm, user_id(realm, name.as_str()));
        let mut keyring = self.keyring();
        let (user, current) = keyring.revoke_name(realm, &name, self.clock);
        self.revocations = keyring.revocations().collect();
        Ok(Revocation { realm, user, user_name: Some(name), current, previous })
    }

    /// Takes over the keys of the cluster that admits this HMS (PEE-33); `false` if it has them.
    ///
    /// # Errors
    /// It belongs to another cluster: it has a realm or a member, which would be lost (R-PEE-34).
    pub fn join(&mut self, secret: &[u8; 32], seed: &[u8; 32]) -> Result<bool, SecretsError> {
        if *self.cluster_secret == *secret && *self.cluster_seed == *seed {
            return Ok(false);
        }
        if !self.realms.is_empty() || !self.members.is_empty() {
            return Err(SecretsError::OtherCluster);
        }
        (*self.cluster_secret, *self.cluster_seed) = (*secret, *seed);
        Ok(true)
    }

    /// The generation that a user's keys must have.
    pub fn generation(&self, realm: RealmId, user: UserId) -> Generation {
        let revocation = self.revocations.iter().find(|one| one.realm == realm && one.user == user);
        revocation.map(|one| one.current).unwrap_or_default()
    }

    pub(super) fn push_realm(&mut self, mut random: impl FnMut(&mut [u8]), name: Name) -> &RealmRecord {
        let mut secret = Zeroizing::new([0; 32]);
        random(&mut *secret);
        let mut draw = || RealmId(nonzero(|| number(&mut random) as u32));
        let mut id = draw();
        let is_taken = |id| {
            let removed = self.removed_realms.iter().map(|realm| realm.id);
            self.realms.iter().map(|realm| realm.id).chain(removed).any(|other| other == id)
        };
        while is_taken(id) {
            id = draw();
        }
        let default = self.realms.is_empty();
        let secret = RealmSecret::new(*secret);
        let mark = self.mark_now();
        self.realms.push(RealmRecord { name, id, epoch: FIRST_EPOCH, secret, default, mark });
        self.realms.last().expect("one was pushed")
    }

    /// Replaces the realms and the marks of removed ones; which one is the default, and the order of those that stay, are
    /// kept.
    pub fn set_realms(&mut self, realms: Vec<RealmRecord>, removed: Vec<RealmMark>) {
        let place = |realm: &RealmRecord| {
            let known =
                self.realms.iter().position(|known| (known.id, known.epoch) == (realm.id, realm.epoch));
            known.unwrap_or(usize::MAX)
        };
        let default = self.realms.iter().find(|realm| realm.default).map(|realm| (realm.id, realm.epoch));
        let mut placed: Vec<_> = realms.into_iter().map(|realm| (place(&realm), realm)).collect();
        placed.sort_by_key(|(place, _)| *place);
        self.realms = placed.into_iter().map(|(_, realm)| realm).collect();
        for realm in &mut self.realms {
            realm.default = default == Some((realm.id, realm.epoch));
        }
        self.keep_one_default();
        self.removed_realms = removed;
    }

    /// Replaces the revocations.
    pub fn set_revocations(&mut self, revocations: Vec<Revocation>) {
        self.revocations = revocations;
    }

    /// Removes the realms that are not to be kept, and remembers that.
    pub(super) fn retain_realms(&mut self, keep: impl Fn(RealmId) -> bool) {
        let (clock, by) = (self.clock, self.server);
        for gone in self.realms.extract_if(.., |realm| !keep(realm.id)) {
            let stamp = Stamp(gone.mark.stamp.0.saturating_add(1).max(clock));
            let mark = Mark { stamp, state: FactState::Removed, by };
            self.removed_realms.push(RealmMark { name: gone.name, id: gone.id, epoch: gone.epoch, mark });
        }
    }

    /// If the default realm went, the oldest takes its place.
    pub(super) fn keep_one_default(&mut self) {
        if self.realms.iter().any(|realm| realm.default) {
            return;
        }
        if let Some(first) = self.realms.first_mut() {
            first.default = true;
        }
    }

    fn realm_names(&self) -> Vec<Name> {
        self.current_realms().map(|realm| realm.name.clone()).collect()
    }
}

/// Why nothing was done with the secrets; its Display says what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecretsError {
    /// There is no realm.
    NoRealm,
    /// No realm has this name.
    UnknownRealm {
        /// What was asked for.
        name: String,
        /// What there is.
        known: Vec<Name>,
    },
    /// None was named, and there are several.
    SeveralRealms {
        /// What there is.
        known: Vec<Name>,
    },
    /// A realm with this name is there already.
    RealmTaken {
        /// The name.
        name: Name,
    },
    /// This HMS belongs to another cluster.
    OtherCluster,
    /// A user cannot be called that.
    UserName(NameError),
    /// A realm cannot be called that.
    RealmName(NameError),
}

impl fmt::Display for SecretsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |known: &[Name]| known.iter().map(Name::as_str).collect::<Vec<_>>().join(", ");
        match self {
            Self::NoRealm => f.write_str("there is no realm; make one with `hms realm new NAME`"),
            Self::UnknownRealm { name, known } if known.is_empty() => {
                write!(f, "there is no realm {name}, nor any other; make one with `hms realm new NAME`")
            }
            Self::UnknownRealm { name, known } => {
                write!(f, "there is no realm {name}; there is: {}", list(known))
            }
            Self::SeveralRealms { known } => {
                write!(f, "there are several realms; name one with --realm: {}", list(known))
            }
            Self::RealmTaken { name } => {
                write!(f, "there is a realm {name} already; see `hms realm list`")
            }
            Self::OtherCluster => f.write_str(
                "this HMS belongs to another cluster, whose realms and tokens would be lost; \
                 join with another state directory, or remove this one's secrets first",
            ),
            Self::UserName(error) => write!(f, "this cannot be a user's name: {error}"),
            Self::RealmName(error) => write!(f, "this cannot be a realm's name: {error}"),
        }
    }
}

impl std::error::Error for SecretsError {}
