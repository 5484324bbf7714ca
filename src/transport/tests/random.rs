//! Random acts on random paths, against what must always hold.

use proptest::prelude::*;
use proptest::test_runner::{RngAlgorithm, TestRng, TestRunner};

use super::path::Faults;
use super::world::World;
use crate::time::Duration;
use crate::transport::limits::{LINKS_MAX, MEMORY_MAX};
use crate::transport::{CloseCode, LinkId, Priority};

#[derive(Clone, Debug)]
enum Act {
    Dial(usize),
    Send { node: usize, pick: usize, priority: usize, len: usize, count: u8 },
    Close { node: usize, pick: usize },
    Deaf(usize, bool),
    Restart(usize),
    Run(u64),
    Paths { loss: u64, corrupt: u64, duplicate: u64, reorder: u64, delay: u64, rate: Option<u64>, cut: bool },
    Replay(usize),
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        2 => (0usize..3).prop_map(Act::Dial),
        8 => (0usize..3, 0usize..4, 0usize..3, prop_oneof![0usize..50, 0usize..9000], 1u8..200)
            .prop_map(|(node, pick, priority, len, count)| Act::Send { node, pick, priority, len, count }),
        1 => (0usize..3, 0usize..4).prop_map(|(node, pick)| Act::Close { node, pick }),
        1 => (0usize..3, any::<bool>()).prop_map(|(node, deaf)| Act::Deaf(node, deaf)),
        1 => (0usize..3).prop_map(Act::Restart),
        8 => (1u64..3000).prop_map(Act::Run),
        2 => (0u64..30, 0u64..5, 0u64..10, 0u64..20, 0u64..100, proptest::option::of(5_000u64..100_000), prop::bool::weighted(0.1))
            .prop_map(|(loss, corrupt, duplicate, reorder, delay, rate, cut)| Act::Paths { loss, corrupt, duplicate, reorder, delay, rate, cut }),
        2 => (0usize..1000).prop_map(Act::Replay),
    ]
}

/// A row of messages of one sender's link: node, link, number.
fn label(node: usize, link: LinkId, n: u64, len: usize) -> Vec<u8> {
    let mut bytes = format!("{node} {link} {n:08} ").into_bytes();
    bytes.resize(bytes.len() + len, b'.');
    bytes
}

/// Messages of a stream are a row from 0 on, without a gap, of one sender.
fn check_rows(world: &World) {
    for node in &world.nodes {
        let mut rows: std::collections::BTreeMap<(LinkId, Priority), (String, u64)> = Default::default();
        for (link, priority, _, message) in &node.told.messages {
            let text = std::str::from_utf8(message).expect("text");
            let mut words = text.split(' ');
            let from = format!("{:?} {:?}", words.next(), words.next());
            let n: u64 = words.next().expect("a number").parse().expect("a number");
            let row = rows.entry((*link, *priority)).or_insert_with(|| (from.clone(), 0));
            assert_eq!((&row.0, row.1), (&from, n));
            row.1 += 1;
        }
    }
}

/// How often things happened.
#[derive(Debug, Default)]
struct Tally {
    links: u64,
    messages: u64,
    ends: u64,
    lost: u64,
    damaged: u64,
    copied: u64,
    held: u64,
    full: u64,
}

impl Tally {
    fn add(&mut self, world: &World) {
        for node in &world.nodes {
            self.links += node.told.connected.len() as u64;
            self.messages += node.told.messages.len() as u64;
            self.ends += node.told.closed.len() as u64;
        }
        for path in world.paths.iter().map(|path| path.tally()) {
            self.lost += path.lost;
            self.damaged += path.damaged;
            self.copied += path.copied;
            self.held += path.held;
            self.full += path.full;
        }
    }
}

/// A world of three, and what is known of it.
struct Play {
    world: World,
    seed: u64,
    incarnation: u32,
    /// Number of the next message of a row.
    next: std::collections::BTreeMap<(usize, LinkId, usize), u64>,
}

impl Play {
    fn new(seed: u64) -> Self {
        let mut world = World::new(seed, 3, Faults::delay(10));
        world.capture = Some(Vec::new());
        for node in 0..3 {
            world.join(node, (node + 1) % 3);
        }
        Self { world, seed, incarnation: 1, next: std::collections::BTreeMap::new() }
    }

    fn act(&mut self, act: Act) {
        let world = &mut self.world;
        match act {
            Act::Dial(node) => {
                let (now, to) = (world.now, world.nodes[(node + 1) % 3].address);
                let _ = world.nodes[node].endpoint.connect(now, to, None, crate::transport::KeyId::CLUSTER);
            }
            Act::Send { node, pick, priority, len, count } => self.send(node, pick, priority, len, count),
            Act::Close { node, pick } => {
                let Some((link, _)) = world.nodes[node].endpoint.links().nth(pick) else { return };
                world.nodes[node].endpoint.close(world.now, link, CloseCode::DONE, "enough");
            }
            Act::Deaf(node, deaf) => world.nodes[node].set_deaf(deaf),
            Act::Restart(node) => {
                self.incarnation += 1;
                let seed = self.seed + u64::from(self.incarnation);
                world.nodes[node].endpoint = super::world::endpoint(node, self.incarnation, seed);
                world.nodes[node].told = super::world::Told::default();
            }
            Act::Run(millis) => world.run(Duration::from_millis(millis)),
            Act::Paths { loss, corrupt, duplicate, reorder, delay, rate, cut } => world.set_faults(Faults {
                loss,
                corrupt,
                duplicate,
                reorder,
                cut,
                delay: Duration::from_millis(delay),
                reorder_by: Duration::from_millis(2 * delay),
                rate: rate.map(|rate| (rate, 12_000)),
                hole: None,
            }),
            Act::Replay(n) => self.replay(n),
        }
    }

    fn send(&mut self, node: usize, pick: usize, priority: usize, len: usize, count: u8) {
        let endpoint = &mut self.world.nodes[node].endpoint;
        let links = endpoint.links().count();
        let Some((link, _)) = endpoint.links().nth(pick % links.max(1)) else { return };
        let next = self.next.entry((node, link, priority)).or_insert(0);
        for _ in 0..count {
            let taken = endpoint.send(link, Priority::ALL[priority], &label(node, link, *next, len));
            *next += u64::from(taken.is_ok());
        }
    }

    fn replay(&mut self, n: usize) {
        let capture = self.world.capture.as_ref().expect("a capture");
        let Some((from, to, mut bytes, _)) = capture.get(n % capture.len().max(1)).cloned() else { return };
        let (now, source) = (self.world.now, self.world.nodes[from].address);
        self.world.nodes[to].endpoint.handle_datagram(now, source, &mut bytes);
    }
}

fn play(seed: u64, acts: Vec<Act>, tally: &mut Tally) {
    let mut play = Play::new(seed);
    for act in acts {
        play.act(act);
        let world = &mut play.world;
        world.flush();
        for (_, link) in world.nodes.iter().flat_map(|node| node.endpoint.links()) {
            assert!(link.memory().0 <= MEMORY_MAX && link.memory().1 <= MEMORY_MAX);
        }
        assert!(world.nodes.iter().all(|node| node.endpoint.links().count() <= LINKS_MAX));
    }
    check_rows(&play.world);
    tally.add(&play.world);
    peace(play.world);
}

/// On a clean path, with everybody listening: new links come at once, and all that they are given arrives.
fn peace(mut world: World) {
    world.capture = None;
    world.set_faults(Faults::delay(5));
    (0..3).for_each(|node| world.nodes[node].set_deaf(false));
    world.run(Duration::from_secs(25));
    check_rows(&world);
    for node in 0..3 {
        let waiting =
            world.nodes[node].endpoint.links().flat_map(|(_, l)| Priority::ALL.map(|p| l.unacknowledged(p)));
        assert_eq!(waiting.sum::<u64>(), 0, "node {node}");
    }
    world.nodes.iter_mut().for_each(|node| node.told = super::world::Told::default());
    let (a, b) = world.join(0, 1);
    world.nodes[0].endpoint.send(a, Priority::Bulk, &[7; 60_000]).expect("room");
    world.run(Duration::from_secs(5));
    assert_eq!(world.nodes[1].stream(b, Priority::Bulk), [[7; 60_000]]);
    assert!(world.largest <= 1200);
}

#[test]
fn random_acts_on_random_paths() {
    shows!("R-TRN-35", "R-TRN-62");
    let asked = std::env::var("PROPTEST_CASES").ok().and_then(|text| text.parse().ok());
    let config = ProptestConfig {
        cases: asked.unwrap_or(32),
        max_shrink_iters: 200,
        failure_persistence: None,
        ..ProptestConfig::default()
    };
    // The same acts in every run, unless another seed is asked for.
    let seed = std::env::var("HMS_SEED").ok().and_then(|text| text.parse().ok()).unwrap_or(1u64);
    println!("HMS_SEED={seed}");
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_be_bytes());
    let mut runner = TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &bytes));
    let tally = std::cell::RefCell::new(Tally::default());
    let acts = (any::<u64>(), proptest::collection::vec(act(), 10..80));
    let result = runner.run(&acts, |(seed, acts)| {
        play(seed, acts, &mut tally.borrow_mut());
        Ok(())
    });
    result.unwrap_or_else(|error| panic!("{error}"));
    let tally = tally.into_inner();
    println!("{tally:?}");
    let Tally { links, messages, ends, lost, damaged, copied, held, full } = tally;
    assert!(
        [links, messages, ends, lost, damaged, copied, held, full].iter().all(|n| *n > 0),
        "something never happened"
    );
}
