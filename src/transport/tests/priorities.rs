//! Control before deltas before bulk.

use super::path::Faults;
use super::world::{World, message};
use crate::time::Duration;
use crate::transport::event::Priority;
use crate::transport::limits::BULK_WAITING;

#[test]
fn control_and_deltas_pass_bulk() {
    shows!("R-TRN-36");
    let mut world = World::new(1, 2, Faults { rate: Some((1_250_000, 60_000)), ..Faults::delay(20) });
    let (a, b) = world.join(0, 1);
    world.nodes[1].counts = false;
    let mut next = world.now;
    let mut sent = [Vec::new(), Vec::new()];
    let mut bulk = 0;
    world.run_with(Duration::from_secs(30), |world| {
        if world.now >= next {
            next = world.now + Duration::from_millis(250);
            for (priority, sent) in [Priority::Control, Priority::Deltas].into_iter().zip(&mut sent) {
                world.nodes[0].endpoint.send(a, priority, &message(0, 200)).expect("room");
                sent.push(world.now);
            }
        }
        let link = world.nodes[0].endpoint.link_mut(a).expect("a link");
        link.pull_bulk(8000, |_| {
            bulk += 1;
            Some(message(bulk, 8000))
        })
        .expect("it fits");
    });
    let mut worst = Duration::ZERO;
    for (priority, sent) in [Priority::Control, Priority::Deltas].into_iter().zip(&sent) {
        let told = world.nodes[1].told.messages.iter().filter(|m| (m.0, m.1) == (b, priority));
        let arrived: Vec<_> = told.map(|m| m.2).collect();
        assert!(arrived.len() + 2 >= sent.len());
        worst = arrived.iter().zip(sent).map(|(at, sent)| at.since(*sent)).max().expect("some").max(worst);
    }
    let bulk = world.nodes[1].told.bytes[2] / 30;
    println!("beside bulk at {bulk} bytes/s the slowest message took {worst:?}");
    assert!(bulk > 800_000 && worst < Duration::from_millis(500), "{bulk} {worst:?}");
}

#[test]
fn what_waits_goes_in_the_order_of_priorities() {
    shows!("R-TRN-36", "R-TRN-37");
    let mut world = World::new(2, 2, Faults::delay(20));
    let (a, b) = world.join(0, 1);
    for priority in [Priority::Bulk, Priority::Deltas, Priority::Control] {
        for n in 0..20 {
            world.nodes[0].endpoint.send(a, priority, &message(n, 4000)).expect("room");
        }
    }
    world.run(Duration::from_secs(3));
    let last = |priority: Priority| {
        let told = world.nodes[1].told.messages.iter().filter(|m| (m.0, m.1) == (b, priority));
        let times: Vec<_> = told.map(|m| m.2).collect();
        assert_eq!(times.len(), 20);
        (times[0], times[19])
    };
    assert!(last(Priority::Control).1 <= last(Priority::Deltas).0);
    assert!(last(Priority::Deltas).1 <= last(Priority::Bulk).0);
}

#[test]
fn bulk_is_asked_for_only_when_there_is_room() {
    shows!("R-TRN-37");
    let mut world = World::new(3, 2, Faults::delay(20));
    let (a, _) = world.join(0, 1);
    let link = world.nodes[0].endpoint.link_mut(a).expect("a link");
    let mut made = 0;
    link.pull_bulk(8000, |room| {
        assert!(room >= 8000);
        made += 1;
        Some(vec![0; 8000])
    })
    .expect("it fits");
    assert_eq!(made, BULK_WAITING / 8004);
    assert!(link.unacknowledged(Priority::Bulk) <= BULK_WAITING);
    let mut empty = 0;
    world.run(Duration::from_secs(1));
    let link = world.nodes[0].endpoint.link_mut(a).expect("a link");
    link.pull_bulk(8000, |_| {
        empty += 1;
        None
    })
    .expect("nothing");
    assert_eq!(empty, 1);
}
