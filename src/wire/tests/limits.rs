//! As much as is allowed is taken, one more is refused.

use super::samples::*;
use crate::ident::{Name, UserId};
use crate::limits::{
    BUCKETS, DATAGRAM_MAX, DATAGRAM_MIN, DISCOVER_LEN, HMS_LIST_MAX, NAMED_MAX, REALM_NAME_MAX, REPORTED_MAX,
    SERVICE_KIND_MAX, SERVICES_MAX,
};
use crate::wire::tlv::{put_bytes, put_tlv};
use crate::wire::*;

/// Content with the required names and whatever `more` appends.
fn content_problem(more: impl FnOnce(&mut Vec<u8>)) -> Option<Problem> {
    let mut bytes = Content::new(name("a"), name("b")).to_bytes();
    more(&mut bytes);
    ContentRef::parse(&bytes, 0).err().map(|e| e.problem)
}

/// What is wrong with an ACK that ends in this TLV.
fn ack_problem(code: u8, value: &[u8]) -> Option<Problem> {
    let bytes = datagram(Kind::Ack, 0, |b| {
        b.extend_from_slice(&[0; 20]);
        put_bytes(b, code, value);
    });
    verified(&bytes).and_then(|v| v.answer()).err().map(|e| e.problem)
}

#[test]
fn datagrams_of_48_to_1200_bytes_are_read() {
    shows!("R-FMT-01");
    let problem = |length: usize| {
        let mut bytes = datagram(Kind::Leave, 0, |b| Leave.emit(b));
        bytes.resize(length, 0);
        Unverified::parse(&bytes).err().map(|e| (e.problem, e.at))
    };
    for length in [DATAGRAM_MIN - 1, DATAGRAM_MAX + 1] {
        assert_eq!(problem(length), Some((Problem::Length, length)));
    }
    assert_eq!((problem(DATAGRAM_MIN), problem(DATAGRAM_MAX)), (None, None));
    let bytes = datagram(Kind::Leave, 0, |b| Leave.emit(b));
    let header_only = Unverified::parse(&bytes).expect("a datagram");
    assert_eq!((header_only.len(), header_only.is_empty()), (68, false));
    let whole = verified(&bytes).expect("a datagram");
    assert_eq!((whole.len(), whole.is_empty(), whole.body().len()), (68, false, 20));
}

#[test]
fn a_discover_has_512_bytes_and_versions_in_order() {
    shows!("R-FMT-13");
    let discover = |min: u8, max: u8, length: usize| {
        let mut bytes = datagram(Kind::Discover, 0, |b| {
            b.extend_from_slice(&[min, max]);
            b.resize(b.len() + 18, 0);
            put_bytes(b, 0x7f, &vec![0; length - DATAGRAM_MIN - 20 - 3]);
        });
        assert_eq!(bytes.len(), length);
        bytes[2] = 0;
        verified(&bytes).and_then(|v| v.request().map(|_| ())).map_err(|e| (e.problem, e.at))
    };
    assert_eq!(discover(1, 1, DISCOVER_LEN), Ok(()));
    assert_eq!(discover(1, 9, DISCOVER_LEN + 1), Ok(()));
    assert_eq!(discover(1, 1, DISCOVER_LEN - 1), Err((Problem::Length, DISCOVER_LEN - 1 - DATAGRAM_MIN)));
    assert_eq!(discover(2, 1, DISCOVER_LEN), Err((Problem::Value("versions"), 32)));
}

#[test]
fn content_is_taken_up_to_its_limits() {
    shows!("R-FMT-11");
    let services = |n: usize| content_problem(|b| (0..n).for_each(|_| put_bytes(b, 0x05, b"\x01\x00\x01x")));
    assert_eq!(services(SERVICES_MAX), None);
    assert_eq!(services(SERVICES_MAX + 1), Some(Problem::TooMany("SERVICE")));
    let reported = |n: usize| {
        content_problem(|b| {
            put_tlv(b, 0x03, |b| (0..n).for_each(|_| emit_address(b, address("10.0.0.1:1"))));
        })
    };
    assert_eq!(reported(REPORTED_MAX), None);
    assert_eq!(reported(REPORTED_MAX + 1), Some(Problem::TooMany("REPORTED")));
    let kind = |n: usize| content_problem(|b| put_bytes(b, 0x05, &[&[1, 0, 1][..], &vec![b'x'; n]].concat()));
    assert_eq!(kind(SERVICE_KIND_MAX), None);
    assert!(matches!(kind(SERVICE_KIND_MAX + 1), Some(Problem::Name(_))));
    assert_eq!(content_problem(|b| put_bytes(b, 0x04, &[0; 6])), None);
    for length in [5, 7] {
        assert_eq!(content_problem(|b| put_bytes(b, 0x04, &vec![0; length])), Some(Problem::Value("PORTS")));
    }
}

#[test]
fn content_is_written_up_to_its_limits() {
    let service = Service { kind: name("sip"), port: 1, transport: Transport::Udp };
    let many = Content {
        reported: vec![address("10.0.0.1:1"); REPORTED_MAX + 1],
        services: vec![service; SERVICES_MAX + 1],
        ..Content::new(name("a"), name("b"))
    };
    let bytes = many.to_bytes();
    let read = ContentRef::parse(&bytes, 0).expect("content");
    assert_eq!((read.reported().count(), read.services().count()), (REPORTED_MAX, SERVICES_MAX));
}

/// Canonical content leaves out what is absent.
#[test]
fn what_is_absent_is_not_written() {
    shows!("R-FMT-11");
    let mut names = Vec::new();
    put_bytes(&mut names, 1, b"a");
    put_bytes(&mut names, 2, b"b");
    let plain = Content::new(name("a"), name("b"));
    assert_eq!(plain.to_bytes(), names);
    let ports = Content { ports: Ports { audio: 7, ..Ports::default() }, ..plain.clone() };
    assert_eq!(ports.to_bytes(), [&names[..], &[4, 0, 6, 0, 0, 0, 0, 0, 7]].concat());
    let state = Content { state: HostState::Organizing, ..plain };
    assert_eq!(state.to_bytes(), [&names[..], &[6, 0, 1, 3]].concat());
}

#[test]
fn a_view_names_1_to_64_users() {
    let view = |kind: u8, value: &[u8]| {
        let content = content().to_bytes();
        let bytes = datagram(Kind::Register, 0, |b| {
            b.extend_from_slice(&[0; 44]);
            b.extend_from_slice(&content);
            put_bytes(b, 0x10, &[&[kind, 0], value].concat());
        });
        let read = verified(&bytes).and_then(|v| v.request());
        match read {
            Ok(Request::Register(register)) => Ok(register.view),
            Ok(other) => panic!("{other:?}"),
            Err(error) => Err(error.problem),
        }
    };
    let users = |n: usize| View::Named(vec![UserId([7; 8]); n]);
    assert_eq!(view(3, &[7; 8]), Ok(users(1)));
    assert_eq!(view(3, &[7; 8 * NAMED_MAX]), Ok(users(NAMED_MAX)));
    assert_eq!(view(3, &[7; 8 * NAMED_MAX + 8]), Err(Problem::TooMany("named users")));
    for wrong in [0, 7, 9] {
        assert_eq!(view(3, &vec![7; wrong]), Err(Problem::Value("VIEW")));
    }
    assert_eq!((view(0, &[]), view(1, &[])), (Ok(View::None), Ok(View::Realm)));
    for kind in [0, 1] {
        assert_eq!(view(kind, &[0]), Err(Problem::Leftover));
    }
    assert_eq!(view(2, b"board"), Ok(View::Group(name("board"))));
    assert_eq!(view(2, &[0xff]), Err(Problem::Utf8));
    assert!(matches!(view(2, b""), Err(Problem::Name(_))));
    assert_eq!(view(9, b"later"), Ok(View::Unknown(9)));
}

#[test]
fn every_view_has_its_code() {
    let views = [
        View::None,
        View::Realm,
        View::Group(name("board")),
        View::Named(vec![UserId([1; 8]); NAMED_MAX + 1]),
        View::Unknown(9),
    ];
    assert_eq!(views.each_ref().map(View::code), [0, 1, 2, 3, 9]);
    let content = content().to_bytes();
    for view in views {
        let register = Register { view: view.clone(), ..register(&content) };
        let bytes = datagram(Kind::Register, 0, |b| register.emit(b));
        let Ok(Request::Register(read)) = verified(&bytes).and_then(|v| v.request()) else {
            panic!("no REGISTER")
        };
        match view {
            View::Named(_) => assert_eq!(read.view, View::Named(vec![UserId([1; 8]); NAMED_MAX])),
            other => assert_eq!(read.view, other),
        }
    }
}

#[test]
fn an_answer_lists_up_to_16_hms_with_up_to_8_addresses() {
    let offer = |hms: Vec<HmsInfo>| Offer {
        primary: false,
        incarnation: Default::default(),
        number: 1,
        server: Default::default(),
        hms,
    };
    let small = HmsInfo { addresses: Vec::new(), ..hms(1, false) };
    let large = HmsInfo { addresses: vec![address("10.0.0.1:1"); 9], ..hms(1, false) };
    let bytes = datagram(Kind::Offer, 0, |b| {
        offer([vec![large], vec![small.clone(); HMS_LIST_MAX]].concat()).emit(b);
    });
    let Ok(Answer::Offer(read)) = verified(&bytes).and_then(|v| v.answer()) else { panic!("no OFFER") };
    assert_eq!((read.hms.len(), read.hms[0].addresses.len()), (HMS_LIST_MAX, 8));
    assert_eq!(read.hms[1], small);

    // One more than that is not written, and refused when somebody else writes it.
    let mut value = Vec::new();
    value.extend_from_slice(&[0, 0, 0, 0, 0, 0, 0, 1, 0, 1, b'x']);
    let more = |bytes: &[u8]| extended(bytes, |b| put_bytes(b, 0x21, &value));
    let problem = |bytes: &[u8]| verified(bytes).and_then(|v| v.answer()).err().map(|e| e.problem);
    assert_eq!(problem(&more(&bytes)), Some(Problem::TooMany("HMS")));
    let settings = Settings { hms: vec![small; HMS_LIST_MAX + 1], ..Settings::default() };
    let ack = datagram(Kind::Ack, 0, |b| {
        b.extend_from_slice(&[0; 20]);
        settings.emit(b);
    });
    let Ok(Answer::Ack(read)) = verified(&ack).and_then(|v| v.answer()) else { panic!("no ACK") };
    assert_eq!(read.settings.hms.len(), HMS_LIST_MAX);
    assert_eq!(problem(&more(&ack)), Some(Problem::TooMany("HMS")));

    for (addresses, expected) in [(8, None), (9, Some(Problem::TooMany("addresses")))] {
        let mut value = value.clone();
        (0..addresses).for_each(|_| emit_address(&mut value, address("10.0.0.1:1")));
        assert_eq!(ack_problem(0x21, &value), expected);
    }
    assert!(matches!(ack_problem(0x21, &[0; 10]), Some(Problem::Name(_))), "an HMS without a name");
    value[10] = 0xff;
    assert_eq!(ack_problem(0x21, &value), Some(Problem::Utf8));
}

#[test]
fn settings_have_the_lengths_of_the_table() {
    shows!("R-FMT-08");
    for (code, length, what) in [(0x22, 32, "CLUSTER-KEY"), (0x25, 2, "GRANTED"), (0x26, 1, "MODE")] {
        assert_eq!(ack_problem(code, &vec![1; length]), None);
        for wrong in [length - 1, length + 1] {
            assert_eq!(ack_problem(code, &vec![1; wrong]), Some(Problem::Value(what)));
        }
    }
    assert_eq!((ack_problem(0x27, &[0]), ack_problem(0x27, &[1])), (None, None));
    for wrong in [&[2][..], &[], &[0, 0]] {
        assert_eq!(ack_problem(0x27, wrong), Some(Problem::Value("REPLICATED")));
    }
    assert_eq!(ack_problem(0x24, &[0; 3]), Some(Problem::Truncated("CHECK-TIME")));
    assert_eq!(ack_problem(0x24, &[0; 5]), Some(Problem::Leftover));
    assert_eq!(ack_problem(0x23, &[b'x'; REALM_NAME_MAX]), None);
    assert!(matches!(ack_problem(0x23, &[b'x'; REALM_NAME_MAX + 1]), Some(Problem::Name(_))));
}

#[test]
fn a_pattern_has_up_to_64_bytes_and_a_known_kind() {
    let find = |value: &[u8]| {
        let bytes = datagram(Kind::Find, 0, |b| {
            b.extend_from_slice(&[0; 20]);
            put_bytes(b, 0x35, value);
        });
        verified(&bytes).and_then(|v| v.request().map(|_| ())).map_err(|e| e.problem)
    };
    let kind = |kind: u8, length: usize| find(&[&[kind][..], &vec![b'x'; length]].concat());
    assert_eq!((kind(1, Name::MAX), kind(2, Name::MAX), kind(2, 0)), (Ok(()), Ok(()), Ok(())));
    assert_eq!(kind(1, Name::MAX + 1), Err(Problem::Value("PATTERN")));
    assert_eq!((kind(0, 1), kind(3, 1)), (Err(Problem::Value("PATTERN")), Err(Problem::Value("PATTERN"))));
    assert_eq!(find(&[]), Err(Problem::Truncated("PATTERN")));
    assert_eq!(find(&[1, 0xff]), Err(Problem::Utf8));
    let exact =
        Find { incarnation: Default::default(), cursor: UserId([9; 8]), pattern: Pattern::User("Zoë") };
    let bytes = datagram(Kind::Find, 0, |b| exact.emit(b));
    assert_eq!(verified(&bytes).and_then(|v| v.request()), Ok(Request::Find(exact)));
}

#[test]
fn buckets_and_digests_are_whole() {
    let pull = |length: usize| {
        let bytes = datagram(Kind::Pull, 0, |b| {
            b.extend_from_slice(&[0; 20]);
            put_bytes(b, 0x34, &vec![0; length]);
        });
        verified(&bytes).and_then(|v| v.request().map(|_| ())).map_err(|e| e.problem)
    };
    assert_eq!(pull(BUCKETS / 8), Ok(()));
    for wrong in [0, BUCKETS / 8 - 1, BUCKETS / 8 + 1] {
        assert_eq!(pull(wrong), Err(Problem::Value("BUCKETS")));
    }
    let digests = |length: usize| {
        let bytes = datagram(Kind::Digests, 0, |b| {
            b.extend_from_slice(&[0; 24]);
            put_bytes(b, 0x33, &vec![0; length]);
        });
        verified(&bytes).and_then(|v| v.answer().map(|_| ())).map_err(|e| e.problem)
    };
    assert_eq!(digests(8 * BUCKETS), Ok(()));
    assert_eq!(digests(8 * BUCKETS - 1), Err(Problem::Truncated("DIGESTS")));
    assert_eq!(digests(8 * BUCKETS + 1), Err(Problem::Leftover));
}
