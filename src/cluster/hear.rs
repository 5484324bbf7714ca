//! What is heard: each message to where it belongs (spec 10.2).

use super::machine::Cluster;
use super::neighbour::{Neighbour, Pinged, Said};
use super::own::Adopted;
use super::seat::Standing;
use crate::ident::{ServerId, Stamp};
use crate::time::{Duration, Instant};
use crate::transport::{CloseCode, Priority};
use crate::wire::Problem;
use crate::wire::peer::{AddressUse, Intro, PeerMessage, Ping, Stream};

/// A peer that sends what cannot be read (R-PEE-07).
const MALFORMED: CloseCode = CloseCode(0x101);

const fn stream(priority: Priority) -> Stream {
    match priority {
        Priority::Control => Stream::Control,
        Priority::Deltas => Stream::Deltas,
        Priority::Bulk => Stream::Bulk,
    }
}

impl Cluster {
    pub(super) fn hear(&mut self, now: Instant, server: ServerId, priority: Priority, bytes: &[u8]) {
        let message = match PeerMessage::parse(stream(priority), bytes) {
            Ok(message) => message,
            Err(error) if matches!(error.problem, Problem::Type(_)) => return,
            Err(error) => {
                if let Some(neighbour) = self.links.get(&server) {
                    self.close(neighbour.link, MALFORMED, &error.to_string());
                }
                return self.drop_link(now, server, "malformed message");
            }
        };
        let Some(neighbour) = self.links.get_mut(&server) else { return };
        match message {
            PeerMessage::Intro(_) if neighbour.held.is_some() || !neighbour.intros.take(now) => {
                neighbour.held = Some(bytes.to_vec());
            }
            PeerMessage::Intro(intro) => self.take_intro(now, server, &intro),
            PeerMessage::Refuse(refuse) => self.take_refuse(now, server, &refuse),
            // Before INTRO nothing counts, and of who was refused nothing at all.
            _ if !neighbour.met || neighbour.leaves_at.is_some() => {}
            PeerMessage::Ping(ping) if neighbour.pings.take(now) => self.take_ping(now, server, &ping),
            PeerMessage::Join(join) => self.take_join(now, server, join),
            PeerMessage::Seat(seat) => self.take_seat(now, server, seat),
            PeerMessage::Facts(facts) => self.take_facts(server, &facts),
            PeerMessage::Stored(stored) => self.take_stored(server, stored),
            _ => {}
        }
    }

    /// INTROs that came too often: the last of each, when its time has come.
    pub(super) fn take_held(&mut self, now: Instant) {
        let due = |neighbour: &mut Neighbour| {
            let due = neighbour.held.is_some() && neighbour.intros.take(now);
            neighbour.held.take_if(|_| due)
        };
        let held = self.links.iter_mut();
        let due: Vec<_> = held.filter_map(|(server, one)| Some((*server, due(one)?))).collect();
        for (server, bytes) in due {
            if let Ok(PeerMessage::Intro(intro)) = PeerMessage::parse(Stream::Control, &bytes) {
                self.take_intro(now, server, &intro);
            }
        }
    }

    fn take_intro(&mut self, now: Instant, server: ServerId, intro: &Intro<'_>) {
        let met = self.links.get(&server).is_some_and(|neighbour| neighbour.met);
        if !met && !self.admits(now, server, intro) {
            return;
        }
        self.adopt(now, server, intro.head.clock);
        self.register_own_addresses(now, server, intro);
        let Some(neighbour) = self.links.get_mut(&server) else { return };
        neighbour.said =
            Some(Said { head: intro.head, left: intro.left_lines().collect(), addresses: Vec::new() });
        (neighbour.met, neighbour.digest) = (true, intro.head.facts);
        let for_hosts = intro.addresses().filter(|own| own.used_by == AddressUse::Hosts);
        neighbour.host_addresses = for_hosts.map(|own| own.address).collect();
        let process = neighbour.process;
        self.note_taken(now, process);
        self.compare_facts(now, server, true);
    }

    /// What a member says of its addresses is registered (R-PEE-30).
    fn register_own_addresses(&mut self, now: Instant, server: ServerId, intro: &Intro<'_>) {
        for own in intro.addresses() {
            let link_local = match own.address.ip().to_canonical() {
                std::net::IpAddr::V4(ip) => ip.is_link_local(),
                std::net::IpAddr::V6(ip) => ip.is_unicast_link_local(),
            };
            let known = matches!(own.used_by, AddressUse::Hosts | AddressUse::Peers);
            if link_local || !known {
                continue;
            }
            let register = self
                .decide(now, |facts, decision| facts.register_address(decision, own.address, Some(server)));
            if let Err(problem) = register {
                self.log(format!("address of HMS {server}: {problem}"));
            }
        }
    }

    fn take_ping(&mut self, now: Instant, server: ServerId, ping: &Ping<'_>) {
        self.adopt(now, server, ping.head.clock);
        let Some(neighbour) = self.links.get_mut(&server) else { return };
        let own = self.own.process.server;
        let neighbours = ping.neighbours().filter(|one| one.process.server != own).map(|one| Standing {
            process: one.process,
            phase: one.phase,
            line: one.line,
            joined_at_ms: one.joined_at_ms,
        });
        let there = Duration::from_millis(u64::from(ping.head.heard_ms));
        neighbour.pinged = Some(Pinged { there, neighbours: neighbours.collect() });
        neighbour.digest = ping.head.facts;
        if let Some(said) = &mut neighbour.said {
            said.head.phase = ping.head.phase;
        }
        self.compare_facts(now, server, false);
    }

    fn adopt(&mut self, now: Instant, server: ServerId, told: Stamp) {
        match self.own.clock.adopt(now, told) {
            Adopted::Plainly => {}
            Adopted::Leapt => self.log(format!("HMS {server}: the stamp clock leaps to {told}")),
            Adopted::Absurd => self.log(format!("HMS {server}: the stamp clock {told} is absurd")),
        }
    }
}
