//! As much as is allowed is taken, one more is refused.

use super::faults::{longer, problem};
use super::samples::*;
use crate::ident::{LineId, Name};
use crate::limits::{BATCH_MAX, LEFT_LINES_MAX, NEIGHBOURS_MAX, OWN_ADDRESSES_MAX, REASON_MAX};
use crate::wire::Problem;
use crate::wire::peer::tlvs::peer_code;
use crate::wire::peer::*;
use crate::wire::tlv::put_bytes;

fn intro_with(addresses: usize, lines: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    let address = own("10.1.0.1:6710", AddressUse::Hosts);
    let name = Name::new("atlas").expect("a name");
    intro_head().emit(&name, &vec![address; addresses], &vec![LineId(1); lines], &mut bytes);
    bytes
}

#[test]
fn an_intro_tells_16_addresses_and_64_lines() {
    shows!("R-PEE-07");
    assert_eq!((OWN_ADDRESSES_MAX, LEFT_LINES_MAX), (16, 64));
    let full = intro_with(16, 64);
    assert_eq!(full, intro_with(17, 65), "more is not written");
    let Ok(PeerMessage::Intro(intro)) = read(&full) else { panic!("no INTRO") };
    assert_eq!((intro.addresses().count(), intro.left_lines().count()), (16, 64));
    for (code, value, what) in [
        (peer_code::OWN_ADDRESS, &[1, 4, 10, 0, 0, 1, 0, 80], "OWN-ADDRESS"),
        (peer_code::LEFT_LINE, &[1; 8], "LEFT-LINE"),
    ] {
        let mut more = full.clone();
        put_bytes(&mut more, code, value);
        assert_eq!(problem(&more), Some(Problem::TooMany(what)));
    }
}

#[test]
fn an_intro_has_one_name() {
    shows!("R-PEE-07");
    let nameless = &sample(PeerKind::Intro)[..68];
    assert_eq!(problem(nameless), Some(Problem::Missing("NAME")));
    assert_eq!(problem(&longer(PeerKind::Intro, peer_code::NAME, b"other")), Some(Problem::TooMany("NAME")));
    let named = |name: &[u8]| {
        let mut bytes = nameless.to_vec();
        put_bytes(&mut bytes, peer_code::NAME, name);
        problem(&bytes)
    };
    assert_eq!((named(b"x"), named(&[b'x'; 64])), (None, None));
    for wrong in [&b""[..], &[b'x'; 65], b"a\x1bb", b" a"] {
        assert!(matches!(named(wrong), Some(Problem::Name(_))), "{wrong:?}");
    }
    assert_eq!(named(&[0xff]), Some(Problem::Utf8));
}

#[test]
fn a_ping_lists_15_neighbours() {
    shows!("R-PEE-07");
    assert_eq!(NEIGHBOURS_MAX, 15);
    let ping = |n: u64| {
        let mut bytes = Vec::new();
        ping_head().emit((1..=n).map(neighbour), &mut bytes);
        bytes
    };
    assert_eq!(ping(15), ping(16), "more is not written");
    let full = ping(15);
    let Ok(PeerMessage::Ping(read)) = read(&full) else { panic!("no PING") };
    assert!(read.neighbours().eq((1..=15).map(neighbour)));
    let mut more = full.clone();
    put_bytes(&mut more, peer_code::NEIGHBOUR, &[1; 29]);
    assert_eq!(problem(&more), Some(Problem::TooMany("NEIGHBOUR")));
}

#[test]
fn a_reason_has_200_bytes_and_stands_once() {
    shows!("R-PEE-07");
    assert_eq!(REASON_MAX, 200);
    let written = |reason: &str| {
        emitted(&PeerMessage::Refuse(Refuse { code: RefuseCode::Name, twin: None, reason: Some(reason) }))
    };
    for (text, kept) in [
        (String::new(), 0),
        ("x".repeat(200), 200),
        ("x".repeat(300), 200),
        (format!("{}é", "x".repeat(199)), 199),
        (format!("{}é", "x".repeat(198)), 200),
        ("a\u{1b}b".into(), 3),
    ] {
        let bytes = written(&text);
        let Ok(PeerMessage::Refuse(refuse)) = read(&bytes) else { panic!("no REFUSE") };
        assert_eq!(refuse.reason, Some(&text[..kept]));
    }
    let bare = emitted(&PeerMessage::Refuse(Refuse { code: RefuseCode::Name, twin: None, reason: None }));
    let reason = |value: &[u8]| {
        let mut bytes = bare.clone();
        put_bytes(&mut bytes, peer_code::REASON, value);
        problem(&bytes)
    };
    assert_eq!((reason(&[b'x'; 200]), reason(&[b'x'; 201])), (None, Some(Problem::Value("REASON"))));
    assert_eq!(reason(&[0xff]), Some(Problem::Utf8));
    let twice = longer(PeerKind::Refuse, peer_code::REASON, b"again");
    assert_eq!(problem(&twice), Some(Problem::TooMany("REASON")));
}

#[test]
fn a_twin_is_told_with_its_code_only() {
    shows!("R-PEE-07");
    let Some(PeerMessage::Refuse(refuse)) = plain().into_iter().next() else { panic!("no REFUSE") };
    assert!(refuse.twin.is_some());
    let other = PeerMessage::Refuse(Refuse { code: RefuseCode::Name, reason: None, ..refuse });
    assert_eq!(emitted(&other), [&[3, 5][..], &[0; 30]].concat());
}

#[test]
fn names_of_facts_have_their_lengths() {
    shows!("R-PEE-07");
    let fact = |code: u8, before: &[u8], name: &[u8]| {
        problem(&longer(PeerKind::Facts, code, &[before, name].concat()))
    };
    let (member, realm, user) = ([1; 25], [&[1; 22][..], &[0; 32]].concat(), [1; 28]);
    for (code, before, longest) in [
        (peer_code::MEMBER, &member[..], 64),
        (peer_code::REALM, &realm, 32),
        (peer_code::GENERATION, &user, 64),
    ] {
        assert_eq!(fact(code, before, &vec![b'x'; longest]), None);
        assert!(matches!(fact(code, before, &vec![b'x'; longest + 1]), Some(Problem::Name(_))));
        assert!(matches!(fact(code, before, b"x "), Some(Problem::Name(_))));
        assert_eq!(fact(code, before, &[0xff]), Some(Problem::Utf8));
        let nameless = fact(code, before, b"");
        assert_eq!(nameless.is_none(), code == peer_code::GENERATION);
    }
}

#[test]
fn what_is_made_of_many_tlvs_has_at_most_16_kib() {
    shows!("R-PEE-07");
    assert_eq!(BATCH_MAX, 16_384);
    let padded = |kind: PeerKind, length: usize| {
        let rest = length - sample(kind).len() - 3;
        problem(&longer(kind, 0x60, &vec![0; rest]))
    };
    for kind in [PeerKind::Delta, PeerKind::Page, PeerKind::Facts] {
        assert_eq!(padded(kind, 16_384), None, "{kind}");
        assert_eq!(padded(kind, 16_385), Some(Problem::TooMany("bytes")), "{kind}");
    }
    assert_eq!(padded(PeerKind::Intro, 16_385), None);
}
