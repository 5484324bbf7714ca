//! JOIN and SEAT: a seat in a line is asked for and given (spec 10.2).

use bytes::BufMut;
use nom::number::complete::be_u64;

use super::code::PeerKind;
use super::tlvs::{line, whole, wrong};
use crate::ident::LineId;
use crate::wire::error::WireError;
use crate::wire::offer::reserved;

/// JOIN: asks for a seat; 16 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Join {
    /// In this line, which must be that of the receiver.
    pub line: LineId,
}

impl Join {
    pub(super) fn parse(body: &[u8]) -> Result<Self, WireError> {
        let ((), id) = whole(body, "JOIN", (reserved::<7>, be_u64))?;
        Ok(Self { line: line(id).ok_or_else(|| wrong("line id"))? })
    }

    pub(super) fn emit(&self, buf: &mut Vec<u8>) {
        buf.put_u8(PeerKind::Join.code());
        buf.put_bytes(0, 7);
        buf.put_u64(self.line.0);
    }
}

/// SEAT: gives a seat; 40 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seat {
    /// The line.
    pub line: LineId,
    /// Its age in milliseconds: it counts on from there.
    pub age_ms: u64,
    /// The seniority given, in milliseconds of the line's age.
    pub joined_at_ms: u64,
    /// When the line was founded, Unix seconds; only shown.
    pub founded: u64,
}

impl Seat {
    pub(super) fn parse(body: &[u8]) -> Result<Self, WireError> {
        let parser = (reserved::<7>, be_u64, be_u64, be_u64, be_u64);
        let ((), id, age_ms, joined_at_ms, founded) = whole(body, "SEAT", parser)?;
        Ok(Self { line: line(id).ok_or_else(|| wrong("line id"))?, age_ms, joined_at_ms, founded })
    }

    pub(super) fn emit(&self, buf: &mut Vec<u8>) {
        buf.put_u8(PeerKind::Seat.code());
        buf.put_bytes(0, 7);
        buf.put_u64(self.line.0);
        buf.put_u64(self.age_ms);
        buf.put_u64(self.joined_at_ms);
        buf.put_u64(self.founded);
    }
}
