//! Loss, probes, round trips.

use super::path::Faults;
use super::world::World;
use crate::time::{Duration, Instant};
use crate::transport::Priority;
use crate::transport::ack::ack_of;
use crate::transport::congestion::Controller;
use crate::transport::cubic::Cubic;
use crate::transport::limits::{INITIAL_RTT, MSS, PROBE_WAIT_MAX, WINDOW_MIN};
use crate::transport::received::Received;
use crate::transport::recovery::{Outcome, Recovery};
use crate::transport::rtt::Rtt;
use crate::transport::sent::{Fate, Sent};

fn ms(millis: u64) -> Instant {
    Instant::from_millis(millis)
}

fn packet(number: u64, at: Instant) -> Sent {
    Sent { number, at, size: 1200, fate: Fate::Flying, credits: 0, told: 0, pieces: [None; 4] }
}

struct Sender(Recovery);

impl Sender {
    fn new() -> Self {
        Self(Recovery::new(ms(0), Box::new(Cubic::default())))
    }

    fn send(&mut self, number: u64, at: u64) {
        self.0.sent(ms(at), packet(number, ms(at)));
    }

    /// Acknowledges one range; gives what arrived and what was lost.
    fn ack(&mut self, at: u64, low: u64, high: u64) -> (Vec<u64>, Vec<u64>) {
        let mut space = [0; 248];
        let frame = ack_of([(low, high + 1)].into_iter(), Duration::ZERO, &mut space).expect("an ACK");
        let (mut arrived, mut lost) = (Vec::new(), Vec::new());
        self.0.acknowledge(ms(at), &frame, |outcome| match outcome {
            Outcome::Acknowledged(packet) => arrived.push(packet.number),
            Outcome::Lost(packet) => lost.push(packet.number),
        });
        (arrived, lost)
    }

    fn timeout(&mut self, at: Instant) -> Vec<u64> {
        let mut lost = Vec::new();
        self.0.timeout(at, |outcome| {
            if let Outcome::Lost(packet) = outcome {
                lost.push(packet.number);
            }
        });
        lost
    }
}

#[test]
fn three_numbers_later_a_packet_is_lost() {
    shows!("R-TRN-42", "R-TRN-44");
    let mut sender = Sender::new();
    (0..5).for_each(|n| sender.send(n, 0));
    assert_eq!(sender.ack(100, 2, 2), (vec![2], vec![]));
    assert_eq!(sender.ack(101, 3, 3), (vec![3], vec![0]));
    assert_eq!(sender.ack(102, 4, 4), (vec![4], vec![1]));
    assert_eq!(sender.0.in_flight(), 0);
    // Late: taken for its bytes, once, and no packet is lost twice.
    assert_eq!(sender.ack(103, 0, 1), (vec![0, 1], vec![]));
    assert_eq!(sender.ack(104, 0, 4), (vec![], vec![]));
}

#[test]
fn nine_eighths_of_a_round_trip_later_a_packet_is_lost() {
    shows!("R-TRN-42");
    let mut sender = Sender::new();
    sender.send(0, 0);
    sender.send(1, 5);
    assert_eq!(sender.ack(85, 1, 1), (vec![1], vec![]));
    assert_eq!(sender.0.deadline(), Some(ms(90)), "9/8 of 80 ms after 0");
    assert!(sender.timeout(ms(89)).is_empty());
    assert_eq!(sender.timeout(ms(90)), [0]);
    assert_eq!((sender.0.in_flight(), sender.0.deadline()), (0, None));
}

#[test]
fn probes_back_off_to_a_bound_and_an_ack_ends_that() {
    shows!("R-TRN-43");
    let mut sender = Sender::new();
    sender.send(0, 0);
    sender.ack(20, 0, 0);
    sender.send(1, 20);
    let pto = sender.0.rtt.pto();
    assert_eq!(pto, Duration::from_millis(20 + 40 + 25));
    let mut wait = pto;
    let mut last = ms(20);
    for n in 0..30 {
        let at = sender.0.deadline().expect("a deadline");
        assert_eq!(at.since(last), wait.min(PROBE_WAIT_MAX), "probe {n}");
        assert!(sender.timeout(at).is_empty(), "nothing is lost by it");
        assert_eq!(sender.0.probes, 2);
        assert_eq!(sender.0.oldest().map(|oldest| oldest.number), Some(1));
        sender.0.sent(at, packet(2 + 2 * n, at));
        sender.0.sent(at, packet(3 + 2 * n, at));
        (wait, last) = (wait * 2, at);
    }
    assert_eq!(sender.0.probe_wait(), PROBE_WAIT_MAX);
    assert_eq!(sender.0.unanswered(), Some(ms(20)), "nothing since");
    sender.ack(last.millis() + 20, 61, 61);
    assert_eq!((sender.0.backoff(), sender.0.probe_wait()), (0, sender.0.rtt.pto()));
}

#[test]
fn a_timeout_that_is_called_again_is_no_second_one() {
    shows!("R-TRN-43");
    let mut sender = Sender::new();
    sender.send(0, 0);
    let late = ms(20_000);
    for _ in 0..3 {
        sender.timeout(late);
        assert_eq!((sender.0.backoff(), sender.0.probes), (1, 2));
    }
    sender.0.sent(late, packet(1, late));
    sender.0.sent(late, packet(2, late));
    assert_eq!(sender.0.deadline(), Some(late + sender.0.rtt.pto() * 2));
}

#[test]
fn on_the_wire_probes_of_a_cut_path_are_few() {
    shows!("R-TRN-43");
    let mut world = World::new(1, 2, Faults::delay(10));
    let (a, _) = world.join(0, 1);
    world.run(Duration::from_secs(1));
    world.set_faults(Faults { cut: true, ..Faults::default() });
    world.capture = Some(Vec::new());
    world.nodes[0].endpoint.send(a, Priority::Control, b"lost").expect("room");
    world.run(Duration::from_secs(9));
    let capture = world.capture.take().expect("a capture");
    let times: Vec<_> = capture.iter().filter(|sent| sent.0 == 0).map(|sent| sent.3).collect();
    println!("{} packets in 9 s of a cut path", times.len());
    assert!((8..=24).contains(&times.len()), "{}", times.len());
    let gaps: Vec<_> = times.windows(2).map(|pair| pair[1].since(pair[0])).collect();
    assert!(gaps.iter().all(|gap| *gap <= PROBE_WAIT_MAX), "{gaps:?}");
}

#[test]
fn round_trips_are_smoothed_and_delays_of_acks_taken_off() {
    shows!("R-TRN-41");
    let micros = Duration::from_micros;
    let mut rtt = Rtt::new();
    assert_eq!((rtt.smoothed(), rtt.least()), (INITIAL_RTT, None));
    assert_eq!(rtt.pto(), INITIAL_RTT * 3 + Duration::from_millis(25));
    rtt.sample(micros(80_000), micros(5000));
    assert_eq!((rtt.smoothed(), rtt.least()), (micros(80_000), Some(micros(80_000))));
    // 100 ms, of which the peer says that it waited 16 ms.
    rtt.sample(micros(100_000), micros(16_000));
    assert_eq!(rtt.smoothed(), micros(80_500));
    assert_eq!(rtt.pto(), micros(80_500) + micros(31_000) * 4 + micros(25_000));
    // More than 25 ms is not believed, nor what would be below the smallest.
    let mut liar = rtt;
    liar.sample(micros(120_000), micros(90_000));
    rtt.sample(micros(120_000), micros(25_000));
    assert_eq!(liar, rtt);
    rtt.sample(micros(60_000), micros(20_000));
    assert_eq!(rtt.least(), Some(micros(60_000)));
}

#[test]
fn a_sample_needs_the_largest_number() {
    shows!("R-TRN-41");
    let mut sender = Sender::new();
    sender.send(0, 0);
    sender.send(1, 50);
    sender.ack(100, 1, 1);
    assert_eq!(sender.0.rtt.smoothed(), Duration::from_millis(50));
    sender.ack(400, 0, 0);
    assert_eq!(sender.0.rtt.smoothed(), Duration::from_millis(50));
}

#[test]
fn persistent_congestion_empties_the_window() {
    shows!("R-TRN-52");
    let run = |acked_between: bool| {
        let mut sender = Sender::new();
        sender.send(0, 0);
        sender.ack(50, 0, 0);
        let span = sender.0.rtt.pto() * 3;
        (1..20).for_each(|n| sender.send(n, 60 + n * 40));
        assert!(Duration::from_millis(18 * 40) > span);
        if acked_between {
            sender.ack(800, 10, 10);
        }
        sender.send(20, 900);
        sender.ack(950, 20, 20);
        sender.0.controller().window()
    };
    assert_eq!(run(false), WINDOW_MIN);
    assert!(run(true) > WINDOW_MIN);
}

#[test]
fn the_window_is_cut_once_a_round_trip() {
    shows!("R-TRN-50", "R-TRN-51");
    let (second, rtt) = (Duration::from_secs(1), Duration::from_millis(50));
    let mut cubic = Cubic::default();
    assert_eq!(cubic.window(), 10 * MSS);
    for _ in 0..10 {
        cubic.acknowledged(ms(50), ms(0), MSS, false, rtt);
    }
    assert_eq!(cubic.window(), 20 * MSS, "slow start");
    cubic.acknowledged(ms(50), ms(0), 5 * MSS, true, rtt);
    assert_eq!(cubic.window(), 20 * MSS, "not while there is less to send");
    cubic.lost(ms(100), ms(40), MSS);
    cubic.lost(ms(110), ms(90), MSS);
    assert_eq!(cubic.window(), 14 * MSS);
    cubic.acknowledged(ms(120), ms(95), 20 * MSS, false, rtt);
    assert_eq!(cubic.window(), 14 * MSS, "sent before the loss was seen");
    for _ in 0..14 {
        cubic.acknowledged(ms(200), ms(150), MSS, false, rtt);
    }
    let grown = cubic.window() - 14 * MSS;
    assert!((MSS / 2..MSS * 6 / 11).contains(&grown), "0.53 segments a round trip: {grown}");
    (0..20).for_each(|n| cubic.lost(ms(300) + second * n, ms(299) + second * n, MSS));
    assert_eq!(cubic.window(), 2 * MSS);
}

#[test]
fn acks_go_with_the_second_packet_at_a_gap_or_within_25_ms() {
    shows!("R-TRN-40");
    let mut received = Received::new();
    received.take(ms(0), 0, true);
    assert_eq!(received.due(), Some(ms(25)));
    received.take(ms(3), 1, true);
    assert_eq!(received.due(), Some(ms(3)), "the second");
    received.answered();
    assert_eq!(received.due(), None);
    received.take(ms(5), 2, false);
    assert_eq!(received.due(), None, "nothing to acknowledge");
    let mut space = [0; 248];
    assert_eq!(received.frame(ms(5), true, &mut space), None);
    received.take(ms(6), 4, true);
    assert_eq!(received.due(), Some(ms(6)), "a gap");
    let ack = received.frame(ms(9), false, &mut space).expect("an ACK");
    assert_eq!(
        (ack.delay, ack.ranges().collect::<Vec<_>>()),
        (Duration::from_millis(3), vec![(4, 4), (0, 2)])
    );
}

#[test]
fn a_long_ack_is_told_until_the_peer_has_it() {
    shows!("R-TRN-40");
    let (mut received, mut space) = (Received::new(), [0; 248]);
    // Every other packet is lost: five ranges.
    (0..5).for_each(|n| received.take(ms(1), 2 * n, true));
    let told = received.frame(ms(1), false, &mut space).expect("an ACK").largest + 1;
    received.answered();
    assert_eq!(received.frame(ms(2), false, &mut space), None, "nothing is new");
    assert!(received.frame(ms(2), true, &mut space).is_some());
    received.known_below(told);
    assert_eq!(received.frame(ms(3), true, &mut space), None);
}
