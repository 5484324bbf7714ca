//! One or more messages of every type, rows of two homes, facts of every kind.

use std::net::SocketAddr;

use hms::auth::{fact_digest, row_digest, user_id};
use hms::ident::{
    Generation, Incarnation, InstanceId, LineId, Name, Order, Process, RealmId, ServerId, SessionId, Stamp,
    UserId,
};
use hms::limits::SUM_BUCKETS;
use hms::wire::peer::*;
use hms::wire::{Content, HostState, View};

use crate::{EPOCH, REALM, session, user};

const LINE: LineId = LineId(0x0111_2222_3333_4444);
const ATLAS: Process =
    Process { server: ServerId(0x5e5e_0000_0000_0001), incarnation: Incarnation(0x0a0b_0c0d) };
const OSAKA: Process =
    Process { server: ServerId(0x5e5e_0000_0000_0002), incarnation: Incarnation(0x1a1b_1c1d) };
const STAMP: Stamp = Stamp(0x0000_0001_86a0_0000);

fn name(text: &str) -> Name {
    Name::new(text).expect("a name")
}

fn address(text: &str) -> SocketAddr {
    text.parse().expect("an address")
}

/// A second realm, in which everybody's row falls into another bucket.
const OTHER_REALM: RealmId = RealmId(0x5e6f_7081);

/// Somebody whose row falls into the same bucket as that of anna.
fn bucket_mate() -> String {
    let bucket = user().sum_bucket();
    let names = (0..).map(|n| format!("user{n}"));
    names
        .into_iter()
        .find(|name| user_id(REALM, name).sum_bucket() == bucket)
        .expect("there are enough names")
}

fn head(realm: RealmId, name: &str, place: Place) -> RowHead {
    RowHead {
        realm,
        user: user_id(realm, name),
        order: Order { generation: Generation(0), stamp: STAMP, server: ATLAS.server, session: session() },
        instance: InstanceId(0x1234_5678_9abc_def0),
        since: 1_700_000_000,
        epoch: EPOCH,
        content_version: 3,
        place,
    }
}

fn row(head: &RowHead, user_name: &str, view: &View, push: bool) -> Vec<u8> {
    let content =
        Content { state: HostState::Participating, ..Content::new(name(user_name), name("room 4")) };
    let mut bytes = Vec::new();
    head.emit(&content.to_bytes(), view, push, &mut bytes);
    bytes
}

/// Rows homed at one HMS, and at the other.
pub(super) fn rows() -> (Vec<Vec<u8>>, Vec<Vec<u8>>) {
    let place = |address| Place { sequence: 41, late: false, check_ms: 30_000, address };
    let four = place(Some(address("10.1.0.9:40000")));
    let six = place(Some(address("[2001:db8::9]:40001")));
    let lost = Place { late: true, ..place(None) };
    let named = View::Named(vec![UserId([2; 8]), user()]);
    let mate = bucket_mate();
    let mut full = Vec::new();
    head(REALM, "anna", four).emit(&crate::samples::content().to_bytes(), &View::Realm, true, &mut full);
    let others = [
        row(&head(REALM, &mate, six), &mate, &View::None, false),
        row(&head(OTHER_REALM, "anna", four), "anna", &View::Group(name("board")), false),
    ];
    ([vec![full], others.to_vec()].concat(), vec![row(&head(REALM, "bob", lost), "bob", &named, true)])
}

pub(super) fn facts() -> Vec<Fact<'static>> {
    let mark = |state| Mark { stamp: STAMP, state, by: ATLAS.server };
    let (there, removed) = (mark(FactState::There), mark(FactState::Removed));
    let member = |server, mark, name| Fact::Member(MemberFact { server, mark, name });
    let realm = RealmFact { realm: REALM, epoch: EPOCH, mark: there, secret: &[0x33; 32], name: "7q2m" };
    let revoked = GenerationFact {
        realm: REALM,
        user: user(),
        generation: Generation(0x0001_86a0_0000),
        previous: Generation(0),
        name: Some("anna"),
    };
    vec![
        member(ATLAS.server, there, "atlas"),
        member(ServerId(0x5e5e_0000_0000_0003), removed, "oslo"),
        Fact::Address(AddressFact {
            mark: there,
            server: Some(OSAKA.server),
            address: address("10.1.0.2:6710"),
        }),
        Fact::Address(AddressFact { mark: removed, server: None, address: address("[2001:db8::3]:6710") }),
        Fact::Realm(realm),
        Fact::Realm(RealmFact { realm: OTHER_REALM, mark: removed, secret: &[0; 32], name: "old", ..realm }),
        Fact::Generation(revoked),
        Fact::Generation(GenerationFact { user: UserId([2; 8]), name: None, ..revoked }),
    ]
}

fn write(write: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut bytes = Vec::new();
    write(&mut bytes);
    bytes
}

fn facts_digest() -> u64 {
    facts().iter().fold(0, |sum, fact| sum.wrapping_add(fact_digest(fact)))
}

fn intro() -> Vec<u8> {
    let head = IntroHead {
        min_version: 1,
        max_version: 1,
        phase: Phase::Operating,
        line: Some(LINE),
        age_ms: 3_600_000,
        joined_at_ms: 4000,
        founded: 1_700_000_000,
        clock: STAMP,
        facts: facts_digest(),
        timing: Timing { check_ms: 30_000, exchange_ms: 5000, expiry_thousandths: 2500 },
    };
    let own = |text, used_by| OwnAddress { used_by, address: address(text) };
    let addresses = [own("10.1.0.2:6710", AddressUse::Hosts), own("[2001:db8::2]:6710", AddressUse::Peers)];
    write(|buf| head.emit(&name("osaka"), &addresses, &[LineId(7)], buf))
}

fn starting() -> Vec<u8> {
    let head = IntroHead {
        min_version: 1,
        max_version: 2,
        phase: Phase::Starting,
        line: None,
        age_ms: 0,
        joined_at_ms: 0,
        founded: 0,
        clock: Stamp(0),
        facts: 0,
        timing: Timing { check_ms: 30_000, exchange_ms: 5000, expiry_thousandths: 2500 },
    };
    write(|buf| head.emit(&name("oslo"), &[], &[], buf))
}

fn ping() -> Vec<u8> {
    let head = PingHead { phase: Phase::Synchronising, heard_ms: 1999, clock: STAMP, facts: facts_digest() };
    let seated = Neighbour { process: ATLAS, phase: Phase::Operating, line: Some(LINE), joined_at_ms: 0 };
    let unseated = Neighbour { process: OSAKA, phase: Phase::Starting, line: None, joined_at_ms: 0 };
    write(|buf| head.emit([seated, unseated], buf))
}

fn refusals() -> [Vec<u8>; 2] {
    let twin = Twin {
        phase: Phase::Operating,
        incarnation: OSAKA.incarnation,
        line: Some(LINE),
        age_ms: 3_600_000,
        joined_at_ms: 4000,
    };
    let twin = Refuse { code: RefuseCode::Twin, twin: Some(twin), reason: None };
    let reason = Some("add 10.1.0.3 with: hms peers add 10.1.0.3");
    let address = Refuse { code: RefuseCode::Address, twin: None, reason };
    [twin, address].map(|refuse| write(|buf| PeerMessage::Refuse(refuse).emit(buf)))
}

fn facts_message() -> Vec<u8> {
    write(|buf| {
        let mut writer = FactsWriter::begin(buf);
        assert!(facts().iter().all(|fact| writer.fact(fact)));
        writer.end(true, 12);
    })
}

fn gone(ending: Ending) -> Gone {
    let head = head(REALM, "carol", Place { sequence: 0, late: false, check_ms: 0, address: None });
    Gone { realm: REALM, user: head.user, order: head.order, ending, sequence: 77, forgotten_ms: 285_000 }
}

fn sum_of(rows: &[Vec<u8>]) -> u64 {
    let digest = |bytes: &Vec<u8>| row_digest(&Row::parse(bytes, 0).expect("a row"));
    rows.iter().map(digest).fold(0, u64::wrapping_add)
}

fn delta() -> Vec<u8> {
    let (first, second) = rows();
    let unknown = Order { session: SessionId(9), ..Order::default() };
    let left = Gone { order: unknown, sequence: 0, ..gone(Ending::Leave) };
    let root = Root { home: ATLAS, rows: first.len() as u32, digest: sum_of(&first) };
    let (own, other) = (Home { process: ATLAS, age_ms: 0 }, Home { process: OSAKA, age_ms: 12_345 });
    write(|buf| {
        let mut writer = DeltaWriter::begin(buf);
        let row = |bytes| Row::parse(bytes, 0).expect("a row");
        assert!(first.iter().all(|bytes| writer.row(own, &row(bytes))));
        assert!(writer.gone(own, &gone(Ending::Expiry)) && writer.gone(own, &left));
        assert!(second.iter().all(|bytes| writer.row(other, &row(bytes))) && writer.root(&root));
        writer.end(true, true, 1234);
    })
}

fn page(last: bool) -> Vec<u8> {
    let (first, _) = rows();
    let row = Row::parse(&first[0], 0).expect("a row");
    let end = Cursor { realm: REALM, user: row.head.user };
    write(|buf| {
        let mut writer = PageWriter::begin(buf);
        if last {
            writer.end(5, end, Cursor::END);
        } else {
            assert!(writer.row(Home { process: ATLAS, age_ms: 0 }, &row));
            writer.end(5, Cursor::START, end);
        }
    })
}

fn buckets() -> Vec<u8> {
    let mut digests = [0u64; SUM_BUCKETS];
    for bytes in &rows().0 {
        let row = Row::parse(bytes, 0).expect("a row");
        let digest = &mut digests[row.head.user.sum_bucket()];
        *digest = digest.wrapping_add(row_digest(&row));
    }
    write(|buf| Buckets::write(ATLAS, &digests, buf))
}

fn fetch() -> Vec<u8> {
    let mut wanted = BucketMap::NONE;
    [0, user().sum_bucket(), 4095].into_iter().for_each(|bucket| wanted.insert(bucket));
    let fetch = Fetch { home: ATLAS, number: 5, after: Cursor::START, wanted: &wanted.0 };
    write(|buf| PeerMessage::Fetch(fetch).emit(buf))
}

/// All messages, with what they are.
pub(super) fn messages() -> Vec<(&'static str, Vec<u8>)> {
    let [twin, refused] = refusals();
    let lists = [
        ("INTRO", intro()),
        ("INTRO of an HMS that starts", starting()),
        ("PING", ping()),
        ("REFUSE (twin)", twin),
        ("REFUSE (address)", refused),
        ("FACTS", facts_message()),
        ("FETCH", fetch()),
        ("DELTA", delta()),
        ("BUCKETS", buckets()),
        ("PAGE", page(false)),
        ("PAGE, the last", page(true)),
    ];
    let plain = [
        ("JOIN", PeerMessage::Join(Join { line: LINE })),
        (
            "SEAT",
            PeerMessage::Seat(Seat {
                line: LINE,
                age_ms: 3_600_000,
                joined_at_ms: 3_600_000,
                founded: 1_700_000_000,
            }),
        ),
        ("ADMIT", PeerMessage::Admit(Admit { cluster_secret: &[0x11; 32], key_seed: &[0x66; 32] })),
        ("STORED", PeerMessage::Stored(Stored { on_disk: true, number: 12 })),
        ("RESUME", PeerMessage::Resume(Resume { revision: 0 })),
        ("CONFIRM", PeerMessage::Confirm(Confirm { revision: 1234 })),
        ("COMPARE", PeerMessage::Compare(Compare { home: ATLAS })),
        ("STOP", PeerMessage::Stop(Stop)),
        ("STOP-ACK", PeerMessage::StopAck(StopAck)),
        ("DONE", PeerMessage::Done(Done { revision: 1234 })),
        ("BEGIN", PeerMessage::Begin(Begin { resumed: false, revision: 1200 })),
    ];
    let plain = plain.into_iter().map(|(name, message)| (name, write(|buf| message.emit(buf))));
    lists.into_iter().chain(plain).collect()
}
