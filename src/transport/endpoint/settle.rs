//! Which of several links stays (R-TRN-13, R-TRN-24).

use super::{CloseCode, CloseReason, Connection, Endpoint, Instant, KeyId, Side};
use crate::ident::{Incarnation, ServerId};
use crate::transport::event::Peer;
use crate::transport::limits::CROSSING;

/// What a new link means for another that is open.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Verdict {
    /// Nothing.
    Apart,
    /// The other is of a process that is gone.
    Restarted,
    /// The new one is of a process that is gone.
    Late,
    /// The other closes.
    Replaced,
    /// The new one closes.
    Yields,
}

/// What is known of the link that has opened.
struct New {
    peer: Peer,
    attempt: u64,
    met: Instant,
}

impl Endpoint {
    /// A link has opened: which others end, or that it ends itself and no other.
    pub(super) fn settle(&mut self, now: Instant, local: u64) {
        let Some(link) = self.links.get(&local) else { return };
        let Some(peer) = link.peer() else { return };
        let new = New { peer, attempt: link.attempt(), met: link.met() };
        let own = (self.config.server, self.config.incarnation);
        let others = self.links.iter().filter(|(id, link)| **id != local && link.is_open());
        let mut verdicts = others.map(|(_, other)| verdict(now, own, &new, other));
        if let Some(verdict) = verdicts.find(|verdict| matches!(verdict, Verdict::Late | Verdict::Yields)) {
            if let Some(link) = self.links.get_mut(&local) {
                end(now, link, verdict);
            }
            return self.sweep();
        }
        for (_, other) in self.links.iter_mut().filter(|(id, link)| **id != local && link.is_open()) {
            end(now, other, verdict(now, own, &new, other));
        }
    }
}

/// Ends a link of which this is the verdict, if it is one that ends it.
fn end(now: Instant, link: &mut Connection, verdict: Verdict) {
    match verdict {
        Verdict::Replaced | Verdict::Yields => link.close(now, CloseCode::REPLACED, ""),
        Verdict::Restarted | Verdict::Late => link.drain(CloseReason::Restarted),
        Verdict::Apart => {}
    }
}

fn verdict(now: Instant, own: (ServerId, Incarnation), new: &New, other: &Connection) -> Verdict {
    let (peer, Some(before)) = (new.peer, other.peer()) else { return Verdict::Apart };
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
        // A packet of the process before may come late, and open its link after that of the process that runs.
        let late = same_key && other.met() > new.met;
        return if late { Verdict::Late } else { Verdict::Restarted };
    }
    let other_stays = if !same_key {
        false
    } else if before.side == peer.side {
        other.attempt() > new.attempt
    } else {
        let crossed = other.opened().is_some_and(|opened| now.since(opened) < CROSSING);
        let own_is_smaller = own < (peer.server, peer.incarnation);
        crossed && (before.side == Side::Initiator) == own_is_smaller
    };
    if other_stays { Verdict::Yields } else { Verdict::Replaced }
}
