//! What happened, counted.

use std::fmt;
use std::ops::AddAssign;

/// One direction. `taken + repeated = delivered + lost + cut + queue_full`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LinkTally {
    /// Datagrams that came in.
    pub taken: u64,
    /// Datagrams and copies that went on.
    pub delivered: u64,
    /// Lost by chance.
    pub lost: u64,
    /// Copies made.
    pub repeated: u64,
    /// Held back so that later ones overtake.
    pub held_back: u64,
    /// With one bit flipped.
    pub corrupted: u64,
    /// Dropped while the way was cut.
    pub cut: u64,
    /// Dropped because the bottleneck's queue was full.
    pub queue_full: u64,
}

impl AddAssign for LinkTally {
    fn add_assign(&mut self, other: Self) {
        self.taken += other.taken;
        self.delivered += other.delivered;
        self.lost += other.lost;
        self.repeated += other.repeated;
        self.held_back += other.held_back;
        self.corrupted += other.corrupted;
        self.cut += other.cut;
        self.queue_full += other.queue_full;
    }
}

impl fmt::Display for LinkTally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { taken, delivered, lost, repeated, held_back, corrupted, cut, queue_full } = self;
        write!(
            f,
            "{taken} in, {delivered} out, {lost} lost, {repeated} repeated, {held_back} held back, \
             {corrupted} corrupted, {cut} cut, {queue_full} queue full"
        )
    }
}

/// A whole relay.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
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
    /// Datagrams of clients for which no port was left.
    pub refused: u64,
    /// Datagrams to ports that no client holds any more.
    pub stale: u64,
    /// Datagrams dropped because too many were under way.
    pub overflow: u64,
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "up    {}", self.up)?;
        writeln!(f, "down  {}", self.down)?;
        let Self { clients, ports, rebound, refused, stale, overflow, .. } = self;
        write!(
            f,
            "nat   {clients} clients, {ports} ports given, {rebound} rebound, {refused} refused, \
             {stale} to a closed port, {overflow} overflow"
        )
    }
}
