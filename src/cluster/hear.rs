//! What is heard: each message to where it belongs (spec 10.2).

use std::net::{IpAddr, SocketAddr};

use super::complaints::Complaint;
use super::machine::Cluster;
use super::neighbour::{Neighbour, Pinged, Said};
use super::own::Adopted;
use super::seat::Standing;
use crate::ident::{ServerId, Stamp};
use crate::limits::PING_SPARE;
use crate::time::{Duration, Instant};
use crate::transport::{CloseCode, Priority};
use crate::wire::Problem;
use crate::wire::peer::{AddressUse, Intro, OwnAddress, PeerMessage, Ping, Stream};

/// A peer that sends what cannot be read (R-PEE-07).
pub(super) const MALFORMED: CloseCode = CloseCode(0x101);

impl From<Priority> for Stream {
    fn from(priority: Priority) -> Self {
        match priority {
            Priority::Control => Self::Control,
            Priority::Deltas => Self::Deltas,
            Priority::Bulk => Self::Bulk,
        }
    }
}

/// An address that means something on one link only.
pub(super) fn is_link_local(address: SocketAddr) -> bool {
    match address.ip().to_canonical() {
        IpAddr::V4(ip) => ip.is_link_local(),
        IpAddr::V6(ip) => ip.is_unicast_link_local(),
    }
}

/// What became of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Heard {
    /// It was for the cluster, or for nobody.
    Done,
    /// It is about the table, well-formed, and of a neighbour whose INTRO was taken.
    Table(ServerId),
}

impl Cluster {
    pub(super) fn hear(&mut self, now: Instant, server: ServerId, priority: Priority, bytes: &[u8]) -> Heard {
        let message = match PeerMessage::parse(Stream::from(priority), bytes) {
            Ok(message) => message,
            Err(error) if matches!(error.problem, Problem::Type(_)) => return Heard::Done,
            Err(error) => {
                if let Some(neighbour) = self.links.get(&server) {
                    self.close(neighbour.link, MALFORMED, &error.to_string());
                }
                self.drop_link(now, server, "malformed message");
                return Heard::Done;
            }
        };
        let Some(neighbour) = self.links.get_mut(&server) else { return Heard::Done };
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
            PeerMessage::Facts(facts) => self.take_facts(now, server, &facts),
            PeerMessage::Stored(stored) => self.take_stored(server, stored),
            PeerMessage::Resume(_)
            | PeerMessage::Confirm(_)
            | PeerMessage::Compare(_)
            | PeerMessage::Fetch(_)
            | PeerMessage::Begin(_)
            | PeerMessage::Delta(_)
            | PeerMessage::Buckets(_)
            | PeerMessage::Page(_) => return Heard::Table(server),
            PeerMessage::Stop(_) => self.take_stop(server),
            PeerMessage::StopAck(_) => self.take_stop_ack(server),
            PeerMessage::Done(_) => self.take_done(server),
            _ => {}
        }
        Heard::Done
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
        let Some(neighbour) = self.links.get(&server) else { return };
        // Its addresses, registered after it was removed, would make it a member again.
        if neighbour.leaves_at.is_some() {
            return;
        }
        let met = neighbour.met;
        let said = Said { head: intro.head, left: intro.left_lines().collect(), addresses: Vec::new() };
        if !met && (!self.admits(now, server, intro) || self.refuses_twin(now, server, &said)) {
            return;
        }
        self.adopt(now, server, intro.head.clock);
        self.register_own_addresses(now, server, intro);
        let Some(neighbour) = self.links.get_mut(&server) else { return };
        neighbour.said = Some(said);
        (neighbour.met, neighbour.digest) = (true, intro.head.facts);
        let used_by = |by| intro.addresses().filter(move |own| own.used_by == by).map(|own| own.address);
        neighbour.host_addresses = used_by(AddressUse::Hosts).collect();
        neighbour.link_addresses = used_by(AddressUse::Peers).filter(|at| !is_link_local(*at)).collect();
        let process = neighbour.process;
        self.note_taken(now, process);
        self.compare_facts(now, server, true);
    }

    /// What a member says of its addresses is registered (R-PEE-30).
    fn register_own_addresses(&mut self, now: Instant, server: ServerId, intro: &Intro<'_>) {
        let known = |own: &OwnAddress| matches!(own.used_by, AddressUse::Hosts | AddressUse::Peers);
        let all = intro.addresses().filter(known).map(|own| own.address);
        self.register_addresses(now, server, all.filter(|address| !is_link_local(*address)));
    }

    pub(super) fn register_addresses(
        &mut self,
        now: Instant,
        server: ServerId,
        addresses: impl IntoIterator<Item = SocketAddr>,
    ) {
        for address in addresses {
            let register =
                self.decide(now, |facts, decision| facts.register_address(decision, address, Some(server)));
            if let Err(problem) = register {
                let text = format!("address of HMS {server}: {problem}");
                self.complain(now, server, Complaint::Address, text);
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
        let heard_ours = now - there.saturating_sub(PING_SPARE);
        neighbour.pinged = Some(Pinged { heard_ours, neighbours: neighbours.collect() });
        neighbour.digest = ping.head.facts;
        if let Some(said) = &mut neighbour.said {
            said.head.phase = ping.head.phase;
        }
        self.compare_facts(now, server, false);
    }

    fn adopt(&mut self, now: Instant, server: ServerId, told: Stamp) {
        let (what, text) = match self.own.clock.adopt(now, told) {
            Adopted::Plainly => return,
            Adopted::Leapt => (Complaint::Leap, format!("HMS {server}: the stamp clock leaps to {told}")),
            Adopted::Absurd => {
                (Complaint::AbsurdClock, format!("HMS {server}: the stamp clock {told} is absurd"))
            }
        };
        self.complain(now, server, what, text);
    }
}
