//! What hosts send (2.5).

use hms::wire::{Kind, flag};

use super::names as n;
use super::tlv;
use crate::tree::Walk;

pub(super) fn walk(walk: &mut Walk<'_, '_>, kind: Kind, flags: u8) -> Option<()> {
    match kind {
        Kind::Init => {
            walk.uints(&[n::INIT_MIN_VERSION, n::INIT_MAX_VERSION])?;
            walk.bytes(n::RESERVED, 18)?;
        }
        Kind::Discover => {
            walk.uints(&[n::DISCOVER_MIN_VERSION, n::DISCOVER_MAX_VERSION])?;
            walk.bytes(n::RESERVED, 18)?;
        }
        Kind::Register => walk.uints(&[
            n::REGISTER_COOKIE,
            n::REGISTER_INSTANCE,
            n::REGISTER_LAST_STAMP,
            n::REGISTER_CONTENT_VERSION,
            n::REGISTER_INCARNATION,
            n::REGISTER_REVISION,
            n::REGISTER_DIGEST,
        ])?,
        Kind::Heartbeat => heartbeat(walk, flags)?,
        Kind::Leave => {
            walk.bytes(n::RESERVED, 20)?;
        }
        Kind::Pull => {
            walk.uints(&[n::PULL_INCARNATION, n::PULL_REVISION, n::PULL_CURSOR, n::PULL_KIND])?;
            walk.bytes(n::RESERVED, 3)?;
        }
        Kind::Find => {
            walk.uints(&[n::FIND_INCARNATION, n::FIND_CURSOR])?;
            walk.bytes(n::RESERVED, 8)?;
        }
        _ => return None,
    }
    tlv::walk_all(walk)
}

fn heartbeat(walk: &mut Walk<'_, '_>, flags: u8) -> Option<()> {
    walk.uints(&[
        n::HEARTBEAT_CONTENT_VERSION,
        n::HEARTBEAT_INCARNATION,
        n::HEARTBEAT_REVISION,
        n::HEARTBEAT_DIGEST,
    ])?;
    if flags & flag::COOKIE != 0 {
        walk.uint(n::HEARTBEAT_COOKIE)?;
    }
    Some(())
}
