//! HINT between HMSs: who dials with a key that the other does not have is told so (R-PEE-24).

use std::net::SocketAddr;

use super::super::Server;
use super::super::answer::Ask;
use crate::auth::checksum_holds;
use crate::ident::{Epoch, RealmId, SessionId, UserId};
use crate::net::Arrival;
use crate::time::Instant;
use crate::transport::{DropReason, KeyId, is_hello};
use crate::wire::{Header, Hint, HintCode, Kind, Unverified};

impl Server {
    /// What a HELLO gets that was dropped for this reason.
    pub(super) fn hint_peer(
        &mut self,
        now: Instant,
        from: SocketAddr,
        arrival: Arrival,
        hello: &[u8],
        reason: DropReason,
    ) {
        let no_key = matches!(reason, DropReason::Tag | DropReason::Key);
        let Some((user, sequence)) = key_and_attempt(hello).filter(|_| no_key && is_hello(hello)) else {
            return;
        };
        if !self.settings.hints || !self.hints.allow(now, from) {
            return;
        }
        let header = Header {
            kind: Kind::Hint,
            flags: 0,
            epoch: Epoch(0),
            realm: RealmId(0),
            user,
            session: SessionId(0),
            sequence,
        };
        self.answers.hint(&Ask { now, from, arrival, header, len: hello.len() }, HintCode::PeerKey);
    }

    /// A HINT has come. It proves nothing and stops nothing: it is shown if nobody answers.
    pub(in crate::server) fn peer_hint(
        &mut self,
        now: Instant,
        from: SocketAddr,
        arrival: Arrival,
        datagram: &Unverified<'_>,
    ) {
        let attempt = hinted_attempt(datagram);
        let route = self.peers.routes.of(from, arrival);
        match attempt.and_then(|attempt| self.peers.endpoint.attempt(route, attempt)) {
            Some(link) => self.peers.cluster.hinted(now, link),
            None => self.dropped("type"),
        }
    }
}

/// Key id and number of the attempt, as they stand in a HELLO (spec 9.1).
fn key_and_attempt(hello: &[u8]) -> Option<(UserId, u64)> {
    let key = hello.get(8..16)?.first_chunk()?;
    let attempt = hello.get(24..32)?.first_chunk()?;
    Some((UserId(*key), u64::from_be_bytes(*attempt)))
}

/// The attempt with the cluster's key of which a HINT says that the key is not known.
fn hinted_attempt(datagram: &Unverified<'_>) -> Option<u64> {
    let hint = Hint::parse(datagram).ok().filter(|_| checksum_holds(datagram))?;
    let header = datagram.header();
    let cluster = u64::from_be_bytes(header.user.0) == KeyId::CLUSTER.0;
    (hint.code == HintCode::PeerKey && cluster).then_some(header.sequence)
}
