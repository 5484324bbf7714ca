//! The last 16 bytes of a datagram: a tag under a key, or a mere checksum.

use subtle::ConstantTimeEq as _;

use super::hash;
use super::keys::DatagramKey;
use crate::limits::TAG_LEN;
use crate::wire::{Unverified, Verified};

fn checksum(covered: &[u8]) -> [u8; TAG_LEN] {
    hash::first(&hash::sha256(&[covered]))
}

/// Appends the tag; `buf` holds the datagram from its first byte.
pub fn seal(key: &impl DatagramKey, buf: &mut Vec<u8>) {
    let tag = key.tag(buf);
    buf.extend_from_slice(&tag);
}

/// Makes the datagram readable if its tag holds; the comparison takes the same time either way (R-AUT-01).
pub fn open<'a>(key: &impl DatagramKey, datagram: Unverified<'a>) -> Option<Verified<'a>> {
    let given = u128::from_be_bytes(*datagram.tag().first_chunk()?);
    // As one number: byte by byte it takes ten times as many instructions.
    let holds = u128::from_be_bytes(key.tag(datagram.signed())).ct_eq(&given);
    bool::from(holds).then(|| datagram.into_verified())
}

/// Appends the checksum of HINT and ANNOUNCE (spec 2.7): it shows damage and proves nothing.
pub fn seal_checksum(buf: &mut Vec<u8>) {
    let sum = checksum(buf);
    buf.extend_from_slice(&sum);
}

/// Whether the checksum of a HINT or ANNOUNCE fits.
pub fn checksum_holds(datagram: &Unverified<'_>) -> bool {
    checksum(datagram.signed()) == datagram.tag()
}
