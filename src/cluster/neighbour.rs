//! One other HMS with which there is a link.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};

use super::allowance::Allowance;
use super::facts::FactKey;
use super::kin::Rival;
use super::lines::{Claim, Side, gives_way};
use super::reach::{Health, health};
use super::seat::Standing;
use super::ways::Ends;
use crate::ident::{LineId, Process};
use crate::time::{Duration, Instant};
use crate::transport::LinkId;
use crate::wire::peer::{IntroHead, OwnAddress, Phase, Timing};

/// What an INTRO said, one's own or another's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Said {
    pub(super) head: IntroHead,
    pub(super) left: Vec<LineId>,
    /// Of one's own INTROs only: nothing is kept of another's.
    pub(super) addresses: Vec<OwnAddress>,
}

impl Said {
    fn claim(&self) -> Option<Claim<'_>> {
        Some(Claim { line: self.head.line?, age: self.age(), left: &self.left })
    }

    /// Whether one is said anew because of the other: clocks, ages and digests go on by themselves.
    pub(super) fn is_news(&self, before: &Self) -> bool {
        let lasting = |said: &Self| {
            let IntroHead { phase, line, joined_at_ms, timing, .. } = said.head;
            (phase, line, joined_at_ms, timing)
        };
        lasting(self) != lasting(before) || self.left != before.left || self.addresses != before.addresses
    }

    pub(super) const fn age(&self) -> Duration {
        Duration::from_millis(self.head.age_ms)
    }

    /// What the process that said it is.
    pub(super) const fn standing(&self, process: Process) -> Standing {
        let IntroHead { phase, line, joined_at_ms, .. } = self.head;
        Standing { process, phase, line, joined_at_ms }
    }

    pub(super) fn stops_since(&self, before: &Self) -> bool {
        self.head.phase == Phase::Stopping && before.head.phase != Phase::Stopping
    }
}

/// What its last PING said.
#[derive(Clone, Debug)]
pub(super) struct Pinged {
    /// When it had accepted a packet of ours, as far as it says.
    pub(super) heard_ours: Instant,
    pub(super) neighbours: Vec<Standing>,
}

#[derive(Debug)]
pub(super) struct Neighbour {
    pub(super) link: LinkId,
    pub(super) process: Process,
    pub(super) remote: SocketAddr,
    /// The own address of the link, unless the system chose it.
    pub(super) local: Option<IpAddr>,
    /// Where hosts reach it, as its last INTRO said.
    pub(super) host_addresses: Vec<SocketAddr>,
    /// Where it takes links first, as that said.
    pub(super) link_addresses: Vec<SocketAddr>,
    /// When a packet of it was last accepted.
    pub(super) heard: Instant,
    /// The INTRO last sent over this link.
    pub(super) sent: Option<Said>,
    pub(super) sent_at: Instant,
    /// Something in it changed since.
    pub(super) intro_due: bool,
    /// Its last one, over this link or the one before.
    pub(super) said: Option<Said>,
    /// It has come over this link, and the HMS is taken.
    pub(super) met: bool,
    pub(super) pinged: Option<Pinged>,
    /// When the next PING is due, and when the last was sent.
    pub(super) ping_at: Instant,
    pub(super) pinged_at: Instant,
    /// Whom the last PING to it listed.
    pub(super) listed: Vec<Standing>,
    pub(super) health: Option<Health>,
    pub(super) since: Instant,
    pub(super) digest: u64,
    pub(super) intros: Allowance,
    pub(super) pings: Allowance,
    /// An INTRO above what is allowed, until its time has come.
    pub(super) held: Option<Vec<u8>>,
    /// The link was replaced by another that was not told of yet: for how long that is waited for.
    pub(super) lost_until: Option<Instant>,
    /// It was refused: when the link is closed.
    pub(super) leaves_at: Option<Instant>,
    /// Another process with its server id, which is alive as well.
    pub(super) rival: Option<Rival>,
    pub(super) facts: FactsOut,
}

/// What goes to a neighbour of facts: one FACTS at a time, the next when it has answered STORED.
#[derive(Debug, Default)]
pub(super) struct FactsOut {
    /// The FACTS that is on its way.
    pub(super) waiting: Option<u64>,
    /// New facts.
    pub(super) news: BTreeSet<FactKey>,
    /// All facts are being told, and how far.
    pub(super) all: Option<Option<FactKey>>,
    /// The digests, here and there, when that began last.
    pub(super) told_at: Option<(u64, u64)>,
    /// Since when PINGs show another digest.
    pub(super) differs: Option<Instant>,
    /// FACTS of it that are not on disk yet.
    pub(super) unstored: Vec<u64>,
}

impl Neighbour {
    pub(super) fn new(now: Instant, link: LinkId, process: Process, ends: Ends) -> Self {
        Self {
            link,
            process,
            remote: ends.remote,
            local: ends.local,
            host_addresses: Vec::new(),
            link_addresses: Vec::new(),
            heard: now,
            sent: None,
            sent_at: now,
            intro_due: false,
            said: None,
            met: false,
            pinged: None,
            ping_at: now,
            pinged_at: now,
            listed: Vec::new(),
            health: None,
            since: now,
            digest: 0,
            intros: Allowance::new(now),
            pings: Allowance::new(now),
            held: None,
            lost_until: None,
            leaves_at: None,
            rival: None,
            facts: FactsOut::default(),
        }
    }

    /// What it is, as it said.
    pub(super) fn standing(&self) -> Standing {
        let nothing = Standing { process: self.process, phase: Phase::Starting, line: None, joined_at_ms: 0 };
        self.said.as_ref().map_or(nothing, |said| said.standing(self.process))
    }

    pub(super) fn timing(&self) -> Option<Timing> {
        self.said.as_ref().map(|said| said.head.timing)
    }

    /// How well it is heard; nothing before its first PING (R-PEE-40).
    pub(super) fn judge(&self, now: Instant) -> Option<Health> {
        let pinged = self.pinged.as_ref()?;
        let taken = self.said.is_some() && self.leaves_at.is_none();
        taken.then(|| health(now.since(self.heard), now.since(pinged.heard_ours)))
    }

    /// Since when one of the two does not hear the other, as far as it is known.
    pub(super) fn silent_since(&self) -> Instant {
        self.pinged.as_ref().map_or(self.heard, |pinged| pinged.heard_ours.min(self.heard))
    }

    /// Both sides told each other over this link who they are, and it is not about to be closed.
    pub(super) const fn is_linked(&self) -> bool {
        self.met && self.sent.is_some() && self.leaves_at.is_none()
    }

    pub(super) fn is_up(&self) -> bool {
        matches!(self.health, Some(Health::Up | Health::Suspect))
    }

    /// Taken, and told each other who they are.
    pub(super) fn is_met(&self) -> bool {
        self.met && self.sent.is_some() && self.leaves_at.is_none() && self.health != Some(Health::Down)
    }

    /// Whose line gives way, by the INTRO that each last sent and last received on this link.
    pub(super) fn gives_way(&self) -> Option<Side> {
        if !self.is_met() {
            return None;
        }
        let (own, other) = (self.sent.as_ref()?, self.said.as_ref()?);
        gives_way(&own.claim()?, &other.claim()?)
    }
}
