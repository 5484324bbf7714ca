//! Writes answers: header, body, tag, into the queue.

use std::net::SocketAddr;

use super::output::Output;
use crate::auth::{DatagramKey, seal, seal_checksum};
use crate::ident::{Epoch, Incarnation, RealmId, SessionId, UserId};
use crate::net::{Arrival, Destination, Transmit};
use crate::planted::{Bug, planted};
use crate::time::Instant;
use crate::wire::{Announce, Header, Hint, HintCode, Kind, PageInfo, PageMessage, RejectCode, Short, flag};

/// One datagram that came in: what every step of its treatment needs.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ask {
    pub(super) now: Instant,
    /// Normalised source.
    pub(super) from: SocketAddr,
    pub(super) arrival: Arrival,
    pub(super) header: Header,
    /// Length of the whole datagram.
    pub(super) len: usize,
}

impl Ask {
    /// Back to where it came from, from the address that was asked.
    pub(super) fn back(&self) -> Transmit {
        Transmit {
            to: Destination::Unicast(self.from),
            source: if self.arrival.multicast { None } else { self.arrival.local },
            interface: self.arrival.interface,
            spare: false,
        }
    }

    /// The same for what anybody can ask for: the source may be forged, and nobody there to take it.
    fn back_to_anybody(&self) -> Transmit {
        Transmit { spare: true, ..self.back() }
    }
}

/// The rising number of all that this process sends (spec 2.6), and the queue that it goes into.
pub(super) struct Answers {
    incarnation: Incarnation,
    number: u64,
    output: Output,
    /// Answers that found no room.
    pub(super) lost: u64,
    /// Hints: all that goes out without a key.
    pub(super) hints: u64,
    /// The first answer since this was cleared.
    pub(super) said: Option<Kind>,
}

impl Answers {
    pub(super) fn new(incarnation: Incarnation) -> Self {
        Self { incarnation, number: 0, output: Output::default(), lost: 0, hints: 0, said: None }
    }

    /// The next number.
    pub(super) fn number(&mut self) -> u64 {
        let step = u64::from(!(planted(Bug::NumberRepeats) && self.number % 50 == 7));
        self.number = self.number.saturating_add(step);
        self.number
    }

    /// Answers with 68 bytes; the session id is that of the request.
    pub(super) fn short(&mut self, ask: &Ask, kind: Kind, argument: u64, key: &impl DatagramKey) {
        let body = Short { incarnation: self.incarnation, number: self.number(), argument };
        self.write(ask.back_to_anybody(), Some(ask.header.kind), &ask.header.answer(kind), key, |buf| {
            body.emit(buf);
        });
    }

    /// REJECT.
    pub(super) fn reject(&mut self, ask: &Ask, code: RejectCode, value: u32, key: &impl DatagramKey) {
        self.short(ask, Kind::Reject, Short::reject_argument(code, value), key);
    }

    /// Queues one datagram whose body `body` writes.
    pub(super) fn send(
        &mut self,
        to: Transmit,
        header: &Header,
        key: &impl DatagramKey,
        body: impl FnOnce(&mut Vec<u8>),
    ) {
        self.write(to, asked(header.kind), header, key, body);
    }

    fn write(
        &mut self,
        to: Transmit,
        asked: Option<Kind>,
        header: &Header,
        key: &impl DatagramKey,
        body: impl FnOnce(&mut Vec<u8>),
    ) {
        let mut buf = self.output.buffer();
        header.emit(&mut buf);
        body(&mut buf);
        seal(key, &mut buf);
        self.queue(to, buf, header.kind, asked);
    }

    /// PAGE: `write` appends PAGE-INFO and rows, or nothing; then nothing is sent.
    pub(super) fn page(
        &mut self,
        ask: &Ask,
        key: &impl DatagramKey,
        write: impl FnOnce(&mut Vec<u8>) -> Option<PageInfo>,
    ) -> Option<PageInfo> {
        let number = self.number();
        let mut buf = self.output.buffer();
        ask.header.answer(Kind::Page).emit(&mut buf);
        PageMessage::emit_head(self.incarnation, number, &mut buf);
        let page = write(&mut buf);
        if page.is_some() {
            seal(key, &mut buf);
            self.queue(ask.back(), buf, Kind::Page, Some(ask.header.kind));
        } else {
            self.output.give_back(buf);
        }
        page
    }

    /// HINT: without a key, to whoever could not prove anything (spec 2.7).
    pub(super) fn hint(&mut self, ask: &Ask, code: HintCode) {
        let header =
            Header { flags: flag::UNAUTHENTICATED, session: SessionId(0), ..ask.header.answer(Kind::Hint) };
        let mut buf = self.output.buffer();
        header.emit(&mut buf);
        Hint::new(code).emit(&mut buf);
        seal_checksum(&mut buf);
        self.hints = self.hints.saturating_add(1);
        self.queue(ask.back_to_anybody(), buf, Kind::Hint, Some(ask.header.kind));
    }

    /// ANNOUNCE to the groups (R-DSC-05).
    pub(super) fn announce(&mut self, announce: &Announce) {
        let header = Header {
            kind: Kind::Announce,
            flags: flag::UNAUTHENTICATED,
            epoch: Epoch(0),
            realm: RealmId(0),
            user: UserId::default(),
            session: SessionId(0),
            sequence: u64::from(self.incarnation.0),
        };
        let mut buf = self.output.buffer();
        header.emit(&mut buf);
        announce.emit(&mut buf);
        seal_checksum(&mut buf);
        let to = Transmit { to: Destination::Groups, source: None, interface: None, spare: false };
        self.queue(to, buf, Kind::Announce, None);
    }

    fn queue(&mut self, to: Transmit, buf: Vec<u8>, kind: Kind, asked: Option<Kind>) {
        self.said = self.said.or(Some(kind));
        if !self.output.push(to, buf, asked) {
            self.lost = self.lost.saturating_add(1);
        }
    }

    /// The oldest waiting datagram.
    pub(super) fn pop(&mut self, buf: &mut Vec<u8>) -> Option<Transmit> {
        self.output.pop(buf)
    }

    /// What the datagram answers that was given out last.
    pub(super) const fn asked(&self) -> Option<Kind> {
        self.output.asked
    }

    /// Whether nothing waits.
    pub(super) fn is_empty(&self) -> bool {
        self.output.is_empty()
    }

    /// The process that answers.
    pub(super) const fn incarnation(&self) -> Incarnation {
        self.incarnation
    }
}

/// What an answer of this type answers, where it answers one type only.
const fn asked(kind: Kind) -> Option<Kind> {
    match kind {
        Kind::Registered => Some(Kind::Register),
        Kind::Ack => Some(Kind::Heartbeat),
        Kind::Digests => Some(Kind::Pull),
        _ => None,
    }
}
