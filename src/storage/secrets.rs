//! The secrets of an HMS: who it is, its cluster's keys, and what it knows of members, realms and revocations.

use ring::digest;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::check;
use super::error::{Document, Place, StorageError};
use super::fields;
use super::known::{AddressRecord, InvitationRecord, MemberRecord, RealmMark};
use super::secrets_1::Secrets1;
use super::text;
use crate::auth::{ClusterKey, Keyring, RealmSecret, Revocation, hash};
use crate::ident::{Epoch, Incarnation, Name, RealmId, ServerId, Stamp};
use crate::wire::peer::{FactState, Mark};

/// The format that this version writes. It reads format 1 too.
const FORMAT: u64 = 2;

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
    /// What the links between HMSs are made with; no host holds it (9.2).
    #[serde(with = "text")]
    pub cluster_secret: Zeroizing<[u8; 32]>,
    /// The realms, in the order in which they became known, with each of their secrets.
    pub realms: Vec<RealmRecord>,
    /// Realms that were removed.
    pub removed_realms: Vec<RealmMark>,
    #[serde(with = "fields::revocations")]
    pub(super) revocations: Vec<Revocation>,
    /// The HMSs of the cluster, and those that were removed.
    pub members: Vec<MemberRecord>,
    /// Addresses of HMSs, and those that were removed.
    pub addresses: Vec<AddressRecord>,
    /// Invitations that this HMS made.
    pub invitations: Vec<InvitationRecord>,
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
    #[serde(with = "fields::epoch")]
    pub epoch: Epoch,
    /// The secret.
    #[serde(with = "text")]
    pub secret: RealmSecret,
    /// It is meant where no realm is named.
    pub default: bool,
    /// Since when it is there; never removed.
    #[serde(with = "fields::mark")]
    pub mark: Mark,
}

impl Secrets {
    /// The secrets of a new HMS with one realm. `random` fills its argument with random bytes.
    pub fn create(mut random: impl FnMut(&mut [u8]), realm: Name) -> Self {
        let mut secrets = Self::newcomer(&mut random);
        secrets.push_realm(random, realm);
        secrets
    }

    /// The secrets of an HMS that has no realm yet: it was invited, and takes over the cluster's by [`Self::join`].
    pub fn newcomer(mut random: impl FnMut(&mut [u8])) -> Self {
        let mut seed = Zeroizing::new([0; 32]);
        random(&mut *seed);
        Self::alone(ServerId(nonzero(|| number(&mut random))), seed)
    }

    /// An HMS that knows of nothing yet.
    pub(super) fn alone(server: ServerId, cluster_seed: Zeroizing<[u8; 32]>) -> Self {
        // From the seed, not drawn: a file of format 1 that cannot be written again gives the same each time.
        let prk = hash::extract(b"hms1 first cluster secret", &*cluster_seed);
        Self {
            format: FORMAT,
            server,
            last_incarnation: Incarnation(0),
            clock: 0,
            cluster_secret: Zeroizing::new(hash::expand(&prk, &[])),
            cluster_seed,
            realms: Vec::new(),
            removed_realms: Vec::new(),
            revocations: Vec::new(),
            members: Vec::new(),
            addresses: Vec::new(),
            invitations: Vec::new(),
            checksum: [0; 8],
        }
    }

    /// Reads what [`Self::to_bytes`] wrote, of this version or one that wrote format 1.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, StorageError> {
        let head: Head = parse(bytes)?;
        let (secrets, (given, right)) = match head.format {
            FORMAT => {
                let secrets: Self = parse(bytes)?;
                let sums = (secrets.checksum, secrets.sum());
                (secrets, sums)
            }
            Secrets1::FORMAT => {
                let old: Secrets1 = parse(bytes)?;
                let sums = old.sums();
                (old.into(), sums)
            }
            other => {
                let place = Place::Field("hms_secrets".into());
                return Err(StorageError::format(Document::Secrets, place, other, FORMAT));
            }
        };
        check::secrets(&secrets)?;
        if given == right {
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

    fn sum(&self) -> [u8; 8] {
        sum_of(&Self { checksum: [0; 8], ..self.clone() })
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
        let mut realms: Vec<_> = self.realms.iter().collect();
        // Of several secrets of one realm the last is the current one.
        realms.sort_by_key(|realm| realm.epoch);
        for realm in realms {
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
        self.clock = self.clock.max(clock);
        self.retain_realms(|realm| keyring.serves(realm));
        let mark = self.mark_now();
        for realm in keyring.realms() {
            if !self.realms.iter().any(|known| known.id == realm.id) {
                // No mark stands beside it: such a file would not be read again.
                self.removed_realms.retain(|gone| gone.id != realm.id || gone.epoch != realm.epoch);
                self.realms.push(RealmRecord {
                    name: realm.name.clone(),
                    id: realm.id,
                    epoch: realm.epoch,
                    secret: realm.secret.clone(),
                    default: false,
                    mark,
                });
            }
        }
        self.keep_one_default();
        self.revocations = keyring.revocations().collect();
    }

    /// That something is there, decided here and now.
    pub(super) const fn mark_now(&self) -> Mark {
        Mark { stamp: Stamp(self.clock), state: FactState::There, by: self.server }
    }

    /// The revocations, by realm and user.
    pub fn revocations(&self) -> &[Revocation] {
        &self.revocations
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

/// A checksum over the values, however the text is laid out.
pub(super) fn sum_of(bare: &impl Serialize) -> [u8; 8] {
    // See `to_bytes`: nothing here can fail to become JSON.
    let text = Zeroizing::new(serde_json::to_vec(bare).unwrap_or_default());
    let mut sum = [0; 8];
    sum.copy_from_slice(digest::digest(&digest::SHA256, &text).as_ref().split_at(8).0);
    sum
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
