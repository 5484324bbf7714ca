//! TLVs (2.3). One that stands where it is not listed is shown all the same.

use super::names as n;
use super::{content, directory};
use crate::tree::Walk;

/// Type and length.
const HEAD: usize = 3;
/// The critical bit.
const CRITICAL: u8 = 0x80;

/// TLVs up to the end of the walk.
pub(super) fn walk_all(walk: &mut Walk<'_, '_>) -> Option<()> {
    walk_some(walk, false)
}

/// The TLVs inside of an ENTRY.
pub(super) fn walk_inner(walk: &mut Walk<'_, '_>) -> Option<()> {
    walk_some(walk, true)
}

fn walk_some(walk: &mut Walk<'_, '_>, inner: bool) -> Option<()> {
    while walk.left() > 0 {
        let head = walk.peek(HEAD)?;
        let [code, high, low] = *head.first_chunk()?;
        let length = usize::from(u16::from_be_bytes([high, low]));
        let name = n::TLV_TYPE.meaning(u64::from(code & !CRITICAL)).unwrap_or("unknown");
        walk.sub(n::TLV, HEAD + length, |walk| {
            walk.masked(n::TLV_CRITICAL)?;
            let code = walk.masked(n::TLV_TYPE)?;
            walk.skip(1)?;
            walk.uint(n::TLV_LENGTH)?;
            let said = value(walk, code, inner);
            Some(if said.is_empty() { name.to_owned() } else { format!("{name}: {said}") })
        });
    }
    Some(())
}

fn value(walk: &mut Walk<'_, '_>, code: u8, inner: bool) -> String {
    let known = match code {
        0x01..=0x08 => content::walk(walk, code),
        0x10 => content::view(walk),
        0x31 if inner => {
            walk.bytes_left(n::TLV_UNKNOWN);
            None
        }
        0x20..=0x37 | 0x7f => directory::walk(walk, code),
        _ => {
            walk.bytes_left(n::TLV_UNKNOWN);
            None
        }
    };
    known.unwrap_or_default()
}
