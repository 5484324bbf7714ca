//! Format 1 of the secrets: that of an HMS that knew of no others.

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::secrets::{RealmRecord, Secrets, sum_of};
use super::{fields, text};
use crate::auth::{RealmSecret, Revocation};
use crate::ident::{Epoch, Incarnation, Name, RealmId, ServerId, Stamp};
use crate::wire::peer::{FactState, Mark};

#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Secrets1 {
    #[serde(rename = "hms_secrets")]
    format: u64,
    #[serde(with = "text")]
    server: ServerId,
    #[serde(with = "text")]
    last_incarnation: Incarnation,
    clock: u64,
    #[serde(with = "text")]
    cluster_seed: Zeroizing<[u8; 32]>,
    realms: Vec<Realm1>,
    #[serde(with = "fields::revocations")]
    revocations: Vec<Revocation>,
    #[serde(with = "text")]
    checksum: [u8; 8],
}

#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Realm1 {
    #[serde(with = "text")]
    name: Name,
    #[serde(with = "text")]
    id: RealmId,
    #[serde(with = "fields::epoch")]
    epoch: Epoch,
    #[serde(with = "text")]
    secret: RealmSecret,
    default: bool,
}

impl Secrets1 {
    pub(super) const FORMAT: u64 = 1;

    /// The checksum that stands there, and the one that it should be.
    pub(super) fn sums(&self) -> ([u8; 8], [u8; 8]) {
        (self.checksum, sum_of(&Self { checksum: [0; 8], ..self.clone() }))
    }
}

impl From<Secrets1> for Secrets {
    /// Realms get the stamp 0: whatever was decided since counts for more. The member entry of this HMS is made by
    /// whoever knows its name.
    fn from(old: Secrets1) -> Self {
        let mark = Mark { stamp: Stamp(0), state: FactState::There, by: old.server };
        let realm = |one: Realm1| RealmRecord {
            name: one.name,
            id: one.id,
            epoch: one.epoch,
            secret: one.secret,
            default: one.default,
            mark,
        };
        let mut secrets = Self::alone(old.server, old.cluster_seed);
        secrets.last_incarnation = old.last_incarnation;
        secrets.clock = old.clock;
        secrets.realms = old.realms.into_iter().map(realm).collect();
        secrets.revocations = old.revocations;
        secrets
    }
}
