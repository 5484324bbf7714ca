//! A link at its simplest: it comes to be, carries messages, ends.

use super::path::Faults;
use super::world::{World, message};
use crate::ident::{Incarnation, ServerId};
use crate::time::Duration;
use crate::transport::limits::{MESSAGE_MAX, PING_TIME};
use crate::transport::{CloseCode, CloseReason, KeyId, Peer, Priority, SendError, Side};

#[test]
fn two_endpoints_meet_and_talk() {
    shows!("R-TRN-20", "R-TRN-21", "R-TRN-35");
    let mut world = World::new(1, 2, Faults::delay(10));
    let (a, b) = world.join(0, 1);
    assert_eq!(world.nodes[0].told.connected[0].1.side, Side::Initiator);
    assert_eq!(world.nodes[1].told.connected[0].1.side, Side::Responder);
    for priority in Priority::ALL {
        for n in 0..20 {
            world.nodes[0].endpoint.send(a, priority, &message(n, 1000)).expect("room");
            world.nodes[1].endpoint.send(b, priority, &message(n, 30)).expect("room");
        }
    }
    world.run(Duration::from_secs(2));
    for priority in Priority::ALL {
        let expected: Vec<_> = (0..20).map(|n| message(n, 1000)).collect();
        assert_eq!(world.nodes[1].stream(b, priority), expected);
        let expected: Vec<_> = (0..20).map(|n| message(n, 30)).collect();
        assert_eq!(world.nodes[0].stream(a, priority), expected);
    }
    assert!(world.nodes.iter().all(|node| node.endpoint.drops().total() == 0));
    let now = world.now;
    world.nodes[0].endpoint.close(now, a, CloseCode::DONE, "good night");
    world.run(Duration::from_secs(2));
    assert_eq!(world.nodes[0].told.closed, [(a, CloseReason::Here(CloseCode::DONE))]);
    assert_eq!(
        world.nodes[1].told.closed,
        [(b, CloseReason::There(CloseCode::DONE, "good night".to_owned()))]
    );
    assert_eq!(world.nodes.iter().map(|node| node.endpoint.links().count()).sum::<usize>(), 0);
}

#[test]
fn each_knows_who_the_other_is() {
    let mut world = World::new(2, 2, Faults::delay(1));
    let (a, b) = world.join(0, 1);
    let peer = |n, side| Peer { server: ServerId(n), incarnation: Incarnation(1), key: KeyId::CLUSTER, side };
    assert_eq!(world.link(0, a).peer(), Some(peer(2, Side::Initiator)));
    assert_eq!(world.link(1, b).peer(), Some(peer(1, Side::Responder)));
}

#[test]
fn messages_of_every_length_arrive_whole() {
    shows!("R-TRN-35");
    let mut world = World::new(3, 2, Faults::delay(1));
    let (a, b) = world.join(0, 1);
    let lengths = [0, 1, 2, 1153, 1154, 1155, 16_383, 16_384, 16_385, MESSAGE_MAX - 1, MESSAGE_MAX];
    let sent: Vec<Vec<u8>> = lengths.into_iter().map(|len| vec![len as u8; len]).collect();
    for message in &sent {
        world.nodes[0].endpoint.send(a, Priority::Deltas, message).expect("room");
    }
    let too_long = world.nodes[0].endpoint.send(a, Priority::Deltas, &vec![0; MESSAGE_MAX + 1]);
    assert_eq!(too_long, Err(SendError::TooLong));
    world.run(Duration::from_secs(5));
    assert_eq!(world.nodes[1].stream(b, Priority::Deltas), sent);
    assert!(world.largest <= 1200);
}

#[test]
fn what_is_sent_before_the_link_is_open_waits_for_it() {
    let mut world = World::new(4, 2, Faults::delay(5));
    let a = world.dial(0, 1);
    world.nodes[0].endpoint.send(a, Priority::Control, b"first").expect("room");
    world.run(Duration::from_secs(1));
    let b = world.nodes[1].told.connected[0].0;
    assert_eq!(world.nodes[1].stream(b, Priority::Control), [b"first"]);
}

#[test]
fn an_idle_link_pings_and_lives_and_a_silent_one_ends() {
    shows!("R-TRN-70");
    let mut world = World::new(5, 2, Faults::delay(5));
    let (a, b) = world.join(0, 1);
    world.run(Duration::from_secs(1));
    let before = world.link(0, a).stats().sent;
    world.run(Duration::from_secs(60));
    assert!(world.link(0, a).is_open() && world.link(1, b).is_open());
    // Each pings every 2 s and answers the other's.
    let sent = world.link(0, a).stats().sent - before;
    assert!((55..=62).contains(&sent), "{sent} packets in a minute");
    assert!(world.now.since(world.link(0, a).heard()) <= PING_TIME + Duration::from_millis(100));
    world.set_faults(Faults { cut: true, ..Faults::default() });
    let cut_at = world.now;
    while world.nodes.iter().any(|node| node.told.closed.is_empty()) {
        world.step(cut_at + Duration::from_secs(20));
    }
    assert_eq!(world.nodes[0].told.closed, [(a, CloseReason::Silent)]);
    assert_eq!(world.nodes[1].told.closed, [(b, CloseReason::Silent)]);
    let took = world.now.since(cut_at);
    assert!((Duration::from_secs(8)..=Duration::from_millis(10_100)).contains(&took), "{took:?}");
}
