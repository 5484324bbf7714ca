//! What is shown: this HMS, and each member (`hms status`, `hms peers`).

use std::net::SocketAddr;

use super::facts::FactKey;
use super::machine::Cluster;
use super::reach::{Health, Way};
use super::refusal::Refusal;
use super::seat::{Seat, Standing};
use crate::ident::{LineId, Process, ServerId};
use crate::time::{Duration, Instant};
use crate::wire::peer::{Phase, RefuseCode, Timing};

/// What is remembered of a member with which there was a link.
#[derive(Clone, Debug)]
pub(super) struct Known {
    pub(super) process: Process,
    pub(super) remote: SocketAddr,
    pub(super) standing: Standing,
    pub(super) state: PeerState,
    pub(super) since: Instant,
    pub(super) host_addresses: Vec<SocketAddr>,
    pub(super) link_addresses: Vec<SocketAddr>,
}

/// How it is with a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PeerState {
    /// A neighbour.
    Up,
    /// A neighbour that was not heard for 6 s.
    Suspect,
    /// It was one.
    Down,
    /// It was refused here.
    Refused(RefuseCode),
    /// This process never heard it.
    NeverHeard,
}

/// One member, as this HMS sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerView {
    /// Which HMS.
    pub server: ServerId,
    /// What it is called.
    pub name: String,
    /// How it is with it.
    pub state: PeerState,
    /// For how long, in whole milliseconds; none if it was never heard.
    pub since: Option<Duration>,
    /// How it is reached, if it is (R-PEE-42).
    pub way: Option<Way>,
    /// What it last said that it does.
    pub phase: Option<Phase>,
    /// Where its packets last came from.
    pub remote: Option<SocketAddr>,
    /// What it is, as it or another said last.
    pub standing: Option<Standing>,
    /// Where hosts reach it, as it said itself.
    pub host_addresses: Vec<SocketAddr>,
}

/// What this HMS is doing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// Its phase.
    pub phase: Phase,
    /// For how long.
    pub since: Duration,
    /// Its line, and how old that is.
    pub line: Option<(LineId, Duration)>,
    /// When it joined the line, in milliseconds of its age.
    pub joined_at_ms: u64,
    /// When the line was founded, Unix seconds.
    pub founded: u64,
    /// Who leads.
    pub primary: Option<Seat>,
    /// The settings in force.
    pub timing: Timing,
    /// Its own are others.
    pub overridden: bool,
    /// Who does not take it, and why.
    pub refusal: Option<Refusal>,
    /// Others removed it, and it runs all the same.
    pub removed: bool,
    /// Hosts are answered.
    pub hosts_open: bool,
}

impl Cluster {
    /// What `hms status` shows (R-PEE-16).
    pub fn status(&self, now: Instant) -> Status {
        Status {
            phase: self.own.phase,
            since: now.since(self.own.since),
            line: self.own.line.map(|line| (line.id(), line.age(now))),
            joined_at_ms: self.own.joined_at_ms,
            founded: self.own.founded,
            primary: self.judged.primary,
            timing: self.judged.timing,
            overridden: self.judged.timing != self.own.timing,
            refusal: self.refusal.clone(),
            removed: self.facts.is_removed(self.own.process.server),
            hosts_open: self.hosts_open,
        }
    }

    /// All members but this one, and who was refused, by server id.
    pub fn peers(&self, now: Instant) -> Vec<PeerView> {
        let reach = self.reach();
        let own = self.own.process.server;
        let strangers = self.known.keys().filter(|server| self.facts.member(**server).is_none());
        let members = self.facts.members().map(|member| member.server).filter(|server| *server != own);
        let mut servers: Vec<_> = members.chain(strangers.copied()).collect();
        servers.sort_unstable();
        servers.into_iter().map(|server| self.peer(now, server, &reach)).collect()
    }

    fn peer(&self, now: Instant, server: ServerId, reach: &super::reach::Reach) -> PeerView {
        let known = self.known.get(&server);
        let reached = reach.iter().find(|one| one.standing.process.server == server);
        let standing = reached.map(|reached| reached.standing).or_else(|| known.map(|known| known.standing));
        PeerView {
            server,
            name: self.facts.member(server).map(|member| member.name.to_owned()).unwrap_or_default(),
            state: known.map_or(PeerState::NeverHeard, |known| known.state),
            since: known.map(|known| now.since(known.since)),
            way: reached.map(|reached| reached.way),
            phase: standing.map(|standing| standing.phase),
            remote: known.map(|known| known.remote),
            standing,
            host_addresses: known.map(|known| known.host_addresses.clone()).unwrap_or_default(),
        }
    }

    /// A process was taken: it may move from now on.
    pub(super) fn note_taken(&mut self, now: Instant, process: Process) {
        self.note(now, process.server, None);
    }

    pub(super) fn note_health(&mut self, now: Instant, server: ServerId, health: Health) {
        let state = match health {
            Health::Up => PeerState::Up,
            Health::Suspect => PeerState::Suspect,
            Health::Down => PeerState::Down,
        };
        self.note(now, server, Some(state));
    }

    pub(super) fn note_refused(&mut self, now: Instant, server: ServerId, code: RefuseCode) {
        self.note(now, server, Some(PeerState::Refused(code)));
    }

    fn note(&mut self, now: Instant, server: ServerId, state: Option<PeerState>) {
        let Some(neighbour) = self.links.get(&server) else { return };
        let (standing, remote, process) = (neighbour.standing(), neighbour.remote, neighbour.process);
        let host_addresses = neighbour.host_addresses.clone();
        let link_addresses = neighbour.link_addresses.clone();
        let before = self.known.get(&server).filter(|before| before.process == process);
        let state = state.or_else(|| before.map(|before| before.state)).unwrap_or(PeerState::Down);
        let since = before.filter(|before| before.state == state).map_or(now, |before| before.since);
        let known = Known { process, remote, standing, state, since, host_addresses, link_addresses };
        self.known.insert(server, known);
        self.forget_strangers();
    }

    /// Who is no member is remembered as long as there are few of them.
    fn forget_strangers(&mut self) {
        let facts = &self.facts;
        let is_member = |server: &ServerId| facts.get(FactKey::Member(*server)).is_some();
        while self.known.keys().filter(|server| !is_member(server)).count() > crate::limits::MEMBERS_MAX {
            let strangers = self.known.iter().filter(|(server, _)| !is_member(server));
            let Some(oldest) = strangers.min_by_key(|(_, known)| known.since).map(|(server, _)| *server)
            else {
                break;
            };
            self.known.remove(&oldest);
        }
    }

    /// The link of a neighbour has ended.
    pub(super) fn drop_link(&mut self, now: Instant, server: ServerId, reason: &str) {
        let Some(neighbour) = self.links.get(&server) else { return };
        let was_up = neighbour.is_up();
        if neighbour.met && neighbour.leaves_at.is_none() {
            self.note(now, server, Some(PeerState::Down));
        }
        if let Some(neighbour) = self.links.remove(&server) {
            self.remember_process(&neighbour);
        }
        if was_up {
            self.log(format!("HMS {server}: down, {reason}"));
        }
        self.redial(now, server);
    }
}
