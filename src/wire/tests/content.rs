//! Content and TLVs: what is kept, what is refused, and which TLV is at fault.

use super::samples::*;
use crate::ident::Revision;
use crate::limits::SHORT_LEN;
use crate::wire::tlv::{Tlvs, put_bytes, put_tlv};
use crate::wire::*;

#[test]
fn content_without_a_view_asks_for_none() {
    shows!("R-FMT-17");
    let content = content().to_bytes();
    let bytes = datagram(Kind::Register, 0, |b| {
        b.extend_from_slice(&[0; 44]);
        b.extend_from_slice(&content);
    });
    let Ok(Request::Register(register)) = verified(&bytes).and_then(|v| v.request()) else {
        panic!("no REGISTER")
    };
    assert_eq!((register.view, register.push), (View::None, false));
}

#[test]
fn content_accessors_agree_with_the_values() {
    shows!("R-FMT-11");
    let content = content();
    let bytes = content.to_bytes();
    let reference = ContentRef::parse(&bytes, 0).expect("content");
    assert_eq!(reference.to_content(), Some(content));
    let plain = Content::new(name("a"), name("b")).to_bytes();
    let reference = ContentRef::parse(&plain, 0).expect("content");
    assert_eq!(
        (reference.state(), reference.ports(), reference.fixed()),
        (HostState::Standby, Ports::default(), false)
    );
}

/// Content bytes with the required names and whatever `more` appends.
fn with_names(more: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut bytes = Content::new(name("a"), name("b")).to_bytes();
    more(&mut bytes);
    bytes
}

#[test]
fn unknown_tlvs_are_kept_or_refused() {
    shows!("R-FMT-07", "R-REV-01", "R-REV-02");
    let kept = with_names(|b| put_bytes(b, 0x0e, b"later"));
    assert_eq!(ContentRef::parse(&kept, 0).map(|c| c.as_bytes().len()), Ok(kept.len()));
    let refused = with_names(|b| put_bytes(b, 0x8e, b"later"));
    assert_eq!(ContentRef::parse(&refused, 0).map_err(|e| e.problem), Err(Problem::CriticalTlv(0x0e)));
}

#[test]
fn content_ends_before_the_first_tlv_of_another_kind() {
    shows!("R-FMT-08", "R-FMT-11");
    let last = with_names(|b| put_bytes(b, 0x0f, b"later"));
    assert_eq!(ContentRef::parse(&last, 0).map(|c| c.as_bytes()), Ok(&last[..]));
    let view = with_names(|b| put_bytes(b, 0x10, &[1, 0]));
    assert_eq!(ContentRef::parse(&view, 0).map_err(|e| e.problem), Err(Problem::TlvOrder(0x10)));
}

#[test]
fn tlvs_out_of_order_or_repeated_are_refused() {
    shows!("R-FMT-08", "R-FMT-09");
    let repeated = with_names(|b| put_bytes(b, 0x02, b"again"));
    assert_eq!(ContentRef::parse(&repeated, 0).map_err(|e| e.problem), Err(Problem::TlvOrder(2)));
    let backwards = with_names(|b| {
        put_bytes(b, 0x07, b"board");
        put_bytes(b, 0x06, &[1]);
    });
    assert_eq!(ContentRef::parse(&backwards, 0).map_err(|e| e.problem), Err(Problem::TlvOrder(6)));
    let mut cut = with_names(|b| put_bytes(b, 0x07, b"board"));
    cut.pop();
    assert_eq!(ContentRef::parse(&cut, 0).map_err(|e| e.problem), Err(Problem::Truncated("TLV")));
}

#[test]
fn unknown_tlvs_may_repeat_and_are_kept_as_they_came() {
    shows!("R-FMT-07", "R-FMT-08", "R-REV-02");
    let twice = with_names(|b| [b"1", b"2"].into_iter().for_each(|v| put_bytes(b, 0x09, v)));
    assert_eq!(ContentRef::parse(&twice, 0).map(|c| c.as_bytes()), Ok(&twice[..]));
    let backwards = with_names(|b| [0x0a, 0x09].into_iter().for_each(|code| put_bytes(b, code, b"1")));
    assert_eq!(ContentRef::parse(&backwards, 0).map_err(|e| e.problem), Err(Problem::TlvOrder(9)));
    let known = with_names(|b| (0..2).for_each(|_| put_bytes(b, 0x07, b"board")));
    assert_eq!(ContentRef::parse(&known, 0).map_err(|e| e.problem), Err(Problem::TlvOrder(7)));
}

#[test]
fn every_request_may_end_in_further_tlvs() {
    shows!("R-FMT-07", "R-FMT-13", "R-FMT-14");
    let content = content().to_bytes();
    for (bytes, value) in requests(&content) {
        let padded = bytes[1] == Kind::Discover.code();
        // An unknown one, one that belongs into other messages, and padding.
        let longer = extended(&bytes, |b| {
            if !padded {
                [0x35, 0x36, 0x40, 0x40].into_iter().for_each(|code| {
                    let pattern = code == 0x35 && matches!(value, Request::Find(_));
                    if !pattern {
                        put_bytes(b, code, b"later");
                    }
                });
                put_bytes(b, 0x7f | 0x80, &[0; 30]);
            }
        });
        assert_eq!(verified(&longer).and_then(|v| v.request()).as_ref(), Ok(&value));
        if !padded {
            let critical = extended(&bytes, |b| put_bytes(b, 0xc0, b"later"));
            let problem = verified(&critical).and_then(|v| v.request()).map_err(|e| e.problem);
            assert_eq!(problem, Err(Problem::CriticalTlv(0x40)), "{value:?}");
            let foreign = extended(&bytes, |b| put_bytes(b, 0x80 | 0x36, b"later"));
            let problem = verified(&foreign).and_then(|v| v.request()).map_err(|e| e.problem);
            assert_eq!(problem, Err(Problem::CriticalTlv(0x36)), "{value:?}");
        }
    }
}

#[test]
fn short_answers_end_after_68_bytes() {
    shows!("R-FMT-09");
    let content = content().to_bytes();
    for (bytes, _) in answers(&content).into_iter().filter(|(bytes, _)| bytes.len() == SHORT_LEN) {
        let longer = extended(&bytes, |b| put_bytes(b, 0x40, b""));
        let problem = verified(&longer).and_then(|v| v.answer()).map_err(|e| e.problem);
        assert_eq!(problem, Err(Problem::Leftover));
    }
}

/// The table of 2.3, its last column.
#[test]
fn each_known_tlv_repeats_as_the_table_allows() {
    shows!("R-FMT-07", "R-FMT-08");
    for code in 0x01..=0x7f {
        let known = matches!(code, 0x01..=0x08 | 0x10 | 0x20..=0x27 | 0x30..=0x37 | 0x7f);
        let repeats = !known || matches!(code, 0x05 | 0x21 | 0x31 | 0x32);
        let mut twice = Vec::new();
        (0..2).for_each(|_| put_bytes(&mut twice, code, b"1"));
        let second = Tlvs::new(&twice, 0).nth(1).expect("a second one").map(|tlv| tlv.code);
        let expected = if repeats { Ok(code) } else { Err(Problem::TlvOrder(code)) };
        assert_eq!(second.map_err(|e| e.problem), expected, "{code:#x}");
    }
}

/// What a REGISTER and a content HEARTBEAT with these TLVs make known of the fault: the content TLV, if it is one.
fn fault(tlvs: &[u8]) -> Option<u8> {
    let register = datagram(Kind::Register, 0, |b| {
        b.extend_from_slice(&[0; 44]);
        b.extend_from_slice(tlvs);
    });
    let heartbeat = datagram(Kind::Heartbeat, flag::CONTENT | flag::COOKIE, |b| {
        b.extend_from_slice(&[7; 28]);
        b.extend_from_slice(tlvs);
    });
    let read =
        |bytes: &[u8]| verified(bytes).and_then(|v| v.request().map(|_| ())).expect_err("a fault").content;
    let head = verified(&heartbeat).and_then(|v| v.heartbeat_head().map(|r| matches!(r, Request::Heartbeat(h)
        if h.cookie == Some(0x0707_0707_0707_0707) && h.content.is_none() && h.revision == Revision(0x0707_0707))));
    assert_eq!(head, Ok(true));
    assert_eq!(read(&register), read(&heartbeat));
    read(&register)
}

#[test]
fn a_fault_in_content_names_its_tlv() {
    shows!("R-FMT-09");
    let two = |a: (u8, &[u8]), b: (u8, &[u8])| {
        let mut bytes = Vec::new();
        put_bytes(&mut bytes, a.0, a.1);
        put_bytes(&mut bytes, b.0, b.1);
        bytes
    };
    assert_eq!(fault(&[]), Some(1), "no names");
    assert_eq!(fault(&two((1, b"a"), (7, b"board"))), Some(2), "no host name");
    assert_eq!(fault(&two((1, b"a"), (2, b"b "))), Some(2));
    assert_eq!(fault(&two((2, b"b"), (1, b"a"))), Some(1), "order");
    let after = |code: u8, value: &[u8]| fault(&with_names(|b| put_bytes(b, code, value)));
    for (code, value) in [
        (2, &b"again"[..]),
        (3, b""),
        (3, &[5, 1, 1, 1, 1, 0, 9]),
        (4, &[0; 5]),
        (5, &[1, 0, 9]),
        (6, &[1, 2]),
        (7, &[0xff]),
        (7, "board\u{a0}".as_bytes()),
        (8, &[1]),
    ] {
        assert_eq!(after(code, value), Some(code), "{value:?}");
    }
    assert_eq!(after(0x8e, b"later"), Some(0x0e), "an unknown critical one");
    let mut cut = with_names(|b| put_bytes(b, 7, b"board"));
    cut.pop();
    assert_eq!(fault(&cut), Some(7));
    let services = with_names(|b| (0..17).for_each(|_| put_bytes(b, 0x05, b"\x01\x00\x01x")));
    assert_eq!(fault(&services), Some(5));
    // What is wrong elsewhere is no fault of the content.
    assert_eq!(after(0x10, &[3, 0]), None, "a view of nobody");
    assert_eq!(after(0xc0, b"later"), None);
    let behind_view = |code: u8| {
        fault(&with_names(|b| {
            put_bytes(b, 0x10, &[1, 0]);
            put_bytes(b, code, b"board");
        }))
    };
    assert_eq!((behind_view(0x07), behind_view(0x87), behind_view(0x0f)), (Some(7), Some(7), Some(0x0f)));
    assert_eq!((behind_view(0x10), behind_view(0x90)), (None, None), "a second view");
    assert_eq!(fault(&with_names(|b| b.extend_from_slice(&[0x10, 0, 9, 1]))), None, "a torn view");
}

#[test]
fn the_head_of_a_heartbeat_is_read_whatever_its_content() {
    shows!("R-FMT-09");
    for flags in [flag::CONTENT, flag::CONTENT | flag::COOKIE] {
        let bytes = datagram(Kind::Heartbeat, flags, |b| {
            b.extend_from_slice(&[7; 20]);
            if flags & flag::COOKIE != 0 {
                b.extend_from_slice(&[9; 8]);
            }
            put_bytes(b, 0x02, b"no user name");
        });
        let read = verified(&bytes).expect("a datagram");
        assert_eq!(read.request().map_err(|e| e.content), Err(Some(1)));
        let Ok(Request::Heartbeat(head)) = read.heartbeat_head() else { panic!("no head") };
        assert_eq!(head.cookie, (flags & flag::COOKIE != 0).then_some(0x0909_0909_0909_0909));
        assert_eq!((head.content_version, head.content), (0x0707_0707, None));
    }
    let short = datagram(Kind::Heartbeat, flag::COOKIE, |b| b.extend_from_slice(&[7; 24]));
    let problem = verified(&short).and_then(|v| v.heartbeat_head()).map_err(|e| (e.problem, e.at));
    assert_eq!(problem, Err((Problem::Truncated("HEARTBEAT"), 56)));
    let other = datagram(Kind::Leave, 0, |b| Leave.emit(b));
    let problem = verified(&other).and_then(|v| v.heartbeat_head()).map_err(|e| (e.problem, e.at));
    assert_eq!(problem, Err((Problem::Type(Kind::Leave.code()), 1)));
}

#[test]
fn names_follow_their_rule() {
    shows!("R-FMT-10");
    let problem = |value: &[u8]| {
        let mut bytes = Vec::new();
        put_bytes(&mut bytes, 0x01, value);
        put_bytes(&mut bytes, 0x02, b"host");
        ContentRef::parse(&bytes, 0).err().map(|e| e.problem)
    };
    assert_eq!(problem("Zoë".as_bytes()), None);
    assert_eq!(problem(&[0xff]), Some(Problem::Utf8));
    assert_eq!(problem("辻\u{e0100}".as_bytes()), None);
    let hidden = ["a\u{202e}b", "\u{feff}a", "a\u{200d}", "\u{200c}a"].map(str::as_bytes);
    for wrong in [&b""[..], b" a", b"a\n", &[b'x'; 65]].into_iter().chain(hidden) {
        assert!(matches!(problem(wrong), Some(Problem::Name(_))), "{wrong:?}");
    }
}

#[test]
fn too_much_of_one_kind_is_refused() {
    let services = with_names(|b| (0..17).for_each(|_| put_bytes(b, 0x05, b"\x01\x00\x01x")));
    assert_eq!(ContentRef::parse(&services, 0).map_err(|e| e.problem), Err(Problem::TooMany("SERVICE")));
    let reported = with_names(|b| {
        put_tlv(b, 0x03, |b| (0..9).for_each(|_| emit_address(b, address("10.0.0.1:1"))));
    });
    assert_eq!(ContentRef::parse(&reported, 0).map_err(|e| e.problem), Err(Problem::TooMany("REPORTED")));
}
