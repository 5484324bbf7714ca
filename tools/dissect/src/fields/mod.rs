//! From the bytes of a datagram to its fields, one file for each part of the specification.
//!
//! Whether a datagram is well formed is decided by the library's parsers; what is here shows bytes, also those of a
//! datagram that is not. So the two are compared in the tests, vector by vector.

mod address;
mod answers;
mod content;
mod directory;
mod frames;
mod header;
mod link;
pub(crate) mod names;
mod peer;
mod requests;
mod tlv;

use crate::links::Opened;
use crate::opened;
use crate::tree::{Tree, Walk};

/// Bytes of a tag or checksum.
const TAG: usize = 16;

/// The fields of a datagram; `whole` if the capture has all of its bytes.
pub(crate) fn walk(bytes: &[u8], whole: bool) -> Tree {
    let mut tree = Tree::default();
    let mut walk = Walk::new(bytes, &mut tree);
    let tag = if whole { TAG } else { 0 };
    match bytes.get(1).copied() {
        Some(code) if matches!(code, 0x20..=0x24) || opened::is(bytes) => link::walk(&mut walk, code, tag),
        _ => header::walk(&mut walk, tag),
    };
    // What no walk took: it ended early.
    walk.undecoded();
    tree
}

/// The fields of a DATA that was opened, and of the messages that are whole with it.
pub(crate) fn walk_opened(packet: &Opened) -> Tree {
    let mut tree = Tree::default();
    let mut walk = Walk::new(&packet.bytes, &mut tree);
    let _ = walk.uints(&[names::VERSION, names::TYPE]);
    let _ = link::packet(&mut walk, names::TAG);
    walk.undecoded();
    for (index, message) in packet.messages.iter().enumerate() {
        let before = tree.nodes.len();
        let mut walk = Walk::new(&message.bytes, &mut tree);
        walk.sub(names::MESSAGE, message.bytes.len(), peer::message);
        tree.nodes.iter_mut().skip(before).for_each(|node| node.message = Some(index));
    }
    tree
}
