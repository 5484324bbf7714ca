//! Loss, copies, disorder, damage: what arrives is what was sent.

use std::collections::BTreeMap;

use super::path::{Dice, Faults};
use super::world::{World, message};
use crate::time::Duration;
use crate::transport::{LinkId, Priority, SendError};

/// Sends rows of messages on all streams in both directions, and looks whether they arrived.
struct Talk {
    ends: [(usize, LinkId); 2],
    next: BTreeMap<(usize, Priority), u64>,
    total: u64,
}

impl Talk {
    fn len(node: usize, priority: Priority, n: u64) -> usize {
        let mut dice = Dice(n << 8 | (node as u64) << 4 | priority as u64);
        if dice.percent(5) { dice.below(20_000) as usize } else { 8 + dice.below(900) as usize }
    }

    fn feed(&mut self, world: &mut World) {
        for (node, link) in self.ends {
            for priority in Priority::ALL {
                let next = self.next.entry((node, priority)).or_default();
                while *next < self.total {
                    let message = message(*next, Self::len(node, priority, *next));
                    match world.nodes[node].endpoint.send(link, priority, &message) {
                        Ok(()) => *next += 1,
                        Err(error) => {
                            assert_eq!(error, SendError::Full);
                            break;
                        }
                    }
                }
            }
        }
    }

    fn arrived(&self, world: &World) -> bool {
        let all = self.total as usize * 3;
        self.ends.iter().all(|(node, _)| world.nodes[*node].told.messages.len() == all)
    }

    fn check(&self, world: &World) {
        for (to, link) in self.ends {
            for priority in Priority::ALL {
                let stream = world.nodes[to].stream(link, priority);
                assert_eq!(stream.len() as u64, self.total);
                for (n, got) in (0..).zip(stream) {
                    assert_eq!(
                        got,
                        message(n, Self::len(1 - to, priority, n)),
                        "message {n} of {priority:?}"
                    );
                }
            }
        }
    }
}

fn talk(seed: u64, faults: Faults, total: u64, limit: Duration) -> World {
    let mut world = World::new(seed, 2, faults);
    let (a, b) = world.join(0, 1);
    let mut talk = Talk { ends: [(0, a), (1, b)], next: BTreeMap::new(), total };
    let until = world.now + limit;
    while !talk.arrived(&world) && world.now < until {
        world.run_with(Duration::from_millis(500), |world| talk.feed(world));
        for node in &world.nodes {
            assert_eq!(node.told.closed, []);
            assert!(node.endpoint.links().all(|(_, link)| link.memory().0.max(link.memory().1) <= 4 << 20));
        }
    }
    talk.check(&world);
    world
}

fn bad(loss: u64) -> Faults {
    Faults {
        loss,
        duplicate: 5,
        reorder: 10,
        corrupt: 2,
        delay: Duration::from_millis(10),
        reorder_by: Duration::from_millis(30),
        ..Faults::default()
    }
}

#[test]
fn everything_arrives_once_and_in_order_at_20_percent_loss_both_ways() {
    shows!("R-TRN-35", "R-TRN-42", "R-TRN-03");
    let mut world = talk(1, bad(20), 150, Duration::from_secs(600));
    for pair in [(0, 1), (1, 0)] {
        let tally = world.path(pair.0, pair.1).tally();
        assert!(tally.lost > 0 && tally.copied > 0 && tally.held > 0 && tally.damaged > 0, "{tally:?}");
    }
}

#[test]
fn everything_arrives_on_all_kinds_of_paths() {
    for seed in 0..6 {
        talk(seed, bad(0), 100, Duration::from_secs(200));
        talk(seed, bad(5), 100, Duration::from_secs(300));
        talk(seed, Faults { rate: Some((125_000, 12_000)), ..bad(1) }, 40, Duration::from_secs(300));
    }
}

#[test]
fn at_20_percent_loss_goods_go_on_arriving() {
    let mut world = World::new(9, 2, Faults { loss: 20, ..Faults::delay(25) });
    let (a, b) = world.join(0, 1);
    world.nodes[1].counts = true;
    for _ in 0..30 {
        let before = world.nodes[1].told.bytes[2];
        world.run_with(Duration::from_secs(10), |world| {
            let link = world.nodes[0].endpoint.link_mut(a).expect("no reset");
            link.pull_bulk(1000, |_| Some(message(0, 1000))).expect("it fits");
        });
        let goods = world.nodes[1].told.bytes[2] - before;
        assert!(goods > 10_000, "{goods} bytes in 10 s");
    }
    let total = world.nodes[1].told.bytes[2];
    println!("goodput at 20 % loss both ways, 50 ms: {} bytes/s", total / 300);
    assert!(world.link(1, b).is_open());
}
