//! Phases: start, founding, joining, waking (spec 10.1, 10.3).

use rand_core::Rng as _;

use super::action::Action;
use super::lines::{Line, Side};
use super::machine::Cluster;
use super::neighbour::Neighbour;
use crate::chance::around;
use crate::ident::{LineId, ServerId};
use crate::limits::{JOIN_AGAIN, REFUSED_AGAIN, SMALLER_WAITED, WAKING_MAX};
use crate::time::Instant;
use crate::wire::peer::{Join, PeerMessage, Phase, Seat};

/// A JOIN that is not answered.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked {
    pub(super) server: ServerId,
    pub(super) line: LineId,
    /// When another one is asked, or the same one again.
    pub(super) again: Instant,
}

impl Cluster {
    /// Goes on to the next phase, and asks for the seat that is wanted.
    pub(super) fn progress(&mut self, now: Instant) {
        match self.own.phase {
            Phase::Starting if now >= self.own.since + self.patience && self.refusal.is_some() => {
                self.again = now + around(&mut self.rng, REFUSED_AGAIN, 10);
                self.enter(now, Phase::Refused);
                self.tell_refused();
            }
            Phase::Starting if self.may_found(now) => self.found(now),
            Phase::Refused if now >= self.again => self.start_anew(now),
            Phase::Waking if self.is_awake(now) => {
                self.enter(now, Phase::Synchronising);
                self.awaits_facts = false;
            }
            _ => {}
        }
        if self.own.phase == Phase::Synchronising && self.awaits_facts && self.has_facts() {
            self.awaits_facts = false;
        }
        self.set_hosts();
        self.ask(now);
    }

    pub(super) fn enter(&mut self, now: Instant, phase: Phase) {
        self.own.phase = phase;
        self.own.since = now;
        self.set_hosts();
    }

    /// Hosts are answered by who serves, and by nobody else.
    pub(super) fn set_hosts(&mut self) {
        let serves = match self.own.phase {
            Phase::Synchronising => !self.awaits_facts,
            Phase::Operating => true,
            Phase::Stopping => !self.has_stopped(),
            _ => false,
        };
        if serves != self.hosts_open {
            self.hosts_open = serves;
            self.actions.push_back(if serves { Action::OpenHosts } else { Action::CloseHosts });
        }
    }

    fn start_anew(&mut self, now: Instant) {
        self.enter(now, Phase::Starting);
        self.refusal = None;
        self.dials.anew(now);
    }

    /// Nobody is there to wait for (R-PEE-12).
    fn may_found(&self, now: Instant) -> bool {
        self.starts_next().is_some_and(|at| at <= now)
    }

    /// When a starting HMS has waited long enough, as it looks now; none while somebody has a seat.
    pub(super) fn starts_next(&self) -> Option<Instant> {
        let met = || self.links.values().filter(|neighbour| neighbour.is_met());
        let deadline = self.own.since + self.patience;
        if self.refusal.is_some() {
            return Some(deadline);
        }
        if met().any(|neighbour| neighbour.standing().seat().is_some()) {
            return None;
        }
        let smaller = met().filter(|neighbour| {
            neighbour.standing().phase == Phase::Starting
                && neighbour.process.server < self.own.process.server
        });
        let waited = smaller.map(|neighbour| neighbour.heard + SMALLER_WAITED).max();
        Some(waited.map_or(deadline, |waited| waited.max(deadline)))
    }

    /// Founds a line (R-PEE-13).
    pub(super) fn found(&mut self, now: Instant) {
        let drawn = self.rng.next_u64().max(1);
        self.own.line = Some(Line::found(now, LineId(drawn)));
        self.own.joined_at_ms = 0;
        self.own.founded = self.own.wall.secs(now);
        self.asked = None;
        self.enter(now, Phase::Operating);
        self.log(format!("founded the line {}", LineId(drawn)));
    }

    /// Asks for a seat: when starting any neighbour that has one, later who stays in the line to which one's own gives
    /// way (R-PEE-11, R-PEE-46).
    fn ask(&mut self, now: Instant) {
        let wanted = |neighbour: &&Neighbour| match self.own.phase {
            Phase::Starting => neighbour.is_met() && neighbour.standing().seat().is_some(),
            _ if !self.own.has_seat() => false,
            _ => neighbour.standing().seat().is_some() && self.gives_way(neighbour) == Some(Side::Own),
        };
        let open = self.asked.filter(|asked| {
            let same = self.links.get(&asked.server).filter(wanted);
            now < asked.again && same.is_some_and(|one| one.standing().line == Some(asked.line))
        });
        if open.is_some() {
            return;
        }
        let after = self.asked.map(|asked| asked.server).unwrap_or_default();
        let all = || self.links.values().filter(wanted);
        let next = all().find(|one| one.process.server > after).or_else(|| all().next());
        let Some((next, line)) = next.and_then(|next| Some((next, next.standing().line?))) else {
            self.asked = None;
            return;
        };
        let (server, link) = (next.process.server, next.link);
        self.asked = Some(Asked { server, line, again: now + JOIN_AGAIN });
        let mut message = Vec::new();
        PeerMessage::Join(Join { line }).emit(&mut message);
        self.send(link, message);
    }

    /// Whose line gives way; nothing is judged before the neighbour was told of the line that this HMS is in.
    fn gives_way(&self, neighbour: &Neighbour) -> Option<Side> {
        let told = neighbour.sent.as_ref().is_some_and(|sent| sent.head.line == self.own.standing().line);
        neighbour.gives_way().filter(|_| told)
    }

    /// Answers a JOIN, if a seat may be given (R-PEE-14).
    pub(super) fn take_join(&mut self, now: Instant, server: ServerId, join: Join) {
        let Some(line) = self.own.line.filter(|line| line.id() == join.line && self.own.has_seat()) else {
            return;
        };
        let Some(asker) = self.links.get(&server).filter(|asker| asker.is_met()) else { return };
        let may = asker.standing().phase == Phase::Starting || self.gives_way(asker) == Some(Side::Other);
        let own_is_open = self.asked.is_some_and(|asked| {
            let crossed =
                asked.server == server && asker.standing().line.is_some_and(|other| line.id() < other);
            !crossed
        });
        if !may || own_is_open {
            return;
        }
        let (link, age_ms) = (asker.link, self.own.age_ms(now));
        let known = self.reach().last_joined_ms().unwrap_or(0);
        let joined_at_ms = age_ms.max(known.saturating_add(1));
        let mut message = Vec::new();
        let seat = Seat { line: line.id(), age_ms, joined_at_ms, founded: self.own.founded };
        PeerMessage::Seat(seat).emit(&mut message);
        self.send(link, message);
        if !self.tell_all_facts(server) {
            self.tell_end_of_facts(server);
        }
    }

    /// Takes the seat that was asked for (R-PEE-11, R-PEE-46).
    pub(super) fn take_seat(&mut self, now: Instant, server: ServerId, seat: Seat) {
        if self.asked.is_none_or(|asked| (asked.server, asked.line) != (server, seat.line)) {
            return;
        }
        self.asked = None;
        if let Some(before) = self.own.line {
            self.own.left.change(before.id(), seat.line);
        }
        self.own.line = Some(Line::join(now, seat.line, seat.age_ms));
        (self.own.joined_at_ms, self.own.founded) = (seat.joined_at_ms, seat.founded);
        self.log(format!("joined the line {} at {} ms", seat.line, seat.joined_at_ms));
        if self.own.phase == Phase::Starting {
            self.awaits_facts = true;
            self.refusal = None;
            self.enter(now, Phase::Synchronising);
        }
    }

    /// The facts of the line are here: who of it is heard has the same, or nobody is left to send them (R-PEE-15).
    fn has_facts(&self) -> bool {
        let mut of_line = self.links.values().filter(|one| {
            one.is_met() && one.standing().seat().is_some() && one.standing().line == self.own.standing().line
        });
        let Some(first) = of_line.next() else { return true };
        let digest = self.facts.digest();
        first.digest == digest || of_line.any(|other| other.digest == digest)
    }

    /// What is copied from others is complete, as
    /// [`Exchange::is_complete`](super::exchange::Exchange::is_complete) says: a synchronising HMS operates from now on
    /// (R-PEE-15), if it answers hosts already.
    pub fn copies_complete(&mut self, now: Instant) {
        if self.own.phase == Phase::Synchronising && self.hosts_open {
            self.enter(now, Phase::Operating);
            self.settle(now);
        }
    }

    /// The process stood still for more than 10 s (R-PEE-06): it keeps its seat, believes nothing that it knew of others,
    /// and asks. To be called before anything else is told.
    pub fn stalled(&mut self, now: Instant) {
        self.asked = None;
        for neighbour in self.links.values_mut() {
            neighbour.pinged = None;
        }
        match self.own.phase {
            // Who starts waits for others anew.
            Phase::Starting => self.start_anew(now),
            Phase::Synchronising | Phase::Operating | Phase::Waking => {
                self.enter(now, Phase::Waking);
                self.log("stood still for more than 10 s: asks the others before it serves on".into());
            }
            _ => {}
        }
        self.dials.anew(now);
        self.settle(now);
    }

    /// Every member was heard, or it took too long.
    fn is_awake(&self, now: Instant) -> bool {
        let heard = |server| self.links.get(&server).is_some_and(|one| one.is_met() && one.pinged.is_some());
        let own = self.own.process.server;
        let all = self.facts.members().all(|member| member.server == own || heard(member.server));
        all || now >= self.own.since + WAKING_MAX
    }
}
