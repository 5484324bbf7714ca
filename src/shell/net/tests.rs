use mio::{Events, Poll};

use super::groups::GROUPS;
use super::*;

fn on_loopback(listen: &str) -> (Poll, Net) {
    let poll = Poll::new().expect("a poll");
    let address = listen.parse().expect("an address");
    let net = Net::open(poll.registry(), &[address], true).expect("sockets");
    (poll, net)
}

/// Waits for readiness and reads until `count` datagrams have come.
fn read(poll: &mut Poll, net: &mut Net, count: usize) -> Vec<(SocketAddr, Arrival, Vec<u8>)> {
    let mut got = Vec::new();
    let mut events = Events::with_capacity(8);
    while got.len() < count {
        if !net.has_ready() {
            poll.poll(&mut events, Some(Duration::from_secs(5))).expect("polled");
            assert!(!events.is_empty(), "nothing came, only {} datagrams so far", got.len());
        }
        events.iter().for_each(|event| net.handle_event(event));
        events.clear();
        net.receive(Instant::ZERO, &mut |from, arrival, bytes: &[u8]| {
            got.push((from, arrival, bytes.to_vec()));
        });
    }
    got
}

fn unicast(to: SocketAddr, source: Option<IpAddr>) -> Transmit {
    Transmit { to: Destination::Unicast(to), source, interface: None, spare: false }
}

fn port_of(net: &Net) -> u16 {
    let listening = net.listening();
    assert_eq!(listening.len(), 1, "one port for both families");
    listening[0].port()
}

#[test]
fn answers_come_from_the_address_that_was_asked() {
    let (mut server_poll, mut server) = on_loopback("[::]:0");
    let (mut client_poll, mut client) = on_loopback("0.0.0.0:0");
    let asked = SocketAddr::from(([127, 0, 0, 77], port_of(&server)));
    assert_eq!(client.send(Instant::ZERO, &unicast(asked, None), b"hello", None), Sent::Done);

    let got = read(&mut server_poll, &mut server, 1);
    let (from, arrival, bytes) = &got[0];
    assert_eq!(
        (bytes.as_slice(), arrival.local, arrival.multicast),
        (&b"hello"[..], Some(asked.ip()), false)
    );
    server.send(Instant::ZERO, &unicast(*from, arrival.local), b"yes", None);

    let got = read(&mut client_poll, &mut client, 1);
    assert_eq!((got[0].0, got[0].2.as_slice()), (asked, &b"yes"[..]));
}

#[test]
fn a_socket_that_was_not_drained_stays_ready() {
    let (mut server_poll, mut server) = on_loopback("127.0.0.1:0");
    let (_poll, mut client) = on_loopback("127.0.0.1:0");
    let to = SocketAddr::from(([127, 0, 0, 1], port_of(&server)));
    let many = 32 * BATCHES_IN_TURN * 2 + 3;
    for _ in 0..many {
        client.send(Instant::ZERO, &unicast(to, None), &[7; 68], None);
    }
    let mut events = Events::with_capacity(8);
    server_poll.poll(&mut events, Some(Duration::from_secs(5))).expect("polled");
    events.iter().for_each(|event| server.handle_event(event));
    let mut turns = 0;
    let mut count = 0;
    while server.has_ready() {
        turns += 1;
        server.receive(Instant::ZERO, &mut |_, _, bytes: &[u8]| {
            assert_eq!(bytes.len(), 68);
            count += 1;
        });
    }
    assert_eq!(count, many);
    assert!(turns >= 3, "read in {turns} turns");
}

#[test]
fn a_taken_port_is_named_with_the_process() {
    let (_poll, first) = on_loopback("[::]:0");
    let port = port_of(&first);
    // The first one has an ephemeral port and shares it with nobody; a fixed one shares with groups only.
    let poll = Poll::new().expect("a poll");
    for address in [SocketAddr::from(([127, 0, 0, 1], port)), SocketAddr::from(([0, 0, 0, 0], port))] {
        let error = Net::open(poll.registry(), &[address], true).expect_err("taken");
        assert_eq!(error.pid, Some(std::process::id()));
        assert!(error.to_string().contains(&format!("port {port} is taken by process")), "{error}");
    }
}

#[test]
fn groups_are_heard_on_loopback_beside_a_server_on_the_port() {
    crate::shows!("R-DSC-06");
    let (mut one_poll, mut one) = on_loopback("[::]:0");
    let (mut two_poll, mut two) = on_loopback("[::]:0");
    for (poll, net) in [(&one_poll, &mut one), (&two_poll, &mut two)] {
        net.set_wanted(vec!["lo".to_owned()]);
        let usable = net.look(Instant::ZERO, poll.registry()).expect("a change");
        assert_eq!(usable.len(), 1);
        assert_eq!(net.look(Instant::ZERO, poll.registry()), None);
    }
    let errors: Vec<_> = one.counters.iter().collect();
    assert_eq!(errors, [], "joined everything");

    let payload = std::process::id().to_be_bytes();
    let to_groups = Transmit { to: Destination::Groups, source: None, interface: None, spare: false };
    one.send(Instant::ZERO, &to_groups, &payload, None);
    let from_port = port_of(&one);
    let mut got = read(&mut two_poll, &mut two, 1);
    got.retain(|(_, _, bytes)| *bytes == payload);
    assert!(got.iter().all(|(_, arrival, _)| arrival.multicast && arrival.local == Some(GROUPS[0].ip())));
    assert!(got.iter().any(|(from, _, _)| from.port() == from_port));

    // What it said itself it does not hear.
    two.send(Instant::ZERO, &to_groups, b"last", None);
    let heard = loop {
        let got = read(&mut one_poll, &mut one, 1);
        assert!(got.iter().all(|(from, _, _)| from.port() != from_port));
        if got.iter().any(|(_, _, bytes)| bytes == b"last") {
            break got;
        }
    };
    assert_eq!(heard.len(), 1);
    // Without an interface nothing is joined any more.
    one.set_wanted(vec!["none".to_owned()]);
    assert_eq!(one.look(Instant::ZERO, one_poll.registry()), Some(Vec::new()));
    assert_eq!(one.groups.len(), 0);
    assert_eq!(one.skipped().first().map(|skipped| skipped.reason.as_str()), Some("not there"));
}

#[test]
fn links_between_hmss_have_their_address_and_hosts_have_not() {
    crate::shows!("R-PEE-95");
    let (mut poll, mut net) = on_loopback("127.0.0.1:0");
    let (mut other_poll, mut other) = on_loopback("0.0.0.0:0");
    let bind = net.set_bind(Some([127, 0, 0, 2].into())).expect("an address");
    assert_eq!(bind, SocketAddr::from(([127, 0, 0, 2], port_of(&net))), "at the port of the host socket");
    assert!(net.is_own(bind));
    net.look(Instant::ZERO, poll.registry());
    let to = SocketAddr::from(([127, 0, 0, 1], port_of(&other)));
    assert_eq!(net.send(Instant::ZERO, &unicast(to, Some(bind.ip())), b"dial", None), Sent::Done);
    assert_eq!(net.send(Instant::ZERO, &unicast(to, None), b"host", None), Sent::Done);
    let mut from: Vec<_> = read(&mut other_poll, &mut other, 2).into_iter().map(|(from, ..)| from).collect();
    from.sort_unstable();
    assert_eq!(from, [SocketAddr::new([127, 0, 0, 1].into(), bind.port()), bind]);
    // A host asks in vain there: what comes is what HMSs say.
    let hello = [1, 0x20, 0, 0];
    assert!(is_between_hmss(&hello));
    for bytes in [&[1, 1, 0, 0][..], &hello] {
        other.send(Instant::ZERO, &unicast(bind, None), bytes, None);
    }
    let got = read(&mut poll, &mut net, 1);
    assert_eq!(got.iter().map(|(.., bytes)| bytes.as_slice()).collect::<Vec<_>>(), [&hello]);
    assert_eq!(got[0].1.local, Some(bind.ip()));
}

#[test]
fn a_host_socket_for_all_addresses_is_good_for_links_too() {
    let (poll, mut net) = on_loopback("[::]:0");
    let bind = net.set_bind(Some([127, 0, 0, 2].into()));
    net.look(Instant::ZERO, poll.registry());
    assert_eq!((bind, net.bind()), (Some(SocketAddr::from(([127, 0, 0, 2], port_of(&net)))), bind));
    assert!(net.bind_socket().is_none());
    assert_eq!(net.counters.iter().count(), 0);
}

#[test]
fn an_address_for_links_that_is_missing_is_waited_for() {
    let (poll, mut net) = on_loopback("127.0.0.1:0");
    // Nobody has one of those that stand in examples.
    let bind = net.set_bind(Some([192, 0, 2, 1].into())).expect("an address");
    for second in 0..3 {
        net.look(Instant::from_secs(second), poll.registry());
        assert!(net.bind_socket().is_none());
    }
    assert_eq!(net.counters.iter().count(), 0, "said once, and no error");
    assert_eq!(net.bind(), Some(bind), "told all the same");
    assert_eq!(net.set_bind(None), None);
}
