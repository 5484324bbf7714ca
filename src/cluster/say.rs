//! What is said by itself: INTRO and PING (spec 10.2, 10.6).

use super::machine::Cluster;
use super::neighbour::{Neighbour, Said};
use super::own::millis;
use super::reach::Health;
use super::seat::Standing;
use crate::ident::ServerId;
use crate::limits::{PEER_DOWN, PEER_NEWS, PEER_PING, PEER_SUSPECT};
use crate::time::Instant;
use crate::wire::peer;
use crate::wire::peer::{IntroHead, PingHead};

impl Cluster {
    /// Says what is due: INTRO to whom it is news, PING to all.
    pub(super) fn say_all(&mut self, now: Instant) {
        let intro = self.intro(now);
        let standings: Vec<_> = self.neighbours().map(Neighbour::standing).collect();
        let servers: Vec<_> = self.links.keys().copied().collect();
        for server in servers {
            self.say_intro(now, server, &intro);
            self.say_ping(now, server, &standings);
        }
    }

    pub(super) fn intro(&self, now: Instant) -> Said {
        let own = self.own.standing();
        let head = IntroHead {
            min_version: 1,
            max_version: 1,
            phase: own.phase,
            line: own.line,
            age_ms: self.own.age_ms(now),
            joined_at_ms: own.joined_at_ms,
            founded: self.own.founded,
            clock: self.own.clock.read(now),
            facts: self.facts.digest(),
            timing: self.judged.timing,
        };
        let addresses = self.own.addresses.clone();
        Said { head, left: self.own.left.iter().collect(), addresses }
    }

    fn say_intro(&mut self, now: Instant, server: ServerId, intro: &Said) {
        let Some(neighbour) = self.links.get_mut(&server) else { return };
        let link = neighbour.link;
        match &neighbour.sent {
            Some(before) if neighbour.leaves_at.is_some() || !intro.is_news(before) => {
                neighbour.intro_due = false;
                return;
            }
            // That it stops is said once, and does not wait: another leads from then on.
            Some(before) if now < neighbour.sent_at + PEER_NEWS && !intro.stops_since(before) => {
                neighbour.intro_due = true;
                return;
            }
            _ => {}
        }
        neighbour.sent = Some(intro.clone());
        (neighbour.sent_at, neighbour.intro_due) = (now, false);
        let mut message = Vec::new();
        intro.head.emit(&self.own.name, &intro.addresses, &intro.left, &mut message);
        self.send(link, message);
    }

    fn say_ping(&mut self, now: Instant, server: ServerId, standings: &[Standing]) {
        let clock = self.own.clock.read(now);
        let Some(neighbour) = self.links.get_mut(&server) else { return };
        if !neighbour.met || neighbour.leaves_at.is_some() {
            return;
        }
        let others = || standings.iter().filter(|one| one.process.server != server);
        if now < neighbour.ping_at {
            // News do not wait for their time, but a little for each other.
            let next = neighbour.pinged_at + PEER_NEWS;
            if neighbour.listed.iter().eq(others()) || now < next {
                let news = !neighbour.listed.iter().eq(others());
                neighbour.ping_at = if news { next } else { neighbour.ping_at };
                return;
            }
        }
        neighbour.listed = others().copied().collect();
        (neighbour.pinged_at, neighbour.ping_at) = (now, now + PEER_PING);
        let heard_ms = u32::try_from(millis(now.since(neighbour.heard))).unwrap_or(u32::MAX);
        let listed = neighbour.listed.iter().map(|one| peer::Neighbour {
            process: one.process,
            phase: one.phase,
            line: one.line,
            joined_at_ms: one.joined_at_ms,
        });
        let head = PingHead { phase: self.own.phase, heard_ms, clock, facts: self.facts.digest() };
        let (link, mut message) = (neighbour.link, Vec::new());
        head.emit(listed, &mut message);
        self.send(link, message);
    }
}

impl Neighbour {
    /// When something is due that nobody causes.
    pub(super) fn wakes_at(&self) -> Option<Instant> {
        if self.leaves_at.is_some() {
            return self.leaves_at;
        }
        let health = match self.health {
            Some(Health::Up) => Some(self.silent_since() + PEER_SUSPECT),
            Some(Health::Suspect) => Some(self.silent_since() + PEER_DOWN),
            _ => None,
        };
        let intro = self.intro_due.then(|| self.sent_at + PEER_NEWS);
        let held = self.held.as_ref().map(|_| self.intros.next());
        let ping = self.met.then_some(self.ping_at);
        ping.into_iter().chain(health).chain(intro).chain(held).chain(self.lost_until).min()
    }
}
