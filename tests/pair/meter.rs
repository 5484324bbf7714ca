//! What goes between the two HMSs. They also tell each other every 2 s that they live: so everything is counted in
//! pieces of 2 s, and what goes in a piece without anything else (the median) is taken off.

use hms::time::{Duration, Instant};

/// Between two PINGs (R-PEE-40).
pub const PIECE: Duration = Duration::from_secs(2);
/// What is longer carries a message; what is not, an acknowledgement alone.
const BARE: usize = 64;

/// From the one HMS and from the other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flow {
    /// Datagrams with a message.
    pub messages: [i64; 2],
    /// Datagrams that acknowledge and say nothing else.
    pub acks: [i64; 2],
    /// Bytes of UDP payload of both.
    pub bytes: [i64; 2],
}

impl Flow {
    fn map(self, other: Self, with: impl Fn(i64, i64) -> i64) -> Self {
        let both = |a: [i64; 2], b: [i64; 2]| [with(a[0], b[0]), with(a[1], b[1])];
        Self {
            messages: both(self.messages, other.messages),
            acks: both(self.acks, other.acks),
            bytes: both(self.bytes, other.bytes),
        }
    }
}

#[derive(Default)]
pub struct Meter {
    pieces: Vec<Flow>,
}

impl Meter {
    pub fn count(&mut self, at: Instant, from: usize, length: usize) {
        let piece = number(at);
        if self.pieces.len() <= piece {
            self.pieces.resize(piece + 1, Flow::default());
        }
        let flow = &mut self.pieces[piece];
        let kind = if length > BARE { &mut flow.messages } else { &mut flow.acks };
        kind[from] += 1;
        flow.bytes[from] += i64::try_from(length).expect("a datagram is short");
    }

    /// What went between two moments at which pieces begin, beside what goes in any piece.
    pub fn beside(&self, begin: Instant, end: Instant, usual: Flow) -> Flow {
        let went = self.within(begin, end).into_iter();
        went.fold(Flow::default(), |sum, flow| {
            sum.map(flow.map(usual, |went, usual| went - usual), |sum, more| sum + more)
        })
    }

    /// What goes in a piece in which there is nothing to say.
    pub fn usual(&self, begin: Instant, end: Instant) -> Flow {
        let pieces = self.within(begin, end);
        let median = |figure: &dyn Fn(&Flow) -> i64| {
            let mut all: Vec<_> = pieces.iter().map(figure).collect();
            all.sort_unstable();
            all.get(all.len() / 2).copied().unwrap_or_default()
        };
        let both = |figure: &dyn Fn(&Flow) -> [i64; 2]| [0, 1].map(|from| median(&|flow| figure(flow)[from]));
        Flow { messages: both(&|f| f.messages), acks: both(&|f| f.acks), bytes: both(&|f| f.bytes) }
    }

    fn within(&self, begin: Instant, end: Instant) -> Vec<Flow> {
        let pieces = number(begin)..number(end);
        pieces.map(|piece| self.pieces.get(piece).copied().unwrap_or_default()).collect()
    }
}

fn number(at: Instant) -> usize {
    let pieces = at.since(Instant::ZERO).as_millis() / PIECE.as_millis();
    usize::try_from(pieces).expect("a test is short")
}
