//! From which address, by which interface the system sends what it is given without a source: asked only while somebody
//! captures, and remembered for a while.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};

use crate::shell::sys;
use crate::time::{Duration, Instant};

/// Addresses that are remembered.
const KNOWN_MAX: usize = 1024;
/// And for how long.
const KNOWN_FOR: Duration = Duration::from_secs(5);

/// What was asked lately.
#[derive(Debug, Default)]
pub(super) struct Ways {
    since: Instant,
    sources: HashMap<IpAddr, IpAddr>,
    interfaces: HashMap<IpAddr, Option<u32>>,
    names: HashMap<u32, Option<String>>,
}

impl Ways {
    /// The address from which a datagram goes to `to`, where `from` may leave it to the system.
    pub(super) fn source(&mut self, now: Instant, from: IpAddr, to: SocketAddr) -> IpAddr {
        if !from.is_unspecified() || to.ip().is_multicast() {
            return from;
        }
        self.forget(now);
        *self.sources.entry(to.ip()).or_insert_with(|| chosen(to).unwrap_or(from))
    }

    /// The interface that has an address.
    pub(super) fn interface(&mut self, now: Instant, ip: IpAddr) -> Option<u32> {
        if ip.is_unspecified() {
            return None;
        }
        self.forget(now);
        *self.interfaces.entry(ip).or_insert_with(|| {
            let links = sys::link_addresses().unwrap_or_default();
            let owner = links.iter().find(|link| link.address == Some(ip));
            // All of 127.0.0.0/8 is there, though one address of it is named.
            owner
                .or_else(|| links.iter().find(|link| link.loopback && ip.is_loopback()))
                .map(|link| link.index)
        })
    }

    /// What an interface is called.
    pub(super) fn name(&mut self, now: Instant, index: u32) -> Option<&str> {
        self.forget(now);
        self.names.entry(index).or_insert_with(|| sys::interface_name(index)).as_deref()
    }

    fn forget(&mut self, now: Instant) {
        let full = self.sources.len().max(self.interfaces.len()).max(self.names.len()) >= KNOWN_MAX;
        if full || now.since(self.since) > KNOWN_FOR {
            self.sources.clear();
            self.interfaces.clear();
            self.names.clear();
            self.since = now;
        }
    }
}

/// A socket that is connected is told where it stands; nothing is sent.
fn chosen(to: SocketAddr) -> Option<IpAddr> {
    let any: IpAddr = if to.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    let socket = UdpSocket::bind((any, 0)).ok()?;
    socket.connect(to).ok()?;
    socket.local_addr().ok().map(|local| local.ip())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_system_says_from_where_it_sends() {
        let (mut ways, now) = (Ways::default(), Instant::from_secs(9));
        let to = SocketAddr::from(([127, 0, 0, 1], 9));
        let source = ways.source(now, Ipv4Addr::UNSPECIFIED.into(), to);
        assert_eq!(source, to.ip());
        let index = ways.interface(now, source).expect("loopback");
        assert!(ways.name(now, index).is_some_and(|name| name.starts_with("lo")));
        assert_eq!(ways.name(now, u32::MAX), None);
        assert_eq!(ways.interface(now, Ipv4Addr::new(127, 3, 3, 3).into()), Some(index));
        assert_eq!(ways.interface(now, Ipv4Addr::new(192, 0, 2, 99).into()), None);
        let given = Ipv4Addr::new(10, 1, 0, 5).into();
        assert_eq!(ways.source(now, given, to), given);
        for number in 0..3000u32 {
            let ip = Ipv4Addr::from(0x0a00_0000 + number);
            ways.interface(now, ip.into());
        }
        assert!(ways.interfaces.len() <= KNOWN_MAX);
    }
}
