//! What is in flight keeps to the window, whatever is lost.

use std::cell::Cell;

use super::hostile::Hostile;
use super::path::Faults;
use super::world::{SECRET, World, message};
use crate::ident::{Incarnation, ServerId};
use crate::time::{Duration, Instant};
use crate::transport::ack::ack_of;
use crate::transport::congestion::Controller;
use crate::transport::cubic::Cubic;
use crate::transport::frame::Frame;
use crate::transport::limits::{MSS, WINDOW_MIN};
use crate::transport::{Config, Endpoint, LinkId, LinkSecret, Priority};

const NOW: Instant = Instant::from_secs(100);

thread_local! {
    static ABOVE: Cell<u64> = const { Cell::new(0) };
    static ACKNOWLEDGED: Cell<u64> = const { Cell::new(0) };
}

/// CUBIC, and how often something was sent above its window, or acknowledged.
#[derive(Debug, Default)]
struct Watched(Cubic);

impl Controller for Watched {
    fn sent(&mut self, _: Instant, _: u64, in_flight: u64) {
        ABOVE.set(ABOVE.get() + u64::from(in_flight > self.0.window()));
    }

    fn acknowledged(&mut self, now: Instant, sent: Instant, bytes: u64, limited: bool, rtt: Duration) {
        ACKNOWLEDGED.set(ACKNOWLEDGED.get() + 1);
        self.0.acknowledged(now, sent, bytes, limited, rtt);
    }

    fn lost(&mut self, now: Instant, sent_at: Instant, bytes: u64) {
        self.0.lost(now, sent_at, bytes);
    }

    fn persistent(&mut self) {
        self.0.persistent();
    }

    fn window(&self) -> u64 {
        self.0.window()
    }
}

/// A window and a rate that stay as they are.
#[derive(Debug)]
struct Fixed(u64, u64);

impl Controller for Fixed {
    fn acknowledged(&mut self, _: Instant, _: Instant, _: u64, _: bool, _: Duration) {}

    fn lost(&mut self, _: Instant, _: Instant, _: u64) {}

    fn persistent(&mut self) {}

    fn window(&self) -> u64 {
        self.0
    }

    fn rate(&self, _: Duration) -> u64 {
        self.1
    }
}

fn with(controller: fn() -> Box<dyn Controller>) -> Endpoint {
    let config = Config { controller, ..Config::new(ServerId(1), Incarnation(1)) };
    let mut endpoint = Endpoint::new(config, &[1; 32]);
    endpoint.add_secret(LinkSecret::cluster(&SECRET));
    endpoint
}

fn met(controller: fn() -> Box<dyn Controller>) -> (Endpoint, Hostile, LinkId) {
    let (mut server, mut peer) = (with(controller), Hostile::new(9, 1, 77));
    let link = peer.meet(&mut server, NOW);
    (server, peer, link)
}

#[test]
fn in_flight_is_never_above_the_window_but_for_probes() {
    shows!("R-TRN-50", "R-TRN-43");
    let faults = Faults { loss: 3, rate: Some((500_000, 20_000)), ..Faults::delay(20) };
    let mut world = World::new(1, 2, faults);
    world.nodes[0].endpoint = with(|| Box::new(Watched::default()));
    let (a, _) = world.join(0, 1);
    world.nodes[1].counts = true;
    let mut full = 0;
    for round in 0..20 {
        ABOVE.set(0);
        let before = world.link(0, a).stats().probes;
        // Every second time the path is cut for a while: then there are probes, with a full window too.
        world.set_faults(Faults { cut: round % 2 == 1, ..faults });
        world.run_with(Duration::from_millis(1500), |world| {
            let link = world.nodes[0].endpoint.link_mut(a).expect("a link");
            link.pull_bulk(1000, |_| Some(message(0, 1000))).expect("it fits");
            let (in_flight, window) = link.window();
            full += u64::from(in_flight + MSS > window);
        });
        let probes = world.link(0, a).stats().probes - before;
        assert!(ABOVE.get() <= 2 * probes, "{} packets above the window, {probes} timeouts", ABOVE.get());
        assert!(round % 2 == 0 || ABOVE.get() > 0, "probes wait for no window");
    }
    assert!(full > 100);
}

#[test]
fn probes_wait_for_neither_window_nor_pace() {
    shows!("R-TRN-43", "R-TRN-53");
    for controller in [(|| Box::new(Fixed(10 * MSS, u64::MAX))) as fn() -> Box<dyn Controller>, || {
        Box::new(Fixed(1000 * MSS, 1))
    }] {
        let (mut server, peer, link) = met(controller);
        server.send(link, Priority::Deltas, &[7; 50_000]).expect("room");
        assert_eq!(peer.collect(&mut server, NOW).len(), 10, "as many as go without an ACK");
        let mut at = NOW;
        for _ in 0..3 {
            while peer.collect(&mut server, at).is_empty() {
                at = server.poll_timeout().expect("a deadline");
                assert!(at < NOW + Duration::from_secs(9), "probes wait");
                server.handle_timeout(at);
            }
        }
        // Two each time, and never anything between.
        let stats = server.link(link).expect("a link").stats();
        assert_eq!((stats.probes, stats.sent), (3, 1 + 10 + 3 * 2));
    }
}

/// An ACK of these numbers, both included.
fn ack(peer: &mut Hostile, low: u64, high: u64) -> Vec<u8> {
    let mut space = [0; 248];
    let ack = ack_of([(low, high + 1)].into_iter(), Duration::ZERO, &mut space).expect("an ACK");
    let mut frames = Vec::new();
    Frame::Ack(ack).emit(&mut frames);
    peer.number += 1;
    peer.packet(peer.number, &frames)
}

#[test]
fn a_late_ack_counts_for_the_bytes_and_not_for_the_window() {
    shows!("R-TRN-44");
    let (mut server, mut peer, link) = met(|| Box::new(Watched::default()));
    server.send(link, Priority::Deltas, &[7; 11_000]).expect("room");
    let numbers: Vec<u64> =
        peer.collect(&mut server, NOW).iter().map(|datagram| peer.open(datagram).0).collect();
    let (first, last) = (numbers[0], numbers[numbers.len() - 1]);
    assert_eq!(last - first, numbers.len() as u64 - 1);
    let at = NOW + Duration::from_millis(50);
    let mut give = |low, high| {
        let mut bytes = ack(&mut peer, low, high);
        assert_eq!(server.handle_datagram(at, peer.from, &mut bytes), None);
        let link = server.link(link).expect("a link");
        (link.window(), link.stats().lost, link.unacknowledged(Priority::Deltas), ACKNOWLEDGED.get())
    };
    ACKNOWLEDGED.set(0);
    let ((in_flight, window), lost, left, acknowledged) = give(first + 5, last);
    assert_eq!((in_flight, lost, acknowledged), (0, 5, numbers.len() as u64 - 5));
    assert!(window < 10 * MSS && left > 0);
    assert_eq!(give(first, last), ((0, window), 5, 0, acknowledged));
    assert!(peer.collect(&mut server, at).is_empty(), "nothing is sent again");
}

/// The peer is mute for 5 s while a message waits for it; then it acknowledges the last packet and no other.
fn mute(server: &mut Endpoint, peer: &mut Hostile, link: LinkId, from: Instant) -> (Instant, u64) {
    server.send(link, Priority::Control, b"is anybody there?").expect("room");
    let mut at = from;
    let last = loop {
        let last = peer.collect(server, at).last().map(|datagram| peer.open(datagram).0);
        match last.filter(|_| at >= from + Duration::from_secs(5)) {
            Some(last) => break last,
            None => at = server.poll_timeout().expect("a deadline"),
        }
        server.handle_timeout(at);
    };
    let at = at + Duration::from_millis(20);
    let mut bytes = ack(peer, last, last);
    assert_eq!(server.handle_datagram(at, peer.from, &mut bytes), None);
    (at, server.link(link).expect("a link").window().1)
}

#[test]
fn congestion_is_persistent_only_after_the_first_round_trip() {
    shows!("R-TRN-52");
    let (mut server, mut peer, link) = met(|| Box::new(Cubic::default()));
    // Nothing is known of the round trip: a span of losses says nothing but that there were some.
    let (at, window) = mute(&mut server, &mut peer, link, NOW);
    assert_eq!(window, 7 * MSS);
    assert_eq!(mute(&mut server, &mut peer, link, at).1, WINDOW_MIN, "the same once more");
}
