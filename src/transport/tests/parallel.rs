//! Many attempts at once, over one address and several.

use super::hostile::Hostile;
use super::path::Faults;
use super::settling::{check_one, open_links};
use super::world::{World, address, endpoint};
use crate::time::{Duration, Instant};
use crate::transport::drops::DropReason;
use crate::transport::frame::Frame;
use crate::transport::limits::{HALF_OPEN_PEER, LINKS_MAX};
use crate::transport::{DialError, Endpoint, KeyId, LinkSecret, Priority, Route};

const NOW: Instant = Instant::from_secs(100);

fn half_open(endpoint: &Endpoint) -> usize {
    endpoint.links().filter(|(_, link)| link.is_half_open()).count()
}

#[test]
fn of_many_dials_at_once_one_link_comes_soon_and_works() {
    shows!("R-TRN-21", "R-TRN-24", "R-TRN-27");
    let disorder = Faults { reorder: 60, reorder_by: Duration::from_millis(80), ..Faults::delay(10) };
    let bad = Faults { loss: 20, duplicate: 10, corrupt: 3, ..disorder };
    for (seed, faults, soon) in [(1, Faults::delay(10), 1), (2, disorder, 1), (3, disorder, 1), (4, bad, 9)] {
        for (count, both) in [(5, false), (9, false), (30, false), (9, true)] {
            let what = format!("seed {seed}, {count} dials, both {both}");
            let mut world = World::new(seed, 2, faults);
            for n in 0..count {
                let from = usize::from(both && n % 2 == 1);
                world.dial(from, 1 - from);
            }
            world.run_until(Duration::from_secs(soon), |world| {
                let most = world.nodes.iter().map(|node| half_open(&node.endpoint)).max();
                assert!(most <= Some(HALF_OPEN_PEER), "{what}");
                world.nodes.iter().all(|node| !open_links(&node.endpoint).is_empty())
            });
            world.run(Duration::from_secs(20));
            let a = check_one(&world, &what);
            world.nodes[0].endpoint.send(a, Priority::Control, b"through").expect("room");
            world.run(Duration::from_secs(5));
            assert_eq!(world.nodes[1].told.messages.len(), 1, "{what}");
            // Those that nobody needs are gone at both ends.
            assert!(world.nodes.iter().all(|node| node.endpoint.links().count() == 1), "{what}");
        }
    }
}

/// Hands what `from` has to say to `to`, that of the last attempt first.
fn backwards(from: &mut Endpoint, to: &mut Endpoint) {
    let mut buf = Vec::new();
    let mut sent: Vec<_> =
        std::iter::from_fn(|| from.poll_output(NOW, &mut buf).map(|t| (t.socket, buf.clone()))).collect();
    sent.sort_by_key(|(socket, _)| std::cmp::Reverse(*socket));
    for (socket, mut bytes) in sent {
        // Path n leads from address n of one to socket n of the other.
        to.handle_datagram(NOW, Route { socket, remote: address(usize::from(socket)) }, &mut bytes);
    }
}

#[test]
fn the_links_that_stay_half_open_are_those_that_the_initiator_keeps() {
    shows!("R-TRN-21", "R-TRN-24", "R-TRN-26");
    for (key, half) in [(KeyId::CLUSTER, HALF_OPEN_PEER), (KeyId(42), 1)] {
        let (mut a, mut b) = (endpoint(0, 1, 1), endpoint(1, 1, 1));
        for endpoint in [&mut a, &mut b] {
            endpoint.add_secret(LinkSecret::invitation(KeyId(42), &[3; 32]));
        }
        // Over seven addresses of one server, the first attempt arriving last.
        let route = |socket| Route { socket, remote: address(usize::from(socket)) };
        let links: Vec<_> = (1..=7).map(|n| a.connect(NOW, route(n), None, key).expect("a link")).collect();
        backwards(&mut a, &mut b);
        backwards(&mut b, &mut a);
        backwards(&mut a, &mut b);
        assert_eq!(half_open(&b), half);
        assert_eq!(b.drops().of(DropReason::Full), 7 - half as u64, "{key:?}");
        for _ in 0..3 {
            backwards(&mut b, &mut a);
            backwards(&mut a, &mut b);
        }
        let last = *links.last().expect("a link");
        assert_eq!(open_links(&a).iter().map(|(link, _)| *link).collect::<Vec<_>>(), [last], "{key:?}");
        assert_eq!(open_links(&b).len(), 1, "{key:?}");
        assert!(b.links().any(|(_, link)| link.is_open() && link.remote() == route(7).remote));
    }
}

#[test]
fn who_dials_more_than_64_times_is_told_so_and_others_still_get_in() {
    shows!("R-TRN-27", "R-TRN-21");
    let (mut a, mut b) = (endpoint(0, 1, 1), endpoint(1, 1, 1));
    for n in 0..LINKS_MAX as u16 + 5 {
        let dialed = a.connect(NOW, Route { socket: n, remote: address(n.into()) }, None, KeyId::CLUSTER);
        assert_eq!(dialed.err(), (usize::from(n) >= LINKS_MAX).then_some(DialError::Full));
    }
    backwards(&mut a, &mut b);
    backwards(&mut b, &mut a);
    backwards(&mut a, &mut b);
    assert_eq!(half_open(&b), HALF_OPEN_PEER);
    let mut other = Hostile::new(9, 1, 77);
    other.meet(&mut b, NOW);
    assert_eq!(other.send(&mut b, NOW, &[Frame::Ping]).map(|sent| sent.len()), Ok(1), "an ACK");
}
