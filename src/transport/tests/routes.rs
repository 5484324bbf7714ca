//! Sockets, IPv6, invitations, keys that are taken away, ends.

use std::net::{SocketAddr, SocketAddrV6};

use super::hostile::Hostile;
use super::path::Faults;
use super::world::{World, address, endpoint};
use crate::time::{Duration, Instant};
use crate::transport::drops::DropReason;
use crate::transport::frame::Frame;
use crate::transport::limits::INVITATION_LINKS;
use crate::transport::{CloseCode, CloseReason, Endpoint, Event, KeyId, LinkSecret, Priority, Route};

const NOW: Instant = Instant::from_secs(100);
const INVITED: KeyId = KeyId(42);

fn secret() -> LinkSecret {
    LinkSecret::invitation(INVITED, &[3; 32])
}

/// One that holds the invitation and claims to be this server.
fn guest(server: u64, incarnation: u32, attempt: u64) -> Hostile {
    let mut guest = Hostile::new(server, incarnation, attempt);
    guest.secret = secret();
    guest.hello.key = INVITED;
    guest
}

/// Everything that waits to be sent: to, socket, bytes.
fn take(endpoint: &mut Endpoint) -> Vec<(SocketAddr, u16, Vec<u8>)> {
    let mut buf = Vec::new();
    std::iter::from_fn(|| endpoint.poll_output(NOW, &mut buf).map(|t| (t.to, t.socket, buf.clone())))
        .collect()
}

/// Hands all over, as if it had come by this route, until both are silent.
fn talk(a: (&mut Endpoint, Route), b: (&mut Endpoint, Route)) {
    for _ in 0..6 {
        for (to, socket, mut bytes) in take(a.0) {
            assert_eq!((to, socket), (a.1.remote, a.1.socket));
            b.0.handle_datagram(NOW, b.1, &mut bytes);
        }
        for (to, socket, mut bytes) in take(b.0) {
            assert_eq!((to, socket), (b.1.remote, b.1.socket));
            a.0.handle_datagram(NOW, a.1, &mut bytes);
        }
    }
}

#[test]
fn answers_go_to_the_address_as_it_came_with_its_scope_and_by_its_socket() {
    shows!("R-TRN-26");
    let scoped =
        |scope| SocketAddr::from(SocketAddrV6::new("fe80::1".parse().expect("an address"), 6710, 0, scope));
    let mapped: SocketAddr = "[::ffff:10.0.0.1]:6710".parse().expect("an address");
    for (seen, wrong) in [(scoped(2), scoped(3)), (mapped, address(1))] {
        let (mut a, mut b) = (endpoint(0, 1, 1), endpoint(1, 1, 1));
        let (to_b, to_a) = (Route { socket: 3, remote: address(7) }, Route { socket: 5, remote: seen });
        let link = a.connect(NOW, to_b, None, KeyId::CLUSTER).expect("a link");
        talk((&mut a, to_b), (&mut b, to_a));
        assert!(a.link(link).is_some_and(|link| link.is_open()), "{seen}");
        assert_eq!(b.links().filter(|(_, link)| link.is_open()).count(), 1, "{seen}");
        for route in [Route { socket: 5, remote: wrong }, Route { socket: 4, remote: seen }] {
            a.send(link, Priority::Control, b"elsewhere").expect("room");
            let mut sent = take(&mut a);
            let (_, _, bytes) = sent.last_mut().expect("a packet");
            assert_eq!(b.handle_datagram(NOW, route, bytes), Some(DropReason::Address), "{route:?}");
        }
    }
    // The same IPv4 address in its two forms is one.
    let (mut a, mut b) = (endpoint(0, 1, 1), endpoint(1, 1, 1));
    a.connect(NOW, address(1), None, KeyId::CLUSTER).expect("a link");
    let (_, _, mut hello) = take(&mut a).remove(0);
    b.handle_datagram(NOW, address(0), &mut hello);
    let (_, _, mut cookie) = take(&mut b).remove(0);
    let as_v6: SocketAddr = "[::ffff:10.0.0.2]:6710".parse().expect("an address");
    assert_eq!(a.handle_datagram(NOW, as_v6, &mut cookie), None);
}

#[test]
fn a_hello_from_another_port_makes_another_half_open_link() {
    shows!("R-TRN-21");
    let mut server = endpoint(0, 1, 1);
    let mut peer = Hostile::new(9, 1, 77);
    peer.get_cookie(&mut server, NOW);
    peer.get_welcome(&mut server, NOW);
    // The WELCOME was lost, and a NAT gives the peer another port.
    peer.from.set_port(50_000);
    peer.hello.cookie = [0; 16];
    peer.get_cookie(&mut server, NOW);
    peer.get_welcome(&mut server, NOW);
    peer.send(&mut server, NOW, &[Frame::Ping]).expect("taken");
    assert!(server.links().any(|(_, link)| link.is_open() && link.remote() == peer.from));
}

#[test]
fn who_holds_an_invitation_ends_and_shuts_out_nobody() {
    shows!("R-TRN-13", "R-TRN-21", "R-TRN-24", "R-TRN-27");
    let mut server = endpoint(0, 1, 1);
    server.add_secret(secret());
    let mut member = Hostile::new(9, 1, 77);
    let link = member.meet(&mut server, NOW);
    let mut waiting = Hostile::new(9, 1, 78);
    waiting.get_cookie(&mut server, NOW);
    waiting.get_welcome(&mut server, NOW);
    // It claims to be the member, restarted or not, and then everybody.
    for n in 0..200 {
        let mut guest = guest(if n < 10 { 9 } else { n }, (n % 2) as u32 + 1, 1000 + n);
        guest.get_cookie(&mut server, NOW);
        let _ = guest.ask(&mut server, NOW, guest.hello());
        assert!(server.links().filter(|(_, link)| link.key() == INVITED).count() <= 1, "half open");
    }
    assert!(server.link(link).is_some_and(|link| link.is_open()));
    waiting.send(&mut server, NOW, &[Frame::Ping]).expect("it was not evicted");
    let kept = server.links().filter(|(_, link)| link.is_open() && link.key() == KeyId::CLUSTER).count();
    assert_eq!(kept, 1);
    // Open ones: the newest stays, and there are never more than a few that close.
    let mut full = 0;
    for n in 0..20 {
        let mut guest = guest(9 + n % 3, 5, 2000 + n);
        guest.get_cookie(&mut server, NOW);
        if guest.ask(&mut server, NOW, guest.hello()) == Err(DropReason::Full) {
            full += 1;
            continue;
        }
        guest.get_welcome(&mut server, NOW);
        guest.send(&mut server, NOW, &[Frame::Ping]).expect("taken");
        let of_key = || server.links().filter(|(_, link)| link.key() == INVITED);
        assert_eq!(of_key().filter(|(_, link)| link.is_open()).count(), 1);
        assert!(of_key().count() <= INVITATION_LINKS);
    }
    assert!(full > 0);
    assert!(server.links().any(|(_, link)| link.is_open() && link.key() == KeyId::CLUSTER));
}

#[test]
fn a_key_that_is_taken_away_opens_no_link() {
    shows!("R-TRN-13");
    let mut server = endpoint(0, 1, 1);
    server.add_secret(secret());
    let mut late = guest(9, 1, 77);
    late.get_cookie(&mut server, NOW);
    late.get_welcome(&mut server, NOW);
    let dialing = server.connect(NOW, address(3), None, INVITED).expect("a link");
    server.remove_secret(INVITED);
    assert_eq!(late.send(&mut server, NOW, &[Frame::Ping]), Err(DropReason::Session));
    let end = server.poll_event();
    assert_eq!(end, Some((dialing, Event::Closed(CloseReason::Here(CloseCode::REFUSED)))));
    assert_eq!((server.poll_event(), server.links().count()), (None, 0));
}

#[test]
fn who_hears_nothing_says_so_before_it_ends() {
    shows!("R-TRN-70");
    let mut world = World::new(1, 2, Faults::delay(10));
    let (a, b) = world.join(0, 1);
    world.run(Duration::from_secs(1));
    let start = world.now;
    world.path(0, 1).faults.cut = true;
    world.run(Duration::from_secs(14));
    assert_eq!(world.nodes[1].told.closed, [(b, CloseReason::Silent)]);
    assert_eq!(world.nodes[0].told.closed, [(a, CloseReason::There(CloseCode::SILENT, String::new()))]);
    assert!(world.now.since(start) < Duration::from_secs(15));
}

#[test]
fn what_is_whole_comes_before_the_end_though_nobody_reads_and_nothing_comes_after() {
    shows!("R-TRN-71");
    for here in [false, true] {
        let mut server = endpoint(0, 1, 1);
        let mut peer = Hostile::new(9, 1, 77);
        let link = peer.meet(&mut server, NOW);
        server.link_mut(link).expect("a link").set_reading(Priority::Control, false);
        let message = Frame::Message { stream: Priority::Control, offset: 0, bytes: &[0, 0, 0, 2, 7, 8] };
        peer.send(&mut server, NOW, &[message]).expect("taken");
        assert_eq!(server.poll_event(), None);
        let reason = if here {
            server.close(NOW, link, CloseCode::DONE, "");
            CloseReason::Here(CloseCode::DONE)
        } else {
            peer.send(&mut server, NOW, &[Frame::Close { code: 0, reason: "" }]).expect("taken");
            CloseReason::There(CloseCode::DONE, String::new())
        };
        assert_eq!(server.poll_event(), Some((link, Event::Message(Priority::Control, vec![7, 8]))));
        assert_eq!(server.poll_event(), Some((link, Event::Closed(reason))));
        if let Some(link) = server.link_mut(link) {
            link.set_reading(Priority::Control, true);
        }
        assert_eq!(server.poll_event(), None);
    }
}
