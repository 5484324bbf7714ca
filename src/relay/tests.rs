use std::net::{SocketAddr, UdpSocket};

use super::run::{Options, Runner};
use super::*;
use crate::time::{Duration, Instant};

const fn client(n: u8) -> SocketAddr {
    SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, n)), 4000)
}

fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

/// Sends `n` datagrams of 100 bytes, one a millisecond.
fn pass(link: &mut Link, n: u64) -> Vec<Copies> {
    (0..n).map(|i| link.pass(Instant::from_millis(i), 100)).collect()
}

#[test]
fn a_clean_link_passes_everything_at_once_and_in_order() {
    let mut link = Link::new(1, Faults::default());
    for (i, copies) in (0..).zip(pass(&mut link, 1000)) {
        assert_eq!(copies, [Some(Delivery { at: Instant::from_millis(i), flip: None }), None]);
    }
    assert_eq!(*link.tally(), LinkTally { taken: 1000, delivered: 1000, ..LinkTally::default() });
}

#[test]
fn each_fault_comes_as_often_as_asked() {
    let chance = |n| Chance::per_mille(n);
    let faults = Faults {
        loss: chance(50),
        duplicate: chance(20),
        reorder: chance(100),
        corrupt: chance(10),
        reorder_by: ms(50),
        ..Faults::default()
    };
    let mut link = Link::new(7, faults);
    pass(&mut link, 100_000);
    let t = *link.tally();
    assert_eq!(t.taken + t.repeated, t.delivered + t.lost + t.cut + t.queue_full);
    // Five standard deviations: sqrt(100 000 * p * (1 - p)) is at most 95 here.
    for (count, expected) in
        [(t.lost, 5000.0), (t.repeated, 1900.0), (t.held_back, 9500.0), (t.corrupted, 950.0)]
    {
        assert!((count as f64 - expected).abs() < 475.0, "{count} instead of {expected}: {t}");
    }
    assert_eq!(Chance::new(0.5).map(Chance::probability), Some(0.5));
    assert_eq!((Chance::new(1.5), Chance::new(f64::NAN)), (None, None));
    assert_eq!(Chance::new(1.0), Some(Chance::ALWAYS));
}

#[test]
fn a_certain_loss_loses_all_and_an_impossible_one_none() {
    let mut link = Link::new(3, Faults { loss: Chance::ALWAYS, ..Faults::default() });
    assert!(pass(&mut link, 1000).iter().all(|copies| *copies == [None, None]));
    link.set_faults(Faults { loss: Chance::NEVER, ..Faults::default() });
    assert!(pass(&mut link, 1000).iter().all(|copies| copies[0].is_some()));
}

#[test]
fn the_seed_decides_everything() {
    let faults = Faults {
        loss: Chance::per_mille(100),
        duplicate: Chance::per_mille(100),
        reorder: Chance::per_mille(100),
        corrupt: Chance::per_mille(100),
        delay: ms(10),
        jitter: ms(5),
        reorder_by: ms(30),
        rate: None,
    };
    let fates = |seed| pass(&mut Link::new(seed, faults), 1000);
    assert_eq!(fates(1), fates(1));
    assert_ne!(fates(1), fates(2));
    // The draws of one fault do not depend on another's setting.
    let flips = |faults| -> Vec<_> {
        let fates = pass(&mut Link::new(1, faults), 1000);
        fates.iter().map(|[first, _]| first.and_then(|delivery| delivery.flip)).collect()
    };
    assert_eq!(flips(faults), flips(Faults { duplicate: Chance::NEVER, jitter: ms(0), ..faults }));
}

#[test]
fn jitter_keeps_the_order_and_reordering_breaks_it() {
    let order = |reorder| {
        let faults =
            Faults { delay: ms(10), jitter: ms(20), reorder, reorder_by: ms(50), ..Faults::default() };
        let fates = pass(&mut Link::new(5, faults), 1000);
        let at: Vec<_> = fates.iter().filter_map(|[first, _]| first.map(|d| d.at)).collect();
        let (low, high) = (0..).zip(&at).fold((ms(1000), ms(0)), |(low, high), (i, at)| {
            let took = at.since(Instant::from_millis(i));
            (low.min(took), high.max(took))
        });
        (at.is_sorted(), low, high)
    };
    let (sorted, low, high) = order(Chance::NEVER);
    assert!(sorted && low >= ms(10) && high <= ms(30), "{low:?} {high:?}");
    let (sorted, low, high) = order(Chance::per_mille(100));
    assert!(!sorted && low >= ms(10) && high > ms(50) && high <= ms(80), "{low:?} {high:?}");
}

#[test]
fn a_bottleneck_spaces_datagrams_and_drops_what_its_queue_cannot_hold() {
    let rate = Rate { bytes_per_second: 10_000, queue: 1000 };
    let mut link = Link::new(5, Faults { rate: Some(rate), ..Faults::default() });
    let copies: Vec<_> = (0..20).map(|_| link.pass(Instant::ZERO, 100)).collect();
    let at: Vec<_> = copies.iter().filter_map(|[first, _]| first.map(|d| d.at.millis())).collect();
    assert_eq!(at, (1..=10).map(|i| i * 10).collect::<Vec<_>>());
    assert_eq!(link.tally().queue_full, 10);
}

#[test]
fn cuts_are_read_and_hold_when_they_say() {
    let cut: Cut = "up:10s+5s/20s".parse().unwrap();
    let holds = |s: u64| cut.holds(Way::Up, Instant::from_secs(100), Instant::from_secs(100 + s));
    let expected = [(9, false), (10, true), (14, true), (15, false), (29, false), (30, true), (35, false)];
    for (at, is) in expected {
        assert_eq!(holds(at), is, "at {at} s");
    }
    assert!(!cut.holds(Way::Down, Instant::ZERO, Instant::from_secs(12)));
    let once: Cut = "10s+5s".parse().unwrap();
    assert!(once.holds(Way::Down, Instant::ZERO, Instant::from_secs(12)));
    assert!(!once.holds(Way::Down, Instant::ZERO, Instant::from_secs(32)));
    for wrong in ["", "10s", "side:1s+1s", "1s+x", "1s+5s/5s"] {
        assert!(wrong.parse::<Cut>().is_err(), "{wrong}");
    }
}

#[test]
fn a_translator_gives_each_client_its_own_port_and_keeps_it() {
    let mut nat = Nat::new(1, 200, ms(1000));
    let ports: Vec<_> = (0..200).map(|n| nat.outward(Instant::ZERO, client(n)).unwrap()).collect();
    let mut distinct = ports.clone();
    distinct.dedup();
    assert_eq!(distinct.len(), 200);
    for (n, port) in (0..200).zip(&ports) {
        assert_eq!(nat.outward(Instant::from_millis(1), client(n)), Some(*port));
        assert_eq!(nat.inward(*port), Some(client(n)));
    }
    assert_eq!(nat.outward(Instant::from_millis(2), client(201)), None);
    assert_eq!(nat.tally().refused, 1);
}

#[test]
fn a_rebound_client_gets_another_port_and_the_old_one_leads_nowhere() {
    let mut nat = Nat::new(1, 10, ms(1000));
    let old = nat.outward(Instant::ZERO, client(1)).unwrap();
    let neighbour = nat.outward(Instant::ZERO, client(2)).unwrap();
    assert!(nat.rebind(client(1)) && !nat.rebind(client(3)));
    assert_eq!((nat.poll_closed(), nat.poll_closed()), (Some(old), None));
    assert_eq!(nat.inward(old), None);
    let new = nat.outward(Instant::ZERO, client(1)).unwrap();
    assert_ne!(new, old);
    assert_eq!((nat.inward(new), nat.inward(neighbour)), (Some(client(1)), Some(client(2))));
    assert_eq!(nat.tally(), &NatTally { given: 3, rebound: 1, stale: 1, ..NatTally::default() });
}

#[test]
fn a_silent_client_loses_its_port_only_after_the_idle_time() {
    let mut nat = Nat::new(1, 2, ms(1000));
    nat.outward(Instant::ZERO, client(1));
    let kept = nat.outward(Instant::from_millis(500), client(2));
    nat.expire(Instant::from_millis(999));
    assert_eq!(nat.clients(), 2);
    // A newcomer takes the port of the silent one without waiting for the next look.
    assert!(nat.outward(Instant::from_millis(1000), client(3)).is_some());
    assert_eq!((nat.port_of(client(1)), nat.port_of(client(2))), (None, kept));
}

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
    relay.from_client(Instant::from_secs(20), client(1), b"cut by hand");
    assert_eq!(relay.tally().up.cut, 1);
}

#[test]
fn a_datagram_under_way_dies_with_its_port() {
    let mut buf = Vec::new();
    let up = Faults { delay: ms(100), ..Faults::default() };
    let setup = Setup { up, rebind_every: Some(ms(50)), clients: 1, ..Setup::default() };
    let mut relay = Relay::new(Instant::ZERO, 1, setup);
    relay.from_client(Instant::ZERO, client(1), b"early");
    relay.handle_timeout(Instant::from_millis(50));
    relay.from_client(Instant::from_millis(50), client(1), b"late");
    assert_eq!(relay.poll_timeout(), Some(Instant::from_millis(100)));
    assert_eq!(relay.poll_output(Instant::from_millis(100), &mut buf), Some(Out::Server(Port(1))));
    assert_eq!(relay.tally().rebound, 1);
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

/// Turns the loop until `done`, at most 5 s.
fn turn_until(runner: &mut Runner, mut done: impl FnMut() -> bool) {
    while !done() {
        assert!(runner.elapsed() < Duration::from_secs(5), "nothing came: {}", runner.tally());
        runner.turn(ms(10)).unwrap();
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
fn many_clients_share_one_address_on_loopback() {
    let server = UdpSocket::bind("127.0.0.1:0").unwrap();
    server.set_nonblocking(true).unwrap();
    let options = Options {
        listen: "127.0.0.1:0".parse().unwrap(),
        to: server.local_addr().unwrap(),
        from: Some("127.0.0.9".parse().unwrap()),
        seed: 1,
        setup: Setup::default(),
        stop_after: None,
        report_every: None,
    };
    let mut runner = Runner::open(&options).unwrap();
    let relay = runner.local_addr().unwrap();
    let clients: Vec<_> = (0..20u8)
        .map(|n| {
            let socket = UdpSocket::bind((std::net::Ipv4Addr::new(127, 0, 1, n + 1), 0)).unwrap();
            socket.set_nonblocking(true).unwrap();
            socket.send_to(&[n], relay).unwrap();
            socket
        })
        .collect();
    let mut seen = std::collections::BTreeMap::new();
    let mut buf = [0; 64];
    turn_until(&mut runner, || {
        while let Ok((len, from)) = server.recv_from(&mut buf) {
            assert_eq!((len, from.ip()), (1, options.from.unwrap()));
            server.send_to(&[buf[0], 100], from).unwrap();
            seen.insert(buf[0], from.port());
        }
        seen.len() == 20
    });
    let mut ports: Vec<_> = seen.values().collect();
    ports.sort_unstable();
    ports.dedup();
    assert_eq!(ports.len(), 20, "each client has its own port");
    for (n, socket) in (0..).zip(&clients) {
        turn_until(&mut runner, || socket.recv_from(&mut buf).is_ok_and(|(len, _)| len == 2));
        assert_eq!((buf[0], buf[1]), (n, 100), "each client got its own answer");
    }

    runner.relay().rebind();
    clients[0].send_to(&[0], relay).unwrap();
    let mut from = None;
    turn_until(&mut runner, || {
        from = server.recv_from(&mut buf).ok().map(|(_, from)| from.port());
        from.is_some()
    });
    assert_ne!(from, seen.get(&0).copied(), "after the rebinding it comes from another port");
    assert_eq!((runner.tally().rebound, runner.tally().clients), (20, 1));
}
