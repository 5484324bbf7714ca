//! Frames of DATA, as chapter 9 has them: some to be sent, and what is asked of those that come.

use super::super::input::Input;

/// A number of 6 bytes, from somewhere near one of these or anywhere.
fn near(input: &mut Input<'_>, of: &[u64]) -> [u8; 6] {
    let number = match input.below(8) {
        0 => input.number(),
        1 => (1 << 46) - input.number() % 4,
        2 => input.pick(of).saturating_sub(input.number() % 2000),
        _ => input.pick(of).saturating_add(input.number() % 2000),
    };
    number.to_be_bytes()[2..].try_into().expect("6 bytes")
}

/// Writes a frame whose fields are mostly possible; `number`: of packets sent so far.
pub(super) fn frame(input: &mut Input<'_>, number: u64, to: &mut Vec<u8>) {
    const WINDOWS: [u64; 5] = [0, 1000, 256 << 10, 1 << 20, 2 << 20];
    let code = input.pick(&[0, 1, 2, 2, 3, 3, 3, 4, 5, 0x80, 0xff]);
    to.push(code);
    match code {
        2 => {
            to.extend_from_slice(&near(input, &[0, number, 3, 70]));
            to.extend_from_slice(&[0, 0, input.byte(), 0]);
            let more = input.below(34);
            to.push(more as u8);
            for _ in 0..=2 * more {
                to.extend_from_slice(&(input.below(8) as u32).to_be_bytes());
            }
        }
        3 => {
            to.push(input.below(4) as u8);
            to.extend_from_slice(&near(input, &WINDOWS));
            let (len, filler) = (input.u16() % 1200, input.byte());
            to.extend_from_slice(&len.to_be_bytes());
            // Lengths of messages that can be, when it is a small filler.
            to.extend((0..len).map(|at| if at % 4 == 3 { filler } else { filler & 1 }));
        }
        4 => {
            to.push(input.below(4) as u8);
            to.extend_from_slice(&near(input, &WINDOWS));
        }
        5 => {
            let reason = input.chunk();
            let reason = &reason[..reason.len().min(255)];
            to.extend_from_slice(&[0, input.byte(), reason.len() as u8]);
            to.extend_from_slice(reason);
        }
        0x80.. => {
            let content = input.chunk();
            to.extend_from_slice(&(content.len() as u16).to_be_bytes());
            to.extend_from_slice(content);
        }
        _ => {}
    }
}

/// Takes so many bytes off the front.
fn skip<'a>(rest: &mut &'a [u8], count: usize) -> Option<&'a [u8]> {
    let (taken, left) = rest.split_at_checked(count)?;
    *rest = left;
    Some(taken)
}

fn one(rest: &mut &[u8]) -> Option<()> {
    match skip(rest, 1)?[0] {
        0 | 1 => {}
        2 => {
            let head = skip(rest, 15)?;
            assert!(head[10] < 32);
            skip(rest, usize::from(head[10]) * 8)?;
        }
        3 => {
            let head = skip(rest, 9)?;
            assert!(head[0] < 3 && head[1] < 0x40);
            let len = usize::from(u16::from_be_bytes([head[7], head[8]]));
            assert!(len > 0);
            skip(rest, len)?;
        }
        4 => assert!(skip(rest, 7)?[0] < 3),
        5 => {
            let len = skip(rest, 3)?[2];
            let reason = skip(rest, len.into())?;
            assert!(reason.len() <= 200 && std::str::from_utf8(reason).is_ok());
        }
        _ => return None,
    }
    Some(())
}

/// Whether frames stand one behind the other up to the end, all of them known.
pub(super) fn well_formed(mut plain: &[u8]) -> bool {
    while !plain.is_empty() {
        if one(&mut plain).is_none() {
            return false;
        }
    }
    true
}
