//! What an attacker does, one thing at a time (QUALITY, threats): who sees what passes, who makes things up, who is on
//! the path. Who holds a key is in `insider.rs`.

use std::net::{IpAddr, SocketAddr};

use hms::net::Destination;
use hms::time::{Duration, Instant};
use hms::wire::{Header, HintCode, Kind, flag};

use crate::capture::Seen;
use crate::device::Sent;
use crate::net::{ATTACKER, HMS_PORT, HMS_V4, HMS_V6, LAN_ROGUE, Plug, To};
use crate::rule::Checked;
use crate::world::World;

/// Everything that an attacker does. Each must occur in a full run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Attack {
    ReplayAnything,
    ReplayFromElsewhere,
    ReplayAfterRestart,
    ReplayAfterLeave,
    ReplayReordered,
    ReplayHoursLater,
    ReplayToHost,
    /// The HMS's answers, sent to the HMS.
    Reflect,
    /// Every type, from a source that is not the sender's.
    Spoof,
    Flood,
    Random,
    Truncated,
    Flipped,
    /// From broadcast, multicast and unspecified addresses.
    SourceOfMany,
    RogueWithoutKey,
    RogueWithOtherKey,
    ForgedHint,
    ForgedAnnouncements,
    RelayedOffer,
    PathDrops,
    PathDelays,
    PathModifies,
    PathMoves,
    InsiderJoins,
    InsiderBeats,
    InsiderInOthersSession,
    InsiderAsOther,
    InsiderInOthersName,
    InsiderAtOthersAddress,
    InsiderManyRows,
    InsiderStamps,
    InsiderFast,
    InsiderContent,
    InsiderChanges,
    InsiderAfterRevocation,
    /// A host whose user was revoked starts again.
    StolenHostStarts,
}

impl Attack {
    pub const REPLAYS: [Self; 7] = [
        Self::ReplayAnything,
        Self::ReplayFromElsewhere,
        Self::ReplayAfterRestart,
        Self::ReplayAfterLeave,
        Self::ReplayReordered,
        Self::ReplayToHost,
        Self::Reflect,
    ];
    /// What needs no key.
    pub const FORGERIES: [Self; 11] = [
        Self::Spoof,
        Self::Flood,
        Self::Random,
        Self::Truncated,
        Self::Flipped,
        Self::SourceOfMany,
        Self::RogueWithoutKey,
        Self::RogueWithOtherKey,
        Self::ForgedHint,
        Self::ForgedAnnouncements,
        Self::RelayedOffer,
    ];
    pub const INSIDE: [Self; 11] = [
        Self::InsiderJoins,
        Self::InsiderBeats,
        Self::InsiderInOthersSession,
        Self::InsiderAsOther,
        Self::InsiderInOthersName,
        Self::InsiderAtOthersAddress,
        Self::InsiderManyRows,
        Self::InsiderStamps,
        Self::InsiderFast,
        Self::InsiderContent,
        Self::InsiderChanges,
    ];
    /// Those that come about by other means.
    pub const OTHERS: [Self; 7] = [
        Self::ReplayHoursLater,
        Self::PathDrops,
        Self::PathDelays,
        Self::PathModifies,
        Self::PathMoves,
        Self::InsiderAfterRevocation,
        Self::StolenHostStarts,
    ];

    pub fn all() -> impl Iterator<Item = Self> {
        let inside = Self::INSIDE.into_iter().chain(Self::OTHERS);
        Self::REPLAYS.into_iter().chain(Self::FORGERIES).chain(inside)
    }
}

/// Datagrams of a flood.
const FLOOD: usize = 300;
/// Who left within this time is worth a replay.
const LEFT_SINCE: Duration = Duration::from_secs(60);
/// Announcements at once.
const ANNOUNCEMENTS: usize = 40;

impl World {
    pub fn attack(&mut self, attack: Attack) -> Checked {
        match attack {
            Attack::ReplayAnything
            | Attack::ReplayFromElsewhere
            | Attack::ReplayAfterRestart
            | Attack::ReplayAfterLeave
            | Attack::ReplayReordered
            | Attack::ReplayHoursLater
            | Attack::ReplayToHost
            | Attack::Reflect => self.replay(attack),
            Attack::RogueWithoutKey
            | Attack::RogueWithOtherKey
            | Attack::ForgedHint
            | Attack::ForgedAnnouncements
            | Attack::RelayedOffer => self.go_rogue(attack),
            Attack::Spoof
            | Attack::Flood
            | Attack::Random
            | Attack::Truncated
            | Attack::Flipped
            | Attack::SourceOfMany => self.forge(attack),
            Attack::StolenHostStarts => return self.start_stolen(),
            other => return self.inside(other),
        }
        Ok(())
    }

    /// A source for a datagram to the HMS: the attacker's, or somebody else's.
    fn other_source(&mut self, true_one: SocketAddr) -> SocketAddr {
        let device = self.dice.below(self.devices.len());
        let other = self.net.outside(device).filter(|other| *other != true_one).unwrap_or(ATTACKER);
        *self.dice.pick(&[ATTACKER, other, other])
    }

    /// Sends what was seen once more.
    fn replay(&mut self, attack: Attack) {
        for _ in 0..1 + self.dice.below(4) {
            let (now, process) = (self.now, self.hms.process);
            let (dice, capture, witness) = (&mut self.dice, &self.capture, &self.witness);
            // What its users said last, half of the time how they came.
            let register = dice.one_in(2);
            let left = |seen: &Seen| {
                let of_leaver = |h: &Header| witness.left_since((h.realm, h.user), now - LEFT_SINCE);
                let header = seen.header().filter(of_leaver);
                header.is_some_and(|h| !register || h.kind == Kind::Register)
            };
            let seen = match attack {
                Attack::ReplayAfterRestart => {
                    capture.pick(dice, |seen| seen.of_host() && seen.process < process)
                }
                Attack::ReplayAfterLeave => capture.pick(dice, |seen| seen.of_host() && left(seen)),
                Attack::ReplayReordered => capture.just_now(dice),
                Attack::ReplayHoursLater => capture.old(dice, now),
                Attack::ReplayToHost | Attack::Reflect => capture.pick(dice, |seen| !seen.of_host()),
                Attack::ReplayFromElsewhere => capture.pick(dice, Seen::of_host),
                _ => capture.any(dice),
            };
            let Some(Seen { from, to, bytes, .. }) = seen.cloned() else { return };
            self.tally.attack(attack);
            let at = self.now + self.dice.span(Duration::ZERO, Duration::from_millis(200));
            let elsewhere = attack == Attack::ReplayFromElsewhere;
            match (attack, to) {
                (Attack::Reflect, To::Outside(host)) => {
                    let from = if self.dice.one_in(2) { host } else { from };
                    self.net.forge(at, from, hms_for(from), bytes);
                }
                (_, To::Hms { .. }) if elsewhere => {
                    let source = self.other_source(from);
                    self.net.forge(at, source, to, bytes);
                }
                // Perhaps the first to arrive: then it is only late.
                _ => self.net.pass_on(at, from, to, bytes),
            }
        }
    }

    /// Sends to the HMS what was never sent, by somebody without a key.
    fn forge(&mut self, attack: Attack) {
        self.tally.attack(attack);
        let device = self.dice.below(self.devices.len());
        match attack {
            Attack::Random => {
                let len = self.dice.below(1300);
                let bytes: Vec<u8> = (0..len).map(|_| self.dice.number() as u8).collect();
                self.net.forge(self.now, ATTACKER, hms_for(ATTACKER), bytes);
            }
            Attack::Truncated | Attack::Flipped => {
                let Some(Seen { from, to, mut bytes, .. }) = self.capture.any(&mut self.dice).cloned() else {
                    return;
                };
                let place = self.dice.below(bytes.len());
                if attack == Attack::Truncated {
                    bytes.truncate(place);
                } else {
                    bytes[place] ^= 1 << self.dice.below(8);
                }
                self.net.forge(self.now, from, to, bytes);
            }
            Attack::SourceOfMany => {
                // R-DSC-08.
                let bytes = self.wrong_key(device, Kind::Init);
                let from = *self.dice.pick(&[[255u8; 4], [239, 255, 67, 10], [0; 4]]);
                self.net.forge(self.now, SocketAddr::new(IpAddr::from(from), 7), hms_for(ATTACKER), bytes);
            }
            Attack::Flood => {
                for number in 0..FLOOD {
                    let bytes = self.some_junk(device);
                    let from = SocketAddr::from(([198, 18, (number >> 8) as u8, number as u8], 1000));
                    let at = self.now + Duration::from_micros(number as u64 * 300);
                    self.net.forge(at, from, hms_for(from), bytes);
                }
            }
            _ => {
                let kind = *self.dice.pick(Kind::ALL);
                self.tally.spoofed(kind);
                let seen = self.capture.of_kind(&mut self.dice, kind).cloned();
                let bytes = match seen.filter(|_| self.dice.one_in(2)) {
                    Some(seen) => seen.bytes,
                    None => self.wrong_key(device, kind),
                };
                let hms = SocketAddr::new(HMS_V4, HMS_PORT);
                let victim = self.net.outside(device).unwrap_or(ATTACKER);
                let from =
                    *self.dice.pick(&[victim, victim, hms, SocketAddr::from(([203, 0, 113, 200], 53))]);
                self.net.forge(self.now, from, hms_for(from), bytes);
            }
        }
    }

    /// Stands in the HMS's place towards a host.
    fn go_rogue(&mut self, attack: Attack) {
        self.tally.attack(attack);
        let device = self.dice.below(self.devices.len());
        let at_hms = SocketAddr::new(HMS_V4, HMS_PORT);
        let send = |world: &mut Self, bytes: Vec<u8>, at: Instant| {
            let from = *world.dice.pick(&[at_hms, ATTACKER, LAN_ROGUE]);
            world.net.forge(at, from, To::Machine(device), bytes);
        };
        match attack {
            Attack::ForgedHint => {
                let code = *self.dice.pick(&[HintCode::WrongKey, HintCode::UnknownEpoch, HintCode::Version]);
                let bytes = self.forged_hint(device, code);
                send(self, bytes, self.now);
            }
            Attack::ForgedAnnouncements => {
                for number in 0..ANNOUNCEMENTS as u64 {
                    let bytes = self.forged_announcement();
                    // At 1 kHz.
                    send(self, bytes, self.now + Duration::from_millis(number));
                }
            }
            Attack::RelayedOffer => {
                let seen = self.capture.of_kind(&mut self.dice, Kind::Discover).cloned();
                if let Some(seen) = seen {
                    self.relaying = Some(device);
                    self.net.pass_on(
                        self.now,
                        LAN_ROGUE,
                        To::Hms { local: HMS_V4, multicast: true },
                        seen.bytes,
                    );
                }
            }
            other => {
                let bytes = self.forged_answer(device, other == Attack::RogueWithOtherKey);
                send(self, bytes, self.now);
            }
        }
    }

    /// A host that was stolen tries again; its user was revoked.
    fn start_stolen(&mut self) -> Checked {
        let revoked = |device: &usize| {
            let device = &self.devices[*device];
            device.token.generation != self.keys.generation(device.who.0, device.who.1)
        };
        let stolen: Vec<_> = (0..self.devices.len()).filter(revoked).collect();
        if stolen.is_empty() {
            return Ok(());
        }
        self.tally.attack(Attack::StolenHostStarts);
        let device = *self.dice.pick(&stolen);
        self.start(device, true)
    }

    /// Keeps a datagram from the network, and sends it itself some seconds later; `false` if that cannot be.
    pub fn hold(&mut self, device: usize, sent: &Sent) -> bool {
        let (Destination::Unicast(to), Some(from)) = (sent.transmit.to, self.net.outside(device)) else {
            return false;
        };
        self.tally.count("held back");
        let at = self.now + self.dice.span(Duration::from_millis(100), Duration::from_secs(12));
        self.net.pass_on(at, from, To::Hms { local: to.ip(), multicast: false }, sent.bytes.clone());
        true
    }

    /// What somebody on the path does with a host's datagram; `false`: lets it pass.
    pub fn meddle(&mut self, device: usize, sent: &Sent) -> bool {
        let (Destination::Unicast(to), Some(from)) = (sent.transmit.to, self.net.outside(device)) else {
            return false;
        };
        let to = To::Hms { local: to.ip(), multicast: false };
        let draws = [Attack::PathDrops, Attack::PathDelays, Attack::PathModifies, Attack::PathMoves];
        let attack = *self.dice.pick(&draws);
        self.tally.attack(attack);
        self.devices[device].troubled = self.now;
        let mut bytes = sent.bytes.clone();
        match attack {
            Attack::PathDrops => {}
            Attack::PathDelays => {
                let at = self.now + self.dice.span(Duration::from_millis(50), Duration::from_secs(20));
                self.net.pass_on(at, from, to, bytes);
            }
            Attack::PathModifies => {
                let place = self.dice.below(bytes.len());
                bytes[place] ^= 1 << self.dice.below(8);
                self.net.forge(self.now, from, to, bytes);
            }
            _ => self.net.forge(self.now, ATTACKER, to, bytes),
        }
        true
    }

    /// One of the HMS's answers reaches an address of the attacker, who passes on what a host waits for.
    pub fn rogue_hears(&mut self, at: SocketAddr, bytes: &[u8]) -> Checked {
        if let Some(device) = self.relaying.take_if(|_| at == LAN_ROGUE) {
            if !matches!(self.net.plug(device), Plug::Nat(_)) {
                self.tally.count("offer relayed");
                self.net.pass_on(self.now, LAN_ROGUE, To::Machine(device), bytes.to_vec());
            }
            return Ok(());
        }
        self.insider_hears(at, bytes)
    }
}

/// To the HMS, in the family of the source.
pub fn hms_for(from: SocketAddr) -> To {
    To::Hms { local: if from.is_ipv4() { HMS_V4 } else { HMS_V6 }, multicast: false }
}

/// What `seal` left out: flags that a forged datagram of this kind needs.
pub const fn flags_of(kind: Kind) -> u8 {
    match kind {
        Kind::Hint | Kind::Announce => flag::UNAUTHENTICATED,
        _ => 0,
    }
}
