//! What stands behind the address of a ROW is judged by itself.

use super::faults::problem;
use super::samples::*;
use crate::ident::{Name, UserId};
use crate::wire::peer::tlvs::peer_code;
use crate::wire::peer::*;
use crate::wire::tlv::put_bytes;
use crate::wire::{Problem, View, WireError};

/// A row that says this behind its address.
fn row_saying(said: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    row_head().emit(said, &View::None, false, &mut bytes);
    bytes
}

/// What is wrong with what it says.
fn said_problem(said: &[u8]) -> Option<Problem> {
    let bytes = row_saying(said);
    let row = Row::parse(&bytes, 0).expect("its head is whole");
    row.said().err().map(|error| error.problem)
}

/// The same of content and this VIEW.
fn view_problem(code: u8, value: &[u8]) -> Option<Problem> {
    let mut said = content();
    put_bytes(&mut said, code, value);
    said_problem(&said)
}

#[test]
fn a_row_says_content_and_view() {
    let views = [View::None, View::Realm, View::Group(Name::new("board").expect("a name")), View::Unknown(9)];
    let named = View::Named((0..64).map(|n| UserId([n; 8])).collect());
    for view in views.into_iter().chain([named]) {
        for push in [false, true] {
            let bytes = row_bytes(&row_head(), &view, push);
            let row = Row::parse(&bytes, 0).expect("a row");
            let said = row.said().expect("content and view");
            assert_eq!((row.head, content_of(&row)), (row_head(), content()));
            assert_eq!((said.push, said.view), (push && view != View::None, view.clone()));
        }
    }
}

#[test]
fn content_that_is_none_spoils_only_its_row() {
    shows!("R-PEE-57");
    let mut user_only = Vec::new();
    put_bytes(&mut user_only, 1, b"anna");
    assert_eq!(said_problem(&user_only), Some(Problem::Missing("HOST-NAME")));
    assert_eq!(said_problem(&[]), Some(Problem::Missing("USER-NAME")));
    assert_eq!(said_problem(&content()[..5]), Some(Problem::Truncated("TLV")));
    assert_eq!(said_problem(&content()), None);

    let bad = row_saying(&user_only);
    let good = rows();
    let mut bytes = Vec::new();
    let mut writer = DeltaWriter::begin(&mut bytes);
    for row in [&bad, &good[0]] {
        assert!(writer.row(home(1), &Row::parse(row, 0).expect("its head is whole")));
    }
    writer.end(false, false, 1);
    assert_eq!(problem(&bytes), None);
    let Ok(PeerMessage::Delta(delta)) = read(&bytes) else { panic!("no DELTA") };
    let fine: Vec<_> = delta
        .items()
        .map(|item| match item {
            Item::Row(_, row) => row.said().map(|said| said.view),
            other => panic!("{other:?}"),
        })
        .collect();
    let fault = WireError { problem: Problem::Missing("HOST-NAME"), at: 16 + 19 + 3 + 85, content: Some(2) };
    assert_eq!(fine, [Err(fault), Ok(View::Realm)]);
}

#[test]
fn content_keeps_what_nobody_here_knows() {
    let mut said = content();
    put_bytes(&mut said, 0x0e, b"later");
    let bytes = row_saying(&said);
    assert_eq!(content_of(&Row::parse(&bytes, 0).expect("a row")), said);
}

#[test]
fn a_view_has_one_form() {
    shows!("R-PEE-57");
    let wrong = Some(Problem::Value("VIEW"));
    assert_eq!((view_problem(0x10, &[1, 0]), view_problem(0x10, &[9, 1])), (None, None));
    assert_eq!((view_problem(0x10, &[0, 0]), view_problem(0x10, &[0, 1])), (wrong, wrong), "no view");
    assert_eq!(view_problem(0x10, &[9, 0, 0]), wrong, "more than anybody here could pass on");
    assert_eq!((view_problem(0x10, &[1, 2]), view_problem(0x10, &[1, 0x80])), (wrong, wrong), "flags");
    assert_eq!(view_problem(0x90, &[1, 0]), wrong, "bit 7");
    assert_eq!(view_problem(0x11, &[1, 0]), wrong, "another TLV");
    assert_eq!(view_problem(0x10, &[3, 0, 1]), wrong, "half a user");
    let named = |users: [u8; 2]| [[3, 0].as_slice(), &[users[0]; 8], &[users[1]; 8]].concat();
    assert_eq!(view_problem(0x10, &named([1, 2])), None);
    assert_eq!(view_problem(0x10, &named([2, 1])), wrong, "another order");
    assert_eq!(view_problem(0x10, &named([2, 2])), wrong, "a user twice");
    assert_eq!(view_problem(0x10, &[1]), Some(Problem::Truncated("VIEW")));
    let mut twice = content();
    put_bytes(&mut twice, 0x10, &[1, 0]);
    put_bytes(&mut twice, 0x10, &[1, 0]);
    assert_eq!(said_problem(&twice), wrong);
    let mut torn = content();
    torn.extend_from_slice(&[0x10, 0]);
    assert_eq!(said_problem(&torn), Some(Problem::Truncated("TLV")));
    let mut before = Vec::new();
    put_bytes(&mut before, 0x10, &[1, 0]);
    assert!(said_problem(&[before, content()].concat()).is_some(), "content comes first");
}

#[test]
fn a_fact_is_hashed_with_its_type_and_without_its_length() {
    shows!("R-PEE-27");
    for fact in facts() {
        let (mut tlv, mut hashed) = (Vec::new(), Vec::new());
        fact.emit(&mut tlv);
        fact.emit_hashed(&mut hashed);
        assert_eq!(hashed, [&tlv[..1], &tlv[3..]].concat());
        assert!((peer_code::MEMBER..=peer_code::GENERATION).contains(&hashed[0]));
    }
}
