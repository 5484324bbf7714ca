//! What DELTA and PAGE are made of (spec 10.2).

use super::batch::Batch;
use super::code::PeerKind;
use super::gone::Gone;
use super::home::{Home, Root};
use super::row::Row;
use super::tlvs::{PeerTlvs, peer_code};
use crate::wire::error::{Problem, WireError};
use crate::wire::tlv::{Tlv, put_bytes};

/// One thing that a DELTA or PAGE says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Item<'a> {
    /// A row, as it is at this home.
    Row(Home, Row<'a>),
    /// A session that ended at this home; how it ended by leaving is the same at each.
    Gone(Home, Gone),
    /// The sum of a home's rows, as it is when all before it is applied; never in a PAGE.
    Root(Root),
}

/// Walks a checked DELTA or PAGE in its order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Items<'a> {
    tlvs: PeerTlvs<'a>,
    home: Option<Home>,
    roots: bool,
}

impl<'a> Items<'a> {
    /// Checks every TLV; `roots`: ROOT may be among them.
    pub(super) fn parse(tlvs: PeerTlvs<'a>, roots: bool) -> Result<Self, WireError> {
        let items = Self { tlvs, home: None, roots };
        let mut walk = items.clone();
        while let Some(tlv) = walk.tlvs.next() {
            walk.step(&tlv?)?;
        }
        Ok(items)
    }

    /// The bytes not walked yet.
    pub(super) const fn rest(&self) -> &'a [u8] {
        self.tlvs.rest()
    }

    fn step(&mut self, tlv: &Tlv<'a>) -> Result<Option<Item<'a>>, WireError> {
        let home = || self.home.ok_or_else(|| tlv.error(Problem::Missing("HOME")));
        Ok(Some(match tlv.code {
            peer_code::ROW => Item::Row(home()?, Row::parse(tlv.value, tlv.at)?),
            peer_code::GONE => Item::Gone(home()?, Gone::parse(tlv)?),
            peer_code::ROOT if self.roots => Item::Root(Root::parse(tlv)?),
            peer_code::HOME => {
                self.home = Some(Home::parse(tlv)?);
                return Ok(None);
            }
            _ => return tlv.unknown().map(|()| None),
        }))
    }
}

impl<'a> Iterator for Items<'a> {
    type Item = Item<'a>;

    fn next(&mut self) -> Option<Item<'a>> {
        loop {
            let tlv = self.tlvs.next()?.ok()?;
            if let Ok(Some(item)) = self.step(&tlv) {
                return Some(item);
            }
        }
    }
}

/// Writes what DELTA and PAGE are made of; says HOME where it changes.
#[derive(Debug)]
pub(super) struct ItemsWriter<'b> {
    batch: Batch<'b>,
    home: Option<Home>,
}

impl<'b> ItemsWriter<'b> {
    pub(super) fn begin(buf: &'b mut Vec<u8>, kind: PeerKind, fixed: usize) -> Self {
        Self { batch: Batch::begin(buf, kind, fixed), home: None }
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.batch.is_empty()
    }

    pub(super) fn row(&mut self, home: Home, row: &Row<'_>) -> bool {
        self.at_home(home, |buf| put_bytes(buf, peer_code::ROW, row.as_bytes()))
    }

    pub(super) fn gone(&mut self, home: Home, gone: &Gone) -> bool {
        self.at_home(home, |buf| gone.emit(buf))
    }

    pub(super) fn root(&mut self, root: &Root) -> bool {
        self.batch.put(|buf| root.emit(buf))
    }

    pub(super) fn end(self, write: impl FnOnce(&mut &mut [u8])) {
        self.batch.end(write);
    }

    fn at_home(&mut self, home: Home, write: impl FnOnce(&mut Vec<u8>)) -> bool {
        let said = self.home == Some(home);
        let fits = self.batch.put(|buf| {
            if !said {
                home.emit(buf);
            }
            write(buf);
        });
        if fits {
            self.home = Some(home);
        }
        fits
    }
}
