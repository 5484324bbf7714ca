//! A receiver that reads nothing for a minute, while 100 MB are offered to it.

use hms::relay::Faults;
use hms::time::Duration;
use hms::transport::Priority;
use hms::transport::limits::MEMORY_MAX;
use serde_json::json;

use crate::figures::judge;
use crate::heap::weigh;
use crate::net::World;
use crate::ours::{Ours, PAGE, TALK};

/// 100 Mbit/s.
const RATE: u64 = 12_500_000;
const STOP: Duration = Duration::from_secs(60);
/// Within this all that was offered is there, once it is read again.
const PATIENCE: Duration = Duration::from_secs(30);
/// 100 MB.
const PAGES: u64 = 100_000_000 / PAGE as u64;
/// No control message takes longer, though the path is full of bulk.
const SOON: Duration = Duration::from_millis(500);

/// A sender and a receiver that are in the midst of it, and talk to each other.
fn busy() -> World<Ours> {
    let faults =
        Faults { delay: Duration::from_millis(10), rate: Some(RATE), queue: RATE / 40, ..Faults::default() };
    let mut world = World::new(1, faults);
    world.nodes = vec![Ours::new(1, 0, true, [0, 0, PAGES]), Ours::new(1, 1, false, [0; 3])];
    for node in &mut world.nodes {
        node.talks_at = Some(world.now);
    }
    world.run(Duration::from_secs(3));
    assert!(world.nodes[1].came[2] > 0);
    world
}

/// Beyond what was sent so far, 100 MB are offered; as many messages of control, though shorter ones.
fn offer(world: &mut World<Ours>, streams: &[Priority]) {
    let sender = &mut world.nodes[0];
    for stream in streams.iter().map(|stream| *stream as usize) {
        sender.offers[stream] = sender.sent[stream] + PAGES;
    }
}

/// Whatever happened: nobody held more than allowed, and the link is there.
fn check(world: &World<Ours>) {
    for node in &world.nodes {
        assert!(node.held.0.max(node.held.1) <= MEMORY_MAX, "{:?}", node.held);
        assert!(node.ended.is_empty(), "{:?}", node.ended);
        assert!(node.link().is_some_and(|link| link.is_open()));
    }
}

/// Until all that was sent by now is there.
fn resume(world: &mut World<Ours>) {
    let until = world.now + PATIENCE;
    let done = |world: &World<Ours>| world.nodes[1].came[1..] == world.nodes[0].offers[1..];
    while !done(world) {
        assert!(world.now < until, "{:?} of {:?}", world.nodes[1].came, world.nodes[0].offers);
        world.run(Duration::from_millis(100));
    }
    check(world);
}

/// The bytes on the heap of the sender and of the receiver.
fn heap(world: World<Ours>) -> [usize; 2] {
    let [sender, receiver] = <[Ours; 2]>::try_from(world.nodes).ok().expect("two");
    [weigh(sender), weigh(receiver)]
}

fn report(part: &str, held: [(usize, usize); 2], heap: [usize; 2], slowest: Option<Duration>) {
    let row = json!({
        "stopped_s": STOP.as_secs(),
        "bound_bytes": MEMORY_MAX,
        "sender_held_at_most": held[0].0,
        "receiver_held_at_most": held[1].1,
        "sender_heap_bytes": heap[0],
        "receiver_heap_bytes": heap[1],
        "slowest_control_message_ms": slowest.map(|slowest| slowest.as_secs_f64() * 1000.0),
    });
    let broken = heap.iter().filter(|heap| **heap > MEMORY_MAX).map(|heap| format!("{heap} bytes of heap"));
    judge(part, vec![row], &broken.collect::<Vec<_>>());
}

/// The world at the end of a minute in which bulk was offered and not read.
fn bulk_unread() -> World<Ours> {
    let mut world = busy();
    world.nodes[1].read_bulk(false);
    offer(&mut world, &[Priority::Bulk]);
    let before = [0, 1].map(|node| world.nodes[node].came);
    world.run(STOP);
    assert_eq!(world.nodes[1].came[2], before[1][2], "it was not asked for");
    for (node, before) in before.into_iter().enumerate() {
        let words = world.nodes[node].came[0] - before[0];
        assert!(u128::from(words) + 2 >= STOP.as_micros() / TALK.as_micros(), "{words} control messages");
    }
    check(&world);
    world
}

/// The testers are tested: a sender that minds no credit. Other tests must not run beside it.
#[cfg(feature = "planted")]
#[test]
fn ignored_credit_is_found() {
    use hms::planted::{Bug, plant};

    plant(Some(Bug::CreditIgnored));
    let found = std::panic::catch_unwind(|| drop(bulk_unread()));
    plant(None);
    assert!(found.is_err(), "nobody noticed");
    drop(bulk_unread());
}

#[test]
fn bulk_that_nobody_reads_stays_within_the_bound_and_in_nobodys_way() {
    let heap = heap(bulk_unread());
    let mut world = bulk_unread();
    let held = [0, 1].map(|node| world.nodes[node].held);
    world.nodes[1].read_bulk(true);
    resume(&mut world);
    let slowest = world.nodes.iter().flat_map(|node| &node.delays).max().copied();
    assert!(slowest.is_some_and(|slowest| slowest < SOON), "{slowest:?}");
    report("bulk_unread", held, heap, slowest);
}

/// The world at the end of a minute in which all streams were offered, and the receiver looked at no event.
fn deaf() -> World<Ours> {
    let mut world = busy();
    world.nodes[1].listens = false;
    offer(&mut world, &Priority::ALL);
    let before = world.nodes[1].came;
    world.run(STOP);
    assert_eq!(world.nodes[1].came, before);
    check(&world);
    world
}

#[test]
fn who_looks_at_nothing_for_a_minute_holds_no_more_than_the_bound() {
    let heap = heap(deaf());
    let mut world = deaf();
    let held = [0, 1].map(|node| world.nodes[node].held);
    world.nodes[1].listens = true;
    resume(&mut world);
    report("all_unread", held, heap, None);
}
