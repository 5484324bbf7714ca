//! Messages out of the MESSAGE frames of one direction (R-TRN-35).

use std::collections::BTreeMap;

use hms::transport::Priority;
use hms::transport::limits::MESSAGE_MAX;
use hms::wire::Problem;
use hms::wire::peer::{PeerMessage, Stream};

/// More is never on its way: bytes beyond it mean that the capture lacks what came before (R-TRN-60).
const WAITING_MAX: usize = 2 << 20;
/// Length of a message.
const HEAD: usize = 4;

/// A message that is there whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Whole {
    pub(crate) stream: Priority,
    /// In the stream, of its length.
    pub(crate) offset: u64,
    pub(crate) bytes: Vec<u8>,
}

/// The stream by which chapter 10 calls it.
pub(crate) const fn stream(priority: Priority) -> Stream {
    match priority {
        Priority::Control => Stream::Control,
        Priority::Deltas => Stream::Deltas,
        Priority::Bulk => Stream::Bulk,
    }
}

/// What a frame brought.
#[derive(Clone, Debug, Default)]
pub(crate) struct Brought {
    pub(crate) messages: Vec<Whole>,
    /// All of its bytes were in frames before.
    pub(crate) again: bool,
    /// Bytes before it are missing in the capture, and were given up.
    pub(crate) gap: bool,
}

/// One stream of one direction.
#[derive(Default)]
pub(super) struct Assembler {
    /// Where the next message begins; not known if the capture begins behind the link.
    at: Option<u64>,
    waiting: BTreeMap<u64, Vec<u8>>,
    bytes: usize,
}

impl Assembler {
    pub(super) fn take(&mut self, priority: Priority, offset: u64, bytes: &[u8]) -> Brought {
        let mut brought = Brought::default();
        if offset == 0 {
            self.at.get_or_insert(0);
        }
        let end = offset + bytes.len() as u64;
        brought.again = self.at.is_some_and(|at| end <= at)
            || self
                .waiting
                .range(..=offset)
                .next_back()
                .is_some_and(|(from, had)| from + had.len() as u64 >= end);
        if brought.again {
            return brought;
        }
        if self.at.is_none() && messages(stream(priority), bytes) {
            self.at = Some(offset);
        }
        self.keep(offset, bytes);
        if self.bytes > WAITING_MAX {
            (self.at, self.bytes, brought.gap) = (None, 0, true);
            self.waiting.clear();
        }
        while let Some(whole) = self.next(priority) {
            brought.messages.push(whole);
        }
        brought
    }

    /// Keeps of the bytes what is not there yet.
    fn keep(&mut self, mut offset: u64, mut bytes: &[u8]) {
        let before = self.waiting.range(..=offset).next_back().map(|(from, had)| from + had.len() as u64);
        let from = before.into_iter().chain(self.at).max().unwrap_or(0).max(offset);
        bytes = bytes.get((from - offset) as usize..).unwrap_or_default();
        offset = from;
        while !bytes.is_empty() {
            let next = self.waiting.range(offset..).next().map(|(from, had)| (*from, had.len()));
            let room = next.map_or(bytes.len(), |(from, _)| ((from - offset) as usize).min(bytes.len()));
            let (now, rest) = bytes.split_at(room);
            if !now.is_empty() {
                self.bytes += now.len();
                self.waiting.insert(offset, now.to_vec());
            }
            let had = next.map_or(0, |(_, had)| had).min(rest.len());
            (offset, bytes) = (offset + (room + had) as u64, rest.get(had..).unwrap_or_default());
        }
    }

    fn next(&mut self, stream: Priority) -> Option<Whole> {
        let at = self.at?;
        let head = self.copy(at, HEAD)?;
        let length = u32::from_be_bytes(*head.first_chunk()?) as usize;
        if length > MESSAGE_MAX {
            self.at = None;
            return None;
        }
        let bytes = self.copy(at + HEAD as u64, length)?;
        let end = at + (HEAD + length) as u64;
        self.at = Some(end);
        let rest = self.waiting.split_off(&end);
        if let Some((from, last)) = self.waiting.pop_last()
            && let Some(behind) = last.get((end - from) as usize..).filter(|behind| !behind.is_empty())
        {
            self.waiting.insert(end, behind.to_vec());
        }
        self.waiting.retain(|from, _| *from >= end);
        self.waiting.extend(rest);
        self.bytes = self.waiting.values().map(Vec::len).sum();
        Some(Whole { stream, offset: at, bytes })
    }

    /// So many bytes from there on, if all are there.
    fn copy(&self, mut at: u64, length: usize) -> Option<Vec<u8>> {
        let mut bytes = Vec::new();
        while bytes.len() < length {
            let (from, piece) = self.waiting.range(..=at).next_back()?;
            let piece = piece.get((at - from) as usize..).filter(|piece| !piece.is_empty())?;
            let piece = piece.get(..length - bytes.len()).unwrap_or(piece);
            bytes.extend_from_slice(piece);
            at += piece.len() as u64;
        }
        Some(bytes)
    }
}

/// Whether these bytes are whole messages that can be read, one behind the other.
fn messages(stream: Stream, mut bytes: &[u8]) -> bool {
    while let Some((head, rest)) = bytes.split_first_chunk::<HEAD>() {
        let Some((message, rest)) = rest.split_at_checked(u32::from_be_bytes(*head) as usize) else {
            return false;
        };
        let unknown = |problem: &Problem| matches!(problem, Problem::Type(_));
        if PeerMessage::parse(stream, message).is_err_and(|error| !unknown(&error.problem)) {
            return false;
        }
        if rest.is_empty() {
            return true;
        }
        bytes = rest;
    }
    false
}
