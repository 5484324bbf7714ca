//! The header of 2.1, and what follows it.

use hms::wire::Kind;

use super::names as n;
use super::{answers, requests};
use crate::tree::Walk;

pub(super) fn walk(walk: &mut Walk<'_, '_>, tag: usize) -> Option<()> {
    let version = walk.uint(n::VERSION)?;
    let kind = Kind::from_code(walk.uint(n::TYPE)? as u8);
    let flags = walk.bits(n::FLAGS, flags(kind))?;
    walk.uints(&[n::EPOCH, n::REALM, n::USER, n::SESSION, n::SEQ])?;
    if walk.left() < tag {
        return None;
    }
    let mut body = walk.until_last(tag);
    // Of other versions only the header is known (R-FMT-20).
    let known = version == 1 && !matches!(kind, Kind::Unknown(_));
    let _ = if !known {
        None
    } else if kind.is_response() {
        answers::walk(&mut body, kind)
    } else {
        requests::walk(&mut body, kind, flags)
    };
    body.undecoded();
    let bare = matches!(kind, Kind::Hint | Kind::Announce);
    walk.bytes(if bare { n::CHECKSUM } else { n::TAG }, tag)?;
    Some(())
}

/// The flags that a type may have.
fn flags(kind: Kind) -> &'static [&'static n::Field] {
    match kind {
        Kind::Heartbeat => &[n::FLAG_COOKIE, n::FLAG_WANT, n::FLAG_CONTENT],
        Kind::Register => &[n::FLAG_TAKEOVER],
        Kind::Ack => &[n::FLAG_WANT_CONTENT, n::FLAG_RESYNC, n::FLAG_EQUAL],
        Kind::Page => &[n::FLAG_PUSH],
        Kind::Offer => &[n::FLAG_PRIMARY],
        Kind::Hint | Kind::Announce => &[n::FLAG_UNAUTHENTICATED],
        _ => &[],
    }
}
