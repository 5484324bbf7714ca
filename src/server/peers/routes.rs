//! Local addresses as numbers: a link belongs to the one that was asked (R-TRN-26).

use std::net::{IpAddr, SocketAddr};

use crate::net::{Arrival, Destination, Transmit};
use crate::transport::{self, Route};

/// Local addresses that are told apart; what comes to more of them is answered from where the system chooses.
const ROUTES_MAX: usize = 1024;

/// The local addresses at which other HMSs asked; the first is number 1, 0 leaves it to the system.
#[derive(Debug, Default)]
pub(super) struct Routes(Vec<(IpAddr, Option<u32>)>);

impl Routes {
    /// The way that a datagram came.
    pub(super) fn of(&mut self, from: SocketAddr, arrival: Arrival) -> Route {
        let Some(local) = arrival.local else { return Route { socket: 0, remote: from } };
        let asked = (local, arrival.interface);
        let known = self.0.iter().position(|one| *one == asked);
        let place = known.or_else(|| {
            (self.0.len() < ROUTES_MAX).then(|| {
                self.0.push(asked);
                self.0.len() - 1
            })
        });
        let number = place.and_then(|place| u16::try_from(place + 1).ok());
        Route { socket: number.unwrap_or(0), remote: from }
    }

    /// How a datagram goes.
    pub(super) fn transmit(&self, out: transport::Transmit) -> Transmit {
        let local = usize::from(out.socket).checked_sub(1).and_then(|place| self.0.get(place));
        Transmit {
            to: Destination::Unicast(out.to),
            source: local.map(|(ip, _)| *ip),
            interface: local.and_then(|(_, interface)| *interface),
            spare: false,
        }
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
}
