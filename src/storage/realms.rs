//! What is done with the secrets: realms, tokens, revocations.

use std::fmt;
use std::net::SocketAddr;

use zeroize::Zeroizing;

use super::secrets::{RealmRecord, Secrets, nonzero, number};
use crate::auth::{RealmSecret, Revocation, user_id};
use crate::ident::{Epoch, Generation, Name, NameError, RealmId, UserId};
use crate::limits::REALM_NAME_MAX;
use crate::token::Token;

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

    /// The realm that is meant: the named one, or without a name the only one.
    pub fn realm(&self, name: Option<&str>) -> Result<&RealmRecord, SecretsError> {
        match (name, self.realms.as_slice()) {
            (None, [only]) => Ok(only),
            (None, []) => Err(SecretsError::NoRealm),
            (None, _) => Err(SecretsError::SeveralRealms { known: self.realm_names() }),
            (Some(name), realms) => {
                let unknown = || SecretsError::UnknownRealm { name: name.into(), known: self.realm_names() };
                realms.iter().find(|realm| realm.name.as_str() == name).ok_or_else(unknown)
            }
        }
    }

    /// The realm that is meant where nothing is said, if there is any.
    pub fn default_realm(&self) -> Option<&RealmRecord> {
        self.realms.iter().find(|realm| realm.default).or_else(|| self.realms.first())
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
        self.realms.retain(|realm| realm.id != id);
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
        while self.realms.iter().any(|realm| realm.id == id) {
            id = draw();
        }
        let default = self.realms.is_empty();
        let secret = RealmSecret::new(*secret);
        self.realms.push(RealmRecord { name, id, epoch: FIRST_EPOCH, secret, default });
        self.realms.last().expect("one was pushed")
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
        self.realms.iter().map(|realm| realm.name.clone()).collect()
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
            Self::UserName(error) => write!(f, "this cannot be a user's name: {error}"),
            Self::RealmName(error) => write!(f, "this cannot be a realm's name: {error}"),
        }
    }
}

impl std::error::Error for SecretsError {}
