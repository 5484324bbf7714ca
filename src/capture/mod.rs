//! What is needed to show datagrams on the wire (spec chapter 11): pcapng, the IP and UDP headers that a socket hides,
//! and the comment that says what an HMS made of a datagram. Bytes and text only: no file, no socket.

mod note;
mod packet;
mod pcapng;

pub use note::{Note, NoteError, Verdict};
pub use packet::Headers;
pub use pcapng::{
    Block, BlockError, BlockKind, Blocks, Direction, Flags, LINKTYPE_RAW, Packet, Statistics, interface,
    packet, section, statistics,
};

#[cfg(test)]
mod tests;
