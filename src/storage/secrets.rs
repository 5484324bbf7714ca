//! The secrets of an HMS: who it is, its cluster's key, its realms, its revocations.

use ring::digest;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::error::{Document, Place, StorageError};
use super::text;
use crate::auth::{ClusterKey, Keyring, RealmSecret, Revocation};
use crate::ident::{Epoch, Generation, Incarnation, Name, RealmId, ServerId, UserId};
use crate::limits::REALM_NAME_MAX;

/// The format that this version reads and writes.
const FORMAT: u64 = 1;

/// What an HMS must not forget. Losing it makes every join token worthless; showing it gives every host away.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Secrets {
    #[serde(rename = "hms_secrets")]
    format: u64,
    /// This HMS.
    #[serde(with = "text")]
    pub server: ServerId,
    /// Its last process, so that the next is another one.
    #[serde(with = "text")]
    pub last_incarnation: Incarnation,
    /// The highest stamp clock that was in use when this was stored (R-REG-02); generations are made above it.
    pub clock: u64,
    /// The cluster's Ed25519 key comes from it.
    #[serde(with = "text")]
    pub cluster_seed: Zeroizing<[u8; 32]>,
    /// The realms, in the order in which they were made.
    pub realms: Vec<RealmRecord>,
    #[serde(with = "revocations")]
    pub(super) revocations: Vec<Revocation>,
    /// Of everything above, in the file only: a damaged secret would pass for a good one that fits no token.
    #[serde(with = "text")]
    checksum: [u8; 8],
}

/// A realm with its secret.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RealmRecord {
    /// What people call it.
    #[serde(with = "text")]
    pub name: Name,
    /// What datagrams call it.
    #[serde(with = "text")]
    pub id: RealmId,
    /// Which secret of the realm this is.
    #[serde(with = "epoch")]
    pub epoch: Epoch,
    /// The secret.
    #[serde(with = "text")]
    pub secret: RealmSecret,
    /// It is meant where no realm is named.
    pub default: bool,
}

impl Secrets {
    /// The secrets of a new HMS with one realm. `random` fills its argument with random bytes.
    pub fn create(mut random: impl FnMut(&mut [u8]), realm: Name) -> Self {
        let mut seed = Zeroizing::new([0; 32]);
        random(&mut *seed);
        let mut secrets = Self {
            format: FORMAT,
            server: ServerId(nonzero(|| number(&mut random))),
            last_incarnation: Incarnation(0),
            clock: 0,
            cluster_seed: seed,
            realms: Vec::new(),
            revocations: Vec::new(),
            checksum: [0; 8],
        };
        secrets.push_realm(random, realm);
        secrets
    }

    /// Reads what [`Self::to_bytes`] wrote.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, StorageError> {
        let head: Head = parse(bytes)?;
        if head.format != FORMAT {
            let place = Place::Field("hms_secrets".into());
            return Err(StorageError::format(Document::Secrets, place, head.format, FORMAT));
        }
        let secrets: Self = parse(bytes)?;
        secrets.check()?;
        if secrets.checksum == secrets.sum() {
            Ok(secrets)
        } else {
            let problem = "the values do not fit the checksum: the file is damaged or was edited";
            Err(StorageError::new(Document::Secrets, Place::Field("checksum".into()), problem))
        }
    }

    /// The secrets as JSON text, wiped when dropped.
    pub fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
        // Nothing in these types can fail to become JSON: all keys are strings, no number is a float.
        let stored = Self { checksum: self.sum(), ..self.clone() };
        let mut bytes = Zeroizing::new(serde_json::to_vec_pretty(&stored).unwrap_or_default());
        bytes.push(b'\n');
        bytes
    }

    /// A checksum over the values, however the text is laid out.
    fn sum(&self) -> [u8; 8] {
        let bare = Self { checksum: [0; 8], ..self.clone() };
        let text = Zeroizing::new(serde_json::to_vec(&bare).unwrap_or_default());
        let mut sum = [0; 8];
        sum.copy_from_slice(digest::digest(&digest::SHA256, &text).as_ref().split_at(8).0);
        sum
    }

    /// Names a new process. Random, not counted: where the disk cannot be written, the next process must still
    /// have another one, or hosts would take its revisions for those of the last.
    pub fn next_incarnation(&mut self, mut random: impl FnMut(&mut [u8])) -> Incarnation {
        let last = self.last_incarnation;
        let mut draw = || Incarnation(nonzero(|| number(&mut random) as u32));
        let mut next = draw();
        while next == last {
            next = draw();
        }
        self.last_incarnation = next;
        next
    }

    /// All keys that follow from the secrets.
    pub fn keyring(&self) -> Keyring {
        let mut keyring = Keyring::default();
        for realm in &self.realms {
            keyring.new_realm(realm.id, realm.name.clone(), realm.epoch, realm.secret.clone());
        }
        self.revocations.iter().cloned().for_each(|revocation| keyring.restore(revocation));
        keyring
    }

    /// The cluster's key pair.
    pub fn cluster_key(&self) -> ClusterKey {
        ClusterKey::from_seed(&self.cluster_seed)
    }

    /// Takes over what a running HMS changed: realms made and removed, users revoked, the clock.
    pub fn take(&mut self, keyring: &Keyring, clock: u64) {
        self.realms.retain(|realm| keyring.serves(realm.id));
        for realm in keyring.realms() {
            if !self.realms.iter().any(|known| known.id == realm.id) {
                self.realms.push(RealmRecord {
                    name: realm.name.clone(),
                    id: realm.id,
                    epoch: realm.epoch,
                    secret: realm.secret.clone(),
                    default: false,
                });
            }
        }
        self.keep_one_default();
        self.revocations = keyring.revocations().collect();
        self.clock = self.clock.max(clock);
    }

    /// The revocations, by realm and user.
    pub fn revocations(&self) -> &[Revocation] {
        &self.revocations
    }

    /// What the types do not say.
    fn check(&self) -> Result<(), StorageError> {
        let wrong = |at: usize, field: &str, problem: &str| {
            let place = Place::Field(format!("realms[{at}].{field}"));
            Err(StorageError::new(Document::Secrets, place, problem))
        };
        for (at, realm) in self.realms.iter().enumerate() {
            let mut before = self.realms.iter().take(at);
            if realm.name.as_str().len() > REALM_NAME_MAX {
                return wrong(at, "name", "a realm name has at most 32 bytes");
            }
            if before.clone().any(|other| other.name == realm.name) {
                return wrong(at, "name", "two realms have this name");
            }
            if before.clone().any(|other| other.id == realm.id) {
                return wrong(at, "id", "two realms have this id");
            }
            if realm.default && before.any(|other| other.default) {
                return wrong(at, "default", "two realms are the default");
            }
        }
        Ok(())
    }
}

/// The part that is the same in every format.
#[derive(Deserialize)]
struct Head {
    #[serde(rename = "hms_secrets")]
    format: u64,
}

fn parse<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Result<T, StorageError> {
    serde_json::from_slice(bytes).map_err(|error| StorageError::json(Document::Secrets, &error))
}

pub(super) fn number(random: &mut impl FnMut(&mut [u8])) -> u64 {
    let mut bytes = [0; 8];
    random(&mut bytes);
    u64::from_be_bytes(bytes)
}

/// Draws until the number is not 0, which means *none* in many places.
pub(super) fn nonzero<T: Default + PartialEq>(draw: impl FnMut() -> T) -> T {
    std::iter::repeat_with(draw).find(|number| *number != T::default()).unwrap_or_default()
}

mod epoch {
    use super::{Deserialize, Epoch};
    use serde::{Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(epoch: &Epoch, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u8(epoch.0)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Epoch, D::Error> {
        u8::deserialize(deserializer).map(Epoch)
    }
}

/// [`Revocation`] in JSON.
mod revocations {
    use super::{Deserialize, Generation, Name, RealmId, Revocation, Serialize, UserId, text};
    use serde::{Deserializer, Serializer};

    #[derive(Serialize, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Stored {
        #[serde(with = "text")]
        realm: RealmId,
        #[serde(with = "text")]
        user: UserId,
        #[serde(with = "text::optional")]
        user_name: Option<Name>,
        #[serde(with = "text")]
        generation: Generation,
        #[serde(with = "text")]
        previous: Generation,
    }

    pub(super) fn serialize<S: Serializer>(all: &[Revocation], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(all.iter().cloned().map(|one| Stored {
            realm: one.realm,
            user: one.user,
            user_name: one.user_name,
            generation: one.current,
            previous: one.previous,
        }))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<Revocation>, D::Error> {
        let all = Vec::<Stored>::deserialize(from)?;
        let revocation = |one: Stored| Revocation {
            realm: one.realm,
            user: one.user,
            user_name: one.user_name,
            current: one.generation,
            previous: one.previous,
        };
        Ok(all.into_iter().map(revocation).collect())
    }
}
