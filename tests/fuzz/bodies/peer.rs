//! What HMSs say to each other. First byte: on which stream, or that the rest is the value of a ROW. What parses can be
//! walked to its end, is written again and reads as the same; a row has one form.

use hms::auth::{fact_digest, row_digest};
use hms::limits::BATCH_MAX;
use hms::wire::peer::{Fact, Item, Items, PeerKind, PeerMessage, Row, Stream};
use hms::wire::{Problem, WireError};

pub(super) fn run(data: &[u8]) {
    let Some((how, data)) = data.split_first() else { return };
    match how % 4 {
        0 => message(Stream::Control, data),
        1 => message(Stream::Deltas, data),
        2 => message(Stream::Bulk, data),
        _ => match Row::parse(data, 0) {
            Ok(one) => row(&one),
            Err(error) => well_said(&error, data),
        },
    }
}

fn well_said(error: &WireError, data: &[u8]) {
    assert!(["type", "malformed", "critical-tlv"].contains(&error.reason()), "{error:?}");
    assert!(error.at <= data.len() && !error.to_string().is_empty(), "{error:?}");
}

fn message(stream: Stream, data: &[u8]) {
    let known = data.first().is_none_or(|code| PeerKind::from_code(*code).stream().is_some());
    let message = match PeerMessage::parse(stream, data) {
        Ok(message) => message,
        Err(error) => {
            assert_eq!(matches!(error.problem, Problem::Type(_)), !known, "{error:?}");
            return well_said(&error, data);
        }
    };
    assert_eq!((message.kind().code(), message.kind().stream()), (data[0], Some(stream)));
    walk(&message);
    let mut again = Vec::new();
    message.emit(&mut again);
    assert!(again.len() <= data.len(), "nothing is added");
    let second = PeerMessage::parse(stream, &again).expect("what is written can be read");
    assert_eq!(second, message);
    let mut third = Vec::new();
    second.emit(&mut third);
    assert_eq!(third, again);
}

fn walk(message: &PeerMessage<'_>) {
    match message {
        PeerMessage::Intro(m) => {
            assert!(m.addresses().count() <= 16 && m.left_lines().count() <= 64 && !m.name.is_empty());
        }
        PeerMessage::Ping(m) => assert!(m.neighbours().count() <= 15),
        PeerMessage::Facts(m) => {
            m.facts().for_each(|one| fact(&one));
        }
        PeerMessage::Delta(m) => items(m.items(), true),
        PeerMessage::Page(m) => {
            assert!(m.after < m.up_to);
            items(m.items(), false);
        }
        _ => {}
    }
}

fn fact(fact: &Fact<'_>) {
    let (mut tlv, mut hashed) = (Vec::new(), Vec::new());
    fact.emit(&mut tlv);
    fact.emit_hashed(&mut hashed);
    assert_eq!(hashed, [&tlv[..1], &tlv[3..]].concat());
    let _ = fact_digest(fact);
}

fn items(items: Items<'_>, roots: bool) {
    let mut bytes = 0;
    for item in items {
        match item {
            Item::Row(_, one) => {
                row(&one);
                bytes += one.as_bytes().len();
            }
            Item::Gone(..) => bytes += 57,
            Item::Root(_) => assert!(roots, "ROOT in a PAGE"),
        }
    }
    assert!(bytes <= BATCH_MAX);
}

fn row(row: &Row<'_>) {
    assert_eq!(row_digest(row), row_digest(&Row::parse(row.as_bytes(), 0).expect("a row")));
    let Ok(said) = row.said() else { return };
    let mut again = Vec::new();
    row.head.emit(said.content.as_bytes(), &said.view, said.push, &mut again);
    assert_eq!(again, row.as_bytes(), "a row has one form");
}
