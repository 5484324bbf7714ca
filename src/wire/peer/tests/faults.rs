//! What makes a message malformed, each fault by its name.

use super::samples::*;
use crate::wire::Problem;
use crate::wire::peer::tlvs::peer_code;
use crate::wire::peer::*;
use crate::wire::tlv::{put_bytes, put_tlv};

/// What is wrong with these bytes.
pub(super) fn problem(bytes: &[u8]) -> Option<Problem> {
    read(bytes).err().map(|error| error.problem)
}

/// A sample with more behind it.
pub(super) fn longer(kind: PeerKind, code: u8, value: &[u8]) -> Vec<u8> {
    let mut bytes = sample(kind);
    put_bytes(&mut bytes, code, value);
    bytes
}

/// What is wrong with a sample whose bytes at `at` are these.
fn changed(kind: PeerKind, at: usize, new: &[u8]) -> Option<Problem> {
    let mut bytes = sample(kind);
    bytes[at..at + new.len()].copy_from_slice(new);
    problem(&bytes)
}

/// What is wrong with a message of this type that ends in one TLV.
fn tlv_problem(kind: PeerKind, code: u8, value: &[u8]) -> Option<Problem> {
    problem(&longer(kind, code, value))
}

#[test]
fn an_unknown_tlv_is_skipped_unless_it_is_critical() {
    shows!("R-PEE-07");
    for bytes in all() {
        let kind = PeerKind::from_code(bytes[0]);
        for code in [0x00, 0x06, 0x60, 0x7f] {
            let skipped = longer(kind, code, b"later");
            let message = read(&skipped).expect("it is skipped");
            assert_eq!(message.kind(), kind);
            assert_eq!(tlv_problem(kind, code | 0x80, b"later"), Some(Problem::CriticalTlv(code)));
        }
        let mut torn = bytes.clone();
        torn.extend_from_slice(&[0x60, 0, 1]);
        assert_eq!(problem(&torn), Some(Problem::Truncated("TLV")));
    }
}

#[test]
fn a_known_tlv_counts_as_unknown_where_it_is_not_listed() {
    shows!("R-PEE-07");
    for (kind, code) in [
        (PeerKind::Ping, peer_code::NAME),
        (PeerKind::Join, peer_code::REASON),
        (PeerKind::Facts, peer_code::HOME),
        (PeerKind::Delta, peer_code::MEMBER),
        (PeerKind::Page, peer_code::ROOT),
        (PeerKind::Refuse, peer_code::NAME),
        (PeerKind::Intro, peer_code::NEIGHBOUR),
    ] {
        assert_eq!(tlv_problem(kind, code, &[0xff]), None, "{kind}");
        assert_eq!(tlv_problem(kind, code | 0x80, &[0xff]), Some(Problem::CriticalTlv(code)), "{kind}");
    }
    let page = longer(PeerKind::Page, peer_code::ROOT, &[1; 24]);
    let Ok(PeerMessage::Page(page)) = read(&page) else { panic!("no PAGE") };
    assert!(!page.items().any(|item| matches!(item, Item::Root(_))));
}

#[test]
fn bit_7_of_a_known_tlv_says_nothing() {
    shows!("R-PEE-07");
    let bytes = longer(PeerKind::Ping, peer_code::NEIGHBOUR | 0x80, &[1; 29]);
    let Ok(PeerMessage::Ping(ping)) = read(&bytes) else { panic!("no PING") };
    assert_eq!(ping.neighbours().count(), 3);
    let bytes = longer(PeerKind::Intro, peer_code::NAME | 0x80, b"other");
    assert_eq!(problem(&bytes), Some(Problem::TooMany("NAME")));
}

#[test]
fn a_tlv_has_its_length() {
    shows!("R-PEE-07");
    for (kind, code, length) in [
        (PeerKind::Intro, peer_code::LEFT_LINE, 8),
        (PeerKind::Ping, peer_code::NEIGHBOUR, 29),
        (PeerKind::Delta, peer_code::HOME, 16),
        (PeerKind::Delta, peer_code::ROOT, 24),
    ] {
        assert_eq!(tlv_problem(kind, code, &vec![1; length]), None, "{kind}");
        assert!(matches!(tlv_problem(kind, code, &vec![1; length - 1]), Some(Problem::Truncated(_))));
        assert_eq!(tlv_problem(kind, code, &vec![1; length + 1]), Some(Problem::Leftover), "{kind}");
    }
    let gone = |length: usize| {
        let mut value = [vec![0; 44], vec![1; 13]].concat();
        value.resize(length, 0);
        tlv_problem(PeerKind::Delta, peer_code::GONE, &value)
    };
    assert_eq!((gone(57), gone(58)), (None, Some(Problem::Leftover)));
    assert_eq!(gone(56), Some(Problem::Truncated("GONE")));
    for (code, what) in [
        (peer_code::OWN_ADDRESS, "OWN-ADDRESS"),
        (peer_code::ADDRESS, "ADDRESS"),
        (peer_code::MEMBER, "MEMBER"),
        (peer_code::REALM, "REALM"),
        (peer_code::GENERATION, "GENERATION"),
    ] {
        let kind = if code == peer_code::OWN_ADDRESS { PeerKind::Intro } else { PeerKind::Facts };
        assert_eq!(tlv_problem(kind, code, &[1]), Some(Problem::Truncated(what)));
    }
}

#[test]
fn a_row_or_gone_needs_its_home_before_it() {
    shows!("R-PEE-07");
    for kind in [PeerKind::Delta, PeerKind::Page] {
        let fixed = sample(kind)[..super::normal::fixed_part(&sample(kind))].to_vec();
        for (code, value) in [(peer_code::ROW, rows()[0].clone()), (peer_code::GONE, vec![1; 57])] {
            let mut bytes = fixed.clone();
            put_bytes(&mut bytes, code, &value);
            assert_eq!(problem(&bytes), Some(Problem::Missing("HOME")));
            let mut bytes = fixed.clone();
            put_bytes(&mut bytes, peer_code::HOME, &[1; 16]);
            put_bytes(&mut bytes, code, &value);
            assert_eq!(problem(&bytes), None);
        }
    }
    let mut root = sample(PeerKind::Delta)[..16].to_vec();
    put_bytes(&mut root, peer_code::ROOT, &[1; 24]);
    assert_eq!(problem(&root), None, "ROOT says its home itself");
}

#[test]
fn ids_that_must_be_there_are_not_0() {
    shows!("R-PEE-07");
    let line = Some(Problem::Value("line id"));
    assert_eq!(changed(PeerKind::Join, 8, &[0; 8]), line);
    assert_eq!(changed(PeerKind::Seat, 8, &[0; 8]), line);
    assert_eq!([PeerKind::Intro, PeerKind::Refuse].map(|kind| changed(kind, 8, &[0; 8])), [None; 2]);
    assert_eq!(changed(PeerKind::Refuse, 4, &[0; 4]), Some(Problem::Value("incarnation")));
    assert_eq!(
        tlv_problem(PeerKind::Intro, peer_code::LEFT_LINE, &[0; 8]),
        Some(Problem::Value("LEFT-LINE"))
    );
    for kind in [PeerKind::Compare, PeerKind::Buckets, PeerKind::Fetch] {
        assert_eq!(changed(kind, 4, &[0; 4]), Some(Problem::Value("home")), "{kind}: incarnation");
        assert_eq!(changed(kind, 8, &[0; 8]), Some(Problem::Value("home")), "{kind}: server id");
    }
    for (kind, code, length, what) in [
        (PeerKind::Ping, peer_code::NEIGHBOUR, 29, "NEIGHBOUR"),
        (PeerKind::Delta, peer_code::HOME, 16, "HOME"),
        (PeerKind::Delta, peer_code::ROOT, 24, "ROOT"),
    ] {
        for zeros in [0..8, 8..12] {
            let mut value = vec![1; length];
            value[zeros].fill(0);
            assert_eq!(tlv_problem(kind, code, &value), Some(Problem::Value(what)));
        }
    }
}

/// Server id or realm id, stamp, by, state, then what follows.
fn fact(code: u8, id: u64, state: u8, more: &[u8]) -> Option<Problem> {
    let mut value = match code {
        peer_code::MEMBER => id.to_be_bytes().to_vec(),
        peer_code::REALM => [&(id as u32).to_be_bytes()[..], &[1]].concat(),
        _ => Vec::new(),
    };
    value.extend_from_slice(&[1; 16]);
    value.push(state);
    value.extend_from_slice(more);
    tlv_problem(PeerKind::Facts, code, &value)
}

#[test]
fn facts_have_a_state_and_what_belongs_to_it() {
    shows!("R-PEE-07");
    let address = [&[0; 8][..], &[4, 10, 0, 0, 1, 0, 80]].concat();
    let realm = [&[0; 32][..], b"acme"].concat();
    for (code, more) in
        [(peer_code::MEMBER, &b"osaka"[..]), (peer_code::ADDRESS, &address), (peer_code::REALM, &realm)]
    {
        assert_eq!((fact(code, 1, 1, more), fact(code, 1, 2, more)), (None, None));
        for state in [0, 3, 0xff] {
            assert_eq!(fact(code, 1, state, more), Some(Problem::Value("state")));
        }
    }
    assert_eq!(fact(peer_code::MEMBER, 0, 1, b"osaka"), Some(Problem::Value("MEMBER")));
    assert_eq!(fact(peer_code::REALM, 0, 1, &realm), Some(Problem::Value("REALM")));
    let secret = [&[0; 31][..], &[1], b"acme"].concat();
    assert_eq!(fact(peer_code::REALM, 1, 1, &secret), None);
    assert_eq!(fact(peer_code::REALM, 1, 2, &secret), Some(Problem::Value("secret")));
    let mapped = [&[0; 8][..], &[6], &[0; 10], &[0xff; 2], &[10, 0, 0, 1], &[0, 80]].concat();
    assert!(fact(peer_code::ADDRESS, 0, 1, &mapped).is_some(), "IPv4 inside of IPv6");
}

#[test]
fn values_are_those_of_the_table() {
    shows!("R-PEE-07", "R-PEE-79");
    assert_eq!(changed(PeerKind::Intro, 1, &[3, 2]), Some(Problem::Value("versions")));
    assert_eq!(changed(PeerKind::Intro, 1, &[2, 2]), None);
    assert_eq!((changed(PeerKind::Stored, 1, &[0]), changed(PeerKind::Stored, 1, &[1])), (None, None));
    assert_eq!(changed(PeerKind::Stored, 1, &[2]), Some(Problem::Value("result")));
    assert_eq!(changed(PeerKind::Fetch, 20, &[0; 12]), None);
    assert_eq!(changed(PeerKind::Fetch, 20, &[0xff; 12]), Some(Problem::Value("after")));
    let gone = |reason: u8| {
        let value = [&[0; 44][..], &[reason], &[0; 12]].concat();
        tlv_problem(PeerKind::Delta, peer_code::GONE, &value)
    };
    assert_eq!((gone(1), gone(2)), (None, None));
    assert_eq!([gone(0), gone(3)], [Some(Problem::Value("reason")); 2]);
}

#[test]
fn a_page_covers_something_and_the_last_one_all_that_is_left() {
    shows!("R-PEE-79");
    let page = |flags: u8, after: Cursor, up_to: Cursor| {
        let mut bytes = Vec::new();
        PageWriter::begin(&mut bytes).end(1, after, up_to);
        bytes[1] = flags;
        problem(&bytes)
    };
    let (a, b, c) = (cursor(1, 9), cursor(2, 0), cursor(2, 1));
    assert_eq!([page(0, a, b), page(0, b, c), page(1, c, Cursor::END)], [None; 3]);
    assert_eq!([page(0xfe, a, b), page(0xff, c, Cursor::END)], [None; 2], "unknown flags say nothing");
    assert_eq!(
        [page(0, b, a), page(0, b, b), page(1, Cursor::END, Cursor::END)],
        [Some(Problem::Value("up to")); 3]
    );
    assert_eq!([page(1, a, b), page(0, a, Cursor::END)], [Some(Problem::Value("last")); 2]);
}

#[test]
fn a_row_is_whole_up_to_its_address() {
    shows!("R-PEE-07", "R-PEE-57");
    let row = |value: &[u8]| tlv_problem(PeerKind::Delta, peer_code::ROW, value);
    let [plain, lost, _] = rows();
    let said = content().len();
    for (bytes, head) in [(&plain, plain.len() - said - 5), (&lost, lost.len() - said)] {
        assert!((0..head).all(|end| matches!(row(&bytes[..end]), Some(Problem::Truncated(_)))));
        assert!((head..=bytes.len()).all(|end| row(&bytes[..end]).is_none()));
    }
    for (at, value, what) in [
        (73, 0, Problem::Value("status")),
        (73, 3, Problem::Value("status")),
        (78, 5, Problem::Truncated("address")),
    ] {
        let mut bytes = plain.clone();
        bytes[at] = value;
        assert_eq!(row(&bytes), Some(what));
    }
}

#[test]
fn codes_without_a_name_are_kept() {
    shows!("R-PEE-07");
    let mut bytes = sample(PeerKind::Intro);
    bytes[3] = 200;
    put_tlv(&mut bytes, peer_code::OWN_ADDRESS, |buf| buf.extend_from_slice(&[77, 4, 10, 0, 0, 1, 0, 80]));
    let Ok(PeerMessage::Intro(intro)) = read(&bytes) else { panic!("no INTRO") };
    assert_eq!(intro.head.phase, Phase::Unknown(200));
    assert_eq!(intro.addresses().last().map(|own| own.used_by), Some(AddressUse::Unknown(77)));
    let mut bytes = sample(PeerKind::Refuse);
    bytes[1] = 99;
    let Ok(PeerMessage::Refuse(refuse)) = read(&bytes) else { panic!("no REFUSE") };
    assert_eq!((refuse.code, refuse.twin), (RefuseCode::Unknown(99), None));
}
