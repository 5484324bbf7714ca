//! One stream on its way out: what was not acknowledged yet is kept to be sent again.

use super::event::{Priority, SendError};
use super::limits::{
    BULK_WAITING, MESSAGE_HEADER, MESSAGE_MAX, NUMBER_END, RANGE_COST, SENDING_RANGES, WINDOWS,
};
use super::ranges::Ranges;
use super::store::Store;
use crate::planted::{Bug, planted};

/// The sending half of a stream.
pub(super) struct Sending {
    store: Store,
    /// All below is acknowledged.
    floor: u64,
    /// The first byte that was never sent.
    fresh: u64,
    /// The end of what the user gave.
    end: u64,
    /// Acknowledged, above the floor.
    acked: Ranges,
    /// To be sent again.
    lost: Ranges,
    /// The peer's credit.
    limit: u64,
    window: u64,
    /// What may wait without having been sent.
    waiting: u64,
    /// The user was refused and is to be told of room.
    refused: bool,
}

impl Sending {
    pub(super) fn new(stream: Priority) -> Self {
        let window = WINDOWS.get(stream.index()).copied().unwrap_or(0);
        let waiting = if stream == Priority::Bulk { BULK_WAITING } else { window };
        Self {
            store: Store::default(),
            floor: 0,
            fresh: 0,
            end: 0,
            acked: Ranges::new(),
            lost: Ranges::new(),
            limit: window,
            window,
            waiting,
            refused: false,
        }
    }

    /// Bytes of a message, with its length, that `push` would take now.
    fn room(&self) -> u64 {
        let kept = self.window.saturating_sub(self.end - self.floor);
        kept.min(self.waiting.saturating_sub(self.end - self.fresh))
    }

    /// The longest message that would be taken now.
    pub(super) fn room_for(&self) -> usize {
        let room = self.room().saturating_sub(MESSAGE_HEADER as u64);
        usize::try_from(room).map_or(MESSAGE_MAX, |room| room.min(MESSAGE_MAX))
    }

    /// Takes a message whole, or nothing of it (R-TRN-63); the link has to end where no offsets are left (R-TRN-12).
    pub(super) fn push(&mut self, message: &[u8]) -> Result<(), SendError> {
        if message.len() > MESSAGE_MAX {
            return Err(SendError::TooLong);
        }
        let taken = (message.len() + MESSAGE_HEADER) as u64;
        if self.end + taken >= NUMBER_END {
            return Err(SendError::Closed);
        }
        if taken > self.room() {
            self.refused = true;
            return Err(SendError::Full);
        }
        let length = u32::try_from(message.len()).unwrap_or(u32::MAX);
        self.store.write(self.end, &length.to_be_bytes());
        self.store.write(self.end + MESSAGE_HEADER as u64, message);
        self.end += taken;
        Ok(())
    }

    /// Whether the user waits for room and half of it, or what the longest message takes, is free again; says so once.
    pub(super) fn writable(&mut self) -> bool {
        let enough = (self.waiting / 2).max((MESSAGE_MAX + MESSAGE_HEADER) as u64);
        let ready = self.refused && self.room() >= enough;
        self.refused &= !ready;
        ready
    }

    /// Whether something may be sent now.
    pub(super) fn has_work(&self) -> bool {
        !self.lost.is_empty() || (self.fresh < self.end.min(self.allowed()) && !self.in_crumbs())
    }

    /// Whether there are so many gaps that nothing new may be added (R-TRN-62).
    fn in_crumbs(&self) -> bool {
        self.acked.len() + self.lost.len() >= SENDING_RANGES
    }

    /// The next piece of at most `most` bytes, taken as sent: what is lost before what is new.
    pub(super) fn next(&mut self, most: usize) -> Option<(u64, u16)> {
        let most = most.min(usize::from(u16::MAX)) as u64;
        if let Some((start, end)) = self.lost.first() {
            let end = end.min(start + most);
            self.lost.remove(start, end);
            return Some((start, u16::try_from(end - start).ok()?));
        }
        if self.in_crumbs() {
            return None;
        }
        let end = self.end.min(self.allowed()).min(self.fresh + most);
        let len = u16::try_from(end.checked_sub(self.fresh)?).ok().filter(|len| *len > 0)?;
        let start = self.fresh;
        self.fresh = end;
        Some((start, len))
    }

    pub(super) fn read(&self, offset: u64, out: &mut [u8]) {
        self.store.read(offset, out);
    }

    /// The peer has these bytes.
    pub(super) fn acknowledge(&mut self, start: u64, end: u64) {
        if start > self.floor {
            // A peer that confirms crumbs only gets some of them again: what is kept of them is bounded.
            if self.acked.len() < SENDING_RANGES || !self.acked.adds_one(start, end) {
                self.lost.remove(start, end);
                self.acked.insert(start, end);
            } else {
                self.lose(start, end);
            }
            return;
        }
        self.floor = self.floor.max(end);
        while let Some((s, e)) = self.acked.first().filter(|(s, _)| *s <= self.floor) {
            self.floor = self.floor.max(e);
            self.acked.remove(s, e);
        }
        self.lost.remove(0, self.floor);
        self.store.release(self.floor);
    }

    /// These bytes are to be sent again, as far as the peer does not have them (R-TRN-42); where there are too many
    /// gaps, what lies between two of them as well.
    pub(super) fn lose(&mut self, start: u64, end: u64) {
        let mut at = start.max(self.floor);
        while let Some((known, after)) = self.acked.over(at, end) {
            self.lose_all(at, known);
            at = after;
        }
        self.lose_all(at, end);
    }

    fn lose_all(&mut self, start: u64, end: u64) {
        if self.lost.len() < SENDING_RANGES || !self.lost.adds_one(start, end) {
            self.lost.insert(start, end);
        } else if let Some(near) = self.lost.before(start) {
            self.lost.insert(near, end);
        } else if let Some((first, _)) = self.lost.first() {
            self.lost.insert(start, first);
        }
    }

    /// Up to where bytes may be sent.
    fn allowed(&self) -> u64 {
        if planted(Bug::CreditIgnored) { u64::MAX } else { self.limit }
    }

    /// Takes CREDIT; lower ones are ignored.
    pub(super) fn credit(&mut self, limit: u64) {
        self.limit = self.limit.max(limit);
    }

    /// Bytes that the peer does not have.
    pub(super) const fn unacknowledged(&self) -> u64 {
        self.end - self.floor
    }

    /// Bytes on the heap, ranges counted by what they take.
    pub(super) fn memory(&self) -> usize {
        self.store.allocated() + (self.acked.len() + self.lost.len()) * RANGE_COST
    }
}

#[cfg(test)]
impl Sending {
    /// As if all bytes but so many had been sent and acknowledged.
    pub(super) fn use_up(&mut self, left: u64) {
        let at = NUMBER_END - 1 - left;
        (self.floor, self.fresh, self.end, self.limit) = (at, at, at, NUMBER_END - 1);
        self.store.release(at);
    }
}
