//! DELTA: changes of the table as they are made (spec 10.2, 10.9).

use bytes::BufMut;
use nom::number::complete::{be_u8, be_u64};

use super::code::PeerKind;
use super::gone::Gone;
use super::home::{Home, Root};
use super::items::{Items, ItemsWriter};
use super::row::Row;
use super::tlvs::head;
use crate::wire::error::WireError;
use crate::wire::offer::reserved;

/// DELTA: 16 bytes, then HOME, ROW, GONE, ROOT; at most 16 KiB.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delta<'a> {
    /// CONFIRM is to come at once.
    pub confirm: bool,
    /// It has the ROOT of every home of which the sender offers rows.
    pub all: bool,
    /// The sender's revision up to which nothing is missing.
    pub revision: u64,
    items: Items<'a>,
}

impl<'a> Delta<'a> {
    const FIXED: usize = 16;

    pub(super) fn parse(body: &'a [u8]) -> Result<Self, WireError> {
        let ((flags, (), revision), tlvs) = head(body, "DELTA", (be_u8, reserved::<6>, be_u64))?;
        let items = Items::parse(tlvs, true)?;
        Ok(Self { confirm: flags & 1 != 0, all: flags & 2 != 0, revision, items })
    }

    /// What it says, in its order.
    pub fn items(&self) -> Items<'a> {
        self.items.clone()
    }

    fn emit_fixed(confirm: bool, all: bool, revision: u64, buf: &mut impl BufMut) {
        buf.put_u8(u8::from(confirm) | (u8::from(all) << 1));
        buf.put_bytes(0, 6);
        buf.put_u64(revision);
    }

    pub(super) fn emit(&self, buf: &mut Vec<u8>) {
        buf.put_u8(PeerKind::Delta.code());
        Self::emit_fixed(self.confirm, self.all, self.revision, buf);
        buf.put_slice(self.items.rest());
    }
}

/// Writes one DELTA. What says `false` has appended nothing, because the message would be longer than 16 KiB.
#[derive(Debug)]
pub struct DeltaWriter<'b>(ItemsWriter<'b>);

impl<'b> DeltaWriter<'b> {
    /// Begins where `buf` ends.
    pub fn begin(buf: &'b mut Vec<u8>) -> Self {
        Self(ItemsWriter::begin(buf, PeerKind::Delta, Delta::FIXED))
    }

    /// Nothing was put into it yet.
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Appends a row, behind its HOME.
    #[must_use]
    pub fn row(&mut self, home: Home, row: &Row<'_>) -> bool {
        self.0.row(home, row)
    }

    /// Appends a GONE, behind its HOME.
    #[must_use]
    pub fn gone(&mut self, home: Home, gone: &Gone) -> bool {
        self.0.gone(home, gone)
    }

    /// Appends a ROOT.
    #[must_use]
    pub fn root(&mut self, root: &Root) -> bool {
        self.0.root(root)
    }

    /// Ends the message, which is now complete up to `revision`.
    pub fn end(self, confirm: bool, all: bool, revision: u64) {
        self.0.end(|fixed| Delta::emit_fixed(confirm, all, revision, fixed));
    }
}
