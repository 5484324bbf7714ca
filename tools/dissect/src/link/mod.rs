//! From a captured frame to the IP packet in it.

use crate::tree::hex;

/// `LINKTYPE_` numbers, <https://www.tcpdump.org/linktypes.html>.
mod linktype {
    pub(super) const NULL: i32 = 0;
    pub(super) const ETHERNET: i32 = 1;
    pub(super) const RAW: [i32; 3] = [12, 14, 101];
    pub(super) const LOOP: i32 = 108;
    pub(super) const LINUX_SLL: i32 = 113;
    pub(super) const IPV4: i32 = 228;
    pub(super) const IPV6: i32 = 229;
    pub(super) const LINUX_SLL2: i32 = 276;
}

mod ethertype {
    pub(super) const IPV4: u16 = 0x0800;
    pub(super) const IPV6: u16 = 0x86dd;
    /// 802.1Q, 802.1ad, and what stood for the latter before it was a standard.
    pub(super) const VLANS: [u16; 3] = [0x8100, 0x88a8, 0x9100];
}

/// More VLAN tags than any network stacks.
const VLANS_MAX: usize = 8;

/// One layer of encapsulation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Layer {
    Ethernet,
    /// A VLAN id.
    Vlan(u16),
    /// Linux cooked capture, version 1 or 2.
    Cooked(u8),
    Null,
    RawIp,
    Ipv4,
    Ipv6,
    /// IP fragments from these frames were put together.
    Fragments(Vec<u64>),
    Udp,
}

impl Layer {
    pub(crate) fn text(&self) -> String {
        match self {
            Self::Ethernet => "eth".into(),
            Self::Vlan(id) => format!("vlan {id}"),
            Self::Cooked(1) => "sll".into(),
            Self::Cooked(version) => format!("sll{version}"),
            Self::Null => "null".into(),
            Self::RawIp => "raw".into(),
            Self::Ipv4 => "ip".into(),
            Self::Ipv6 => "ipv6".into(),
            Self::Fragments(frames) => {
                let frames: Vec<_> = frames.iter().map(u64::to_string).collect();
                format!("fragments of frames {}", frames.join(", "))
            }
            Self::Udp => "udp".into(),
        }
    }
}

/// What a frame carries.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Carried<'a> {
    /// An IP packet, of whatever version.
    Ip(&'a [u8]),
    /// Something that is not IP.
    Other,
    /// A frame that ends before it says what it carries.
    Short,
    /// A kind of capture that is not read here.
    UnknownLink(i32),
}

/// Takes the layers below IP off a frame.
pub(crate) fn strip<'a>(link: i32, bytes: &'a [u8], layers: &mut Vec<Layer>) -> Carried<'a> {
    match link {
        linktype::ETHERNET => {
            layers.push(Layer::Ethernet);
            ethernet(bytes.get(12..), layers)
        }
        linktype::LINUX_SLL => {
            layers.push(Layer::Cooked(1));
            ethernet(bytes.get(14..), layers)
        }
        linktype::LINUX_SLL2 => {
            layers.push(Layer::Cooked(2));
            match (bytes.first_chunk::<2>(), bytes.get(20..)) {
                (Some(protocol), Some(rest)) => by_type(u16::from_be_bytes(*protocol), rest, layers),
                _ => Carried::Short,
            }
        }
        linktype::NULL | linktype::LOOP => {
            layers.push(Layer::Null);
            null(bytes)
        }
        linktype::IPV4 | linktype::IPV6 => {
            layers.push(Layer::RawIp);
            Carried::Ip(bytes)
        }
        raw if linktype::RAW.contains(&raw) => {
            layers.push(Layer::RawIp);
            Carried::Ip(bytes)
        }
        other => Carried::UnknownLink(other),
    }
}

/// From the type of the frame on.
fn ethernet<'a>(rest: Option<&'a [u8]>, layers: &mut Vec<Layer>) -> Carried<'a> {
    match rest.and_then(|rest| rest.split_first_chunk::<2>()) {
        Some((kind, rest)) => by_type(u16::from_be_bytes(*kind), rest, layers),
        None => Carried::Short,
    }
}

fn by_type<'a>(mut kind: u16, mut rest: &'a [u8], layers: &mut Vec<Layer>) -> Carried<'a> {
    for _ in 0..=VLANS_MAX {
        if kind == ethertype::IPV4 || kind == ethertype::IPV6 {
            return Carried::Ip(rest);
        }
        if !ethertype::VLANS.contains(&kind) {
            return Carried::Other;
        }
        let Some((&[high, low, a, b], behind)) = rest.split_first_chunk::<4>() else { return Carried::Short };
        layers.push(Layer::Vlan(u16::from_be_bytes([high, low]) & 0x0fff));
        (kind, rest) = (u16::from_be_bytes([a, b]), behind);
    }
    Carried::Other
}

/// A protocol family in the byte order of whoever captured; those of IPv6 differ between systems.
fn null(bytes: &[u8]) -> Carried<'_> {
    match bytes.split_first_chunk::<4>() {
        Some((&([2, 0, 0, 0] | [0, 0, 0, 2]), rest)) => Carried::Ip(rest),
        Some((&([24 | 28 | 30, 0, 0, 0] | [0, 0, 0, 24 | 28 | 30]), rest)) => Carried::Ip(rest),
        Some(_) => Carried::Other,
        None => Carried::Short,
    }
}

/// For people: which link types are read.
pub(crate) fn unknown_link(link: i32, bytes: &[u8]) -> String {
    let head = hex(bytes.get(..bytes.len().min(8)).unwrap_or_default());
    format!(
        "link type {link} (it begins {head}) is not read here; capture on an Ethernet interface or `any`, \
         or convert with `editcap -T ether`"
    )
}
