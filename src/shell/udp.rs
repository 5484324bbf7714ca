//! One UDP socket: receives in batches, tells where a datagram came in, answers from where it was asked.

use std::cell::Cell;
use std::io::{self, IoSliceMut};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, SocketAddrV6};
use std::os::fd::{AsRawFd, RawFd};

use mio::{Interest, Registry, Token, event, net};
use quinn_udp::{BATCH_SIZE, RecvMeta, UdpSockRef, UdpSocketState};
use socket2::{Domain, InterfaceIndexOrAddress, Protocol, SockRef, Socket, Type};

use super::sys;
use crate::net::Arrival;
use crate::registry::AHEAD;

/// The kernel may hand over several datagrams of one sender glued together, up to this many bytes.
const GLUED_MAX: usize = 65_536;
/// What the kernel may keep for us while we are busy: about 10 000 heartbeats.
const RECEIVE_BUFFER: usize = 8 << 20;
const SEND_BUFFER: usize = 8 << 20;
/// Datagrams for which one look at the send buffer is good.
const ROOM_FOR: u32 = 7;
/// Hop limit of groups (spec 5).
const HOPS: u32 = 1;
const HOPS_SITE: u32 = 8;

/// Where datagrams go that were received.
pub(super) trait Sink {
    /// These come next: only a hint.
    fn expect(&mut self, _datagrams: &mut dyn Iterator<Item = &[u8]>) {}
    /// What follows came to a socket that is bound there.
    fn at(&mut self, _local: SocketAddr) {}
    /// One that came to this machine, but is not for the machine that asks; why.
    fn skip(&mut self, _from: SocketAddr, _arrival: Arrival, _bytes: &[u8], _why: &'static str) {}
    /// One datagram.
    fn take(&mut self, from: SocketAddr, arrival: Arrival, bytes: &[u8]);
}

impl<F: FnMut(SocketAddr, Arrival, &[u8])> Sink for F {
    fn take(&mut self, from: SocketAddr, arrival: Arrival, bytes: &[u8]) {
        self(from, arrival, bytes);
    }
}

/// A non-blocking UDP socket of one family.
#[derive(Debug)]
pub(super) struct UdpSocket {
    socket: net::UdpSocket,
    state: UdpSocketState,
    local: SocketAddr,
    /// Datagrams to unproven addresses until the send buffer is looked at again.
    room_for: Cell<u32>,
}

/// A group on an interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Membership {
    /// The group's address and port.
    pub(super) group: SocketAddr,
    /// The interface.
    pub(super) interface: u32,
}

impl UdpSocket {
    /// Opens a socket at `address`. With `shared` other programs may have the port for their groups.
    pub(super) fn bind(address: SocketAddr, shared: bool) -> io::Result<Self> {
        let socket = new_socket(address)?;
        socket.set_reuse_address(shared)?;
        socket.bind(&address.into())?;
        let enlarge = |result: io::Result<()>, what: &str| {
            result.unwrap_or_else(|error| log::debug!("{address}: {what} buffer: {error}"));
        };
        let receive = sys::force_receive_buffer(&socket, RECEIVE_BUFFER);
        enlarge(receive.or_else(|_| socket.set_recv_buffer_size(RECEIVE_BUFFER)), "receive");
        let send = sys::force_send_buffer(&socket, SEND_BUFFER);
        enlarge(send.or_else(|_| socket.set_send_buffer_size(SEND_BUFFER)), "send");
        Self::from_socket(socket)
    }

    /// Opens a socket that receives what comes to a group on one interface, and nothing else.
    pub(super) fn join(membership: Membership) -> io::Result<Self> {
        let Membership { group, interface } = membership;
        let socket = new_socket(group)?;
        socket.set_reuse_address(true)?;
        socket.bind(&on_interface(group, interface).into())?;
        match group.ip() {
            IpAddr::V4(v4) => {
                socket.join_multicast_v4_n(&v4, &InterfaceIndexOrAddress::Index(interface))?;
            }
            IpAddr::V6(v6) => socket.join_multicast_v6(&v6, interface)?,
        }
        Self::from_socket(socket)
    }

    fn from_socket(socket: Socket) -> io::Result<Self> {
        // Without this, a socket gets what came in for other programs' memberships too.
        let only_own = if socket.domain()? == Domain::IPV4 {
            socket.set_multicast_all_v4(false)
        } else {
            socket.set_multicast_all_v6(false)
        };
        if let Err(error) = only_own {
            log::debug!("multicast_all: {error}");
        }
        let socket = std::net::UdpSocket::from(socket);
        let local = socket.local_addr()?;
        let state = UdpSocketState::new(UdpSockRef::from(&socket))?;
        Ok(Self { socket: net::UdpSocket::from_std(socket), state, local, room_for: Cell::new(0) })
    }

    /// Where it is bound.
    pub(super) const fn local(&self) -> SocketAddr {
        self.local
    }

    /// Receives up to a batch of datagrams.
    ///
    /// # Errors
    /// `WouldBlock` when there are none; then the next readiness event says when there are.
    pub(super) fn receive(&self, batch: &mut Batch, sink: &mut dyn Sink) -> io::Result<usize> {
        let Batch { memory, metas } = batch;
        let mut chunks = memory.chunks_exact_mut(GLUED_MAX);
        let mut slices: [IoSliceMut<'_>; BATCH_SIZE] =
            std::array::from_fn(|_| IoSliceMut::new(chunks.next().unwrap_or_default()));
        let count = self.state.recv(UdpSockRef::from(&self.socket), &mut slices, metas)?;
        let received = metas.iter().zip(&slices).take(count);
        let mut rest = received.flat_map(|(meta, slice)| {
            let bytes = slice.get(..meta.len).unwrap_or_default();
            // An empty datagram is one too: it has to be counted like every short one.
            let empty = bytes.is_empty().then_some(bytes);
            empty.into_iter().chain(bytes.chunks(meta.stride.max(1))).map(move |datagram| (meta, datagram))
        });
        let mut datagrams = 0;
        loop {
            sink.expect(&mut rest.clone().map(|(_, datagram)| datagram).take(AHEAD));
            let before = datagrams;
            for (meta, datagram) in rest.by_ref().take(AHEAD) {
                sink.take(meta.addr, arrival_of(meta), datagram);
                datagrams += 1;
            }
            if datagrams - before < AHEAD {
                return Ok(datagrams);
            }
        }
    }

    /// Sends one datagram, from `source` if that is given.
    pub(super) fn send(&self, to: SocketAddr, source: Option<IpAddr>, bytes: &[u8]) -> io::Result<()> {
        let src_ip = source
            .filter(|ip| ip.is_ipv4() == self.local.is_ipv4() && !ip.is_multicast() && !ip.is_unspecified());
        let transmit =
            quinn_udp::Transmit { destination: to, ecn: None, contents: bytes, segment_size: None, src_ip };
        self.state.try_send(UdpSockRef::from(&self.socket), &transmit)
    }

    /// Whether less than half of the send buffer waits to be sent. For an address of the link that nobody has,
    /// datagrams wait for seconds; what is sent to unproven addresses must leave room for registered hosts.
    pub(super) fn has_room(&self) -> bool {
        let sure = self.room_for.get();
        if let Some(left) = sure.checked_sub(1) {
            self.room_for.set(left);
            return true;
        }
        let room = sys::send_queue(self).is_none_or(|(waiting, all)| waiting < all / 2);
        self.room_for.set(if room { ROOM_FOR } else { 0 });
        room
    }

    /// Sends one datagram to a group on one interface, whose own IPv4 address is `from`.
    pub(super) fn send_to_group(
        &self,
        membership: Membership,
        from: Option<Ipv4Addr>,
        bytes: &[u8],
    ) -> io::Result<()> {
        let options = SockRef::from(&self.socket);
        let Membership { group, interface } = membership;
        match group.ip() {
            IpAddr::V4(_) => {
                options.set_multicast_if_v4(&from.unwrap_or(Ipv4Addr::UNSPECIFIED))?;
                options.set_multicast_ttl_v4(HOPS)?;
            }
            IpAddr::V6(_) => {
                options.set_multicast_if_v6(interface)?;
                options.set_multicast_hops_v6(if on_link(group.ip()) { HOPS } else { HOPS_SITE })?;
            }
        }
        self.send(on_interface(group, interface), None, bytes)
    }
}

fn new_socket(address: SocketAddr) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    Ok(socket)
}

fn arrival_of(meta: &RecvMeta) -> Arrival {
    let multicast = meta.dst_ip.is_some_and(|ip| ip.is_multicast());
    Arrival { local: meta.dst_ip, interface: meta.interface_index, multicast }
}

/// A link-local address names its interface.
pub(super) fn on_interface(address: SocketAddr, interface: u32) -> SocketAddr {
    match address {
        SocketAddr::V6(v6) if on_link(address.ip()) => {
            SocketAddr::V6(SocketAddrV6::new(*v6.ip(), v6.port(), 0, interface))
        }
        other => other,
    }
}

/// An IPv6 address or group that never leaves its link.
pub(super) const fn on_link(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(_) => false,
        IpAddr::V6(ip) => ip.is_unicast_link_local() || (ip.is_multicast() && ip.octets()[1] & 0x0f == 2),
    }
}

impl AsRawFd for UdpSocket {
    fn as_raw_fd(&self) -> RawFd {
        self.socket.as_raw_fd()
    }
}

impl event::Source for UdpSocket {
    fn register(&mut self, registry: &Registry, token: Token, interests: Interest) -> io::Result<()> {
        self.socket.register(registry, token, interests)
    }

    fn reregister(&mut self, registry: &Registry, token: Token, interests: Interest) -> io::Result<()> {
        self.socket.reregister(registry, token, interests)
    }

    fn deregister(&mut self, registry: &Registry) -> io::Result<()> {
        self.socket.deregister(registry)
    }
}

/// Memory for a batch of datagrams; made once.
#[derive(Debug)]
pub(super) struct Batch {
    memory: Vec<u8>,
    metas: [RecvMeta; BATCH_SIZE],
}

impl Batch {
    /// Memory that the system hands out when it is first written to.
    pub(super) fn new() -> Self {
        Self { memory: vec![0; BATCH_SIZE * GLUED_MAX], metas: [RecvMeta::default(); BATCH_SIZE] }
    }
}
