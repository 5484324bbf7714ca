//! The IP and UDP headers of a datagram, built anew from its addresses: a socket does not hand them out.

use std::net::{IpAddr, SocketAddr};

const UDP: u8 = 17;
const UDP_LEN: usize = 8;
const V4_LEN: usize = 20;
const V6_LEN: usize = 40;
/// Nobody tells the hop limit of what was received.
const HOPS: u8 = 64;
const DONT_FRAGMENT: u8 = 0x40;

/// The headers before a payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Headers {
    bytes: [u8; V6_LEN + UDP_LEN],
    len: usize,
}

impl Headers {
    /// Headers with correct lengths and checksums. `None` if there is no such datagram: the two addresses are of one
    /// family, and IP has a largest length.
    pub fn new(from: SocketAddr, to: SocketAddr, payload: &[u8]) -> Option<Self> {
        let udp_len = u16::try_from(UDP_LEN + payload.len()).ok()?;
        let mut headers = Self { bytes: [0; V6_LEN + UDP_LEN], len: 0 };
        let mut sum = Sum::default();
        match (from.ip(), to.ip()) {
            (IpAddr::V4(source), IpAddr::V4(target)) => {
                let all = u16::try_from(V4_LEN).ok()?.checked_add(udp_len)?;
                let mut ip = [0; V4_LEN];
                ip[0] = 0x45;
                ip[2..4].copy_from_slice(&all.to_be_bytes());
                (ip[6], ip[8], ip[9]) = (DONT_FRAGMENT, HOPS, UDP);
                ip[12..16].copy_from_slice(&source.octets());
                ip[16..20].copy_from_slice(&target.octets());
                let mut own = Sum::default();
                own.add(&ip);
                ip[10..12].copy_from_slice(&own.folded().to_be_bytes());
                sum.add(&ip[12..20]);
                headers.push(&ip);
            }
            (IpAddr::V6(source), IpAddr::V6(target)) => {
                let mut ip = [0; V6_LEN];
                ip[0] = 0x60;
                ip[4..6].copy_from_slice(&udp_len.to_be_bytes());
                (ip[6], ip[7]) = (UDP, HOPS);
                ip[8..24].copy_from_slice(&source.octets());
                ip[24..40].copy_from_slice(&target.octets());
                sum.add(&ip[8..40]);
                headers.push(&ip);
            }
            _ => return None,
        }
        let mut udp = [0; UDP_LEN];
        udp[0..2].copy_from_slice(&from.port().to_be_bytes());
        udp[2..4].copy_from_slice(&to.port().to_be_bytes());
        udp[4..6].copy_from_slice(&udp_len.to_be_bytes());
        sum.add(&[0, UDP]);
        sum.add(&udp_len.to_be_bytes());
        sum.add(&udp);
        sum.add(payload);
        // No checksum is said by 0, so 0 is said by its other form.
        let checksum = Some(sum.folded()).filter(|sum| *sum != 0).unwrap_or(u16::MAX);
        udp[6..8].copy_from_slice(&checksum.to_be_bytes());
        headers.push(&udp);
        Some(headers)
    }

    fn push(&mut self, part: &[u8]) {
        for (place, byte) in self.bytes.iter_mut().skip(self.len).zip(part) {
            *place = *byte;
        }
        self.len += part.len();
    }

    /// IP header, then UDP header.
    pub fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }
}

/// The checksum of IP and UDP (RFC 1071).
#[derive(Default)]
struct Sum(u64);

impl Sum {
    /// Adds 16-bit words; only the last part may have an odd length.
    fn add(&mut self, bytes: &[u8]) {
        for pair in bytes.chunks(2) {
            let word = match *pair {
                [high, low] => [high, low],
                [high] => [high, 0],
                _ => [0, 0],
            };
            self.0 += u64::from(u16::from_be_bytes(word));
        }
    }

    fn folded(&self) -> u16 {
        let mut sum = self.0;
        while sum > 0xffff {
            sum = (sum & 0xffff) + (sum >> 16);
        }
        !u16::try_from(sum).unwrap_or(u16::MAX)
    }
}
