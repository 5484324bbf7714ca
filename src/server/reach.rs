//! Where hosts can reach this HMS: what OFFER and REGISTERED say of it.

use std::net::{IpAddr, SocketAddr};

use crate::net::{Arrival, Interface};

/// Addresses in one HMS TLV.
const ADDRESSES_MAX: usize = 8;

/// Addresses under which the host ports answer, best first for a host whose datagram came in like `arrival` from
/// `from`: the one that it asked, then those of the interface on which it came (R-DSC-03), its own family first.
pub(super) fn addresses(
    listen: &[SocketAddr],
    interfaces: &[Interface],
    arrival: Arrival,
    from: IpAddr,
) -> Vec<SocketAddr> {
    let asked = if arrival.multicast { None } else { arrival.local.map(|ip| ip.to_canonical()) };
    let mut found: Vec<(u8, SocketAddr)> = Vec::new();
    for at in listen {
        let port = at.port();
        let mut add = |rank: u8, ip: IpAddr| {
            let address = SocketAddr::new(ip.to_canonical(), port);
            if !found.iter().any(|(_, known)| *known == address) {
                found.push((rank, address));
            }
        };
        if !at.ip().is_unspecified() {
            add(rank(asked, None, at.ip(), arrival, from), at.ip());
            continue;
        }
        if let Some(ip) = asked.filter(|ip| serves(at.ip(), *ip)) {
            add(0, ip);
        }
        for interface in interfaces {
            for ip in interface.addresses.iter().filter(|ip| serves(at.ip(), **ip)) {
                let here = arrival.interface == Some(interface.index);
                // Elsewhere a link-local address means nothing.
                if here || !is_link_local(*ip) {
                    add(rank(asked, Some(interface.index), *ip, arrival, from), *ip);
                }
            }
        }
    }
    found.sort_by_key(|(rank, _)| *rank);
    found.into_iter().map(|(_, address)| address).take(ADDRESSES_MAX).collect()
}

/// Whether a socket bound to the unspecified address `any` hears `ip`: the IPv6 one of this HMS hears both families.
const fn serves(any: IpAddr, ip: IpAddr) -> bool {
    any.is_ipv6() || ip.is_ipv4()
}

/// Smaller is better.
fn rank(asked: Option<IpAddr>, interface: Option<u32>, ip: IpAddr, arrival: Arrival, from: IpAddr) -> u8 {
    if asked == Some(ip) {
        return 0;
    }
    let here = interface.is_some() && interface == arrival.interface;
    let same_family = ip.is_ipv4() == from.is_ipv4();
    let same_scope = is_link_local(ip) == is_link_local(from);
    1 + 4 * u8::from(!here) + 2 * u8::from(!same_family) + u8::from(!same_scope)
}

/// Whether the address means something on its link only.
pub(super) const fn is_link_local(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(_) => false,
        IpAddr::V6(ip) => ip.is_unicast_link_local(),
    }
}

/// Whether a DISCOVER that came by multicast may be answered: over IPv6, link groups are for what is on the link
/// (R-DSC-08). The site group crosses routers, so only what came to the link group is looked at.
pub(super) fn on_link(arrival: Arrival, from: IpAddr, interfaces: &[Interface]) -> bool {
    let (true, IpAddr::V6(source)) = (arrival.multicast, from) else { return true };
    let link_group = match arrival.local {
        Some(IpAddr::V6(group)) => group.segments()[0] & 0xff0f == 0xff02,
        _ => false,
    };
    if !link_group || source.is_unicast_link_local() || source.is_loopback() {
        return true;
    }
    let here = interfaces.iter().filter(|i| arrival.interface.is_none_or(|index| index == i.index));
    here.flat_map(|i| &i.addresses).any(|ip| match ip {
        IpAddr::V6(own) => u128::from(*own) >> 64 == u128::from(source) >> 64,
        IpAddr::V4(_) => false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    fn interfaces() -> Vec<Interface> {
        let make = |index, name: &str, addresses: &[&str]| Interface {
            index,
            name: name.into(),
            addresses: addresses.iter().map(|a| ip(a)).collect(),
        };
        vec![
            make(2, "eth0", &["10.0.0.1", "fe80::1", "2001:db8::1"]),
            make(3, "eth1", &["10.9.0.1", "fe80::2"]),
        ]
    }

    fn texts(listen: &str, arrival: Arrival, from: &str) -> Vec<String> {
        let listen = [listen.parse().expect("an address")];
        addresses(&listen, &interfaces(), arrival, ip(from)).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn the_interface_of_the_discover_comes_first() {
        crate::shows!("R-DSC-03");
        let arrival = Arrival { local: Some(ip("239.255.67.10")), interface: Some(3), multicast: true };
        assert_eq!(
            texts("[::]:6710", arrival, "10.9.0.7"),
            ["10.9.0.1:6710", "[fe80::2]:6710", "10.0.0.1:6710", "[2001:db8::1]:6710"]
        );
        let arrival = Arrival { local: Some(ip("ff12::6710")), interface: Some(3), multicast: true };
        assert_eq!(
            texts("[::]:6710", arrival, "fe80::9").first().map(String::as_str),
            Some("[fe80::2]:6710")
        );
        assert_eq!(texts("0.0.0.0:7", arrival, "fe80::9"), ["10.9.0.1:7", "10.0.0.1:7"]);
    }

    #[test]
    fn the_address_that_was_asked_comes_first() {
        let arrival = Arrival { local: Some(ip("10.9.0.1")), interface: Some(2), multicast: false };
        assert_eq!(
            texts("[::]:6710", arrival, "10.0.0.9").first().map(String::as_str),
            Some("10.9.0.1:6710")
        );
        let loopback = Arrival { local: Some(ip("::ffff:127.0.0.1")), interface: Some(1), multicast: false };
        assert_eq!(
            texts("[::]:6710", loopback, "127.0.0.1").first().map(String::as_str),
            Some("127.0.0.1:6710")
        );
        assert_eq!(texts("10.0.0.1:6710", loopback, "127.0.0.1"), ["10.0.0.1:6710"]);
    }

    #[test]
    fn link_groups_are_for_the_link() {
        crate::shows!("R-DSC-08");
        let to = |group: &str| Arrival { local: Some(ip(group)), interface: Some(2), multicast: true };
        assert!(on_link(to("ff12::6710"), ip("fe80::77"), &interfaces()));
        assert!(on_link(to("ff12::6710"), ip("2001:db8::77"), &interfaces()));
        assert!(!on_link(to("ff12::6710"), ip("2001:db9::77"), &interfaces()));
        assert!(on_link(to("ff15::6710"), ip("2001:db9::77"), &interfaces()));
        assert!(on_link(to("239.255.67.10"), ip("192.0.2.1"), &interfaces()));
    }
}
