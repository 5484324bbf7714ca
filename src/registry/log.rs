//! The list of changes of this process (R-PEE-70): every row and every session that ended, at its last change only, in
//! the order of revisions. Whoever reads it keeps a place in it, so that nothing is ever searched for, and a change
//! costs O(1), whatever the number of rows. The links are kept apart from the rows, and only where HMSs share a table.

use super::list::{Link, Links, List};
use super::rows::NIL;
use super::{Ended, RowId};
use crate::ident::{RealmId, UserId};
use crate::time::Duration;

/// Marks in one piece: growing never moves those that are there.
const CHUNK: usize = 1 << 12;
/// The node is a session that ended, not a row.
const ENDED: u32 = 1 << 31;

/// Who told a change: a number that the caller gives to each neighbour.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Teller(pub u8);

impl Teller {
    /// The change was made here, or comes from more than one: everybody is to hear of it.
    pub const HERE: Self = Self(0);
}

/// Names a place in the list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Reader(u32);

/// A row or a session that ended, as it is now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Told {
    /// The revision of its last change.
    pub revision: u64,
    /// From whom that is.
    pub teller: Teller,
    /// What changed.
    pub what: Held,
}

/// What is told of a user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Held {
    /// A row. Only offered ones may be told (R-PEE-65): see [`super::RowView::is_offered`].
    Row(RowId),
    /// The end of a session.
    Ended {
        /// The realm.
        realm: RealmId,
        /// The user.
        user: UserId,
        /// Which session, and how.
        ended: Ended,
        /// How long it is kept from now on; 0 if it is about to be forgotten.
        left: Duration,
    },
}

/// What is kept of a row, or of a session that ended, for other HMSs: 24 bytes.
#[derive(Clone, Copy)]
pub(super) struct Mark {
    /// Revision (48), teller (8), flags (8).
    word: u64,
    link: Link,
    /// What it is counted with in the sums of its home.
    pub(super) digest: u64,
}

/// It is in the sums.
pub(super) const COUNTED: u8 = 0x01;
/// It waits to be counted.
pub(super) const WAITS: u8 = 0x02;
/// It is not what it was counted with, though nobody changed it (R-PEE-81).
pub(super) const DAMAGED: u8 = 0x04;

impl Mark {
    const NONE: Self = Self { word: 0, link: Link::NONE, digest: 0 };

    const fn revision(&self) -> u64 {
        self.word >> 16
    }

    const fn teller(&self) -> Teller {
        Teller((self.word >> 8) as u8)
    }

    pub(super) const fn has(&self, flag: u8) -> bool {
        self.word as u8 & flag != 0
    }

    pub(super) const fn set(&mut self, flag: u8, on: bool) {
        if on {
            self.word |= flag as u64;
        } else {
            self.word &= !(flag as u64);
        }
    }

    const fn change(&mut self, revision: u64, teller: Teller) {
        self.word = revision << 16 | (teller.0 as u64) << 8 | self.word & 0xff;
    }
}

/// Marks by number.
#[derive(Default)]
struct Marks {
    chunks: Vec<Box<[Mark]>>,
}

impl Marks {
    fn get(&self, number: u32) -> Option<&Mark> {
        self.chunks.get(number as usize / CHUNK)?.get(number as usize % CHUNK)
    }

    fn get_mut(&mut self, number: u32) -> Option<&mut Mark> {
        self.chunks.get_mut(number as usize / CHUNK)?.get_mut(number as usize % CHUNK)
    }

    fn reach(&mut self, number: u32) {
        while self.chunks.len() <= number as usize / CHUNK {
            self.chunks.push(vec![Mark::NONE; CHUNK].into_boxed_slice());
        }
    }
}

/// The marks as nodes of the list.
#[derive(Default)]
struct Nodes {
    rows: Marks,
    ended: Marks,
}

impl Nodes {
    fn get(&self, node: u32) -> Option<&Mark> {
        if node & ENDED == 0 { self.rows.get(node) } else { self.ended.get(node & !ENDED) }
    }

    fn get_mut(&mut self, node: u32) -> Option<&mut Mark> {
        if node & ENDED == 0 { self.rows.get_mut(node) } else { self.ended.get_mut(node & !ENDED) }
    }

    fn reach(&mut self, node: u32) {
        if node & ENDED == 0 { self.rows.reach(node) } else { self.ended.reach(node & !ENDED) }
    }
}

impl Links for Nodes {
    fn link(&mut self, node: u32) -> Option<&mut Link> {
        self.get_mut(node).map(|mark| &mut mark.link)
    }
}

/// What stands at a place.
pub(super) enum Node {
    Row(u32),
    Ended(u32),
}

/// The list.
pub(super) struct Log {
    nodes: Nodes,
    list: List,
    /// The last revision.
    last: u64,
    /// No session that ended, and was changed behind this revision, was forgotten.
    forgotten: u64,
    /// The next node of each place that is in use.
    readers: Vec<Option<u32>>,
    /// Who tells what is being done now.
    pub(super) teller: Teller,
}

impl Log {
    pub(super) fn new() -> Self {
        Self {
            nodes: Nodes::default(),
            list: List::EMPTY,
            last: 0,
            forgotten: 0,
            readers: Vec::new(),
            teller: Teller::HERE,
        }
    }

    pub(super) const fn last(&self) -> u64 {
        self.last
    }

    pub(super) const fn forgotten(&self) -> u64 {
        self.forgotten
    }

    pub(super) fn row(&self, id: u32) -> Option<&Mark> {
        self.nodes.rows.get(id)
    }

    pub(super) fn row_mut(&mut self, id: u32) -> Option<&mut Mark> {
        self.nodes.rows.get_mut(id)
    }

    /// Makes room for a row.
    pub(super) fn reach_row(&mut self, id: u32) {
        self.nodes.rows.reach(id);
    }

    pub(super) fn row_revision(&self, id: u32) -> u64 {
        self.nodes.rows.get(id).map_or(0, Mark::revision)
    }

    pub(super) fn row_changed(&mut self, id: u32) {
        self.change(id);
    }

    pub(super) fn row_gone(&mut self, id: u32) {
        self.unlink(id);
        if let Some(mark) = self.nodes.rows.get_mut(id) {
            *mark = Mark::NONE;
        }
    }

    pub(super) fn ended_changed(&mut self, number: u32) {
        self.change(number | ENDED);
    }

    /// The end of a session is forgotten.
    pub(super) fn ended_gone(&mut self, number: u32) {
        let node = number | ENDED;
        self.forgotten = self.forgotten.max(self.nodes.get(node).map_or(0, Mark::revision));
        self.unlink(node);
        if let Some(mark) = self.nodes.get_mut(node) {
            *mark = Mark::NONE;
        }
    }

    /// Puts a node at the end, with the next revision.
    fn change(&mut self, node: u32) {
        self.nodes.reach(node);
        let Some(before) = self.nodes.get(node).copied() else { return };
        let unread = before.revision() > self.lowest(before.teller());
        // Of two changes one may still have to be told to whoever told the other.
        let teller = if unread { Teller::HERE } else { self.teller };
        self.unlink(node);
        self.last += 1;
        if let Some(mark) = self.nodes.get_mut(node) {
            mark.change(self.last, teller);
        }
        self.list.push_back(&mut self.nodes, node);
        self.readers.iter_mut().flatten().filter(|next| **next == NIL).for_each(|next| *next = node);
    }

    /// Up to where everybody has read; changes of the teller of now do not hide each other.
    fn lowest(&self, teller: Teller) -> u64 {
        if teller == self.teller {
            return u64::MAX;
        }
        self.readers.iter().flatten().map(|next| self.before(*next)).min().unwrap_or(self.last)
    }

    fn unlink(&mut self, node: u32) {
        let Some(mark) = self.nodes.get(node).filter(|mark| mark.revision() != 0) else { return };
        let next = mark.link.next;
        self.readers.iter_mut().flatten().filter(|at| **at == node).for_each(|at| *at = next);
        self.list.remove(&mut self.nodes, node);
    }

    /// All up to this revision lies before the node.
    fn before(&self, node: u32) -> u64 {
        self.nodes.get(node).map_or(self.last, |mark| mark.revision().saturating_sub(1))
    }

    /// A place at the end.
    pub(super) fn open(&mut self) -> Reader {
        let free = self.readers.iter().position(Option::is_none);
        let number = free.unwrap_or(self.readers.len());
        if free.is_none() {
            self.readers.push(None);
        }
        if let Some(reader) = self.readers.get_mut(number) {
            *reader = Some(NIL);
        }
        Reader(number as u32)
    }

    pub(super) fn close(&mut self, reader: Reader) {
        if let Some(reader) = self.readers.get_mut(reader.0 as usize) {
            *reader = None;
        }
    }

    fn next(&self, reader: Reader) -> u32 {
        self.readers.get(reader.0 as usize).copied().flatten().unwrap_or(NIL)
    }

    fn put(&mut self, reader: Reader, node: u32) {
        if let Some(next) = self.readers.get_mut(reader.0 as usize).and_then(Option::as_mut) {
            *next = node;
        }
    }

    pub(super) fn position(&self, reader: Reader) -> u64 {
        self.before(self.next(reader))
    }

    /// What comes next: its revision, who told it, and where it is.
    pub(super) fn peek(&self, reader: Reader) -> Option<(u64, Teller, Node)> {
        let node = self.next(reader);
        let mark = self.nodes.get(node)?;
        let place = if node & ENDED == 0 { Node::Row(node) } else { Node::Ended(node & !ENDED) };
        Some((mark.revision(), mark.teller(), place))
    }

    pub(super) fn pass(&mut self, reader: Reader) {
        if let Some(mark) = self.nodes.get(self.next(reader)) {
            self.put(reader, mark.link.next);
        }
    }

    pub(super) fn copy(&mut self, to: Reader, from: Reader) {
        self.put(to, self.next(from));
    }
}
