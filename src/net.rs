//! How the machines name what the shell does with datagrams.

use std::net::{IpAddr, SocketAddr};

/// Where a datagram came in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Arrival {
    /// The local address that was asked.
    pub local: Option<IpAddr>,
    /// Index of the interface.
    pub interface: Option<u32>,
    /// It was sent to a group.
    pub multicast: bool,
}

/// Where a datagram goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Destination {
    /// To one address.
    Unicast(SocketAddr),
    /// To all multicast groups, on every usable interface.
    Groups,
}

/// A datagram to be sent; its bytes are in the caller's buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Transmit {
    /// Where to.
    pub to: Destination,
    /// From this local address, so that answers come from the address that was asked.
    pub source: Option<IpAddr>,
    /// Through this interface, for link-local addresses.
    pub interface: Option<u32>,
    /// Given up when the way out is half full: it goes to an address that nobody has proven.
    pub spare: bool,
}

/// A usable network interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interface {
    /// Its index.
    pub index: u32,
    /// Its name.
    pub name: String,
    /// Its addresses.
    pub addresses: Vec<IpAddr>,
}
