//! What happened, counted.

use std::fmt;
use std::ops::AddAssign;

use serde::Serialize;

/// Names a counter.
pub(super) type Fate = fn(&mut LinkTally) -> &mut u64;

/// One direction: datagrams that came in, and what became of each; bytes are bytes of UDP payload.
///
/// `taken + repeated = delivered + under_way + dropped()`, at any time. A [`super::Link`] by itself counts a datagram
/// as delivered when it decides so, a [`super::Relay`] when the datagram leaves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct LinkTally {
    /// Datagrams that came in.
    pub taken: u64,
    /// Their bytes.
    pub taken_bytes: u64,
    /// Second copies made.
    pub repeated: u64,
    /// Datagrams and copies that went on.
    pub delivered: u64,
    /// Their bytes.
    pub delivered_bytes: u64,
    /// Datagrams and copies that will go on.
    pub under_way: u64,
    /// Lost by chance.
    pub lost: u64,
    /// Dropped while the way was cut.
    pub cut: u64,
    /// Dropped because the bottleneck's queue was full.
    pub queue_full: u64,
    /// Dropped because they were larger than the path.
    pub too_large: u64,
    /// Dropped because too many were under way.
    pub overflow: u64,
    /// Dropped because no port was left for their client.
    pub refused: u64,
    /// Dropped because nobody held their port any more, or their port was taken back while they were under way.
    pub stale: u64,
    /// Given to the system, which did not take them.
    pub failed: u64,
    /// Of all that passed: held back so that later ones overtake.
    pub held_back: u64,
    /// Of all that passed: with one bit flipped.
    pub corrupted: u64,
}

impl LinkTally {
    /// All that will not arrive.
    pub fn dropped(&self) -> u64 {
        self.drops().iter().map(|(count, _)| count).sum()
    }

    fn drops(&self) -> [(u64, &'static str); 8] {
        [
            (self.lost, "lost"),
            (self.cut, "cut"),
            (self.queue_full, "queue full"),
            (self.too_large, "too large"),
            (self.overflow, "overflow"),
            (self.refused, "refused"),
            (self.stale, "to or from a closed port"),
            (self.failed, "failed"),
        ]
    }

    pub(super) const fn take(&mut self, len: usize) {
        self.taken += 1;
        self.taken_bytes += len as u64;
    }

    pub(super) const fn deliver(&mut self, len: usize) {
        self.delivered += 1;
        self.delivered_bytes += len as u64;
    }

    /// One that was counted as delivered has another fate.
    pub(super) fn instead(&mut self, len: usize, fate: Fate) {
        self.delivered -= 1;
        self.delivered_bytes -= len as u64;
        *fate(self) += 1;
    }
}

impl AddAssign for LinkTally {
    fn add_assign(&mut self, other: Self) {
        self.taken += other.taken;
        self.taken_bytes += other.taken_bytes;
        self.repeated += other.repeated;
        self.delivered += other.delivered;
        self.delivered_bytes += other.delivered_bytes;
        self.under_way += other.under_way;
        self.lost += other.lost;
        self.cut += other.cut;
        self.queue_full += other.queue_full;
        self.too_large += other.too_large;
        self.overflow += other.overflow;
        self.refused += other.refused;
        self.stale += other.stale;
        self.failed += other.failed;
        self.held_back += other.held_back;
        self.corrupted += other.corrupted;
    }
}

impl fmt::Display for LinkTally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { taken, taken_bytes, delivered, delivered_bytes, .. } = self;
        write!(f, "{taken} in ({taken_bytes} bytes), {delivered} out ({delivered_bytes} bytes)")?;
        let passed = [
            (self.under_way, "under way"),
            (self.repeated, "repeated"),
            (self.held_back, "held back"),
            (self.corrupted, "corrupted"),
        ];
        for (count, what) in passed.into_iter().chain(self.drops()).filter(|(count, _)| *count > 0) {
            write!(f, ", {count} {what}")?;
        }
        Ok(())
    }
}

/// A whole relay.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Tally {
    /// From the clients to the server.
    pub up: LinkTally,
    /// From the server to the clients.
    pub down: LinkTally,
    /// Clients that hold a port now.
    pub clients: u64,
    /// Ports given, the first and all later ones.
    pub ports: u64,
    /// Ports changed under a client.
    pub rebound: u64,
    /// Ports taken back since their client was silent.
    pub idle: u64,
    /// Errors that the system told of sockets: mostly that nobody listens at the server's port.
    pub errors: u64,
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { up, down, clients, ports, rebound, idle, errors } = self;
        writeln!(f, "up    {up}\ndown  {down}")?;
        write!(
            f,
            "nat   {clients} clients, {ports} ports given, {rebound} rebound, {idle} idle, {errors} errors"
        )
    }
}
