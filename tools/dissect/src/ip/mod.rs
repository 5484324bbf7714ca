//! From an IP packet to the UDP datagram in it.

mod fragments;
mod v4;
mod v6;

use std::borrow::Cow;
use std::net::IpAddr;
use std::net::SocketAddr;

pub(crate) use fragments::{Fragments, Incomplete};

use crate::link::Layer;

const UDP: u8 = 17;
const UDP_HEADER: usize = 8;

/// One packet, or one fragment of one.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Packet<'a> {
    source: IpAddr,
    destination: IpAddr,
    protocol: u8,
    /// What it carries, as far as it was captured.
    payload: &'a [u8],
    /// The capture has all of it.
    whole: bool,
    fragment: Option<Piece>,
}

/// Which part of a packet a fragment is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Piece {
    id: u32,
    offset: usize,
    more: bool,
}

/// A UDP datagram.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Udp<'a> {
    pub(crate) source: SocketAddr,
    pub(crate) destination: SocketAddr,
    pub(crate) payload: Cow<'a, [u8]>,
    /// How long the payload was on the wire.
    pub(crate) length: usize,
}

/// What an IP packet gave.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Read<'a> {
    Udp(Udp<'a>),
    /// A part of a packet, the rest of which is awaited.
    Fragment,
    /// Another protocol.
    Other,
    /// A packet that is not as it should be.
    Wrong(&'static str),
}

/// Reads a packet; layers are added as they are found.
pub(crate) fn read<'a>(
    bytes: &'a [u8],
    frame: u64,
    fragments: &mut Fragments,
    layers: &mut Vec<Layer>,
) -> Read<'a> {
    let packet = match bytes.first().map(|byte| byte >> 4) {
        Some(4) => v4::parse(bytes),
        Some(6) => v6::parse(bytes),
        Some(_) => return Read::Wrong("an IP version that is neither 4 nor 6"),
        None => return Read::Wrong("an empty IP packet"),
    };
    let packet = match packet {
        Ok(packet) => packet,
        Err(what) => return Read::Wrong(what),
    };
    layers.push(if packet.source.is_ipv4() { Layer::Ipv4 } else { Layer::Ipv6 });
    if packet.protocol != UDP {
        return Read::Other;
    }
    let (bytes, whole) = match packet.fragment {
        None => (Cow::Borrowed(packet.payload), packet.whole),
        Some(_) => match fragments.add(&packet, frame) {
            Some((payload, frames)) => {
                layers.push(Layer::Fragments(frames));
                (Cow::Owned(payload), true)
            }
            None => return Read::Fragment,
        },
    };
    udp(&packet, bytes, whole, layers)
}

fn udp<'a>(packet: &Packet<'_>, bytes: Cow<'a, [u8]>, whole: bool, layers: &mut Vec<Layer>) -> Read<'a> {
    let Some((head, rest)) = bytes.split_first_chunk::<UDP_HEADER>() else {
        return Read::Wrong("a packet that ends inside its UDP header");
    };
    let [s0, s1, d0, d1, l0, l1, ..] = *head;
    let length = usize::from(u16::from_be_bytes([l0, l1]));
    // 0 is a jumbogram, or an offload that had not filled it in yet: all that follows.
    let length = if length == 0 {
        rest.len()
    } else {
        match length.checked_sub(UDP_HEADER) {
            Some(length) => length,
            None => return Read::Wrong("a UDP length below that of its header"),
        }
    };
    if whole && length > rest.len() {
        return Read::Wrong("a UDP length beyond the end of the packet");
    }
    let end = UDP_HEADER + length.min(rest.len());
    let payload = match bytes {
        Cow::Borrowed(bytes) => Cow::Borrowed(bytes.get(UDP_HEADER..end).unwrap_or_default()),
        Cow::Owned(mut bytes) => {
            bytes.truncate(end);
            bytes.drain(..UDP_HEADER);
            Cow::Owned(bytes)
        }
    };
    layers.push(Layer::Udp);
    Read::Udp(Udp {
        source: SocketAddr::new(packet.source, u16::from_be_bytes([s0, s1])),
        destination: SocketAddr::new(packet.destination, u16::from_be_bytes([d0, d1])),
        payload,
        length,
    })
}
