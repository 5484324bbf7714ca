//! Several links to one server; restarts; addresses.

use super::hostile::Hostile;
use super::path::Faults;
use super::world::{World, endpoint, message, patient};
use crate::time::{Duration, Instant};
use crate::transport::drops::DropReason;
use crate::transport::frame::Frame;
use crate::transport::hello::Reset;
use crate::transport::limits::{RESETS_PER_SECOND, RESETS_PER_SOURCE, RESETS_WAITING};
use crate::transport::{CloseCode, CloseReason, Event, LinkId, Priority, Side};

/// Restarts a node: a new process with nothing of the old one.
fn restart(world: &mut World, node: usize, incarnation: u32) {
    world.nodes[node].endpoint = endpoint(node, incarnation, u64::from(incarnation));
    world.nodes[node].told = super::world::Told::default();
}

fn open_links(world: &World, node: usize) -> Vec<(LinkId, Side)> {
    let links = world.nodes[node].endpoint.links().filter(|(_, link)| link.is_open());
    links.map(|(id, link)| (id, link.side())).collect()
}

#[test]
fn a_restarted_responder_is_noticed_with_the_next_packet() {
    shows!("R-TRN-25");
    let mut world = World::new(1, 2, Faults::delay(10));
    let (a, _) = world.join(0, 1);
    world.run(Duration::from_secs(1));
    restart(&mut world, 1, 2);
    let at = world.now;
    world.nodes[0].endpoint.send(a, Priority::Control, b"hello?").expect("room");
    while world.nodes[0].told.closed.is_empty() {
        world.step(at + Duration::from_secs(5));
    }
    assert_eq!(world.nodes[0].told.closed, [(a, CloseReason::Restarted)]);
    assert_eq!(world.now.since(at), Duration::from_millis(20), "one round trip");
    let (c, d) = world.join(0, 1);
    world.nodes[0].endpoint.send(c, Priority::Control, b"again").expect("room");
    world.run(Duration::from_secs(1));
    assert_eq!(world.nodes[1].stream(d, Priority::Control), [b"again"]);
}

#[test]
fn a_restarted_initiator_takes_the_place_of_its_old_link() {
    shows!("R-TRN-24");
    let mut world = World::new(2, 2, Faults::delay(10));
    let (_, b) = world.join(0, 1);
    restart(&mut world, 0, 2);
    let (c, d) = world.join(0, 1);
    world.run(Duration::from_secs(1));
    assert_eq!(world.nodes[1].told.closed, [(b, CloseReason::Restarted)]);
    assert_eq!(open_links(&world, 0), [(c, Side::Initiator)]);
    assert_eq!(open_links(&world, 1), [(d, Side::Responder)]);
}

#[test]
fn of_two_links_with_one_initiator_the_new_one_stays() {
    shows!("R-TRN-24");
    let mut world = World::new(3, 2, Faults::delay(10));
    world.join(0, 1);
    let (c, d) = world.join(0, 1);
    world.run(Duration::from_secs(1));
    assert_eq!(open_links(&world, 0), [(c, Side::Initiator)]);
    assert_eq!(open_links(&world, 1), [(d, Side::Responder)]);
}

#[test]
fn of_crossing_links_both_sides_keep_the_same() {
    shows!("R-TRN-24");
    for (seed, apart) in [(1, 0), (2, 1), (3, 7), (4, 25), (5, 60), (6, 400)] {
        for first in [0, 1] {
            let mut world = World::new(seed, 2, Faults::delay(10));
            world.dial(first, 1 - first);
            world.run(Duration::from_millis(apart));
            world.dial(1 - first, first);
            world.run(Duration::from_secs(3));
            let kept = (open_links(&world, 0), open_links(&world, 1));
            assert!(matches!(kept.0[..], [(_, Side::Initiator)]), "{apart} ms apart: {kept:?}");
            assert!(matches!(kept.1[..], [(_, Side::Responder)]), "{apart} ms apart: {kept:?}");
            world.nodes[0].endpoint.send(kept.0[0].0, Priority::Control, b"x").expect("room");
            world.run(Duration::from_secs(1));
            assert_eq!(world.nodes[1].stream(kept.1[0].0, Priority::Control), [b"x"]);
        }
    }
}

#[test]
fn a_later_link_of_the_other_side_replaces_an_old_one() {
    shows!("R-TRN-24");
    let mut world = World::new(4, 2, Faults::delay(10));
    world.join(0, 1);
    world.run(Duration::from_secs(20));
    world.join(1, 0);
    world.run(Duration::from_secs(1));
    assert!(matches!(open_links(&world, 0)[..], [(_, Side::Responder)]));
    assert!(matches!(open_links(&world, 1)[..], [(_, Side::Initiator)]));
}

#[test]
fn data_from_another_address_is_dropped_and_a_new_link_helps() {
    shows!("R-TRN-26");
    let mut world = World::new(5, 2, Faults::delay(10));
    let (a, b) = world.join(0, 1);
    world.run(Duration::from_secs(1));
    // A NAT gives it another port.
    world.nodes[0].address.set_port(50_000);
    world.nodes[0].endpoint.send(a, Priority::Control, b"from elsewhere").expect("room");
    world.run(Duration::from_secs(3));
    assert!(world.nodes[1].endpoint.drops().of(DropReason::Address) > 0);
    assert!(world.nodes[1].stream(b, Priority::Control).is_empty());
    let (c, d) = world.join(0, 1);
    world.run(Duration::from_secs(1));
    assert!(world.nodes[1].told.closed.contains(&(b, CloseReason::Here(CloseCode::REPLACED))));
    world.nodes[0].endpoint.send(c, Priority::Control, b"again").expect("room");
    world.run(Duration::from_secs(1));
    assert_eq!(world.nodes[1].stream(d, Priority::Control), [b"again"]);
}

#[test]
fn only_a_reset_of_the_peer_about_this_link_counts() {
    shows!("R-TRN-25", "R-TRN-02");
    const NOW: Instant = Instant::from_secs(100);
    let (mut server, mut peer) = (endpoint(0, 1, 1), Hostile::new(9, 5, 77));
    let link = peer.meet(&mut server, NOW);
    let good = Reset {
        incarnation: crate::ident::Incarnation(6),
        session: peer.hello.party.session,
        server: crate::ident::ServerId(9),
        number: 0,
    };
    let same = Reset { incarnation: crate::ident::Incarnation(5), ..good };
    let other = Reset { server: crate::ident::ServerId(8), ..good };
    let unknown = Reset { session: 1, ..good };
    for reset in [other, unknown] {
        let mut bytes = Vec::new();
        reset.emit(&peer.secret, &mut bytes);
        assert_eq!(peer.ask(&mut server, NOW, bytes), Err(DropReason::Reset));
    }
    let mut forged = Vec::new();
    good.emit(&peer.secret, &mut forged);
    forged[47] ^= 1;
    assert_eq!(peer.ask(&mut server, NOW, forged), Err(DropReason::Tag));
    let mut reserved = Vec::new();
    good.emit(&peer.secret, &mut reserved);
    reserved[2] = 1;
    reserved.truncate(32);
    reserved.extend_from_slice(&peer.secret.tag(&reserved.clone()));
    assert_eq!(peer.ask(&mut server, NOW, reserved), Err(DropReason::Malformed));
    assert!(server.link(link).is_some_and(|link| link.is_open()));
    for (reset, reason) in [(good, CloseReason::Restarted), (same, CloseReason::Forgotten)] {
        let mut server = endpoint(0, 1, 1);
        let mut peer = Hostile::new(9, 5, 77);
        let link = peer.meet(&mut server, NOW);
        let mut bytes = Vec::new();
        reset.emit(&peer.secret, &mut bytes);
        assert_eq!(peer.ask(&mut server, NOW, bytes), Ok(Vec::new()));
        assert_eq!(server.poll_event(), Some((link, Event::Closed(reason))));
    }
}

#[test]
fn unknown_sessions_get_at_most_100_resets_a_second_which_nobody_answers() {
    shows!("R-TRN-25");
    let now = Instant::from_secs(100);
    let (mut server, mut peer) = (endpoint(0, 1, 1), Hostile::new(9, 1, 77));
    peer.meet(&mut server, now);
    peer.theirs ^= 1;
    let mut resets = [0; 3];
    for n in 0..3000 {
        // Two seconds of many sources; then a junk source and, beside it, an honest one.
        let now = now + Duration::from_secs(n / 1000);
        let net = if n < 2000 { (n % 250) as u8 } else { u8::from(n % 100 == 99) };
        peer.from = std::net::SocketAddr::from(([10, 9, net, 1], 1000));
        let mut packet = peer.packet(n, &[1]);
        let len = packet.len();
        assert_eq!(server.handle_datagram(now, peer.from, &mut packet), Some(DropReason::Session));
        for reset in peer.collect(&mut server, now) {
            assert!(reset.len() <= len);
            resets[n as usize / 1000] += 1;
            let mut other = endpoint(3, 1, 1);
            assert_eq!(other.handle_datagram(now, peer.from, &mut reset.clone()), Some(DropReason::Reset));
            assert_eq!(peer.collect(&mut other, now), Vec::<Vec<u8>>::new());
        }
    }
    assert_eq!(resets, [RESETS_PER_SECOND, RESETS_PER_SECOND, 2 * u32::from(RESETS_PER_SOURCE)]);
    // However many wait, HELLO is answered.
    for n in 0..200u8 {
        let from = std::net::SocketAddr::from(([10, n, 0, 1], 1000));
        server.handle_datagram(
            now + Duration::from_secs(9),
            from,
            &mut peer.packet(5000 + u64::from(n), &[1]),
        );
    }
    let (mut buf, mut waiting) = (Vec::new(), 0);
    while server.poll_output(now + Duration::from_secs(9), &mut buf).is_some() {
        waiting += 1;
    }
    assert_eq!(waiting, RESETS_WAITING);
}

#[test]
fn a_closed_link_says_so_again_but_ever_more_rarely() {
    shows!("R-TRN-71");
    let now = Instant::from_secs(100);
    let (mut server, mut peer) = (endpoint(0, 1, 1), Hostile::new(9, 1, 77));
    let link = peer.meet(&mut server, now);
    server.close(now, link, CloseCode::REFUSED, "not a member");
    assert_eq!(peer.collect(&mut server, now).len(), 1);
    let mut answers = 0;
    for _ in 0..100 {
        answers += peer.send(&mut server, now, &[Frame::Ping]).expect("taken").len();
    }
    assert_eq!(answers, 7, "at the packets 1, 2, 4 … 64");
    server.handle_timeout(now + Duration::from_secs(4));
    assert_eq!(std::iter::from_fn(|| server.poll_event()).count(), 1);
    assert_eq!(server.links().count(), 0);
}

#[test]
fn a_peer_that_is_slow_to_answer_keeps_no_closed_link() {
    shows!("R-TRN-71");
    let mut world = World::new(7, 2, Faults::delay(2000));
    for node in [0, 1] {
        world.nodes[node].endpoint = patient(node, 1, 7, Duration::from_secs(100));
    }
    let (a, _) = world.join(0, 1);
    world.run(Duration::from_secs(20));
    let pto = world.link(0, a).rtt().pto();
    assert!(pto > Duration::from_secs(4), "{pto:?}");
    world.nodes[0].endpoint.close(world.now, a, CloseCode::DONE, "");
    world.run(Duration::from_millis(10_001));
    assert_eq!(world.nodes[0].endpoint.links().count(), 0);
}

#[test]
fn messages_that_are_whole_come_before_the_end() {
    shows!("R-TRN-71");
    let mut world = World::new(6, 2, Faults::delay(10));
    let (a, b) = world.join(0, 1);
    for n in 0..5 {
        world.nodes[0].endpoint.send(a, Priority::Control, &message(n, 100)).expect("room");
    }
    world.flush();
    let now = world.now;
    world.nodes[0].endpoint.close(now, a, CloseCode(0x100), &"ä".repeat(300));
    world.run(Duration::from_secs(1));
    assert_eq!(world.nodes[1].stream(b, Priority::Control).len(), 5);
    let expected = CloseReason::There(CloseCode(0x100), "ä".repeat(100));
    assert_eq!(world.nodes[1].told.closed, [(b, expected)]);
}
