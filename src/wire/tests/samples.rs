//! One datagram of every kind, with every optional part.

use std::net::SocketAddr;

use crate::ident::{
    Epoch, Incarnation, InstanceId, Name, RealmId, Revision, ServerId, SessionId, Stamp, UserId,
};
use crate::limits::{BUCKETS, TAG_LEN};
use crate::wire::*;

pub(super) const TAG: [u8; TAG_LEN] = [0xa5; TAG_LEN];

pub(super) fn name(text: &str) -> Name {
    Name::new(text).expect("a name")
}

pub(super) fn address(text: &str) -> SocketAddr {
    text.parse().expect("an address")
}

pub(super) fn header(kind: Kind, flags: u8) -> Header {
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
pub(super) fn datagram(kind: Kind, flags: u8, emit: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut buf = Vec::new();
    header(kind, flags).emit(&mut buf);
    emit(&mut buf);
    buf.extend_from_slice(&TAG);
    buf
}

/// The same datagram with more behind its body.
pub(super) fn extended(bytes: &[u8], more: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut longer = bytes[..bytes.len() - TAG_LEN].to_vec();
    more(&mut longer);
    longer.extend_from_slice(&TAG);
    longer
}

pub(super) fn content() -> Content {
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

pub(super) fn hms(id: u64, sender: bool) -> HmsInfo {
    HmsInfo {
        server: ServerId(id),
        primary: id == 1,
        sender,
        name: name("atlas"),
        addresses: vec![address("10.1.0.1:6710"), address("[2001:db8::1]:6710")],
    }
}

pub(super) fn settings() -> Settings {
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

pub(super) fn changes(content: &[u8]) -> Changes<'_> {
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

pub(super) fn register(content: &[u8]) -> Register<'_> {
    Register {
        takeover: true,
        cookie: 1,
        instance: InstanceId(2),
        last_stamp: Stamp(3),
        content_version: 4,
        incarnation: Incarnation(5),
        revision: Revision(6),
        digest: 7,
        content: ContentRef::parse(content, 0).expect("content"),
        view: View::Group(name("board")),
        push: true,
    }
}

/// Every request with every optional part, as bytes and as the value that they must give.
pub(super) fn requests(content: &[u8]) -> Vec<(Vec<u8>, Request<'_>)> {
    let reference = ContentRef::parse(content, 0).expect("content");
    let register = register(content);
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

pub(super) type MakeAnswer = fn(Short) -> Answer<'static>;

/// Every answer with every optional part.
pub(super) fn answers(content: &[u8]) -> Vec<(Vec<u8>, Answer<'_>)> {
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

pub(super) fn verified(bytes: &[u8]) -> Result<Verified<'_>, WireError> {
    Unverified::parse(bytes).map(Unverified::into_verified)
}
