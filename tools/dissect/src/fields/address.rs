//! Addresses (2.4).

use super::names::{self as n, Field};
use crate::tree::Walk;

/// The fields of an address at one place.
pub(super) struct AddressFields {
    family: &'static Field,
    ipv4: &'static Field,
    ipv6: &'static Field,
    port: &'static Field,
}

pub(super) const REPORTED: AddressFields = AddressFields {
    family: n::REPORTED_FAMILY,
    ipv4: n::REPORTED_IPV4,
    ipv6: n::REPORTED_IPV6,
    port: n::REPORTED_PORT,
};
pub(super) const OBSERVED: AddressFields = AddressFields {
    family: n::OBSERVED_FAMILY,
    ipv4: n::OBSERVED_IPV4,
    ipv6: n::OBSERVED_IPV6,
    port: n::OBSERVED_PORT,
};
pub(super) const SERVER: AddressFields = AddressFields {
    family: n::SERVER_FAMILY,
    ipv4: n::SERVER_IPV4,
    ipv6: n::SERVER_IPV6,
    port: n::SERVER_PORT,
};
pub(super) const ENTRY: AddressFields =
    AddressFields { family: n::ENTRY_FAMILY, ipv4: n::ENTRY_IPV4, ipv6: n::ENTRY_IPV6, port: n::ENTRY_PORT };

/// One address, and how it reads.
pub(super) fn walk(walk: &mut Walk<'_, '_>, fields: &AddressFields) -> Option<String> {
    // A family that is neither has no length.
    let length = match walk.peek(1)?.first()? {
        4 => 4,
        6 => 16,
        _ => return None,
    };
    let bytes = walk.peek(1 + length + 2)?;
    walk.uint(fields.family)?;
    if length == 4 { walk.ipv4(fields.ipv4) } else { walk.ipv6(fields.ipv6) }?;
    walk.uint(fields.port)?;
    hms::wire::parse_address(bytes).map(|(_, address)| address.to_string())
}

/// Addresses up to the end of the walk.
pub(super) fn walk_all(part: &mut Walk<'_, '_>, fields: &AddressFields) -> Option<String> {
    let mut said = Vec::new();
    while part.left() > 0 {
        said.push(walk(part, fields)?);
    }
    Some(said.join(", "))
}
