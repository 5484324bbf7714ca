//! Datagrams between HMSs, in and out, and the time of their links.

use std::net::SocketAddr;

use super::super::{Level, Server};
use super::Peers;
use crate::ident::ServerId;
use crate::limits::PEER_STALL;
use crate::net::{Arrival, Transmit};
use crate::time::{Duration, Instant};
use crate::transport::limits::DATAGRAM_MAX;
use crate::transport::{CloseCode, Connection, DropReason, LoggedLink, is_hello};

/// How late a timer is at least where the process stood still: who had nothing to do did not.
const LATE: Duration = Duration::from_secs(1);

impl Server {
    /// Has links with other HMSs tell what opens them (R-TRN-15).
    pub fn set_key_log(&mut self, on: bool) {
        self.peers.endpoint.set_key_log(on);
    }

    /// What opens a link that was made, if that is wanted.
    pub fn poll_key_log(&mut self) -> Option<LoggedLink> {
        self.peers.endpoint.poll_key_log()
    }

    /// Takes a datagram of another HMS.
    pub(in crate::server) fn link_datagram(
        &mut self,
        now: Instant,
        from: SocketAddr,
        arrival: Arrival,
        bytes: &[u8],
    ) {
        if arrival.multicast {
            return self.dropped("type");
        }
        if self.peers.expects_nobody() && !is_hello(bytes) {
            return self.dropped("unasked");
        }
        if bytes.len() > DATAGRAM_MAX {
            return self.dropped("length");
        }
        let route = self.peers.routes.of(from, arrival);
        let Peers { endpoint, scratch, .. } = &mut self.peers;
        scratch.clear();
        scratch.extend_from_slice(bytes);
        // What is dropped is counted there.
        let dropped = endpoint.handle_datagram(now, route, scratch);
        self.judged.dropped = dropped.map(DropReason::name);
        if let Some(reason) = dropped {
            self.hint_peer(now, from, arrival, bytes, reason);
        }
        // What was acknowledged makes room.
        self.peers.turn_due = self.peers.exchanging;
        self.attend(now);
        self.answer_held(now);
    }

    /// Does what is due between HMSs.
    pub(in crate::server) fn peers_timeout(&mut self, now: Instant) {
        if self.peers.due.is_none_or(|due| due > now) && !self.has_news() {
            return;
        }
        self.peers.endpoint.handle_timeout(now);
        let Peers { endpoint, cluster, .. } = &mut self.peers;
        cluster.handle_timeout(now, |link| endpoint.link(link).map(|link| link.heard()));
        self.attend(now);
        self.exchange_turn(now);
        self.attend(now);
    }

    /// The next datagram for another HMS.
    pub(in crate::server) fn peers_output(&mut self, now: Instant, buf: &mut Vec<u8>) -> Option<Transmit> {
        if !self.peers.sends {
            return None;
        }
        let out = self.peers.endpoint.poll_output(now, buf);
        if out.is_none() {
            self.peers.sends = false;
            self.peers.look_ahead(now);
        }
        out.map(|out| self.peers.routes.transmit(out))
    }

    /// The process stood still for so long until now: what it knows of the others may be past (R-PEE-06).
    pub(in crate::server) fn peers_stalled(&mut self, now: Instant, by: Duration) {
        if by > PEER_STALL && !self.peers.cluster.is_standalone() {
            let doubted = self.registry.doubt_silent(now);
            if doubted > 0 {
                let text =
                    format!("rows unconfirmed, as their hosts may have left elsewhere meanwhile: {doubted}");
                self.log(Level::Info, &text);
            }
            self.peers.cluster.stalled(now);
            self.attend(now);
        }
    }

    /// For how long the links have waited for the process, which was not called since `turned`.
    pub(in crate::server) fn peers_waited(&self, now: Instant, turned: Instant) -> Duration {
        let late = self.peers.due.is_some_and(|due| due + LATE < now);
        if late { now.since(turned) } else { Duration::ZERO }
    }
}

impl Peers {
    /// There is no link, and no HMS that could think that there is one: who is alone answers nothing unproven.
    fn expects_nobody(&self) -> bool {
        self.cluster.is_standalone() && self.endpoint.links().next().is_none()
    }

    /// Who is at the other end of the link that a DATA names.
    pub(in crate::server) fn of_session(&self, bytes: &[u8]) -> Option<ServerId> {
        let session = bytes.get(8..)?.first_chunk().copied().map(u64::from_be_bytes)?;
        self.endpoint.link_of_session(session)?.peer().map(|peer| peer.server)
    }

    /// The link that sent last.
    pub(in crate::server) fn sent_last(&self) -> Option<&Connection> {
        self.endpoint.sent_last()
    }

    /// When time is wanted next.
    pub(in crate::server) const fn due(&self) -> Option<Instant> {
        self.due
    }

    /// Looks when the endpoint and the cluster want time next: they are not asked at each turn.
    pub(super) fn look_ahead(&mut self, now: Instant) {
        let links = self.endpoint.poll_timeout().into_iter().chain(self.cluster.poll_timeout());
        let turn = self.turn_due.then_some(now).or_else(|| self.exchange.poll_timeout());
        self.due = links.chain(turn).min();
    }

    /// Who is to work alone has no links and takes none.
    pub(super) fn set_alone(&mut self, now: Instant, alone: bool) {
        self.open_to_newcomers(!alone);
        if !alone {
            return self.endpoint.add_secret(self.secret.clone());
        }
        self.endpoint.remove_secret(self.secret.id());
        let links: Vec<_> = self.endpoint.links().map(|(link, _)| link).collect();
        for link in links {
            self.endpoint.close(now, link, CloseCode::DONE, "told to work alone");
        }
    }
}
