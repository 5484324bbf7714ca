//! Who is taken, and what becomes of who is not (spec 10.4).

use std::collections::BTreeSet;
use std::net::SocketAddr;

use super::complaints::Complaint;
use super::facts::{Decision, Facts, Taken};
use super::machine::Cluster;
use super::view::{Known, PeerState};
use crate::ident::{Name, ServerId};
use crate::limits::{DIAL_REFUSED, MEMBERS_MAX, REFUSE_TIME};
use crate::time::Instant;
use crate::transport::CloseCode;
use crate::wire::peer::{Intro, IntroHead, PeerMessage, Phase, Refuse, RefuseCode};

/// That this HMS was refused, and by whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Who says so.
    pub by: ServerId,
    /// From where.
    pub remote: SocketAddr,
    /// Why.
    pub code: RefuseCode,
    /// Why, for people; what another HMS wrote.
    pub reason: String,
}

/// Whether there is a version in common (R-PEE-08).
pub(super) const fn is_spoken(head: &IntroHead) -> bool {
    head.min_version <= 1 && head.max_version >= 1
}

/// What an admin is told to do about a refusal.
pub(super) fn remedy(code: RefuseCode, remote: SocketAddr) -> String {
    match code {
        RefuseCode::Name => "another HMS of the cluster has this name: set another in [hms] name".into(),
        RefuseCode::Version => "it has another version of the protocol: update the older one".into(),
        RefuseCode::Invitation => {
            "the invitation was redeemed by another HMS, or is over: make a new one there with: hms token --hms"
                .into()
        }
        RefuseCode::Full => format!(
            "the cluster has {MEMBERS_MAX} HMSs, and more are not possible: remove one there with: hms peers remove NAME"
        ),
        _ => format!("register it there with: hms peers add {}", remote.ip()),
    }
}

impl Cluster {
    /// Whether the peer is taken by what its first INTRO on a link says (R-PEE-20); else the link ends soon.
    pub(super) fn admits(&mut self, now: Instant, server: ServerId, intro: &Intro<'_>) -> bool {
        let Some(neighbour) = self.links.get(&server) else { return false };
        let (process, ip) = (neighbour.process, neighbour.remote.ip());
        let taken = |known: &Known| known.process == process && !matches!(known.state, PeerState::Refused(_));
        let before = self.known.get(&server).is_some_and(taken);
        let verdict = match self.facts.takes(server, before, ip, &self.peers) {
            _ if !is_spoken(&intro.head) => Err(RefuseCode::Version),
            Taken::No(code) => Err(code),
            Taken::Yes => Ok(()),
            Taken::Enters => Name::new(intro.name).map_err(|_| RefuseCode::Name).and_then(|name| {
                let enter = |facts: &mut Facts, how: Decision| facts.enter_member(how, server, &name);
                self.decide(now, enter).map_err(|problem| {
                    self.log(format!("HMS {server} is not entered: {problem}"));
                    RefuseCode::Full
                })
            }),
        };
        match verdict {
            Ok(()) => true,
            Err(code) => {
                self.refuse(now, server, code);
                false
            }
        }
    }

    /// Says no, and why, if it has a seat; the link ends when that had time to arrive.
    pub(super) fn refuse(&mut self, now: Instant, server: ServerId, code: RefuseCode) {
        let Some(neighbour) = self.links.get_mut(&server) else { return };
        if neighbour.leaves_at.is_some() {
            return;
        }
        let (link, remote) = (neighbour.link, neighbour.remote);
        if !self.own.has_seat() {
            (neighbour.said, neighbour.pinged) = (None, None);
            neighbour.leaves_at = Some(now);
            return;
        }
        self.leave(now, server, code);
        let mut about: BTreeSet<_> = self.facts.about(server);
        while !about.is_empty() {
            let mut message = Vec::new();
            self.number += 1;
            self.facts.write_some(&mut about, self.number, &mut message);
            if message.is_empty() {
                break;
            }
            self.send(link, message);
        }
        let reason = remedy(code, remote);
        let mut message = Vec::new();
        PeerMessage::Refuse(Refuse { code, twin: None, reason: Some(&reason) }).emit(&mut message);
        self.send(link, message);
    }

    /// A neighbour is refused: nothing of it counts any more, and its link ends when REFUSE had time to arrive.
    pub(super) fn leave(&mut self, now: Instant, server: ServerId, code: RefuseCode) {
        let Some(neighbour) = self.links.get_mut(&server) else { return };
        (neighbour.said, neighbour.pinged) = (None, None);
        neighbour.leaves_at = Some(now + REFUSE_TIME);
        let remote = neighbour.remote;
        self.note_refused(now, server, code);
        self.log(format!("refused HMS {server} at {remote}: {code:?}"));
    }

    /// Who is there is not dialled for a while.
    pub(super) fn hold_dials(&mut self, now: Instant, remote: SocketAddr) {
        self.dials.hold(now + DIAL_REFUSED, remote);
    }

    /// Closes the links of those that were refused, and forgets those that are gone.
    pub(super) fn part(&mut self, now: Instant) {
        let lost = self.links.values().filter(|one| one.lost_until.is_some_and(|at| at <= now));
        let lost: Vec<_> = lost.map(|one| one.process.server).collect();
        lost.into_iter()
            .for_each(|server| self.drop_link(now, server, "replaced by a link that did not open"));
        let gone = self.links.values().filter(|one| one.leaves_at.is_some_and(|at| at <= now));
        let gone: Vec<_> = gone.map(|one| (one.process.server, one.link)).collect();
        for (server, link) in gone {
            self.links.remove(&server);
            self.close(link, CloseCode::REFUSED, "not registered here");
        }
    }

    /// Takes a REFUSE: it counts while starting, and from who is known here (R-PEE-21).
    pub(super) fn take_refuse(&mut self, now: Instant, server: ServerId, refuse: &Refuse<'_>) {
        let Some(neighbour) = self.links.get(&server) else { return };
        let remote = neighbour.remote;
        let reason = refuse.reason.unwrap_or_default().escape_debug().to_string();
        let known = self.facts.member(server).is_some()
            || self.peers.iter().any(|peer| peer.ip().to_canonical() == remote.ip().to_canonical());
        let refusal = Refusal { by: server, remote, code: refuse.code, reason };
        if let Some(twin) = refuse.twin.filter(|_| known) {
            return self.take_twin(now, refusal, &twin);
        }
        let counts = self.own.phase == Phase::Starting && known && refuse.code != RefuseCode::Twin;
        if counts {
            self.refusal.get_or_insert(refusal);
        } else if self.own.has_seat() {
            let Refusal { code, reason, .. } = &refusal;
            let text = format!("HMS {server} at {remote} refuses this one: {code:?}, {reason}");
            self.complain(now, server, Complaint::Refuses, text);
            self.hold_dials(now, remote);
        }
    }

    pub(super) fn tell_refused(&mut self) {
        let Some(Refusal { by, remote, code, reason }) = self.refusal.clone() else { return };
        self.log(format!("HMS {by} at {remote} does not take this one: {code:?}; {reason}"));
    }
}
