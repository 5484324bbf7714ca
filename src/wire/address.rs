//! Addresses (spec 2.4).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use bytes::BufMut;
use nom::Parser as _;
use nom::bytes::complete::take;
use nom::combinator::{fail, map};
use nom::number::complete::{be_u8, be_u16};

/// The same address without IPv4 mapping, scope and flow label: the form in which addresses are compared and sent.
pub fn normal_address(address: SocketAddr) -> SocketAddr {
    match address {
        SocketAddr::V4(_) => address,
        SocketAddr::V6(v6) => SocketAddr::new(v6.ip().to_canonical(), v6.port()),
    }
}

/// Appends an address; IPv4-mapped ones become IPv4.
pub fn emit_address(buf: &mut impl BufMut, address: SocketAddr) {
    match address.ip().to_canonical() {
        IpAddr::V4(ip) => {
            buf.put_u8(4);
            buf.put_slice(&ip.octets());
        }
        IpAddr::V6(ip) => {
            buf.put_u8(6);
            buf.put_slice(&ip.octets());
        }
    }
    buf.put_u16(address.port());
}

/// Reads one address and returns what follows it.
pub fn parse_address(input: &[u8]) -> Option<(&[u8], SocketAddr)> {
    address(input).ok()
}

pub(super) fn address(input: &[u8]) -> nom::IResult<&[u8], SocketAddr> {
    let (rest, family) = be_u8(input)?;
    let (rest, ip) = match family {
        4 => map(take(4usize), |b: &[u8]| IpAddr::V4(Ipv4Addr::from(octets::<4>(b)))).parse(rest)?,
        6 => map(take(16usize), |b: &[u8]| IpAddr::V6(Ipv6Addr::from(octets::<16>(b)))).parse(rest)?,
        _ => fail().parse(rest)?,
    };
    if matches!(ip, IpAddr::V6(v6) if v6.to_ipv4_mapped().is_some()) {
        return fail().parse(rest);
    }
    let (rest, port) = be_u16(rest)?;
    Ok((rest, SocketAddr::new(ip, port)))
}

/// A copy of exactly `N` bytes; `bytes` has that length.
pub(super) fn octets<const N: usize>(bytes: &[u8]) -> [u8; N] {
    let mut array = [0; N];
    array.copy_from_slice(bytes);
    array
}
