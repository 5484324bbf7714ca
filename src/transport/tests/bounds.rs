//! Memory is bounded, whatever the other side or the user does.

use super::path::Faults;
use super::world::{World, message, patient};
use crate::time::Duration;
use crate::transport::limits::{MEMORY_MAX, WINDOWS};
use crate::transport::{CloseReason, LinkId, Priority, SendError};

/// Gives every stream as much as it takes.
fn flood(world: &mut World, node: usize, link: LinkId, sent: &mut [u64; 3]) {
    for priority in Priority::ALL {
        let n = &mut sent[priority as usize];
        loop {
            match world.nodes[node].endpoint.send(link, priority, &message(*n, 1500)) {
                Ok(()) => *n += 1,
                Err(SendError::Closed) => return,
                Err(_) => break,
            }
        }
    }
}

fn memory(world: &World) -> (usize, usize) {
    let mut most = (0, 0);
    for (_, link) in world.nodes.iter().flat_map(|node| node.endpoint.links()) {
        let (sending, receiving) = link.memory();
        most = (most.0.max(sending), most.1.max(receiving));
    }
    most
}

#[test]
fn a_user_that_takes_nothing_for_a_minute_stops_the_sender_and_loses_nothing() {
    shows!("R-TRN-60", "R-TRN-61", "R-TRN-62", "R-TRN-63");
    let mut world = World::new(1, 2, Faults { loss: 2, ..Faults::delay(10) });
    let (a, b) = world.join(0, 1);
    world.nodes[1].set_deaf(true);
    let (mut sent, mut most) = ([0; 3], (0, 0));
    world.run_with(Duration::from_secs(60), |world| {
        flood(world, 0, a, &mut sent);
        let now = memory(world);
        most = (most.0.max(now.0), most.1.max(now.1));
    });
    println!("held at most: {} bytes by the sender, {} by the receiver", most.0, most.1);
    assert!(most.0 <= MEMORY_MAX && most.1 <= MEMORY_MAX, "{most:?}");
    // The receiver is full to its credit, and the sender stands still with a window more of each.
    let windows: u64 = WINDOWS.iter().sum();
    assert!(most.1 as u64 > windows * 9 / 10);
    let idle = world.link(0, a).stats().bytes_sent;
    world.run_with(Duration::from_secs(10), |world| flood(world, 0, a, &mut sent));
    assert!(world.link(0, a).stats().bytes_sent - idle < 3000);
    world.nodes[1].set_deaf(false);
    world.run_with(Duration::from_secs(10), |world| flood(world, 0, a, &mut sent));
    world.run(Duration::from_secs(10));
    assert!(world.nodes[0].told.writable > 0);
    for priority in Priority::ALL {
        let got = world.nodes[1].stream(b, priority);
        assert_eq!(got.len() as u64, sent[priority as usize]);
        assert!((0..).zip(got).all(|(n, got)| got == message(n, 1500)));
    }
    assert!(memory(&world).1 < 64 << 10, "all was let go: {:?}", memory(&world));
}

#[test]
fn a_peer_that_stands_still_for_a_minute_costs_no_more_and_comes_back() {
    shows!("R-TRN-62", "R-TRN-70", "R-TRN-37");
    let mut world = World::new(2, 2, Faults::delay(10));
    let (a, b) = world.join(0, 1);
    let (mut sent, mut most) = ([0; 3], 0);
    world.nodes[1].counts = true;
    world.run_with(Duration::from_secs(1), |world| flood(world, 0, a, &mut sent));
    world.nodes[1].stopped = true;
    world.run_with(Duration::from_secs(60), |world| {
        flood(world, 0, a, &mut sent);
        most = most.max(memory(world).0);
    });
    println!("held at most {most} bytes for a peer that stands still");
    assert!(most <= MEMORY_MAX);
    assert_eq!(world.nodes[0].told.closed, [(a, CloseReason::Silent)]);
    world.nodes[1].stopped = false;
    // Both find out, a new link comes at the first attempt.
    let (c, d) = world.join(0, 1);
    assert_eq!(world.nodes[1].told.closed, [(b, CloseReason::Silent)]);
    world.nodes[1].counts = false;
    world.nodes[0].endpoint.send(c, Priority::Control, b"again").expect("room");
    world.run(Duration::from_secs(1));
    assert_eq!(world.nodes[1].stream(d, Priority::Control), [b"again"]);
}

#[test]
fn a_link_that_may_be_silent_for_long_goes_on_after_a_minute_of_standing_still() {
    shows!("R-TRN-62", "R-TRN-70", "R-TRN-43");
    let mut world = World::new(4, 2, Faults::delay(10));
    for node in [0, 1] {
        world.nodes[node].endpoint = patient(node, 1, 4, Duration::from_secs(120));
    }
    let (a, b) = world.join(0, 1);
    let (mut sent, mut most) = ([0; 3], 0);
    world.run_with(Duration::from_secs(1), |world| flood(world, 0, a, &mut sent));
    world.nodes[1].stopped = true;
    world.run_with(Duration::from_secs(60), |world| {
        flood(world, 0, a, &mut sent);
        most = most.max(memory(world).0);
    });
    assert!(most <= MEMORY_MAX, "{most}");
    world.nodes[1].stopped = false;
    world.run(Duration::from_secs(15));
    for priority in Priority::ALL {
        let got = world.nodes[1].stream(b, priority);
        assert_eq!(got.len() as u64, sent[priority as usize]);
        assert!((0..).zip(got).all(|(n, got)| got == message(n, 1500)));
    }
}

#[test]
fn a_path_that_is_cut_for_less_than_the_silence_resumes() {
    shows!("R-TRN-43");
    let mut world = World::new(3, 2, Faults::delay(10));
    let (a, b) = world.join(0, 1);
    world.nodes[1].counts = true;
    let mut sent = [0; 3];
    world.run_with(Duration::from_secs(1), |world| flood(world, 0, a, &mut sent));
    world.set_faults(Faults { cut: true, ..Faults::delay(10) });
    world.run_with(Duration::from_secs(8), |world| flood(world, 0, a, &mut sent));
    world.set_faults(Faults::delay(10));
    let (healed, before) = (world.now, world.nodes[1].told.bytes);
    while world.nodes[1].told.bytes == before && world.now < healed + Duration::from_secs(10) {
        world.step(healed + Duration::from_secs(10));
    }
    let took = world.now.since(healed);
    println!("goods again {took:?} after the path was healed");
    assert!(took <= Duration::from_millis(3100), "{took:?}");
    world.run_with(Duration::from_secs(10), |_| {});
    assert!(world.link(0, a).is_open() && world.link(1, b).is_open());
    assert_eq!(Priority::ALL.map(|p| world.link(0, a).unacknowledged(p)), [0; 3]);
}
