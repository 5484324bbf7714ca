//! Answers between `handle_datagram` and `poll_output`, without an allocation per datagram.

use std::collections::VecDeque;

use crate::limits::DATAGRAM_MAX;
use crate::net::Transmit;
use crate::wire::Kind;

/// Answers that may wait; the shell drains after every batch, so more than this are only lost when it does not.
const WAITING_MAX: usize = 8192;
/// Empty buffers kept for the next answers.
const SPARE_MAX: usize = 256;

/// A datagram, and what it answers if it answers one.
struct Waiting {
    to: Transmit,
    bytes: Vec<u8>,
    asked: Option<Kind>,
}

/// Queue of written datagrams. Buffers go round: what `pop` gives the caller comes back in its next call.
#[derive(Default)]
pub(super) struct Output {
    waiting: VecDeque<Waiting>,
    spare: Vec<Vec<u8>>,
    /// What that answers which was given out last.
    pub(super) asked: Option<Kind>,
}

impl Output {
    /// An empty buffer to write a datagram into; hand it to [`Self::push`] or [`Self::give_back`].
    pub(super) fn buffer(&mut self) -> Vec<u8> {
        self.spare.pop().unwrap_or_else(|| Vec::with_capacity(DATAGRAM_MAX))
    }

    /// Queues a datagram; `false` if there is no room.
    pub(super) fn push(&mut self, to: Transmit, bytes: Vec<u8>, asked: Option<Kind>) -> bool {
        if self.waiting.len() >= WAITING_MAX {
            self.give_back(bytes);
            return false;
        }
        self.waiting.push_back(Waiting { to, bytes, asked });
        true
    }

    /// Takes a buffer that is not needed.
    pub(super) fn give_back(&mut self, mut bytes: Vec<u8>) {
        if self.spare.len() < SPARE_MAX {
            bytes.clear();
            self.spare.push(bytes);
        }
    }

    /// Puts the oldest datagram into `buf`, whose own memory is kept for a later one.
    pub(super) fn pop(&mut self, buf: &mut Vec<u8>) -> Option<Transmit> {
        let Waiting { to, mut bytes, asked } = self.waiting.pop_front()?;
        self.asked = asked;
        std::mem::swap(buf, &mut bytes);
        self.give_back(bytes);
        Some(to)
    }

    /// Whether nothing waits.
    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::Destination;

    #[test]
    fn buffers_go_round() {
        let mut output = Output::default();
        let to = Transmit { to: Destination::Groups, source: None, interface: None, spare: false };
        let mut buf = Vec::new();
        for round in 0..10u8 {
            let mut bytes = output.buffer();
            assert!(bytes.is_empty());
            bytes.push(round);
            assert!(output.push(to, bytes, Some(Kind::Heartbeat)));
            assert_eq!(output.pop(&mut buf), Some(to));
            assert_eq!((buf.as_slice(), output.asked), ([round].as_slice(), Some(Kind::Heartbeat)));
        }
        assert!(output.spare.len() <= 2, "{} buffers for one datagram at a time", output.spare.len());
        assert!(output.pop(&mut buf).is_none() && output.is_empty());
    }

    #[test]
    fn waiting_is_bounded() {
        let mut output = Output::default();
        let to = Transmit { to: Destination::Groups, source: None, interface: None, spare: false };
        assert!((0..WAITING_MAX).all(|_| output.push(to, Vec::new(), None)));
        assert!(!output.push(to, Vec::new(), None));
    }
}
