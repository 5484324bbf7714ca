//! Messages between HMSs (10.2), in the order of their bytes.

use super::names::{self as n, Field, Type};
use super::tlv;
use crate::tree::Walk;

/// A field and its bytes.
type Step = (&'static Field, usize);

const HOME: [Step; 3] = [(n::RESERVED, 3), (n::PEER_INCARNATION, 4), (n::PEER_SERVER, 8)];
const ORDER: [Step; 6] = [
    (n::PEER_REALM, 4),
    (n::PEER_USER, 8),
    (n::PEER_GENERATION, 8),
    (n::PEER_STAMP, 8),
    (n::PEER_BY, 8),
    (n::PEER_SESSION, 8),
];

/// A whole message, from its type on.
pub(super) fn message(walk: &mut Walk<'_, '_>) -> Option<String> {
    let code = walk.uint(n::PEER_TYPE)?;
    let name = n::PEER_TYPE.meaning(code).unwrap_or("unknown").to_owned();
    let _ = body(walk, code);
    Some(name)
}

fn steps(walk: &mut Walk<'_, '_>, steps: &[Step]) -> Option<()> {
    steps.iter().try_for_each(|(field, length)| match field.kind {
        Type::Bytes => walk.bytes(field, *length).map(|_| ()),
        _ => walk.uint_of(field, *length).map(|_| ()),
    })
}

/// Fixed parts that are more than a field or two.
const INTRO: &[Step] = &[
    (n::PEER_MIN_VERSION, 1),
    (n::PEER_MAX_VERSION, 1),
    (n::PEER_PHASE, 1),
    (n::RESERVED, 4),
    (n::PEER_LINE, 8),
    (n::PEER_AGE, 8),
    (n::PEER_JOINED, 8),
    (n::PEER_FOUNDED, 8),
    (n::PEER_CLOCK, 8),
    (n::PEER_FACTS_DIGEST, 8),
    (n::PEER_CHECK_TIME, 4),
    (n::PEER_EXCHANGE_TIME, 4),
    (n::PEER_EXPIRY, 4),
];
const PING: &[Step] = &[
    (n::PEER_PHASE, 1),
    (n::RESERVED, 2),
    (n::PEER_HEARD, 4),
    (n::PEER_CLOCK, 8),
    (n::PEER_FACTS_DIGEST, 8),
];
const REFUSE: &[Step] = &[
    (n::PEER_CODE, 1),
    (n::PEER_PHASE, 1),
    (n::RESERVED, 1),
    (n::PEER_INCARNATION, 4),
    (n::PEER_LINE, 8),
    (n::PEER_AGE, 8),
    (n::PEER_JOINED, 8),
];
const SEAT: &[Step] =
    &[(n::RESERVED, 7), (n::PEER_LINE, 8), (n::PEER_AGE, 8), (n::PEER_JOINED, 8), (n::PEER_FOUNDED, 8)];
const FETCH: &[Step] =
    &[(n::PEER_FETCH, 4), (n::PEER_AFTER_REALM, 4), (n::PEER_AFTER_USER, 8), (n::PEER_BUCKETS, 512)];
const PAGE: &[Step] = &[
    (n::RESERVED, 2),
    (n::PEER_FETCH, 4),
    (n::PEER_AFTER_REALM, 4),
    (n::PEER_AFTER_USER, 8),
    (n::PEER_UP_TO_REALM, 4),
    (n::PEER_UP_TO_USER, 8),
];

fn body(walk: &mut Walk<'_, '_>, code: u64) -> Option<()> {
    match code {
        0x01 => steps(walk, INTRO)?,
        0x02 => steps(walk, PING)?,
        0x03 => steps(walk, REFUSE)?,
        0x04 => steps(walk, &[(n::RESERVED, 7), (n::PEER_LINE, 8)])?,
        0x05 => steps(walk, SEAT)?,
        0x06 => steps(walk, &[(n::RESERVED, 7), (n::PEER_SECRET, 32), (n::PEER_SEED, 32)])?,
        0x07 => flags(walk, n::PEER_LAST, &[(n::RESERVED, 6), (n::PEER_NUMBER, 8)])?,
        0x08 => steps(walk, &[(n::PEER_RESULT, 1), (n::RESERVED, 6), (n::PEER_NUMBER, 8)])?,
        0x09 | 0x0a | 0x0f => steps(walk, &[(n::RESERVED, 7), (n::PEER_REVISION, 8)])?,
        0x0b => steps(walk, &HOME)?,
        0x0c => {
            steps(walk, &HOME)?;
            steps(walk, FETCH)?;
        }
        0x0d | 0x0e => steps(walk, &[(n::RESERVED, 7)])?,
        0x20 => flags(walk, n::PEER_RESUMED, &[(n::RESERVED, 6), (n::PEER_REVISION, 8)])?,
        0x21 => {
            walk.bits(n::PEER_FLAGS, &[n::PEER_AT_ONCE, n::PEER_ALL])?;
            steps(walk, &[(n::RESERVED, 6), (n::PEER_REVISION, 8)])?;
        }
        0x30 => {
            steps(walk, &HOME)?;
            // The fixed part of BUCKETS ends with its digests.
            walk.bytes(n::PEER_DIGESTS, 4096 * 8)?;
        }
        0x31 => flags(walk, n::PEER_LAST, PAGE)?,
        _ => return None,
    }
    tlvs(walk)
}

fn flags(walk: &mut Walk<'_, '_>, flag: &'static Field, rest: &[Step]) -> Option<()> {
    walk.bits(n::PEER_FLAGS, &[flag])?;
    steps(walk, rest)
}

fn tlvs(walk: &mut Walk<'_, '_>) -> Option<()> {
    while walk.left() > 0 {
        let &[code, high, low] = walk.peek(3)?.first_chunk()?;
        let length = usize::from(u16::from_be_bytes([high, low]));
        let name = n::PEER_TLV_TYPE.meaning(u64::from(code & 0x7f)).unwrap_or("unknown");
        walk.sub(n::PEER_TLV, 3 + length, |walk| {
            walk.masked(n::PEER_TLV_CRITICAL)?;
            let code = walk.masked(n::PEER_TLV_TYPE)?;
            walk.skip(1)?;
            walk.uint(n::PEER_TLV_LENGTH)?;
            let _ = value(walk, code);
            Some(name.to_owned())
        });
    }
    Some(())
}

const STAMPED: [Step; 3] = [(n::PEER_STAMP, 8), (n::PEER_BY, 8), (n::PEER_STATE, 1)];

fn value(walk: &mut Walk<'_, '_>, code: u8) -> Option<()> {
    match code {
        0x01 => walk.text_left(n::PEER_NAME).map(|_| ()),
        0x02 => walk.text_left(n::PEER_REASON_TEXT).map(|_| ()),
        0x03 => {
            walk.uint(n::PEER_USE)?;
            address(walk)
        }
        0x04 => steps(walk, &[(n::PEER_LINE, 8)]),
        0x05 => steps(
            walk,
            &[
                (n::PEER_SERVER, 8),
                (n::PEER_INCARNATION, 4),
                (n::PEER_PHASE, 1),
                (n::PEER_LINE, 8),
                (n::PEER_JOINED, 8),
            ],
        ),
        0x10 => {
            steps(walk, &[(n::PEER_SERVER, 8)])?;
            steps(walk, &STAMPED)?;
            walk.text_left(n::PEER_NAME).map(|_| ())
        }
        0x11 => {
            steps(walk, &STAMPED)?;
            steps(walk, &[(n::PEER_SERVER, 8)])?;
            address(walk)
        }
        0x12 => {
            steps(walk, &[(n::PEER_REALM, 4), (n::PEER_EPOCH, 1)])?;
            steps(walk, &STAMPED)?;
            steps(walk, &[(n::PEER_SECRET, 32)])?;
            walk.text_left(n::PEER_NAME).map(|_| ())
        }
        0x13 => {
            let fixed =
                [(n::PEER_REALM, 4), (n::PEER_USER, 8), (n::PEER_GENERATION, 8), (n::PEER_PREVIOUS, 8)];
            steps(walk, &fixed)?;
            walk.text_left(n::PEER_NAME).map(|_| ())
        }
        0x20 => steps(walk, &[(n::PEER_SERVER, 8), (n::PEER_INCARNATION, 4), (n::PEER_HOME_AGE, 4)]),
        0x21 => row(walk),
        0x22 => {
            steps(walk, &ORDER)?;
            steps(walk, &[(n::PEER_ENDING, 1), (n::PEER_SEQUENCE, 8), (n::PEER_FORGOTTEN, 4)])
        }
        0x23 => steps(
            walk,
            &[(n::PEER_SERVER, 8), (n::PEER_INCARNATION, 4), (n::PEER_ROWS, 4), (n::PEER_ROOT_DIGEST, 8)],
        ),
        _ => {
            walk.bytes_left(n::TLV_UNKNOWN);
            Some(())
        }
    }
}

fn row(walk: &mut Walk<'_, '_>) -> Option<()> {
    steps(walk, &ORDER)?;
    steps(
        walk,
        &[
            (n::PEER_INSTANCE, 8),
            (n::PEER_SINCE, 8),
            (n::PEER_EPOCH, 1),
            (n::PEER_CONTENT_VERSION, 4),
            (n::PEER_SEQUENCE, 8),
            (n::PEER_STATUS, 1),
            (n::PEER_CHECK_TIME, 4),
        ],
    )?;
    address(walk)?;
    tlv::walk_all(walk)
}

/// An address (2.4), or one byte 0.
fn address(walk: &mut Walk<'_, '_>) -> Option<()> {
    match walk.uint(n::PEER_FAMILY)? {
        4 => walk.ipv4(n::PEER_IPV4)?,
        6 => walk.ipv6(n::PEER_IPV6)?,
        0 => return Some(()),
        _ => return None,
    }
    walk.uint(n::PEER_PORT).map(|_| ())
}
