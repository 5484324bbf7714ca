//! STOP, STOP-ACK and DONE: an HMS that stops hands over (spec 10.2; S602, S603).

use bytes::BufMut;
use nom::number::complete::be_u64;

use super::code::PeerKind;
use super::tlvs::whole;
use crate::wire::error::WireError;
use crate::wire::offer::reserved;

/// STOP: its sender stops, and hands over to the receiver; 8 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stop;

impl Stop {
    pub(super) fn parse(body: &[u8]) -> Result<Self, WireError> {
        whole(body, "STOP", reserved::<7>).map(|()| Self)
    }

    pub(super) fn emit(self, buf: &mut Vec<u8>) {
        buf.put_u8(PeerKind::Stop.code());
        buf.put_bytes(0, 7);
    }
}

/// STOP-ACK: its sender takes over; 8 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StopAck;

impl StopAck {
    pub(super) fn parse(body: &[u8]) -> Result<Self, WireError> {
        whole(body, "STOP-ACK", reserved::<7>).map(|()| Self)
    }

    pub(super) fn emit(self, buf: &mut Vec<u8>) {
        buf.put_u8(PeerKind::StopAck.code());
        buf.put_bytes(0, 7);
    }
}

/// DONE: its sender has handed over; 16 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Done {
    /// Its last revision.
    pub revision: u64,
}

impl Done {
    pub(super) fn parse(body: &[u8]) -> Result<Self, WireError> {
        let ((), revision) = whole(body, "DONE", (reserved::<7>, be_u64))?;
        Ok(Self { revision })
    }

    pub(super) fn emit(&self, buf: &mut Vec<u8>) {
        buf.put_u8(PeerKind::Done.code());
        buf.put_bytes(0, 7);
        buf.put_u64(self.revision);
    }
}
