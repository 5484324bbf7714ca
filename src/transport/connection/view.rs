//! What can be asked of a link.

use std::net::SocketAddr;

use super::{Connection, Phase, Stats};
use crate::ident::ServerId;
use crate::time::Instant;
use crate::transport::event::{Peer, Priority};
use crate::transport::hello::Hello;
use crate::transport::keys::{KeyId, Party, Side};
use crate::transport::receiving::Receiving;
use crate::transport::route::Route;
use crate::transport::rtt::Rtt;
use crate::transport::sending::Sending;

impl Connection {
    /// Whether nothing is left to do or to tell.
    pub(in crate::transport) const fn is_over(&self) -> bool {
        matches!(self.phase, Phase::Drained) && self.end.is_none()
    }

    /// Whether the peer has proven itself and nobody has closed.
    pub const fn is_open(&self) -> bool {
        matches!(self.phase, Phase::Open)
    }

    pub(in crate::transport) const fn is_half_open(&self) -> bool {
        matches!(self.phase, Phase::HalfOpen(_))
    }

    /// Who is at the other end, once that is known.
    pub const fn peer(&self) -> Option<Peer> {
        self.peer
    }

    pub(in crate::transport) fn has_peer(&self, server: ServerId) -> bool {
        self.peer.is_some_and(|peer| peer.server == server)
    }

    /// Whether this very process is at the other end.
    pub(in crate::transport) fn is_of(&self, party: &Party) -> bool {
        self.peer.is_some_and(|peer| (peer.server, peer.incarnation) == (party.server, party.incarnation))
    }

    /// What its last DATA was for: `ack` alone, `content` (messages, credit, PING), a `probe`, or `close`.
    pub const fn sent_as(&self) -> &'static str {
        self.sent_as
    }

    /// Which secret the link is made with.
    pub const fn key(&self) -> KeyId {
        self.key
    }

    /// Who began.
    pub const fn side(&self) -> Side {
        self.side
    }

    /// The peer's address.
    pub const fn remote(&self) -> SocketAddr {
        self.route.remote
    }

    /// The way that its packets take.
    pub const fn route(&self) -> Route {
        self.route
    }

    /// Whether it was made by this very HELLO from there (R-TRN-21).
    pub(in crate::transport) fn answers(&self, from: Route, hello: &Hello) -> bool {
        let own = (self.distant, self.attempt, self.key, self.nonce);
        let asked = (hello.party.session, hello.attempt, hello.key, hello.party.nonce);
        self.side == Side::Responder && own == asked && self.route.takes(from)
    }

    pub(in crate::transport) const fn distant(&self) -> u64 {
        self.distant
    }

    pub(in crate::transport) const fn attempt(&self) -> u64 {
        self.attempt
    }

    /// When the link opened.
    pub const fn opened(&self) -> Option<Instant> {
        self.opened
    }

    /// A time at which the peer's process was alive for certain: of two that followed each other, the later one was
    /// met later (R-TRN-24).
    pub(in crate::transport) const fn met(&self) -> Instant {
        self.met
    }

    /// When something last came that the keys proved.
    pub const fn heard(&self) -> Instant {
        self.heard
    }

    /// The round trip.
    pub const fn rtt(&self) -> &Rtt {
        &self.recovery.rtt
    }

    /// Bytes in flight, and how many may be.
    pub fn window(&self) -> (u64, u64) {
        (self.recovery.in_flight(), self.recovery.controller().window())
    }

    /// Bytes of a stream that the peer does not have yet, lengths included.
    pub fn unacknowledged(&self, priority: Priority) -> u64 {
        self.outward.get(priority.index()).map_or(0, Sending::unacknowledged)
    }

    /// Bytes on the heap: for sending, and for receiving (R-TRN-62).
    pub fn memory(&self) -> (usize, usize) {
        let sending = self.outward.iter().map(Sending::memory).sum::<usize>() + self.recovery.memory();
        (sending, self.inward.iter().map(Receiving::memory).sum())
    }

    /// What was counted.
    pub const fn stats(&self) -> Stats {
        Stats { lost: self.recovery.lost_packets, ..self.stats }
    }
}
