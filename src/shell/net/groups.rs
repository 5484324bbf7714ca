//! One socket for each group on each usable interface: what goes wrong on one leaves the others alone.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use mio::{Interest, Registry, Token};

use super::super::udp::{Membership, UdpSocket, on_link};
use crate::limits::PORT;
use crate::net::Interface;

/// The groups (spec 5).
pub(super) const GROUPS: [SocketAddr; 3] = [
    SocketAddr::new(IpAddr::V4(Ipv4Addr::new(239, 255, 67, 10)), PORT),
    SocketAddr::new(IpAddr::V6(Ipv6Addr::new(0xff12, 0, 0, 0, 0, 0, 0, 0x6710)), PORT),
    SocketAddr::new(IpAddr::V6(Ipv6Addr::new(0xff15, 0, 0, 0, 0, 0, 0, 0x6710)), PORT),
];

#[derive(Debug)]
struct GroupSocket {
    membership: Membership,
    socket: UdpSocket,
    token: usize,
}

/// The memberships.
#[derive(Debug, Default)]
pub(super) struct Groups {
    joined: Vec<GroupSocket>,
}

impl Groups {
    /// Leaves the groups on all interfaces that went or changed (R-DSC-06).
    pub(super) fn leave_changed(&mut self, registry: &Registry, old: &[Interface], new: &[Interface]) {
        self.joined.retain_mut(|group| {
            let index = group.membership.interface;
            let same = |interface: &&Interface| interface.index == index && old.contains(interface);
            let keep = new.iter().any(|interface| same(&interface));
            if !keep {
                // The socket is closed here, and with it the membership ends.
                let _ = registry.deregister(&mut group.socket);
            }
            keep
        });
    }

    /// What is not joined yet, with the interface's name.
    pub(super) fn missing(&self, usable: &[Interface]) -> Vec<(Membership, String)> {
        let mut missing = Vec::new();
        for interface in usable {
            for group in usable_on(interface) {
                let membership = Membership { group, interface: interface.index };
                if !self.joined.iter().any(|joined| joined.membership == membership) {
                    missing.push((membership, interface.name.clone()));
                }
            }
        }
        missing
    }

    /// Joins a group on an interface.
    pub(super) fn join(
        &mut self,
        registry: &Registry,
        token: usize,
        membership: Membership,
    ) -> io::Result<()> {
        let mut socket = UdpSocket::join(membership)?;
        registry.register(&mut socket, Token(token), Interest::READABLE)?;
        self.joined.push(GroupSocket { membership, socket, token });
        Ok(())
    }

    /// The socket of a token, and its interface.
    pub(super) fn get(&self, token: usize) -> Option<(&UdpSocket, u32)> {
        let group = self.joined.iter().find(|group| group.token == token)?;
        Some((&group.socket, group.membership.interface))
    }

    /// How many memberships there are.
    #[cfg(test)]
    pub(super) const fn len(&self) -> usize {
        self.joined.len()
    }
}

/// The groups of the families that an interface has.
pub(super) fn usable_on(interface: &Interface) -> impl Iterator<Item = SocketAddr> {
    let has = |v4: bool| interface.addresses.iter().any(|ip| ip.is_ipv4() == v4);
    // Systems have no route for IPv6 groups on loopback, where IPv4 will do.
    let loopback = interface.addresses.iter().all(IpAddr::is_loopback);
    let (v4, v6) = (has(true), has(false) && !(loopback && has(true)));
    GROUPS.into_iter().filter(move |group| if group.is_ipv4() { v4 } else { v6 })
}

/// The address of an interface from which the system sends to a group: one of the same scope before others (RFC 6724,
/// section 5, rule 2).
pub(super) fn source_on(interface: &Interface, group: IpAddr) -> Option<IpAddr> {
    let of_family = interface.addresses.iter().filter(|ip| ip.is_ipv4() == group.is_ipv4());
    of_family.min_by_key(|ip| on_link(**ip) != on_link(group)).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_of_the_link_is_sent_to_from_an_address_of_the_link() {
        let ip = |text: &str| text.parse::<IpAddr>().expect("an address");
        let mut interface = Interface {
            index: 2,
            name: "eth0".into(),
            addresses: ["10.1.0.5", "2001:db8::5", "fe80::5"].map(ip).to_vec(),
        };
        let sources = GROUPS.map(|group| source_on(&interface, group.ip()));
        assert_eq!(sources, ["10.1.0.5", "fe80::5", "2001:db8::5"].map(|text| Some(ip(text))));
        interface.addresses.truncate(2);
        assert_eq!(source_on(&interface, GROUPS[1].ip()), Some(ip("2001:db8::5")));
        interface.addresses.truncate(1);
        assert_eq!(source_on(&interface, GROUPS[1].ip()), None);
    }
}
