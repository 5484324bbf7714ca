//! PAGE: rows that were asked for (spec 10.2, 10.9).

use bytes::BufMut;
use nom::number::complete::{be_u8, be_u32};

use super::code::PeerKind;
use super::fetch::Cursor;
use super::gone::Gone;
use super::home::Home;
use super::items::{Items, ItemsWriter};
use super::row::Row;
use super::tlvs::{head, wrong};
use crate::wire::error::WireError;
use crate::wire::offer::reserved;

/// PAGE: 32 bytes, then HOME, ROW, GONE; at most 16 KiB.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<'a> {
    /// The number of the FETCH.
    pub number: u32,
    /// Its rows stand behind this one,
    pub after: Cursor,
    /// and not behind this one, which lies behind `after`; the end in the last page (R-PEE-79).
    pub up_to: Cursor,
    items: Items<'a>,
}

impl<'a> Page<'a> {
    const FIXED: usize = 32;

    pub(super) fn parse(body: &'a [u8]) -> Result<Self, WireError> {
        let parser = (be_u8, reserved::<2>, be_u32, Cursor::parse, Cursor::parse);
        let ((flags, (), number, after, up_to), tlvs) = head(body, "PAGE", parser)?;
        if after >= up_to {
            return Err(wrong("up to"));
        }
        let page = Self { number, after, up_to, items: Items::parse(tlvs, false)? };
        if page.is_last() != (flags & 1 != 0) {
            return Err(wrong("last"));
        }
        Ok(page)
    }

    /// No other follows.
    pub fn is_last(&self) -> bool {
        self.up_to == Cursor::END
    }

    /// What it says, in its order: never a ROOT.
    pub fn items(&self) -> Items<'a> {
        self.items.clone()
    }

    fn emit_fixed(number: u32, after: Cursor, up_to: Cursor, buf: &mut impl BufMut) {
        buf.put_u8(u8::from(up_to == Cursor::END));
        buf.put_bytes(0, 2);
        buf.put_u32(number);
        after.emit(buf);
        up_to.emit(buf);
    }

    pub(super) fn emit(&self, buf: &mut Vec<u8>) {
        buf.put_u8(PeerKind::Page.code());
        Self::emit_fixed(self.number, self.after, self.up_to, buf);
        buf.put_slice(self.items.rest());
    }
}

/// Writes one PAGE. What says `false` has appended nothing, because the message would be longer than 16 KiB.
#[derive(Debug)]
pub struct PageWriter<'b>(ItemsWriter<'b>);

impl<'b> PageWriter<'b> {
    /// Begins where `buf` ends.
    pub fn begin(buf: &'b mut Vec<u8>) -> Self {
        Self(ItemsWriter::begin(buf, PeerKind::Page, Page::FIXED))
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

    /// Ends the message, in which nothing is missing from `after` to `up_to`; the last one goes up to [`Cursor::END`].
    pub fn end(self, number: u32, after: Cursor, up_to: Cursor) {
        self.0.end(|fixed| Page::emit_fixed(number, after, up_to, fixed));
    }
}
