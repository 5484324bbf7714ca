//! What HMSs send to hosts (2.6, 2.7).

use hms::wire::Kind;

use super::names as n;
use super::tlv;
use crate::tree::Walk;

pub(super) fn walk(walk: &mut Walk<'_, '_>, kind: Kind) -> Option<()> {
    if !matches!(kind, Kind::Hint | Kind::Announce) {
        walk.uints(&[n::ANSWER_INCARNATION, n::ANSWER_NUMBER])?;
    }
    match kind {
        Kind::Hint => walk.uints(&[n::HINT_CODE, n::HINT_MIN_VERSION, n::HINT_MAX_VERSION]),
        Kind::Announce => {
            walk.uints(&[n::ANNOUNCE_SERVER, n::ANNOUNCE_EVENT])?;
            walk.bytes(n::RESERVED, 1)?;
            walk.uints(&[n::ANNOUNCE_PORT])
        }
        Kind::Challenge => walk.uints(&[n::CHALLENGE_COOKIE]),
        Kind::Superseded => walk.uints(&[n::SUPERSEDED_STAMP]),
        Kind::Reregister => walk.uints(&[n::REREGISTER_DELAY]),
        Kind::Retry => walk.uints(&[n::RETRY_DELAY]),
        Kind::Redirect => walk.uints(&[n::REDIRECT_SERVER]),
        Kind::Left => walk.uints(&[n::LEFT_ARGUMENT]),
        Kind::Reject => {
            walk.uints(&[n::REJECT_CODE])?;
            walk.bytes(n::RESERVED, 2)?;
            walk.uints(&[n::REJECT_VALUE])
        }
        Kind::Registered => {
            walk.uints(&[
                n::REGISTERED_STAMP,
                n::REGISTERED_SERVER,
                n::REGISTERED_REVISION,
                n::REGISTERED_CONTENT_VERSION,
                n::REGISTERED_CHECK_TIME,
                n::REGISTERED_FIRST_DELAY,
            ])?;
            tlv::walk_all(walk)
        }
        Kind::Ack => {
            walk.uints(&[n::ACK_REVISION, n::ACK_CONTENT_VERSION])?;
            tlv::walk_all(walk)
        }
        Kind::Page => tlv::walk_all(walk),
        Kind::Digests => {
            walk.uints(&[n::DIGESTS_REVISION, n::DIGESTS_ROOT])?;
            tlv::walk_all(walk)
        }
        Kind::Offer => {
            walk.uints(&[n::OFFER_SERVER])?;
            tlv::walk_all(walk)
        }
        _ => None,
    }
}
