//! How many RESETs may go (R-TRN-25): they answer what nobody has proven.

use std::net::{IpAddr, SocketAddr};

use crate::time::Instant;
use crate::transport::limits::{RESETS_PER_SECOND, RESETS_PER_SOURCE};
use crate::transport::route::normal;

const SLOTS: usize = 256;

/// Counts of the running second, in fixed memory.
pub(super) struct Resets {
    /// So that nobody can choose which sources share a slot.
    key: u64,
    second: u64,
    all: u32,
    by_source: [u8; SLOTS],
}

impl Resets {
    pub(super) const fn new(key: u64) -> Self {
        Self { key: key | 1, second: 0, all: 0, by_source: [0; SLOTS] }
    }

    /// Whether one more may go there. A source that has had its share takes nothing from others.
    pub(super) fn allow(&mut self, now: Instant, to: SocketAddr) -> bool {
        let second = now.micros() / 1_000_000;
        if self.second != second {
            (self.second, self.all, self.by_source) = (second, 0, [0; SLOTS]);
        }
        let slot = (prefix(to) ^ self.key.rotate_left(32)).wrapping_mul(self.key) >> 56;
        let Some(count) = usize::try_from(slot).ok().and_then(|slot| self.by_source.get_mut(slot)) else {
            return false;
        };
        if *count >= RESETS_PER_SOURCE || self.all >= RESETS_PER_SECOND {
            return false;
        }
        *count += 1;
        self.all += 1;
        true
    }
}

/// IPv4 /24, IPv6 /48, as in R-SEC-03.
fn prefix(address: SocketAddr) -> u64 {
    match normal(address).ip() {
        IpAddr::V4(ip) => u64::from(ip.to_bits() >> 8),
        IpAddr::V6(ip) => u64::try_from(ip.to_bits() >> 80).unwrap_or(0) | 1 << 63,
    }
}
