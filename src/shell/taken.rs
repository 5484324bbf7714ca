//! Who holds a UDP port. The sockets allow others on their port, because the programs on one machine share the
//! multicast port; so a second daemon on the same address has to be found out here.

use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::AsRawFd;
use std::path::Path;

/// Another socket on an address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Holder {
    inode: u64,
    /// The process, if /proc tells.
    pub(super) pid: Option<u32>,
}

/// The socket that holds `address`, if it is not `own`. Nobody if the system has no /proc.
pub(super) fn holder(address: SocketAddr, own: Option<&impl AsRawFd>) -> Option<Holder> {
    let table = if address.is_ipv4() { "/proc/self/net/udp" } else { "/proc/self/net/udp6" };
    let text = fs::read_to_string(table).ok()?;
    let own = own.and_then(|socket| socket_inode(format!("/proc/self/fd/{}", socket.as_raw_fd())));
    let sockets = text.lines().skip(1).filter_map(parse_line);
    let inode = sockets
        .filter(|(local, inode)| Some(*inode) != own && collides(*local, address))
        .map(|(_, inode)| inode)
        .next()?;
    Some(Holder { inode, pid: process_of(inode) })
}

/// Two sockets that get the same datagrams. Sockets bound to a group get only that group's.
fn collides(one: SocketAddr, other: SocketAddr) -> bool {
    one.port() == other.port()
        && !one.ip().is_multicast()
        && (one.ip() == other.ip() || one.ip().is_unspecified() || other.ip().is_unspecified())
}

/// Local address and inode of a line of /proc/net/udp or udp6.
fn parse_line(line: &str) -> Option<(SocketAddr, u64)> {
    let mut fields = line.split_ascii_whitespace();
    let (address, port) = fields.nth(1)?.split_once(':')?;
    let port = u16::from_str_radix(port, 16).ok()?;
    let inode = fields.nth(7)?.parse().ok()?;
    Some((SocketAddr::new(parse_ip(address)?, port), inode))
}

/// An address in the kernel's writing: words of 32 bits in the machine's byte order.
fn parse_ip(text: &str) -> Option<IpAddr> {
    let word = |at: usize| -> Option<[u8; 4]> {
        u32::from_str_radix(text.get(at..at + 8)?, 16).ok().map(u32::to_ne_bytes)
    };
    match text.len() {
        8 => Some(IpAddr::V4(Ipv4Addr::from(word(0)?))),
        32 => {
            let mut octets = [0; 16];
            for (index, place) in octets.chunks_exact_mut(4).enumerate() {
                place.copy_from_slice(&word(index * 8)?);
            }
            Some(IpAddr::V6(Ipv6Addr::from(octets)))
        }
        _ => None,
    }
}

fn process_of(inode: u64) -> Option<u32> {
    let processes = fs::read_dir("/proc").ok()?.flatten();
    let mut pids = processes.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    pids.find(|pid| {
        let open = fs::read_dir(format!("/proc/{pid}/fd"));
        open.is_ok_and(|mut files| {
            files.any(|file| file.is_ok_and(|file| socket_inode(file.path()) == Some(inode)))
        })
    })
}

/// The inode of a link such as `socket:[123]`.
fn socket_inode(link: impl AsRef<Path>) -> Option<u64> {
    let target = fs::read_link(link).ok()?;
    target.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?.parse().ok()
}

#[cfg(test)]
mod tests {
    use std::net::UdpSocket;

    use super::*;

    #[test]
    fn lines_are_understood() {
        let line =
            "  1: 0100007F:1A36 00000000:0000 07 00000000:00000000 00:00000000 00000000  0 0 4711 2 0 0";
        let expected = (SocketAddr::from(([127, 0, 0, 1], 6710)), 4711);
        if cfg!(target_endian = "little") {
            assert_eq!(parse_line(line), Some(expected));
        }
        assert_eq!(parse_line(""), None);
        assert_eq!(parse_line("1: zz:1 2 3 4 5 6 7 8 9"), None);
    }

    #[test]
    fn the_holder_of_a_port_is_found_with_its_pid() {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
        let address = socket.local_addr().expect("an address");
        let found = holder(address, None::<&UdpSocket>).expect("a holder");
        assert_eq!(found.pid, Some(std::process::id()));
        let any = SocketAddr::from(([0, 0, 0, 0], address.port()));
        assert!(holder(any, None::<&UdpSocket>).is_some());
        assert_eq!(holder(address, Some(&socket)), None);
    }
}
