//! Datagrams that nobody ever sent: well-formed ones under no key or a wrong one, and junk.

use hms::auth::{seal, seal_checksum};
use hms::ident::{ServerId, SessionId, UserId};
use hms::wire::{Announce, AnnounceEvent, Header, Hint, HintCode, Kind, flag};

use crate::attack::flags_of;
use crate::keys::EPOCH;
use crate::net::HMS_PORT;
use crate::world::World;

impl World {
    fn some_header(&mut self, device: usize, kind: Kind) -> Header {
        let (realm, user) = self.devices[device].who;
        Header {
            kind,
            flags: flags_of(kind),
            epoch: EPOCH,
            realm,
            user,
            session: SessionId(0),
            sequence: self.dice.number(),
        }
    }

    /// A well-formed datagram under a key that nobody gave.
    pub fn wrong_key(&mut self, device: usize, kind: Kind) -> Vec<u8> {
        let mut header = self.some_header(device, kind);
        if self.dice.one_in(2) {
            header.user = UserId(self.dice.number().to_be_bytes());
        }
        let sessionless = matches!(kind, Kind::Init | Kind::Register | Kind::Discover);
        if !sessionless {
            header.session = SessionId(self.dice.number());
        }
        let mut bytes = Vec::new();
        header.emit(&mut bytes);
        bytes.resize(if kind == Kind::Discover { 496 } else { 52 }, 0);
        bytes.extend_from_slice(&self.dice.bytes()[..16]);
        if self.dice.one_in(8) {
            bytes[0] = 2;
        }
        bytes
    }

    /// What a flood is made of.
    pub fn some_junk(&mut self, device: usize) -> Vec<u8> {
        let kinds = [Kind::Init, Kind::Register, Kind::Discover, Kind::Heartbeat, Kind::Pull];
        let kind = *self.dice.pick(&kinds);
        match self.dice.below(8) {
            0 => (0..self.dice.below(200)).map(|n| n as u8).collect(),
            // Half of them in a session that there is.
            1 | 2 => {
                let seen = self.capture.any(&mut self.dice).cloned();
                let mut bytes = seen.map(|seen| seen.bytes).unwrap_or_default();
                if let Some(last) = bytes.last_mut() {
                    *last ^= 1;
                }
                bytes
            }
            _ => self.wrong_key(device, kind),
        }
    }

    pub fn forged_hint(&mut self, device: usize, code: HintCode) -> Vec<u8> {
        let mut bytes = Vec::new();
        self.some_header(device, Kind::Hint).emit(&mut bytes);
        Hint { code, min_version: 1, max_version: 1 }.emit(&mut bytes);
        seal_checksum(&mut bytes);
        bytes
    }

    pub fn forged_announcement(&mut self) -> Vec<u8> {
        let mut bytes = Vec::new();
        let header = Header {
            kind: Kind::Announce,
            flags: flag::UNAUTHENTICATED,
            epoch: hms::ident::Epoch(0),
            realm: hms::ident::RealmId(0),
            user: UserId::default(),
            session: SessionId(0),
            sequence: self.dice.number(),
        };
        header.emit(&mut bytes);
        let server = ServerId(self.dice.number());
        Announce { server, event: AnnounceEvent::Up, port: HMS_PORT }.emit(&mut bytes);
        seal_checksum(&mut bytes);
        bytes
    }

    /// An answer that the HMS never gave, signed with nothing or with another user's key.
    pub fn forged_answer(&mut self, device: usize, other_key: bool) -> Vec<u8> {
        let kinds = [
            Kind::Reject,
            Kind::Superseded,
            Kind::Offer,
            Kind::Registered,
            Kind::Ack,
            Kind::Left,
            Kind::Challenge,
            Kind::Reregister,
            Kind::Retry,
            Kind::Redirect,
            Kind::Page,
        ];
        let kind = *self.dice.pick(&kinds);
        let mut header = self.some_header(device, kind);
        // What the host asked last.
        let who = self.devices[device].who;
        let asked = self.capture.pick(&mut self.dice, |seen| {
            seen.of_host() && seen.header().is_some_and(|header| (header.realm, header.user) == who)
        });
        if let Some(asked) = asked.and_then(|seen| seen.header()) {
            (header.session, header.sequence) = (asked.session, asked.sequence);
        }
        let mut bytes = Vec::new();
        header.emit(&mut bytes);
        bytes.resize(52, 0);
        if !other_key {
            bytes.extend_from_slice(&self.dice.bytes()[..16]);
            return bytes;
        }
        let others: Vec<_> = self.users.iter().map(|user| user.who).filter(|other| *other != who).collect();
        let (realm, user) = *self.dice.pick(&others);
        let generation = self.keys.generation(realm, user);
        let key = self.keys.user_key(realm, user, generation);
        if header.session == SessionId(0) {
            seal(&key, &mut bytes);
        } else {
            seal(&key.session_key(header.session), &mut bytes);
        }
        bytes
    }
}
