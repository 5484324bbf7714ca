//! Which of several links stays (R-TRN-13, R-TRN-24).

use super::{CloseCode, CloseReason, Connection, Endpoint, Instant, KeyId, Side};
use crate::ident::{Incarnation, ServerId};
use crate::transport::event::Peer;
use crate::transport::limits::CROSSING;

/// What a new link means for another that is open.
enum Verdict {
    /// Nothing.
    Apart,
    /// The other is of a process that is gone.
    Restarted,
    /// The other closes.
    Replaced,
    /// The new one closes.
    Yields,
}

impl Endpoint {
    /// A link has opened: which others end.
    pub(super) fn settle(&mut self, now: Instant, local: u64) {
        let Some(new) = self.links.get(&local) else { return };
        let (Some(peer), attempt) = (new.peer(), new.attempt()) else { return };
        let own = (self.config.server, self.config.incarnation);
        let mut yields = false;
        for (_, other) in self.links.iter_mut().filter(|(id, link)| **id != local && link.is_open()) {
            match verdict(now, own, (peer, attempt), other) {
                Verdict::Apart => {}
                Verdict::Restarted => other.drain(CloseReason::Restarted),
                Verdict::Replaced => other.close(now, CloseCode::REPLACED, ""),
                Verdict::Yields => yields = true,
            }
        }
        if yields && let Some(link) = self.links.get_mut(&local) {
            link.close(now, CloseCode::REPLACED, "");
        }
    }
}

fn verdict(
    now: Instant,
    own: (ServerId, Incarnation),
    (peer, attempt): (Peer, u64),
    other: &Connection,
) -> Verdict {
    let Some(before) = other.peer() else { return Verdict::Apart };
    let same_key = before.key == peer.key;
    // Who holds an invitation only could claim to be any server: it ends no link but its own.
    if !same_key && peer.key != KeyId::CLUSTER {
        return Verdict::Apart;
    }
    if before.server != peer.server {
        let invited = |peer: Peer| peer.key != KeyId::CLUSTER && peer.side == Side::Responder;
        let one_only = same_key && invited(peer) && invited(before);
        return if one_only { Verdict::Replaced } else { Verdict::Apart };
    }
    if before.incarnation != peer.incarnation {
        return Verdict::Restarted;
    }
    let other_stays = if !same_key {
        false
    } else if before.side == peer.side {
        other.attempt() > attempt
    } else {
        let crossed = other.opened().is_some_and(|opened| now.since(opened) < CROSSING);
        let own_is_smaller = own < (peer.server, peer.incarnation);
        crossed && (before.side == Side::Initiator) == own_is_smaller
    };
    if other_stays { Verdict::Yields } else { Verdict::Replaced }
}
