//! RESUME, BEGIN and CONFIRM: where deltas begin, and up to where they are applied (spec 10.2).

use bytes::BufMut;
use nom::number::complete::{be_u8, be_u64};

use super::code::PeerKind;
use super::tlvs::whole;
use crate::wire::error::WireError;
use crate::wire::offer::reserved;

/// RESUME: asks for deltas; 16 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Resume {
    /// The receiver's revision that is applied here; 0 for none.
    pub revision: u64,
}

impl Resume {
    pub(super) fn parse(body: &[u8]) -> Result<Self, WireError> {
        let ((), revision) = whole(body, "RESUME", (reserved::<7>, be_u64))?;
        Ok(Self { revision })
    }

    pub(super) fn emit(&self, buf: &mut Vec<u8>) {
        buf.put_u8(PeerKind::Resume.code());
        buf.put_bytes(0, 7);
        buf.put_u64(self.revision);
    }
}

/// CONFIRM: 16 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Confirm {
    /// The receiver's revision that is applied here.
    pub revision: u64,
}

impl Confirm {
    pub(super) fn parse(body: &[u8]) -> Result<Self, WireError> {
        let ((), revision) = whole(body, "CONFIRM", (reserved::<7>, be_u64))?;
        Ok(Self { revision })
    }

    pub(super) fn emit(&self, buf: &mut Vec<u8>) {
        buf.put_u8(PeerKind::Confirm.code());
        buf.put_bytes(0, 7);
        buf.put_u64(self.revision);
    }
}

/// BEGIN: the first message of a stream of deltas; 16 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Begin {
    /// Nothing is missing between the RESUME and this revision.
    pub resumed: bool,
    /// The sender's revision behind which the deltas go on.
    pub revision: u64,
}

impl Begin {
    pub(super) fn parse(body: &[u8]) -> Result<Self, WireError> {
        let (flags, (), revision) = whole(body, "BEGIN", (be_u8, reserved::<6>, be_u64))?;
        Ok(Self { resumed: flags & 1 != 0, revision })
    }

    pub(super) fn emit(&self, buf: &mut Vec<u8>) {
        buf.put_slice(&[PeerKind::Begin.code(), u8::from(self.resumed)]);
        buf.put_bytes(0, 6);
        buf.put_u64(self.revision);
    }
}
