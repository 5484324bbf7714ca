//! Eliciting packets that were sent, until it is known what became of them.

use std::collections::VecDeque;

use super::event::Priority;
use super::limits::PIECES_MAX;
use crate::time::Instant;

/// Bytes of a stream that a packet carried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Piece {
    pub(super) offset: u64,
    pub(super) len: u16,
    pub(super) stream: Priority,
}

/// What became of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    Flying,
    Acknowledged,
    Lost,
}

/// An eliciting packet.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sent {
    pub(super) number: u64,
    pub(super) at: Instant,
    pub(super) size: u16,
    pub(super) fate: Fate,
    /// CREDIT for these streams was in it, a bit each.
    pub(super) credits: u8,
    /// All numbers below this were told in its ACK, as far as they had come; 0: it had none.
    pub(super) told: u64,
    pub(super) pieces: [Option<Piece>; PIECES_MAX],
}

const _: () = assert!(size_of::<Sent>() <= super::limits::SENT_COST);

impl Sent {
    pub(super) fn pieces(&self) -> impl Iterator<Item = Piece> {
        self.pieces.into_iter().flatten()
    }
}

/// In order of their numbers; those that nothing is asked of any more stay until they are the oldest.
#[derive(Default)]
pub(super) struct Log {
    packets: VecDeque<Sent>,
}

impl Log {
    pub(super) fn push(&mut self, packet: Sent) {
        self.packets.push_back(packet);
    }

    /// How many are kept.
    pub(super) fn len(&self) -> usize {
        self.packets.len()
    }

    pub(super) fn memory(&self) -> usize {
        self.packets.capacity() * size_of::<Sent>()
    }

    /// The packets with numbers from `low` to `high`.
    pub(super) fn between(&mut self, low: u64, high: u64) -> impl Iterator<Item = &mut Sent> {
        let start = self.packets.partition_point(|packet| packet.number < low);
        let end = self.packets.partition_point(|packet| packet.number <= high).max(start);
        self.packets.range_mut(start..end)
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Sent> {
        self.packets.iter_mut()
    }

    /// The oldest one in flight.
    pub(super) fn oldest(&self) -> Option<&Sent> {
        self.packets.iter().find(|packet| packet.fate == Fate::Flying)
    }

    /// Forgets from the front what is settled; what was lost stays for late ACKs from this number on.
    pub(super) fn trim(&mut self, keep_lost_from: u64) {
        while self.packets.front().is_some_and(|packet| match packet.fate {
            Fate::Flying => false,
            Fate::Acknowledged => true,
            Fate::Lost => packet.number < keep_lost_from,
        }) {
            self.packets.pop_front();
        }
    }
}
