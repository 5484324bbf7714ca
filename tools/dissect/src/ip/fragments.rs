//! Fragments put together again, within bounds: what does not come in time is named and forgotten.

use std::collections::VecDeque;
use std::net::IpAddr;

use super::Packet;

/// Packets whose fragments are awaited at the same time.
const OPEN_MAX: usize = 64;
/// Fragments of one packet: a longest UDP datagram over the least MTU of IPv6 has 55.
const PIECES_MAX: usize = 128;
/// Longest packet.
const LENGTH_MAX: usize = 65_535;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Key {
    source: IpAddr,
    destination: IpAddr,
    id: u32,
}

struct Open {
    key: Key,
    pieces: Vec<(usize, Vec<u8>, u64)>,
    /// Known from the last fragment.
    length: Option<usize>,
}

/// A packet of which fragments are missing.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Incomplete {
    pub(crate) source: IpAddr,
    pub(crate) destination: IpAddr,
    pub(crate) id: u32,
    /// The frames that hold the fragments which are there.
    pub(crate) frames: Vec<u64>,
}

/// Fragments that wait for others.
#[derive(Default)]
pub(crate) struct Fragments {
    open: VecDeque<Open>,
    given_up: Vec<Incomplete>,
}

impl Fragments {
    /// Takes a fragment; gives the payload of the packet that it completes, with the frames that it came in.
    pub(super) fn add(&mut self, packet: &Packet<'_>, frame: u64) -> Option<(Vec<u8>, Vec<u64>)> {
        let piece = packet.fragment?;
        let key = Key { source: packet.source, destination: packet.destination, id: piece.id };
        let end = piece.offset + packet.payload.len();
        let at = match self.open.iter().position(|open| open.key == key) {
            Some(at) => at,
            None => self.begin(key),
        };
        let open = self.open.get_mut(at)?;
        open.pieces.push((piece.offset, packet.payload.to_vec(), frame));
        if !piece.more {
            open.length = Some(end);
        }
        // One that was cut by the capture leaves a hole for ever.
        if !packet.whole || end > LENGTH_MAX || open.pieces.len() > PIECES_MAX {
            self.give_up(at);
            return None;
        }
        let payload = open.whole()?;
        let frames = self.open.remove(at).map(|open| open.frames()).unwrap_or_default();
        Some((payload, frames))
    }

    fn begin(&mut self, key: Key) -> usize {
        if self.open.len() >= OPEN_MAX {
            self.give_up(0);
        }
        self.open.push_back(Open { key, pieces: Vec::new(), length: None });
        self.open.len() - 1
    }

    fn give_up(&mut self, at: usize) {
        if let Some(open) = self.open.remove(at) {
            let Key { source, destination, id } = open.key;
            self.given_up.push(Incomplete { source, destination, id, frames: open.frames() });
        }
    }

    /// Packets that will not be complete any more.
    pub(crate) fn incomplete(&mut self) -> Vec<Incomplete> {
        std::mem::take(&mut self.given_up)
    }

    /// The capture ends: so no packet will be complete any more.
    pub(crate) fn end(&mut self) -> Vec<Incomplete> {
        while !self.open.is_empty() {
            self.give_up(0);
        }
        self.incomplete()
    }
}

impl Open {
    fn frames(&self) -> Vec<u64> {
        let mut frames: Vec<_> = self.pieces.iter().map(|(_, _, frame)| *frame).collect();
        frames.sort_unstable();
        frames.dedup();
        frames
    }

    /// The payload, if no byte of it is missing. Of bytes that came twice the first count.
    fn whole(&mut self) -> Option<Vec<u8>> {
        let length = self.length?;
        self.pieces.sort_by_key(|(offset, _, _)| *offset);
        let mut whole = Vec::with_capacity(length);
        for (offset, bytes, _) in &self.pieces {
            let skip = whole.len().checked_sub(*offset)?;
            whole.extend_from_slice(bytes.get(skip..).unwrap_or_default());
        }
        (whole.len() >= length).then(|| {
            whole.truncate(length);
            whole
        })
    }
}
