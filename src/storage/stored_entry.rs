//! Rows and HMSs as a host keeps them.

use std::net::SocketAddr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::text;
use crate::auth::fixed_holds;
use crate::ident::{Name, RealmId, Revision, ServerId, UserId};
use crate::time::UnixMillis;
use crate::wire::{ContentRef, Entry, EntryHead, HmsInfo, Signature};

/// A row of the directory as it was told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredEntry {
    /// Whose row.
    #[serde(with = "text")]
    pub user: UserId,
    /// Its last change.
    #[serde(with = "revision")]
    pub revision: Revision,
    /// Kept by the brake, or without an address.
    pub late: bool,
    /// Not heard by its HMS then.
    pub unconfirmed: bool,
    /// When the registration was made, Unix seconds; only shown.
    pub since: u64,
    /// The host's check time in seconds.
    pub check_time_s: u32,
    /// The HMS at which the host is; its name is in the list of HMSs.
    #[serde(with = "text")]
    pub home: ServerId,
    /// The proven address.
    pub address: Option<SocketAddr>,
    /// The content's TLVs.
    #[serde(with = "content")]
    content: Vec<u8>,
    #[serde(with = "signature")]
    signature: Option<Signature>,
}

impl StoredEntry {
    /// Keeps an entry.
    pub fn new(entry: &Entry<'_>) -> Self {
        Self {
            user: entry.head.user,
            revision: entry.head.revision,
            late: entry.head.late,
            unconfirmed: entry.head.unconfirmed,
            since: entry.head.since,
            check_time_s: entry.head.check_time_s,
            home: entry.head.home,
            address: entry.address,
            content: entry.content.as_bytes().to_vec(),
            signature: entry.signature,
        }
    }

    /// The same as it came in.
    pub const fn entry(&self) -> Entry<'_> {
        Entry {
            head: EntryHead {
                user: self.user,
                revision: self.revision,
                late: self.late,
                unconfirmed: self.unconfirmed,
                since: self.since,
                check_time_s: self.check_time_s,
                home: self.home,
            },
            content: self.content(),
            address: self.address,
            signature: self.signature,
        }
    }

    /// What the host says of itself.
    pub const fn content(&self) -> ContentRef<'_> {
        ContentRef::trusted(self.content.as_slice())
    }

    /// Whether the cluster with this key signed the entry: only then may it be used without an HMS (R-AUT-40).
    pub fn signature_holds(&self, cluster_key: &[u8; 32], realm: RealmId) -> bool {
        let (Some(signature), Some(address)) = (&self.signature, self.address) else {
            return false;
        };
        let (issued, bytes) = (signature.issued, &signature.bytes);
        fixed_holds(cluster_key, realm, self.user, issued, address, &self.content, bytes)
    }
}

mod revision {
    use super::{Deserialize, Deserializer, Revision, Serializer};

    pub(super) fn serialize<S: Serializer>(revision: &Revision, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_u32(revision.0)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Revision, D::Error> {
        u32::deserialize(from).map(Revision)
    }
}

/// Content bytes, which are checked on reading: everybody behind relies on it.
mod content {
    use super::{ContentRef, Deserializer, Serializer, text};
    use serde::de::Error as _;

    pub(super) fn serialize<S: Serializer>(content: &Vec<u8>, to: S) -> Result<S::Ok, S::Error> {
        text::serialize(content, to)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<u8>, D::Error> {
        let bytes: Vec<u8> = text::deserialize(from)?;
        match ContentRef::parse(&bytes, 0) {
            Ok(_) => Ok(bytes),
            Err(error) => Err(D::Error::custom(format_args!("content: {error}"))),
        }
    }
}

/// An optional signature in JSON.
mod signature {
    use super::{Deserialize, Deserializer, Serialize, Serializer, Signature, text};

    #[derive(Serialize, Deserialize)]
    struct Stored {
        issued: u64,
        #[serde(with = "text")]
        ed25519: [u8; 64],
    }

    pub(super) fn serialize<S: Serializer>(signature: &Option<Signature>, to: S) -> Result<S::Ok, S::Error> {
        signature.map(|one| Stored { issued: one.issued, ed25519: one.bytes }).serialize(to)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Signature>, D::Error> {
        let stored = Option::<Stored>::deserialize(from)?;
        Ok(stored.map(|one| Signature { issued: one.issued, bytes: one.ed25519 }))
    }
}

/// An optional time of the wall clock: milliseconds since the Unix epoch.
pub(super) mod wall {
    use super::{Deserialize, Deserializer, Serialize, Serializer, UnixMillis};

    pub(in crate::storage) fn serialize<S: Serializer>(
        time: &Option<UnixMillis>,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        time.map(|time| time.0).serialize(to)
    }

    pub(in crate::storage) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Option<UnixMillis>, D::Error> {
        Ok(Option::<u64>::deserialize(from)?.map(UnixMillis))
    }
}

/// HMSs in JSON.
pub(super) mod hms_list {
    use super::{
        Deserialize, Deserializer, HmsInfo, Name, Serialize, Serializer, ServerId, SocketAddr, text,
    };

    #[derive(Serialize, Deserialize)]
    struct Stored {
        #[serde(with = "text")]
        server: ServerId,
        #[serde(with = "text")]
        name: Name,
        primary: bool,
        sender: bool,
        addresses: Vec<SocketAddr>,
    }

    pub(in crate::storage) fn serialize<S: Serializer>(all: &[HmsInfo], to: S) -> Result<S::Ok, S::Error> {
        to.collect_seq(all.iter().cloned().map(|hms| Stored {
            server: hms.server,
            name: hms.name,
            primary: hms.primary,
            sender: hms.sender,
            addresses: hms.addresses,
        }))
    }

    pub(in crate::storage) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Vec<HmsInfo>, D::Error> {
        let hms = |one: Stored| HmsInfo {
            server: one.server,
            name: one.name,
            primary: one.primary,
            sender: one.sender,
            addresses: one.addresses,
        };
        Ok(Vec::<Stored>::deserialize(from)?.into_iter().map(hms).collect())
    }
}
