//! What a neighbour may ask for, and for how long it is remembered.

use super::super::peer::{Peer, Serves};
use super::super::serves::Serving;
use super::world::*;
use crate::ident::{Incarnation, Process, ServerId};
use crate::registry::Teller;
use crate::time::Instant;
use crate::wire::peer::{BucketMap, Compare, Cursor, Fetch, Phase};

const HOME: Process = Process { server: ServerId(3), incarnation: Incarnation(4) };

fn at(millis: u64) -> Instant {
    Instant::from_millis(1_000_000 + millis)
}

fn fetch(number: u32) -> Fetch<'static> {
    static ALL: BucketMap = BucketMap::ALL;
    Fetch { home: HOME, number, after: Cursor::START, wanted: &ALL.0 }
}

#[test]
fn what_is_asked_too_often_is_skipped() {
    crate::shows!("R-PEE-96");
    let mut serves: Serves = Peer::new(at(0), HOME, Teller(1)).serves;
    let compared = |serves: &mut Serves, millis| {
        serves.buckets = None;
        serves.take_compare(at(millis), Compare { home: HOME });
        serves.buckets.is_some()
    };
    let taken: Vec<_> =
        [0, 1, 2, 999, 1000, 1001, 2000, 3000].map(|millis| compared(&mut serves, millis)).into();
    assert_eq!(taken, [true, true, false, false, true, false, true, true]);
    for number in 1..=100 {
        serves.take_fetch(at(u64::from(number) * 10), &fetch(number));
    }
    // Two, and then four a second; the last that was taken counts.
    assert_eq!(serves.fetch.as_deref().map(|serving: &Serving| serving.number), Some(76));
    serves.take_fetch(at(1001), &fetch(101));
    assert_eq!(serves.fetch.as_deref().map(|serving| serving.number), Some(76));
}

#[test]
fn a_place_is_kept_for_an_hour_and_for_one_process() {
    crate::shows!("R-PEE-82");
    let mut world = World::settled(22, 2);
    world.register_many(0, 0..20);
    world.run(secs(3));
    world.crash(1);
    world.start(1);
    world.run(secs(20));
    let process = world.process(1);
    assert_eq!(world.running(0).exchange.peers[&id(1)].process, process, "another one of it");
    world.assert_equal();
    world.crash(1);
    world.run(secs(3590));
    assert_eq!(world.running(0).exchange.remembered(), 1);
    world.run(secs(40));
    assert_eq!(world.running(0).exchange.remembered(), 0);
    world.start(1);
    world.run(secs(20));
    world.assert_equal();
}

#[test]
fn a_synchronising_hms_waits_for_an_answer_half_a_minute() {
    crate::shows!("R-PEE-15");
    let mut world = World::new(23, 2);
    world.start(0);
    world.run(secs(5));
    world.register_many(0, 0..10);
    world.start(1);
    assert!(world.run_until(secs(5), |world| world.phase(1) == Phase::Synchronising));
    // It is heard, and says nothing of its table.
    world.mute = Some(0);
    let began = world.now;
    assert!(world.run_until(secs(40), |world| world.phase(1) == Phase::Operating));
    let waited = world.now.since(began);
    assert!(waited > secs(29) && waited < secs(31), "{waited:?}");
    world.mute = None;
    world.run(secs(65));
    world.assert_equal();
}
