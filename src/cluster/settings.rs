//! What the admin changes while it runs, and what is asked of it often.

use std::net::SocketAddr;

use super::machine::Cluster;
use super::seat::Seat;
use crate::time::Instant;
use crate::wire::peer::{OwnAddress, Phase, Timing};

impl Cluster {
    /// Other settings: its own timing, `[peers] address`, and whether it is to work alone.
    pub fn configure(&mut self, now: Instant, timing: Timing, peers: Vec<SocketAddr>, alone: bool) {
        (self.own.timing, self.peers, self.alone) = (timing, peers, alone);
        self.settle(now);
    }

    /// Other addresses of its own, which it tells the others; at most 16.
    pub fn set_addresses(&mut self, now: Instant, addresses: Vec<OwnAddress>) {
        if self.own.addresses != addresses {
            self.own.addresses = addresses;
            self.settle(now);
        }
    }

    /// What it does.
    pub const fn phase(&self) -> Phase {
        self.own.phase
    }

    /// Whether hosts are answered.
    pub const fn hosts_open(&self) -> bool {
        self.hosts_open
    }

    /// Who leads, as it sees it.
    pub const fn primary(&self) -> Option<Seat> {
        self.judged.primary
    }

    /// Whether it leads itself.
    pub fn leads(&self) -> bool {
        self.judged.primary.is_some_and(|seat| seat.server == self.own.process.server)
    }

    /// The settings in force (R-PEE-03).
    pub const fn timing(&self) -> Timing {
        self.judged.timing
    }
}
