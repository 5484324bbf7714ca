//! The relay as a machine: clients on one side, one server on the other, both links and the translation between.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;

use super::cut::{Cut, Way};
use super::link::{Copies, Faults, Link};
use super::nat::{Nat, Port};
use super::script::{Act, Script, Step};
use super::tally::Tally;
use crate::time::{Duration, Instant};

/// Datagrams under way at most, so that a long delay under a flood keeps memory bounded.
const UNDER_WAY_MAX: usize = 65_536;

/// Their bytes at most.
const UNDER_WAY_BYTES_MAX: usize = 128 << 20;

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
    /// A client that is silent for so long loses its port, at most a tenth later.
    pub idle: Duration,
    /// Clients at most.
    pub clients: u16,
    /// What of all this changes when.
    pub script: Script,
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
            script: Script::default(),
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

/// What the script did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// This changed, at the time that it names.
    Changed(Step),
    /// The counters are asked for, after so much time.
    Report(Duration, Box<Tally>),
    /// The relay is to stop.
    End,
}

#[derive(Debug)]
struct UnderWay {
    client: SocketAddr,
    /// On its way up, the port it leaves from, and which lease that is.
    lease: Option<(Port, u64)>,
    bytes: Vec<u8>,
}

impl UnderWay {
    const fn way(&self) -> Way {
        if self.lease.is_some() { Way::Up } else { Way::Down }
    }
}

/// One direction.
#[derive(Debug)]
struct Side {
    link: Link,
    /// Cut by hand or by the script.
    closed: bool,
}

/// The machine. Whatever it is told of, and whenever it is asked for a datagram: what was due by then has happened.
#[derive(Debug)]
pub struct Relay {
    origin: Instant,
    up: Side,
    down: Side,
    nat: Nat,
    cuts: Vec<Cut>,
    rebind_every: Option<Duration>,
    next_rebind: Instant,
    idle_check: Duration,
    next_idle: Instant,
    script: VecDeque<Step>,
    events: VecDeque<Event>,
    /// By arrival, and in the order of entry where that is equal.
    under_way: BTreeMap<(Instant, u64), UnderWay>,
    bytes_under_way: usize,
    entered: u64,
}

impl Relay {
    /// A relay that starts at `now`.
    pub fn new(now: Instant, seed: u64, setup: Setup) -> Self {
        let side = |seed, faults| Side { link: Link::new(seed, faults), closed: false };
        let mut relay = Self {
            origin: now,
            up: side(seed, setup.up),
            down: side(seed ^ 0x9e37_79b9_7f4a_7c15, setup.down),
            nat: Nat::new(1, setup.clients.max(1), setup.idle),
            cuts: setup.cuts,
            rebind_every: None,
            next_rebind: Instant::FAR,
            idle_check: Duration::ZERO,
            next_idle: Instant::FAR,
            script: setup.script.steps.into(),
            events: VecDeque::new(),
            under_way: BTreeMap::new(),
            bytes_under_way: 0,
            entered: 0,
        };
        relay.set_rebind_every(now, setup.rebind_every);
        relay.set_idle(now, setup.idle);
        relay.handle_timeout(now);
        relay
    }

    /// A datagram from a client.
    pub fn from_client(&mut self, now: Instant, client: SocketAddr, bytes: &[u8]) {
        self.handle_timeout(now);
        if self.is_cut(Way::Up, now) {
            return self.up.link.turn_away(bytes.len(), |tally| &mut tally.cut);
        }
        let lease = self.nat.outward(now, client).and_then(|_| self.nat.lease_of(client));
        if lease.is_none() {
            return self.up.link.turn_away(bytes.len(), |tally| &mut tally.refused);
        }
        let copies = self.up.link.pass(now, bytes.len());
        self.enter(client, lease, copies, bytes);
    }

    /// A datagram from the server that came in at `port`.
    pub fn from_server(&mut self, now: Instant, port: Port, bytes: &[u8]) {
        self.handle_timeout(now);
        if self.is_cut(Way::Down, now) {
            return self.down.link.turn_away(bytes.len(), |tally| &mut tally.cut);
        }
        let Some(client) = self.nat.inward(port) else {
            return self.down.link.turn_away(bytes.len(), |tally| &mut tally.stale);
        };
        let copies = self.down.link.pass(now, bytes.len());
        self.enter(client, None, copies, bytes);
    }

    /// Cuts both ways, or opens them again, besides what the schedule says. What is under way arrives.
    pub const fn set_closed(&mut self, closed: bool) {
        self.up.closed = closed;
        self.down.closed = closed;
    }

    /// Whether both ways are cut by hand or by the script.
    pub const fn is_closed(&self) -> bool {
        self.up.closed && self.down.closed
    }

    /// Gives all clients new ports.
    pub fn rebind(&mut self) {
        self.nat.rebind_all();
    }

    /// Lets time pass.
    pub fn handle_timeout(&mut self, now: Instant) {
        while let Some(at) = self.next_step().filter(|at| *at <= now) {
            self.tick(at);
            if let Some(step) = self.script.pop_front() {
                self.apply(at, step);
            }
        }
        self.tick(now);
    }

    /// The next datagram that is due; its bytes replace what is in `buf`.
    pub fn poll_output(&mut self, now: Instant, buf: &mut Vec<u8>) -> Option<Out> {
        self.handle_timeout(now);
        loop {
            let entry = self.under_way.first_entry().filter(|entry| entry.key().0 <= now)?;
            let leaving = entry.remove();
            self.bytes_under_way -= leaving.bytes.len();
            // A port that was taken back meanwhile sends nothing more; its socket is closed.
            let stale = leaving.lease.is_some() && leaving.lease != self.nat.lease_of(leaving.client);
            let tally = self.side(leaving.way()).link.tally_mut();
            tally.under_way -= 1;
            if stale {
                tally.stale += 1;
                continue;
            }
            tally.deliver(leaving.bytes.len());
            buf.clear();
            buf.extend_from_slice(&leaving.bytes);
            return Some(leaving.lease.map_or(Out::Client(leaving.client), |(port, _)| Out::Server(port)));
        }
    }

    /// What [`Self::poll_output`] gave, of `len` bytes, did not go out.
    pub fn failed(&mut self, out: Out, len: usize) {
        let way = if matches!(out, Out::Server(_)) { Way::Up } else { Way::Down };
        self.side(way).link.tally_mut().instead(len, |tally| &mut tally.failed);
    }

    /// What the script did since the last call.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// When to call [`Self::handle_timeout`] and the others again.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let first = self.under_way.first_key_value().map_or(Instant::FAR, |((at, _), _)| *at);
        let step = self.next_step().unwrap_or(Instant::FAR);
        Some(first.min(step).min(self.next_rebind).min(self.next_idle))
    }

    /// A port whose socket can be closed.
    pub fn poll_closed(&mut self) -> Option<Port> {
        self.nat.poll_closed()
    }

    /// What happened so far.
    pub fn tally(&self) -> Tally {
        let nat = self.nat.tally();
        Tally {
            up: *self.up.link.tally(),
            down: *self.down.link.tally(),
            clients: self.nat.clients() as u64,
            ports: nat.given,
            rebound: nat.rebound,
            idle: nat.idle,
            errors: 0,
        }
    }

    const fn side(&mut self, way: Way) -> &mut Side {
        match way {
            Way::Up => &mut self.up,
            Way::Down => &mut self.down,
        }
    }

    fn is_cut(&mut self, way: Way, now: Instant) -> bool {
        self.side(way).closed || self.cuts.iter().any(|cut| cut.holds(way, self.origin, now))
    }

    fn enter(&mut self, client: SocketAddr, lease: Option<(Port, u64)>, copies: Copies, bytes: &[u8]) {
        for delivery in copies.into_iter().flatten() {
            let mut under_way = UnderWay { client, lease, bytes: bytes.to_vec() };
            let many = self.under_way.len() >= UNDER_WAY_MAX;
            let full = many || self.bytes_under_way + bytes.len() > UNDER_WAY_BYTES_MAX;
            let tally = self.side(under_way.way()).link.tally_mut();
            if full {
                tally.instead(bytes.len(), |tally| &mut tally.overflow);
                continue;
            }
            tally.instead(bytes.len(), |tally| &mut tally.under_way);
            if let Some(bit) = delivery.flip
                && let Some(byte) = under_way.bytes.get_mut(bit / 8)
            {
                *byte ^= 1 << (bit % 8);
            }
            self.entered += 1;
            self.bytes_under_way += bytes.len();
            self.under_way.insert((delivery.at, self.entered), under_way);
        }
    }

    fn next_step(&self) -> Option<Instant> {
        self.script.front().map(|step| self.origin + step.at)
    }

    fn apply(&mut self, at: Instant, step: Step) {
        self.events.push_back(Event::Changed(step.clone()));
        for act in &step.acts {
            match act {
                Act::Set(setting) => step.ways().for_each(|way| {
                    let link = &mut self.side(way).link;
                    let mut faults = *link.faults();
                    setting.apply(&mut faults);
                    link.set_faults(faults);
                }),
                Act::Close(closed) => step.ways().for_each(|way| self.side(way).closed = *closed),
                Act::Rebind => self.nat.rebind_all(),
                Act::RebindEvery(every) => self.set_rebind_every(at, *every),
                Act::Idle(idle) => self.set_idle(at, *idle),
                Act::Report => self.events.push_back(Event::Report(step.at, Box::new(self.tally()))),
                Act::End => self.events.push_back(Event::End),
            }
        }
    }

    fn set_rebind_every(&mut self, now: Instant, every: Option<Duration>) {
        // Less than the clock's step would be a deadline that stays.
        self.rebind_every = every.filter(|every| every.as_micros() > 0);
        self.next_rebind = self.rebind_every.map_or(Instant::FAR, |every| now + every);
    }

    fn set_idle(&mut self, now: Instant, idle: Duration) {
        self.nat.set_idle(idle);
        self.idle_check = (idle / 10).clamp(Duration::from_millis(10), Duration::from_secs(10));
        self.next_idle = now + self.idle_check;
    }

    /// What comes again and again, however late it is: once, and then on time.
    fn tick(&mut self, now: Instant) {
        if let Some(every) = self.rebind_every
            && now >= self.next_rebind
        {
            self.nat.rebind_all();
            self.next_rebind = later(self.next_rebind, every, now);
        }
        if now >= self.next_idle {
            self.nat.expire(now);
            self.next_idle = now + self.idle_check;
        }
    }
}

/// The first of the times `at`, `at + every`, … that is after `now`.
fn later(at: Instant, every: Duration, now: Instant) -> Instant {
    let every = u64::try_from(every.as_micros()).unwrap_or(u64::MAX).max(1);
    let times = now.since(at).as_micros() as u64 / every + 1;
    at + Duration::from_micros(every.saturating_mul(times))
}
