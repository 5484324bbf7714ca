//! PAGE and the directory TLVs that ACK carries as well (spec 2.6, 4.6).

use std::net::SocketAddr;

use bytes::BufMut;
use nom::bytes::complete::take;
use nom::number::complete::{be_u8, be_u32, be_u64};

use super::address::{address, emit_address, octets};
use super::code::codes;
use super::content::{ContentRef, split_content};
use super::error::{Problem, WireError};
use super::header::flag;
use super::tlv::{Tlv, Tlvs, all, fixed, put_tlv, tlv_code};
use crate::ident::{Incarnation, Revision, ServerId, UserId};
use crate::limits::HEADER_LEN;

codes! {
    /// What a page holds.
    pub enum PageKind(u8) {
        /// Changes between two revisions.
        Delta = 1, "delta";
        /// All rows between two user ids.
        Copy = 2, "copy";
        /// Matches of a FIND.
        Find = 3, "find";
        /// A view of named users, whole.
        Whole = 4, "whole";
    }
}

codes! {
    /// Why a row is gone.
    pub enum GoneReason(u8) {
        /// The host left.
        Leave = 1, "leave";
        /// No heartbeat in time.
        Expiry = 2, "expiry";
        /// Replaced by another row.
        Replaced = 3, "replaced";
        /// The user was revoked.
        Revoked = 4, "revoked";
        /// The row goes on, outside this view.
        LeftView = 5, "left the view";
    }
}

/// What a page covers (R-DIR-03 to R-DIR-05); 30 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PageInfo {
    /// What it holds.
    pub kind: PageKind,
    /// More pages follow.
    pub more: bool,
    /// Delta: changes after this revision.
    pub from: Revision,
    /// Delta: up to this one. Copy: the revision at this page.
    pub to: Revision,
    /// Copy and find: rows above this user id (the first page begins at the lowest).
    pub after: UserId,
    /// Copy and find: up to this one.
    pub up_to: UserId,
    /// Rows in the view (find: 0).
    pub total: u32,
}

impl PageInfo {
    /// Length of the TLV with its head.
    pub const LEN: usize = 33;

    /// Appends the TLV.
    pub fn emit(&self, buf: &mut Vec<u8>) {
        put_tlv(buf, tlv_code::PAGE_INFO, |buf| {
            buf.put_u8(self.kind.code());
            buf.put_u8(u8::from(self.more));
            buf.put_u32(self.from.0);
            buf.put_u32(self.to.0);
            buf.put_slice(&self.after.0);
            buf.put_slice(&self.up_to.0);
            buf.put_u32(self.total);
        });
    }

    fn parse(tlv: &Tlv<'_>) -> Result<Self, WireError> {
        let parser = (be_u8, be_u8, be_u32, be_u32, take(8usize), take(8usize), be_u32);
        let (kind, flags, from, to, after, up_to, total) = all(tlv.value, tlv.at, "PAGE-INFO", parser)?;
        Ok(Self {
            kind: PageKind::from_code(kind),
            more: flags & 1 != 0,
            from: Revision(from),
            to: Revision(to),
            after: UserId(octets(after)),
            up_to: UserId(octets(up_to)),
            total,
        })
    }
}

/// The fixed part of an ENTRY; 33 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EntryHead {
    /// Whose row.
    pub user: UserId,
    /// Its last change.
    pub revision: Revision,
    /// Kept by the brake, or without an address.
    pub late: bool,
    /// Not heard by this process yet.
    pub unconfirmed: bool,
    /// When the registration was made, Unix seconds; only shown.
    pub since: u64,
    /// The host's check time in seconds.
    pub check_time_s: u32,
    /// The HMS at which the host is.
    pub home: ServerId,
}

/// The cluster's signature of a fixed address (R-AUT-40).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Signature {
    /// When it was made, Unix seconds.
    pub issued: u64,
    /// Ed25519.
    pub bytes: [u8; 64],
}

/// One row of the directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry<'a> {
    /// The fixed part.
    pub head: EntryHead,
    /// What the host says of itself.
    pub content: ContentRef<'a>,
    /// The proven address.
    pub address: Option<SocketAddr>,
    /// For hosts with a fixed address.
    pub signature: Option<Signature>,
}

impl<'a> Entry<'a> {
    /// Appends the TLV.
    pub fn emit(&self, buf: &mut Vec<u8>) {
        put_tlv(buf, tlv_code::ENTRY, |buf| {
            buf.put_slice(&self.head.user.0);
            buf.put_u32(self.head.revision.0);
            buf.put_u8(u8::from(self.head.late) | (u8::from(self.head.unconfirmed) << 1));
            buf.put_u64(self.head.since);
            buf.put_u32(self.head.check_time_s);
            buf.put_u64(self.head.home.0);
            buf.put_slice(self.content.as_bytes());
            if let Some(address) = self.address {
                put_tlv(buf, tlv_code::ADDRESS, |buf| emit_address(buf, address));
            }
            if let Some(signature) = &self.signature {
                put_tlv(buf, tlv_code::SIGNATURE, |buf| {
                    buf.put_u64(signature.issued);
                    buf.put_slice(&signature.bytes);
                });
            }
        });
    }

    fn parse(tlv: &Tlv<'a>) -> Result<Self, WireError> {
        let parser = (take(8usize), be_u32, be_u8, be_u64, be_u32, be_u64);
        let (rest, (user, revision, status, since, check_time_s, home)) =
            fixed(tlv.value, tlv.at, "ENTRY", parser)?;
        let at = tlv.at + tlv.value.len() - rest.len();
        let (content, rest) = split_content(rest, at)?;
        let mut entry = Self {
            head: EntryHead {
                user: UserId(octets(user)),
                revision: Revision(revision),
                late: status & 1 != 0,
                unconfirmed: status & 2 != 0,
                since,
                check_time_s,
                home: ServerId(home),
            },
            content: ContentRef::parse(content, at)?,
            address: None,
            signature: None,
        };
        for inner in Tlvs::new(rest, at + content.len()) {
            let inner = inner?;
            match inner.code {
                tlv_code::ADDRESS => entry.address = Some(all(inner.value, inner.at, "ADDRESS", address)?),
                tlv_code::SIGNATURE => {
                    let (issued, bytes) = all(inner.value, inner.at, "SIGNATURE", (be_u64, take(64usize)))?;
                    entry.signature = Some(Signature { issued, bytes: octets(bytes) });
                }
                _ => inner.unknown()?,
            }
        }
        Ok(entry)
    }
}

/// A row that is no longer in the view.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gone {
    /// Whose row.
    pub user: UserId,
    /// The change that removed it.
    pub revision: Revision,
    /// Why.
    pub reason: GoneReason,
}

impl Gone {
    /// Length of the TLV with its head.
    pub const LEN: usize = 16;

    /// Appends the TLV.
    pub fn emit(&self, buf: &mut Vec<u8>) {
        put_tlv(buf, tlv_code::GONE, |buf| {
            buf.put_slice(&self.user.0);
            buf.put_u32(self.revision.0);
            buf.put_u8(self.reason.code());
        });
    }

    fn parse(tlv: &Tlv<'_>) -> Result<Self, WireError> {
        let (user, revision, reason) = all(tlv.value, tlv.at, "GONE", (take(8usize), be_u32, be_u8))?;
        Ok(Self {
            user: UserId(octets(user)),
            revision: Revision(revision),
            reason: GoneReason::from_code(reason),
        })
    }
}

/// One line of a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Item<'a> {
    /// A row.
    Entry(Entry<'a>),
    /// One that is gone.
    Gone(Gone),
}

/// A page of the directory: inside PAGE, or at the end of ACK.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Changes<'a> {
    /// What it covers.
    pub info: PageInfo,
    /// Its rows, in the order of its kind.
    pub items: Vec<Item<'a>>,
}

impl<'a> Changes<'a> {
    /// Appends the TLVs.
    pub fn emit(&self, buf: &mut Vec<u8>) {
        self.info.emit(buf);
        for item in &self.items {
            match item {
                Item::Entry(entry) => entry.emit(buf),
                Item::Gone(gone) => gone.emit(buf),
            }
        }
    }
}

/// Collects a page out of TLVs as they come.
#[derive(Default)]
pub(super) struct PageCollector<'a> {
    info: Option<PageInfo>,
    items: Vec<Item<'a>>,
}

impl<'a> PageCollector<'a> {
    /// Takes one TLV; `false` if it is none of these.
    pub(super) fn take(&mut self, tlv: &Tlv<'a>) -> Result<bool, WireError> {
        match tlv.code {
            tlv_code::PAGE_INFO => self.info = Some(PageInfo::parse(tlv)?),
            tlv_code::ENTRY => self.items.push(Item::Entry(Entry::parse(tlv)?)),
            tlv_code::GONE => self.items.push(Item::Gone(Gone::parse(tlv)?)),
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// The page, if there was one; rows without PAGE-INFO are an error.
    pub(super) fn finish(self, at: usize) -> Result<Option<Changes<'a>>, WireError> {
        match self.info {
            Some(info) => Ok(Some(Changes { info, items: self.items })),
            None if self.items.is_empty() => Ok(None),
            None => Err(WireError::new(Problem::Missing("PAGE-INFO"), at)),
        }
    }
}

/// Body of PAGE: 12 bytes, then the page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PageMessage<'a> {
    /// Flag *push*: not asked for.
    pub push: bool,
    /// The HMS process that answers.
    pub incarnation: Incarnation,
    /// Its rising number.
    pub number: u64,
    /// The page.
    pub changes: Changes<'a>,
}

impl<'a> PageMessage<'a> {
    /// Header, fixed body, PAGE-INFO and tag: what is left of a datagram is for rows.
    pub const OVERHEAD: usize = HEADER_LEN + 12 + PageInfo::LEN + crate::limits::TAG_LEN;

    pub(super) fn parse(flags: u8, body: &'a [u8]) -> Result<Self, WireError> {
        let (tlvs, (incarnation, number)) = fixed(body, HEADER_LEN, "PAGE", (be_u32, be_u64))?;
        let mut page = PageCollector::default();
        for tlv in Tlvs::new(tlvs, HEADER_LEN + 12) {
            let tlv = tlv?;
            if !page.take(&tlv)? {
                tlv.unknown()?;
            }
        }
        let missing = WireError::new(Problem::Missing("PAGE-INFO"), HEADER_LEN + 12);
        let changes = page.finish(HEADER_LEN + 12)?.ok_or(missing)?;
        Ok(Self { push: flags & flag::PUSH != 0, incarnation: Incarnation(incarnation), number, changes })
    }

    /// The flags that the header must have.
    pub const fn flags(&self) -> u8 {
        if self.push { flag::PUSH } else { 0 }
    }

    /// Appends the body.
    pub fn emit(&self, buf: &mut Vec<u8>) {
        Self::emit_head(self.incarnation, self.number, buf);
        self.changes.emit(buf);
    }

    /// Appends the fixed body only, for callers that write PAGE-INFO and rows themselves.
    pub fn emit_head(incarnation: Incarnation, number: u64, buf: &mut Vec<u8>) {
        buf.put_u32(incarnation.0);
        buf.put_u64(number);
    }
}
