//! Other processes with a server id that is known here already: restarts, and twins (R-PEE-23).

use std::collections::VecDeque;
use std::net::SocketAddr;

use super::complaints::Complaint;
use super::lines::Side;
use super::machine::Cluster;
use super::neighbour::{Neighbour, Said};
use super::refusal::Refusal;
use super::seat::Standing;
use super::twin::has_to_go;
use crate::chance::around;
use crate::ident::{Incarnation, Process, ServerId};
use crate::limits::{PEER_DOWN, REFUSE_TIME, REPLACED_MAX, TWIN_AGAIN};
use crate::time::{Duration, Instant};
use crate::transport::{CloseCode, LinkId};
use crate::wire::peer::{PeerMessage, Phase, Refuse, RefuseCode, Stream, Twin};

/// What a process was when it was last heard.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rival {
    standing: Standing,
    age: Duration,
    heard: Instant,
}

impl Rival {
    fn of(neighbour: &Neighbour) -> Self {
        let age_ms = neighbour.said.as_ref().map_or(0, |said| said.head.age_ms);
        Self { standing: neighbour.standing(), age: Duration::from_millis(age_ms), heard: neighbour.heard }
    }

    /// The age of its line goes on.
    fn age(&self, now: Instant) -> Duration {
        self.age.saturating_add(now.since(self.heard))
    }
}

/// Processes of one server id with which there were links.
#[derive(Debug, Default)]
pub(super) struct Processes {
    /// Whose link another took over, the last ones.
    replaced: VecDeque<Incarnation>,
    /// With whom the last link was.
    last: Option<Rival>,
}

impl Processes {
    /// A process opens a link: the one before is replaced. Gives that one if both are alive: this one was replaced before,
    /// and the other was heard a moment ago.
    fn meet(&mut self, now: Instant, process: Process) -> Option<Rival> {
        let before = self.last.filter(|last| last.standing.process != process)?;
        let comes_back = self.replaced.contains(&process.incarnation);
        self.replace(before.standing.process.incarnation);
        Some(before).filter(|before| comes_back && now.since(before.heard) < PEER_DOWN)
    }

    fn replace(&mut self, incarnation: Incarnation) {
        self.replaced.retain(|one| *one != incarnation);
        self.replaced.push_back(incarnation);
        while self.replaced.len() > REPLACED_MAX {
            self.replaced.pop_front();
        }
    }
}

/// A link with another process that has the server id of this HMS.
#[derive(Debug)]
pub(super) struct Kin {
    process: Process,
    remote: SocketAddr,
    /// The INTRO that went over it.
    sent: Said,
    /// It is judged: when the link closes.
    leaves_at: Option<Instant>,
}

impl Cluster {
    /// A link with a neighbour ends, or another takes its place.
    pub(super) fn remember_process(&mut self, neighbour: &Neighbour) {
        let server = neighbour.process.server;
        self.processes.entry(server).or_default().last = Some(Rival::of(neighbour));
        let (links, facts) = (&self.links, &self.facts);
        self.processes
            .retain(|one, _| *one == server || links.contains_key(one) || facts.member(*one).is_some());
    }

    /// A neighbour has a new link: whether another process with its server id is alive.
    pub(super) fn rival_of(&mut self, now: Instant, process: Process) -> Option<Rival> {
        self.processes.get_mut(&process.server)?.meet(now, process)
    }

    /// Refuses a neighbour that has to go for its twin. By what its INTRO says and what is known of the other.
    pub(super) fn refuses_twin(&mut self, now: Instant, server: ServerId, said: &Said) -> bool {
        let Some(neighbour) = self.links.get(&server) else { return false };
        let Some(rival) = neighbour.rival else { return false };
        let (link, remote) = (neighbour.link, neighbour.remote);
        let own = said.standing(neighbour.process);
        let other = rival.age(now);
        if has_to_go(&own, said.age(), &rival.standing, other) != Some(Side::Own) {
            return false;
        }
        // When it comes again it is no restart either.
        self.processes.entry(server).or_default().replace(own.process.incarnation);
        self.leave(now, server, RefuseCode::Twin);
        self.say_twin(link, &rival.standing, other);
        self.hold_dials(now, remote);
        true
    }

    fn say_twin(&mut self, link: LinkId, stays: &Standing, age: Duration) {
        let twin = Twin {
            phase: stays.phase,
            incarnation: stays.process.incarnation,
            line: stays.line,
            age_ms: super::own::millis(age),
            joined_at_ms: stays.joined_at_ms,
        };
        let reason =
            "another process has the server id of this one: give one of the two a state directory of its own";
        let mut message = Vec::new();
        let refuse = Refuse { code: RefuseCode::Twin, twin: Some(twin), reason: Some(reason) };
        PeerMessage::Refuse(refuse).emit(&mut message);
        self.send(link, message);
    }

    /// Somebody says that there is a twin: this one goes if that is so by its own seat too.
    pub(super) fn take_twin(&mut self, now: Instant, refusal: Refusal, twin: &Twin) {
        let process = Process { server: self.own.process.server, incarnation: twin.incarnation };
        let (phase, line, joined_at_ms) = (twin.phase, twin.line, twin.joined_at_ms);
        let other = Standing { process, phase, line, joined_at_ms };
        let own_age = Duration::from_millis(self.own.age_ms(now));
        let age = Duration::from_millis(twin.age_ms);
        if has_to_go(&self.own.standing(), own_age, &other, age) == Some(Side::Own) {
            self.go(now, refusal);
        } else {
            let text = format!("HMS {} tells of a twin, which has to go and not this one", refusal.by);
            self.complain(now, refusal.by, Complaint::Twin, text);
        }
    }

    /// This HMS gives way to its twin: its seat, its links, and the hosts.
    fn go(&mut self, now: Instant, refusal: Refusal) {
        if matches!(self.own.phase, Phase::Refused | Phase::Stopping) {
            return;
        }
        (self.own.line, self.own.joined_at_ms) = (None, 0);
        (self.asked, self.awaits_facts) = (None, false);
        self.refusal = Some(refusal);
        self.again = now + around(&mut self.rng, TWIN_AGAIN, 10);
        self.enter(now, Phase::Refused);
        self.tell_refused();
        let servers: Vec<_> = self.links.keys().copied().collect();
        for server in servers {
            let link = self.links.get(&server).map(|neighbour| neighbour.link);
            link.into_iter().for_each(|link| self.close(link, CloseCode::REFUSED, "a twin of it stays"));
            self.drop_link(now, server, "a twin of this HMS stays");
        }
    }

    /// A link has opened with a process that has the server id of this HMS: each tells the other what it is.
    pub(super) fn kin_connected(&mut self, now: Instant, link: LinkId, process: Process, remote: SocketAddr) {
        let sent = self.intro(now);
        let mut message = Vec::new();
        sent.head.emit(&self.own.name, &[], &sent.left, &mut message);
        self.kin.insert(link, Kin { process, remote, sent, leaves_at: None });
        self.send(link, message);
    }

    /// It says what it is: both judge by the same two INTROs.
    pub(super) fn kin_message(&mut self, now: Instant, link: LinkId, bytes: &[u8]) {
        let Ok(PeerMessage::Intro(intro)) = PeerMessage::parse(Stream::Control, bytes) else { return };
        let Some(kin) = self.kin.get_mut(&link).filter(|kin| kin.leaves_at.is_none()) else { return };
        kin.leaves_at = Some(now + REFUSE_TIME);
        let (remote, own) = (kin.remote, kin.sent.standing(self.own.process));
        let said = Said { head: intro.head, left: Vec::new(), addresses: Vec::new() };
        let goes = has_to_go(&own, kin.sent.age(), &said.standing(kin.process), said.age());
        self.log(format!("another process at {remote} has the server id of this HMS"));
        match goes {
            Some(Side::Own) => {
                let reason = "it has the server id of this HMS: give one a state directory of its own".into();
                let by = self.own.process.server;
                self.go(now, Refusal { by, remote, code: RefuseCode::Twin, reason });
            }
            Some(Side::Other) => {
                let age = Duration::from_millis(self.own.age_ms(now));
                self.say_twin(link, &self.own.standing(), age);
                self.hold_dials(now, remote);
            }
            None => {}
        }
    }

    /// Closes the links of twins that are judged.
    pub(super) fn part_kin(&mut self, now: Instant) {
        let gone = self.kin.iter().filter(|(_, kin)| kin.leaves_at.is_some_and(|at| at <= now));
        let gone: Vec<_> = gone.map(|(link, _)| *link).collect();
        for link in gone {
            self.kin.remove(&link);
            self.close(link, CloseCode::REFUSED, "a twin");
        }
    }

    /// Where twins are with which there is a link.
    pub(super) fn kin_remotes(&self) -> impl Iterator<Item = SocketAddr> {
        self.kin.values().map(|kin| kin.remote)
    }

    /// When [`Self::part_kin`] has something to do.
    pub(super) fn next_kin(&self) -> Option<Instant> {
        self.kin.values().filter_map(|kin| kin.leaves_at).min()
    }
}
