//! Between HMSs (9.1, 9.4). Frames stand encrypted behind the header of DATA, unless it was opened.

use super::names::{self as n, Field};
use super::{TAG, frames, peer};
use crate::opened;
use crate::tree::Walk;

pub(super) fn walk(walk: &mut Walk<'_, '_>, code: u8, tag: usize) -> Option<()> {
    let version = walk.uint(n::VERSION)?;
    walk.uint(n::TYPE)?;
    if version != 1 {
        return None;
    }
    match code {
        0x23 => return data(walk, tag),
        opened::PACKET => return packet(walk, n::OPENED_MARK),
        opened::MESSAGE => return message(walk),
        0x24 => reset(walk)?,
        _ => {
            walk.uints(&[n::FLAGS, n::EPOCH, n::REALM, n::KEY_ID, n::SESSION, n::ATTEMPT])?;
            match code {
                0x20 => hello(walk, tag)?,
                0x21 => cookie(walk)?,
                _ => welcome(walk, tag)?,
            }
        }
    }
    if walk.left() > tag {
        walk.until_last(tag).undecoded();
    }
    walk.bytes(n::TAG, tag).map(|_| ())
}

fn hello(walk: &mut Walk<'_, '_>, tag: usize) -> Option<()> {
    walk.uints(&[n::HELLO_MIN_VERSION, n::HELLO_MAX_VERSION])?;
    walk.bytes(n::RESERVED, 2)?;
    party(walk, [n::HELLO_INCARNATION, n::HELLO_SERVER, n::HELLO_SESSION], n::HELLO_NONCE)?;
    walk.uint(n::HELLO_TARGET)?;
    walk.bytes(n::HELLO_COOKIE, 16)?;
    walk.until_last(tag).bytes_left(n::ZEROS);
    Some(())
}

fn cookie(walk: &mut Walk<'_, '_>) -> Option<()> {
    walk.uint(n::COOKIE_INCARNATION)?;
    walk.bytes(n::RESERVED, 4)?;
    walk.uint(n::COOKIE_SERVER)?;
    walk.bytes(n::COOKIE_COOKIE, 16).map(|_| ())
}

fn welcome(walk: &mut Walk<'_, '_>, tag: usize) -> Option<()> {
    walk.uint(n::WELCOME_VERSION)?;
    walk.bytes(n::RESERVED, 3)?;
    party(walk, [n::WELCOME_INCARNATION, n::WELCOME_SERVER, n::WELCOME_SESSION], n::WELCOME_NONCE)?;
    walk.until_last(tag).bytes_left(n::ZEROS);
    Some(())
}

fn party(walk: &mut Walk<'_, '_>, numbers: [&'static Field; 3], nonce: &'static Field) -> Option<()> {
    walk.uints(&numbers)?;
    walk.bytes(nonce, 32).map(|_| ())
}

fn reset(walk: &mut Walk<'_, '_>) -> Option<()> {
    walk.bytes(n::RESERVED, 2)?;
    walk.uints(&[n::RESET_INCARNATION, n::SESSION, n::RESET_SERVER])?;
    walk.bytes(n::RESERVED, 2)?;
    walk.uint_of(n::RESET_NUMBER, 6).map(|_| ())
}

/// The header of DATA; what stands behind it is encrypted.
fn data(walk: &mut Walk<'_, '_>, tag: usize) -> Option<()> {
    walk.uint_of(n::DATA_NUMBER, 6)?;
    walk.uint(n::SESSION)?;
    let tag = if walk.left() < TAG { 0 } else { tag };
    walk.until_last(tag).bytes_left(n::DATA_FRAMES);
    walk.bytes(n::TAG, tag).map(|_| ())
}

/// A packet whose frames can be read; behind them its tag or what stands in its place.
pub(super) fn packet(walk: &mut Walk<'_, '_>, behind: &'static Field) -> Option<()> {
    walk.uint_of(n::DATA_NUMBER, 6)?;
    walk.uint(n::SESSION)?;
    let mut part = walk.until_last(TAG);
    frames::walk(&mut part);
    part.undecoded();
    walk.bytes(behind, TAG).map(|_| ())
}

/// A message of an opened copy.
fn message(walk: &mut Walk<'_, '_>) -> Option<()> {
    walk.uint_of(n::OPENED_OFFSET, 6)?;
    walk.uints(&[n::SESSION, n::OPENED_STREAM])?;
    let length = walk.left().saturating_sub(TAG);
    walk.sub(n::MESSAGE, length, peer::message);
    walk.bytes(n::OPENED_MARK, TAG).map(|_| ())
}
