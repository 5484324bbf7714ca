//! HELLO, COOKIE, WELCOME.

use super::hostile::Hostile;
use super::path::Faults;
use super::world::{World, address, endpoint};
use crate::ident::{Incarnation, ServerId};
use crate::time::{Duration, Instant};
use crate::transport::datagram::{Datagram, Head, kind};
use crate::transport::drops::DropReason;
use crate::transport::hello::{CookieMessage, Hello, Welcome};
use crate::transport::keys::Party;
use crate::transport::limits::{HALF_OPEN_MAX, HALF_OPEN_PEER, LINKS_MAX};
use crate::transport::{CloseReason, Config, DialError, Endpoint, Event, KeyId, LinkSecret};

const NOW: Instant = Instant::from_secs(100);

#[test]
fn a_flood_of_hellos_makes_no_state() {
    shows!("R-TRN-20", "R-TRN-03");
    let mut server = endpoint(0, 1, 1);
    let mut buf = Vec::new();
    let (mut bytes_in, mut bytes_out) = (0, 0);
    let stranger = LinkSecret::cluster(&[1; 32]);
    for n in 0..20_000u64 {
        let mut peer = Hostile::new(n % 50 + 2, 1, n + 1);
        // Half of them without the secret, half of them with it but from a source that never answers.
        if n % 2 == 0 {
            peer.secret = stranger.clone();
        }
        peer.hello.cookie = [n as u8; 16];
        let mut hello = peer.hello();
        bytes_in += hello.len();
        let from = std::net::SocketAddr::from(([10, 9, (n >> 8) as u8, n as u8], 1000));
        let drop = server.handle_datagram(NOW, from, &mut hello);
        assert_eq!(drop, (n % 2 == 0).then_some(DropReason::Tag));
        while let Some(transmit) = server.poll_output(NOW, &mut buf) {
            assert_eq!((transmit.to, transmit.len), (from, 80));
            bytes_out += transmit.len;
        }
    }
    assert_eq!((server.links().count(), server.poll_timeout()), (0, None));
    assert!(bytes_out * 15 <= bytes_in, "{bytes_out} for {bytes_in}");
}

#[test]
fn cookies_are_bound_to_source_hello_and_time() {
    shows!("R-TRN-20");
    let mut server = endpoint(0, 1, 1);
    let mut peer = Hostile::new(9, 1, 77);
    peer.get_cookie(&mut server, NOW);
    let is_cookie = |answers: Result<Vec<Vec<u8>>, DropReason>| {
        matches!(Datagram::parse(&answers.expect("an answer")[0]), Ok(Datagram::Cookie(_)))
    };
    let good = peer.hello;
    let from = peer.from;
    peer.from = address(8);
    assert!(is_cookie(peer.ask(&mut server, NOW, peer.hello())));
    peer.from = from;
    peer.hello.attempt += 1;
    assert!(is_cookie(peer.ask(&mut server, NOW, peer.hello())));
    peer.hello = good;
    peer.hello.party.nonce[0] ^= 1;
    assert!(is_cookie(peer.ask(&mut server, NOW, peer.hello())));
    peer.hello = good;
    assert!(is_cookie(peer.ask(&mut server, NOW + Duration::from_secs(15), peer.hello())));
    assert_eq!(server.links().count(), 0);
    assert!(!is_cookie(peer.ask(&mut server, NOW + Duration::from_secs(5), peer.hello())));
    assert_eq!(server.links().count(), 1);
}

#[test]
fn hellos_for_others_from_oneself_or_under_unknown_keys_are_dropped() {
    shows!("R-TRN-20", "R-TRN-14", "R-TRN-02");
    let mut server = endpoint(0, 1, 1);
    let mut peer = Hostile::new(9, 1, 77);
    peer.hello.target = ServerId(5);
    assert_eq!(peer.ask(&mut server, NOW, peer.hello()), Err(DropReason::Target));
    peer.hello.target = ServerId(1);
    assert!(peer.ask(&mut server, NOW, peer.hello()).is_ok());
    let own = Hostile::new(1, 1, 77);
    assert_eq!(own.ask(&mut server, NOW, own.hello()), Err(DropReason::Own));
    let twin = Hostile::new(1, 2, 77);
    assert!(twin.ask(&mut server, NOW, twin.hello()).is_ok(), "another process with this id");
    peer.hello.key = KeyId(4);
    assert_eq!(peer.ask(&mut server, NOW, peer.hello()), Err(DropReason::Key));
    let mut newer = Hostile::new(9, 1, 78);
    newer.hello.versions = (2, 3);
    assert_eq!(newer.ask(&mut server, NOW, newer.hello()), Err(DropReason::Version));
    newer.hello.versions = (1, 3);
    assert!(newer.ask(&mut server, NOW, newer.hello()).is_ok());
    assert!(crate::transport::is_hello(&newer.hello()));
}

#[test]
fn a_half_open_link_repeats_its_welcome_says_nothing_else_and_goes() {
    shows!("R-TRN-21");
    let mut server = endpoint(0, 1, 1);
    let mut peer = Hostile::new(9, 1, 77);
    peer.get_cookie(&mut server, NOW);
    let first = peer.ask(&mut server, NOW, peer.hello()).expect("a welcome");
    let again = peer.ask(&mut server, NOW, peer.hello()).expect("a welcome");
    assert_eq!(first, again);
    assert_eq!(server.links().count(), 1);
    let mut now = NOW;
    while now < NOW + Duration::from_secs(11) {
        now += Duration::from_millis(100);
        server.handle_timeout(now);
        assert_eq!((peer.collect(&mut server, now).len(), server.poll_event()), (0, None));
    }
    assert_eq!(server.links().count(), 0);
}

#[test]
fn a_hello_that_made_an_open_link_is_dropped() {
    shows!("R-TRN-21", "R-TRN-23");
    let mut server = endpoint(0, 1, 1);
    let mut peer = Hostile::new(9, 1, 77);
    peer.meet(&mut server, NOW);
    assert_eq!(peer.ask(&mut server, NOW, peer.hello()), Err(DropReason::Replay));
    assert_eq!(server.links().count(), 1);
}

#[test]
fn half_open_links_are_few_and_the_oldest_goes() {
    shows!("R-TRN-21", "R-TRN-27");
    let mut server = endpoint(0, 1, 1);
    for n in 0..100 {
        let now = NOW + Duration::from_millis(n);
        let mut peer = Hostile::new(9, 1, n + 1);
        peer.get_cookie(&mut server, now);
        peer.get_welcome(&mut server, now);
        assert!(server.links().count() <= HALF_OPEN_PEER);
    }
    for n in 0..100 {
        let now = NOW + Duration::from_millis(100 + n);
        let mut peer = Hostile::new(10 + n, 1, 1000 + n);
        peer.get_cookie(&mut server, now);
        peer.get_welcome(&mut server, now);
        assert!(server.links().count() <= HALF_OPEN_MAX);
    }
}

#[test]
fn there_are_at_most_64_links() {
    shows!("R-TRN-27");
    let mut server = endpoint(0, 1, 1);
    for n in 0..LINKS_MAX as u64 {
        Hostile::new(10 + n, 1, 1000 + n).meet(&mut server, NOW);
    }
    let mut peer = Hostile::new(9, 1, 77);
    peer.get_cookie(&mut server, NOW);
    assert_eq!(peer.ask(&mut server, NOW, peer.hello()), Err(DropReason::Full));
    assert_eq!(server.connect(NOW, address(3), None, KeyId::CLUSTER), Err(DialError::Full));
}

#[test]
fn hello_is_sent_five_times_and_then_given_up() {
    shows!("R-TRN-22");
    let mut world = World::new(1, 2, Faults { cut: true, ..Faults::default() });
    world.capture = Some(Vec::new());
    let (start, link) = (world.now, world.dial(0, 1));
    world.run(Duration::from_secs(30));
    let sent: Vec<_> = world.capture.take().expect("a capture");
    let times: Vec<_> = sent.iter().map(|(_, _, _, at)| at.since(start).as_secs()).collect();
    assert_eq!(times, [0, 1, 2, 4, 8]);
    assert!(sent.iter().all(|(_, _, bytes, _)| bytes.len() == 1200 && bytes[1] == kind::HELLO));
    assert!(sent.windows(2).all(|pair| pair[0].2 == pair[1].2), "resent as it was");
    assert_eq!(world.nodes[0].told.closed, [(link, CloseReason::NoAnswer)]);
    assert_eq!(world.nodes[0].endpoint.links().count(), 0);
}

#[test]
fn the_initiator_takes_only_what_it_asked_for() {
    shows!("R-TRN-22");
    let mut world = World::new(2, 3, Faults::delay(5));
    world.capture = Some(Vec::new());
    world.join(0, 1);
    let old: Vec<_> = world.capture.take().expect("a capture");
    // Another attempt gets the answers of the first one.
    let mut client = endpoint(0, 1, 99);
    let link = client.connect(NOW, address(1), None, KeyId::CLUSTER).expect("a link");
    for (_, _, bytes, _) in old.iter().filter(|(from, ..)| *from == 1) {
        assert!(client.handle_datagram(NOW, address(1), &mut bytes.clone()).is_some());
    }
    assert!(client.link(link).is_some_and(|link| !link.is_open()));
}

#[test]
fn a_wrong_server_is_not_taken_for_the_one_asked_for() {
    shows!("R-TRN-22");
    let mut world = World::new(3, 2, Faults::delay(5));
    let now = world.now;
    let config = Config::new(ServerId(77), Incarnation(1));
    let mut other = Endpoint::new(config, &[5; 32]);
    other.add_secret(LinkSecret::cluster(&super::world::SECRET));
    world.nodes[1].endpoint = other;
    // It drops the HELLO that is meant for another; that answer would come only from one that does not look.
    world.nodes[0].endpoint.connect(now, address(1), Some(ServerId(2)), KeyId::CLUSTER).expect("a link");
    world.run(Duration::from_secs(12));
    assert_eq!(world.nodes[1].endpoint.drops().of(DropReason::Target), 5);
    assert!(matches!(world.nodes[0].told.closed[0].1, CloseReason::NoAnswer));
}

#[test]
fn welcome_counts_only_after_a_cookie_and_from_the_server_asked_for() {
    shows!("R-TRN-22");
    let secret = LinkSecret::cluster(&super::world::SECRET);
    let mut client = endpoint(0, 1, 1);
    let link = client.connect(NOW, address(9), Some(ServerId(2)), KeyId::CLUSTER).expect("a link");
    let mut buf = Vec::new();
    client.poll_output(NOW, &mut buf).expect("a HELLO");
    let Ok(Datagram::Hello(head)) = Datagram::parse(&buf) else { panic!("no HELLO") };
    let hello = Hello::parse(&head, secret.open(&buf).expect("a tag")).expect("a HELLO");
    let head = Head { session: hello.party.session, ..head };
    let welcome = |server| {
        let party =
            Party { server: ServerId(server), incarnation: Incarnation(1), session: 5, nonce: [5; 32] };
        let mut bytes = Vec::new();
        Welcome { party }.emit(&head, &secret, &mut bytes);
        bytes
    };
    let cookie = |n| {
        let message = CookieMessage { incarnation: Incarnation(1), server: ServerId(2), cookie: [n; 16] };
        let mut bytes = Vec::new();
        message.emit(&head, &secret, &mut bytes);
        bytes
    };
    let mut take = |mut bytes: Vec<u8>| {
        let drop = client.handle_datagram(NOW, address(9), &mut bytes);
        (drop, client.poll_output(NOW, &mut buf).map(|transmit| transmit.len))
    };
    assert_eq!(take(welcome(2)), (Some(DropReason::Unasked), None), "no cookie was sent yet");
    for n in 1..=3 {
        assert_eq!(take(cookie(n)), (None, Some(1200)));
        assert_eq!(take(cookie(n)), (Some(DropReason::Unasked), None), "the same again");
    }
    assert_eq!(take(cookie(4)), (Some(DropReason::Unasked), None));
    assert_eq!(take(welcome(77)), (None, None));
    assert_eq!(client.poll_event(), Some((link, Event::Closed(CloseReason::AnotherServer(ServerId(77))))));
    assert_eq!(client.links().count(), 0);
}

#[test]
fn the_handshake_outlives_the_loss_of_any_of_its_datagrams() {
    shows!("R-TRN-21", "R-TRN-22");
    for lost in 0..5 {
        let mut world = World::new(4, 2, Faults::delay(5));
        world.lose_after = Some(lost);
        world.dial(0, 1);
        let until = world.now + Duration::from_secs(3);
        while world.nodes[1].told.connected.is_empty() && world.now < until {
            world.step(until);
        }
        assert_eq!(world.lose_after, None);
        assert_eq!(world.nodes[0].told.connected.len(), 1, "datagram {lost}");
        assert_eq!(world.nodes[1].told.connected.len(), 1, "datagram {lost}");
    }
}

#[test]
fn an_invitation_makes_links_of_its_own() {
    shows!("R-TRN-13");
    let invitation = LinkSecret::invitation(KeyId(42), &[3; 32]);
    let mut world = World::new(5, 3, Faults::delay(5));
    world.nodes[0].endpoint.add_secret(invitation.clone());
    world.nodes[0].endpoint.remove_secret(KeyId::CLUSTER);
    world.nodes[1].endpoint.add_secret(invitation);
    let now = world.now;
    let dial =
        |world: &mut World, to: usize, key| world.nodes[0].endpoint.connect(now, address(to), None, key);
    assert_eq!(dial(&mut world, 1, KeyId::CLUSTER), Err(DialError::Key));
    let link = dial(&mut world, 1, KeyId(42)).expect("a link");
    dial(&mut world, 2, KeyId(42)).expect("a link");
    world.run(Duration::from_secs(1));
    assert_eq!(world.nodes[1].told.connected[0].1.key, KeyId(42));
    assert!(world.nodes[2].endpoint.drops().of(DropReason::Key) > 0);
    world.nodes[1].endpoint.remove_secret(KeyId(42));
    world.run(Duration::from_secs(20));
    assert!(world.link(0, link).is_open(), "it stays when the key is taken away");
    world.nodes[0].endpoint.connect(world.now, address(1), None, KeyId(42)).expect("a link");
    world.run(Duration::from_secs(1));
    assert_eq!(world.nodes[1].told.connected.len(), 1);
}

#[test]
fn links_come_to_be_on_a_bad_path() {
    for seed in 0..20 {
        let mut world =
            World::new(seed, 2, Faults { loss: 20, corrupt: 5, duplicate: 10, ..Faults::delay(30) });
        let mut tries = 0;
        while world.nodes[1].told.connected.is_empty() && tries < 3 {
            world.dial(0, 1);
            world.run(Duration::from_secs(11));
            tries += 1;
        }
        assert!(matches!(world.nodes[1].told.connected.len(), 1..), "seed {seed}");
    }
}
