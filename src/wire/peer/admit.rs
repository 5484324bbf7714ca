//! ADMIT: what a newcomer gets for its invitation (spec 10.2).

use std::fmt;

use bytes::BufMut;

use super::code::PeerKind;
use super::tlvs::{array, whole};
use crate::wire::error::WireError;
use crate::wire::offer::reserved;

/// ADMIT: 72 bytes. Both are secrets of the whole cluster.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Admit<'a> {
    /// The cluster secret.
    pub cluster_secret: &'a [u8; 32],
    /// The seed of the Ed25519 key.
    pub key_seed: &'a [u8; 32],
}

impl<'a> Admit<'a> {
    pub(super) fn parse(body: &'a [u8]) -> Result<Self, WireError> {
        let ((), cluster_secret, key_seed) = whole(body, "ADMIT", (reserved::<7>, array, array))?;
        Ok(Self { cluster_secret, key_seed })
    }

    pub(super) fn emit(&self, buf: &mut Vec<u8>) {
        buf.put_u8(PeerKind::Admit.code());
        buf.put_bytes(0, 7);
        buf.put_slice(self.cluster_secret);
        buf.put_slice(self.key_seed);
    }
}

impl fmt::Debug for Admit<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Admit(secrets)")
    }
}
