//! The end of an HMS: the table goes to a successor, and hosts follow (spec 10.10).

use super::super::{Event, HandedOver, Server};
use crate::ident::Process;
use crate::time::Instant;
use crate::wire::AnnounceEvent;

/// Who takes over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct HandOver {
    pub(super) successor: Process,
    /// It has everything: hosts are sent there.
    pub(super) complete: bool,
    /// What the cluster was told last: the revision that the successor has confirmed, if that is all.
    told: Option<u64>,
}

impl Server {
    /// Hands over to another HMS, and ends: [`Event::Stopped`] follows, within 5 s and at once where there is no other
    /// (R-PEE-85, R-PEE-86). When the output is sent then the process may go.
    pub fn stop(&mut self, now: Instant) {
        if !self.stopping {
            self.stopping = true;
            self.peers.cluster.stop(now);
            self.attend(now);
            self.exchange_turn(now);
            self.attend(now);
        }
    }

    /// The name of the HMS that would take over if this one stopped now (R-PEE-85).
    pub fn successor(&self) -> Option<String> {
        self.peers.cluster.successor().map(|process| self.member_name(process.server))
    }

    /// How far a stop has come.
    pub fn handed_over(&self) -> HandedOver {
        let all = self.peers.cluster.handed_over_to();
        let last = all.or_else(|| self.peers.hand_over.map(|to| to.successor));
        HandedOver {
            successor: last.map(|process| self.member_name(process.server)),
            complete: all.is_some(),
            hosts: self.registry.realms().map(|realm| self.registry.counts(realm).known).sum(),
            sent: self.sent_on.len(),
        }
    }

    pub(super) fn begin_hand_over(&mut self, successor: Process, complete: bool) {
        let before = self.peers.hand_over.filter(|before| before.successor == successor);
        let told = before.and_then(|before| before.told);
        self.peers.hand_over = Some(HandOver { successor, complete, told });
    }

    /// Tells the cluster when the successor has everything, or no longer has (R-PEE-86).
    pub(super) fn follow_hand_over(&mut self, now: Instant) {
        let Some(hand_over) = self.peers.hand_over else { return };
        let server = hand_over.successor.server;
        let has = self.exchange(now, |peers, table| peers.exchange.has_everything(now, server, table));
        let revision = has.then(|| self.registry.position());
        if revision != hand_over.told {
            self.peers.hand_over = Some(HandOver { told: revision, ..hand_over });
            self.peers.cluster.handed_over(now, revision);
        }
    }

    /// Nothing follows: says to the groups that this HMS is gone (R-DSC-05).
    pub(super) fn end(&mut self) {
        self.announce(AnnounceEvent::Stopping);
        self.events.push_back(Event::Stopped);
    }
}
