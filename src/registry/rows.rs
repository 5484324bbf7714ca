//! The rows themselves: slabs of fixed size, so that growing never moves a row that exists.

use slab::Slab;

use super::list::{Link, Links};
use crate::ident::{InstanceId, Revision, SessionId, Stamp, UserId};
use crate::time::Instant;

/// "No such id" in links and handles.
pub(super) const NIL: u32 = u32::MAX;

const CHUNK_BITS: u32 = 10;
const CHUNK: usize = 1 << CHUNK_BITS;

/// What is true of a row, one bit each.
pub(super) mod bit {
    /// This process has verified the host.
    pub(in super::super) const CONFIRMED: u8 = 0x01;
    /// Shown as late.
    pub(in super::super) const LATE: u8 = 0x02;
    /// The address is published.
    pub(in super::super) const PUBLISHED: u8 = 0x04;
    /// Would expire within one check time.
    pub(in super::super) const SUSPECT: u8 = 0x08;
    /// The session's first heartbeat was accepted.
    pub(in super::super) const HEARTBEAT: u8 = 0x10;
    /// A signature of the fixed address is kept.
    pub(in super::super) const SIGNED: u8 = 0x20;
    /// A copy for which its home does not vouch.
    pub(in super::super) const UNVOUCHED: u8 = 0x40;
    /// The user's keys were revoked once: the generation is kept beside the rows.
    pub(in super::super) const REVOKED: u8 = 0x80;
}

/// How `ip` is to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Family {
    /// No address was ever proven.
    None,
    /// `ip` is the address.
    V4,
    /// `ip` is the blob that holds the 16 bytes.
    V6,
}

/// One host. A million of them are kept, so every byte counts (see the test of the size). What a heartbeat needs comes
/// first, so that it lies in few cache lines.
#[repr(C)]
pub(super) struct Row {
    pub(super) session: SessionId,
    pub(super) window: (u64, u64),
    pub(super) key: [u8; 32],
    pub(super) ip: u32,
    pub(super) port: u16,
    pub(super) bits: u8,
    pub(super) family: Family,
    pub(super) heard_low: u32,
    /// Together 40 bits of milliseconds: 34 years.
    pub(super) heard_high: u8,
    pub(super) bad_tags: u8,
    pub(super) realm: u16,
    pub(super) user: UserId,
    pub(super) content_version: u32,
    /// Subscription.
    pub(super) sub: u32,
    pub(super) check_ms: u32,
    /// Slot of the deadline wheel.
    pub(super) timer_slot: u16,
    pub(super) home: u16,
    // What follows no heartbeat looks at.
    pub(super) content: u32,
    pub(super) content_len: u16,
    pub(super) server: u16,
    pub(super) revision: Revision,
    pub(super) since_s: u32,
    /// Place in the realm's list of changes.
    pub(super) change: Link,
    /// The next row of the same slot in the user index.
    pub(super) next_user: u32,
    /// Membership in a group.
    pub(super) member: u32,
    pub(super) stamp: Stamp,
    pub(super) instance: InstanceId,
    /// That of the place.
    pub(super) sequence: u64,
}

impl Row {
    /// Reads something from each cache line that a heartbeat needs.
    pub(super) const fn touch(&self) -> u64 {
        self.session.0 ^ self.ip as u64 ^ self.timer_slot as u64
    }

    pub(super) const fn has(&self, bit: u8) -> bool {
        self.bits & bit != 0
    }

    pub(super) const fn set(&mut self, bit: u8, on: bool) {
        if on {
            self.bits |= bit;
        } else {
            self.bits &= !bit;
        }
    }

    /// The place changed, and this process says so (R-PEE-52).
    pub(super) const fn move_here(&mut self) {
        self.sequence = self.window.0;
    }

    /// The last heartbeat, rounded down to a millisecond: an age is never younger than true.
    pub(super) fn heard(&self) -> Instant {
        Instant::from_millis(u64::from(self.heard_high) << 32 | u64::from(self.heard_low))
    }

    pub(super) const fn set_heard(&mut self, now: Instant) {
        let millis = now.millis();
        self.heard_low = millis as u32;
        self.heard_high = (millis >> 32) as u8;
    }
}

/// All rows, by id.
#[derive(Default)]
pub(super) struct Rows {
    chunks: Vec<Slab<Row>>,
    /// Chunks that are not full.
    room: Vec<u32>,
    len: usize,
}

impl Rows {
    pub(super) const fn len(&self) -> usize {
        self.len
    }

    pub(super) fn get(&self, id: u32) -> Option<&Row> {
        self.chunks.get((id >> CHUNK_BITS) as usize)?.get(id as usize % CHUNK)
    }

    pub(super) fn get_mut(&mut self, id: u32) -> Option<&mut Row> {
        self.chunks.get_mut((id >> CHUNK_BITS) as usize)?.get_mut(id as usize % CHUNK)
    }

    pub(super) fn insert(&mut self, row: Row) -> u32 {
        let number = match self.room.last() {
            Some(&number) => number,
            None => self.add_chunk(),
        };
        let Some(chunk) = self.chunks.get_mut(number as usize) else { return NIL };
        let slot = chunk.insert(row);
        if chunk.len() == CHUNK {
            self.room.pop();
        }
        self.len += 1;
        number << CHUNK_BITS | slot as u32
    }

    fn add_chunk(&mut self) -> u32 {
        let number = self.chunks.len() as u32;
        self.chunks.push(Slab::with_capacity(CHUNK));
        self.room.push(number);
        number
    }

    pub(super) fn remove(&mut self, id: u32) -> Option<Row> {
        let number = id >> CHUNK_BITS;
        let chunk = self.chunks.get_mut(number as usize)?;
        let full = chunk.len() == CHUNK;
        let row = chunk.try_remove(id as usize % CHUNK)?;
        if full {
            self.room.push(number);
        }
        self.len -= 1;
        Some(row)
    }

    /// The lowest id from `id` on that is in use.
    pub(super) fn next_from(&self, id: u32) -> Option<u32> {
        let mut slot = id as usize % CHUNK;
        for (number, chunk) in self.chunks.iter().enumerate().skip((id >> CHUNK_BITS) as usize) {
            if let Some(found) = (slot..CHUNK).find(|s| chunk.contains(*s)) {
                return Some((number << CHUNK_BITS | found) as u32);
            }
            slot = 0;
        }
        None
    }
}

/// The rows as nodes of the lists of changes.
pub(super) struct ChangeLinks<'a>(pub(super) &'a mut Rows);

impl Links for ChangeLinks<'_> {
    fn link(&mut self, id: u32) -> Option<&mut Link> {
        self.0.get_mut(id).map(|row| &mut row.change)
    }
}
