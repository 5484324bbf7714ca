//! One HMS, and what a peer may say to it.

use super::world::{address, id, members, timing};
use super::*;
use crate::ident::{Name, Stamp};
use crate::time::{Instant, UnixMillis};
use crate::transport::{
    CloseCode, CloseReason, Config, Endpoint, KeyId, LinkId, LinkSecret, Peer, Priority, Side as LinkSide,
};
use crate::wire::peer::{
    Done, IntroHead, Join, PeerMessage, PingHead, RefuseCode, Stop, StopAck, Stored, Stream, Timing,
};

const START: Instant = Instant::from_secs(50);

/// HMS 1 of three members, and links to HMS 2 that were made by hand.
struct One {
    now: Instant,
    cluster: Cluster,
    links: Endpoint,
    link: LinkId,
}

/// An HMS that knows of no other, and operates.
pub(super) fn alone(now: Instant) -> Cluster {
    Cluster::new(now, setup(Facts::default()))
}

fn setup(facts: Facts) -> Setup {
    Setup {
        process: Process { server: id(0), incarnation: Incarnation(1) },
        alone: false,
        name: Name::new("hms0").unwrap(),
        start_tries: 3,
        start_wait: secs(1),
        timing: timing(0),
        addresses: Vec::new(),
        peers: Vec::new(),
        facts,
        clock: Stamp(1000),
        wall: UnixMillis(0),
        seed: [3; 32],
    }
}

impl One {
    /// It has founded a line, and HMS 2 has opened a link.
    fn founded() -> Self {
        let mut links = Endpoint::new(Config::new(id(0), Incarnation(1)), &[1; 32]);
        links.add_secret(LinkSecret::cluster(&[1; 32]));
        let link = links.connect(START, address(1), None, KeyId::CLUSTER).unwrap();
        let mut this = Self { now: START, cluster: Cluster::new(START, setup(members(3))), links, link };
        this.pass(secs(3));
        assert_eq!(this.cluster.status(this.now).phase, Phase::Operating);
        this.open(address(1));
        this
    }

    fn open(&mut self, remote: std::net::SocketAddr) {
        self.link = self.links.connect(self.now, remote, None, KeyId::CLUSTER).unwrap();
        let (server, incarnation) = (id(1), Incarnation(9));
        let peer = Peer { server, incarnation, key: KeyId::CLUSTER, side: LinkSide::Responder };
        self.cluster.connected(self.now, self.link, peer, remote);
    }

    fn pass(&mut self, span: Duration) {
        self.now += span;
        self.cluster.handle_timeout(self.now, |_| None);
    }

    fn say(&mut self, message: &[u8]) {
        self.cluster.message(self.now, self.link, Priority::Control, message);
    }

    fn actions(&mut self) -> Vec<Action> {
        std::iter::from_fn(|| self.cluster.poll_action()).collect()
    }

    /// What was sent since, by name.
    fn sent(&mut self) -> Vec<String> {
        let name = |action| match action {
            Action::Send { message, .. } => match PeerMessage::parse(Stream::Control, &message).unwrap() {
                PeerMessage::Refuse(refuse) => Some(format!("{:?}", refuse.code)),
                other => Some(format!("{:?}", other.kind())),
            },
            Action::Close { code, .. } => Some(format!("Close {:#x}", code.0)),
            _ => None,
        };
        self.actions().into_iter().filter_map(name).collect()
    }

    /// Which FACTS it has answered, and whether they are on disk.
    fn stored(&mut self) -> Vec<(bool, u64)> {
        let answer = |action| match action {
            Action::Send { message, .. } => match PeerMessage::parse(Stream::Control, &message).unwrap() {
                PeerMessage::Stored(Stored { on_disk, number }) => Some((on_disk, number)),
                _ => None,
            },
            _ => None,
        };
        self.actions().into_iter().filter_map(answer).collect()
    }
}

fn intro_head(phase: Phase, line: Option<LineId>) -> IntroHead {
    IntroHead {
        min_version: 1,
        max_version: 1,
        phase,
        line,
        age_ms: 0,
        joined_at_ms: 0,
        founded: 0,
        clock: Stamp(0),
        facts: members(3).digest(),
        timing: Timing { check_ms: 7, exchange_ms: 7, expiry_thousandths: 7 },
    }
}

fn intro(phase: Phase, line: Option<LineId>) -> Vec<u8> {
    let mut bytes = Vec::new();
    intro_head(phase, line).emit(&Name::new("hms1").unwrap(), &[], &[], &mut bytes);
    bytes
}

fn ping() -> Vec<u8> {
    let head = PingHead { phase: Phase::Starting, heard_ms: 0, clock: Stamp(0), facts: members(3).digest() };
    let mut bytes = Vec::new();
    head.emit([], &mut bytes);
    bytes
}

fn join(line: LineId) -> Vec<u8> {
    let mut bytes = Vec::new();
    PeerMessage::Join(Join { line }).emit(&mut bytes);
    bytes
}

#[test]
fn nothing_counts_before_intro_and_what_cannot_be_read_ends_the_link() {
    crate::shows!("R-PEE-07");
    let mut one = One::founded();
    assert_eq!(one.sent().last().map(String::as_str), Some("Intro"), "first of all");
    let line = one.cluster.status(one.now).line.unwrap().0;
    one.say(&ping());
    one.say(&join(line));
    one.say(&[0x7e, 1, 2]);
    assert_eq!(one.sent(), [""; 0]);
    one.say(&intro(Phase::Starting, None));
    assert_eq!(one.sent(), ["Ping"]);
    one.say(&[0x7e, 1, 2]);
    assert_eq!(one.sent(), [""; 0], "an unknown type is skipped");
    one.say(&ping()[..20]);
    assert_eq!(one.sent(), ["Close 0x101"]);
    assert!(one.cluster.links.is_empty());
}

#[test]
fn who_speaks_no_version_of_ours_is_refused() {
    crate::shows!("R-PEE-08", "R-PEE-20");
    let mut one = One::founded();
    one.sent();
    let mut bytes = Vec::new();
    let head = IntroHead { min_version: 2, max_version: 3, ..intro_head(Phase::Starting, None) };
    head.emit(&Name::new("hms1").unwrap(), &[], &[], &mut bytes);
    one.say(&bytes);
    assert_eq!(one.sent(), ["Facts", "Version"]);
    one.pass(Duration::from_millis(999));
    assert_eq!(one.sent(), [""; 0]);
    one.pass(Duration::from_millis(1));
    assert_eq!(one.sent()[0], "Close 0x7");
    // A member from elsewhere.
    one.open("10.0.0.99:6710".parse().unwrap());
    one.sent();
    one.say(&intro(Phase::Starting, None));
    assert_eq!(one.sent(), ["Facts", &format!("{:?}", RefuseCode::Address)]);
    let line = one.cluster.status(one.now).line.unwrap().0;
    one.say(&join(line));
    assert_eq!(one.sent(), [""; 0], "it gets no seat");
}

#[test]
fn a_seat_is_given_to_who_may_have_one() {
    crate::shows!("R-PEE-14");
    let mut one = One::founded();
    let line = one.cluster.status(one.now).line.unwrap().0;
    one.say(&intro(Phase::Starting, None));
    one.sent();
    one.say(&join(LineId(line.0 ^ 1)));
    assert_eq!(one.sent(), [""; 0], "of another line");
    one.say(&join(line));
    assert_eq!(one.sent(), ["Seat", "Facts"]);
    // Of a line that stays: a smaller id, as young.
    one.say(&intro(Phase::Operating, Some(LineId(1))));
    assert_eq!(one.sent(), ["Ping", "Join"].map(String::from)[1..], "this one gives way itself");
    one.say(&join(line));
    assert_eq!(one.sent(), [""; 0]);
    // Of one that gives way; but then that JOIN is still open, until it need not be.
    one.say(&intro(Phase::Operating, Some(LineId(u64::MAX))));
    one.sent();
    one.say(&join(line));
    assert_eq!(one.sent(), ["Seat"], "the FACTS before is not answered yet");
}

#[test]
fn who_serves_takes_over_and_who_stops_does_not() {
    crate::shows!("R-PEE-85", "R-PEE-86");
    let mut one = One::founded();
    let told = |message: PeerMessage<'_>| {
        let mut bytes = Vec::new();
        message.emit(&mut bytes);
        bytes
    };
    let stop = told(PeerMessage::Stop(Stop));
    let line = one.cluster.status(one.now).line.unwrap().0;
    one.say(&intro(Phase::Operating, Some(line)));
    one.say(&ping());
    one.sent();
    one.say(&told(PeerMessage::Done(Done { revision: 1 })));
    one.say(&told(PeerMessage::StopAck(StopAck)));
    assert_eq!(one.sent(), [""; 0], "nobody stops");
    one.say(&stop);
    assert_eq!(one.sent(), ["StopAck"]);
    one.say(&intro(Phase::Operating, Some(line)));
    one.cluster.stop(one.now);
    let sent = one.sent();
    assert!(sent.contains(&"Stop".into()) && sent.contains(&"Intro".into()), "{sent:?}");
    one.say(&stop);
    assert_eq!(one.sent(), [""; 0]);
    one.cluster.stop(one.now);
    assert_eq!(one.sent(), ["Close 0x100"]);
    one.open(address(1));
    assert_eq!(one.sent(), ["Close 0x7"], "it is over");
}

#[test]
fn what_comes_too_often_waits_or_is_skipped() {
    crate::shows!("R-PEE-96");
    let mut one = One::founded();
    for turn in 0..30 {
        one.say(&intro(if turn == 29 { Phase::Refused } else { Phase::Starting }, None));
    }
    let phase = |one: &One| one.cluster.links[&id(1)].standing().phase;
    assert_eq!(phase(&one), Phase::Starting);
    assert!(one.cluster.poll_timeout().unwrap() <= one.now + Duration::from_millis(100));
    one.pass(Duration::from_millis(100));
    assert_eq!(phase(&one), Phase::Refused, "the last one counts in the end");
    let taken = (0..30).filter(|_| {
        one.cluster.links.get_mut(&id(1)).unwrap().pinged = None;
        one.say(&ping());
        one.cluster.links[&id(1)].pinged.is_some()
    });
    assert_eq!(taken.count(), 10);
}

#[test]
fn the_larger_stamp_clock_is_adopted_and_an_absurd_one_is_not() {
    crate::shows!("R-PEE-05");
    let mut one = One::founded();
    let told = |clock| {
        let mut bytes = Vec::new();
        let head = IntroHead { clock: Stamp(clock), ..intro_head(Phase::Starting, None) };
        head.emit(&Name::new("hms1").unwrap(), &[], &[], &mut bytes);
        bytes
    };
    let own = one.cluster.clock(one.now).0;
    assert_eq!(own, 1000 + (3000 << 16), "it went on since the start");
    let shown = |one: &mut One| {
        one.actions()
            .iter()
            .filter(|action| matches!(action, Action::Log(text) if text.contains("clock")))
            .count()
    };
    shown(&mut one);
    for (clock, after, lines) in [
        (own - 1, own, 0),
        (own + 5, own + 5, 0),
        (own + (1 << 54) + 6, own + 5, 1),
        (own + (7_200_000 << 16), own + (7_200_000 << 16), 1),
    ] {
        one.say(&told(clock));
        assert_eq!((one.cluster.clock(one.now).0, shown(&mut one)), (after, lines), "{clock}");
    }
    assert!(one.cluster.status(one.now).line.unwrap().1 < secs(1), "the age of the line is another number");
}

#[test]
fn facts_are_stored_before_they_are_said_to_be() {
    crate::shows!("R-PEE-26");
    let mut one = One::founded();
    one.say(&intro(Phase::Starting, None));
    one.sent();
    let mut other = members(3);
    let how = Decision { clock: Stamp(77), by: id(1) };
    let keys = other.register_address(how, "10.7.7.7:1".parse().unwrap(), None).unwrap();
    let mut message = Vec::new();
    other.write_some(&mut keys.into_iter().collect(), 5, &mut message);
    one.say(&message);
    assert_eq!(one.cluster.facts().digest(), other.digest(), "in force at once");
    assert_eq!(one.actions().iter().filter(|action| **action == Action::Persist).count(), 1);
    one.cluster.stored(one.now, false);
    assert_eq!(one.stored(), [(false, 5)]);
    one.pass(secs(9));
    assert!(!one.actions().contains(&Action::Persist));
    one.pass(secs(1));
    assert!(one.actions().contains(&Action::Persist), "once more");
    one.cluster.stored(one.now, true);
    assert_eq!(one.stored(), [(true, 5)]);
    one.cluster.stored(one.now, true);
    assert_eq!(one.stored(), []);
}

/// What is decided here, and told by another before it is on disk, is not said to be.
#[test]
fn a_known_fact_is_said_to_be_stored_when_it_is() {
    crate::shows!("R-PEE-26");
    let mut one = One::founded();
    one.say(&intro(Phase::Starting, None));
    one.sent();
    let register =
        |facts: &mut Facts, how: Decision| facts.register_address(how, "10.7.7.7:1".parse().unwrap(), None);
    one.cluster.decide(one.now, register).unwrap();
    let mut same = Vec::new();
    one.cluster.facts().clone().write_all(None, 6, &mut same);
    one.say(&same);
    assert_eq!(one.stored(), [], "the disk is not through");
    one.cluster.stored(one.now, true);
    assert_eq!(one.stored(), [(true, 6)]);
    one.say(&same);
    assert_eq!(one.stored(), [(true, 6)], "at once");
}

#[test]
fn no_member_fills_the_log() {
    crate::shows!("R-PEE-96");
    let mut one = One::founded();
    one.say(&intro(Phase::Starting, None));
    one.actions();
    let mut other = members(3);
    let how = Decision { clock: Stamp(u64::MAX - 1), by: id(1) };
    let keys = other.register_address(how, "10.7.7.7:1".parse().unwrap(), None).unwrap();
    let mut lines = Vec::new();
    for number in 0..900_u64 {
        let mut message = Vec::new();
        other.write_some(&mut keys.iter().copied().collect(), number, &mut message);
        one.say(&message);
        one.pass(Duration::from_millis(100));
        lines.extend(one.actions().into_iter().filter_map(|action| match action {
            Action::Log(text) if text.contains("absurd") => Some((number, text)),
            _ => None,
        }));
    }
    assert_eq!(lines.iter().map(|(number, _)| *number).collect::<Vec<_>>(), [0, 600], "{lines:?}");
    assert!(lines.iter().all(|(_, text)| text.contains("stamps of 1 facts")));
    // Nor does REFUSE, which is not believed of an HMS that serves.
    let refuse = crate::wire::peer::Refuse { code: RefuseCode::Full, twin: None, reason: Some("go away") };
    let mut message = Vec::new();
    PeerMessage::Refuse(refuse).emit(&mut message);
    (0..100).for_each(|_| one.say(&message));
    let refusals = |action: &Action| matches!(action, Action::Log(text) if text.contains("go away"));
    assert_eq!(one.actions().iter().filter(|action| refusals(action)).count(), 1);
}

#[test]
fn facts_that_come_all_the_time_are_stored_ten_times_a_second() {
    crate::shows!("R-PEE-98");
    let mut one = One::founded();
    one.say(&intro(Phase::Starting, None));
    one.actions();
    let mut other = members(3);
    let mut stores = 0;
    for number in 0..200_u64 {
        let how = Decision { clock: Stamp(77 + number), by: id(1) };
        let keys = other
            .register_address(how, address(10 + number as usize % 40), Some(id(1 + number as usize / 40)))
            .unwrap();
        let mut message = Vec::new();
        other.write_some(&mut keys.into_iter().collect(), number, &mut message);
        one.say(&message);
        one.pass(Duration::from_millis(5));
        if one.actions().contains(&Action::Persist) {
            stores += 1;
            one.cluster.stored(one.now, true);
        }
    }
    assert!((9..=11).contains(&stores), "{stores} times for 200 FACTS in a second");
    one.pass(secs(1));
    one.actions();
    one.cluster.stored(one.now, true);
    assert_eq!(one.cluster.facts().digest(), other.digest(), "all in force");
    // What is decided here waits for nothing.
    let register = |address: &str| {
        let address = address.parse().unwrap();
        move |facts: &mut Facts, how: Decision| facts.register_address(how, address, None)
    };
    for address in ["10.7.7.7:1", "10.7.7.7:2"] {
        one.cluster.decide(one.now, register(address)).unwrap();
        assert!(one.actions().contains(&Action::Persist));
        one.cluster.stored(one.now, true);
    }
}

#[test]
fn facts_of_an_absurd_time_are_not_taken() {
    crate::shows!("R-PEE-05");
    let mut one = One::founded();
    one.say(&intro(Phase::Starting, None));
    let clock = one.cluster.clock(one.now).0;
    for (ahead, taken) in [(1 << 54, true), ((1 << 54) + 1, false)] {
        let mut other = Facts::default();
        let how = Decision { clock: Stamp(clock + ahead), by: id(1) };
        let address = format!("10.7.7.{}:1", u8::from(taken)).parse().unwrap();
        let keys = other.register_address(how, address, None).unwrap();
        let mut message = Vec::new();
        other.write_some(&mut keys.iter().copied().collect(), 5, &mut message);
        one.say(&message);
        assert_eq!(one.cluster.facts().get(keys[0]).is_some(), taken, "{ahead}");
    }
}

#[test]
fn members_are_dialled_again_and_again() {
    crate::shows!("R-PEE-10", "R-PEE-94");
    let mut one = One::founded();
    let (mut open, mut dials) = (Vec::new(), Vec::new());
    let run = |one: &mut One, open: &mut Vec<(Instant, LinkId)>, dials: &mut Vec<u64>, until: Instant| {
        while one.now < until {
            for action in one.actions() {
                let Action::Dial { address: at, .. } = action else { continue };
                let link = one.links.connect(one.now, at, None, KeyId::CLUSTER).unwrap();
                one.cluster.dialled(one.now, at, Some(link));
                if at == address(2) {
                    dials.push(one.now.since(START).as_secs());
                }
                open.push((one.now, link));
            }
            // Each attempt fails after 100 ms.
            for (_, link) in open.extract_if(.., |(at, _)| one.now >= *at + Duration::from_millis(100)) {
                one.cluster.closed(one.now, link, &CloseReason::Here(CloseCode::DONE));
            }
            one.pass(Duration::from_millis(100));
        }
    };
    run(&mut one, &mut open, &mut dials, START + secs(70));
    let pauses: Vec<_> = dials.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert!(pauses.len() > 5 && pauses[..2].iter().all(|pause| *pause <= 3), "{pauses:?}");
    assert!(pauses[pauses.len() - 2..].iter().all(|pause| (9..=11).contains(pause)), "{pauses:?}");
}
