//! From the bytes of a datagram to its fields, one file for each part of the specification.
//!
//! Whether a datagram is well formed is decided by the library's parsers; what is here shows bytes, also those of a
//! datagram that is not. So the two are compared in the tests, vector by vector.

mod address;
mod answers;
mod content;
mod directory;
mod header;
mod link;
pub(crate) mod names;
mod requests;
mod tlv;

use crate::tree::{Tree, Walk};

/// Bytes of a tag or checksum.
const TAG: usize = 16;

/// The fields of a datagram; `whole` if the capture has all of its bytes.
pub(crate) fn walk(bytes: &[u8], whole: bool) -> Tree {
    let mut tree = Tree::default();
    let mut walk = Walk::new(bytes, &mut tree);
    let tag = if whole { TAG } else { 0 };
    match bytes.get(1) {
        Some(code @ 0x20..=0x24) => link::walk(&mut walk, *code, tag),
        _ => header::walk(&mut walk, tag),
    };
    // What no walk took: it ended early.
    walk.undecoded();
    tree
}
