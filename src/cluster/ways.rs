//! Which way a link takes: with an address of its own for links, an HMS goes that way first (R-PEE-95).

use std::net::{IpAddr, SocketAddr};

use super::machine::Cluster;
use super::neighbour::Neighbour;
use super::reach::Health;
use crate::ident::ServerId;
use crate::limits::WAY_WAIT;
use crate::time::Duration;
use crate::wire::normal_address;
use crate::wire::peer::{AddressUse, Phase};

/// Between which addresses a link is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ends {
    /// The own address, unless it was left to the system.
    pub local: Option<IpAddr>,
    /// Where the packets of the other come from.
    pub remote: SocketAddr,
}

impl From<SocketAddr> for Ends {
    fn from(remote: SocketAddr) -> Self {
        Self { local: None, remote }
    }
}

impl Cluster {
    /// Whether this HMS has an address for links, and that HMS has told that this is one of its own: it is dialled from the
    /// one, the other ones of that HMS are a fall-back.
    pub(super) fn is_first_way(&self, server: Option<ServerId>, address: SocketAddr) -> bool {
        self.first_ways(server).any(|first| first == address)
    }

    fn first_ways(&self, server: Option<ServerId>) -> impl Iterator<Item = SocketAddr> + use<'_> {
        let known = server.filter(|_| self.own_link_addresses().next().is_some());
        let known = known.and_then(|server| self.known.get(&server));
        known.into_iter().flat_map(|known| &known.link_addresses).map(|address| normal_address(*address))
    }

    fn own_link_addresses(&self) -> impl Iterator<Item = SocketAddr> {
        let own = self.own.addresses.iter().filter(|own| own.used_by == AddressUse::Peers);
        own.map(|own| normal_address(own.address))
    }

    /// Whether a link goes the first way, whoever dialled. With one end there, and the other chosen by the system, one
    /// direction may go elsewhere.
    pub(super) fn goes_first_way(&self, neighbour: &Neighbour) -> bool {
        let own = neighbour.local.map(|ip| ip.to_canonical());
        let remote = normal_address(neighbour.remote);
        self.is_first_way(Some(neighbour.process.server), remote)
            && own.is_some_and(|own| self.own_link_addresses().any(|address| address.ip() == own))
    }

    /// For how long an address that is a fall-back waits for the first way: not where everybody is looked for, and not
    /// while a link is suspect.
    pub(super) fn way_wait(&self, server: Option<ServerId>, address: SocketAddr) -> Duration {
        let patient = matches!(self.own.phase, Phase::Operating | Phase::Synchronising);
        let suspect = server.and_then(|server| self.links.get(&server));
        let suspect = suspect.is_some_and(|one| one.health == Some(Health::Suspect));
        let is_fall_back = self.first_ways(server).next().is_some() && !self.is_first_way(server, address);
        if patient && is_fall_back && !suspect { WAY_WAIT } else { Duration::ZERO }
    }
}
