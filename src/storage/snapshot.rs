//! The rows of an HMS as a file of pages, each with a checksum, so that a torn or damaged file is noticed.
//!
//! ```text
//! "hmssnap" | format (1) | page…        page = kind (1) | length (4) | payload | checksum (8)
//! kinds: 1 header, 2 rows, 3 end (number of rows, 8; of ended sessions, 8), 4 ended sessions
//! ```
//! A page's checksum is SHA-256("hms1 snap" ‖ the checksum before, the format in the first ‖ kind ‖ length ‖
//! payload)[..8]: a page cannot be missing, doubled or from another snapshot. Rows count only if the end is there: half
//! a table would pass for a whole one.
//!
//! Format 1, which is read too, has neither ended sessions and their number nor sequences in its rows, and begins its
//! checksums with 0.

use bytes::BufMut;
use nom::Parser as _;
use nom::bytes::complete::take;
use nom::number::complete::{be_u8, be_u32, be_u64};
use ring::digest;

use super::error::{Document, Place, StorageError};
use super::snapshot_row::{self, SnapshotEnded, SnapshotRow};
use crate::ident::{Incarnation, ServerId};
use crate::time::UnixMillis;

const MAGIC: &[u8; 7] = b"hmssnap";
const FORMAT: u8 = 2;
/// Read as well.
const OLD_FORMAT: u8 = 1;
/// A page of rows is closed when it is this long.
const PAGE_LEN: usize = 16 * 1024;
const SUM_LEN: usize = 8;
const KIND_HEADER: u8 = 1;
const KIND_ROWS: u8 = 2;
const KIND_END: u8 = 3;
const KIND_ENDED: u8 = 4;

/// Which process wrote the snapshot, and when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SnapshotHeader {
    /// The HMS.
    pub server: ServerId,
    /// Its process.
    pub incarnation: Incarnation,
    /// Its stamp clock (R-REG-02).
    pub stamp_clock: u64,
    /// Wall clock; only shown.
    pub wall: UnixMillis,
}

/// A whole snapshot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    /// Who wrote it.
    pub header: SnapshotHeader,
    /// Every row, in the order in which they were written.
    pub rows: Vec<SnapshotRow>,
    /// Sessions that their hosts left, and that others may still believe in (R-PEE-67).
    pub ended: Vec<SnapshotEnded>,
}

/// Writes a snapshot into the caller's buffers, bit by bit: begin, rows, ended sessions, end.
///
/// The caller may take bytes out of `out` between calls, and gives an empty or any other buffer in the next.
#[derive(Debug)]
pub struct SnapshotWriter {
    sum: [u8; SUM_LEN],
    page: Vec<u8>,
    rows: u64,
    ended: u64,
}

impl SnapshotWriter {
    /// Begins a snapshot.
    pub fn begin(header: &SnapshotHeader, out: &mut Vec<u8>) -> Self {
        out.put_slice(MAGIC);
        out.put_u8(FORMAT);
        let mut writer =
            Self { sum: first_sum(FORMAT), page: Vec::with_capacity(PAGE_LEN + 2048), rows: 0, ended: 0 };
        writer.page.put_u64(header.server.0);
        writer.page.put_u32(header.incarnation.0);
        writer.page.put_u64(header.stamp_clock);
        writer.page.put_u64(header.wall.0);
        writer.close(KIND_HEADER, out);
        writer
    }

    /// Adds a row; `out` grows when a page is full.
    pub fn row(&mut self, row: &SnapshotRow, out: &mut Vec<u8>) {
        snapshot_row::emit(row, &mut self.page);
        self.rows += 1;
        if self.page.len() >= PAGE_LEN {
            self.close(KIND_ROWS, out);
        }
    }

    /// Adds a session that ended; no row follows. Whoever leaves while the rows are written is so in it for certain.
    pub fn ended(&mut self, ended: &SnapshotEnded, out: &mut Vec<u8>) {
        if self.ended == 0 {
            self.flush(KIND_ROWS, out);
        }
        snapshot_row::emit_ended(ended, &mut self.page);
        self.ended += 1;
        if self.page.len() >= PAGE_LEN {
            self.close(KIND_ENDED, out);
        }
    }

    /// Ends the snapshot: without this it is none.
    pub fn end(mut self, out: &mut Vec<u8>) {
        self.flush(if self.ended == 0 { KIND_ROWS } else { KIND_ENDED }, out);
        self.page.put_u64(self.rows);
        self.page.put_u64(self.ended);
        self.close(KIND_END, out);
    }

    fn flush(&mut self, kind: u8, out: &mut Vec<u8>) {
        if !self.page.is_empty() {
            self.close(kind, out);
        }
    }

    fn close(&mut self, kind: u8, out: &mut Vec<u8>) {
        let length = u32::try_from(self.page.len()).unwrap_or(u32::MAX);
        self.sum = checksum(self.sum, kind, length, &self.page);
        out.put_u8(kind);
        out.put_u32(length);
        out.put_slice(&self.page);
        out.put_slice(&self.sum);
        self.page.clear();
    }
}

impl Snapshot {
    /// Reads a whole snapshot; from a torn or damaged one nothing is taken.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, StorageError> {
        let mut pages = Pages::begin(bytes)?;
        let header = read_header(&pages.next(KIND_HEADER)?)?;
        let mut snapshot = Self { header, rows: Vec::new(), ended: Vec::new() };
        let sequences = pages.format != OLD_FORMAT;
        loop {
            let page = pages.next_any()?;
            match page.kind {
                KIND_ROWS => {
                    let parse = |rest| snapshot_row::parse(rest, sequences);
                    read_all(&page, "a row that is none", parse, &mut snapshot.rows)?;
                }
                KIND_ENDED => {
                    let problem = "an ended session that is none";
                    read_all(&page, problem, snapshot_row::parse_ended, &mut snapshot.ended)?;
                }
                KIND_END => {
                    check_end(&page, pages.format, &snapshot)?;
                    pages.finish()?;
                    return Ok(snapshot);
                }
                other => return Err(error(page.at, format!("a page of unknown kind {other}"))),
            }
        }
    }
}

struct Page<'a> {
    kind: u8,
    payload: &'a [u8],
    /// Offset of the payload.
    at: usize,
}

/// Walks the pages of a snapshot and checks each.
struct Pages<'a> {
    rest: &'a [u8],
    at: usize,
    format: u8,
    sum: [u8; SUM_LEN],
}

impl<'a> Pages<'a> {
    fn begin(bytes: &'a [u8]) -> Result<Self, StorageError> {
        let not_one = || error(0, "it does not begin like a snapshot");
        let rest = bytes.strip_prefix(MAGIC).ok_or_else(not_one)?;
        let (&format, rest) = rest.split_first().ok_or_else(|| torn(bytes.len()))?;
        if !matches!(format, OLD_FORMAT | FORMAT) {
            let place = Place::Offset(MAGIC.len());
            return Err(StorageError::format(Document::Snapshot, place, format.into(), FORMAT.into()));
        }
        Ok(Self { rest, at: MAGIC.len() + 1, format, sum: first_sum(format) })
    }

    fn next_any(&mut self) -> Result<Page<'a>, StorageError> {
        let end = self.at + self.rest.len();
        let mut head = (be_u8::<_, ()>, be_u32);
        let (rest, (kind, length)) = head.parse(self.rest).map_err(|_| torn(end))?;
        let at = self.at + self.rest.len() - rest.len();
        let mut body = (take::<_, _, ()>(length), take(SUM_LEN));
        let (rest, (payload, sum)) = body.parse(rest).map_err(|_| torn(end))?;
        self.sum = checksum(self.sum, kind, length, payload);
        if self.sum != sum {
            return Err(error(at, "a page is damaged: its checksum does not fit"));
        }
        self.at = end - rest.len();
        self.rest = rest;
        Ok(Page { kind, payload, at })
    }

    fn next(&mut self, kind: u8) -> Result<Page<'a>, StorageError> {
        let page = self.next_any()?;
        if page.kind == kind { Ok(page) } else { Err(error(page.at, "it does not begin with a header")) }
    }

    fn finish(&self) -> Result<(), StorageError> {
        if self.rest.is_empty() { Ok(()) } else { Err(error(self.at, "bytes behind the end")) }
    }
}

fn read_header(page: &Page<'_>) -> Result<SnapshotHeader, StorageError> {
    let mut fields = (be_u64::<_, ()>, be_u32, be_u64, be_u64);
    match fields.parse(page.payload) {
        Ok(([], (server, incarnation, stamp_clock, wall))) => Ok(SnapshotHeader {
            server: ServerId(server),
            incarnation: Incarnation(incarnation),
            stamp_clock,
            wall: UnixMillis(wall),
        }),
        _ => Err(error(page.at, "the header has another length")),
    }
}

fn read_all<'a, T>(
    page: &Page<'a>,
    problem: &str,
    parse: impl Fn(&'a [u8]) -> Option<(&'a [u8], T)>,
    into: &mut Vec<T>,
) -> Result<(), StorageError> {
    let mut rest = page.payload;
    while !rest.is_empty() {
        let at = page.at + page.payload.len() - rest.len();
        let (after, one) = parse(rest).ok_or_else(|| error(at, problem))?;
        rest = after;
        into.push(one);
    }
    Ok(())
}

fn check_end(page: &Page<'_>, format: u8, snapshot: &Snapshot) -> Result<(), StorageError> {
    let number = |count: usize| u64::try_from(count).unwrap_or(u64::MAX).to_be_bytes();
    let mut expected = number(snapshot.rows.len()).to_vec();
    if format != OLD_FORMAT {
        expected.extend(number(snapshot.ended.len()));
    }
    if page.payload == expected { Ok(()) } else { Err(error(page.at, "another number of rows than it says")) }
}

/// What the first checksum is made with: the format, so that one is not taken for the other.
const fn first_sum(format: u8) -> [u8; SUM_LEN] {
    [0, 0, 0, 0, 0, 0, 0, if format == OLD_FORMAT { 0 } else { format }]
}

fn checksum(before: [u8; SUM_LEN], kind: u8, length: u32, payload: &[u8]) -> [u8; SUM_LEN] {
    let mut context = digest::Context::new(&digest::SHA256);
    context.update(b"hms1 snap");
    context.update(&before);
    context.update(&[kind]);
    context.update(&length.to_be_bytes());
    context.update(payload);
    let mut sum = [0; SUM_LEN];
    sum.copy_from_slice(context.finish().as_ref().split_at(SUM_LEN).0);
    sum
}

fn torn(at: usize) -> StorageError {
    error(at, "it is torn: it ends before its end mark")
}

fn error(at: usize, problem: impl Into<String>) -> StorageError {
    StorageError::new(Document::Snapshot, Place::Offset(at), problem)
}
