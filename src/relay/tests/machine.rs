use super::{at, client, ms};
use crate::relay::{Chance, Faults, LinkTally, Out, Port, Relay, Setup};
use crate::time::{Duration, Instant};

#[test]
fn the_relay_moves_datagrams_both_ways_and_cuts() {
    let mut buf = Vec::new();
    let cuts = vec!["down:10s+5s".parse().unwrap()];
    let mut relay = Relay::new(Instant::ZERO, 1, Setup { cuts, ..Setup::default() });
    relay.from_client(Instant::ZERO, client(1), b"hello");
    let Some(Out::Server(port)) = relay.poll_output(Instant::ZERO, &mut buf) else { panic!("nothing came") };
    assert_eq!(buf, b"hello");
    relay.from_server(Instant::from_secs(1), port, b"answer");
    assert_eq!(relay.poll_output(Instant::from_secs(1), &mut buf), Some(Out::Client(client(1))));
    assert_eq!(buf, b"answer");
    relay.from_server(Instant::from_secs(11), port, b"cut");
    relay.from_client(Instant::from_secs(11), client(1), b"passes");
    assert_eq!(relay.poll_output(Instant::from_secs(11), &mut buf), Some(Out::Server(port)));
    assert_eq!(relay.poll_output(Instant::from_secs(11), &mut buf), None);
    assert_eq!((relay.tally().down.cut, relay.tally().up.cut), (1, 0));
    relay.set_closed(true);
    relay.from_client(at(20), client(1), b"cut by hand");
    assert_eq!(relay.tally().up.cut, 1);
}

#[test]
fn a_datagram_under_way_dies_with_its_port_though_the_port_is_given_again() {
    let up = Faults { delay: ms(100), ..Faults::default() };
    for clients in [1, 2] {
        let mut relay = Relay::new(Instant::ZERO, 1, Setup { up, clients, ..Setup::default() });
        let mut buf = Vec::new();
        relay.from_client(Instant::ZERO, client(1), b"early");
        relay.rebind();
        relay.from_client(Instant::from_millis(50), client(1), b"late");
        assert_eq!(relay.poll_output(Instant::from_millis(149), &mut buf), None);
        let out = relay.poll_output(Instant::from_millis(150), &mut buf);
        assert_eq!((out, &buf[..]), (Some(Out::Server(Port(clients))), &b"late"[..]));
        assert_eq!((relay.tally().up.stale, relay.tally().rebound), (1, 1));
    }
}

#[test]
fn time_never_stands_still() {
    // Every deadline that the relay names is served by the two calls at that time.
    let up = Faults { delay: ms(3), jitter: ms(9), duplicate: Chance::per_mille(300), ..Faults::default() };
    let setup = Setup { up, rebind_every: Some(ms(70)), idle: ms(40), ..Setup::default() };
    let mut relay = Relay::new(Instant::ZERO, 4, setup);
    let (mut now, mut buf) = (Instant::ZERO, Vec::new());
    for i in 0..2000u64 {
        relay.from_client(now, client((i % 7) as u8), b"x");
        let next = relay.poll_timeout().unwrap();
        assert!(next > now, "turn {i}");
        now = next;
        relay.handle_timeout(now);
        while relay.poll_output(now, &mut buf).is_some() {}
    }
}

#[test]
fn rebinding_every_no_time_is_never() {
    let setup = Setup { rebind_every: Some(Duration::ZERO), ..Setup::default() };
    let now = Instant::from_secs(5);
    let due = Relay::new(now, 1, setup).poll_timeout();
    assert!(due.is_some_and(|due| due > now), "{due:?}: a deadline that stays");
}

#[test]
fn a_rebinding_that_is_told_late_happens_once_and_the_next_on_time() {
    let setup = Setup { rebind_every: Some(Duration::from_secs(10)), ..Setup::default() };
    let mut relay = Relay::new(at(5), 1, setup);
    relay.from_client(at(5), client(1), b"x");
    relay.handle_timeout(at(36));
    assert_eq!(relay.tally().rebound, 1);
    relay.from_client(at(44), client(1), b"x");
    assert_eq!(relay.tally().rebound, 1);
    relay.from_client(at(45), client(2), b"x");
    assert_eq!(relay.tally().rebound, 2, "a datagram tells the time as well");
}

#[test]
fn a_rebinding_shorter_than_the_clocks_step_is_never() {
    let setup = Setup { rebind_every: Some(Duration::from_nanos(999)), ..Setup::default() };
    let relay = Relay::new(at(5), 1, setup);
    assert!(relay.poll_timeout().is_some_and(|due| due > at(6)));
}

#[test]
fn a_silent_client_loses_its_port_at_most_a_tenth_late() {
    let setup = Setup { idle: Duration::from_secs(2), ..Setup::default() };
    let mut relay = Relay::new(Instant::ZERO, 1, setup);
    relay.from_client(Instant::from_millis(50), client(1), b"x");
    relay.handle_timeout(Instant::from_millis(2049));
    assert_eq!((relay.tally().clients, relay.tally().idle), (1, 0));
    relay.handle_timeout(Instant::from_millis(2250));
    assert_eq!((relay.tally().clients, relay.tally().idle), (0, 1));
}

/// Nothing is counted twice, nothing is forgotten.
fn balanced(tally: &LinkTally) {
    let sum = tally.delivered + tally.under_way + tally.dropped();
    assert_eq!(tally.taken + tally.repeated, sum, "{tally}");
}

/// Faults of every kind that drops.
fn bad() -> Faults {
    Faults {
        loss: Chance::per_mille(100),
        duplicate: Chance::per_mille(100),
        delay: ms(30),
        jitter: ms(30),
        reorder_by: ms(30),
        rate: Some(100_000),
        queue: 3000,
        max_size: Some(900),
        ..Faults::default()
    }
}

#[test]
fn every_fate_is_counted() {
    let cuts = vec!["1s+100ms/2s".parse().unwrap()];
    let setup = Setup { up: bad(), down: bad(), cuts, clients: 4, ..Setup::default() };
    let mut relay = Relay::new(Instant::ZERO, 3, setup);
    let (mut buf, mut sent, mut came) = (Vec::new(), [0u64; 2], [0u64; 2]);
    for i in 0..11_000u64 {
        let (now, len) = (Instant::from_millis(i), i * 37 % 1000);
        if i < 10_000 {
            relay.from_client(now, client((i % 5) as u8), &vec![1; len as usize]);
            relay.from_server(now, Port((i % 5) as u16), &vec![1; len as usize / 2]);
            sent = [sent[0] + len, sent[1] + len / 2];
        }
        if i % 1000 == 500 {
            relay.rebind();
        }
        while let Some(out) = relay.poll_output(now, &mut buf) {
            if i % 100 == 50 {
                relay.failed(out, buf.len());
            } else {
                came[usize::from(matches!(out, Out::Client(_)))] += buf.len() as u64;
            }
        }
        balanced(&relay.tally().up);
        balanced(&relay.tally().down);
    }
    let t = relay.tally();
    for (way, link) in [t.up, t.down].iter().enumerate() {
        assert_eq!((link.taken, link.taken_bytes, link.delivered_bytes), (10_000, sent[way], came[way]));
        assert_eq!((link.under_way, link.overflow), (0, 0));
        let fates = [link.lost, link.cut, link.queue_full, link.stale, link.failed, link.repeated];
        assert!(fates.iter().all(|count| *count > 0), "{link}");
    }
    assert!(t.up.refused > 0 && t.up.too_large > 0 && t.down.too_large == 0, "{t}");
}

#[test]
fn bytes_are_counted_where_they_leave() {
    let (mut relay, mut buf) = (Relay::new(Instant::ZERO, 1, Setup::default()), Vec::new());
    for len in [10, 20, 30] {
        relay.from_client(Instant::ZERO, client(1), &vec![0; len]);
    }
    let under_way = relay.tally().up;
    assert_eq!((under_way.under_way, under_way.delivered, under_way.delivered_bytes), (3, 0, 0));
    relay.poll_output(Instant::ZERO, &mut buf);
    let out = relay.poll_output(Instant::ZERO, &mut buf).unwrap();
    relay.failed(out, buf.len());
    let tally = relay.tally().up;
    assert_eq!((tally.taken_bytes, tally.delivered_bytes), (60, 10));
    assert_eq!((tally.under_way, tally.delivered, tally.failed), (1, 1, 1));
}

#[test]
fn what_is_under_way_is_bounded_in_number_and_bytes() {
    let up = Faults { delay: Duration::from_secs(1), ..Faults::default() };
    for (len, most) in [(1, 65_536), (65_507, 2048)] {
        let mut relay = Relay::new(Instant::ZERO, 1, Setup { up, ..Setup::default() });
        let bytes = vec![0; len];
        (0..most + 10).for_each(|_| relay.from_client(Instant::ZERO, client(1), &bytes));
        let up = relay.tally().up;
        assert_eq!((up.under_way, up.overflow), (most, 10));
        balanced(&up);
        let mut buf = Vec::new();
        while relay.poll_output(at(1), &mut buf).is_some() {}
        relay.from_client(at(1), client(1), &bytes);
        assert_eq!(relay.tally().up.under_way, 1, "there is room again");
    }
}
