//! One or more datagrams of every type, made with the keys of `keys.json`.

use std::net::SocketAddr;

use hms::auth;
use hms::ident::{Incarnation, InstanceId, Name, Revision, ServerId, SessionId, Stamp, UserId};
use hms::limits::BUCKETS;
use hms::wire::*;

use crate::{COOKIE, EPOCH, NONCE, REALM, session, user, user_key};

const INCARNATION: Incarnation = Incarnation(0x0a0b_0c0d);
const SERVER: ServerId = ServerId(0x5e5e_0000_0000_0001);
const STAMP: Stamp = Stamp(0x0000_0001_86a0_0000);

fn name(text: &str) -> Name {
    Name::new(text).expect("a name")
}

fn address(text: &str) -> SocketAddr {
    text.parse().expect("an address")
}

/// Content with every TLV.
pub(crate) fn content() -> Content {
    Content {
        reported: vec![address("10.1.0.5:40000"), address("[2001:db8::5]:40000")],
        ports: Ports { data: 1503, video: 5004, audio: 5006 },
        services: vec![Service { kind: name("sip"), port: 5060, transport: Transport::Udp }],
        state: HostState::Organizing,
        conference: Some(name("board")),
        fixed: true,
        ..Content::new(name("anna"), name("room 4"))
    }
}

fn hms_list() -> Vec<HmsInfo> {
    let one = |server, sender, text: &str, at: &str| HmsInfo {
        server,
        primary: sender,
        sender,
        name: name(text),
        addresses: vec![address(at)],
    };
    vec![
        one(SERVER, true, "atlas", "10.1.0.1:6710"),
        one(ServerId(0x5e5e_0000_0000_0002), false, "osaka", "[2001:db8::2]:6710"),
    ]
}

/// Seals one datagram.
fn make(
    kind: Kind,
    flags: u8,
    key: &'static str,
    sequence: u64,
    emit: impl FnOnce(&mut Vec<u8>),
) -> (&'static str, Vec<u8>) {
    let bare = key == "none";
    let header = Header {
        kind,
        flags,
        epoch: EPOCH,
        realm: REALM,
        user: user(),
        session: if key == "session" { session() } else { SessionId(0) },
        sequence,
    };
    let mut bytes = Vec::new();
    header.emit(&mut bytes);
    emit(&mut bytes);
    match key {
        "user" => auth::seal(&user_key(), &mut bytes),
        "session" => auth::seal(&user_key().session_key(session()), &mut bytes),
        _ => auth::seal_checksum(&mut bytes),
    }
    assert!(bare == (flags & flag::UNAUTHENTICATED != 0));
    (key, bytes)
}

/// Content with TLVs of a later version: kept, passed on and digested as they came.
fn extended(content: ContentRef<'_>) -> Vec<u8> {
    let mut bytes = content.as_bytes().to_vec();
    bytes.extend_from_slice(&[0x09, 0, 2, b'n', b'1', 0x09, 0, 2, b'n', b'2', 0x0e, 0, 0]);
    bytes
}

fn pull(kind: PullKind, buckets: Option<Buckets>) -> Pull {
    let cursor = if kind == PullKind::Copy { UserId([0x20; 8]) } else { UserId::default() };
    Pull { incarnation: INCARNATION, revision: Revision(41), cursor, kind, buckets }
}

fn requests(content: &[u8]) -> Vec<(&'static str, &'static str, Vec<u8>)> {
    let content = ContentRef::parse(content, 0).expect("content");
    let register = Register {
        takeover: true,
        cookie: COOKIE,
        instance: InstanceId(0x1111_2222_3333_4444),
        last_stamp: STAMP,
        content_version: 1,
        incarnation: Incarnation(0),
        revision: Revision(0),
        digest: 0,
        content,
        view: View::Realm,
        push: true,
    };
    let extended = extended(content);
    let grouped = Register {
        takeover: false,
        last_stamp: Stamp(0),
        content: ContentRef::trusted(&extended),
        view: View::Group(name("board")),
        push: false,
        ..register.clone()
    };
    let steady = Heartbeat {
        content_version: 1,
        incarnation: INCARNATION,
        revision: Revision(41),
        digest: 0x0102_0304_0506_0708,
        cookie: None,
        want: false,
        content: None,
    };
    let echo = Heartbeat { cookie: Some(COOKIE), revision: Revision(0), ..steady.clone() };
    let group = Heartbeat {
        content_version: 2,
        content: Some((content, View::Group(name("board")), true)),
        ..steady.clone()
    };
    let named = View::Named(vec![UserId([1; 8]), UserId([2; 8])]);
    let wanted = Heartbeat { want: true, content: Some((content, named, false)), ..group.clone() };
    let mut buckets = Buckets::NONE;
    [0, 9, 127].into_iter().for_each(|b| buckets.insert(b));
    let find = |pattern| Find { incarnation: INCARNATION, cursor: UserId::default(), pattern };
    let beat = |h: &Heartbeat<'_>, seq| make(Kind::Heartbeat, h.flags(), "session", seq, |b| h.emit(b));
    let rows = [
        ("init", make(Kind::Init, 0, "user", NONCE, |b| Init::default().emit(b))),
        ("register, takeover", make(Kind::Register, register.flags(), "user", NONCE, |b| register.emit(b))),
        ("register with unknown content, group view", {
            make(Kind::Register, grouped.flags(), "user", NONCE, |b| grouped.emit(b))
        }),
        ("heartbeat, steady", beat(&steady, 7)),
        ("heartbeat with an echoed cookie", beat(&echo, 8)),
        ("heartbeat with content and a group view", beat(&group, 9)),
        ("heartbeat that wants changes, named view", beat(&wanted, 10)),
        ("leave", make(Kind::Leave, 0, "session", 11, |b| Leave.emit(b))),
        ("pull, delta", make(Kind::Pull, 0, "session", 12, |b| pull(PullKind::Delta, None).emit(b))),
        ("pull, digests", make(Kind::Pull, 0, "session", 13, |b| pull(PullKind::Digests, None).emit(b))),
        ("pull, copy of three buckets", {
            make(Kind::Pull, 0, "session", 14, |b| pull(PullKind::Copy, Some(buckets)).emit(b))
        }),
        ("find a user", make(Kind::Find, 0, "session", 15, |b| find(Pattern::User("bob")).emit(b))),
        ("find a prefix", make(Kind::Find, 0, "session", 16, |b| find(Pattern::Prefix("ro")).emit(b))),
        ("discover", make(Kind::Discover, 0, "user", NONCE, |b| Discover::default().emit(b))),
    ];
    rows.into_iter().map(|(name, (key, bytes))| (name, key, bytes)).collect()
}

fn changes(content: &[u8], kind: PageKind) -> Changes<'_> {
    let entry = Entry {
        head: EntryHead {
            user: UserId([0x33; 8]),
            revision: Revision(43),
            late: false,
            unconfirmed: false,
            since: 1_700_000_000,
            check_time_s: 30,
            home: SERVER,
        },
        content: ContentRef::parse(content, 0).expect("content"),
        address: Some(address("10.1.0.5:40000")),
        signature: Some(Signature { issued: 1_700_000_000, bytes: [0x77; 64] }),
    };
    let late = EntryHead { late: true, unconfirmed: true, ..entry.head };
    let bare = Entry {
        head: EntryHead { user: UserId([0x44; 8]), ..late },
        address: None,
        signature: None,
        ..entry
    };
    let gone = Gone { user: UserId([0x22; 8]), revision: Revision(42), reason: GoneReason::Leave };
    let items = match kind {
        PageKind::Delta => vec![Item::Gone(gone), Item::Entry(entry)],
        _ => vec![Item::Entry(entry), Item::Entry(bare)],
    };
    let none = PageInfo {
        kind,
        more: false,
        from: Revision(0),
        to: Revision(0),
        after: UserId::default(),
        up_to: UserId::default(),
        total: 20,
    };
    let info = match kind {
        PageKind::Delta => PageInfo { from: Revision(41), to: Revision(43), ..none },
        PageKind::Copy => PageInfo { more: true, to: Revision(43), up_to: UserId([0x44; 8]), ..none },
        PageKind::Find => PageInfo { after: UserId([0x22; 8]), up_to: UserId::MAX, total: 0, ..none },
        _ => PageInfo { to: Revision(43), up_to: UserId::MAX, total: 2, ..none },
    };
    Changes { info, items }
}

fn settings() -> Settings {
    Settings {
        observed: Some(address("192.0.2.7:40000")),
        hms: hms_list(),
        cluster_key: Some([0x44; 32]),
        realm_name: Some(name("7q2m")),
        check_time_ms: None,
        granted: Some(Granted { kind: 1, reason: GrantReason::AsAsked }),
        mode: Some(UpdateMode::OnChange),
        replicated: None,
    }
}

fn answers(content: &[u8]) -> Vec<(&'static str, &'static str, Vec<u8>)> {
    let registered = Registered {
        incarnation: INCARNATION,
        number: 1000,
        stamp: STAMP,
        server: SERVER,
        revision: Revision(41),
        content_version: 1,
        check_time_ms: 30_000,
        first_delay_ms: 12_345,
        settings: settings(),
    };
    let steady = Ack {
        want_content: false,
        resync: false,
        equal: false,
        incarnation: INCARNATION,
        number: 1001,
        revision: Revision(41),
        content_version: 1,
        settings: Settings::default(),
        changes: None,
    };
    let full = Ack {
        want_content: true,
        revision: Revision(43),
        settings: Settings { check_time_ms: Some(60_000), replicated: Some(false), ..Settings::default() },
        changes: Some(changes(content, PageKind::Delta)),
        ..steady.clone()
    };
    let told = Ack { settings: settings(), ..steady.clone() };
    let equal = Ack { equal: true, ..steady.clone() };
    let resync = Ack { resync: true, ..steady.clone() };
    let page = |kind, push| PageMessage {
        push,
        incarnation: INCARNATION,
        number: 1002,
        changes: changes(content, kind),
    };
    let (push, copy) = (page(PageKind::Delta, true), page(PageKind::Copy, false));
    let (find, whole) = (page(PageKind::Find, false), page(PageKind::Whole, false));
    let mut buckets = [0u64; BUCKETS];
    buckets[25] = 5;
    let digests =
        Digests { incarnation: INCARNATION, number: 1003, revision: Revision(43), root: 5, buckets };
    let offer =
        Offer { primary: true, incarnation: INCARNATION, number: 1004, server: SERVER, hms: hms_list() };
    let ack = |a: &Ack<'_>, seq| make(Kind::Ack, a.flags(), "session", seq, |b| a.emit(b));
    let rows = [
        ("registered", make(Kind::Registered, 0, "session", NONCE, |b| registered.emit(b))),
        ("ack, steady", ack(&steady, 7)),
        ("ack that wants the content, with changes", ack(&full, 8)),
        ("ack, equal", ack(&equal, 9)),
        ("ack, resync", ack(&resync, 10)),
        ("ack with settings, after an accepted cookie", ack(&told, 17)),
        ("page, pushed", make(Kind::Page, push.flags(), "session", 0, |b| push.emit(b))),
        ("page, copy", make(Kind::Page, copy.flags(), "session", 14, |b| copy.emit(b))),
        ("page, find", make(Kind::Page, 0, "session", 15, |b| find.emit(b))),
        ("page, whole", make(Kind::Page, 0, "session", 18, |b| whole.emit(b))),
        ("digests", make(Kind::Digests, 0, "session", 13, |b| digests.emit(b))),
        ("offer", make(Kind::Offer, offer.flags(), "user", NONCE, |b| offer.emit(b))),
    ];
    rows.into_iter().map(|(name, (key, bytes))| (name, key, bytes)).collect()
}

fn shorts() -> Vec<(&'static str, &'static str, Vec<u8>)> {
    let short = |kind, key, sequence, argument| {
        let body = Short { incarnation: INCARNATION, number: 1005, argument };
        make(kind, 0, key, sequence, |b| body.emit(b))
    };
    let reject = |code, value| Short::reject_argument(code, value);
    let rows = [
        ("left", short(Kind::Left, "session", 11, 0)),
        ("challenge to an init", short(Kind::Challenge, "user", NONCE, COOKIE)),
        ("challenge to a heartbeat", short(Kind::Challenge, "session", 7, COOKIE)),
        ("superseded", short(Kind::Superseded, "session", 7, STAMP.0 + 1)),
        ("reregister", short(Kind::Reregister, "session", 7, 1500)),
        ("retry", short(Kind::Retry, "user", NONCE, 2500)),
        ("redirect", short(Kind::Redirect, "session", 7, SERVER.0 + 1)),
        ("reject, revoked", short(Kind::Reject, "user", NONCE, reject(RejectCode::Revoked, 0))),
        ("reject to a heartbeat, content", short(Kind::Reject, "session", 9, reject(RejectCode::Content, 7))),
        ("retry to a heartbeat", short(Kind::Retry, "session", 7, 2500)),
        ("reject, full", short(Kind::Reject, "user", NONCE, reject(RejectCode::Full, 60_000))),
    ];
    rows.into_iter().map(|(name, (key, bytes))| (name, key, bytes)).collect()
}

fn bare() -> Vec<(&'static str, &'static str, Vec<u8>)> {
    let hint = Hint::new(HintCode::WrongKey);
    let announce = Announce { server: SERVER, event: AnnounceEvent::Up, port: 6710 };
    let flags = flag::UNAUTHENTICATED;
    let hint = make(Kind::Hint, flags, "none", NONCE, |b| hint.emit(b));
    let mut bytes = Vec::new();
    Header {
        kind: Kind::Announce,
        flags,
        epoch: hms::ident::Epoch(0),
        realm: hms::ident::RealmId(0),
        user: UserId::default(),
        session: SessionId(0),
        sequence: u64::from(INCARNATION.0),
    }
    .emit(&mut bytes);
    announce.emit(&mut bytes);
    auth::seal_checksum(&mut bytes);
    vec![("hint, wrong key", hint.0, hint.1), ("announce, up", "none", bytes)]
}

/// Every sample: name, which key, bytes.
pub(crate) fn all() -> Vec<(&'static str, &'static str, Vec<u8>)> {
    let content = content().to_bytes();
    [requests(&content), answers(&content), shorts(), bare()].concat()
}
