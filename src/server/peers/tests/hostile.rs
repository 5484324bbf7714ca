//! An HMS of the cluster that says anything: it has the key, a seat, and an open link to each of the others (spec 7.1,
//! R-PEE-99). It is a real one, over whose links the test sends what it likes beside what it says itself.

use rand_chacha::ChaCha8Rng;
use rand_core::{Rng as _, SeedableRng as _};

use super::world::{World, id, user};
use crate::auth::user_id;
use crate::ident::{
    Epoch, Generation, Incarnation, InstanceId, Name, Order, Process, RealmId, ServerId, SessionId, Stamp,
    UserId,
};
use crate::server::tests::world::REALMS;
use crate::time::Duration;
use crate::transport::{LinkId, Priority};
use crate::wire::peer::tests::samples;
use crate::wire::peer::{
    Cursor, DeltaWriter, Ending, FactState, Gone, Home, Mark, MemberFact, PageWriter, PeerMessage, Place,
    Root, Row, RowHead, Stream,
};
use crate::wire::peer::{Fact, FactsWriter};
use crate::wire::{Content, View};

/// The hostile one; the others are 0 and 1.
const HOSTILE: usize = 2;
const REALM: RealmId = REALMS[0].1;
/// Of these users it says what it likes, of the others nothing.
const NAMED: u8 = 3;
const HOSTS: u8 = 6;
/// Turns of 20 ms, in each of which it says some things.
const TURNS: usize = 1000;
/// `HMS_HOSTILE_SEEDS` chooses another number.
const SEEDS: u64 = 4;

struct Hostile {
    rng: ChaCha8Rng,
    /// Numbers that mean something here: processes, stamps, sessions, users.
    words: Vec<u64>,
    processes: Vec<Process>,
    samples: Vec<Vec<u8>>,
}

impl Hostile {
    fn new(seed: u64) -> Self {
        let rng = ChaCha8Rng::seed_from_u64(seed);
        Self { rng, words: Vec::new(), processes: Vec::new(), samples: samples::all() }
    }

    fn below(&mut self, end: usize) -> usize {
        self.rng.next_u32() as usize % end.max(1)
    }

    fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }

    /// Of what is true it makes what is nearly true.
    fn look(&mut self, world: &mut World) {
        self.words = vec![0, 1, u64::MAX, u64::MAX - 1, 1 << 54, 1 << 63, u64::from(u32::MAX)];
        self.processes = vec![Process { server: ServerId(77), incarnation: Incarnation(7) }];
        for node in 0..3 {
            if world.nodes[node].server.is_none() {
                continue;
            }
            let server = world.server(node);
            let process = Process { server: id(node), incarnation: server.incarnation() };
            self.processes.push(process);
            self.words.extend([process.server.0, u64::from(process.incarnation.0)]);
            for number in 1..=NAMED {
                let row = server.registry.by_user(REALM, user_id(REALM, &user(number)));
                if let Some(row) = row.and_then(|row| server.registry.row(row)) {
                    self.words.extend([row.stamp().0, row.session().0, u64::from_be_bytes(row.user().0)]);
                }
            }
        }
    }

    fn word(&mut self) -> u64 {
        let at = self.below(self.words.len());
        if self.one_in(8) { self.rng.next_u64() } else { self.words[at] }
    }

    fn user(&mut self) -> (UserId, String) {
        let name = if self.one_in(3) {
            format!("nobody{}", self.below(500))
        } else {
            user(1 + self.below(NAMED.into()) as u8)
        };
        (user_id(REALM, &name), name)
    }

    fn home(&mut self) -> Home {
        let at = self.below(self.processes.len());
        Home { process: self.processes[at], age_ms: if self.one_in(2) { 0 } else { self.rng.next_u32() } }
    }

    fn order(&mut self) -> Order {
        Order {
            // Who raises it revokes, which is in its power.
            generation: Generation(0),
            stamp: Stamp(self.word()),
            server: ServerId(self.word()),
            session: SessionId(self.word()),
        }
    }

    fn row(&mut self) -> Vec<u8> {
        let (user, name) = self.user();
        let names = [name.as_str(), "desk"].map(|text| Name::new(text).expect("a name"));
        let [name, host] = names;
        let address = ([10, 0, 1, self.below(9) as u8], 5000).into();
        let head = RowHead {
            realm: if self.one_in(9) { RealmId(self.rng.next_u32()) } else { REALM },
            user,
            order: self.order(),
            instance: InstanceId(self.word()),
            since: self.word(),
            epoch: Epoch(1),
            content_version: self.word() as u32,
            place: Place {
                sequence: self.word(),
                late: self.one_in(2),
                check_ms: self.word() as u32,
                address: Some(address).filter(|_| !self.one_in(4)),
            },
        };
        let mut bytes = Vec::new();
        head.emit(&Content::new(name, host).to_bytes(), &View::Realm, true, &mut bytes);
        bytes
    }

    fn gone(&mut self) -> Gone {
        Gone {
            realm: REALM,
            user: self.user().0,
            order: self.order(),
            ending: if self.one_in(2) { Ending::Leave } else { Ending::Expiry },
            sequence: self.word(),
            forgotten_ms: self.word() as u32,
        }
    }

    fn delta(&mut self) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut writer = DeltaWriter::begin(&mut bytes);
        for _ in 0..self.below(40) {
            let (home, row) = (self.home(), self.row());
            let _ = match self.below(3) {
                0 => writer.gone(home, &self.gone()),
                1 if self.one_in(4) => {
                    writer.root(&Root { home: home.process, rows: self.below(9) as u32, digest: self.word() })
                }
                _ => writer.row(home, &Row::parse(&row, 0).expect("a row")),
            };
        }
        writer.end(self.one_in(2), self.one_in(2), self.word());
        bytes
    }

    fn page(&mut self) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut writer = PageWriter::begin(&mut bytes);
        let home = self.home();
        for _ in 0..self.below(20) {
            let row = self.row();
            let _ = writer.row(home, &Row::parse(&row, 0).expect("a row"));
        }
        let after = Cursor { realm: RealmId(0), user: UserId([0; 8]) };
        let number = if self.one_in(2) { self.below(8) as u32 } else { self.rng.next_u32() };
        writer.end(number, after, Cursor::END);
        bytes
    }

    /// Members that there are not.
    fn facts(&mut self) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut writer = FactsWriter::begin(&mut bytes);
        for _ in 0..self.below(60) {
            let mark = Mark {
                stamp: Stamp(self.word()),
                state: if self.one_in(3) { FactState::Removed } else { FactState::There },
                by: ServerId(self.word()),
            };
            let server = ServerId(1000 + self.below(5000) as u64);
            let name = format!("stranger{}", self.below(30));
            let _ = writer.fact(&Fact::Member(MemberFact { server, mark, name: &name }));
        }
        writer.end(self.one_in(2), self.word());
        bytes
    }

    fn message(&mut self) -> Vec<u8> {
        let mut bytes = match self.below(8) {
            0 | 1 => self.delta(),
            2 => self.page(),
            3 if self.one_in(4) => self.facts(),
            _ => {
                let at = self.below(self.samples.len());
                self.samples[at].clone()
            }
        };
        // Values that mean something, anywhere; then damage. What cannot be read ends its link, so not too often.
        let changes = if self.one_in(3) { self.below(6) } else { 0 };
        for _ in 0..changes {
            let (at, word) = (self.below(bytes.len()), self.word().to_be_bytes());
            let wide = if self.one_in(2) { &word[..] } else { &word[4..] };
            bytes[at..].iter_mut().zip(wide).for_each(|(byte, new)| *byte = *new);
        }
        if self.one_in(200) {
            bytes.truncate(self.below(bytes.len() + 1));
        }
        bytes
    }

    /// Says something over each of its open links.
    fn speak(&mut self, world: &mut World) {
        let (now, server) = (world.now, world.server(HOSTILE));
        let open = |link: &crate::transport::Connection| link.is_open();
        let links: Vec<LinkId> =
            server.peers.endpoint.links().filter(|(_, link)| open(link)).map(|(link, _)| link).collect();
        for link in links {
            for _ in 0..self.below(5) {
                let message = self.message();
                if is_believed(&message) {
                    continue;
                }
                let stream = match samples::own_stream(&message) {
                    _ if self.one_in(400) => Priority::ALL[self.below(3)],
                    Stream::Control => Priority::Control,
                    Stream::Deltas => Priority::Deltas,
                    Stream::Bulk => Priority::Bulk,
                };
                let _ = server.peers.endpoint.send(link, stream, &message);
            }
        }
        server.attend(now);
    }
}

/// What any member can decide for all, and is believed (7.1): who is no member, which realms and users there are, and
/// that an HMS has a twin, which stays.
fn is_believed(message: &[u8]) -> bool {
    match PeerMessage::parse(samples::own_stream(message), message) {
        Ok(PeerMessage::Refuse(refuse)) => refuse.twin.is_some(),
        Ok(PeerMessage::Facts(facts)) => facts.facts().any(|fact| match fact {
            Fact::Member(member) => member.server.0 < 1000,
            Fact::Address(_) | Fact::Realm(_) | Fact::Generation(_) => true,
        }),
        _ => false,
    }
}

/// Rows of the users that it does not name, as an HMS has them.
fn others(world: &World, node: usize) -> Vec<String> {
    let named: Vec<_> = (NAMED + 1..=HOSTS).map(user).collect();
    let rows = world.rows(node).into_iter();
    let mut rows: Vec<_> =
        rows.filter(|row| named.iter().any(|name| row.starts_with(&format!("{name} ")))).collect();
    rows.sort();
    rows
}

/// What has to hold all the time.
fn check(world: &mut World, seed: u64, turn: usize, rows: &[String]) {
    for (node, other) in [(0, 1), (1, 0)] {
        let said = || format!("seed {seed}, turn {turn}, hms{node}");
        let row = world.peer(node, other);
        assert_eq!(row.status, "up", "{}: {row:?}\n{}", said(), world.tell());
        assert_eq!(others(world, node), rows, "{}\n{}", said(), world.tell());
        let server = world.server(node);
        let facts = server.facts().members().count();
        assert!(facts <= 4096, "{}: {facts} members", said());
    }
}

/// How many absurd stamps were flagged, and whether rows that it made up were taken.
fn play(seed: u64) -> (u64, bool) {
    let mut world = World::settled(3);
    (1..=HOSTS).for_each(|number| world.join(number));
    world.secs(25);
    let rows = others(&world, 0);
    assert_eq!(rows.len(), usize::from(HOSTS - NAMED));
    let (mut hostile, mut taken) = (Hostile::new(seed), false);
    for turn in 0..TURNS {
        if turn % 50 == 0 {
            hostile.look(&mut world);
            check(&mut world, seed, turn, &rows);
            taken |= world.rows(0).iter().any(|row| row.starts_with("nobody"));
        }
        hostile.speak(&mut world);
        world.pass(Duration::from_millis(20));
    }
    world.crash(HOSTILE);
    let flagged =
        (0..2).map(|node| world.status(node).rows_not_taken.get("stamp").copied().unwrap_or_default()).sum();
    // What it said ages away, and the two go on as if it had never been.
    world.secs(120);
    let mut roles = world.roles();
    roles.sort_unstable();
    assert_eq!(roles, ["-", "primary", "secondary"], "seed {seed}\n{}", world.tell());
    check(&mut world, seed, TURNS, &rows);
    (flagged, taken)
}

#[test]
fn an_hms_that_says_anything_ends_nobodys_link_but_its_own() {
    crate::shows!("R-PEE-99");
    let seeds = std::env::var("HMS_HOSTILE_SEEDS").ok().and_then(|text| text.parse().ok()).unwrap_or(SEEDS);
    let played: Vec<_> = (0..seeds).map(play).collect();
    assert!(played.iter().any(|(flagged, _)| *flagged > 0), "no stamp was absurd");
    assert!(played.iter().any(|(_, taken)| *taken), "nothing that it said was taken");
}
