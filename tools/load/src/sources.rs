//! Where datagrams come from: many sockets, and addresses of others.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, UdpSocket};

use socket2::{Domain, Protocol, Socket, Type};

/// Longer ones are not spoofed; no answer is longer.
const LONGEST: usize = 2048;
/// Where the type stands in a datagram, and that of HINT (spec 2.2).
const TYPE_AT: usize = 1;
const HINT: u8 = 0x8e;

/// Sockets of its own, whose answers are counted, and perhaps one that says to be somebody else.
pub(crate) struct Sources {
    own: Vec<UdpSocket>,
    spoofed: Option<(Socket, SocketAddrV4)>,
    to: SocketAddr,
    next: usize,
    /// Answers that were hints, and others.
    pub(crate) hints: u64,
    pub(crate) others: u64,
    frame: Vec<u8>,
}

impl Sources {
    /// `count` sockets, with `networks` each in a /24 of 127.0.0.0/8 of its own. `spoof` needs root.
    pub(crate) fn open(
        to: SocketAddr,
        count: u16,
        networks: bool,
        spoof: Option<SocketAddrV4>,
    ) -> io::Result<Self> {
        let own = (0..count).map(|number| socket(to, networks.then_some(number)));
        let own = own.collect::<io::Result<_>>()?;
        let spoofed = spoof.map(|source| raw().map(|raw| (raw, source))).transpose()?;
        Ok(Self { own, spoofed, to, next: 0, hints: 0, others: 0, frame: Vec::new() })
    }

    /// Sends one: each socket in turn, every tenth from the other's address.
    pub(crate) fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.next = self.next.wrapping_add(1);
        if let (Some((raw, source)), SocketAddr::V4(to)) = (&self.spoofed, self.to)
            && self.next.is_multiple_of(10)
            && bytes.len() < LONGEST
        {
            write_frame(*source, to, bytes, &mut self.frame);
            return raw.send_to(&self.frame, &self.to.into()).map(drop);
        }
        let socket = &self.own[self.next % self.own.len()];
        socket.send(bytes).map(drop)
    }

    /// Counts what was answered until now.
    pub(crate) fn collect(&mut self) -> io::Result<()> {
        let mut buf = [0; LONGEST];
        for socket in &self.own {
            loop {
                match socket.recv(&mut buf) {
                    Ok(len) if buf[..len].get(TYPE_AT) == Some(&HINT) => self.hints += 1,
                    Ok(_) => self.others += 1,
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                    Err(error) => return Err(error),
                }
            }
        }
        Ok(())
    }
}

fn socket(to: SocketAddr, network: Option<u16>) -> io::Result<UdpSocket> {
    let from = match (to, network.map(u16::to_be_bytes)) {
        (SocketAddr::V4(_), Some([high, low])) => IpAddr::from(Ipv4Addr::new(127, 1 + high, low, 1)),
        (SocketAddr::V4(_), None) => IpAddr::from(Ipv4Addr::UNSPECIFIED),
        (SocketAddr::V6(_), _) => IpAddr::from(Ipv6Addr::UNSPECIFIED),
    };
    let socket = UdpSocket::bind((from, 0))?;
    socket.connect(to)?;
    socket.set_nonblocking(true)?;
    Ok(socket)
}

fn raw() -> io::Result<Socket> {
    const WITH_HEADER: i32 = 255;
    Socket::new(Domain::IPV4, Type::RAW, Some(Protocol::from(WITH_HEADER)))
}

/// IPv4 and UDP headers (the kernel fills in the checksum of the first; that of the other may be 0) and the bytes.
fn write_frame(source: SocketAddrV4, to: SocketAddrV4, bytes: &[u8], frame: &mut Vec<u8>) {
    const IP: usize = 20;
    const UDP: usize = 8;
    let length = |head: usize| u16::try_from(head + bytes.len()).unwrap_or(0).to_be_bytes();
    frame.clear();
    frame.extend([0x45, 0]);
    frame.extend(length(IP + UDP));
    frame.extend([0, 0, 0, 0, 64, 17, 0, 0]);
    frame.extend(source.ip().octets());
    frame.extend(to.ip().octets());
    frame.extend(source.port().to_be_bytes());
    frame.extend(to.port().to_be_bytes());
    frame.extend(length(UDP));
    frame.extend([0, 0]);
    frame.extend(bytes);
}
