//! Replays and forgeries do nothing.

use super::hostile::Hostile;
use super::path::{Dice, Faults};
use super::world::{Capture, World, endpoint, message};
use crate::time::{Duration, Instant};
use crate::transport::datagram::kind;
use crate::transport::drops::DropReason;
use crate::transport::frame::Frame;
use crate::transport::{CloseCode, Priority};

/// What must not change because of strangers.
fn state(world: &World) -> Vec<(bool, u64, usize, u64)> {
    let links = world.nodes.iter().flat_map(|node| node.endpoint.links());
    links.map(|(_, link)| (link.is_open(), link.stats().received, link.memory().1, link.window().1)).collect()
}

/// Some talk of two nodes, and all that was on the wire.
fn captured(seed: u64) -> (World, Capture) {
    let mut world = World::new(seed, 2, Faults::delay(5));
    world.capture = Some(Vec::new());
    let (a, b) = world.join(0, 1);
    for n in 0..40 {
        world.nodes[0].endpoint.send(a, Priority::Deltas, &message(n, 700)).expect("room");
        world.nodes[1].endpoint.send(b, Priority::Control, &message(n, 70)).expect("room");
    }
    world.run(Duration::from_secs(1));
    let capture = world.capture.take().expect("a capture");
    (world, capture)
}

#[test]
fn what_was_captured_does_nothing_when_it_is_replayed() {
    shows!("R-TRN-32", "R-TRN-23", "R-TRN-10");
    let (mut world, capture) = captured(1);
    let before = (state(&world), world.nodes[1].told.messages.len());
    for later in [0, 5, 20] {
        world.run(Duration::from_secs(later));
        let before = state(&world);
        for (from, to, bytes, _) in &capture {
            let (now, source) = (world.now, world.nodes[*from].address);
            let other = std::net::SocketAddr::from(([10, 7, 7, 7], 7));
            for source in [source, other] {
                world.nodes[*to].endpoint.handle_datagram(now, source, &mut bytes.clone());
                world.nodes[*from].endpoint.handle_datagram(now, source, &mut bytes.clone());
            }
        }
        let open: Vec<_> = state(&world).into_iter().filter(|link| link.0).collect();
        assert_eq!(open, before, "{later} s later");
        world.flush();
    }
    assert_eq!(before.1, world.nodes[1].told.messages.len());
    assert_eq!(world.nodes.iter().map(|node| node.told.connected.len()).sum::<usize>(), 2);
    assert!(world.nodes.iter().all(|node| node.told.closed.is_empty()));
    assert!(world.nodes[1].endpoint.drops().of(DropReason::Replay) > 0);
}

#[test]
fn a_capture_makes_nothing_at_a_restarted_or_another_process() {
    shows!("R-TRN-10", "R-TRN-23");
    let (world, capture) = captured(2);
    for node in [0, 1, 2] {
        let mut other = endpoint(node, 7, 7);
        for (from, _, bytes, _) in &capture {
            let from = world.nodes[*from].address;
            other.handle_datagram(world.now, from, &mut bytes.clone());
            let mut buf = Vec::new();
            while let Some(transmit) = other.poll_output(world.now, &mut buf) {
                assert!(matches!(buf[1], kind::COOKIE | kind::RESET) && transmit.len <= bytes.len());
            }
        }
        assert_eq!((other.links().count(), other.poll_event()), (0, None));
    }
}

#[test]
fn changed_packets_do_nothing() {
    shows!("R-TRN-03", "R-TRN-30");
    let (mut world, capture) = captured(3);
    let before = state(&world);
    let mut dice = Dice(3);
    for (from, to, bytes, _) in &capture {
        for _ in 0..50 {
            let mut bytes = bytes.clone();
            let bit = dice.below(bytes.len() as u64 * 8) as usize;
            bytes[bit / 8] ^= 1 << (bit % 8);
            let (now, source) = (world.now, world.nodes[*from].address);
            let drop = world.nodes[*to].endpoint.handle_datagram(now, source, &mut bytes);
            assert!(drop.is_some(), "bit {bit} of a datagram of type {:#x}", bytes[1]);
        }
    }
    assert_eq!(state(&world), before);
    assert!(world.nodes.iter().all(|node| node.told.closed.is_empty()));
}

#[test]
fn random_bytes_do_nothing() {
    shows!("R-TRN-01", "R-TRN-02");
    let mut server = endpoint(0, 1, 1);
    let mut dice = Dice(4);
    let from = super::world::address(5);
    for n in 0..30_000u64 {
        let mut bytes: Vec<u8> = (0..dice.below(1300)).map(|_| dice.roll() as u8).collect();
        if n % 2 == 0 {
            bytes.iter_mut().take(1).for_each(|byte| *byte = 1);
            bytes.iter_mut().skip(1).take(1).for_each(|byte| *byte = 0x20 + (n / 2 % 6) as u8);
        }
        assert!(server.handle_datagram(Instant::from_secs(n), from, &mut bytes).is_some());
    }
    assert_eq!(server.links().count(), 0);
    for drop in [
        DropReason::Length,
        DropReason::Version,
        DropReason::Type,
        DropReason::Malformed,
        DropReason::Tag,
        DropReason::Session,
    ] {
        assert!(server.drops().of(drop) > 0, "{drop}");
    }
}

#[test]
fn lengths_versions_types_and_reserved_bytes_are_named() {
    shows!("R-TRN-01", "R-TRN-02");
    let now = Instant::from_secs(100);
    let (mut server, mut peer) = (endpoint(0, 1, 1), Hostile::new(9, 1, 77));
    peer.meet(&mut server, now);
    let data = peer.packet(1, &[1]);
    let hello = peer.hello();
    let mut drop = |bytes: &[u8]| server.handle_datagram(now, peer.from, &mut bytes.to_vec());
    assert_eq!(drop(&data[..47]), Some(DropReason::Length));
    assert_eq!(drop(&[&data[..], &[0; 1200]].concat()[..1201]), Some(DropReason::Length));
    assert_eq!(drop(&hello[..1199]), Some(DropReason::Length));
    assert_eq!(drop(&[&[2], &hello[1..]].concat()), Some(DropReason::Version));
    assert_eq!(drop(&[&[1, 0x25], &hello[2..]].concat()), Some(DropReason::Type));
    for at in [2, 3, 4, 5, 6, 7, 16, 23] {
        let mut bytes = hello.clone();
        bytes[at] = 1;
        assert_eq!(drop(&bytes), Some(DropReason::Malformed), "byte {at}");
    }
    let reserved = |at: usize, value| {
        let mut bytes = hello[..1184].to_vec();
        bytes[at] = value;
        bytes.extend_from_slice(&peer.secret.tag(&bytes));
        bytes
    };
    assert_eq!(drop(&reserved(34, 1)), Some(DropReason::Malformed));
    assert_eq!(drop(&reserved(32, 2)), Some(DropReason::Malformed));
    // Padding is not looked at; it is another HELLO of the open link.
    assert_eq!(drop(&reserved(600, 1)), Some(DropReason::Replay));
}

#[test]
fn a_number_is_taken_once_and_old_ones_never() {
    shows!("R-TRN-32", "R-TRN-34");
    let now = Instant::from_secs(100);
    let (mut server, mut peer) = (endpoint(0, 1, 1), Hostile::new(9, 1, 77));
    let link = peer.meet(&mut server, now);
    let packet = peer.packet(5, &[1]);
    assert!(peer.ask(&mut server, now, packet.clone()).is_ok());
    assert_eq!(peer.ask(&mut server, now, packet), Err(DropReason::Replay));
    // 40 ranges: the lowest are forgotten, and count as taken.
    for n in 0..40 {
        let packet = peer.packet(100 + 2 * n, &[1]);
        assert!(peer.ask(&mut server, now, packet).is_ok());
    }
    for (number, taken) in [(3, false), (101, false), (113, false), (119, true), (177, true)] {
        let packet = peer.packet(number, &[1]);
        assert_eq!(peer.ask(&mut server, now, packet).is_ok(), taken, "{number}");
    }
    server.close(now, link, CloseCode::DONE, "");
    peer.number = 300;
    assert!(peer.send(&mut server, now, &[Frame::Ping]).is_ok());
}
