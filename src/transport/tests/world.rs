//! Endpoints joined by paths, in virtual time that jumps to the earliest deadline.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use super::path::{Faults, Path};
use crate::ident::{Incarnation, ServerId};
use crate::time::{Duration, Instant};
use crate::transport::limits::SILENCE_MAX;
use crate::transport::{
    CloseReason, Config, Connection, Endpoint, Event, KeyId, LinkId, LinkSecret, Peer, Priority,
};

pub(super) const SECRET: [u8; 32] = [7; 32];

/// What a node was told.
#[derive(Default)]
pub(super) struct Told {
    pub(super) connected: Vec<(LinkId, Peer)>,
    pub(super) closed: Vec<(LinkId, CloseReason)>,
    pub(super) messages: Vec<(LinkId, Priority, Instant, Vec<u8>)>,
    pub(super) writable: u64,
    /// Bytes of messages by stream.
    pub(super) bytes: [u64; 3],
}

pub(super) struct Node {
    pub(super) address: SocketAddr,
    pub(super) endpoint: Endpoint,
    pub(super) told: Told,
    /// The process stands still: nothing is taken, nothing is done.
    pub(super) stopped: bool,
    /// The user asks for no messages.
    pub(super) deaf: bool,
    /// Messages are counted, not kept.
    pub(super) counts: bool,
}

/// What was sent: from, to, bytes, when.
pub(super) type Capture = Vec<(usize, usize, Vec<u8>, Instant)>;

pub(super) struct World {
    pub(super) now: Instant,
    pub(super) nodes: Vec<Node>,
    pub(super) paths: Vec<Path>,
    routes: BTreeMap<(usize, usize), usize>,
    flying: BTreeMap<(Instant, u64), (usize, SocketAddr, Vec<u8>)>,
    count: u64,
    /// Everything that was sent.
    pub(super) capture: Option<Capture>,
    pub(super) largest: usize,
    /// So many datagrams pass, the next one is lost.
    pub(super) lose_after: Option<usize>,
}

pub(super) fn address(node: usize) -> SocketAddr {
    SocketAddr::from(([10, 0, 0, node as u8 + 1], 6710))
}

pub(super) fn endpoint(node: usize, incarnation: u32, seed: u64) -> Endpoint {
    patient(node, incarnation, seed, SILENCE_MAX)
}

/// An endpoint that bears another silence.
pub(super) fn patient(node: usize, incarnation: u32, seed: u64, silence: Duration) -> Endpoint {
    let mut bytes = [node as u8; 32];
    bytes[..8].copy_from_slice(&seed.to_be_bytes());
    bytes[8..12].copy_from_slice(&incarnation.to_be_bytes());
    let config = Config { silence, ..Config::new(ServerId(node as u64 + 1), Incarnation(incarnation)) };
    let mut endpoint = Endpoint::new(config, &bytes);
    endpoint.add_secret(LinkSecret::cluster(&SECRET));
    endpoint
}

impl World {
    pub(super) fn new(seed: u64, nodes: usize, faults: Faults) -> Self {
        let mut this = Self {
            now: Instant::from_secs(100),
            nodes: Vec::new(),
            paths: Vec::new(),
            routes: BTreeMap::new(),
            flying: BTreeMap::new(),
            count: 0,
            capture: None,
            largest: 0,
            lose_after: None,
        };
        for node in 0..nodes {
            let (address, endpoint) = (address(node), endpoint(node, 1, seed));
            let told = Told::default();
            this.nodes.push(Node { address, endpoint, told, stopped: false, deaf: false, counts: false });
        }
        for from in 0..nodes {
            for to in 0..nodes {
                this.routes.insert((from, to), this.paths.len());
                this.paths.push(Path::new(seed ^ ((from as u64) << 32 | (to as u64) << 40), faults));
            }
        }
        this
    }

    /// The path of `from` → `to` is that of another pair too.
    pub(super) fn share(&mut self, pair: (usize, usize), with: (usize, usize)) {
        let path = self.routes[&with];
        self.routes.insert(pair, path);
    }

    pub(super) fn path(&mut self, from: usize, to: usize) -> &mut Path {
        let path = self.routes[&(from, to)];
        &mut self.paths[path]
    }

    /// All paths from now on.
    pub(super) fn set_faults(&mut self, faults: Faults) {
        self.paths.iter_mut().for_each(|path| path.faults = faults);
    }

    pub(super) fn dial(&mut self, from: usize, to: usize) -> LinkId {
        let (now, address) = (self.now, self.nodes[to].address);
        self.nodes[from].endpoint.connect(now, address, None, KeyId::CLUSTER).expect("a link")
    }

    /// Dials and waits for both ends.
    pub(super) fn join(&mut self, from: usize, to: usize) -> (LinkId, LinkId) {
        let (before, link) = (self.nodes[to].told.connected.len(), self.dial(from, to));
        let until = self.now + Duration::from_secs(30);
        while self.nodes[to].told.connected.len() == before && self.now < until {
            self.step(until);
        }
        let other = self.nodes[to].told.connected.last().expect("a link").0;
        (link, other)
    }

    pub(super) fn link(&self, node: usize, link: LinkId) -> &Connection {
        self.nodes[node].endpoint.link(link).expect("a link")
    }

    /// Puts a datagram on its way.
    pub(super) fn put(&mut self, from: usize, to: SocketAddr, bytes: &[u8]) {
        self.largest = self.largest.max(bytes.len());
        let Some(target) = self.nodes.iter().position(|node| node.address == to) else { return };
        if let Some(capture) = &mut self.capture {
            capture.push((from, target, bytes.to_vec(), self.now));
        }
        if let Some(passed) = self.lose_after {
            self.lose_after = passed.checked_sub(1);
            if passed == 0 {
                return;
            }
        }
        let (now, source) = (self.now, self.nodes[from].address);
        for (at, bytes) in self.path(from, target).pass(now, bytes) {
            self.count += 1;
            self.flying.insert((at, self.count), (target, source, bytes));
        }
    }

    /// Takes away what is on its way: from, to, bytes.
    pub(super) fn hold(&mut self) -> Vec<(usize, usize, Vec<u8>)> {
        let place = |address| self.nodes.iter().position(|node| node.address == address);
        let flying = std::mem::take(&mut self.flying).into_values();
        flying.map(|(target, from, bytes)| (place(from).expect("a node"), target, bytes)).collect()
    }

    /// Lets these arrive now, as if they had been on their way all the time.
    pub(super) fn release(&mut self, held: &[(usize, usize, Vec<u8>)]) {
        for (from, target, bytes) in held {
            self.count += 1;
            let source = self.nodes[*from].address;
            self.flying.insert((self.now, self.count), (*target, source, bytes.clone()));
        }
    }

    /// Lets everybody send and be told what there is.
    pub(super) fn flush(&mut self) {
        let mut buf = Vec::new();
        for node in 0..self.nodes.len() {
            if self.nodes[node].stopped {
                continue;
            }
            self.nodes[node].tell(self.now);
            while let Some(transmit) = self.nodes[node].endpoint.poll_output(self.now, &mut buf) {
                assert_eq!(transmit.len, buf.len());
                self.put(node, transmit.to, &buf);
            }
            self.nodes[node].tell(self.now);
        }
    }

    /// One jump to the next thing that happens, not beyond `until`.
    pub(super) fn step(&mut self, until: Instant) {
        self.flush();
        let awake = self.nodes.iter().filter(|node| !node.stopped);
        let timer = awake.filter_map(|node| node.endpoint.poll_timeout()).min();
        let arrival = self.flying.first_key_value().map(|((at, _), _)| *at);
        let next = timer.into_iter().chain(arrival).min().unwrap_or(until).min(until);
        self.now = self.now.max(next);
        while let Some(entry) = self.flying.first_entry().filter(|entry| entry.key().0 <= self.now) {
            let (target, from, mut bytes) = entry.remove();
            let node = &mut self.nodes[target];
            if !node.stopped {
                node.endpoint.handle_datagram(self.now, from, &mut bytes);
            }
        }
        for node in self.nodes.iter_mut().filter(|node| !node.stopped) {
            node.endpoint.handle_timeout(self.now);
        }
        self.flush();
    }

    /// Runs until something holds, which it must within a time; says how long it took.
    pub(super) fn run_until(&mut self, limit: Duration, holds: impl Fn(&Self) -> bool) -> Duration {
        let start = self.now;
        while !holds(self) {
            assert!(self.now < start + limit, "not within {limit:?}");
            self.step(start + limit);
        }
        self.now.since(start)
    }

    pub(super) fn run(&mut self, span: Duration) {
        self.run_with(span, |_| {});
    }

    /// Runs, with `act` before each step.
    pub(super) fn run_with(&mut self, span: Duration, mut act: impl FnMut(&mut Self)) {
        let until = self.now + span;
        let mut still = 0;
        while self.now < until {
            let before = self.now;
            act(self);
            self.step(until);
            still = if self.now == before { still + 1 } else { 0 };
            assert!(still < 10_000, "time stands still at {}", self.now);
        }
        self.flush();
    }
}

impl Node {
    fn tell(&mut self, now: Instant) {
        for (link, event) in std::iter::from_fn(|| self.endpoint.poll_event()) {
            match event {
                Event::Connected(peer) => self.told.connected.push((link, peer)),
                Event::Closed(reason) => self.told.closed.push((link, reason)),
                Event::Writable(_) => self.told.writable += 1,
                Event::Message(priority, message) => {
                    self.told.bytes[priority.index()] += message.len() as u64;
                    if !self.counts {
                        self.told.messages.push((link, priority, now, message));
                    }
                }
            }
        }
        if self.deaf {
            let ids: Vec<_> = self.endpoint.links().map(|(id, _)| id).collect();
            for id in ids {
                let link = self.endpoint.link_mut(id).expect("a link");
                Priority::ALL.into_iter().for_each(|p| link.set_reading(p, false));
            }
        }
    }

    /// The user listens, or not.
    pub(super) fn set_deaf(&mut self, deaf: bool) {
        self.deaf = deaf;
        let ids: Vec<_> = self.endpoint.links().map(|(id, _)| id).collect();
        for id in ids {
            let link = self.endpoint.link_mut(id).expect("a link");
            Priority::ALL.into_iter().for_each(|p| link.set_reading(p, !deaf));
        }
    }

    /// Messages of one stream of one link, in the order of their arrival.
    pub(super) fn stream(&self, link: LinkId, priority: Priority) -> Vec<&[u8]> {
        let of = |m: &&(LinkId, Priority, Instant, Vec<u8>)| (m.0, m.1) == (link, priority);
        self.told.messages.iter().filter(of).map(|m| m.3.as_slice()).collect()
    }
}

/// Message `n` of a row: its number, and as much behind it as `len` says.
pub(super) fn message(n: u64, len: usize) -> Vec<u8> {
    let mut bytes = n.to_be_bytes().to_vec();
    bytes.resize(len.max(8), (n % 251) as u8);
    bytes
}
