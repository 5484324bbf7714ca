//! What a host keeps over restarts (¶53, ¶56, ¶57; R-DIR-12).

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::error::{Document, Place, StorageError};
use super::stored_entry::{self, StoredEntry, hms_list};
use super::text;
use crate::ident::{InstanceId, ServerId, Stamp};
use crate::time::UnixMillis;
use crate::token::Token;
use crate::wire::{Content, HmsInfo, View};

/// The format that this version reads and writes.
const FORMAT: u64 = 1;

/// What a host keeps. It holds the user's key, in the token. Times are of the wall clock and only shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostStore {
    #[serde(rename = "hms_host")]
    format: u64,
    /// The join token.
    #[serde(with = "text")]
    pub token: Token,
    /// This installation of the host program.
    #[serde(with = "text")]
    pub instance: InstanceId,
    /// The stamp of the last registration (R-REG-16).
    #[serde(with = "text")]
    pub last_stamp: Stamp,
    /// When another machine took the user over, if one did: no registration until `hms join` (R-REG-21).
    #[serde(with = "stored_entry::wall")]
    pub superseded: Option<UnixMillis>,
    /// What the host says of itself.
    #[serde(with = "text")]
    pub content: Content,
    /// The part of the directory that it follows.
    #[serde(with = "text")]
    pub view: View,
    /// Whether changes are pushed to it.
    pub push: bool,
    /// The check time that it was told, in milliseconds.
    pub check_time_ms: Option<u32>,
    /// The cluster's public key: the token's, or a later one (R-AUT-40).
    #[serde(with = "text")]
    pub cluster_key: [u8; 32],
    /// All HMSs that it was told of.
    #[serde(with = "hms_list")]
    pub hms: Vec<HmsInfo>,
    /// The HMS that answered last.
    #[serde(with = "text::optional")]
    pub last_hms: Option<ServerId>,
    /// When it answered.
    #[serde(with = "stored_entry::wall")]
    pub last_answer: Option<UnixMillis>,
    /// The last list.
    pub list: Vec<StoredEntry>,
    /// The last signed entries of hosts with a fixed address.
    pub fixed: Vec<StoredEntry>,
}

/// The part that is the same in every format.
#[derive(Deserialize)]
struct Head {
    #[serde(rename = "hms_host")]
    format: u64,
}

impl HostStore {
    /// What a host keeps that was never registered: it follows the whole realm, with push.
    pub const fn new(token: Token, instance: InstanceId, content: Content) -> Self {
        Self {
            format: FORMAT,
            cluster_key: token.cluster_key,
            token,
            instance,
            last_stamp: Stamp(0),
            superseded: None,
            content,
            view: View::Realm,
            push: true,
            check_time_ms: None,
            hms: Vec::new(),
            last_hms: None,
            last_answer: None,
            list: Vec::new(),
            fixed: Vec::new(),
        }
    }

    /// Reads what [`Self::to_bytes`] wrote. Fixed entries whose signature does not hold are dropped (R-AUT-40).
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, StorageError> {
        let head: Head = parse(bytes)?;
        if head.format != FORMAT {
            let place = Place::Field("hms_host".into());
            return Err(StorageError::format(Document::HostStore, place, head.format, FORMAT));
        }
        let mut store: Self = parse(bytes)?;
        let (key, realm) = (store.cluster_key, store.token.realm);
        store.fixed.retain(|entry| entry.signature_holds(&key, realm));
        Ok(store)
    }

    /// The store as JSON text, wiped when dropped.
    pub fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
        // Nothing in these types can fail to become JSON: all keys are strings, no number is a float.
        let mut bytes = Zeroizing::new(serde_json::to_vec_pretty(self).unwrap_or_default());
        bytes.push(b'\n');
        bytes
    }

    /// Takes a token that was issued anew for the same user. Under another generation no stamp is known: the one before
    /// may have been used up by whoever held the old key.
    pub fn adopt_token(&mut self, token: Token) {
        if self.token == token {
            return;
        }
        self.adopt_cluster_key(token.cluster_key);
        if self.token.generation != token.generation {
            self.last_stamp = Stamp(0);
        }
        self.token = token;
    }

    /// Takes the cluster's key from an authenticated answer; under another key the fixed entries go (R-AUT-40).
    pub fn adopt_cluster_key(&mut self, key: [u8; 32]) {
        if self.cluster_key != key {
            self.cluster_key = key;
            self.fixed.clear();
        }
    }
}

fn parse<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Result<T, StorageError> {
    serde_json::from_slice(bytes).map_err(|error| StorageError::json(Document::HostStore, &error))
}
