//! Every message both ways, and every way in which bytes can be wrong.

mod content;
mod flags;
mod limits;
mod offsets;
mod samples;
mod texts;

use proptest::prelude::*;

use super::*;
use crate::ident::{Incarnation, RealmId, Revision, ServerId};
use crate::limits::{DATAGRAM_MAX, DISCOVER_LEN, HEADER_LEN, SHORT_LEN};
use samples::*;

#[test]
fn requests_both_ways() {
    shows!("R-FMT-11", "R-FMT-13");
    let content = content().to_bytes();
    for (bytes, value) in requests(&content) {
        let read = verified(&bytes).and_then(|v| v.request());
        assert_eq!(read.as_ref(), Ok(&value));
        assert!(bytes.len() <= DATAGRAM_MAX);
    }
}

#[test]
fn answers_both_ways() {
    let content = content().to_bytes();
    for (bytes, value) in answers(&content) {
        let datagram = verified(&bytes).expect("a header");
        assert!(datagram.header().kind.is_response(), "{}", datagram.header().kind);
        assert_eq!(datagram.answer().as_ref(), Ok(&value));
        assert_eq!(value.origin(), (Incarnation(1), 2));
    }
}

#[test]
fn lengths_are_those_of_the_specification() {
    shows!("R-FMT-12", "R-FMT-13");
    let content = content().to_bytes();
    let length = |kind: Kind| {
        let all = requests(&content)
            .into_iter()
            .map(|(b, _)| b)
            .chain(answers(&content).into_iter().map(|(b, _)| b));
        all.filter(|b| b[1] == kind.code()).map(|b| b.len()).next()
    };
    for kind in
        [Kind::Init, Kind::Heartbeat, Kind::Leave, Kind::Pull, Kind::Challenge, Kind::Reject, Kind::Left]
    {
        let extra = if kind == Kind::Pull { 19 } else { 0 };
        assert_eq!(length(kind), Some(SHORT_LEN + extra), "{kind}");
    }
    assert_eq!(length(Kind::Discover), Some(DISCOVER_LEN));
    let heartbeat = Heartbeat {
        content_version: 1,
        incarnation: Incarnation(1),
        revision: Revision(1),
        digest: 1,
        cookie: Some(1),
        want: false,
        content: None,
    };
    assert_eq!(datagram(Kind::Heartbeat, heartbeat.flags(), |b| heartbeat.emit(b)).len(), SHORT_LEN + 8);
}

#[test]
fn the_header_is_laid_out_as_drawn() {
    let bytes = datagram(Kind::Heartbeat, 0, |b| b.extend_from_slice(&[0; 20]));
    let expected = [
        &[1, 3, 0, 1][..],
        &[1, 2, 3, 4],
        &[1, 2, 3, 4, 5, 6, 7, 8],
        &[0x11, 0x12, 0x13, 0x14, 0x15, 0x16, 0x17, 0x18],
        &[0x21, 0x22, 0x23, 0x24, 0x25, 0x26, 0x27, 0x28],
    ]
    .concat();
    assert_eq!(bytes[..HEADER_LEN], expected);
}

#[test]
fn the_tag_covers_all_that_stands_before_it() {
    let bytes = datagram(Kind::Leave, 0, |b| Leave.emit(b));
    let datagram = Unverified::parse(&bytes).expect("a datagram");
    assert_eq!((datagram.signed(), datagram.tag()), (&bytes[..52], &TAG[..]));
    assert_eq!((datagram.body(), datagram.into_verified().body()), (&bytes[32..52], &bytes[32..52]));
}

#[test]
fn an_answer_has_the_names_and_the_sequence_of_what_it_answers() {
    shows!("R-FMT-04", "R-FMT-05");
    let asked = header(Kind::Register, flag::TAKEOVER);
    let answer = asked.answer(Kind::Challenge);
    assert_eq!(answer, Header { kind: Kind::Challenge, flags: 0, ..asked });
}

#[test]
fn wrong_headers_are_named() {
    shows!("R-FMT-01", "R-FMT-02", "R-FMT-05", "R-FMT-06", "R-FMT-20");
    let good = datagram(Kind::Leave, 0, |b| Leave.emit(b));
    let reason = |change: fn(&mut Vec<u8>)| {
        let mut bytes = good.clone();
        change(&mut bytes);
        Unverified::parse(&bytes).err().map(|e| e.reason())
    };
    assert_eq!(reason(|_| {}), None);
    assert_eq!(reason(|b| b.truncate(47)), Some("length"));
    assert_eq!(reason(|b| b.resize(1201, 0)), Some("length"));
    assert_eq!(reason(|b| b[0] = 2), Some("version"));
    assert_eq!(reason(|b| b[1] = 0x55), Some("type"));
    assert_eq!(reason(|b| b[2] = 0x40), Some("flags"));
    assert_eq!(reason(|b| b[2] = 0x01), Some("flags"));
    let mut other_version = good.clone();
    other_version[0] = 9;
    let (version, header) = Unverified::parse_any_version(&other_version).expect("the invariant part");
    assert_eq!((version, header.header().realm), (9, RealmId(0x0102_0304)));
}

#[test]
fn every_prefix_and_every_bit_flip_is_read_without_panic() {
    let content = content().to_bytes();
    let requests = requests(&content).into_iter().map(|(b, _)| b);
    let all: Vec<Vec<u8>> = requests.chain(answers(&content).into_iter().map(|(b, _)| b)).collect();
    let read = |bytes: &[u8]| {
        let Ok(datagram) = verified(bytes) else { return };
        let _ = (datagram.request().is_ok(), datagram.answer().is_ok());
    };
    for bytes in &all {
        (0..bytes.len()).for_each(|end| read(&bytes[..end]));
        for bit in 0..bytes.len() * 8 {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            read(&flipped);
        }
    }
}

#[test]
fn mapped_addresses_are_written_as_ipv4_and_refused_otherwise() {
    shows!("R-FMT-18");
    let mut buf = Vec::new();
    emit_address(&mut buf, address("[::ffff:10.0.0.1]:9"));
    assert_eq!(buf, [4, 10, 0, 0, 1, 0, 9]);
    let mut mapped = vec![6];
    mapped.extend_from_slice(&"::ffff:10.0.0.1".parse::<std::net::Ipv6Addr>().expect("an address").octets());
    mapped.extend_from_slice(&[0, 9]);
    assert_eq!(parse_address(&mapped), None);
}

#[test]
fn addresses_both_ways() {
    for text in ["10.0.0.1:9", "0.0.0.0:0", "255.255.255.255:65535", "[2001:db8::5]:40001", "[::]:0"] {
        let mut buf = Vec::new();
        emit_address(&mut buf, address(text));
        assert_eq!(parse_address(&buf), Some((&[][..], address(text))));
        for end in 0..buf.len() {
            assert_eq!(parse_address(&buf[..end]), None, "{end} bytes of {text}");
        }
        buf.extend_from_slice(b"rest");
        assert_eq!(parse_address(&buf), Some((&b"rest"[..], address(text))));
    }
    assert_eq!(parse_address(&[5, 10, 0, 0, 1, 0, 9]), None);
}

#[test]
fn unknown_codes_are_kept() {
    shows!("R-REV-01");
    assert_eq!(HostState::from_code(77).code(), 77);
    assert_eq!(GoneReason::from_code(77), GoneReason::Unknown(77));
    let short = Short {
        incarnation: Incarnation(1),
        number: 1,
        argument: Short::reject_argument(RejectCode::Full, 5000),
    };
    assert_eq!(short.reject(), (RejectCode::Full, 5000));
    let kinds: Vec<u8> = Kind::ALL.iter().map(|k| k.code()).collect();
    assert!(kinds.is_sorted());
}

#[test]
fn hints_and_announcements_both_ways() {
    shows!("R-FMT-02");
    let hint = Hint::new(HintCode::WrongKey);
    let bytes = datagram(Kind::Hint, flag::UNAUTHENTICATED, |b| hint.emit(b));
    assert_eq!(bytes.len(), 52);
    assert_eq!(Unverified::parse(&bytes).and_then(|d| Hint::parse(&d)), Ok(hint));
    let announce = Announce { server: ServerId(5), event: AnnounceEvent::Stopping, port: 6710 };
    let bytes = datagram(Kind::Announce, flag::UNAUTHENTICATED, |b| announce.emit(b));
    assert_eq!(bytes.len(), 60);
    assert_eq!(Unverified::parse(&bytes).and_then(|d| Announce::parse(&d)), Ok(announce));
    for kind in [Kind::Hint, Kind::Announce] {
        let unflagged = datagram(kind, 0, |b| announce.emit(b));
        assert_eq!(Unverified::parse(&unflagged).map_err(|e| e.reason()).err(), Some("flags"));
    }
}

proptest! {
    #[test]
    fn random_bytes_are_read_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200), kind in any::<u8>()) {
        let mut datagram = Vec::new();
        header(Kind::from_code(kind), 0).emit(&mut datagram);
        datagram.extend_from_slice(&bytes);
        datagram.extend_from_slice(&TAG);
        if let Ok(datagram) = verified(&datagram) {
            let _ = (datagram.request().is_ok(), datagram.answer().is_ok());
        }
    }

    #[test]
    fn what_is_read_is_written_again(bytes in proptest::collection::vec(any::<u8>(), 1..120)) {
        if let Some((rest, address)) = parse_address(&bytes) {
            let mut again = Vec::new();
            emit_address(&mut again, address);
            prop_assert_eq!(&bytes[..bytes.len() - rest.len()], &again[..]);
        }
    }
}
