//! The holder of another user's key: has a machine of its own, acts as that user in every way, and tries what it has no
//! right to.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use hms::auth::{SessionKey, UserKey, seal, user_id};
use hms::ident::{Generation, Incarnation, InstanceId, Name, Revision, SessionId, Stamp};
use hms::wire::{
    Answer, Content, ContentRef, Header, Heartbeat, HostState, Init, Kind, Register, Service, Transport,
    Unverified, View,
};

use crate::attack::{Attack, hms_for};
use crate::keys::EPOCH;
use crate::net::ATTACKER;
use crate::reference::Who;
use crate::rule::Checked;
use crate::world::World;

/// Registrations at once.
const BURST: usize = 40;
/// Sessions that it remembers.
const SESSIONS: usize = 8;

pub struct Insider {
    pub user: usize,
    who: Who,
    key: UserKey,
    generation: Generation,
    at: SocketAddr,
    instance: InstanceId,
    incarnation: Incarnation,
    /// What it wants to do with the challenge that it asked for, by nonce.
    asked: BTreeMap<u64, Attack>,
    sessions: Vec<Session>,
}

struct Session {
    id: SessionId,
    key: SessionKey,
    sequence: u64,
    version: u32,
}

impl World {
    /// The user whose key is known.
    pub fn is_compromised(&self, user: usize) -> bool {
        self.insider.as_ref().is_some_and(|insider| insider.user == user)
    }

    /// Steals a key, the first time.
    fn insider(&mut self) -> &mut Insider {
        if self.insider.is_none() {
            let user = self.dice.below(self.users.len());
            let who = self.users[user].who;
            let generation = self.keys.generation(who.0, who.1);
            let key = self.keys.user_key(who.0, who.1, generation);
            self.witness.rogue = Some(who);
            self.insider = Some(Insider {
                user,
                who,
                key,
                generation,
                at: ATTACKER,
                instance: InstanceId(self.dice.number()),
                incarnation: Incarnation(0),
                asked: BTreeMap::new(),
                sessions: Vec::new(),
            });
        }
        self.insider.as_mut().expect("it was just made")
    }

    pub fn inside(&mut self, attack: Attack) -> Checked {
        let Insider { who, generation, .. } = *self.insider();
        self.tally.attack(attack);
        if self.keys.generation(who.0, who.1) != generation {
            self.tally.attack(Attack::InsiderAfterRevocation);
        }
        match attack {
            Attack::InsiderBeats => {
                let leave = self.dice.one_in(6);
                self.insider_beats(if leave { Kind::Leave } else { Kind::Heartbeat }, None);
            }
            Attack::InsiderChanges => {
                for _ in 0..BURST {
                    let content = self.insiders_content(attack, self.insider.as_ref().map_or(0, |i| i.user));
                    self.insider_beats(Kind::Heartbeat, Some(&content));
                }
            }
            Attack::InsiderInOthersSession => self.in_others_session(),
            Attack::InsiderAsOther => self.as_other(),
            Attack::InsiderManyRows => (0..3).for_each(|_| self.ask_in(attack)),
            Attack::InsiderFast => (0..BURST).for_each(|_| self.ask_in(attack)),
            other => self.ask_in(other),
        }
        Ok(())
    }

    fn insider_sends(&mut self, from: SocketAddr, bytes: Vec<u8>) {
        self.net.pass_on(self.now, from, hms_for(from), bytes);
    }

    /// INIT as the user that it may be.
    fn ask_in(&mut self, then: Attack) {
        let nonce = self.dice.number();
        let insider = self.insider();
        insider.asked.insert(nonce, then);
        let (header, key, at) = (insider.header(Kind::Init, 0, nonce), insider.key.clone(), insider.at);
        let mut bytes = Vec::new();
        header.emit(&mut bytes);
        Init::default().emit(&mut bytes);
        seal(&key, &mut bytes);
        self.insider_sends(at, bytes);
    }

    /// A datagram of another user's session, signed with what its own key makes of that session.
    fn in_others_session(&mut self) {
        let who = self.insider().who;
        let of_other = self.capture.pick(&mut self.dice, |seen| {
            let header = seen.header();
            seen.of_host() && header.is_some_and(|h| h.session.0 != 0 && (h.realm, h.user) != who)
        });
        let Some(seen) = of_other.cloned() else { return };
        let Some(mut header) = seen.header() else { return };
        header.sequence += self.dice.number() % 1000;
        header.kind = *self.dice.pick(&[Kind::Heartbeat, Kind::Leave, Kind::Pull]);
        header.flags = 0;
        // As the other, or as itself in the other's session.
        if self.dice.one_in(2) {
            (header.realm, header.user) = who;
        }
        let key = self.insider().key.session_key(header.session);
        let mut bytes = Vec::new();
        header.emit(&mut bytes);
        bytes.resize(52, 0);
        seal(&key, &mut bytes);
        let from = if self.dice.one_in(2) { seen.from } else { ATTACKER };
        self.net.pass_on(self.now, from, hms_for(from), bytes);
    }

    /// INIT, REGISTER or DISCOVER with another user's id, under its own key.
    fn as_other(&mut self) {
        let device = self.dice.below(self.devices.len());
        let (realm, user) = self.devices[device].who;
        let kind = *self.dice.pick(&[Kind::Init, Kind::Register, Kind::Discover]);
        let key = self.insider().key.clone();
        if (realm, user) == self.insider().who {
            return;
        }
        let mut bytes = Vec::new();
        let header = Header { realm, user, ..self.insider().header(kind, 0, 7) };
        header.emit(&mut bytes);
        bytes.resize(if kind == Kind::Discover { 496 } else { 200 }, 0);
        seal(&key, &mut bytes);
        self.net.forge(self.now, ATTACKER, hms_for(ATTACKER), bytes);
    }

    /// A heartbeat, perhaps with new content, or LEAVE in the last session that it has.
    fn insider_beats(&mut self, kind: Kind, content: Option<&[u8]>) {
        let insider = self.insider();
        let (incarnation, at) = (insider.incarnation, insider.at);
        let Some(session) = insider.sessions.last_mut() else { return };
        session.sequence += 1;
        session.version += u32::from(content.is_some());
        let (id, key, sequence) = (session.id, session.key.clone(), session.sequence);
        let content = content.map(|bytes| (ContentRef::trusted(bytes), View::Realm, true));
        let heartbeat = Heartbeat { content_version: session.version, content, ..beat(incarnation, None) };
        let flags = if kind == Kind::Leave { 0 } else { heartbeat.flags() };
        let header = Header { session: id, ..insider.header(kind, flags, sequence) };
        let mut bytes = Vec::new();
        header.emit(&mut bytes);
        if kind == Kind::Leave {
            bytes.resize(52, 0);
        } else {
            heartbeat.emit(&mut bytes);
        }
        seal(&key, &mut bytes);
        self.insider_sends(at, bytes);
    }

    /// The HMS answers to where the insider is.
    pub fn insider_hears(&mut self, at: SocketAddr, bytes: &[u8]) -> Checked {
        let proof = self.insider.as_ref().map(|insider| (insider.who, at));
        let Some(insider) = self.insider.as_mut().filter(|insider| insider.at == at) else { return Ok(()) };
        let Ok(datagram) = Unverified::parse(bytes) else { return Ok(()) };
        let header = *datagram.header();
        if (header.realm, header.user) != insider.who {
            return Ok(());
        }
        if header.session == SessionId(0) {
            let verified = hms::auth::open(&insider.key, datagram);
            let Some(Ok(Answer::Challenge(short))) = verified.map(|v| v.answer()) else { return Ok(()) };
            insider.incarnation = short.incarnation;
            let then = insider.asked.remove(&header.sequence);
            self.proofs.extend(proof);
            return then
                .map_or(Ok(()), |then| self.register_as_insider(then, header.sequence, short.argument));
        }
        let key = insider.key.session_key(header.session);
        let Some(Ok(answer)) = hms::auth::open(&key, datagram).map(|v| v.answer()) else { return Ok(()) };
        match answer {
            Answer::Registered(_) => {
                if insider.sessions.len() >= SESSIONS {
                    insider.sessions.remove(0);
                }
                insider.sessions.push(Session { id: header.session, key, sequence: 0, version: 1 });
            }
            Answer::Challenge(short) => {
                insider.incarnation = short.incarnation;
                self.proofs.extend(proof);
                self.echo(header.session, short.argument);
            }
            _ => {}
        }
        Ok(())
    }

    fn echo(&mut self, id: SessionId, cookie: u64) {
        let insider = self.insider();
        let incarnation = insider.incarnation;
        let Some(session) = insider.sessions.iter_mut().find(|session| session.id == id) else { return };
        session.sequence += 1;
        let (key, sequence) = (session.key.clone(), session.sequence);
        let heartbeat = Heartbeat { content_version: session.version, ..beat(incarnation, Some(cookie)) };
        let header = Header { session: id, ..insider.header(Kind::Heartbeat, heartbeat.flags(), sequence) };
        let mut bytes = Vec::new();
        header.emit(&mut bytes);
        heartbeat.emit(&mut bytes);
        seal(&key, &mut bytes);
        // It has the cookie: perhaps it works for another's address as well.
        let victim = self.dice.below(self.devices.len());
        let from = self.net.outside(victim).filter(|_| self.dice.one_in(3)).unwrap_or(ATTACKER);
        self.insider_sends(from, bytes);
    }

    /// It has a cookie for its own address and a nonce.
    fn register_as_insider(&mut self, then: Attack, nonce: u64, cookie: u64) -> Checked {
        let (user, who) = (self.insider().user, self.insider().who);
        let victim = (user + 1 + self.dice.below(self.users.len() - 1)) % self.users.len();
        let name = if then == Attack::InsiderInOthersName { victim } else { user };
        let content = self.insiders_content(then, name);
        debug_assert_eq!(user_id(who.0, self.users[user].name.as_str()), who.1);
        let last_stamp = if then == Attack::InsiderStamps { self.some_stamp() } else { Stamp(0) };
        let takeover = !self.dice.one_in(4);
        let insider = self.insider();
        let register = Register {
            takeover,
            cookie,
            instance: insider.instance,
            last_stamp,
            content_version: 1,
            incarnation: Incarnation(0),
            revision: Revision(0),
            digest: 0,
            content: ContentRef::trusted(&content),
            view: View::Realm,
            push: true,
        };
        let header = insider.header(Kind::Register, register.flags(), nonce);
        let (key, at) = (insider.key.clone(), insider.at);
        let mut bytes = Vec::new();
        header.emit(&mut bytes);
        register.emit(&mut bytes);
        seal(&key, &mut bytes);
        if bytes.len() > hms::limits::DATAGRAM_MAX {
            bytes.truncate(hms::limits::DATAGRAM_MAX);
        }
        let device = *self.dice.pick(&self.users[victim].devices);
        let theirs = self.net.outside(device).filter(|_| then == Attack::InsiderAtOthersAddress);
        self.insider_sends(theirs.unwrap_or(at), bytes);
        Ok(())
    }

    fn insiders_content(&mut self, then: Attack, name: usize) -> Vec<u8> {
        let machine = Name::new("an insider's").expect("a name");
        let mut content = Content::new(self.users[name].name.clone(), machine);
        content.state = *self.dice.pick(HostState::ALL);
        content.conference = Name::new(self.dice.pick::<&str>(&["board", "lunch"])).ok();
        if then == Attack::InsiderContent {
            let kind = Name::new("0123456789abcdef").expect("a name");
            let service = |port| Service { kind: kind.clone(), port, transport: Transport::Udp };
            content.services.extend((1..17).map(service));
            content.host_name = Name::new(&"y".repeat(64)).expect("a name");
        }
        content.to_bytes()
    }

    /// As a host's last stamp.
    fn some_stamp(&mut self) -> Stamp {
        let clock = self.hms.look(self.now, |server, local| server.stamp_clock(local)).unwrap_or_default();
        let near = clock.saturating_add(1 << 54);
        let all = [u64::MAX, u64::MAX - 1, 1 << 63, near, near + 1, near - 1000, clock, clock + (1 << 40), 1];
        Stamp(*self.dice.pick(&all))
    }
}

impl Insider {
    fn header(&self, kind: Kind, flags: u8, sequence: u64) -> Header {
        let (realm, user) = self.who;
        Header { kind, flags, epoch: EPOCH, realm, user, session: SessionId(0), sequence }
    }
}

const fn beat(incarnation: Incarnation, cookie: Option<u64>) -> Heartbeat<'static> {
    Heartbeat {
        content_version: 1,
        incarnation,
        revision: Revision(0),
        digest: 0,
        cookie,
        want: false,
        content: None,
    }
}
