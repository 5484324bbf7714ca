//! A LAN on which HMSs and hosts have an address each, with a path between any two of them.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{Ipv4Addr, SocketAddr};

use hms::relay::{Faults, Link, LinkTally};
use hms::time::{Duration, Instant};

use crate::dice::Dice;

pub const PORT: u16 = hms::limits::PORT;

/// Who is on the LAN.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Node {
    Hms(usize),
    Host(usize),
}

/// A datagram as its receiver sees it.
pub struct Flight {
    pub from: SocketAddr,
    pub to: Node,
    /// The address that it was sent to; a host that has another one by now does not get it.
    pub at: SocketAddr,
    pub multicast: bool,
    pub bytes: Vec<u8>,
    /// Somebody says again what he heard.
    pub replay: bool,
}

pub struct Net {
    hosts: Vec<SocketAddr>,
    hmss: usize,
    links: BTreeMap<(Node, Node), Link>,
    cut: BTreeSet<(Node, Node)>,
    /// Of the paths to and from hosts, and of those between HMSs.
    cables: Faults,
    trunks: Faults,
    multicast: bool,
    flights: BTreeMap<(Instant, u64), Flight>,
    serial: u64,
    dice: Dice,
    next_host: u8,
    /// Datagrams and bytes between HMSs.
    pub trunk: (u64, u64),
    pub cut_off: u64,
}

pub fn hms_address(hms: usize) -> SocketAddr {
    SocketAddr::new(Ipv4Addr::new(10, 0, 0, 1 + hms as u8).into(), PORT)
}

impl Net {
    pub fn new(dice: &mut Dice, hmss: usize, multicast: bool) -> Self {
        Self {
            hosts: Vec::new(),
            hmss,
            links: BTreeMap::new(),
            cut: BTreeSet::new(),
            cables: clean(),
            trunks: clean(),
            multicast,
            flights: BTreeMap::new(),
            serial: 0,
            dice: dice.fork(),
            next_host: 0,
            trunk: (0, 0),
            cut_off: 0,
        }
    }

    pub fn add_host(&mut self) -> usize {
        let at = self.free_address(40_000);
        self.hosts.push(at);
        self.hosts.len() - 1
    }

    fn free_address(&mut self, port: u16) -> SocketAddr {
        self.next_host = self.next_host.wrapping_add(1).max(1);
        SocketAddr::new(Ipv4Addr::new(10, 0, 1, self.next_host).into(), port)
    }

    /// The host gets another address, as after a new DHCP lease.
    pub fn renumber(&mut self, host: usize) {
        self.hosts[host] = self.free_address(self.hosts[host].port());
    }

    /// A process that starts opens another port.
    pub fn reopen(&mut self, host: usize) {
        let port = self.hosts[host].port();
        self.hosts[host].set_port(if port >= 60_000 { 40_000 } else { port + 1 });
    }

    pub fn address(&self, node: Node) -> SocketAddr {
        match node {
            Node::Hms(hms) => hms_address(hms),
            Node::Host(host) => self.hosts[host],
        }
    }

    /// Who has this address now.
    pub fn node_at(&self, at: SocketAddr) -> Option<Node> {
        let hms = (0..self.hmss).find(|hms| hms_address(*hms) == at).map(Node::Hms);
        hms.or_else(|| self.hosts.iter().position(|host| *host == at).map(Node::Host))
    }

    pub fn set_faults(&mut self, cables: Faults, trunks: Faults) {
        (self.cables, self.trunks) = (cables, trunks);
        let all: Vec<_> = self.links.keys().copied().collect();
        for pair in all {
            let faults = self.faults(pair);
            self.links.entry(pair).and_modify(|link| link.set_faults(faults));
        }
    }

    fn faults(&self, pair: (Node, Node)) -> Faults {
        if is_trunk(pair) { self.trunks } else { self.cables }
    }

    pub fn set_cut(&mut self, from: Node, to: Node, cut: bool) {
        if cut {
            self.cut.insert((from, to));
        } else {
            self.cut.remove(&(from, to));
        }
    }

    pub fn is_cut(&self, from: Node, to: Node) -> bool {
        self.cut.contains(&(from, to))
    }

    pub fn any_cut(&self) -> bool {
        !self.cut.is_empty()
    }

    /// Every path as good as new.
    pub fn heal(&mut self) {
        self.cut.clear();
        self.set_faults(clean(), clean());
    }

    pub fn send(&mut self, now: Instant, from: Node, to: SocketAddr, bytes: &[u8]) {
        if let Some(node) = self.node_at(to) {
            self.enter(now, from, node, to, false, bytes);
        }
    }

    /// To everybody on the LAN but the sender, if it takes multicast.
    pub fn send_groups(&mut self, now: Instant, from: Node, bytes: &[u8]) {
        let hmss = (0..self.hmss).map(Node::Hms);
        let all: Vec<_> = hmss.chain((0..self.hosts.len()).map(Node::Host)).collect();
        let multicast = self.multicast;
        for to in all.into_iter().filter(|to| multicast && *to != from) {
            self.enter(now, from, to, self.address(to), true, bytes);
        }
    }

    fn enter(&mut self, now: Instant, from: Node, to: Node, at: SocketAddr, multicast: bool, bytes: &[u8]) {
        if self.is_cut(from, to) {
            self.cut_off += 1;
            return;
        }
        if is_trunk((from, to)) && !multicast {
            self.trunk = (self.trunk.0 + 1, self.trunk.1 + bytes.len() as u64);
        }
        let (faults, source) = (self.faults((from, to)), self.address(from));
        let dice = &mut self.dice;
        let link = self.links.entry((from, to)).or_insert_with(|| Link::new(dice.number(), faults));
        for copy in link.pass(now, bytes.len()).into_iter().flatten() {
            let mut bytes = bytes.to_vec();
            if let Some(bit) = copy.flip {
                bytes[bit / 8] ^= 1 << (bit % 8);
            }
            self.put(copy.at, Flight { from: source, to, at, multicast, bytes, replay: false });
        }
    }

    /// Somebody says again what he heard, with the source that it had or another.
    pub fn replay(&mut self, at: Instant, from: SocketAddr, to: usize, bytes: Vec<u8>) {
        let flight =
            Flight { from, to: Node::Hms(to), at: hms_address(to), multicast: false, bytes, replay: true };
        self.put(at, flight);
    }

    fn put(&mut self, at: Instant, flight: Flight) {
        self.serial += 1;
        self.flights.insert((at, self.serial), flight);
    }

    pub fn next_arrival(&self) -> Option<Instant> {
        self.flights.first_key_value().map(|((at, _), _)| *at)
    }

    pub fn arrival(&mut self, now: Instant) -> Option<Flight> {
        let first = self.flights.first_entry().filter(|first| first.key().0 <= now)?;
        let flight = first.remove();
        let there = self.address(flight.to) == flight.at;
        if there || flight.multicast { Some(flight) } else { self.arrival(now) }
    }

    /// What all paths together did.
    pub fn tally(&self) -> LinkTally {
        self.links.values().fold(LinkTally::default(), |mut sum, link| {
            sum += *link.tally();
            sum
        })
    }
}

const fn is_trunk(pair: (Node, Node)) -> bool {
    matches!(pair, (Node::Hms(_), Node::Hms(_)))
}

/// A millisecond, and nothing else.
pub fn clean() -> Faults {
    Faults { delay: Duration::from_millis(1), ..Faults::default() }
}
