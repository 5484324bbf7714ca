//! What single clauses of the chapter say.

use std::cell::Cell;

use super::hostile::Hostile;
use super::path::Faults;
use super::world::{World, endpoint, message};
use crate::ident::{Incarnation, ServerId};
use crate::time::{Duration, Instant};
use crate::transport::ack::ack_of;
use crate::transport::congestion::Controller;
use crate::transport::cubic::Cubic;
use crate::transport::drops::DropReason;
use crate::transport::frame::{Frame, Frames};
use crate::transport::limits::{MEMORY_MAX, MSS, SENDING_RANGES, SENT_MAX, WINDOW_MAX, WINDOWS};
use crate::transport::sending::Sending;
use crate::transport::{Config, Endpoint, LinkSecret, Priority};

const NOW: Instant = Instant::from_secs(100);

#[test]
fn acks_stay_short_on_a_clean_path() {
    shows!("R-TRN-34");
    let mut world = World::new(1, 2, Faults::delay(5));
    let (a, _) = world.join(0, 1);
    world.nodes[1].counts = true;
    let feed = |world: &mut World| {
        let link = world.nodes[0].endpoint.link_mut(a).expect("a link");
        link.pull_bulk(8000, |_| Some(message(0, 8000))).expect("it fits");
    };
    while world.nodes[1].told.bytes[2] < 9_000_000 {
        world.run_with(Duration::from_millis(50), feed);
    }
    world.capture = Some(Vec::new());
    world.run_with(Duration::from_millis(50), feed);
    let capture = world.capture.take().expect("a capture");
    let longest = capture.iter().filter(|sent| sent.0 == 1).map(|sent| sent.2.len()).max();
    assert!(longest.is_some_and(|len| len < 150), "{longest:?}");
}

#[test]
fn the_window_does_not_grow_while_it_is_not_filled() {
    shows!("R-TRN-51");
    let mut world = World::new(1, 2, Faults::delay(20));
    let (a, _) = world.join(0, 1);
    for n in 0..600 {
        world.nodes[0].endpoint.send(a, Priority::Deltas, &message(n, 1000)).expect("room");
        world.run(Duration::from_millis(100));
    }
    assert_eq!(world.link(0, a).window().1, 10 * MSS);
}

/// A window that is never full, and whether the sender was said to be limited.
#[derive(Debug)]
struct Wide;

thread_local! {
    static LIMITED: Cell<Option<bool>> = const { Cell::new(None) };
}

impl Controller for Wide {
    fn acknowledged(&mut self, _: Instant, _: Instant, _: u64, limited: bool, _: Duration) {
        LIMITED.set(Some(limited));
    }

    fn lost(&mut self, _: Instant, _: Instant, _: u64) {}

    fn persistent(&mut self) {}

    fn window(&self) -> u64 {
        WINDOW_MAX
    }
}

fn wide() -> Endpoint {
    let config = Config { controller: || Box::new(Wide), ..Config::new(ServerId(1), Incarnation(1)) };
    let mut endpoint = Endpoint::new(config, &[1; 32]);
    endpoint.add_secret(LinkSecret::cluster(&super::world::SECRET));
    endpoint
}

#[test]
fn at_3072_packets_nothing_new_is_sent_and_that_is_not_a_full_window() {
    shows!("R-TRN-62", "R-TRN-51");
    let mut server = wide();
    let mut peer = Hostile::new(9, 1, 77);
    let link = peer.meet(&mut server, NOW);
    let mut numbers = Vec::new();
    for n in 0..4000 {
        let at = NOW + Duration::from_micros(n * 10);
        server.send(link, Priority::Deltas, b"x").expect("room");
        numbers.extend(peer.collect(&mut server, at).iter().map(|datagram| peer.open(datagram).0));
    }
    // The first may have been an ACK of the PING only.
    assert!((SENT_MAX..=SENT_MAX + 1).contains(&numbers.len()), "{}", numbers.len());
    let last = *numbers.last().expect("some");
    let mut space = [0; 248];
    let ack = ack_of([(last, last + 1)].into_iter(), Duration::ZERO, &mut space).expect("an ACK");
    peer.send(&mut server, NOW + Duration::from_millis(50), &[Frame::Ack(ack)]).expect("taken");
    assert_eq!(LIMITED.get(), Some(true));
}

#[test]
fn a_peer_that_confirms_every_second_crumb_is_bounded() {
    shows!("R-TRN-62");
    let mut out = Sending::new(Priority::Deltas);
    for _ in 0..40 {
        while out.push(&[1; 2000]).is_ok() {}
        let mut pieces = Vec::new();
        while let Some(piece) = out.next(20) {
            pieces.push(piece);
            if pieces.len() == 3000 {
                break;
            }
        }
        for (n, (start, len)) in pieces.iter().enumerate() {
            let end = start + u64::from(*len);
            if n % 2 == 1 { out.acknowledge(*start, end) } else { out.lose(*start, end) }
        }
        let windows = (1 << 20) + 4 * 16_384;
        assert!(out.memory() <= windows + 2 * SENDING_RANGES * 64, "{}", out.memory());
        assert!(out.memory() <= MEMORY_MAX);
    }
    // It comes to an end all the same.
    let mut rounds = 0;
    while out.unacknowledged() > 0 {
        let (start, len) = out.next(1100).expect("all that is not acknowledged is sent");
        out.acknowledge(start, start + u64::from(len));
        rounds += 1;
        assert!(rounds < 10_000);
    }
}

#[test]
fn both_probes_carry_the_bytes_of_the_oldest_packet() {
    shows!("R-TRN-43");
    let mut server = endpoint(0, 1, 1);
    let mut peer = Hostile::new(9, 1, 77);
    let link = peer.meet(&mut server, NOW);
    server.send(link, Priority::Control, b"lost").expect("room");
    assert_eq!(peer.collect(&mut server, NOW).len(), 1);
    let at = server.poll_timeout().expect("a deadline");
    server.handle_timeout(at);
    let probes = peer.collect(&mut server, at);
    assert_eq!(probes.len(), 2);
    for probe in probes {
        let (_, frames) = peer.open(&probe);
        let carries = Frames::new(&frames).flatten().any(
            |frame| matches!(frame, Frame::Message { offset: 0, bytes, .. } if bytes.ends_with(b"lost")),
        );
        assert!(carries, "{frames:?}");
    }
}

/// The limits that CREDIT says in these datagrams, and the number of the last datagram.
fn credits(peer: &mut Hostile, datagrams: &[Vec<u8>]) -> (Vec<u64>, u64) {
    let (mut limits, mut last) = (Vec::new(), 0);
    for datagram in datagrams {
        let (number, frames) = peer.open(datagram);
        last = number;
        limits.extend(Frames::new(&frames).flatten().filter_map(|frame| match frame {
            Frame::Credit { limit, .. } => Some(limit),
            _ => None,
        }));
    }
    (limits, last)
}

#[test]
fn credit_that_is_lost_is_sent_again() {
    shows!("R-TRN-42", "R-TRN-61");
    let mut server = endpoint(0, 1, 1);
    let mut peer = Hostile::new(9, 1, 77);
    let link = peer.meet(&mut server, NOW);
    let message = [&65_536u32.to_be_bytes()[..], &[7; 65_536]].concat();
    for (n, bytes) in (0..).zip(message.chunks(1000)) {
        let frame = Frame::Message { stream: Priority::Control, offset: n * 1000, bytes };
        let sent = peer.send(&mut server, NOW, &[frame]).expect("taken");
        assert!(credits(&mut peer, &sent).0.is_empty());
    }
    assert!(server.poll_event().is_some());
    let told = peer.collect(&mut server, NOW);
    let (limits, lost) = credits(&mut peer, &told);
    assert_eq!(limits, [WINDOWS[0] + 65_540]);
    // Three packets more, which arrive.
    for n in 1..=3 {
        server.send(link, Priority::Control, b"x").expect("room");
        let sent = peer.collect(&mut server, NOW);
        assert_eq!(credits(&mut peer, &sent), (vec![], lost + n), "told once");
    }
    let mut space = [0; 248];
    let ack = ack_of([(lost + 1, lost + 4)].into_iter(), Duration::ZERO, &mut space).expect("an ACK");
    let again = peer.send(&mut server, NOW + Duration::from_millis(30), &[Frame::Ack(ack)]).expect("taken");
    assert_eq!(credits(&mut peer, &again).0, limits);
}

#[test]
fn the_oldest_half_open_link_goes() {
    shows!("R-TRN-21");
    let mut server = endpoint(0, 1, 1);
    let mut peers: Vec<_> = (0..5).map(|n| Hostile::new(9, 1, 100 + n)).collect();
    for (n, peer) in (0..).zip(&mut peers) {
        let at = NOW + Duration::from_millis(n);
        peer.get_cookie(&mut server, at);
        peer.get_welcome(&mut server, at);
    }
    let took: Vec<_> =
        peers.iter_mut().map(|peer| peer.send(&mut server, NOW, &[Frame::Ping]).err()).collect();
    assert_eq!(took, [Some(DropReason::Session), None, None, None, None]);
}

#[test]
fn the_window_ends_at_4_mib_and_the_handshake_is_a_sample() {
    shows!("R-TRN-50", "R-TRN-41");
    let mut cubic = Cubic::default();
    for _ in 0..5000 {
        cubic.acknowledged(NOW, NOW, MSS, false, Duration::from_millis(50));
    }
    assert_eq!(cubic.window(), WINDOW_MAX);
    let mut world = World::new(1, 2, Faults::delay(10));
    let (a, _) = world.join(0, 1);
    assert_eq!(world.link(0, a).rtt().least(), Some(Duration::from_millis(20)));
    assert_eq!(world.link(0, a).rtt().smoothed(), Duration::from_millis(20));
}

#[test]
fn an_ack_of_more_than_32_ranges_is_malformed() {
    shows!("R-TRN-34");
    for (more, sound) in [(31u8, true), (32, false)] {
        let frame =
            [&[2, 0, 0, 0, 0, 255, 255, 0, 0, 0, 0, more, 0, 0, 0, 0][..], &vec![0; usize::from(more) * 8]]
                .concat();
        assert_eq!(Frames::new(&frame).all(|frame| frame.is_ok()), sound);
    }
}
