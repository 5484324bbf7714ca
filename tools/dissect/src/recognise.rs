//! Which UDP datagrams are ours. The Wireshark dissector uses the same rule, which README.md states.

use hms::limits::{DATAGRAM_MAX, DATAGRAM_MIN};
use hms::wire::{Kind, flag};

use crate::opened;

/// What a UDP datagram is taken for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protocol {
    Hms,
    /// It came to or from a port of ours and is none of ours.
    Foreign,
    /// Nothing that we look at.
    Other,
}

/// Versions that a later HMS may have: on our port they are shown as far as the header goes.
const VERSIONS: std::ops::RangeInclusive<u8> = 1..=15;

/// `on_port`: source or destination is a port of HMS; `length`: on the wire.
pub(crate) fn protocol(bytes: &[u8], length: usize, on_port: bool) -> Protocol {
    match (on_port, bytes.first()) {
        (true, Some(version)) if VERSIONS.contains(version) => Protocol::Hms,
        (true, _) => Protocol::Foreign,
        (false, _) if looks_like_hms(bytes, length) => Protocol::Hms,
        (false, _) => Protocol::Other,
    }
}

/// What stands in STUN in place of the realm id: answers of STUN begin like INIT and HEARTBEAT.
const STUN: [u8; 4] = 0x2112_a442_u32.to_be_bytes();

/// On other ports the head has to be without a fault.
fn looks_like_hms(bytes: &[u8], length: usize) -> bool {
    let &[1, code, flags, ..] = bytes else { return false };
    if bytes.get(4..8) == Some(&STUN) {
        return false;
    }
    if opened::is(bytes) {
        return true;
    }
    (DATAGRAM_MIN..=DATAGRAM_MAX).contains(&length) && flags_fit(code, flags)
}

fn flags_fit(code: u8, flags: u8) -> bool {
    let known = match Kind::from_code(code) {
        Kind::Heartbeat => flag::COOKIE | flag::WANT | flag::CONTENT,
        Kind::Register => flag::TAKEOVER,
        Kind::Ack => flag::WANT_CONTENT | flag::RESYNC | flag::EQUAL,
        Kind::Page => flag::PUSH,
        Kind::Offer => flag::PRIMARY,
        Kind::Hint | Kind::Announce => return flags == flag::UNAUTHENTICATED,
        // DATA has its packet number there, which of a young link begins with 0.
        Kind::Unknown(0x20..=0x24) => 0,
        Kind::Unknown(_) => return false,
        _ => 0,
    };
    flags & !known == 0
}
