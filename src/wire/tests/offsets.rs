//! Every fault is named with the offset at which it shows.

use super::samples::*;
use crate::limits::{DISCOVER_LEN, HEADER_LEN, SHORT_LEN, TAG_LEN};
use crate::wire::tlv::{put_bytes, put_tlv};
use crate::wire::*;

/// Every request and every answer, as bytes.
fn all_samples() -> Vec<Vec<u8>> {
    let content = content().to_bytes();
    let requests = requests(&content).into_iter().map(|(bytes, _)| bytes);
    requests.chain(answers(&content).into_iter().map(|(bytes, _)| bytes)).collect()
}

/// What is wrong with a datagram of whichever direction.
fn fault(bytes: &[u8]) -> (Problem, usize) {
    let datagram = verified(bytes).expect("a header");
    let error = if datagram.header().kind.is_response() {
        datagram.answer().expect_err("a fault")
    } else {
        datagram.request().expect_err("a fault")
    };
    (error.problem, error.at)
}

#[test]
fn a_critical_tlv_is_found_at_its_value() {
    shows!("R-FMT-07");
    for bytes in all_samples() {
        let (kind, end) = (bytes[1], bytes.len() - TAG_LEN);
        let wrong = fault(&extended(&bytes, |b| put_bytes(b, 0xc0, b"later")));
        if bytes.len() == SHORT_LEN && kind & 0x80 != 0 {
            assert_eq!(wrong, (Problem::Leftover, end), "type {kind:#x}");
        } else if kind == Kind::Discover.code() {
            assert_eq!(wrong, (Problem::TlvOrder(0x40), end));
        } else {
            assert_eq!(wrong, (Problem::CriticalTlv(0x40), end + 3), "type {kind:#x}");
        }
    }
}

#[test]
fn a_critical_tlv_instead_of_padding_is_found_as_well() {
    shows!("R-FMT-07", "R-FMT-13");
    let bytes = datagram(Kind::Discover, 0, |b| {
        Init::default().emit(b);
        put_bytes(b, 0xc0, &[0; DISCOVER_LEN]);
    });
    assert_eq!(fault(&bytes), (Problem::CriticalTlv(0x40), HEADER_LEN + 20 + 3));
}

#[test]
fn a_torn_body_is_found_at_its_end() {
    shows!("R-FMT-08");
    let fixed = |kind| match kind {
        Kind::Register | Kind::Registered => 44,
        Kind::Digests => 24,
        Kind::Page => 12,
        _ => 20,
    };
    for bytes in all_samples() {
        let kind = Kind::from_code(bytes[1]);
        for end in HEADER_LEN..HEADER_LEN + fixed(kind) {
            let torn = [&bytes[..end], &TAG].concat();
            let (problem, at) = fault(&torn);
            if kind == Kind::Discover {
                assert_eq!((problem, at), (Problem::Length, end - HEADER_LEN));
            } else {
                assert!(matches!(problem, Problem::Truncated(_)), "{kind}: {problem:?}");
                assert_eq!(at, end, "{kind}");
            }
        }
    }
}

#[test]
fn a_torn_tlv_is_found_at_its_head() {
    shows!("R-FMT-08");
    for bytes in all_samples() {
        let (kind, end) = (bytes[1], bytes.len() - TAG_LEN);
        if (bytes.len() == SHORT_LEN && kind & 0x80 != 0) || kind == Kind::Discover.code() {
            continue;
        }
        let torn = extended(&bytes, |b| b.extend_from_slice(&[0x40, 0, 2, 1]));
        assert_eq!(fault(&torn), (Problem::Truncated("TLV"), end), "type {kind:#x}");
    }
}

#[test]
fn what_is_missing_would_stand_behind_the_fixed_body() {
    shows!("R-FMT-08");
    let body = |kind, length: usize| datagram(kind, 0, |b| b.extend_from_slice(&vec![0; length]));
    assert_eq!(fault(&body(Kind::Find, 20)), (Problem::Missing("PATTERN"), HEADER_LEN + 20));
    assert_eq!(fault(&body(Kind::Digests, 24)), (Problem::Missing("DIGESTS"), HEADER_LEN + 24));
    assert_eq!(fault(&body(Kind::Page, 12)), (Problem::Missing("PAGE-INFO"), HEADER_LEN + 12));
    let gone = |bytes: Vec<u8>| extended(&bytes, |b| put_bytes(b, 0x32, &[0; 13]));
    assert_eq!(fault(&gone(body(Kind::Page, 12))), (Problem::Missing("PAGE-INFO"), HEADER_LEN + 12));
    assert_eq!(fault(&gone(body(Kind::Ack, 20))), (Problem::Missing("PAGE-INFO"), HEADER_LEN + 20));
    assert_eq!(fault(&body(Kind::Register, 44)), (Problem::Missing("USER-NAME"), HEADER_LEN + 44));
}

/// The first fault of an ENTRY whose content and further TLVs these are, counted from the head of the ENTRY's value.
fn fault_in_entry(tlvs: &[u8]) -> (Problem, usize) {
    let info = PageInfo {
        kind: PageKind::Copy,
        more: false,
        from: Default::default(),
        to: Default::default(),
        after: Default::default(),
        up_to: Default::default(),
        total: 1,
    };
    let bytes = datagram(Kind::Page, 0, |b| {
        PageMessage::emit_head(Default::default(), 1, b);
        info.emit(b);
        put_tlv(b, 0x31, |b| {
            b.extend_from_slice(&[0; 33]);
            b.extend_from_slice(tlvs);
        });
    });
    let (problem, at) = fault(&bytes);
    (problem, at - (PageMessage::OVERHEAD - TAG_LEN + 3))
}

#[test]
fn faults_inside_an_entry_are_found_where_they_are() {
    shows!("R-FMT-07", "R-FMT-08");
    let names = Content::new(name("a"), name("b")).to_bytes();
    let with = |more: &[(u8, &[u8])]| {
        let mut tlvs = names.clone();
        more.iter().for_each(|(code, value)| put_bytes(&mut tlvs, *code, value));
        fault_in_entry(&tlvs)
    };
    let behind = 33 + names.len();
    assert_eq!(fault_in_entry(&[]), (Problem::Missing("USER-NAME"), 33));
    assert_eq!(with(&[(0x8e, b"later")]), (Problem::CriticalTlv(0x0e), behind + 3));
    assert_eq!(with(&[(0xc0, b"later")]), (Problem::CriticalTlv(0x40), behind + 3));
    assert_eq!(with(&[(0x36, &[4, 10, 0, 0, 1, 0])]), (Problem::Truncated("ADDRESS"), behind + 3 + 6));
    assert_eq!(with(&[(0x37, &[0; 71])]), (Problem::Truncated("SIGNATURE"), behind + 3 + 71));
    assert_eq!(with(&[(0x37, &[0; 73])]), (Problem::Leftover, behind + 3 + 72));
    assert_eq!(with(&[(0x40, b""), (0xc1, b"")]), (Problem::CriticalTlv(0x41), behind + 3 + 3));
}

#[test]
fn a_page_leaves_what_its_overhead_says() {
    let page = PageMessage {
        push: false,
        incarnation: Default::default(),
        number: 0,
        changes: Changes { info: changes(&content().to_bytes()).info, items: Vec::new() },
    };
    assert_eq!(datagram(Kind::Page, 0, |b| page.emit(b)).len(), PageMessage::OVERHEAD);
}
