//! Where datagrams come from and go to.

use std::net::{SocketAddr, SocketAddrV6};

/// A socket of the caller's and an address beyond it: what a link is made over (R-TRN-26).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Route {
    /// The caller's number for the socket and local address; 0 where the system chooses, or there is only one.
    pub socket: u16,
    /// The other end, in the form that the socket gave and takes.
    pub remote: SocketAddr,
}

impl From<SocketAddr> for Route {
    fn from(remote: SocketAddr) -> Self {
        Self { socket: 0, remote }
    }
}

impl Route {
    /// Whether a link over this way takes what came over the other: where the system chose the local address, it may have
    /// chosen any.
    pub(super) fn takes(self, other: Self) -> bool {
        (self.socket == 0 || self.socket == other.socket) && normal(self.remote) == normal(other.remote)
    }
}

/// A datagram was written into the caller's buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Transmit {
    /// Where it goes.
    pub to: SocketAddr,
    /// The socket that it leaves by.
    pub socket: u16,
    /// How long it is.
    pub len: usize,
}

/// The form in which addresses are compared, never sent to: IPv4 as itself, IPv6 with its scope.
pub(super) fn normal(address: SocketAddr) -> SocketAddr {
    let SocketAddr::V6(v6) = address else { return address };
    match v6.ip().to_ipv4_mapped() {
        Some(v4) => SocketAddr::from((v4, v6.port())),
        None => SocketAddrV6::new(*v6.ip(), v6.port(), 0, v6.scope_id()).into(),
    }
}
