//! A machine with the host program on it: disk, process, what its user wants, and what it may not do.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::{IpAddr, SocketAddr};

use hms::host::{Event, Host, HostSetup};
use hms::ident::{InstanceId, SessionId};
use hms::net::{Arrival, Destination, Interface, Transmit};
use hms::storage::HostStore;
use hms::time::{Duration, Instant, UnixMillis};
use hms::token::Token;
use hms::wire::{Answer, Content, Header, Kind, RejectCode, Request, Verified, View};

use crate::dice::Dice;
use crate::keys::{Keys, Opened};
use crate::net::LAN;
use crate::reference::Who;

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    Left,
    Superseded,
    Refused(RejectCode),
    Killed,
}

pub struct Device {
    pub who: Who,
    pub token: Token,
    disk: Vec<u8>,
    pub host: Option<Host>,
    pub ended: Option<End>,
    /// Another machine took the user over, and nobody called `hms join` here since.
    pub superseded: bool,
    /// What its user set last.
    pub wanted: Content,
    pub view: View,
    pub paused_until: Option<Instant>,
    pub inbox: VecDeque<(SocketAddr, Arrival, Vec<u8>)>,
    /// Difference between the world's clock and this machine's.
    clock: Duration,
    wall: u64,
    dice: Dice,
    /// Last time that something was wrong at this machine.
    pub troubled: Instant,
    spy: Spy,
}

/// What was seen of a device's datagrams, to find the ones that it must not send.
#[derive(Default)]
struct Spy {
    by_sequence: BTreeMap<(SessionId, u64), u64>,
    /// Requests that nobody answered yet.
    open: BTreeSet<(SessionId, u64)>,
    by_nonce: BTreeMap<(u8, u64), u64>,
    /// Times of the last datagrams.
    sent: VecDeque<Instant>,
    /// Challenges echoed, each once however often its echo was sent.
    echoes: VecDeque<(Instant, u64)>,
    /// When a heartbeat went out or was answered last, or the session began.
    beat: Option<Instant>,
    /// The longest and the shortest check time that it was told.
    check_time: Duration,
    shortest: Duration,
    /// The first heartbeat after a calm, while nothing came back and no second one went out.
    alone: Option<Instant>,
}

/// Datagrams that one host may send within ten seconds; more is a storm.
const STORM: usize = 120;
/// Longer than an attempt to reach an HMS takes (R-REG-34).
const CALM: Duration = Duration::from_secs(5);
/// By then the second heartbeat of an attempt is out; check times are 5 s and more here.
const RESENT: Duration = Duration::from_millis(1010);

pub struct Sent {
    pub transmit: Transmit,
    pub bytes: Vec<u8>,
}

/// What a turn of the process brought.
#[derive(Default)]
pub struct Turn {
    pub sent: Vec<Sent>,
    pub events: Vec<Event>,
}

fn fnv(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |h, b| (h ^ u64::from(*b)).wrapping_mul(0x0100_0000_01b3))
}

impl Device {
    pub fn new(dice: &mut Dice, who: Who, token: Token, content: Content, view: View) -> Self {
        let mut dice = dice.fork();
        let instance = InstanceId(dice.number());
        let mut store = HostStore::new(token.clone(), instance, content.clone());
        store.view = view.clone();
        Self {
            who,
            token,
            disk: store.to_bytes().to_vec(),
            host: None,
            ended: None,
            superseded: false,
            wanted: content,
            view,
            paused_until: None,
            inbox: VecDeque::new(),
            clock: dice.secs(0, 100_000),
            wall: 1_700_000_000_000 + dice.number() % 1_000_000_000,
            dice,
            troubled: Instant::ZERO,
            spy: Spy::default(),
        }
    }

    fn local(&self, now: Instant) -> Instant {
        now + self.clock
    }

    pub fn running(&self) -> bool {
        self.host.is_some()
    }

    pub fn registered(&self) -> bool {
        self.host.as_ref().is_some_and(Host::registered)
    }

    /// A new token, as after `hms join` with it: what was kept for the old one is of no use.
    pub fn give_token(&mut self, token: Token) {
        let mut store = self.store();
        store.token = token.clone();
        store.superseded = None;
        self.token = token;
        self.disk = store.to_bytes().to_vec();
    }

    fn store(&self) -> HostStore {
        HostStore::from_bytes(&self.disk).expect("a store that the host wrote itself")
    }

    /// Starts the process; `takeover` is what `hms join` says, and `hms agent` does not.
    pub fn start(&mut self, now: Instant, takeover: bool, inside: SocketAddr) -> Turn {
        let store = self.store();
        let setup = HostSetup {
            token: self.token.clone(),
            content: self.wanted.clone(),
            view: self.view.clone(),
            push: store.push,
            takeover,
            near: Vec::new(),
            seed: self.dice.bytes(),
            wall: UnixMillis(self.wall + now.millis()),
            store,
        };
        let mut host = Host::new(self.local(now), setup);
        host.set_interfaces(self.local(now), vec![interface(inside.ip())]);
        self.host = Some(host);
        self.ended = None;
        self.superseded &= !takeover;
        self.inbox.clear();
        self.paused_until = None;
        self.troubled = now;
        self.spy = Spy::default();
        self.collect(now)
    }

    /// The process is gone, as after `kill -9`.
    pub fn kill(&mut self, now: Instant) {
        if self.host.take().is_some() {
            self.ended = Some(End::Killed);
        }
        self.paused_until = None;
        self.troubled = now;
    }

    /// Something is done with the running process.
    pub fn with<T>(&mut self, now: Instant, act: impl FnOnce(&mut Host, Instant) -> T) -> Option<(T, Turn)> {
        let local = self.local(now);
        let result = act(self.host.as_mut()?, local);
        Some((result, self.collect(now)))
    }

    pub fn look<T>(&self, now: Instant, look: impl FnOnce(&Host, Instant) -> T) -> Option<T> {
        self.host.as_ref().map(|host| look(host, self.local(now)))
    }

    /// When the process wants to be woken, by the world's clock.
    pub fn due(&self) -> Option<Instant> {
        if let Some(until) = self.paused_until {
            return Some(until);
        }
        self.host.as_ref()?.poll_timeout().map(|at| at - self.clock)
    }

    pub fn step_wall(&mut self, now: Instant, by: i64) {
        self.wall = self.wall.saturating_add_signed(by);
        let wall = UnixMillis(self.wall + now.millis());
        let _ = self.with(now, |host, local| host.set_wall(local, wall));
    }

    pub fn renumbered(&mut self, now: Instant, inside: SocketAddr) -> Turn {
        let turn = self.with(now, |host, local| host.set_interfaces(local, vec![interface(inside.ip())]));
        turn.map(|(_, turn)| turn).unwrap_or_default()
    }

    /// Takes what the process wants to send and tell.
    fn collect(&mut self, now: Instant) -> Turn {
        let local = self.local(now);
        let mut turn = Turn::default();
        let Some(host) = self.host.as_mut() else { return turn };
        let mut buf = Vec::new();
        while let Some(transmit) = host.poll_output(local, &mut buf) {
            turn.sent.push(Sent { transmit, bytes: buf.clone() });
        }
        while let Some(event) = host.poll_event() {
            match &event {
                Event::Persist => self.disk = host.store().to_bytes().to_vec(),
                Event::Left { .. } => self.ended = Some(End::Left),
                Event::Superseded => self.ended = Some(End::Superseded),
                Event::Refused { code, retry: None, .. } => self.ended = Some(End::Refused(*code)),
                _ => {}
            }
            turn.events.push(event);
        }
        if self.ended.is_some() {
            self.superseded |= self.ended == Some(End::Superseded);
            self.host = None;
        }
        turn
    }

    /// Checks a datagram that the process sent; says what it is.
    pub fn check_sent(&mut self, keys: &mut Keys, now: Instant, sent: &Sent) -> Result<Header, String> {
        let bytes = &sent.bytes;
        if bytes.len() > hms::limits::DATAGRAM_MAX {
            return Err(format!("a host sends {} bytes", bytes.len()));
        }
        let opened = match keys.open(bytes) {
            Opened::Signed(verified, _) => verified,
            // A key older than the last two: the user was revoked twice meanwhile.
            Opened::BadTag(header) => return Ok(header),
            _ => return Err("a host sends what nobody can read".into()),
        };
        let header = *opened.header();
        let request = opened.request().map_err(|e| format!("a host sends a malformed datagram: {e}"))?;
        if (header.realm, header.user) != self.who {
            return Err("a host sends in another's name".into());
        }
        self.check_once(&header, bytes)?;
        self.check_pace(now, &header, &request, &opened)?;
        match sent.transmit.to {
            Destination::Groups if header.kind != Kind::Discover => {
                Err(format!("a host sends {} to the groups", header.kind))
            }
            _ => Ok(header),
        }
    }

    /// R-AUT-20: never two different datagrams under one sequence or nonce.
    fn check_once(&mut self, header: &Header, bytes: &[u8]) -> Result<(), String> {
        let hash = fnv(bytes);
        if header.session == SessionId(0) {
            // A REGISTER changes when it answers another challenge; INIT and DISCOVER never.
            let known = *self.spy.by_nonce.entry((header.kind.code(), header.sequence)).or_insert(hash);
            let same = known == hash || header.kind == Kind::Register;
            return if same { Ok(()) } else { Err(format!("two different {} under one nonce", header.kind)) };
        }
        match self.spy.by_sequence.insert((header.session, header.sequence), hash) {
            None if header.sequence > 0 => {
                self.spy.open.insert((header.session, header.sequence));
                Ok(())
            }
            Some(known) if known == hash && header.kind == Kind::Leave => Ok(()),
            _ => Err(format!("sequence {} is used twice", header.sequence)),
        }
    }

    fn check_pace(
        &mut self,
        now: Instant,
        header: &Header,
        request: &Request<'_>,
        opened: &Verified<'_>,
    ) -> Result<(), String> {
        let spy = &mut self.spy;
        spy.sent.push_back(now);
        while spy.sent.front().is_some_and(|at| now.since(*at) > Duration::from_secs(10)) {
            spy.sent.pop_front();
        }
        if spy.sent.len() > STORM {
            return Err(format!("{} datagrams within 10 s", spy.sent.len()));
        }
        let right = match request {
            Request::Init(_) => opened.len() >= 68,
            Request::Discover(_) => opened.len() == 512,
            Request::Heartbeat(h) if h.content.is_none() => {
                opened.len() == if h.cookie.is_some() { 76 } else { 68 }
            }
            _ => true,
        };
        if !right {
            return Err(format!("a {} of {} bytes", header.kind, opened.len()));
        }
        if let Request::Heartbeat(heartbeat) = request {
            let calm = spy.beat.is_some_and(|last| now.since(last) > CALM);
            spy.alone = calm.then_some(now);
            spy.beat = Some(now);
            if let Some(cookie) = heartbeat.cookie
                && spy.echoes.iter().all(|(_, known)| *known != cookie)
            {
                spy.echoes.push_back((now, cookie));
            }
        }
        // R-REG-33: three in a check time, of which the shortest interval is nine tenths.
        while spy.echoes.front().is_some_and(|(at, _)| now.since(*at) >= spy.shortest.mul_f64(0.9)) {
            spy.echoes.pop_front();
        }
        if spy.echoes.len() > 3 {
            return Err(format!("{} challenges echoed within a check time", spy.echoes.len()));
        }
        Ok(())
    }

    /// What an authenticated answer that was delivered tells the tester.
    pub fn heard(&mut self, now: Instant, header: &Header, answer: &Answer<'_>) {
        let asked = match answer {
            Answer::Registered(_) => {
                self.spy.by_nonce.contains_key(&(Kind::Register.code(), header.sequence))
            }
            _ => self.spy.open.remove(&(header.session, header.sequence)),
        };
        if !asked {
            return;
        }
        self.spy.alone = None;
        let told = match answer {
            Answer::Registered(registered) => Some(registered.check_time_ms),
            Answer::Ack(ack) => ack.settings.check_time_ms,
            _ => return,
        };
        self.spy.beat = Some(now);
        if let Some(told) = told.map(|ms| Duration::from_millis(ms.into())) {
            let first = self.spy.shortest.is_zero();
            self.spy.check_time = self.spy.check_time.max(told);
            self.spy.shortest = if first { told } else { self.spy.shortest.min(told) };
        }
    }

    /// A registered host says so at least every 1.1 check times, and again when nothing comes back (R-REG-34).
    pub fn check_cadence(&self, now: Instant) -> Result<(), String> {
        let Some(beat) = self.spy.beat.filter(|_| self.registered() && self.paused_until.is_none()) else {
            return Ok(());
        };
        if self.spy.alone.is_some_and(|first| now.since(first) > RESENT) {
            return Err("a heartbeat without answer is not sent again".into());
        }
        let latest = self.spy.check_time + self.spy.check_time / 10 + Duration::from_millis(1500);
        let troubled = now.since(self.troubled) < latest;
        if now.since(beat) > latest && !troubled {
            return Err(format!("a registered host is silent for {:?}", now.since(beat)));
        }
        Ok(())
    }
}

fn interface(ip: IpAddr) -> Interface {
    Interface { index: LAN, name: "lan0".into(), addresses: vec![ip] }
}
