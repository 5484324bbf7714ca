//! Reading and writing messages, against one HMAC over the same bytes.

use std::hint::black_box;

use hms::auth::{self, SessionKey};
use hms::ident::{Incarnation, InstanceId, Name, Revision, ServerId, SessionId, Stamp, UserId};
use hms::limits::TAG_LEN;
use hms::wire::{
    Ack, Answer, Changes, Content, ContentRef, Digests, Entry, EntryHead, Header, Heartbeat, Init, Item,
    Kind, PageInfo, PageKind, PageMessage, Ports, Register, Registered, Request, Settings, Unverified,
    Verified, View,
};

use crate::cpu::timed;
use crate::hosts::header;
use crate::measure::{Report, What, hmacs};

const COUNT: usize = 20_000;
const KEY: [u8; 32] = [7; 32];
const INCARNATION: Incarnation = Incarnation(77);

struct Bench<'a> {
    report: &'a mut Report,
}

impl Bench<'_> {
    fn line(&mut self, what: &str, length: usize, mut work: impl FnMut()) {
        let what = What { what, rows: 0, yardstick: "one HMAC over the same bytes", bounds: None };
        let yard = || hmacs(&[length], COUNT);
        self.report.compare(what, yard, || timed(COUNT, || (0..COUNT).for_each(|_| work())));
    }

    /// Writes header and body, then reads both.
    fn both(
        &mut self,
        name: &str,
        kind: Kind,
        flags: u8,
        emit: impl Fn(&mut Vec<u8>),
        read: impl Fn(&Verified<'_>),
    ) {
        let key = SessionKey::from_bytes(KEY);
        let head = Header { flags, ..header(kind, UserId([9; 8]), SessionId(8), 7) };
        let mut buf = Vec::with_capacity(1200);
        let write = |buf: &mut Vec<u8>| {
            buf.clear();
            black_box(&head).emit(buf);
            emit(buf);
        };
        write(&mut buf);
        auth::seal(&key, &mut buf);
        let bytes = buf.clone();
        let length = bytes.len() - TAG_LEN;
        self.line(&format!("{name}, {} bytes: write", bytes.len()), length, || {
            write(&mut buf);
            black_box(&buf);
        });
        let parse = || Unverified::parse(black_box(&bytes)).expect("a header");
        let verified = auth::open(&key, parse()).expect("a tag");
        self.line(&format!("{name}, {} bytes: read", bytes.len()), length, || {
            black_box(parse());
            read(black_box(&verified));
        });
    }

    fn request(&mut self, name: &str, request: &Request<'_>) {
        let (kind, flags) = match request {
            Request::Init(_) => (Kind::Init, 0),
            Request::Register(m) => (Kind::Register, m.flags()),
            Request::Heartbeat(m) => (Kind::Heartbeat, m.flags()),
            _ => return,
        };
        let emit = |buf: &mut Vec<u8>| match request {
            Request::Init(m) => m.emit(buf),
            Request::Register(m) => m.emit(buf),
            Request::Heartbeat(m) => m.emit(buf),
            _ => {}
        };
        self.both(name, kind, flags, emit, |verified| {
            black_box(verified.request().expect("a request"));
        });
    }

    fn answer(&mut self, name: &str, answer: &Answer<'_>) {
        let (kind, flags) = match answer {
            Answer::Registered(_) => (Kind::Registered, 0),
            Answer::Ack(m) => (Kind::Ack, m.flags()),
            Answer::Page(m) => (Kind::Page, m.flags()),
            Answer::Digests(_) => (Kind::Digests, 0),
            _ => return,
        };
        let emit = |buf: &mut Vec<u8>| match answer {
            Answer::Registered(m) => m.emit(buf),
            Answer::Ack(m) => m.emit(buf),
            Answer::Page(m) => m.emit(buf),
            Answer::Digests(m) => m.emit(buf),
            _ => {}
        };
        self.both(name, kind, flags, emit, |verified| {
            black_box(verified.answer().expect("an answer"));
        });
    }
}

fn content() -> Content {
    let name = |text| Name::new(text).expect("a name");
    Content {
        ports: Ports { data: 1503, video: 5004, audio: 5006 },
        reported: vec![([10, 0, 0, 1], 40_000).into()],
        ..Content::new(name("user-00000000001"), name("host-00000000001"))
    }
}

/// A page with as many rows as fit.
fn page(content: ContentRef<'_>) -> PageMessage<'_> {
    let entry = |number: u8| {
        Item::Entry(Entry {
            head: EntryHead {
                user: UserId([number; 8]),
                revision: Revision(u32::from(number)),
                late: false,
                unconfirmed: false,
                since: 1_700_000_000,
                check_time_s: 30,
                home: ServerId(1),
            },
            content,
            address: Some(([10, 0, 0, 1], 40_000).into()),
            signature: None,
        })
    };
    let info = PageInfo {
        kind: PageKind::Delta,
        more: false,
        from: Revision(0),
        to: Revision(10),
        after: UserId::default(),
        up_to: UserId::default(),
        total: 10,
    };
    let changes = Changes { info, items: (1..=10).map(entry).collect() };
    PageMessage { push: false, incarnation: INCARNATION, number: 5, changes }
}

pub(crate) fn run(report: &mut Report) {
    report.group("wire", "against one HMAC over the same bytes");
    let mut bench = Bench { report };
    let bytes = content().to_bytes();
    let content = ContentRef::parse(&bytes, 0).expect("content");
    let steady = Heartbeat {
        content_version: 1,
        incarnation: INCARNATION,
        revision: Revision(41),
        digest: 5,
        cookie: None,
        want: false,
        content: None,
    };
    let full = Heartbeat { content: Some((content, View::Realm, true)), ..steady.clone() };
    let register = Register {
        takeover: false,
        cookie: 5,
        instance: InstanceId(4),
        last_stamp: Stamp(3),
        content_version: 1,
        incarnation: Incarnation(0),
        revision: Revision(0),
        digest: 0,
        content,
        view: View::Realm,
        push: true,
    };
    bench.request("HEARTBEAT", &Request::Heartbeat(steady));
    bench.request("HEARTBEAT with content", &Request::Heartbeat(full));
    bench.request("INIT", &Request::Init(Init::default()));
    bench.request("REGISTER", &Request::Register(register));
    let ack = Ack {
        want_content: false,
        resync: false,
        equal: false,
        incarnation: INCARNATION,
        number: 5,
        revision: Revision(41),
        content_version: 1,
        settings: Settings::default(),
        changes: None,
    };
    bench.answer("ACK", &Answer::Ack(ack));
    let registered = Registered {
        incarnation: INCARNATION,
        number: 5,
        stamp: Stamp(3),
        server: ServerId(1),
        revision: Revision(41),
        content_version: 1,
        check_time_ms: 30_000,
        first_delay_ms: 5,
        settings: Settings { cluster_key: Some([4; 32]), ..Settings::default() },
    };
    bench.answer("REGISTERED", &Answer::Registered(registered));
    bench.answer("PAGE of 10 rows", &Answer::Page(page(content)));
    let digests = Digests {
        incarnation: INCARNATION,
        number: 5,
        revision: Revision(41),
        root: 5,
        buckets: [5; hms::limits::BUCKETS],
    };
    bench.answer("DIGESTS", &Answer::Digests(Box::new(digests)));
}
