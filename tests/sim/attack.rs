//! The attacker: sees what passes, sends it again from anywhere, bends it, makes up what needs no key.

use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};

use hms::auth::seal_checksum;
use hms::ident::{SessionId, UserId};
use hms::net::Destination;
use hms::time::Duration;
use hms::wire::{Announce, AnnounceEvent, Header, Hint, HintCode, Kind, flag};

use crate::device::Sent;
use crate::dice::Dice;
use crate::keys::EPOCH;
use crate::net::{ATTACKER, HMS_PORT, HMS_V4, To};
use crate::world::{Checked, World};

/// Some of what was sent, whether it arrived or not: half the choice is from the last few, half from all.
#[derive(Default)]
pub struct Capture {
    seen: u64,
    kept: Vec<Seen>,
    recent: VecDeque<Seen>,
}

/// Source as the HMS sees it, destination, bytes.
type Seen = (SocketAddr, To, Vec<u8>);

const KEPT: usize = 400;
const RECENT: usize = 60;

impl Capture {
    pub fn see(&mut self, dice: &mut Dice, from: SocketAddr, to: To, bytes: &[u8]) {
        self.seen += 1;
        let datagram = (from, to, bytes.to_vec());
        self.recent.push_back(datagram.clone());
        if self.recent.len() > RECENT {
            self.recent.pop_front();
        }
        if self.kept.len() < KEPT {
            self.kept.push(datagram);
        } else if dice.below(self.seen as usize) < KEPT {
            let place = dice.below(KEPT);
            self.kept[place] = datagram;
        }
    }

    fn pick(&self, dice: &mut Dice) -> Option<Seen> {
        let (place, recent) = (dice.number() as usize, dice.one_in(2));
        if recent && !self.recent.is_empty() {
            return self.recent.get(place % self.recent.len()).cloned();
        }
        self.kept.get(place % self.kept.len().max(1)).cloned()
    }
}

impl World {
    /// A source for a datagram to the HMS: the true one, the attacker's, or somebody else's.
    fn some_source(&mut self, true_one: SocketAddr) -> SocketAddr {
        let device = self.dice.below(self.devices.len());
        let other = self.net.outside(device).unwrap_or(ATTACKER);
        *self.dice.pick(&[true_one, ATTACKER, other])
    }

    /// Sends something that was seen once more, from somewhere.
    pub fn replay(&mut self) -> Checked {
        self.tally.count("replayed");
        for _ in 0..1 + self.dice.below(4) {
            let Some((from, to, bytes)) = self.capture.pick(&mut self.dice) else { return Ok(()) };
            let from = if matches!(to, To::Hms { .. }) { self.some_source(from) } else { from };
            let at = self.now + self.dice.span(Duration::ZERO, Duration::from_millis(200));
            self.net.forge(at, from, to, bytes);
        }
        Ok(())
    }

    /// Keeps a datagram from the network, and sends it itself some seconds later; `false` if that cannot be.
    pub fn hold(&mut self, device: usize, sent: &Sent) -> bool {
        let (Destination::Unicast(to), Some(from)) = (sent.transmit.to, self.net.outside(device)) else {
            return false;
        };
        self.tally.count("held back");
        let at = self.now + self.dice.span(Duration::from_millis(100), Duration::from_secs(12));
        self.net.forge(at, from, To::Hms { local: to.ip(), multicast: false }, sent.bytes.clone());
        true
    }

    /// Sends something that was never sent.
    pub fn forge(&mut self) -> Checked {
        self.tally.count("forged");
        let at = self.now;
        let hms = To::Hms { local: HMS_V4, multicast: false };
        let device = self.dice.below(self.devices.len());
        match self.dice.below(6) {
            0 => {
                let len = self.dice.below(1300);
                let bytes: Vec<u8> = (0..len).map(|_| self.dice.number() as u8).collect();
                self.net.forge(at, ATTACKER, hms, bytes);
            }
            1 => {
                let bytes = self.wrong_key(device);
                let from = self.some_source(ATTACKER);
                self.net.forge(at, from, hms, bytes);
            }
            2 => {
                let Some((from, to, mut bytes)) = self.capture.pick(&mut self.dice) else { return Ok(()) };
                let place = self.dice.below(bytes.len());
                bytes[place] ^= 1 << self.dice.below(8);
                if self.dice.one_in(4) {
                    bytes.truncate(place);
                }
                self.net.forge(at, from, to, bytes);
            }
            3 => {
                // A rogue in the place of the HMS: announces itself, hints, rejects.
                let bytes = self.rogue(device);
                let from = *self.dice.pick(&[SocketAddr::new(HMS_V4, HMS_PORT), ATTACKER]);
                self.net.forge(at, from, To::Machine(device), bytes);
            }
            4 => {
                let bytes = self.wrong_key(device);
                self.net.forge(at, SocketAddr::new(HMS_V4, HMS_PORT), hms, bytes);
            }
            _ => {
                // Broadcast and multicast sources must not be answered (R-DSC-08).
                let bytes = self.wrong_key(device);
                let from = *self.dice.pick(&[[255u8; 4], [239, 255, 67, 10], [0; 4]]);
                self.net.forge(at, SocketAddr::new(IpAddr::from(from), 7), hms, bytes);
            }
        }
        Ok(())
    }

    /// A well-formed request under a key that nobody gave.
    fn wrong_key(&mut self, device: usize) -> Vec<u8> {
        let (realm, user) = self.devices[device].who;
        let kind =
            *self.dice.pick(&[Kind::Init, Kind::Discover, Kind::Register, Kind::Heartbeat, Kind::Leave]);
        let user = if self.dice.one_in(2) { user } else { UserId(self.dice.number().to_be_bytes()) };
        let header = Header {
            kind,
            flags: 0,
            epoch: EPOCH,
            realm,
            user,
            session: SessionId(if kind == Kind::Heartbeat { self.dice.number() } else { 0 }),
            sequence: self.dice.number(),
        };
        let mut bytes = Vec::new();
        header.emit(&mut bytes);
        bytes.resize(if kind == Kind::Discover { 496 } else { 52 }, 0);
        bytes.extend_from_slice(&self.dice.bytes()[..16]);
        if self.dice.one_in(5) {
            bytes[0] = 2;
        }
        bytes
    }

    fn rogue(&mut self, device: usize) -> Vec<u8> {
        let (realm, user) = self.devices[device].who;
        let mut header = Header {
            kind: Kind::Hint,
            flags: flag::UNAUTHENTICATED,
            epoch: EPOCH,
            realm,
            user,
            session: SessionId(0),
            sequence: self.dice.number(),
        };
        let mut bytes = Vec::new();
        match self.dice.below(3) {
            0 => {
                header.emit(&mut bytes);
                Hint { code: HintCode::WrongKey, min_version: 1, max_version: 1 }.emit(&mut bytes);
                seal_checksum(&mut bytes);
            }
            1 => {
                header.kind = Kind::Announce;
                header.emit(&mut bytes);
                let server = hms::ident::ServerId(self.dice.number());
                Announce { server, event: AnnounceEvent::Up, port: HMS_PORT }.emit(&mut bytes);
                seal_checksum(&mut bytes);
            }
            _ => {
                let kinds =
                    [Kind::Reject, Kind::Superseded, Kind::Offer, Kind::Registered, Kind::Ack, Kind::Left];
                (header.kind, header.flags) = (*self.dice.pick(&kinds), 0);
                header.emit(&mut bytes);
                bytes.resize(52, 0);
                bytes.extend_from_slice(&self.dice.bytes()[..16]);
            }
        }
        bytes
    }
}
