//! Which numbers came in, and when they are to be acknowledged (R-TRN-32, R-TRN-34, R-TRN-40).

use super::ack::{AckFrame, AckSpace, ack_of};
use super::limits::{ACK_DELAY, ACK_EVERY, ACK_LONG, ACK_RANGES};
use super::ranges::Ranges;
use crate::time::Instant;

/// The numbers of one direction, as the receiver knows them.
#[derive(Debug)]
pub(super) struct Received {
    numbers: Ranges,
    /// All below counts as taken.
    floor: u64,
    /// The peer knows what came of all below.
    told: u64,
    /// The highest, and when it came.
    largest: Option<(u64, Instant)>,
    /// Eliciting packets since the last ACK.
    unanswered: u32,
    due: Option<Instant>,
}

impl Received {
    pub(super) const fn new() -> Self {
        Self { numbers: Ranges::new(), floor: 0, told: 0, largest: None, unanswered: 0, due: None }
    }

    /// Whether the number was not taken before.
    pub(super) fn is_new(&self, number: u64) -> bool {
        number >= self.floor && !self.numbers.contains(number)
    }

    /// Takes a number.
    pub(super) fn take(&mut self, now: Instant, number: u64, eliciting: bool) {
        let follows = self.largest.map_or(number == 0, |(largest, _)| number == largest + 1);
        self.numbers.insert(number, number + 1);
        if self.numbers.len() > ACK_RANGES {
            self.numbers.pop_first();
            self.floor = self.numbers.first().map_or(self.floor, |(start, _)| start);
        }
        if self.largest.is_none_or(|(largest, _)| number > largest) {
            self.largest = Some((number, now));
        }
        if eliciting {
            self.unanswered += 1;
            let at_once = !follows || self.unanswered >= ACK_EVERY;
            let due = if at_once { now } else { now + ACK_DELAY };
            self.due = Some(self.due.map_or(due, |before| before.min(due)));
        }
    }

    /// When an ACK must go by itself.
    pub(super) const fn due(&self) -> Option<Instant> {
        self.due
    }

    /// The ACK to be sent now, if anything is unacknowledged; with an eliciting packet also if it is long: what it tells
    /// need not be told again when that packet is acknowledged (R-TRN-40).
    pub(super) fn frame<'a>(
        &self,
        now: Instant,
        eliciting: bool,
        space: &'a mut AckSpace,
    ) -> Option<AckFrame<'a>> {
        let ranges = || self.numbers.downwards().take_while(|(_, end)| *end >= self.told);
        let wanted = self.unanswered > 0 || (eliciting && ranges().nth(ACK_LONG).is_some());
        let (_, at) = self.largest.filter(|_| wanted)?;
        ack_of(ranges(), now.since(at), space)
    }

    /// The peer has an ACK that told all below: ranges there need not be told again (RFC 9000, 13.2.4), only known.
    pub(super) fn known_below(&mut self, told: u64) {
        self.told = self.told.max(told);
    }

    /// An ACK goes out.
    pub(super) const fn answered(&mut self) {
        (self.unanswered, self.due) = (0, None);
    }
}
