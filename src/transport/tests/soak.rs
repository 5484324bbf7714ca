//! Bad times for a pair of HMSs, many of them: what must never happen, and what must be there in the end.

use std::collections::BTreeMap;

use super::path::{Dice, Faults};
use super::world::{World, endpoint, message};
use crate::time::Duration;
use crate::transport::limits::{HALF_OPEN_PEER, LINKS_MAX, MEMORY_MAX};
use crate::transport::{CloseCode, CloseReason, LinkId, Priority};

const SEEDS: u64 = 240;
const PHASES: u64 = 12;
/// Messages that a stream is given in a phase.
const SHARE: u64 = 8;

/// A row of messages: what one stream of one link was given.
fn row(node: usize, incarnation: u32, link: LinkId, stream: usize) -> String {
    format!("{node} {incarnation} {link} {stream}")
}

/// Message `n` of a row, as it must arrive.
fn line(row: &str, n: u64) -> Vec<u8> {
    let mut bytes = format!("{row} {n} ").into_bytes();
    let mut dice =
        Dice(bytes.iter().fold(0, |sum: u64, byte| sum.wrapping_mul(31).wrapping_add(u64::from(*byte))));
    let len = if dice.percent(10) { dice.below(12_000) } else { dice.below(700) };
    let filler = dice.roll() as u8;
    bytes.extend((0..len).map(|at| filler.wrapping_add(at as u8)));
    bytes
}

/// The row and the number that a message says that it is of.
fn read(message: &[u8]) -> (String, u64) {
    let text = String::from_utf8_lossy(message);
    let words: Vec<&str> = text.splitn(6, ' ').collect();
    (words[..4].join(" "), words[4].parse().expect("a number"))
}

/// What happened, over all seeds.
#[derive(Debug, Default)]
struct Tally {
    messages: u64,
    ends: BTreeMap<String, u64>,
    faults: BTreeMap<&'static str, u64>,
}

struct Soak {
    world: World,
    dice: Dice,
    incarnations: [u32; 2],
    /// How many were given to a row, and how many it is to be given in this phase.
    sent: BTreeMap<String, (u64, u64)>,
    /// By receiver, its link and stream: which row arrived there, and how much of it.
    arrived: BTreeMap<(usize, LinkId, Priority), (String, u64)>,
    tally: Tally,
}

impl Soak {
    fn new(seed: u64) -> Self {
        let mut world = World::new(seed, 2, Faults::delay(5));
        world.capture = Some(Vec::new());
        world.join(0, 1);
        Self {
            world,
            dice: Dice(seed << 20),
            incarnations: [1; 2],
            sent: BTreeMap::new(),
            arrived: BTreeMap::new(),
            tally: Tally::default(),
        }
    }

    fn happens(&mut self, what: &'static str, percent: u64) -> bool {
        let happens = self.dice.percent(percent);
        *self.tally.faults.entry(what).or_default() += u64::from(happens);
        happens
    }

    fn phase(&mut self) {
        let millis = |dice: &mut Dice, most| Duration::from_millis(1 + dice.below(most));
        let rate = (60_000 + self.dice.below(300_000), 6_000 + self.dice.below(40_000));
        let faults = Faults {
            loss: self.dice.below(31),
            duplicate: self.dice.below(11),
            reorder: self.dice.below(21),
            corrupt: self.dice.below(4),
            delay: millis(&mut self.dice, 40),
            reorder_by: millis(&mut self.dice, 60),
            rate: Some(rate),
            ..Faults::default()
        };
        self.world.set_faults(faults);
        if self.happens("hole", 20) {
            self.world.path(0, 1).faults.hole = Some(40 + self.dice.below(1160) as usize);
        }
        if self.happens("cut one way", 15) {
            let from = self.dice.below(2) as usize;
            self.world.path(from, 1 - from).faults.cut = true;
        }
        for node in 0..2 {
            if self.happens("restart", 4) {
                self.restart(node);
            }
            let deaf = self.happens("deaf", 10);
            self.world.nodes[node].set_deaf(deaf);
        }
        self.dial();
        self.sent.values_mut().for_each(|(_, left)| *left = SHARE);
        let mut span = millis(&mut self.dice, 2500);
        if self.happens("cut for long", 3) {
            self.world.set_faults(Faults { cut: true, ..faults });
            span = Duration::from_secs(11);
        }
        self.run(span);
        if self.happens("replay", 40) {
            self.replay();
        }
    }

    fn restart(&mut self, node: usize) {
        self.incarnations[node] += 1;
        let seed = self.dice.roll();
        self.world.nodes[node].endpoint = endpoint(node, self.incarnations[node], seed);
        self.arrived.retain(|to, _| to.0 != node);
    }

    /// Who has no link makes one, and now and then somebody makes several at once.
    fn dial(&mut self) {
        for node in 0..2 {
            let count = if self.world.nodes[node].endpoint.links().count() == 0 {
                1
            } else if self.happens("parallel", 5) {
                self.dice.below(8)
            } else {
                0
            };
            (0..count).for_each(|_| {
                self.world.dial(node, 1 - node);
            });
        }
    }

    /// Captured datagrams come once more, to whom they were sent and to the other.
    fn replay(&mut self) {
        let capture = self.world.capture.as_ref().expect("a capture");
        let mut again = Vec::new();
        for _ in 0..20 {
            let (from, to, bytes, _) = &capture[self.dice.below(capture.len() as u64) as usize];
            let turned = self.dice.percent(20);
            again.push(if turned { (*to, *from, bytes.clone()) } else { (*from, *to, bytes.clone()) });
        }
        self.world.release(&again);
    }

    fn run(&mut self, span: Duration) {
        let until = self.world.now + span;
        while self.world.now < until {
            self.feed();
            self.world.step(until);
            self.check();
        }
    }

    fn feed(&mut self) {
        for (node, incarnation) in self.incarnations.into_iter().enumerate() {
            let endpoint = &mut self.world.nodes[node].endpoint;
            let open: Vec<LinkId> =
                endpoint.links().filter(|(_, link)| link.is_open()).map(|(id, _)| id).collect();
            for (link, stream) in open.into_iter().flat_map(|link| (0..3).map(move |stream| (link, stream))) {
                let row = row(node, incarnation, link, stream);
                let (next, left) = self.sent.entry(row.clone()).or_insert((0, SHARE));
                while *left > 0 && endpoint.send(link, Priority::ALL[stream], &line(&row, *next)).is_ok() {
                    (*next, *left) = (*next + 1, *left - 1);
                }
            }
        }
    }

    /// Whatever happens.
    fn check(&mut self) {
        for (at, node) in self.world.nodes.iter_mut().enumerate() {
            for (link, priority, _, got) in node.told.messages.drain(..) {
                let (row, n) = read(&got);
                assert!(
                    self.sent.get(&row).is_some_and(|(sent, _)| *sent > n) && got == line(&row, n),
                    "forged"
                );
                assert!(row.ends_with(&priority.index().to_string()), "another stream");
                let before = self.arrived.entry((at, link, priority)).or_insert_with(|| (row.clone(), 0));
                assert_eq!(*before, (row, n), "once, in order, of one sender");
                before.1 += 1;
                self.tally.messages += 1;
            }
            for (_, reason) in node.told.closed.drain(..) {
                let peer_is_honest = match &reason {
                    CloseReason::Here(code) | CloseReason::There(code, _) => {
                        [CloseCode::REPLACED, CloseCode::SILENT].contains(code)
                    }
                    _ => true,
                };
                assert!(peer_is_honest, "{reason}");
                *self.tally.ends.entry(reason.to_string()).or_default() += 1;
            }
            let links: Vec<_> = node.endpoint.links().collect();
            assert!(links.len() <= LINKS_MAX);
            assert!(links.iter().filter(|(_, link)| link.is_half_open()).count() <= HALF_OPEN_PEER);
            assert!(links.iter().all(|(_, link)| link.memory().0.max(link.memory().1) <= MEMORY_MAX));
        }
    }

    /// The network is well again: everything arrives that was given to a link which lives.
    fn heal(mut self) -> Tally {
        self.world.set_faults(Faults::delay(5));
        (0..2).for_each(|node| self.world.nodes[node].set_deaf(false));
        self.sent.values_mut().for_each(|(_, left)| *left = 0);
        let until = self.world.now + Duration::from_secs(25);
        while self.world.now < until {
            self.world.step(until);
            self.check();
        }
        let rows: BTreeMap<&str, u64> = self.arrived.values().map(|(row, n)| (row.as_str(), *n)).collect();
        for (node, incarnation) in self.incarnations.into_iter().enumerate() {
            for (link, _) in self.world.nodes[node].endpoint.links().filter(|(_, link)| link.is_open()) {
                for row in (0..3).map(|stream| row(node, incarnation, link, stream)) {
                    let given = self.sent.get(&row).map_or(0, |(sent, _)| *sent);
                    assert_eq!(rows.get(row.as_str()).copied().unwrap_or(0), given, "{row}");
                }
            }
        }
        // And a new link comes at once.
        let (a, b) = self.world.join(0, 1);
        self.world.nodes[0].endpoint.send(a, Priority::Control, b"again").expect("room");
        self.world.run(Duration::from_secs(1));
        assert_eq!(self.world.nodes[1].stream(b, Priority::Control), [b"again"]);
        self.tally
    }
}

#[test]
fn bad_times_are_survived_and_nothing_is_lost_but_with_its_link() {
    shows!("R-TRN-03", "R-TRN-10", "R-TRN-24", "R-TRN-35", "R-TRN-62", "R-TRN-70");
    let mut all = Tally::default();
    for seed in 0..SEEDS {
        let mut soak = Soak::new(seed);
        (0..PHASES).for_each(|_| soak.phase());
        let Tally { messages, ends, faults } = soak.heal();
        all.messages += messages;
        ends.into_iter().for_each(|(end, n)| *all.ends.entry(end).or_default() += n);
        faults.into_iter().for_each(|(fault, n)| *all.faults.entry(fault).or_default() += n);
    }
    println!("{all:?}");
    assert!(all.faults.len() == 7 && all.faults.values().all(|n| *n > 0), "{all:?}");
    assert!(all.messages > 100 * SEEDS && all.ends.len() >= 5, "{all:?}");
}

#[test]
fn goods_arrive_at_20_percent_loss_whatever_else_is_wrong() {
    let bad = Faults {
        loss: 20,
        duplicate: 5,
        reorder: 10,
        corrupt: 2,
        reorder_by: Duration::from_millis(40),
        ..Faults::delay(20)
    };
    for seed in 0..8 {
        let mut world = World::new(seed, 2, Faults::delay(20));
        let (a, b) = world.join(0, 1);
        world.set_faults(bad);
        world.nodes[1].counts = true;
        for _ in 0..6 {
            let before = world.nodes[1].told.bytes[2];
            world.run_with(Duration::from_secs(10), |world| {
                let link = world.nodes[0].endpoint.link_mut(a).expect("no reset");
                link.pull_bulk(1000, |_| Some(message(0, 1000))).expect("it fits");
            });
            assert!(world.nodes[1].told.bytes[2] > before, "seed {seed}");
        }
        assert!(world.link(1, b).is_open());
    }
}
