//! IPv6 with its extension headers (RFC 8200).

use std::net::{IpAddr, Ipv6Addr};

use super::{Packet, Piece};

const HEADER: usize = 40;
/// More extension headers than any packet has.
const EXTENSIONS_MAX: usize = 16;

mod next {
    pub(super) const HOP_BY_HOP: u8 = 0;
    pub(super) const ROUTING: u8 = 43;
    pub(super) const FRAGMENT: u8 = 44;
    pub(super) const AUTHENTICATION: u8 = 51;
    pub(super) const DESTINATION: u8 = 60;
    pub(super) const MOBILITY: u8 = 135;
}

pub(super) fn parse(bytes: &[u8]) -> Result<Packet<'_>, &'static str> {
    let short = "a packet that ends inside its IPv6 headers";
    let (head, rest) = bytes.split_first_chunk::<HEADER>().ok_or(short)?;
    let [_, _, _, _, l0, l1, mut protocol, _, addresses @ ..] = *head;
    let (source, destination) = addresses.split_at(16);
    let ip =
        |bytes: &[u8]| bytes.first_chunk::<16>().map(|bytes| IpAddr::V6(Ipv6Addr::from(*bytes))).ok_or(short);
    let length = match usize::from(u16::from_be_bytes([l0, l1])) {
        0 => rest.len(),
        length => length,
    };
    let whole = length <= rest.len();
    let mut rest = rest.get(..length.min(rest.len())).unwrap_or_default();
    let mut fragment = None;
    for _ in 0..EXTENSIONS_MAX {
        let length = match (protocol, rest.get(1)) {
            (next::HOP_BY_HOP | next::ROUTING | next::DESTINATION | next::MOBILITY, Some(units)) => {
                (usize::from(*units) + 1) * 8
            }
            (next::AUTHENTICATION, Some(units)) => (usize::from(*units) + 2) * 4,
            (next::FRAGMENT, Some(_)) => 8,
            (next::HOP_BY_HOP | next::ROUTING | next::DESTINATION | next::MOBILITY, None) => {
                return Err(short);
            }
            (next::AUTHENTICATION | next::FRAGMENT, None) => return Err(short),
            _ => break,
        };
        let (extension, behind) = rest.split_at_checked(length).ok_or(short)?;
        if protocol == next::FRAGMENT {
            fragment = piece(extension);
        }
        protocol = extension.first().copied().ok_or(short)?;
        rest = behind;
        // Behind the header of a later fragment stand its bytes, whatever the first one says they begin with.
        if fragment.is_some_and(|piece| piece.offset > 0) {
            break;
        }
    }
    Ok(Packet {
        source: ip(source)?,
        destination: ip(destination)?,
        protocol,
        payload: rest,
        whole,
        fragment,
    })
}

/// What a fragment header says; none if it stands in a packet that is whole (RFC 6946).
fn piece(header: &[u8]) -> Option<Piece> {
    let [_, _, o0, o1, i0, i1, i2, i3] = *header.first_chunk::<8>()?;
    let field = u16::from_be_bytes([o0, o1]);
    let (offset, more) = (usize::from(field & 0xfff8), field & 1 != 0);
    (more || offset > 0).then_some(Piece { id: u32::from_be_bytes([i0, i1, i2, i3]), offset, more })
}
