//! One socket for all simulated hosts: each sends from, and is answered at, an address of its own inside 127.0.0.0/8.

use std::io::{self, IoSliceMut};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use mio::net::UdpSocket;
use mio::{Interest, Registry, Token};
use quinn_udp::{BATCH_SIZE, RecvMeta, Transmit, UdpSockRef, UdpSocketState};
use socket2::{Domain, Protocol, Socket, Type};

/// The kernel may hand over several datagrams glued together, up to this many bytes.
const GLUED_MAX: usize = 65_536;
/// What the kernel keeps while the hosts are busy, if it may.
const BUFFER: usize = 32 << 20;

/// The first host's address; each other has the next one.
const FIRST: u32 = 0x7f01_0001;
/// The last address that may be one: 127.255.255.255 is everybody's.
const LAST: u32 = 0x7fff_fffe;
/// Most hosts.
pub(crate) const HOSTS_MAX: u32 = LAST - FIRST + 1;

/// The address of a host.
pub(crate) const fn address(host: u32) -> Ipv4Addr {
    Ipv4Addr::from_bits(FIRST + host)
}

/// The host that has the address.
fn host_at(ip: IpAddr) -> Option<u32> {
    match ip {
        IpAddr::V4(ip) if (FIRST..=LAST).contains(&ip.to_bits()) => Some(ip.to_bits() - FIRST),
        _ => None,
    }
}

/// The socket.
pub(crate) struct Wire {
    socket: UdpSocket,
    state: UdpSocketState,
}

/// Memory for a batch of datagrams; made once.
pub(crate) struct Batch {
    memory: Vec<u8>,
    metas: [RecvMeta; BATCH_SIZE],
}

impl Batch {
    pub(crate) fn new() -> Self {
        Self { memory: vec![0; BATCH_SIZE * GLUED_MAX], metas: [RecvMeta::default(); BATCH_SIZE] }
    }
}

impl Wire {
    pub(crate) fn open(registry: &Registry) -> io::Result<Self> {
        let socket = Socket::new(Domain::IPV4, Type::DGRAM, Some(Protocol::UDP))?;
        socket.bind(&SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)).into())?;
        // The system may allow less.
        socket.set_recv_buffer_size(BUFFER)?;
        socket.set_send_buffer_size(BUFFER)?;
        let socket = std::net::UdpSocket::from(socket);
        let state = UdpSocketState::new(UdpSockRef::from(&socket))?;
        let mut socket = UdpSocket::from_std(socket);
        registry.register(&mut socket, Token(0), Interest::READABLE)?;
        Ok(Self { socket, state })
    }

    /// Sends a datagram of a host; `false` if there is no room for it.
    pub(crate) fn send(&self, host: u32, to: SocketAddr, contents: &[u8]) -> io::Result<bool> {
        let src_ip = Some(address(host).into());
        let transmit = Transmit { destination: to, ecn: None, contents, segment_size: None, src_ip };
        match self.state.try_send(UdpSockRef::from(&self.socket), &transmit) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Receives a batch; `false` if there is nothing more.
    pub(crate) fn receive(
        &self,
        batch: &mut Batch,
        mut take: impl FnMut(u32, SocketAddr, &[u8]) -> io::Result<()>,
    ) -> io::Result<bool> {
        let Batch { memory, metas } = batch;
        let mut chunks = memory.chunks_exact_mut(GLUED_MAX);
        let mut slices: [IoSliceMut<'_>; BATCH_SIZE] =
            std::array::from_fn(|_| IoSliceMut::new(chunks.next().unwrap_or_default()));
        let count = match self.state.recv(UdpSockRef::from(&self.socket), &mut slices, metas) {
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
            Err(error) => return Err(error),
        };
        for (meta, slice) in metas.iter().zip(&slices).take(count) {
            let Some(host) = meta.dst_ip.and_then(host_at) else { continue };
            let bytes = slice.get(..meta.len).unwrap_or_default();
            bytes.chunks(meta.stride.max(1)).try_for_each(|datagram| take(host, meta.addr, datagram))?;
        }
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_host_has_an_address_of_its_own() {
        for host in [0, 1, 255, 99_999, HOSTS_MAX - 1] {
            assert!(address(host).is_loopback());
            assert_eq!(host_at(address(host).into()), Some(host));
        }
        assert_eq!(host_at(Ipv4Addr::LOCALHOST.into()), None);
        assert_eq!(host_at(Ipv4Addr::new(127, 255, 255, 255).into()), None);
    }
}
