//! One stream on its way in: put together, cut into messages when the user asks for them.

use super::event::Priority;
use super::limits::{MESSAGE_HEADER, MESSAGE_MAX, NUMBER_END, RANGE_COST, STREAM_RANGES, WINDOWS};
use super::ranges::Ranges;
use super::store::Store;

/// The receiving half of a stream.
pub(super) struct Receiving {
    store: Store,
    /// All below was taken by the user.
    taken: u64,
    /// All below is here.
    whole: u64,
    /// Here, above that.
    islands: Ranges,
    /// What the peer was told that it may send.
    limit: u64,
    window: u64,
}

/// Why bytes were not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refused {
    /// Beyond the credit.
    Credit,
    /// Too many ranges.
    Room,
}

/// A message whose length cannot be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TooLong;

impl Receiving {
    pub(super) fn new(stream: Priority) -> Self {
        let window = WINDOWS.get(stream.index()).copied().unwrap_or(0);
        Self { store: Store::default(), taken: 0, whole: 0, islands: Ranges::new(), limit: window, window }
    }

    /// Whether the bytes could be taken now; nothing changes.
    pub(super) fn check(&self, offset: u64, len: usize) -> Result<(), Refused> {
        let end = offset.saturating_add(len as u64);
        if end > self.limit {
            return Err(Refused::Credit);
        }
        let one_more = offset > self.whole && self.islands.adds_one(offset, end);
        if one_more && self.islands.len() >= STREAM_RANGES { Err(Refused::Room) } else { Ok(()) }
    }

    /// Takes bytes that were checked.
    pub(super) fn take(&mut self, offset: u64, bytes: &[u8]) {
        let known = usize::try_from(self.whole.saturating_sub(offset)).unwrap_or(usize::MAX);
        let Some((_, fresh)) = bytes.split_at_checked(known) else { return };
        let start = offset.max(self.whole);
        let end = start + fresh.len() as u64;
        self.store.write(start, fresh);
        if start > self.whole {
            self.islands.insert(start, end);
            return;
        }
        self.whole = end;
        while let Some((s, e)) = self.islands.first().filter(|(s, _)| *s <= self.whole) {
            self.whole = self.whole.max(e);
            self.islands.remove(s, e);
        }
    }

    /// Whether the next message is whole, and how long it is.
    fn ready(&self) -> Result<Option<usize>, TooLong> {
        if self.whole - self.taken < MESSAGE_HEADER as u64 {
            return Ok(None);
        }
        let mut length = [0; MESSAGE_HEADER];
        self.store.read(self.taken, &mut length);
        let length = usize::try_from(u32::from_be_bytes(length)).map_err(|_| TooLong)?;
        if length > MESSAGE_MAX {
            return Err(TooLong);
        }
        Ok((self.whole - self.taken >= (length + MESSAGE_HEADER) as u64).then_some(length))
    }

    /// The next message, if it is whole.
    pub(super) fn message(&mut self) -> Option<Vec<u8>> {
        let length = self.ready().ok()??;
        let mut message = vec![0; length];
        self.store.read(self.taken + MESSAGE_HEADER as u64, &mut message);
        self.taken += (length + MESSAGE_HEADER) as u64;
        self.store.release(self.taken);
        Some(message)
    }

    /// Whether the length of the next message can be, as far as it is known.
    pub(super) fn sound(&self) -> bool {
        self.ready().is_ok()
    }

    /// The limit that CREDIT would tell, and whether it is due (R-TRN-61).
    pub(super) fn credit(&self) -> (u64, bool) {
        let limit = (self.taken + self.window).min(NUMBER_END - 1);
        (limit, limit.saturating_sub(self.limit) >= self.window / 4)
    }

    /// CREDIT with this limit is being sent.
    pub(super) fn granted(&mut self, limit: u64) {
        self.limit = self.limit.max(limit);
    }

    /// Bytes on the heap, ranges counted by what they take.
    pub(super) fn memory(&self) -> usize {
        self.store.allocated() + self.islands.len() * RANGE_COST
    }
}
