//! The relay as a machine: clients on one side, one server on the other, both links and the translation between.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use super::cut::{Cut, Way};
use super::link::{Copies, Faults, Link};
use super::nat::{Nat, Port};
use super::tally::Tally;
use crate::time::{Duration, Instant};

/// Datagrams under way at most, so that a long delay under a flood keeps memory bounded.
const UNDER_WAY_MAX: usize = 65_536;

/// How often silent clients are looked for.
const IDLE_CHECK: Duration = Duration::from_secs(10);

/// What a relay does.
#[derive(Clone, Debug)]
pub struct Setup {
    /// From the clients to the server.
    pub up: Faults,
    /// From the server to the clients.
    pub down: Faults,
    /// When nothing passes.
    pub cuts: Vec<Cut>,
    /// All clients get new ports each so often.
    pub rebind_every: Option<Duration>,
    /// A client that is silent for so long loses its port.
    pub idle: Duration,
    /// Clients at most.
    pub clients: u16,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            up: Faults::default(),
            down: Faults::default(),
            cuts: Vec::new(),
            rebind_every: None,
            idle: Duration::from_secs(300),
            clients: 1024,
        }
    }
}

/// A datagram that leaves the relay; its bytes are in the caller's buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Out {
    /// To the server, from this port.
    Server(Port),
    /// To this client.
    Client(SocketAddr),
}

#[derive(Debug)]
struct UnderWay {
    client: SocketAddr,
    /// The port it leaves from on its way up.
    port: Option<Port>,
    bytes: Vec<u8>,
}

/// The machine.
#[derive(Debug)]
pub struct Relay {
    origin: Instant,
    up: Link,
    down: Link,
    nat: Nat,
    cuts: Vec<Cut>,
    rebind_every: Option<Duration>,
    next_rebind: Instant,
    next_idle: Instant,
    /// By arrival, and in the order of entry where that is equal.
    under_way: BTreeMap<(Instant, u64), UnderWay>,
    /// Cut by hand.
    closed: bool,
    entered: u64,
    overflow: u64,
}

impl Relay {
    /// A relay that starts at `now`.
    pub fn new(now: Instant, seed: u64, setup: Setup) -> Self {
        let rebind_every = setup.rebind_every.filter(|every| !every.is_zero());
        Self {
            origin: now,
            up: Link::new(seed, setup.up),
            down: Link::new(seed ^ 0x9e37_79b9_7f4a_7c15, setup.down),
            nat: Nat::new(1, setup.clients.max(1), setup.idle),
            cuts: setup.cuts,
            rebind_every,
            next_rebind: rebind_every.map_or(Instant::FAR, |every| now + every),
            next_idle: now + IDLE_CHECK,
            under_way: BTreeMap::new(),
            closed: false,
            entered: 0,
            overflow: 0,
        }
    }

    /// A datagram from a client.
    pub fn from_client(&mut self, now: Instant, client: SocketAddr, bytes: &[u8]) {
        if self.is_cut(Way::Up, now) {
            return self.up.cut();
        }
        let Some(port) = self.nat.outward(now, client) else { return };
        let copies = self.up.pass(now, bytes.len());
        self.enter(client, Some(port), copies, bytes);
    }

    /// A datagram from the server that came in at `port`.
    pub fn from_server(&mut self, now: Instant, port: Port, bytes: &[u8]) {
        if self.is_cut(Way::Down, now) {
            return self.down.cut();
        }
        let Some(client) = self.nat.inward(port) else { return };
        let copies = self.down.pass(now, bytes.len());
        self.enter(client, None, copies, bytes);
    }

    /// Cuts both ways, or opens them again, besides what the schedule says.
    pub const fn set_closed(&mut self, closed: bool) {
        self.closed = closed;
    }

    /// Whether both ways are cut by hand.
    pub const fn is_closed(&self) -> bool {
        self.closed
    }

    /// Gives all clients new ports.
    pub fn rebind(&mut self) {
        self.nat.rebind_all();
    }

    /// Lets time pass.
    pub fn handle_timeout(&mut self, now: Instant) {
        if let Some(every) = self.rebind_every
            && now >= self.next_rebind
        {
            self.next_rebind = now + every;
            self.nat.rebind_all();
        }
        if now >= self.next_idle {
            self.next_idle = now + IDLE_CHECK;
            self.nat.expire(now);
        }
    }

    /// The next datagram that is due; its bytes replace what is in `buf`.
    pub fn poll_output(&mut self, now: Instant, buf: &mut Vec<u8>) -> Option<Out> {
        loop {
            let entry = self.under_way.first_entry().filter(|entry| entry.key().0 <= now)?;
            let UnderWay { client, port, bytes } = entry.remove();
            // A port that was taken back meanwhile sends nothing more; its socket is closed.
            if port.is_some() && port != self.nat.port_of(client) {
                continue;
            }
            buf.clear();
            buf.extend_from_slice(&bytes);
            return Some(port.map_or(Out::Client(client), Out::Server));
        }
    }

    /// When to call [`Self::handle_timeout`] and [`Self::poll_output`] again.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let first = self.under_way.first_key_value().map_or(Instant::FAR, |((at, _), _)| *at);
        Some(first.min(self.next_rebind).min(self.next_idle))
    }

    /// A port whose socket can be closed.
    pub fn poll_closed(&mut self) -> Option<Port> {
        self.nat.poll_closed()
    }

    /// What happened so far.
    pub fn tally(&self) -> Tally {
        let nat = self.nat.tally();
        Tally {
            up: *self.up.tally(),
            down: *self.down.tally(),
            clients: self.nat.clients() as u64,
            ports: nat.given,
            rebound: nat.rebound,
            refused: nat.refused,
            stale: nat.stale,
            overflow: self.overflow,
        }
    }

    fn is_cut(&self, way: Way, now: Instant) -> bool {
        self.closed || self.cuts.iter().any(|cut| cut.holds(way, self.origin, now))
    }

    fn enter(&mut self, client: SocketAddr, port: Option<Port>, copies: Copies, bytes: &[u8]) {
        for delivery in copies.into_iter().flatten() {
            if self.under_way.len() >= UNDER_WAY_MAX {
                self.overflow += 1;
                continue;
            }
            let mut bytes = bytes.to_vec();
            if let Some(bit) = delivery.flip
                && let Some(byte) = bytes.get_mut(bit / 8)
            {
                *byte ^= 1 << (bit % 8);
            }
            self.entered += 1;
            self.under_way.insert((delivery.at, self.entered), UnderWay { client, port, bytes });
        }
    }
}
