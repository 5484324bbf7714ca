//! COMPARE and BUCKETS: the digests of a home's rows (spec 10.2, 10.9).

use std::fmt;

use bytes::BufMut;

use super::code::PeerKind;
use super::tlvs::{array, incarnation_first, is_process, whole, wrong};
use crate::ident::Process;
use crate::limits::SUM_BUCKETS;
use crate::wire::error::WireError;
use crate::wire::offer::reserved;

/// COMPARE: asks for BUCKETS; 16 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Compare {
    /// Whose rows.
    pub home: Process,
}

impl Compare {
    pub(super) fn parse(body: &[u8]) -> Result<Self, WireError> {
        let ((), home) = whole(body, "COMPARE", (reserved::<3>, incarnation_first))?;
        if is_process(&home) { Ok(Self { home }) } else { Err(wrong("home")) }
    }

    pub(super) fn emit(&self, buf: &mut Vec<u8>) {
        emit_home(PeerKind::Compare, &self.home, buf);
    }
}

/// Type, three reserved bytes, incarnation, server id.
pub(super) fn emit_home(kind: PeerKind, home: &Process, buf: &mut Vec<u8>) {
    buf.put_slice(&[kind.code(), 0, 0, 0]);
    buf.put_u32(home.incarnation.0);
    buf.put_u64(home.server.0);
}

/// BUCKETS: 32 784 bytes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Buckets<'a> {
    /// Whose rows.
    pub home: Process,
    digests: &'a [u8; SUM_BUCKETS * 8],
}

impl<'a> Buckets<'a> {
    pub(super) fn parse(body: &'a [u8]) -> Result<Self, WireError> {
        let ((), home, digests) = whole(body, "BUCKETS", (reserved::<3>, incarnation_first, array))?;
        if is_process(&home) { Ok(Self { home, digests }) } else { Err(wrong("home")) }
    }

    /// The digests of all 4096 buckets, in their order (R-PEE-76).
    pub fn digests(&self) -> impl Iterator<Item = u64> + use<'a> {
        self.digests.as_chunks().0.iter().map(|digest| u64::from_be_bytes(*digest))
    }

    /// Appends a whole BUCKETS.
    pub fn write(home: Process, digests: &[u64; SUM_BUCKETS], buf: &mut Vec<u8>) {
        emit_home(PeerKind::Buckets, &home, buf);
        digests.iter().for_each(|digest| buf.put_u64(*digest));
    }

    pub(super) fn emit(&self, buf: &mut Vec<u8>) {
        emit_home(PeerKind::Buckets, &self.home, buf);
        buf.put_slice(self.digests);
    }
}

impl fmt::Debug for Buckets<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Buckets({:?}, root {:016x})", self.home, self.digests().fold(0, u64::wrapping_add))
    }
}
