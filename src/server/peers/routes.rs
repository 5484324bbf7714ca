//! Local addresses as numbers: a link belongs to the one that was asked (R-TRN-26).

use std::net::{IpAddr, SocketAddr};

use crate::cluster::Ends;
use crate::net::{Arrival, Destination, Transmit};
use crate::transport::{self, Route};

/// Local addresses that are told apart; what comes to more of them is answered from where the system chooses.
const ROUTES_MAX: usize = 1024;

/// The local addresses at which other HMSs asked; the first is number 1, 0 leaves it to the system.
#[derive(Debug, Default)]
pub(super) struct Routes {
    asked: Vec<(IpAddr, Option<u32>)>,
    /// That of `[peers] bind`, which is the first then.
    bound: Option<IpAddr>,
}

impl Routes {
    /// With the address that links are dialled from, if there is one (R-PEE-95).
    pub(super) fn new(bind: Option<SocketAddr>) -> Self {
        let bound = bind.map(|bind| bind.ip().to_canonical());
        Self { asked: bound.map(|ip| (ip, None)).into_iter().collect(), bound }
    }

    /// The way to an address, `bound` or as the system chooses.
    pub(super) fn to(&self, remote: SocketAddr, bound: bool) -> Route {
        Route { socket: u16::from(bound && self.bound.is_some()), remote }
    }

    /// Between which addresses a link over this way is.
    pub(super) fn ends(&self, route: Route) -> Ends {
        Ends { local: self.local(route.socket).map(|(ip, _)| ip), remote: route.remote }
    }

    /// The way that a datagram came.
    pub(super) fn of(&mut self, from: SocketAddr, arrival: Arrival) -> Route {
        let Some(local) = arrival.local else { return Route { socket: 0, remote: from } };
        // What is dialled from there goes by whatever interface leads to the other end.
        let bound = self.bound.filter(|bound| *bound == local.to_canonical());
        let asked = bound.map_or((local, arrival.interface), |bound| (bound, None));
        let known = self.asked.iter().position(|one| *one == asked);
        let place = known.or_else(|| {
            (self.asked.len() < ROUTES_MAX).then(|| {
                self.asked.push(asked);
                self.asked.len() - 1
            })
        });
        let number = place.and_then(|place| u16::try_from(place + 1).ok());
        Route { socket: number.unwrap_or(0), remote: from }
    }

    /// How a datagram goes.
    pub(super) fn transmit(&self, out: transport::Transmit) -> Transmit {
        let local = self.local(out.socket);
        Transmit {
            to: Destination::Unicast(out.to),
            source: local.map(|(ip, _)| ip),
            interface: local.and_then(|(_, interface)| interface),
            spare: false,
        }
    }

    fn local(&self, socket: u16) -> Option<(IpAddr, Option<u32>)> {
        usize::from(socket).checked_sub(1).and_then(|place| self.asked.get(place)).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_leave_from_the_address_that_was_asked() {
        crate::shows!("R-TRN-26");
        let mut routes = Routes::default();
        let from: SocketAddr = "10.0.1.1:6710".parse().expect("an address");
        let mut asked = |local: Option<&str>, interface| {
            let local = local.map(|ip| ip.parse().expect("an address"));
            let route = routes.of(from, Arrival { local, interface, multicast: false });
            let out = transport::Transmit { to: route.remote, socket: route.socket, len: 100 };
            let transmit = routes.transmit(out);
            (route.socket, transmit.source.map(|ip| ip.to_string()), transmit.interface)
        };
        assert_eq!(asked(None, Some(2)), (0, None, None));
        assert_eq!(asked(Some("10.0.0.1"), Some(2)), (1, Some("10.0.0.1".into()), Some(2)));
        assert_eq!(asked(Some("fe80::1"), Some(2)), (2, Some("fe80::1".into()), Some(2)));
        assert_eq!(asked(Some("fe80::1"), Some(3)), (3, Some("fe80::1".into()), Some(3)));
        assert_eq!(asked(Some("10.0.0.1"), Some(2)).0, 1);
    }

    #[test]
    fn with_an_address_for_links_they_leave_from_there() {
        crate::shows!("R-PEE-95");
        let ip = |text: &str| text.parse::<IpAddr>().expect("an address");
        let remote: SocketAddr = "10.9.0.2:6710".parse().expect("an address");
        let mut routes = Routes::new(Some("10.9.0.1:6710".parse().expect("an address")));
        let dialled = routes.to(remote, true);
        assert_eq!(routes.ends(dialled), Ends { local: Some(ip("10.9.0.1")), remote });
        let out = transport::Transmit { to: remote, socket: dialled.socket, len: 100 };
        assert_eq!(routes.transmit(out).source, Some(ip("10.9.0.1")));
        // Whichever interface the answer comes by.
        let answer = Arrival { local: Some(ip("::ffff:10.9.0.1")), interface: Some(7), multicast: false };
        assert_eq!(routes.of(remote, answer), dialled);
        let other = Arrival { local: Some(ip("10.0.0.1")), interface: Some(2), multicast: false };
        assert_ne!(routes.of(remote, other), dialled);
        // And from where the system chooses, where that is wanted, or there is no such address.
        assert_eq!(routes.ends(routes.to(remote, false)), Ends::from(remote));
        assert_eq!(Routes::new(None).to(remote, true), Route::from(remote));
    }
}
