//! One message of every type, with every TLV that it may have.

use std::net::SocketAddr;

use crate::ident::{
    Epoch, Generation, Incarnation, InstanceId, LineId, Name, Order, Process, RealmId, ServerId, SessionId,
    Stamp, UserId,
};
use crate::limits::SUM_BUCKETS;
use crate::wire::peer::*;
use crate::wire::{Content, ContentRef, HostState, View};

pub(super) fn address(text: &str) -> SocketAddr {
    text.parse().expect("an address")
}

pub(super) fn process(n: u64) -> Process {
    Process { server: ServerId(0x5e00 + n), incarnation: Incarnation(0x1c00 + n as u32) }
}

pub(super) fn home(n: u64) -> Home {
    Home { process: process(n), age_ms: 1000 * n as u32 }
}

pub(super) fn intro_head() -> IntroHead {
    IntroHead {
        min_version: 1,
        max_version: 2,
        phase: Phase::Operating,
        line: Some(LineId(0x1111_2222_3333_4444)),
        age_ms: 3_600_000,
        joined_at_ms: 4000,
        founded: 1_700_000_000,
        clock: Stamp(0x0000_0001_86a0_0000),
        facts: 0x0102_0304_0506_0708,
        timing: Timing { check_ms: 30_000, exchange_ms: 5000, expiry_thousandths: 2500 },
    }
}

pub(super) fn own(text: &str, used_by: AddressUse) -> OwnAddress {
    OwnAddress { used_by, address: address(text) }
}

fn intro() -> Vec<u8> {
    let addresses = [own("10.1.0.1:6710", AddressUse::Hosts), own("[2001:db8::1]:6710", AddressUse::Peers)];
    let mut bytes = Vec::new();
    let name = Name::new("atlas").expect("a name");
    intro_head().emit(&name, &addresses, &[LineId(7), LineId(8)], &mut bytes);
    bytes
}

pub(super) fn ping_head() -> PingHead {
    PingHead { phase: Phase::Synchronising, heard_ms: 1999, clock: Stamp(0x10_0000), facts: 9 }
}

pub(super) fn neighbour(n: u64) -> Neighbour {
    let (phase, line) = (Phase::Operating, Some(LineId(0x1111_2222_3333_4444)));
    Neighbour { process: process(n), phase, line, joined_at_ms: n }
}

fn ping() -> Vec<u8> {
    let mut bytes = Vec::new();
    let unseated = Neighbour { phase: Phase::Starting, line: None, joined_at_ms: 0, ..neighbour(2) };
    ping_head().emit([neighbour(1), unseated], &mut bytes);
    bytes
}

pub(super) fn mark(state: FactState) -> Mark {
    Mark { stamp: Stamp(0x1234_0000), state, by: ServerId(0x5e01) }
}

pub(super) fn facts() -> [Fact<'static>; 7] {
    let (realm, user) = (RealmId(0x1a2b_3c4d), UserId([0xa5; 8]));
    let member = MemberFact { server: ServerId(0x5e02), mark: mark(FactState::There), name: "osaka" };
    let (registered, removed) = (mark(FactState::There), mark(FactState::Removed));
    let acme = RealmFact { realm, epoch: Epoch(1), mark: registered, secret: &[0x33; 32], name: "acme" };
    let revoked = GenerationFact {
        realm,
        user,
        generation: Generation(0x2345_0000),
        previous: Generation(0),
        name: Some("anna"),
    };
    [
        Fact::Member(member),
        Fact::Address(AddressFact {
            mark: registered,
            server: Some(ServerId(0x5e02)),
            address: address("10.1.0.2:6710"),
        }),
        Fact::Address(AddressFact { mark: removed, server: None, address: address("[2001:db8::9]:0") }),
        Fact::Realm(acme),
        Fact::Realm(RealmFact { epoch: Epoch(2), mark: removed, secret: &[0; 32], ..acme }),
        Fact::Generation(revoked),
        Fact::Generation(GenerationFact { user: UserId([0xa6; 8]), name: None, ..revoked }),
    ]
}

fn facts_message() -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut writer = FactsWriter::begin(&mut bytes);
    assert!(facts().iter().all(|fact| writer.fact(fact)));
    writer.end(true, 12);
    bytes
}

pub(super) fn content() -> Vec<u8> {
    let name = |text| Name::new(text).expect("a name");
    Content { state: HostState::Organizing, ..Content::new(name("anna"), name("room 4")) }.to_bytes()
}

pub(super) fn row_head() -> RowHead {
    RowHead {
        realm: RealmId(0x1a2b_3c4d),
        user: UserId([0xa1, 0xa2, 0xa3, 0xa4, 0xa5, 0xa6, 0xa7, 0xa8]),
        order: Order {
            generation: Generation(1),
            stamp: Stamp(2),
            server: ServerId(3),
            session: SessionId(4),
        },
        instance: InstanceId(5),
        since: 6,
        epoch: Epoch(7),
        content_version: 8,
        place: Place { sequence: 9, late: false, check_ms: 30_000, address: Some(address("10.1.0.9:40000")) },
    }
}

/// The value of a ROW.
pub(super) fn row_bytes(head: &RowHead, view: &View, push: bool) -> Vec<u8> {
    let mut bytes = Vec::new();
    head.emit(&content(), view, push, &mut bytes);
    bytes
}

/// Three rows: of each family of addresses, and without one; with each kind of view, and none.
pub(super) fn rows() -> [Vec<u8>; 3] {
    let plain = row_head();
    let lost = RowHead { place: Place { late: true, address: None, ..plain.place }, ..plain };
    let six = Place { address: Some(address("[2001:db8::5]:40001")), ..plain.place };
    let named = View::Named(vec![UserId([1; 8]), UserId([2; 8])]);
    [
        row_bytes(&plain, &View::Realm, true),
        row_bytes(&lost, &View::None, false),
        row_bytes(&RowHead { place: six, ..plain }, &named, false),
    ]
}

pub(super) fn gone(ending: Ending) -> Gone {
    let head = row_head();
    Gone {
        realm: head.realm,
        user: head.user,
        order: head.order,
        ending,
        sequence: 10,
        forgotten_ms: 285_000,
    }
}

pub(super) fn root() -> Root {
    Root { home: process(1), rows: 2, digest: 0xfedc_ba98_7654_3210 }
}

fn delta() -> Vec<u8> {
    let rows = rows();
    let [first, second, third] = rows.each_ref().map(|bytes| Row::parse(bytes, 0).expect("a row"));
    let mut bytes = Vec::new();
    let mut writer = DeltaWriter::begin(&mut bytes);
    assert!(writer.row(home(1), &first) && writer.row(home(1), &second));
    assert!(writer.gone(home(1), &gone(Ending::Leave)) && writer.row(home(2), &third));
    assert!(writer.gone(home(2), &gone(Ending::Expiry)) && writer.root(&root()));
    writer.end(true, false, 77);
    bytes
}

pub(super) fn cursor(realm: u32, user: u8) -> Cursor {
    Cursor { realm: RealmId(realm), user: UserId([user; 8]) }
}

fn page() -> Vec<u8> {
    let rows = rows();
    let mut bytes = Vec::new();
    let mut writer = PageWriter::begin(&mut bytes);
    assert!(writer.row(home(1), &Row::parse(&rows[0], 0).expect("a row")));
    assert!(writer.gone(home(1), &gone(Ending::Leave)));
    writer.end(5, cursor(1, 2), Cursor::END);
    bytes
}

fn buckets() -> Vec<u8> {
    let mut digests = [0; SUM_BUCKETS];
    digests.iter_mut().enumerate().for_each(|(at, digest)| *digest = at as u64 + 1);
    let mut bytes = Vec::new();
    Buckets::write(process(1), &digests, &mut bytes);
    bytes
}

pub(super) fn wanted() -> BucketMap {
    let mut map = BucketMap::NONE;
    [0, 9, 4095].into_iter().for_each(|bucket| map.insert(bucket));
    map
}

/// What has no lists, as values.
pub(super) fn plain() -> Vec<PeerMessage<'static>> {
    let line = LineId(0x1111_2222_3333_4444);
    let twin = Twin {
        phase: Phase::Operating,
        incarnation: Incarnation(0x0a0b_0c0d),
        line: Some(line),
        age_ms: 5,
        joined_at_ms: 6,
    };
    let wanted: &'static BucketMap = Box::leak(Box::new(wanted()));
    vec![
        PeerMessage::Refuse(Refuse { code: RefuseCode::Twin, twin: Some(twin), reason: Some("a twin") }),
        PeerMessage::Refuse(Refuse { code: RefuseCode::Removed, twin: None, reason: None }),
        PeerMessage::Join(Join { line }),
        PeerMessage::Seat(Seat { line, age_ms: 1, joined_at_ms: 2, founded: 3 }),
        PeerMessage::Admit(Admit { cluster_secret: &[0x11; 32], key_seed: &[0x66; 32] }),
        PeerMessage::Stored(Stored { on_disk: true, number: 12 }),
        PeerMessage::Resume(Resume { revision: 13 }),
        PeerMessage::Confirm(Confirm { revision: 14 }),
        PeerMessage::Compare(Compare { home: process(1) }),
        PeerMessage::Fetch(Fetch { home: process(1), number: 5, after: cursor(1, 2), wanted: &wanted.0 }),
        PeerMessage::Stop(Stop),
        PeerMessage::StopAck(StopAck),
        PeerMessage::Done(Done { revision: 15 }),
        PeerMessage::Begin(Begin { resumed: true, revision: 16 }),
    ]
}

pub(super) fn emitted(message: &PeerMessage<'_>) -> Vec<u8> {
    let mut bytes = Vec::new();
    message.emit(&mut bytes);
    bytes
}

/// At least one message of every type.
pub(crate) fn all() -> Vec<Vec<u8>> {
    let lists = [intro(), ping(), facts_message(), delta(), page(), buckets()];
    lists.into_iter().chain(plain().iter().map(emitted)).collect()
}

/// The first sample of this type.
pub(super) fn sample(kind: PeerKind) -> Vec<u8> {
    all().into_iter().find(|bytes| bytes[0] == kind.code()).expect("a sample")
}

/// The stream on which these bytes belong, or any.
pub(crate) fn own_stream(bytes: &[u8]) -> Stream {
    bytes.first().and_then(|code| PeerKind::from_code(*code).stream()).unwrap_or(Stream::Control)
}

/// What these bytes say on their own stream.
pub(super) fn read(bytes: &[u8]) -> Result<PeerMessage<'_>, crate::wire::WireError> {
    PeerMessage::parse(own_stream(bytes), bytes)
}

pub(super) fn content_of(row: &Row<'_>) -> Vec<u8> {
    row.said().map(|said: Said<'_>| ContentRef::as_bytes(&said.content).to_vec()).expect("content")
}
