//! Every message both ways, and every way in which bytes can be wrong.

use std::net::SocketAddr;

use proptest::prelude::*;

use super::tlv::{put_bytes, put_tlv};
use super::*;
use crate::ident::{
    Epoch, Incarnation, InstanceId, Name, RealmId, Revision, ServerId, SessionId, Stamp, UserId,
};
use crate::limits::{BUCKETS, DATAGRAM_MAX, DISCOVER_LEN, HEADER_LEN, SHORT_LEN, TAG_LEN};

const TAG: [u8; TAG_LEN] = [0xa5; TAG_LEN];

fn name(text: &str) -> Name {
    Name::new(text).expect("a name")
}

fn address(text: &str) -> SocketAddr {
    text.parse().expect("an address")
}

fn header(kind: Kind, flags: u8) -> Header {
    Header {
        kind,
        flags,
        epoch: Epoch(1),
        realm: RealmId(0x0102_0304),
        user: UserId([1, 2, 3, 4, 5, 6, 7, 8]),
        session: SessionId(0x1112_1314_1516_1718),
        sequence: 0x2122_2324_2526_2728,
    }
}

/// A whole datagram with a dummy tag.
fn datagram(kind: Kind, flags: u8, emit: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut buf = Vec::new();
    header(kind, flags).emit(&mut buf);
    emit(&mut buf);
    buf.extend_from_slice(&TAG);
    buf
}

fn content() -> Content {
    Content {
        reported: vec![address("10.1.0.5:40001"), address("[2001:db8::5]:40001")],
        ports: Ports { data: 1503, video: 5004, audio: 5006 },
        services: vec![
            Service { kind: name("sip"), port: 5060, transport: Transport::Udp },
            Service { kind: name("web"), port: 443, transport: Transport::Tcp },
        ],
        state: HostState::Participating,
        conference: Some(name("board")),
        fixed: true,
        ..Content::new(name("anna"), name("room 4"))
    }
}

fn hms(id: u64, sender: bool) -> HmsInfo {
    HmsInfo {
        server: ServerId(id),
        primary: id == 1,
        sender,
        name: name("atlas"),
        addresses: vec![address("10.1.0.1:6710"), address("[2001:db8::1]:6710")],
    }
}

fn settings() -> Settings {
    Settings {
        observed: Some(address("192.0.2.7:5555")),
        hms: vec![hms(1, true), hms(2, false)],
        cluster_key: Some([7; 32]),
        realm_name: Some(name("7q2m")),
        check_time_ms: Some(30_000),
        granted: Some(Granted { kind: 1, reason: GrantReason::AsAsked }),
        mode: Some(UpdateMode::OnChange),
        replicated: Some(false),
    }
}

fn changes(content: &[u8]) -> Changes<'_> {
    let user = |n| UserId([n; 8]);
    let entry = Entry {
        head: EntryHead {
            user: user(3),
            revision: Revision(9),
            late: true,
            unconfirmed: false,
            since: 1_700_000_000,
            check_time_s: 30,
            home: ServerId(1),
        },
        content: ContentRef::parse(content, 0).expect("content"),
        address: Some(address("10.1.0.9:40000")),
        signature: Some(Signature { issued: 1_700_000_001, bytes: [9; 64] }),
    };
    let bare = Entry { address: None, signature: None, ..entry };
    let gone = Gone { user: user(2), revision: Revision(8), reason: GoneReason::Leave };
    Changes {
        info: PageInfo {
            kind: PageKind::Delta,
            more: true,
            from: Revision(7),
            to: Revision(10),
            after: user(0),
            up_to: UserId::MAX,
            total: 20,
        },
        items: vec![Item::Gone(gone), Item::Entry(entry), Item::Gone(gone), Item::Entry(bare)],
    }
}

/// Every request with every optional part, as bytes and as the value that they must give.
fn requests(content: &[u8]) -> Vec<(Vec<u8>, Request<'_>)> {
    let reference = ContentRef::parse(content, 0).expect("content");
    let register = Register {
        takeover: true,
        cookie: 1,
        instance: InstanceId(2),
        last_stamp: Stamp(3),
        content_version: 4,
        incarnation: Incarnation(5),
        revision: Revision(6),
        digest: 7,
        content: reference,
        view: View::Group(name("board")),
        push: true,
    };
    let steady = Heartbeat {
        content_version: 1,
        incarnation: Incarnation(2),
        revision: Revision(3),
        digest: 4,
        cookie: None,
        want: false,
        content: None,
    };
    let named = View::Named(vec![UserId([1; 8]), UserId([2; 8])]);
    let full =
        Heartbeat { cookie: Some(9), want: true, content: Some((reference, named, false)), ..steady.clone() };
    let mut buckets = Buckets::NONE;
    buckets.insert(0);
    buckets.insert(127);
    let pull = Pull {
        incarnation: Incarnation(1),
        revision: Revision(2),
        cursor: UserId([3; 8]),
        kind: PullKind::Copy,
        buckets: Some(buckets),
    };
    let find = Find { incarnation: Incarnation(1), cursor: UserId([0; 8]), pattern: Pattern::Prefix("an") };
    vec![
        (datagram(Kind::Init, 0, |b| Init::default().emit(b)), Request::Init(Init::default())),
        (datagram(Kind::Register, register.flags(), |b| register.emit(b)), Request::Register(register)),
        (datagram(Kind::Heartbeat, steady.flags(), |b| steady.emit(b)), Request::Heartbeat(steady)),
        (datagram(Kind::Heartbeat, full.flags(), |b| full.emit(b)), Request::Heartbeat(full)),
        (datagram(Kind::Leave, 0, |b| Leave.emit(b)), Request::Leave(Leave)),
        (datagram(Kind::Pull, 0, |b| pull.emit(b)), Request::Pull(pull)),
        (datagram(Kind::Find, 0, |b| find.emit(b)), Request::Find(find)),
        (
            datagram(Kind::Discover, 0, |b| Discover::default().emit(b)),
            Request::Discover(Discover::default()),
        ),
    ]
}

type MakeAnswer = fn(Short) -> Answer<'static>;

/// Every answer with every optional part.
fn answers(content: &[u8]) -> Vec<(Vec<u8>, Answer<'_>)> {
    let short = Short { incarnation: Incarnation(1), number: 2, argument: 3 };
    let registered = Registered {
        incarnation: Incarnation(1),
        number: 2,
        stamp: Stamp(3),
        server: ServerId(4),
        revision: Revision(5),
        content_version: 6,
        check_time_ms: 30_000,
        first_delay_ms: 12_345,
        settings: settings(),
    };
    let ack = Ack {
        want_content: true,
        resync: true,
        equal: false,
        incarnation: Incarnation(1),
        number: 2,
        revision: Revision(3),
        content_version: 4,
        settings: settings(),
        changes: Some(changes(content)),
    };
    let page = PageMessage { push: true, incarnation: Incarnation(1), number: 2, changes: changes(content) };
    let mut buckets = [0; BUCKETS];
    buckets.iter_mut().enumerate().for_each(|(i, b)| *b = i as u64);
    let digests =
        Digests { incarnation: Incarnation(1), number: 2, revision: Revision(3), root: 8128, buckets };
    let offer = Offer {
        primary: true,
        incarnation: Incarnation(1),
        number: 2,
        server: ServerId(1),
        hms: vec![hms(1, true)],
    };
    let mut all = vec![
        (datagram(Kind::Registered, 0, |b| registered.emit(b)), Answer::Registered(registered)),
        (datagram(Kind::Ack, ack.flags(), |b| ack.emit(b)), Answer::Ack(ack)),
        (datagram(Kind::Page, page.flags(), |b| page.emit(b)), Answer::Page(page)),
        (datagram(Kind::Digests, 0, |b| digests.emit(b)), Answer::Digests(Box::new(digests))),
        (datagram(Kind::Offer, offer.flags(), |b| offer.emit(b)), Answer::Offer(offer)),
    ];
    let shorts: [(Kind, MakeAnswer); 7] = [
        (Kind::Left, Answer::Left),
        (Kind::Challenge, Answer::Challenge),
        (Kind::Superseded, Answer::Superseded),
        (Kind::Reregister, Answer::Reregister),
        (Kind::Retry, Answer::Retry),
        (Kind::Redirect, Answer::Redirect),
        (Kind::Reject, Answer::Reject),
    ];
    for (kind, make) in shorts {
        all.push((datagram(kind, 0, |b| short.emit(b)), make(short)));
    }
    all
}

fn verified(bytes: &[u8]) -> Result<Verified<'_>, WireError> {
    Unverified::parse(bytes).map(Unverified::into_verified)
}

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

/// A datagram with more TLVs behind what it lists.
fn extended(bytes: &[u8], more: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut longer = bytes[..bytes.len() - TAG_LEN].to_vec();
    more(&mut longer);
    longer.extend_from_slice(&TAG);
    longer
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
    assert_eq!(fault(&with_names(|b| b.extend_from_slice(&[0x10, 0, 9, 1]))), None, "a torn view");
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
    for wrong in [&b""[..], b" a", b"a\n", &[b'x'; 65]] {
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

#[test]
fn mapped_addresses_are_written_as_ipv4_and_refused_otherwise() {
    let mut buf = Vec::new();
    emit_address(&mut buf, address("[::ffff:10.0.0.1]:9"));
    assert_eq!(buf, [4, 10, 0, 0, 1, 0, 9]);
    let mut mapped = vec![6];
    mapped.extend_from_slice(&"::ffff:10.0.0.1".parse::<std::net::Ipv6Addr>().expect("an address").octets());
    mapped.extend_from_slice(&[0, 9]);
    assert_eq!(parse_address(&mapped), None);
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
