//! IPv4 (RFC 791).

use std::net::{IpAddr, Ipv4Addr};

use super::{Packet, Piece};

const HEADER: usize = 20;

pub(super) fn parse(bytes: &[u8]) -> Result<Packet<'_>, &'static str> {
    let short = "a packet that ends inside its IPv4 header";
    let head = bytes.first_chunk::<HEADER>().ok_or(short)?;
    let [first, _, t0, t1, i0, i1, f0, f1, _, protocol, _, _, addresses @ ..] = *head;
    let length = usize::from(first & 0x0f) * 4;
    if length < HEADER {
        return Err("an IPv4 header length below 20");
    }
    let rest = bytes.get(length..).ok_or(short)?;
    let [a, b, c, d, e, f, g, h] = addresses;
    // 0: the network card was to cut it up (segmentation offload).
    let total = match usize::from(u16::from_be_bytes([t0, t1])) {
        0 => bytes.len(),
        total => total,
    };
    let payload = total.checked_sub(length).ok_or("an IPv4 length below that of its header")?;
    let flags = u16::from_be_bytes([f0, f1]);
    let (offset, more) = (usize::from(flags & 0x1fff) * 8, flags & 0x2000 != 0);
    let id = u32::from(u16::from_be_bytes([i0, i1]));
    Ok(Packet {
        source: IpAddr::V4(Ipv4Addr::new(a, b, c, d)),
        destination: IpAddr::V4(Ipv4Addr::new(e, f, g, h)),
        protocol,
        // Behind it may stand padding of the frame.
        payload: rest.get(..payload.min(rest.len())).unwrap_or_default(),
        whole: payload <= rest.len(),
        fragment: (more || offset > 0).then_some(Piece { id, offset, more }),
    })
}
