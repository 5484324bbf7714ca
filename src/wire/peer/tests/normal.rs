//! What holds of any bytes whatever.

use std::ops::Range;

use super::samples::*;
use crate::wire::peer::tlvs::peer_code;
use crate::wire::peer::*;
use crate::wire::tlv::{first_tlv, put_bytes};

/// Length of a type's fixed part, its reserved bytes, and the flags that it has in byte 1.
fn layout(bytes: &[u8]) -> (usize, Range<usize>, u8) {
    match PeerKind::from_code(bytes[0]) {
        PeerKind::Intro => (68, 4..8, 0xff),
        PeerKind::Ping => (24, 2..4, 0xff),
        PeerKind::Refuse if bytes[1] == 4 => (32, 3..4, 0xff),
        PeerKind::Refuse => (32, 2..32, 0xff),
        PeerKind::Join => (16, 1..8, 0),
        PeerKind::Seat => (40, 1..8, 0),
        PeerKind::Admit => (72, 1..8, 0),
        PeerKind::Facts => (16, 2..8, 1),
        PeerKind::Stored => (16, 2..8, 0xff),
        PeerKind::Resume | PeerKind::Confirm | PeerKind::Done => (16, 1..8, 0),
        PeerKind::Compare => (16, 1..4, 0),
        PeerKind::Fetch => (544, 1..4, 0),
        PeerKind::Stop | PeerKind::StopAck => (8, 1..8, 0),
        PeerKind::Begin => (16, 2..8, 1),
        PeerKind::Delta => (16, 2..8, 3),
        PeerKind::Buckets => (32_784, 1..4, 0),
        PeerKind::Page => (32, 2..4, 1),
        PeerKind::Unknown(code) => panic!("type {code}"),
    }
}

/// The fixed part of a type, in bytes.
pub(super) fn fixed_part(bytes: &[u8]) -> usize {
    layout(bytes).0
}

/// The same message as it is written: reserved bytes and unknown flags are 0. Lists stay as they stand, but REASON is
/// written without bit 7, and what is unknown behind a message without a list is not written again.
pub(super) fn settled(bytes: &[u8]) -> Vec<u8> {
    let (length, reserved, flags) = layout(bytes);
    let (mut settled, tlvs) = (bytes[..length].to_vec(), &bytes[length..]);
    settled[1] &= flags;
    settled[reserved].fill(0);
    match PeerKind::from_code(bytes[0]) {
        PeerKind::Intro | PeerKind::Ping | PeerKind::Facts | PeerKind::Delta | PeerKind::Page => {
            settled.extend_from_slice(tlvs);
        }
        PeerKind::Refuse => append_reasons(tlvs, &mut settled),
        _ => {}
    }
    settled
}

fn append_reasons(mut tlvs: &[u8], into: &mut Vec<u8>) {
    while let Ok((behind, tlv)) = first_tlv(tlvs, 0) {
        tlvs = behind;
        if tlv.code == peer_code::REASON {
            put_bytes(into, peer_code::REASON, tlv.value);
        }
    }
}

/// Reads these bytes on every stream. What is read can be walked without panic, and is written again as it came, but
/// for what [`settled`] says; that reads as the same. Returns whether it was a message.
pub(super) fn holds(bytes: &[u8]) -> bool {
    let mut taken = 0;
    for stream in [Stream::Control, Stream::Deltas, Stream::Bulk] {
        match PeerMessage::parse(stream, bytes) {
            Err(error) => assert!(error.at <= bytes.len() && !error.to_string().is_empty(), "{error:?}"),
            Ok(message) => {
                taken += 1;
                walk(&message);
                let written = emitted(&message);
                assert_eq!(written, settled(bytes), "{:?}", message.kind());
                assert_eq!(PeerMessage::parse(stream, &written).as_ref(), Ok(&message));
            }
        }
    }
    assert!(taken <= 1, "on two streams");
    taken == 1
}

/// Looks at all that a message holds.
fn walk(message: &PeerMessage<'_>) {
    let items = match message {
        PeerMessage::Intro(m) => {
            assert!(m.addresses().count() <= 16 && m.left_lines().count() <= 64 && !m.name.is_empty());
            return;
        }
        PeerMessage::Ping(m) => return assert!(m.neighbours().count() <= 15),
        PeerMessage::Facts(m) => {
            let mut hashed = Vec::new();
            return m.facts().for_each(|fact| fact.emit_hashed(&mut hashed));
        }
        PeerMessage::Buckets(m) => return assert_eq!(m.digests().count(), 4096),
        PeerMessage::Delta(m) => m.items(),
        PeerMessage::Page(m) => m.items(),
        _ => return,
    };
    for item in items {
        let Item::Row(_, row) = item else { continue };
        if let Ok(said) = row.said() {
            let mut again = Vec::new();
            row.head.emit(said.content.as_bytes(), &said.view, said.push, &mut again);
            assert_eq!(again, row.as_bytes(), "a row has one form");
        }
    }
}
