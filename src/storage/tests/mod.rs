//! Stored things go there and back, and whatever is wrong with them is said.

mod host_store;
mod secrets;
mod secrets_2;
mod snapshot;

use std::net::SocketAddr;

use crate::ident::Name;
use crate::wire::{Content, Ports};

fn name(text: &str) -> Name {
    Name::new(text).expect("a name")
}

fn address(text: &str) -> SocketAddr {
    text.parse().expect("an address")
}

fn content() -> Content {
    Content {
        reported: vec![address("10.1.0.5:40001")],
        ports: Ports { data: 1503, video: 0, audio: 5006 },
        conference: Some(name("board")),
        fixed: true,
        ..Content::new(name("anna"), name("room 4"))
    }
}

/// Random bytes that are none: a counter.
fn counter() -> impl FnMut(&mut [u8]) {
    let mut next = 0u8;
    move |bytes| {
        for byte in bytes {
            next = next.wrapping_add(1);
            *byte = next;
        }
    }
}

/// The text with one piece replaced, which must be there.
fn replaced(bytes: &[u8], from: &str, to: &str) -> Vec<u8> {
    let text = String::from_utf8(bytes.to_vec()).expect("text");
    assert!(text.contains(from), "{from} is not in {text}");
    text.replacen(from, to, 1).into_bytes()
}
