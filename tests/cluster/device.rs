//! A machine with the host program on it: disk, process, and what its user wants.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use hms::host::{Event, Host, HostSetup};
use hms::ident::InstanceId;
use hms::net::{Arrival, Interface};
use hms::storage::HostStore;
use hms::time::{Duration, Instant, UnixMillis};
use hms::token::Token;
use hms::wire::{Content, View};

use crate::dice::Dice;
use crate::hms::Sent;

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    Left,
    Superseded,
    Refused,
    Killed,
}

pub struct Device {
    pub user: usize,
    pub token: Token,
    disk: Vec<u8>,
    pub host: Option<Host>,
    pub ended: Option<End>,
    pub wanted: Content,
    /// Last time that something was wrong at this machine, or its user did something.
    pub troubled: Instant,
    /// Registrations of this process.
    pub registrations: usize,
    /// Its user was revoked since it got its token: whoever has such a token asks for ever, or is refused.
    pub stale: bool,
    /// The last answer to a heartbeat, and the last sequence that this process said to each HMS.
    pub acked: Option<Acked>,
    pub said: BTreeMap<usize, u64>,
    clock: Duration,
    dice: Dice,
}

/// An HMS has answered a heartbeat of this sequence.
#[derive(Clone, Copy, Debug)]
pub struct Acked {
    pub hms: usize,
    pub sequence: u64,
    pub at: Instant,
}

/// What a turn of the process brought.
#[derive(Default)]
pub struct Turn {
    pub sent: Vec<Sent>,
    pub events: Vec<Event>,
}

impl Device {
    pub fn new(dice: &mut Dice, user: usize, token: Token, content: Content) -> Self {
        let mut dice = dice.fork();
        let store = HostStore::new(token.clone(), InstanceId(dice.number()), content.clone());
        Self {
            user,
            token,
            disk: store.to_bytes().to_vec(),
            host: None,
            ended: None,
            wanted: content,
            troubled: Instant::ZERO,
            registrations: 0,
            stale: false,
            acked: None,
            said: BTreeMap::new(),
            clock: dice.secs(0, 100_000),
            dice,
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

    /// As after `hms join` with a new token.
    pub fn give_token(&mut self, token: Token) {
        let mut store = HostStore::from_bytes(&self.disk).expect("a store that the host wrote itself");
        store.token = token.clone();
        store.superseded = None;
        self.token = token;
        self.stale = false;
        self.disk = store.to_bytes().to_vec();
    }

    /// Starts the process; `takeover` is what `hms join` says, and `hms agent` does not.
    pub fn start(&mut self, now: Instant, takeover: bool, inside: SocketAddr) -> Turn {
        let store = HostStore::from_bytes(&self.disk).expect("a store that the host wrote itself");
        let setup = HostSetup {
            token: self.token.clone(),
            content: self.wanted.clone(),
            view: View::Realm,
            push: store.push,
            takeover,
            near: Vec::new(),
            seed: self.dice.bytes(),
            wall: UnixMillis(1_700_000_000_000 + now.millis()),
            store,
        };
        let mut host = Host::new(self.local(now), setup);
        host.set_interfaces(self.local(now), vec![interface(inside)]);
        self.host = Some(host);
        (self.ended, self.troubled, self.registrations) = (None, now, 0);
        self.acked = None;
        self.said.clear();
        self.collect(now)
    }

    /// The process is gone, as after `kill -9`.
    pub fn kill(&mut self, now: Instant) {
        if self.host.take().is_some() {
            self.ended = Some(End::Killed);
        }
        self.troubled = now;
    }

    pub fn with<T>(&mut self, now: Instant, act: impl FnOnce(&mut Host, Instant) -> T) -> Option<(T, Turn)> {
        let local = self.local(now);
        let result = act(self.host.as_mut()?, local);
        Some((result, self.collect(now)))
    }

    pub fn take(
        &mut self,
        now: Instant,
        from: SocketAddr,
        at: SocketAddr,
        multicast: bool,
        bytes: &[u8],
    ) -> Turn {
        let arrival = Arrival { local: Some(at.ip()), interface: Some(1), multicast };
        let turn = self.with(now, |host, local| host.handle_datagram(local, from, arrival, bytes));
        turn.map(|(_, turn)| turn).unwrap_or_default()
    }

    pub fn look<T>(&self, now: Instant, look: impl FnOnce(&Host, Instant) -> T) -> Option<T> {
        self.host.as_ref().map(|host| look(host, self.local(now)))
    }

    pub fn due(&self) -> Option<Instant> {
        self.host.as_ref()?.poll_timeout().map(|at| at - self.clock)
    }

    pub fn renumbered(&mut self, now: Instant, inside: SocketAddr) -> Turn {
        self.troubled = now;
        let turn = self.with(now, |host, local| host.set_interfaces(local, vec![interface(inside)]));
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
                Event::Registered { .. } => {
                    self.registrations += 1;
                    // What was said in the session before, and answers to it, say nothing any more.
                    self.acked = None;
                    self.said.clear();
                }
                Event::Left { .. } => self.ended = Some(End::Left),
                Event::Superseded => self.ended = Some(End::Superseded),
                Event::Refused { retry: None, .. } => self.ended = Some(End::Refused),
                _ => {}
            }
            turn.events.push(event);
        }
        if self.ended.is_some() {
            self.host = None;
        }
        turn
    }
}

fn interface(at: SocketAddr) -> Interface {
    Interface { index: 1, name: "lan0".into(), addresses: vec![at.ip()] }
}
