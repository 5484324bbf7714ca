//! The frames of an opened packet (9.4).

use super::names::{self as n};
use crate::tree::Walk;

/// Frames up to the end of the walk.
pub(super) fn walk(walk: &mut Walk<'_, '_>) -> Option<()> {
    while let Some(&[code]) = walk.peek(1).and_then(|head| head.first_chunk()) {
        let name = n::FRAME_TYPE.meaning(u64::from(code));
        let length = length(walk, code).unwrap_or_else(|| walk.left());
        walk.sub(n::FRAME, length, |walk| {
            one(walk, code);
            Some(name.map_or_else(|| format!("type 0x{code:02x}"), str::to_owned))
        });
    }
    Some(())
}

/// Of the frame that is next, as far as it says.
fn length(walk: &Walk<'_, '_>, code: u8) -> Option<usize> {
    let byte = |at: usize| walk.peek(at + 1)?.get(at).copied().map(usize::from);
    let two = |at: usize| Some(byte(at)? << 8 | byte(at + 1)?);
    match code {
        0x00 => {
            let mut length = 1;
            while byte(length) == Some(0) {
                length += 1;
            }
            Some(length)
        }
        0x01 => Some(1),
        0x02 => Some(16 + 8 * byte(11)?),
        0x03 => Some(10 + two(8)?),
        0x04 => Some(8),
        0x05 => Some(4 + byte(3)?),
        0x80.. => Some(3 + two(1)?),
        _ => None,
    }
}

fn one(walk: &mut Walk<'_, '_>, code: u8) -> Option<()> {
    if code == 0 {
        walk.bytes_left(n::FRAME_PADDING);
        return Some(());
    }
    walk.uint(n::FRAME_TYPE)?;
    match code {
        0x02 => {
            walk.uint_of(n::FRAME_ACK_LARGEST, 6)?;
            walk.uints(&[n::FRAME_ACK_DELAY, n::FRAME_ACK_MORE, n::FRAME_ACK_FIRST])?;
            while walk.left() > 0 {
                walk.uints(&[n::FRAME_ACK_GAP, n::FRAME_ACK_LENGTH])?;
            }
        }
        0x03 => {
            walk.uint(n::FRAME_STREAM)?;
            walk.uint_of(n::FRAME_OFFSET, 6)?;
            let length = walk.uint(n::FRAME_LENGTH)?;
            walk.bytes(n::FRAME_BYTES, usize::try_from(length).ok()?)?;
        }
        0x04 => {
            walk.uint(n::FRAME_STREAM)?;
            walk.uint_of(n::FRAME_LIMIT, 6)?;
        }
        0x05 => {
            walk.uint(n::FRAME_CLOSE_CODE)?;
            let length = walk.uint_of(n::FRAME_LENGTH, 1)?;
            walk.text(n::FRAME_CLOSE_REASON, usize::try_from(length).ok()?)?;
        }
        0x80.. => {
            let length = walk.uint(n::FRAME_LENGTH)?;
            walk.bytes(n::FRAME_BYTES, usize::try_from(length).ok()?)?;
        }
        _ => {}
    }
    Some(())
}
