//! The cluster's Ed25519 key: it signs what outlives a session (spec 3.5).

use std::fmt;
use std::net::SocketAddr;

use ring::signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey};

use crate::ident::{RealmId, UserId};
use crate::wire::emit_address;

/// The private half of the cluster's key.
pub struct ClusterKey(Ed25519KeyPair);

impl ClusterKey {
    /// The key that this seed of 32 random bytes makes; the same seed gives the same key.
    pub fn from_seed(seed: &[u8; 32]) -> Self {
        // ring refuses seeds of another length only, which the type excludes.
        let pair = Ed25519KeyPair::from_seed_unchecked(seed).expect("32 bytes are an Ed25519 seed");
        Self(pair)
    }

    /// The public half, as tokens and REGISTERED carry it.
    pub fn public(&self) -> [u8; 32] {
        let mut public = [0; 32];
        public.copy_from_slice(self.0.public_key().as_ref());
        public
    }

    /// Signs the entry of a host with a fixed address; `issued` in Unix seconds, `content` as in the entry.
    pub fn sign_fixed(
        &self,
        realm: RealmId,
        user: UserId,
        issued: u64,
        address: SocketAddr,
        content: &[u8],
    ) -> [u8; 64] {
        let mut signature = [0; 64];
        let signed = self.0.sign(&fixed_bytes(realm, user, issued, address, content));
        signature.copy_from_slice(signed.as_ref());
        signature
    }
}

impl fmt::Debug for ClusterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ClusterKey(secret)")
    }
}

/// Whether the cluster with this public key signed the entry (R-AUT-40).
pub fn fixed_holds(
    public: &[u8; 32],
    realm: RealmId,
    user: UserId,
    issued: u64,
    address: SocketAddr,
    content: &[u8],
    signature: &[u8; 64],
) -> bool {
    let signed = fixed_bytes(realm, user, issued, address, content);
    UnparsedPublicKey::new(&ED25519, public).verify(&signed, signature).is_ok()
}

fn fixed_bytes(realm: RealmId, user: UserId, issued: u64, address: SocketAddr, content: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(64 + content.len());
    bytes.extend_from_slice(b"hms1 fixed");
    bytes.extend_from_slice(&realm.0.to_be_bytes());
    bytes.extend_from_slice(&user.0);
    bytes.extend_from_slice(&issued.to_be_bytes());
    emit_address(&mut bytes, address);
    bytes.extend_from_slice(content);
    bytes
}
