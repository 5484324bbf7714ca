//! What an HMS tells: settings, pages, rows, digests (2.3, 4.6); and what is asked for.

use super::address;
use super::content::shown;
use super::names as n;
use super::tlv;
use crate::tree::{Walk, plural};

pub(super) fn walk(walk: &mut Walk<'_, '_>, code: u8) -> Option<String> {
    match code {
        0x20 => address::walk(walk, &address::OBSERVED),
        0x21 => server(walk),
        0x22 => {
            walk.bytes_left(n::CLUSTER_KEY);
            None
        }
        0x23 => walk.text_left(n::REALM_NAME).map(shown),
        0x24 => walk.uint(n::CHECK_TIME).map(|ms| format!("{ms} ms")),
        0x25 => {
            let kind = walk.uint(n::GRANTED_KIND)?;
            let reason = walk.uint(n::GRANTED_REASON)?;
            let kind = n::GRANTED_KIND.meaning(kind).unwrap_or("unknown");
            Some(format!("{kind}, {}", n::GRANTED_REASON.meaning(reason).unwrap_or("unknown")))
        }
        0x26 => walk.uint(n::MODE).and_then(|mode| n::MODE.meaning(mode)).map(str::to_owned),
        0x27 => walk.uint(n::REPLICATED).map(|value| if value == 1 { "yes" } else { "no" }.to_owned()),
        0x30 => page_info(walk),
        0x31 => entry(walk),
        0x32 => {
            let user = walk.uint(n::GONE_USER)?;
            walk.uint(n::GONE_REVISION)?;
            let reason = walk.uint(n::GONE_REASON)?;
            Some(format!("{user:016x}, {}", n::GONE_REASON.meaning(reason).unwrap_or("unknown")))
        }
        0x33 => {
            while walk.left() > 0 {
                walk.uint(n::BUCKET_DIGEST)?;
            }
            None
        }
        0x34 => {
            let bits: u32 = walk.bytes(n::BUCKETS, walk.left())?.iter().map(|byte| byte.count_ones()).sum();
            Some(plural(bits as usize, "bucket"))
        }
        0x35 => {
            let kind = walk.uint(n::PATTERN_KIND)?;
            let text = walk.text_left(n::PATTERN_TEXT)?;
            Some(format!("{} {}", n::PATTERN_KIND.meaning(kind).unwrap_or("unknown"), shown(text)))
        }
        0x36 => address::walk(walk, &address::ENTRY),
        0x37 => {
            walk.uint(n::SIGNATURE_ISSUED)?;
            walk.bytes(n::SIGNATURE, 64)?;
            None
        }
        0x7f => {
            walk.bytes_left(n::PAD);
            None
        }
        _ => {
            walk.bytes_left(n::TLV_UNKNOWN);
            None
        }
    }
}

fn server(walk: &mut Walk<'_, '_>) -> Option<String> {
    walk.uint(n::SERVER_ID)?;
    let flags = walk.bits(n::SERVER_FLAGS, &[n::SERVER_PRIMARY, n::SERVER_SENDER])?;
    let length = walk.uint(n::SERVER_NAME_LENGTH)? as usize;
    let name = walk.text(n::SERVER_NAME, length)?;
    let addresses = address::walk_all(walk, &address::SERVER)?;
    let primary = if flags & n::SERVER_PRIMARY.mask != 0 { ", primary" } else { "" };
    let sender = if flags & n::SERVER_SENDER.mask != 0 { ", the sender" } else { "" };
    Some(format!("{}{primary}{sender}, {addresses}", shown(name)))
}

fn page_info(walk: &mut Walk<'_, '_>) -> Option<String> {
    let kind = walk.uint(n::PAGE_KIND)?;
    let more = walk.bits(n::PAGE_FLAGS, &[n::PAGE_MORE])? & n::PAGE_MORE.mask != 0;
    let from = walk.uint(n::PAGE_FROM)?;
    let to = walk.uint(n::PAGE_TO)?;
    walk.uints(&[n::PAGE_AFTER, n::PAGE_UP_TO])?;
    walk.uint(n::PAGE_ROWS)?;
    let more = if more { ", more follows" } else { "" };
    let kind = n::PAGE_KIND.meaning(kind).unwrap_or("unknown");
    Some(format!("{kind}, revision {from} to {to}{more}"))
}

fn entry(walk: &mut Walk<'_, '_>) -> Option<String> {
    let user = walk.uint(n::ENTRY_USER)?;
    walk.uint(n::ENTRY_REVISION)?;
    let status = walk.bits(n::ENTRY_STATUS, &[n::ENTRY_LATE, n::ENTRY_UNCONFIRMED])?;
    walk.uints(&[n::ENTRY_SINCE, n::ENTRY_CHECK_TIME, n::ENTRY_HOME])?;
    tlv::walk_inner(walk)?;
    let late = if status & n::ENTRY_LATE.mask != 0 { ", late" } else { "" };
    Some(format!("{user:016x}{late}"))
}
