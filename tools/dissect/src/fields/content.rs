//! What a host says of itself, and the view that it asks for.

use super::address;
use super::names as n;
use crate::tree::{Walk, plural};

pub(super) fn walk(walk: &mut Walk<'_, '_>, code: u8) -> Option<String> {
    match code {
        0x01 => walk.text_left(n::CONTENT_USER_NAME).map(shown),
        0x02 => walk.text_left(n::CONTENT_HOST_NAME).map(shown),
        0x03 => address::walk_all(walk, &address::REPORTED),
        0x04 => {
            let data = walk.uint(n::PORTS_DATA)?;
            let video = walk.uint(n::PORTS_VIDEO)?;
            let audio = walk.uint(n::PORTS_AUDIO)?;
            Some(format!("data {data}, video {video}, audio {audio}"))
        }
        0x05 => {
            let transport = walk.uint(n::SERVICE_TRANSPORT)?;
            let port = walk.uint(n::SERVICE_PORT)?;
            let kind = walk.text_left(n::SERVICE_KIND)?;
            let transport = n::SERVICE_TRANSPORT.meaning(transport).unwrap_or("unknown");
            Some(format!("{}:{port}/{transport}", shown(kind)))
        }
        0x06 => {
            let state = walk.uint(n::CONTENT_STATE)?;
            Some(n::CONTENT_STATE.meaning(state).unwrap_or("unknown").to_owned())
        }
        0x07 => walk.text_left(n::CONTENT_CONFERENCE).map(shown),
        _ => None,
    }
}

pub(super) fn view(walk: &mut Walk<'_, '_>) -> Option<String> {
    let kind = walk.uint(n::VIEW_KIND)?;
    let push = walk.bits(n::VIEW_FLAGS, &[n::VIEW_PUSH])? & n::VIEW_PUSH.mask != 0;
    let push = if push { ", pushed" } else { "" };
    match kind {
        2 => walk.text_left(n::VIEW_GROUP).map(|group| format!("group {}{push}", shown(group))),
        3 => {
            let mut users = 0;
            while walk.left() > 0 {
                walk.uint(n::VIEW_USER)?;
                users += 1;
            }
            Some(format!("{}{push}", plural(users, "named user")))
        }
        _ => Some(format!("{}{push}", n::VIEW_KIND.meaning(kind).unwrap_or("unknown"))),
    }
}

/// Text of others on a terminal: nothing in it may act.
pub(super) fn shown(text: impl AsRef<str>) -> String {
    text.as_ref().escape_debug().to_string()
}
