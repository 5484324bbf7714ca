//! What HMSs judge: which of two sessions counts and what of each, whose line gives way, who leads, which twin goes.

use std::net::SocketAddr;

use hms::cluster::{Claim, Reach, Side, Standing, gives_way, has_to_go};
use hms::ident::{Generation, Incarnation, LineId, Order, Process, ServerId, SessionId, Stamp};
use hms::registry::ViewSpec;
use hms::registry::merge::{Place, Said, Session, Standing as Heard};
use hms::time::Duration;
use hms::wire::peer::Phase;
use serde_json::{Value, json};

use crate::hex;

const ATLAS: ServerId = ServerId(0x5e5e_0000_0000_0001);
const OSAKA: ServerId = ServerId(0x5e5e_0000_0000_0002);
const KYOTO: ServerId = ServerId(0x5e5e_0000_0000_0003);

const fn process(server: ServerId, incarnation: u32) -> Process {
    Process { server, incarnation: Incarnation(incarnation) }
}

fn at(text: &str) -> Option<SocketAddr> {
    Some(text.parse().expect("an address"))
}

/// The session from which the others differ in one thing.
fn plain() -> Session<'static> {
    Session {
        order: Order {
            generation: Generation(0),
            stamp: Stamp(100 << 16),
            server: ATLAS,
            session: SessionId(0x1111_2222_3333_4444),
        },
        said: Said { version: 3, content: b"\x01\x00\x04anna", view: ViewSpec::Realm, push: true },
        place: Place {
            sequence: 7,
            standing: Heard::Up,
            home: process(ATLAS, 5),
            address: at("10.1.0.21:44651"),
        },
        left: false,
    }
}

fn placed(edit: impl FnOnce(&mut Place)) -> Session<'static> {
    let mut session = plain();
    edit(&mut session.place);
    session
}

fn ordered(edit: impl FnOnce(&mut Order)) -> Session<'static> {
    let mut session = plain();
    edit(&mut session.order);
    session
}

fn said(said: Said<'static>) -> Session<'static> {
    Session { said, ..plain() }
}

/// Pairs, one for each thing that decides; the second counts, or what is named.
fn pairs() -> Vec<(&'static str, Session<'static>, Session<'static>)> {
    let one = plain().said;
    let order = plain().order;
    vec![
        ("the higher generation", plain(), ordered(|order| order.generation = Generation(1 << 16))),
        ("the higher stamp", plain(), ordered(|order| order.stamp = Stamp(101 << 16))),
        ("the greater server id", plain(), ordered(|order| order.server = OSAKA)),
        ("the greater session id", plain(), ordered(|order| order.session.0 += 1)),
        ("the higher content version", plain(), said(Said { version: 4, content: b"\x01\x00\x01a", ..one })),
        ("the greater content", plain(), said(Said { content: b"\x01\x00\x04bert", ..one })),
        ("the greater view: its kind", plain(), said(Said { view: ViewSpec::Group("board"), ..one })),
        ("the greater view: push", said(Said { push: false, ..one }), plain()),
        ("any view above none", said(Said { view: ViewSpec::None, push: false, ..one }), plain()),
        (
            "the higher sequence, though it is late",
            plain(),
            placed(|place| {
                (place.sequence, place.standing) = (8, Heard::Late);
            }),
        ),
        ("late above up", plain(), placed(|place| place.standing = Heard::Late)),
        ("the greater home", plain(), placed(|place| place.home = process(OSAKA, 1))),
        ("the greater incarnation", plain(), placed(|place| place.home = process(ATLAS, 6))),
        ("no address above any", plain(), placed(|place| place.address = None)),
        ("the greater address: family", plain(), placed(|place| place.address = at("[2001:db8::1]:1"))),
        ("the greater address: port", plain(), placed(|place| place.address = at("10.1.0.21:44652"))),
        (
            "content of one, place of the other",
            said(Said { version: 4, ..one }),
            placed(|place| place.sequence = 8),
        ),
        ("left for good, whatever else is known", placed(|place| place.sequence = 99), Session::ended(order)),
        (
            "expired above late",
            placed(|place| place.standing = Heard::Late),
            Session::expired(order, 7, process(ATLAS, 5)),
        ),
        (
            "expired, but heard later elsewhere",
            Session::expired(order, 7, process(ATLAS, 5)),
            placed(|place| {
                (place.sequence, place.home) = (8, process(OSAKA, 1));
            }),
        ),
        (
            "an end touches no later session",
            Session::ended(order),
            ordered(|order| order.stamp = Stamp(101 << 16)),
        ),
    ]
}

fn id(id: u64) -> String {
    crate::id(id)
}

fn of_process(process: Process) -> Value {
    json!({ "server": process.server.to_string(), "incarnation": process.incarnation.to_string() })
}

fn session(session: &Session<'_>) -> Value {
    let Session { order, said, place, left } = session;
    let view = match said.view {
        ViewSpec::None => json!("none"),
        ViewSpec::Realm => json!("realm"),
        ViewSpec::Group(name) => json!({ "group": name }),
        ViewSpec::Named(users) => {
            json!({ "users": users.iter().map(|user| hex(user.0)).collect::<Vec<_>>() })
        }
    };
    json!({
        "order": {
            "generation": order.generation.0.to_string(), "stamp": order.stamp.0.to_string(),
            "server": order.server.to_string(), "session": id(order.session.0),
        },
        "content": { "version": said.version, "tlvs": hex(said.content), "view": view, "push": said.push },
        "place": {
            "sequence": place.sequence.to_string(), "home": of_process(place.home),
            "status": match place.standing { Heard::Up => 1, Heard::Late => 2, Heard::Expired => 3 },
            "address": place.address.map(|address| address.to_string()),
        },
        "left": left, "row": session.is_there(),
    })
}

/// Two of what is known of a user, and what is known when both are.
pub(super) fn sessions() -> Value {
    let one = |(name, first, second): (&str, Session<'_>, Session<'_>)| {
        let merged = first.merge(second);
        assert_eq!(second.merge(first), merged, "{name}");
        json!({ "name": name, "first": session(&first), "second": session(&second), "merged": session(&merged) })
    };
    pairs().into_iter().map(one).collect()
}

/// Line id, age in ms, lines left.
type Told = (u64, u64, &'static [u64]);

/// Pairs of what INTRO says, one for each clause of R-PEE-45.
const LINES: [(&str, Told, Told); 10] = [
    ("one line", (10, 5_000, &[]), (10, 50_000, &[])),
    ("a: the other side has left it", (10, 90_000, &[]), (20, 5_000, &[10])),
    ("a: this side has left the other's", (10, 5_000, &[20]), (20, 90_000, &[])),
    ("b: each has left the other's", (10, 90_000, &[20]), (20, 5_000, &[10])),
    ("c: both young, the larger id", (20, 9_999, &[]), (10, 0, &[])),
    ("d: 999 ms apart, the larger id", (20, 50_999, &[]), (10, 50_000, &[])),
    ("d: one young, one not, 1 ms apart", (10, 10_000, &[]), (20, 9_999, &[])),
    ("e: a second apart, the younger", (10, 50_000, &[]), (20, 51_000, &[])),
    ("e: one young, one not, a second apart", (20, 10_000, &[]), (10, 9_000, &[])),
    ("lines that are neither's say nothing", (20, 0, &[30]), (10, 0, &[30, 40])),
];

pub(super) fn lines() -> Value {
    let one = |(name, own, other): &(&str, Told, Told)| {
        let left = |told: &Told| told.2.iter().copied().map(LineId).collect::<Vec<_>>();
        let (left_own, left_other) = (left(own), left(other));
        let claim =
            |told: &Told, left| Claim { line: LineId(told.0), age: Duration::from_millis(told.1), left };
        let gives = gives_way(&claim(own, &left_own), &claim(other, &left_other));
        let shown = |told: &Told| {
            let left: Vec<_> = told.2.iter().copied().map(id).collect();
            json!({ "line": id(told.0), "age_ms": told.1, "left": left })
        };
        json!({ "name": name, "first": shown(own), "second": shown(other), "gives_way": side(gives) })
    };
    LINES.iter().map(one).collect()
}

fn side(side: Option<Side>) -> Value {
    match side {
        None => Value::Null,
        Some(Side::Own) => json!("first"),
        Some(Side::Other) => json!("second"),
    }
}

fn standing(server: ServerId, phase: Phase, line: u64, joined_at_ms: u64) -> Standing {
    let line = (line != 0).then_some(LineId(line));
    Standing { process: process(server, 1), phase, line, joined_at_ms }
}

fn shown(standing: &Standing) -> Value {
    json!({
        "process": of_process(standing.process), "phase": standing.phase.code(),
        "line": standing.line.map(|line| id(line.0)), "joined_at_ms": standing.joined_at_ms,
    })
}

/// An HMS, its neighbours with whom each of them lists, and who leads.
type Around = (&'static str, Standing, Vec<(Standing, Vec<Standing>)>);

fn around() -> Vec<Around> {
    use Phase::{Operating, Starting, Stopping, Synchronising, Waking};
    let atlas = |phase, line, joined| standing(ATLAS, phase, line, joined);
    let osaka = |phase, line, joined| standing(OSAKA, phase, line, joined);
    let kyoto = |phase, line, joined| standing(KYOTO, phase, line, joined);
    vec![
        ("alone", osaka(Operating, 10, 5), vec![]),
        ("the founder", osaka(Operating, 10, 5), vec![(atlas(Operating, 10, 0), vec![])]),
        ("the smaller server id", osaka(Operating, 10, 5), vec![(kyoto(Operating, 10, 5), vec![])]),
        ("a waking one keeps its seat", osaka(Operating, 10, 5), vec![(atlas(Waking, 10, 0), vec![])]),
        ("one that copies has a seat", osaka(Synchronising, 10, 5), vec![(kyoto(Operating, 10, 4), vec![])]),
        ("one that stops has none", osaka(Operating, 10, 5), vec![(atlas(Stopping, 10, 0), vec![])]),
        (
            "one of another line does not count",
            osaka(Operating, 10, 5),
            vec![(atlas(Operating, 20, 0), vec![])],
        ),
        (
            "over one between",
            osaka(Operating, 10, 5),
            vec![(kyoto(Operating, 10, 7), vec![atlas(Operating, 10, 0)])],
        ),
        ("who has no seat has no primary", osaka(Starting, 0, 0), vec![(atlas(Operating, 10, 0), vec![])]),
    ]
}

pub(super) fn primaries() -> Value {
    let one = |(name, own, neighbours): &Around| {
        let reach = Reach::new(*own, neighbours.iter().map(|(one, listed)| (*one, listed.as_slice())));
        let near: Vec<_> = neighbours
            .iter()
            .map(|(one, listed)| {
                json!({ "itself": shown(one), "lists": listed.iter().map(shown).collect::<Vec<_>>() })
            })
            .collect();
        let primary = reach.primary().map(|seat| seat.server.to_string());
        json!({ "name": name, "own": shown(own), "neighbours": near, "primary": primary })
    };
    around().iter().map(one).collect()
}

/// Two processes of one server id, each with the age of its line.
pub(super) fn twins() -> Value {
    use Phase::{Operating, Starting};
    let one = |incarnation, phase, line: u64, joined| Standing {
        process: process(ATLAS, incarnation),
        ..standing(ATLAS, phase, line, joined)
    };
    let pairs = [
        ("one process", one(3, Operating, 10, 0), 50_000, one(3, Operating, 10, 0), 50_000),
        ("no seat", one(3, Starting, 0, 0), 0, one(9, Operating, 10, 0), 50_000),
        ("neither has a seat: the larger incarnation", one(3, Starting, 0, 0), 0, one(9, Starting, 0, 0), 0),
        ("two lines: the younger", one(3, Operating, 10, 0), 50_000, one(9, Operating, 20, 0), 60_000),
        ("one line: the later joined-at", one(3, Operating, 10, 5), 50_000, one(9, Operating, 10, 4), 50_000),
        (
            "one seat: the larger incarnation",
            one(3, Operating, 10, 5),
            50_000,
            one(9, Operating, 10, 5),
            50_000,
        ),
    ];
    let judged = |(name, first, age, second, other): &(&str, Standing, u64, Standing, u64)| {
        let goes = has_to_go(first, Duration::from_millis(*age), second, Duration::from_millis(*other));
        json!({
            "name": name, "first": shown(first), "first_line_age_ms": age,
            "second": shown(second), "second_line_age_ms": other, "has_to_go": side(goes),
        })
    };
    pairs.iter().map(judged).collect()
}
