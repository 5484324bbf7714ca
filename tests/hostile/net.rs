//! A LAN without faults: what is sent arrives a little later.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};

use hms::time::{Duration, Instant};

const DELAY: Duration = Duration::from_millis(2);

/// A datagram as its receiver sees it.
pub struct Flight {
    pub from: SocketAddr,
    pub at: SocketAddr,
    pub multicast: bool,
    pub bytes: Vec<u8>,
}

#[derive(Default)]
pub struct Net {
    flights: BTreeMap<(Instant, u64), Flight>,
    serial: u64,
}

pub fn hms_address(hms: usize) -> SocketAddr {
    SocketAddr::new(Ipv4Addr::new(10, 0, 0, 1 + hms as u8).into(), hms::limits::PORT)
}

pub fn host_address(host: usize) -> SocketAddr {
    SocketAddr::new(Ipv4Addr::new(10, 0, 1, 1 + host as u8).into(), 40_000)
}

impl Net {
    pub fn send(&mut self, now: Instant, from: SocketAddr, at: SocketAddr, multicast: bool, bytes: &[u8]) {
        self.serial += 1;
        let flight = Flight { from, at, multicast, bytes: bytes.to_vec() };
        self.flights.insert((now + DELAY, self.serial), flight);
    }

    pub fn next_arrival(&self) -> Option<Instant> {
        self.flights.first_key_value().map(|((at, _), _)| *at)
    }

    pub fn arrival(&mut self, now: Instant) -> Option<Flight> {
        let first = self.flights.first_entry().filter(|first| first.key().0 <= now)?;
        Some(first.remove())
    }
}
