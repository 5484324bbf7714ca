//! Which of several links to one server stays.

use std::net::SocketAddr;

use super::hostile::Hostile;
use super::path::Faults;
use super::world::{World, address, endpoint};
use crate::time::{Duration, Instant};
use crate::transport::frame::Frame;
use crate::transport::{Endpoint, KeyId, LinkId, Side};

const NOW: Instant = Instant::from_secs(100);

pub(super) fn open_links(endpoint: &Endpoint) -> Vec<(LinkId, Side)> {
    let links = endpoint.links().filter(|(_, link)| link.is_open());
    links.map(|(id, link)| (id, link.side())).collect()
}

/// Exactly one link is open at both ends, and it is the same one.
pub(super) fn check_one(world: &World, what: &str) -> LinkId {
    let ends = [0, 1].map(|node| open_links(&world.nodes[node].endpoint));
    let ([(a, side)], [(_, other)]) = (&ends[0][..], &ends[1][..]) else { panic!("{what}: {ends:?}") };
    assert_ne!(side, other, "{what}");
    *a
}

#[test]
fn a_link_that_its_first_data_ends_ends_no_other() {
    shows!("R-TRN-24", "R-TRN-33");
    let close = Frame::Close { code: 1, reason: "" };
    for first in [&[close][..], &[Frame::Ping, close]] {
        let mut server = endpoint(0, 1, 1);
        let link = Hostile::new(9, 1, 77).meet(&mut server, NOW);
        let mut second = Hostile::new(9, 1, 78);
        second.get_cookie(&mut server, NOW);
        second.get_welcome(&mut server, NOW);
        second.send(&mut server, NOW, first).expect("taken");
        assert!(server.link(link).is_some_and(|link| link.is_open()), "closed by its peer");
        let mut third = Hostile::new(9, 1, 79);
        third.get_cookie(&mut server, NOW);
        third.get_welcome(&mut server, NOW);
        third.send_bytes(&mut server, NOW, &[0x7f]).expect("taken");
        assert!(server.link(link).is_some_and(|link| link.is_open()), "malformed");
    }
}

#[test]
fn of_parallel_dials_one_link_stays() {
    shows!("R-TRN-24");
    for seed in 0..8 {
        for count in [2, 3, 5] {
            let mut world = World::new(seed, 2, Faults::delay(10));
            // Both WELCOMEs come at the same time: one link opens and closes the other before any PING went.
            let last = (0..count).map(|_| world.dial(0, 1)).last();
            world.run(Duration::from_secs(1));
            assert_eq!(Some(check_one(&world, "at once")), last, "seed {seed}");
            for node in &world.nodes {
                let told = node.told.connected.last().map(|(link, _)| *link);
                assert_eq!(
                    told,
                    open_links(&node.endpoint).first().map(|(link, _)| *link),
                    "told last: it stays"
                );
            }
        }
        let reorder_by = Duration::from_millis(200);
        let faults = Faults { loss: 30, reorder: 30, reorder_by, ..Faults::delay(10) };
        let mut world = World::new(seed, 2, faults);
        for n in 0..6 {
            world.dial(n % 2, 1 - n % 2);
            world.run(Duration::from_millis(150));
        }
        world.set_faults(Faults::delay(10));
        world.run(Duration::from_secs(30));
        check_one(&world, &format!("lossy, seed {seed}"));
    }
}

/// All that an endpoint wants to send now.
fn take(endpoint: &mut Endpoint) -> Vec<Vec<u8>> {
    let mut buf = Vec::new();
    std::iter::from_fn(|| endpoint.poll_output(NOW, &mut buf).map(|_| buf.clone())).collect()
}

fn give(endpoint: &mut Endpoint, from: SocketAddr, datagrams: &[Vec<u8>]) {
    datagrams.iter().for_each(|bytes| {
        endpoint.handle_datagram(NOW, from, &mut bytes.clone());
    });
}

#[test]
fn of_two_links_with_one_initiator_both_ends_keep_the_same_in_whatever_order_they_open() {
    shows!("R-TRN-24");
    let (a_is, b_is) = (address(0), address(1));
    for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
        for late_first in [false, true] {
            let (mut a, mut b) = (endpoint(0, 1, 3), endpoint(1, 1, 3));
            let mut welcomes = Vec::new();
            let mut last = None;
            for _ in 0..2 {
                last = a.connect(NOW, b_is, None, KeyId::CLUSTER).ok();
                let hello = take(&mut a);
                give(&mut b, a_is, &hello);
                let cookie = take(&mut b);
                give(&mut a, b_is, &cookie);
                let hello = take(&mut a);
                give(&mut b, a_is, &hello);
                welcomes.push(take(&mut b));
            }
            if late_first {
                welcomes.reverse();
            }
            // PING of the first to open; then, of both, what the second one brings: a CLOSE and perhaps a PING.
            let mut packets = Vec::new();
            for welcome in welcomes {
                give(&mut a, b_is, &welcome);
                packets.extend(take(&mut a));
            }
            for n in order {
                give(&mut b, a_is, packets.get(n..=n).unwrap_or_default());
                let answers = take(&mut b);
                give(&mut a, b_is, &answers);
            }
            let last = last.expect("a link");
            assert_eq!(open_links(&a), [(last, Side::Initiator)], "{order:?}, {late_first}");
            assert_eq!(open_links(&b).len(), 1, "{order:?}, {late_first}");
            let attempt =
                |(_, link): (LinkId, &crate::transport::Connection)| link.is_open().then(|| link.attempt());
            let kept = (a.links().find_map(attempt), b.links().find_map(attempt));
            assert_eq!(kept.0, kept.1, "{order:?}, {late_first}");
        }
    }
}

#[test]
fn two_processes_with_one_server_id_meet() {
    shows!("R-TRN-20", "R-TRN-24");
    for (seed, both) in [(1, false), (2, true), (3, true), (4, true)] {
        let mut world = World::new(seed, 2, Faults::delay(10));
        world.nodes[1].endpoint = endpoint(0, 2, seed + 1);
        world.dial(0, 1);
        if both {
            world.run(Duration::from_millis(7 * (seed - 2)));
            world.dial(1, 0);
        }
        world.run(Duration::from_secs(2));
        check_one(&world, &format!("seed {seed}"));
        assert_eq!(open_links(&world.nodes[0].endpoint)[0].1, Side::Initiator, "of the smaller incarnation");
        let met = world.nodes[0].told.connected[0].1;
        assert_eq!((met.server.0, met.incarnation.0), (1, 2));
    }
}
