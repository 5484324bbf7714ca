//! Network address translation: many clients behind one address, each with a port that can change under it.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;

use crate::time::{Duration, Instant};

/// A port on the outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Port(pub u16);

/// What the translation did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NatTally {
    /// Ports given.
    pub given: u64,
    /// Ports that changed under a client.
    pub rebound: u64,
    /// Ports taken back since their client was silent.
    pub idle: u64,
    /// Clients that got no port.
    pub refused: u64,
    /// Arrivals at a port that nobody holds.
    pub stale: u64,
}

#[derive(Debug)]
struct Lease {
    client: SocketAddr,
    /// Which of all that were given.
    number: u64,
    used: Instant,
}

/// Gives each client a port. A port that was taken back is given again as late as possible.
#[derive(Debug)]
pub struct Nat {
    idle: Duration,
    free: VecDeque<Port>,
    ports: BTreeMap<SocketAddr, Port>,
    leases: BTreeMap<Port, Lease>,
    closed: VecDeque<Port>,
    tally: NatTally,
}

impl Nat {
    /// Gives the ports `first` to `last`, and takes back the ones whose client sent nothing for `idle`.
    pub fn new(first: u16, last: u16, idle: Duration) -> Self {
        Self {
            idle,
            free: (first..=last).map(Port).collect(),
            ports: BTreeMap::new(),
            leases: BTreeMap::new(),
            closed: VecDeque::new(),
            tally: NatTally::default(),
        }
    }

    /// How long a client may send nothing from now on.
    pub const fn set_idle(&mut self, idle: Duration) {
        self.idle = idle;
    }

    /// The port from which a datagram of `client` goes out.
    pub fn outward(&mut self, now: Instant, client: SocketAddr) -> Option<Port> {
        if let Some(port) = self.ports.get(&client) {
            if let Some(lease) = self.leases.get_mut(port) {
                lease.used = now;
            }
            return Some(*port);
        }
        if self.free.is_empty() {
            self.expire(now);
        }
        let Some(port) = self.free.pop_front() else {
            self.tally.refused += 1;
            return None;
        };
        self.tally.given += 1;
        self.ports.insert(client, port);
        self.leases.insert(port, Lease { client, number: self.tally.given, used: now });
        Some(port)
    }

    /// The client to which a datagram that came in at `port` goes.
    pub fn inward(&mut self, port: Port) -> Option<SocketAddr> {
        let client = self.leases.get(&port).map(|lease| lease.client);
        self.tally.stale += u64::from(client.is_none());
        client
    }

    /// The port that `client` holds now.
    pub fn port_of(&self, client: SocketAddr) -> Option<Port> {
        self.ports.get(&client).copied()
    }

    /// The port that `client` holds now, and which lease it is: a port may be given twice, a lease is not.
    pub(super) fn lease_of(&self, client: SocketAddr) -> Option<(Port, u64)> {
        let port = self.port_of(client)?;
        self.leases.get(&port).map(|lease| (port, lease.number))
    }

    /// Takes the client's port back: its next datagram goes out from another one.
    pub fn rebind(&mut self, client: SocketAddr) -> bool {
        let Some(port) = self.ports.remove(&client) else { return false };
        self.leases.remove(&port);
        self.release(port);
        self.tally.rebound += 1;
        true
    }

    /// The same for all clients at once: as if the translator had been restarted.
    pub fn rebind_all(&mut self) {
        while let Some(client) = self.ports.keys().next().copied() {
            self.rebind(client);
        }
    }

    /// Takes back the ports whose clients are silent.
    pub fn expire(&mut self, now: Instant) {
        let idle = self.idle;
        let silent = self.leases.iter().filter(|(_, lease)| now.since(lease.used) >= idle);
        let silent: Vec<_> = silent.map(|(port, lease)| (*port, lease.client)).collect();
        for (port, client) in silent {
            self.leases.remove(&port);
            self.ports.remove(&client);
            self.release(port);
            self.tally.idle += 1;
        }
    }

    /// A port that was taken back since the last call.
    pub fn poll_closed(&mut self) -> Option<Port> {
        self.closed.pop_front()
    }

    /// Clients that hold a port.
    pub fn clients(&self) -> usize {
        self.ports.len()
    }

    /// What happened so far.
    pub const fn tally(&self) -> &NatTally {
        &self.tally
    }

    fn release(&mut self, port: Port) {
        self.free.push_back(port);
        self.closed.push_back(port);
    }
}
