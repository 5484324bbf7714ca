//! The machine: what comes in, what goes out, and when it wants to be called.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;

use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng as _;

use super::action::{Action, Setup};
use super::complaints::Complaints;
use super::dial::{Dials, no_key};
use super::facts::{Decision, FactKey, Facts, NotMade};
use super::guests::Guest;
use super::hear::Heard;
use super::invitations::Invitations;
use super::judge::Judged;
use super::kin::{Kin, Processes};
use super::lines::LeftLines;
use super::neighbour::Neighbour;
use super::own::{Own, StampClock, Wall};
use super::pending::Decisions;
use super::phase::Asked;
use super::refusal::Refusal;
use super::stop::Stopping;
use super::view::Known;
use super::ways::Ends;
use crate::ident::{Process, ServerId, Stamp};
use crate::limits::{REPLACED_TIME, STORE_AGAIN, STORE_TOLD, WAKING_MAX};
use crate::time::{Duration, Instant};
use crate::transport::{CloseCode, CloseReason, KeyId, LinkId, Peer, Priority};
use crate::wire::peer::Phase;

/// One HMS among others. Sans-I/O: links live in a [`transport::Endpoint`](crate::transport::Endpoint) of the caller's,
/// who tells what happens on them, and does what [`poll_action`](Self::poll_action) says after every call.
#[derive(Debug)]
pub struct Cluster {
    pub(super) own: Own,
    /// Told to work alone.
    pub(super) alone: bool,
    pub(super) facts: Facts,
    pub(super) decisions: Decisions,
    /// `[peers] address`.
    pub(super) peers: Vec<SocketAddr>,
    /// How long others are waited for before it founds.
    pub(super) patience: Duration,
    pub(super) rng: ChaCha20Rng,
    /// Links under the cluster secret: one for each server id.
    pub(super) links: BTreeMap<ServerId, Neighbour>,
    /// What became of those with whom there was a link.
    pub(super) known: BTreeMap<ServerId, Known>,
    pub(super) invitations: Invitations,
    /// Links under their keys.
    pub(super) guests: BTreeMap<LinkId, Guest>,
    pub(super) dials: Dials,
    pub(super) judged: Judged,
    pub(super) stopping: Option<Stopping>,
    /// Links with one's own server id.
    pub(super) kin: BTreeMap<LinkId, Kin>,
    pub(super) processes: BTreeMap<ServerId, Processes>,
    /// The JOIN that is not answered.
    pub(super) asked: Option<Asked>,
    /// A seat was given, and the facts of that line are on their way.
    pub(super) awaits_facts: bool,
    pub(super) hosts_open: bool,
    pub(super) refusal: Option<Refusal>,
    /// When a refused HMS starts anew.
    pub(super) again: Instant,
    /// Number of the last FACTS.
    pub(super) number: u64,
    /// Facts are to be stored again then.
    pub(super) store_at: Option<Instant>,
    /// There are facts that may not be on disk.
    pub(super) unstored: bool,
    /// What others tell is not stored before this.
    pub(super) stores_told_from: Instant,
    pub(super) complaints: Complaints,
    pub(super) actions: VecDeque<Action>,
}

impl Cluster {
    /// An HMS that starts now; one without members and addresses of others founds at once (R-PEE-04).
    pub fn new(now: Instant, setup: Setup) -> Self {
        let own = Own {
            process: setup.process,
            name: setup.name,
            phase: Phase::Starting,
            since: now,
            line: None,
            joined_at_ms: 0,
            founded: 0,
            left: LeftLines::default(),
            timing: setup.timing,
            addresses: setup.addresses,
            clock: StampClock::new(now, setup.clock),
            wall: Wall { told: setup.wall, at: now },
        };
        let mut this = Self {
            judged: Judged::new(setup.timing),
            own,
            alone: setup.alone,
            facts: setup.facts,
            decisions: Decisions::default(),
            peers: setup.peers,
            patience: setup.start_wait * setup.start_tries,
            rng: ChaCha20Rng::from_seed(setup.seed),
            links: BTreeMap::new(),
            known: BTreeMap::new(),
            invitations: Invitations::default(),
            guests: BTreeMap::new(),
            dials: Dials::default(),
            stopping: None,
            kin: BTreeMap::new(),
            processes: BTreeMap::new(),
            asked: None,
            awaits_facts: false,
            hosts_open: false,
            refusal: None,
            again: now,
            number: 0,
            store_at: None,
            unstored: false,
            stores_told_from: now,
            complaints: Complaints::default(),
            actions: VecDeque::new(),
        };
        this.enter_itself(now);
        if this.is_standalone() {
            this.found(now);
        }
        this.settle(now);
        this
    }

    fn enter_itself(&mut self, now: Instant) {
        let (server, name) = (self.own.process.server, self.own.name.clone());
        if self.facts.is_removed(server) {
            return self.log("this HMS was removed from the cluster".into());
        }
        if let Err(problem) = self.decide(now, |facts, decision| facts.enter_member(decision, server, &name))
        {
            self.log(format!("this HMS is not entered as a member: {problem}"));
        }
    }

    /// There is no other HMS that it knows of, or it was told to work alone (R-PEE-04).
    pub fn is_standalone(&self) -> bool {
        let own = self.own.process.server;
        self.alone || self.peers.is_empty() && self.facts.members().all(|member| member.server == own)
    }

    /// A link with `peer` has opened, between these addresses.
    pub fn connected(&mut self, now: Instant, link: LinkId, peer: Peer, ends: impl Into<Ends>) {
        let ends = ends.into();
        self.dials.opened(now, link);
        if self.has_stopped() {
            return self.close(link, CloseCode::REFUSED, "stopped");
        }
        if peer.key != KeyId::CLUSTER {
            return self.guest_connected(now, link, peer, ends.remote);
        }
        let process = Process { server: peer.server, incarnation: peer.incarnation };
        if peer.server == self.own.process.server {
            return self.kin_connected(now, link, process, ends.remote);
        }
        let mut neighbour = Neighbour::new(now, link, process, ends);
        neighbour.facts.news.extend(self.decisions.again(peer.server));
        if let Some(before) = self.links.remove(&peer.server) {
            self.remember_process(&before);
            if before.process == process {
                // The same HMS by another link: what it said stays until it says more.
                (neighbour.said, neighbour.pinged) = (before.said, before.pinged);
                (neighbour.health, neighbour.since) = (before.health, before.since);
                neighbour.host_addresses = before.host_addresses;
                neighbour.link_addresses = before.link_addresses;
            }
        }
        neighbour.rival = self.rival_of(now, process);
        self.links.insert(peer.server, neighbour);
        self.settle(now);
    }

    /// A message has come whole. It may be one for the [`exchange`](super::exchange), which is to be given it.
    pub fn message(&mut self, now: Instant, link: LinkId, priority: Priority, bytes: &[u8]) -> Heard {
        let heard = if self.guests.contains_key(&link) {
            self.guest_message(now, link, priority, bytes);
            Heard::Done
        } else if self.kin.contains_key(&link) {
            self.kin_message(now, link, bytes);
            Heard::Done
        } else {
            let found = self.links.values_mut().find(|neighbour| neighbour.link == link);
            let Some(neighbour) = found else { return Heard::Done };
            neighbour.heard = now;
            let server = neighbour.process.server;
            self.hear(now, server, priority, bytes)
        };
        self.settle(now);
        heard
    }

    /// A link, or an attempt to make one, has ended.
    pub fn closed(&mut self, now: Instant, link: LinkId, reason: &CloseReason) {
        if let Some(address) = self.dials.ended(now, link, &mut self.rng) {
            self.log(no_key(address));
        }
        self.guests.remove(&link);
        self.kin.remove(&link);
        let found = self.links.values().find(|neighbour| neighbour.link == link);
        let found = found.map(|neighbour| neighbour.process.server);
        let replaced = match reason {
            CloseReason::Here(code) | CloseReason::There(code, _) => *code == CloseCode::REPLACED,
            _ => false,
        };
        if let Some(neighbour) = found.and_then(|server| self.links.get_mut(&server)).filter(|_| replaced) {
            // The link that took its place will be told of soon.
            neighbour.met = false;
            neighbour.lost_until = Some(now + REPLACED_TIME);
        } else if let Some(server) = found {
            self.drop_link(now, server, &reason.to_string());
        }
        self.settle(now);
    }

    /// What became of a [`Action::Dial`]: the link that was begun, if one was.
    pub fn dialled(&mut self, now: Instant, address: SocketAddr, link: Option<LinkId>) {
        self.dials.began(now, address, link);
    }

    /// Somebody says, without proof, that whoever this attempt is to does not have the key (R-PEE-24).
    pub fn hinted(&mut self, now: Instant, link: LinkId) {
        self.dials.hinted(now, link);
    }

    /// Time has passed; `heard` says when something last came over a link. Too early or too often does nothing.
    pub fn handle_timeout(&mut self, now: Instant, heard: impl Fn(LinkId) -> Option<Instant>) {
        for neighbour in self.links.values_mut() {
            neighbour.heard = heard(neighbour.link).unwrap_or(neighbour.heard).max(neighbour.heard);
        }
        self.settle(now);
    }

    /// The facts that were there when [`Action::Persist`] was taken are on disk, or cannot be (R-PEE-26).
    pub fn stored(&mut self, now: Instant, on_disk: bool) {
        self.unstored &= !on_disk;
        self.answer_stored(on_disk);
        if on_disk {
            self.admit_guests();
        }
        self.store_at = (!on_disk).then(|| now + STORE_AGAIN);
    }

    /// Decides something about members and addresses: it is in force, told and stored. What `decision` gives is new.
    pub fn decide(
        &mut self,
        now: Instant,
        decision: impl FnOnce(&mut Facts, Decision) -> Result<Vec<FactKey>, NotMade>,
    ) -> Result<(), NotMade> {
        let (clock, by) = (self.own.clock.read(now), self.own.process.server);
        let new = decision(&mut self.facts, Decision { clock, by })?;
        self.flood(now, &new, None);
        Ok(())
    }

    /// The facts, in force and to be stored.
    pub const fn facts(&self) -> &Facts {
        &self.facts
    }

    /// The stamp clock, as it is told and adopted.
    pub fn clock(&self, now: Instant) -> Stamp {
        self.own.clock.read(now)
    }

    /// Whether there is something to be done.
    pub fn has_actions(&self) -> bool {
        !self.actions.is_empty()
    }

    /// What is to be done next.
    pub fn poll_action(&mut self) -> Option<Action> {
        let action = self.actions.pop_front();
        if action == Some(Action::Persist) {
            self.guests_storing();
        }
        action
    }

    /// Brings everything to where it belongs after something happened. Doing it twice does nothing.
    pub(super) fn settle(&mut self, now: Instant) {
        self.take_held(now);
        self.end_invitations(now);
        self.refuse_removed(now);
        self.part(now);
        self.part_kin(now);
        self.judge_health(now);
        self.progress(now);
        self.progress_stop(now);
        self.judge(now);
        self.say_all(now);
        self.send_facts();
        self.dial(now);
        if self.store_at.is_some_and(|at| at <= now) {
            self.store_at = None;
            self.persist(now);
        }
    }

    /// When [`handle_timeout`](Self::handle_timeout) is wanted next.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let links = self.links.values().filter_map(Neighbour::wakes_at);
        let phase = match self.own.phase {
            Phase::Starting => self.starts_next(),
            Phase::Refused => Some(self.again),
            Phase::Waking => Some(self.own.since + WAKING_MAX),
            _ => None,
        };
        let asked = self.asked.map(|asked| asked.again);
        links
            .chain(phase)
            .chain(asked)
            .chain(self.store_at)
            .chain(self.next_dial())
            .chain(self.next_invitation())
            .chain(self.next_stop())
            .chain(self.next_kin())
            .min()
    }

    pub(super) fn send(&mut self, link: LinkId, message: Vec<u8>) {
        self.actions.push_back(Action::Send { link, priority: Priority::Control, message });
    }

    pub(super) fn close(&mut self, link: LinkId, code: CloseCode, reason: &str) {
        self.actions.push_back(Action::Close { link, code, reason: reason.into() });
    }

    pub(super) fn persist(&mut self, now: Instant) {
        self.stores_told_from = now + STORE_TOLD;
        if self.actions.back() != Some(&Action::Persist) {
            self.actions.push_back(Action::Persist);
        }
    }

    /// The same, but not sooner than 100 ms after the last time: until then nothing is said to be stored.
    pub(super) fn persist_told(&mut self, now: Instant) {
        let from = self.stores_told_from;
        if now >= from {
            self.persist(now);
        } else {
            self.store_at = Some(self.store_at.map_or(from, |at| at.min(from)));
        }
    }

    pub(super) fn log(&mut self, text: String) {
        self.actions.push_back(Action::Log(text));
    }
}
