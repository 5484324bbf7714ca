//! FACTS and STORED (spec 10.2, 10.5).

use bytes::BufMut;
use nom::number::complete::{be_u8, be_u64};

use super::batch::Batch;
use super::code::PeerKind;
use super::fact::Fact;
use super::tlvs::{PeerTlvs, head, whole, wrong};
use crate::wire::error::WireError;
use crate::wire::offer::reserved;

/// FACTS: 16 bytes, then MEMBER, ADDRESS, REALM, GENERATION; at most 16 KiB.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts<'a> {
    /// All facts have been sent now.
    pub last: bool,
    /// Which FACTS of its sender: STORED names it.
    pub number: u64,
    tlvs: PeerTlvs<'a>,
}

impl<'a> Facts<'a> {
    const FIXED: usize = 16;

    pub(super) fn parse(body: &'a [u8]) -> Result<Self, WireError> {
        let ((flags, (), number), tlvs) = head(body, "FACTS", (be_u8, reserved::<6>, be_u64))?;
        for tlv in tlvs.clone() {
            let tlv = tlv?;
            if Fact::parse(&tlv)?.is_none() {
                tlv.unknown()?;
            }
        }
        Ok(Self { last: flags & 1 != 0, number, tlvs })
    }

    /// The facts, in the order in which they stand.
    pub fn facts(&self) -> impl Iterator<Item = Fact<'a>> + use<'a> {
        self.tlvs.clone().flatten().filter_map(|tlv| Fact::parse(&tlv).ok().flatten())
    }

    fn emit_fixed(last: bool, number: u64, buf: &mut impl BufMut) {
        buf.put_u8(u8::from(last));
        buf.put_bytes(0, 6);
        buf.put_u64(number);
    }

    pub(super) fn emit(&self, buf: &mut Vec<u8>) {
        buf.put_u8(PeerKind::Facts.code());
        Self::emit_fixed(self.last, self.number, buf);
        buf.put_slice(self.tlvs.rest());
    }
}

/// Writes one FACTS.
#[derive(Debug)]
pub struct FactsWriter<'b>(Batch<'b>);

impl<'b> FactsWriter<'b> {
    /// Begins where `buf` ends.
    pub fn begin(buf: &'b mut Vec<u8>) -> Self {
        Self(Batch::begin(buf, PeerKind::Facts, Facts::FIXED))
    }

    /// Nothing was put into it yet.
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Appends a fact; `false`, and nothing is appended, if the message would be longer than 16 KiB.
    #[must_use]
    pub fn fact(&mut self, fact: &Fact<'_>) -> bool {
        self.0.put(|buf| fact.emit(buf))
    }

    /// Ends the message.
    pub fn end(self, last: bool, number: u64) {
        self.0.end(|fixed| Facts::emit_fixed(last, number, fixed));
    }
}

/// STORED: that facts are on disk, or cannot be; 16 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stored {
    /// They are.
    pub on_disk: bool,
    /// The number of the FACTS.
    pub number: u64,
}

impl Stored {
    pub(super) fn parse(body: &[u8]) -> Result<Self, WireError> {
        let (result, (), number) = whole(body, "STORED", (be_u8, reserved::<6>, be_u64))?;
        match result {
            0 | 1 => Ok(Self { on_disk: result == 1, number }),
            _ => Err(wrong("result")),
        }
    }

    pub(super) fn emit(&self, buf: &mut Vec<u8>) {
        buf.put_slice(&[PeerKind::Stored.code(), u8::from(self.on_disk)]);
        buf.put_bytes(0, 6);
        buf.put_u64(self.number);
    }
}
