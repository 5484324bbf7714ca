//! A machine with the host program on it: disk, process, what its user wants, and what it may not do.

use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};

use hms::host::{Event, Host, HostSetup};
use hms::ident::InstanceId;
use hms::net::{Arrival, Interface, Transmit};
use hms::storage::HostStore;
use hms::time::{Duration, Instant, UnixMillis};
use hms::token::Token;
use hms::wire::{Answer, Content, Header, RejectCode, View};

use crate::dice::Dice;
use crate::keys::{Keys, Opened};
use crate::net::LAN;
use crate::reference::Who;
use crate::rule::{Broken, Checked, Rule};
use crate::spy::Spy;

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
    /// What comes while it is paused is lost.
    pub asleep: bool,
    pub inbox: VecDeque<(SocketAddr, Arrival, Vec<u8>)>,
    /// Where the HMS sees it, since when; and when its user set something last.
    pub seen_at: (Option<SocketAddr>, Instant),
    pub set_at: Instant,
    /// Difference between the world's clock and this machine's.
    clock: Duration,
    wall: u64,
    dice: Dice,
    /// Last time that something was wrong at this machine.
    pub troubled: Instant,
    spy: Spy,
}

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
            asleep: false,
            seen_at: (None, Instant::ZERO),
            set_at: Instant::ZERO,
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

    /// Whether it is registered, as far as it knows, or searches the HMS that it lost.
    pub fn on_air(&self, now: Instant) -> bool {
        self.look(now, |host, local| matches!(host.me(local).phase, "registered" | "searching"))
            .unwrap_or(false)
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

    /// Something is done with the running process, unless it stands still.
    pub fn with<T>(&mut self, now: Instant, act: impl FnOnce(&mut Host, Instant) -> T) -> Option<(T, Turn)> {
        if self.paused_until.is_some() {
            return None;
        }
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
    pub fn check_sent(&mut self, keys: &mut Keys, now: Instant, sent: &Sent) -> Result<Header, Broken> {
        let bytes = &sent.bytes;
        if bytes.len() > hms::limits::DATAGRAM_MAX {
            return Err(Rule::Signed.broken(format!("a host sends {} bytes", bytes.len())));
        }
        let opened = match keys.open(bytes) {
            Opened::Signed(verified, _) => verified,
            // A key older than the last two: the user was revoked twice meanwhile.
            Opened::BadTag(header) => return Ok(header),
            _ => return Err(Rule::Signed.broken("a host sends what nobody can read")),
        };
        let header = *opened.header();
        let malformed = |e| Rule::Signed.broken(format!("a host sends a malformed datagram: {e}"));
        let request = opened.request().map_err(malformed)?;
        Rule::Signed.demand((header.realm, header.user) == self.who, || "in another's name".into())?;
        self.spy.check_superseded(&header)?;
        self.spy.check_once(now, &header, bytes)?;
        self.spy.check_pace(now, &header, &request, opened.len())?;
        self.spy.check_target(now, &header, sent.transmit.to)?;
        Ok(header)
    }

    /// What an authenticated answer that was delivered tells the tester.
    pub fn heard(&mut self, now: Instant, header: &Header, answer: &Answer<'_>) {
        self.spy.heard(now, header, answer);
    }

    /// A registered host says so at least every 1.1 check times, and again when nothing comes back (R-REG-34).
    pub fn check_cadence(&self, now: Instant) -> Checked {
        let quiet = !self.registered() || self.paused_until.is_some();
        if quiet { Ok(()) } else { self.spy.check_cadence(now, self.troubled) }
    }
}

fn interface(ip: IpAddr) -> Interface {
    Interface { index: LAN, name: "lan0".into(), addresses: vec![ip] }
}
