use std::net::{SocketAddr, UdpSocket};

use super::ms;
use crate::relay::Setup;
use crate::relay::run::{Options, Runner};
use crate::time::Duration;

fn options(to: SocketAddr) -> Options {
    Options {
        listen: "127.0.0.1:0".parse().unwrap(),
        to,
        from: None,
        seed: 1,
        setup: Setup::default(),
        stop_after: None,
        report_every: None,
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
fn many_clients_share_one_address_on_loopback() {
    let server = UdpSocket::bind("127.0.0.1:0").unwrap();
    server.set_nonblocking(true).unwrap();
    let from = Some("127.0.0.9".parse().unwrap());
    let options = Options { from, ..options(server.local_addr().unwrap()) };
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

#[test]
fn nobody_at_the_servers_port_costs_no_datagram_that_comes_later() {
    let server = UdpSocket::bind("127.0.0.1:0").unwrap();
    let to = server.local_addr().unwrap();
    drop(server);
    let mut runner = Runner::open(&options(to)).unwrap();
    let client = UdpSocket::bind("127.0.0.1:0").unwrap();
    let relay = runner.local_addr().unwrap();
    (0..10).for_each(|_| {
        client.send_to(b"nobody", relay).unwrap();
    });
    // All ten go out in a turn, each after the error of the one before.
    runner.turn(ms(5000)).unwrap();
    let tally = runner.tally();
    assert_eq!((tally.up.taken, tally.up.delivered, tally.up.failed), (10, 10, 0), "{tally}");
    assert!(tally.errors > 0, "{tally}");
    let server = UdpSocket::bind(to).unwrap();
    server.set_nonblocking(true).unwrap();
    client.send_to(b"somebody", relay).unwrap();
    let mut buf = [0; 64];
    turn_until(&mut runner, || server.recv_from(&mut buf).is_ok());
    assert_eq!(&buf[..8], b"somebody");
}

#[test]
fn only_the_servers_address_answers() {
    let server = UdpSocket::bind("127.0.0.1:0").unwrap();
    let stranger = UdpSocket::bind("127.0.0.1:0").unwrap();
    let client = UdpSocket::bind("127.0.0.1:0").unwrap();
    [&server, &client].iter().for_each(|socket| socket.set_nonblocking(true).unwrap());
    let mut runner = Runner::open(&options(server.local_addr().unwrap())).unwrap();
    client.send_to(b"hello", runner.local_addr().unwrap()).unwrap();
    let (mut buf, mut port) = ([0; 64], None);
    turn_until(&mut runner, || {
        port = server.recv_from(&mut buf).ok().map(|(_, port)| port);
        port.is_some()
    });
    stranger.send_to(b"forged", port.unwrap()).unwrap();
    server.send_to(b"answer", port.unwrap()).unwrap();
    turn_until(&mut runner, || client.recv_from(&mut buf).is_ok());
    assert_eq!(&buf[..6], b"answer");
    assert_eq!(runner.tally().down.taken, 1);
}

#[test]
fn ipv6_and_a_script_on_loopback() {
    let server = UdpSocket::bind("[::1]:0").unwrap();
    let client = UdpSocket::bind("[::1]:0").unwrap();
    [&server, &client].iter().for_each(|socket| socket.set_nonblocking(true).unwrap());
    let to = server.local_addr().unwrap();
    let setup = Setup { script: "0s max-size 5".parse().unwrap(), ..Setup::default() };
    let listen = "[::1]:0".parse().unwrap();
    let mut runner = Runner::open(&Options { listen, setup, ..options(to) }).unwrap();
    let relay = runner.local_addr().unwrap();
    client.send_to(b"too large", relay).unwrap();
    client.send_to(b"small", relay).unwrap();
    let (mut buf, mut came) = ([0; 64], None);
    turn_until(&mut runner, || {
        came = server.recv_from(&mut buf).ok();
        came.is_some()
    });
    let (len, port) = came.unwrap();
    assert_eq!((&buf[..len], port.is_ipv6()), (&b"small"[..], true));
    assert_eq!(runner.tally().up.too_large, 1);
    server.send_to(b"back", port).unwrap();
    turn_until(&mut runner, || client.recv_from(&mut buf).is_ok());
    assert_eq!(&buf[..4], b"back");
}

#[test]
fn an_address_from_which_the_server_cannot_be_reached_is_told_before_the_first_datagram() {
    let [v6, to] = ["[::1]:9", "127.0.0.1:9"].map(|to| to.parse().unwrap());
    let from = Some("::1".parse().unwrap());
    assert!(Runner::open(&Options { from, ..options(v6) }).is_ok());
    for from in ["::1", "192.0.2.1"] {
        let from = Some(from.parse().unwrap());
        assert!(Runner::open(&Options { from, ..options(to) }).is_err(), "{from:?}");
    }
}
