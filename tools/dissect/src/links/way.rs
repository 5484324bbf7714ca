//! One direction of a link: what its packets were, and what became of them.

use std::collections::BTreeMap;

use hms::transport::Priority;
use hms::transport::inspect::Frame;

use super::streams::{Assembler, Brought};

/// Packets that are remembered: more are never on their way (R-TRN-62).
const SENT_MAX: usize = 4096;
/// Numbers below the highest acknowledged at which a packet is lost (R-TRN-42).
const LOST_BEHIND: u64 = 3;

/// A packet that is to be acknowledged.
struct Sent {
    time: Option<i128>,
    length: u64,
}

/// What an ACK told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Acked {
    /// Packets that it told first.
    pub(crate) new: u64,
    /// From the sending of the highest of them to this ACK, as the capture saw them.
    pub(crate) after: Option<i128>,
    /// Packets that its receiver takes for lost by now.
    pub(crate) lost: Vec<u64>,
}

/// One direction.
#[derive(Default)]
pub(crate) struct Way {
    pub(crate) packets: u64,
    pub(crate) bytes: u64,
    pub(crate) messages: u64,
    pub(crate) lost: u64,
    /// MESSAGE frames that were said again.
    pub(crate) again: u64,
    /// Numbers that were passed over, on purpose (R-TRN-31) or since the capture lacks them.
    pub(crate) missing: u64,
    pub(crate) least: Option<i128>,
    pub(crate) most: Option<i128>,
    pub(crate) sum: i128,
    pub(crate) samples: u64,
    pub(crate) most_in_flight: u64,
    highest: Option<u64>,
    /// Newest numbers that were seen, to tell a replay.
    seen: BTreeMap<u64, u64>,
    flight: BTreeMap<u64, Sent>,
    in_flight: u64,
    streams: [Assembler; 3],
}

impl Way {
    /// The frame in which a number was seen before, if it was; else it is seen now.
    pub(super) fn before(&mut self, number: u64, frame: u64) -> Option<u64> {
        if let Some(first) = self.seen.get(&number) {
            return Some(*first);
        }
        self.seen.insert(number, frame);
        if self.seen.len() > SENT_MAX {
            self.seen.pop_first();
        }
        match self.highest {
            Some(highest) if number > highest => self.missing += number - highest - 1,
            Some(_) => self.missing = self.missing.saturating_sub(1),
            None => {}
        }
        self.highest = self.highest.max(Some(number));
        None
    }

    pub(super) fn sent(&mut self, number: u64, time: Option<i128>, length: usize, frames: &[Frame<'_>]) {
        self.packets += 1;
        self.bytes += length as u64;
        if !frames.iter().any(Frame::eliciting) {
            return;
        }
        let length = length as u64;
        self.in_flight += length;
        self.most_in_flight = self.most_in_flight.max(self.in_flight);
        self.flight.insert(number, Sent { time, length });
        if self.flight.len() > SENT_MAX {
            self.flight.pop_first().inspect(|(_, sent)| self.in_flight -= sent.length);
        }
    }

    /// Bytes that are on their way now.
    pub(crate) const fn in_flight(&self) -> u64 {
        self.in_flight
    }

    /// The other side tells what arrived.
    pub(super) fn acked(&mut self, ranges: &[(u64, u64)], now: Option<i128>) -> Acked {
        let mut acked = Acked::default();
        let Some((_, largest)) = ranges.first() else { return acked };
        for (low, high) in ranges {
            let numbers: Vec<u64> = self.flight.range(*low..=*high).map(|(number, _)| *number).collect();
            for number in numbers {
                let Some(sent) = self.flight.remove(&number) else { continue };
                self.in_flight -= sent.length;
                acked.new += 1;
                if number == *largest {
                    acked.after = now.zip(sent.time).map(|(now, sent)| now - sent);
                }
            }
        }
        let behind = largest.saturating_sub(LOST_BEHIND - 1);
        acked.lost = self.flight.range(..behind).map(|(number, _)| *number).collect();
        for number in &acked.lost {
            if let Some(sent) = self.flight.remove(number) {
                self.in_flight -= sent.length;
            }
        }
        self.lost += acked.lost.len() as u64;
        if let Some(after) = acked.after {
            self.least = Some(self.least.map_or(after, |least| least.min(after)));
            self.most = self.most.max(Some(after));
            (self.sum, self.samples) = (self.sum + after, self.samples + 1);
        }
        acked
    }

    pub(super) fn message(&mut self, stream: Priority, offset: u64, bytes: &[u8]) -> Brought {
        let Some(assembler) = self.streams.get_mut(usize::from(stream.code())) else {
            return Brought::default();
        };
        let brought = assembler.take(stream, offset, bytes);
        self.again += u64::from(brought.again);
        self.messages += brought.messages.len() as u64;
        brought
    }

    pub(crate) fn mean(&self) -> Option<i128> {
        (self.samples > 0).then(|| self.sum / i128::from(self.samples))
    }
}
