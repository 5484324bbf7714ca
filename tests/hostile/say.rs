//! What the hostile HMS says: of every kind, with what no HMS would say in it, and what it heard with bytes changed.

use std::net::SocketAddr;

use hms::auth::user_id;
use hms::ident::{
    Epoch, Generation, Incarnation, InstanceId, LineId, Name, Order, Process, RealmId, ServerId, SessionId,
    Stamp, UserId,
};
use hms::transport::{LinkId, Priority};
use hms::wire::peer::{
    AddressFact, AddressUse, Begin, BucketMap, Buckets, Compare, Confirm, Cursor, DeltaWriter, Done, Ending,
    Fact, FactState, FactsWriter, Fetch, GenerationFact, Gone, Home, Join, Mark, MemberFact, Neighbour,
    OwnAddress, PageWriter, PeerKind, PeerMessage, Phase, Place, RealmFact, RefuseCode, Resume, Root, Row,
    RowHead, Seat, Stop, StopAck, Stored, Timing,
};
use hms::wire::{Content, View};

use crate::peer::Hostile;

/// Kinds of things that are said.
pub const KINDS: usize = 20;

/// What a DELTA and a PAGE are made of.
enum Writer<'b> {
    Delta(DeltaWriter<'b>),
    Page(PageWriter<'b>),
}

impl Writer<'_> {
    fn row(&mut self, home: Home, row: &Row<'_>) -> bool {
        match self {
            Self::Delta(writer) => writer.row(home, row),
            Self::Page(writer) => writer.row(home, row),
        }
    }

    fn gone(&mut self, home: Home, gone: &Gone) -> bool {
        match self {
            Self::Delta(writer) => writer.gone(home, gone),
            Self::Page(writer) => writer.gone(home, gone),
        }
    }
}

impl Hostile {
    /// One thing, whatever it is.
    pub fn say(&mut self, link: LinkId) {
        // What ends the link is said seldom: else there would be nothing behind it.
        let kind = match self.only.as_slice() {
            _ if self.dice.one_in(500) => return self.nonsense(link),
            [] => self.dice.below(KINDS),
            only => *self.dice.pick(only),
        };
        let message = match kind {
            0 => return self.again(link, false),
            1 => return self.again(link, true),
            2 => self.any_intro(),
            3 => self.any_ping(),
            4 => self.any_refuse(),
            5 => encode(&PeerMessage::Join(Join { line: self.line() })),
            6 => encode(&PeerMessage::Seat(self.any_seat())),
            7 => self.facts(),
            8 => {
                let (on_disk, number) = (self.dice.one_in(2), self.small());
                encode(&PeerMessage::Stored(Stored { on_disk, number }))
            }
            9 => encode(&PeerMessage::Resume(Resume { revision: self.small() })),
            10 => encode(&PeerMessage::Confirm(Confirm { revision: self.small() })),
            11 => encode(&PeerMessage::Compare(Compare { home: self.any_process() })),
            12 => self.any_fetch(),
            13 => encode(&PeerMessage::Stop(Stop)),
            14 => encode(&PeerMessage::StopAck(StopAck)),
            15 => encode(&PeerMessage::Done(Done { revision: self.small() })),
            16 => {
                let (resumed, revision) = (self.dice.one_in(2), self.small());
                encode(&PeerMessage::Begin(Begin { resumed, revision }))
            }
            17 => self.delta(),
            18 => self.any_buckets(),
            _ => self.page(),
        };
        let stream = message.first().and_then(|code| PeerKind::from_code(*code).stream());
        let priority = stream.map_or(Priority::Control, |stream| Priority::ALL[stream as usize]);
        self.utter(link, priority, &message);
    }

    /// Not if it names whom this world spares.
    fn utter(&mut self, link: LinkId, priority: Priority, bytes: &[u8]) {
        if self.may_say(priority, bytes) {
            self.send(link, priority, bytes);
        }
    }

    fn again(&mut self, link: LinkId, change: bool) {
        if self.heard.is_empty() {
            return;
        }
        let (priority, mut bytes) = self.dice.pick(&self.heard).clone();
        for _ in 0..if change { 1 + self.dice.below(3) } else { 0 } {
            // Behind the type, mostly in the fixed fields.
            let most = if self.dice.one_in(2) { bytes.len().min(64) } else { bytes.len() };
            let at = 1 + self.dice.below(most.saturating_sub(1));
            let value = self.number().to_be_bytes();
            let width = *self.dice.pick(&[1, 4, 8]);
            for (byte, value) in bytes.iter_mut().skip(at).zip(&value[8 - width..]) {
                *byte = *value;
            }
        }
        self.utter(link, priority, &bytes);
    }

    fn nonsense(&mut self, link: LinkId) {
        let length = self.dice.below(2000);
        let mut bytes: Vec<u8> = (0..length).map(|_| self.dice.number() as u8).collect();
        if self.dice.one_in(2) {
            // Of no known type: skipped.
            bytes.splice(..0, [0x7f]);
        }
        let priority = *self.dice.pick(&Priority::ALL);
        self.utter(link, priority, &bytes);
    }

    /// An extreme, something near the clock, or anything.
    fn number(&mut self) -> u64 {
        let clock = self.clock;
        let near = self.dice.number() % (1 << 30);
        match self.dice.below(10) {
            0 => 0,
            1 => 1,
            2 => u64::MAX,
            3 => u64::MAX - 1,
            4 => clock.saturating_add((1 << 54) + near),
            5 => clock.saturating_add(near),
            6 => clock.saturating_sub(near),
            7 => u64::from(u32::MAX),
            8 => 1 << self.dice.below(64),
            _ => self.dice.number(),
        }
    }

    /// A revision, a count: mostly one that may be.
    fn small(&mut self) -> u64 {
        if self.dice.one_in(3) { self.number() } else { self.dice.number() % 300 }
    }

    fn stamp(&mut self) -> Stamp {
        Stamp(self.number())
    }

    fn server(&mut self) -> ServerId {
        match self.dice.below(4) {
            0 => self.honest[self.dice.below(self.honest.len())],
            1 => self.process.server,
            2 => ServerId(1 + self.dice.number() % 400),
            _ => ServerId(self.dice.number() | 1),
        }
    }

    fn any_process(&mut self) -> Process {
        if self.dice.one_in(2) {
            return self.process;
        }
        Process { server: self.server(), incarnation: Incarnation(self.dice.number() as u32 % 8 + 1) }
    }

    fn line(&mut self) -> LineId {
        let own = self.seat.map(|seat| seat.line).filter(|_| self.dice.one_in(2));
        own.unwrap_or_else(|| LineId(1 + self.dice.number() % 5))
    }

    fn any_phase(&mut self) -> Phase {
        Phase::from_code(self.dice.below(9) as u8)
    }

    fn any_seat(&mut self) -> Seat {
        Seat { line: self.line(), age_ms: self.number(), joined_at_ms: self.number(), founded: self.number() }
    }

    fn address(&mut self) -> SocketAddr {
        let [a, b, ..] = self.dice.number().to_be_bytes();
        SocketAddr::from(([10, 9, a, b], 1 + self.dice.below(9) as u16))
    }

    fn any_intro(&mut self) -> Vec<u8> {
        let mut head = self.intro();
        for _ in 0..1 + self.dice.below(3) {
            match self.dice.below(7) {
                0 => head.phase = self.any_phase(),
                1 => head.line = Some(self.line()),
                2 => head.age_ms = self.number(),
                3 => head.joined_at_ms = self.number(),
                4 => head.clock = self.stamp(),
                5 => head.facts = self.number(),
                _ => {
                    let mut any = || self.number() as u32;
                    head.timing = Timing { check_ms: any(), exchange_ms: any(), expiry_thousandths: any() };
                }
            }
        }
        let count = self.dice.below(17);
        let addresses: Vec<_> = (0..count)
            .map(|_| {
                let used_by = *self.dice.pick(&[AddressUse::Hosts, AddressUse::Peers]);
                OwnAddress { used_by, address: self.address() }
            })
            .collect();
        let left: Vec<_> = (0..self.dice.below(65)).map(|_| self.line()).collect();
        let name = *self.dice.pick(&["mallory", "hms0", "hms1", "x"]);
        let mut bytes = Vec::new();
        head.emit(&Name::new(name).expect("a name"), &addresses, &left, &mut bytes);
        bytes
    }

    fn any_ping(&mut self) -> Vec<u8> {
        let head = hms::wire::peer::PingHead {
            phase: self.any_phase(),
            heard_ms: self.dice.below(9000) as u32,
            clock: self.stamp(),
            facts: self.number(),
        };
        let count = self.dice.below(16);
        let neighbours: Vec<_> = (0..count)
            .map(|_| Neighbour {
                process: self.any_process(),
                phase: self.any_phase(),
                line: Some(self.line()),
                joined_at_ms: self.number(),
            })
            .collect();
        let mut bytes = Vec::new();
        head.emit(neighbours, &mut bytes);
        bytes
    }

    fn any_refuse(&mut self) -> Vec<u8> {
        let twin = hms::wire::peer::Twin {
            phase: self.any_phase(),
            incarnation: Incarnation(self.dice.number() as u32 | 1),
            line: Some(self.line()),
            age_ms: self.number(),
            joined_at_ms: self.number(),
        };
        let code = RefuseCode::from_code(self.dice.below(12) as u8);
        let twin = (code == RefuseCode::Twin).then_some(twin);
        encode(&PeerMessage::Refuse(hms::wire::peer::Refuse { code, twin, reason: Some("go away") }))
    }

    fn mark(&mut self) -> Mark {
        let state = if self.dice.one_in(3) { FactState::Removed } else { FactState::There };
        Mark { stamp: self.stamp(), state, by: self.server() }
    }

    /// As many as fit into a message.
    fn facts(&mut self) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut writer = FactsWriter::begin(&mut bytes);
        let most = 1 + self.dice.below(200);
        for _ in 0..most {
            let mark = self.mark();
            let name = format!("n{}", self.dice.number());
            let secret = if mark.state == FactState::Removed { [0; 32] } else { self.dice.bytes() };
            let fact = match self.dice.below(4) {
                0 => Fact::Member(MemberFact { server: self.server(), mark, name: &name }),
                1 => Fact::Address(AddressFact {
                    mark,
                    server: self.dice.one_in(2).then(|| self.server()),
                    address: self.address(),
                }),
                2 => Fact::Realm(RealmFact {
                    realm: RealmId(1 + self.dice.number() as u32 % 1000),
                    epoch: Epoch(self.dice.number() as u8),
                    mark,
                    secret: &secret,
                    name: &name,
                }),
                _ => Fact::Generation(GenerationFact {
                    realm: RealmId(1 + self.dice.number() as u32 % 1000),
                    user: UserId(self.dice.number().to_be_bytes()),
                    generation: Generation(self.number()),
                    previous: Generation(self.number()),
                    name: None,
                }),
            };
            // Those that are spared would spoil the whole message.
            if self.spares_fact(&fact) {
                continue;
            }
            self.items += 1;
            if !writer.fact(&fact) {
                break;
            }
        }
        writer.end(self.dice.one_in(4), self.small());
        bytes
    }

    fn any_fetch(&mut self) -> Vec<u8> {
        let wanted = if self.dice.one_in(2) { BucketMap::ALL } else { BucketMap::NONE };
        let after = if self.dice.one_in(2) { Cursor::START } else { self.cursor() };
        let number = self.dice.number() as u32 % 5;
        encode(&PeerMessage::Fetch(Fetch { home: self.any_process(), number, after, wanted: &wanted.0 }))
    }

    fn cursor(&mut self) -> Cursor {
        Cursor { realm: self.realm_any(), user: UserId(self.dice.number().to_be_bytes()) }
    }

    fn realm_any(&mut self) -> RealmId {
        if self.dice.one_in(8) { RealmId(self.dice.number() as u32 | 1) } else { self.realm }
    }

    fn any_buckets(&mut self) -> Vec<u8> {
        let digest = self.dice.number();
        let mut bytes = Vec::new();
        Buckets::write(self.any_process(), &[digest; hms::limits::SUM_BUCKETS], &mut bytes);
        bytes
    }

    fn any_home(&mut self) -> Home {
        let age_ms = if self.dice.one_in(2) { 0 } else { self.number() as u32 };
        Home { process: self.any_process(), age_ms }
    }

    fn order(&mut self) -> Order {
        Order {
            generation: Generation(if self.dice.one_in(8) { self.number() } else { 0 }),
            stamp: self.stamp(),
            server: self.server(),
            session: SessionId(self.number()),
        }
    }

    /// Rows of users that there may be, and ends of sessions.
    fn items(&mut self, writer: &mut Writer<'_>) {
        let most = 1 + self.dice.below(120);
        for _ in 0..most {
            let name = format!("ghost-{}", self.dice.number() % 5000);
            let realm = self.realm_any();
            let user = if self.dice.one_in(20) {
                UserId(self.dice.number().to_be_bytes())
            } else {
                user_id(realm, &name)
            };
            let (home, order) = (self.any_home(), self.order());
            self.items += 1;
            let fits = if self.dice.one_in(3) {
                let ending = if self.dice.one_in(2) { Ending::Leave } else { Ending::Expiry };
                let (sequence, forgotten_ms) = (self.number(), self.number() as u32);
                writer.gone(home, &Gone { realm, user, order, ending, sequence, forgotten_ms })
            } else {
                let head = RowHead {
                    realm,
                    user,
                    order,
                    instance: InstanceId(self.number()),
                    since: self.number(),
                    epoch: Epoch(if self.dice.one_in(8) { self.dice.number() as u8 } else { 1 }),
                    content_version: self.number() as u32,
                    place: Place {
                        sequence: self.number(),
                        late: self.dice.one_in(4),
                        check_ms: self.number() as u32,
                        address: self.dice.one_in(2).then(|| self.address()),
                    },
                };
                let host = Name::new("a machine").expect("a name");
                let mut content = Content::new(Name::new(&name).expect("a name"), host).to_bytes();
                if self.dice.one_in(20) {
                    content.push(self.dice.number() as u8);
                }
                let mut bytes = Vec::new();
                head.emit(&content, &View::Realm, self.dice.one_in(2), &mut bytes);
                Row::parse(&bytes, 0).map_or(true, |row| writer.row(home, &row))
            };
            if !fits {
                break;
            }
        }
    }

    fn delta(&mut self) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut writer = Writer::Delta(DeltaWriter::begin(&mut bytes));
        if !self.dice.one_in(4) {
            self.items(&mut writer);
        }
        let Writer::Delta(mut writer) = writer else { return Vec::new() };
        for _ in 0..self.dice.below(20) {
            let (rows, digest) = (self.dice.number() as u32 % 3, self.dice.number() % 3);
            let _ = writer.root(&Root { home: self.any_process(), rows, digest });
        }
        writer.end(self.dice.one_in(2), self.dice.one_in(2), self.small());
        bytes
    }

    fn page(&mut self) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut writer = Writer::Page(PageWriter::begin(&mut bytes));
        if !self.dice.one_in(4) {
            self.items(&mut writer);
        }
        let Writer::Page(writer) = writer else { return Vec::new() };
        let after = if self.dice.one_in(2) { Cursor::START } else { self.cursor() };
        writer.end(self.dice.number() as u32 % 5, after, Cursor::END);
        bytes
    }
}

fn encode(message: &PeerMessage<'_>) -> Vec<u8> {
    let mut bytes = Vec::new();
    message.emit(&mut bytes);
    bytes
}
