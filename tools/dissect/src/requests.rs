//! Requests and their answers. Bounded, and short: what is no longer outstanding is only counted.

use std::collections::BTreeMap;
use std::hash::{Hash, Hasher};
use std::net::{IpAddr, SocketAddr};

use hms::wire::Kind;

use crate::bounded::Bounded;
use crate::datagram::{Datagram, Family, Related};

const REQUESTS_MAX: usize = 65_536;
/// A request is outstanding for so long at most (R-AUT-22).
const OUTSTANDING: i128 = 60_000_000_000;

/// What an answer echoes (realm, user, session, sequence; between HMSs key id and attempt), and who asked from where: a
/// relay or NAT on the way makes another request of it.
#[derive(Clone, Copy, PartialEq, Eq)]
struct RequestId {
    asker: SocketAddr,
    realm: u32,
    user: u64,
    session: u64,
    sequence: u64,
}

impl Hash for RequestId {
    /// By what differs between requests: the hash of a socket address takes longer than all of it.
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.user);
        state.write_u64(self.session);
        state.write_u64(self.sequence);
        state.write_u64(u64::from(self.realm) << 16 | u64::from(self.asker.port()));
        match self.asker.ip() {
            IpAddr::V4(ip) => state.write_u32(ip.to_bits()),
            IpAddr::V6(ip) => state.write_u128(ip.to_bits()),
        }
    }
}

struct Asked {
    frame: u64,
    time: Option<i128>,
    /// The first frame with these bytes.
    first: u64,
    tag: [u8; 16],
    kind: u8,
    answered: bool,
}

pub(crate) struct Requests {
    outstanding: Bounded<RequestId, Asked>,
    /// Of those that were, by type, how many had no answer.
    unanswered: BTreeMap<u8, u64>,
}

impl Default for Requests {
    fn default() -> Self {
        Self { outstanding: Bounded::new(REQUESTS_MAX), unanswered: BTreeMap::new() }
    }
}

impl Requests {
    /// What a datagram has to do with those before it.
    pub(crate) fn relate(&mut self, datagram: &Datagram) -> Related {
        let (frame, time) = (datagram.captured.frame, datagram.captured.time);
        let Some((id, asks)) = request_id(datagram) else { return Related::default() };
        let tag = datagram.captured.bytes.last_chunk().copied().unwrap_or_default();
        let known = self.outstanding.get_mut(&id).filter(|asked| !asked.is_over(time));
        match (asks, known) {
            (true, Some(asked)) if asked.tag == tag => {
                (asked.frame, asked.time) = (frame, time);
                Related { retransmission_of: Some(asked.first), response_to: None }
            }
            (true, _) => {
                let kind = datagram.code().unwrap_or_default();
                let asked = Asked { frame, time, first: frame, tag, kind, answered: false };
                self.outstanding.insert(id, asked);
                self.forget(time);
                Related::default()
            }
            (false, Some(asked)) => {
                asked.answered = true;
                let took = time.zip(asked.time).map(|(now, asked)| now - asked);
                Related { response_to: Some((asked.frame, took)), retransmission_of: None }
            }
            (false, None) => Related::default(),
        }
    }

    /// Requests without an answer, by type; those younger than a second at the end are left out.
    pub(crate) fn unanswered(&self, end: Option<i128>) -> BTreeMap<u8, u64> {
        const GRACE: i128 = 1_000_000_000;
        let old = |asked: &Asked| match (asked.time, end) {
            (Some(time), Some(end)) => end - time > GRACE,
            _ => true,
        };
        let mut all = self.unanswered.clone();
        for (_, asked) in self.outstanding.iter().filter(|(_, asked)| !asked.answered && old(asked)) {
            *all.entry(asked.kind).or_default() += 1;
        }
        all
    }

    fn forget(&mut self, now: Option<i128>) {
        while let Some(asked) = self.outstanding.forget_oldest_if(|asked| asked.is_over(now)) {
            if !asked.answered {
                *self.unanswered.entry(asked.kind).or_default() += 1;
            }
        }
    }
}

impl Asked {
    fn is_over(&self, now: Option<i128>) -> bool {
        now.zip(self.time).is_some_and(|(now, asked)| now - asked > OUTSTANDING)
    }
}

/// What ties an answer to a request, and whether this is the request.
fn request_id(datagram: &Datagram) -> Option<(RequestId, bool)> {
    let header = match datagram.family {
        Family::Host(header) => header,
        Family::Link => return handshake_id(datagram),
        Family::Nothing => return None,
    };
    // Of what nobody asked for the sequence is 0.
    if header.sequence == 0 || matches!(header.kind, Kind::Unknown(_) | Kind::Announce) {
        return None;
    }
    let session = if header.kind == Kind::Registered { 0 } else { header.session.0 };
    let asks = !header.kind.is_response();
    let id = RequestId {
        asker: asker(datagram, asks),
        realm: header.realm.0,
        user: u64::from_be_bytes(header.user.0),
        session,
        sequence: header.sequence,
    };
    Some((id, asks))
}

/// HELLO asks, COOKIE and WELCOME answer; the attempt is echoed.
fn handshake_id(datagram: &Datagram) -> Option<(RequestId, bool)> {
    let bytes = &datagram.captured.bytes;
    let asks = match bytes.get(1)? {
        0x20 => true,
        0x21 | 0x22 => false,
        _ => return None,
    };
    let number = |at: usize| bytes.get(at..)?.first_chunk().map(|bytes| u64::from_be_bytes(*bytes));
    let id = RequestId {
        asker: asker(datagram, asks),
        realm: 0,
        user: number(8)?,
        session: 0,
        sequence: number(24)?,
    };
    Some((id, asks))
}

/// Where a request comes from and its answer goes to.
const fn asker(datagram: &Datagram, asks: bool) -> SocketAddr {
    if asks { datagram.captured.source } else { datagram.captured.destination }
}
