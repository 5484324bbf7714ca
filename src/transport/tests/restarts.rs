//! A peer that was restarted, and packets of its old process that come late.

use super::hostile::Hostile;
use super::path::Faults;
use super::settling::check_one;
use super::world::{World, endpoint};
use crate::ident::Incarnation;
use crate::time::{Duration, Instant};
use crate::transport::drops::DropReason;
use crate::transport::frame::Frame;
use crate::transport::{CloseReason, Event, Priority, Side};

const NOW: Instant = Instant::from_secs(100);
const LATER: Duration = Duration::from_secs(1);

/// Whether the link of the old process ended as it should, and that of the new one not at all.
fn check(world: &World, what: &str) {
    check_one(world, what);
    let told = &world.nodes[0].told;
    let newest = told.connected.iter().position(|(_, peer)| peer.incarnation == Incarnation(2));
    let newest = newest.unwrap_or_else(|| panic!("{what}: no link to the new process"));
    for (link, peer) in &told.connected[newest..] {
        assert_eq!(peer.incarnation, Incarnation(2), "{what}: told of the old process after the new one");
        let end = told.closed.iter().find(|(closed, _)| closed == link).map(|(_, reason)| reason);
        assert!(!matches!(end, Some(CloseReason::Restarted | CloseReason::Silent)), "{what}: {end:?}");
    }
}

#[test]
fn what_comes_late_of_a_process_that_is_gone_ends_no_link_of_the_one_that_runs() {
    shows!("R-TRN-24", "R-TRN-23");
    // Node 1 is restarted when so many datagrams of a handshake have passed; the next one comes late.
    for passed in 0..8 {
        for (dials, dials_again) in [(0, 0), (0, 1), (1, 0), (1, 1)] {
            for wait in [0, 3, 8] {
                let what = format!("{passed} passed, {dials} dials, then {dials_again}, {wait} s late");
                let mut world = World::new(7, 2, Faults::delay(10));
                world.capture = Some(Vec::new());
                world.dial(dials, 1 - dials);
                let until = world.now + Duration::from_millis(900);
                while world.capture.as_ref().is_some_and(|sent| sent.len() <= passed) && world.now < until {
                    world.step(until);
                }
                let late = world.hold();
                world.nodes[1].endpoint = endpoint(1, 2, 70);
                world.join(dials_again, 1 - dials_again);
                world.run(Duration::from_secs(wait) + Duration::from_millis(100));
                check(&world, &what);
                world.release(&late);
                world.run(Duration::from_secs(3));
                check(&world, &what);
                // All that ever passed, once more.
                let all = world.capture.take().expect("a capture");
                world.release(
                    &all.into_iter().map(|(from, to, bytes, _)| (from, to, bytes)).collect::<Vec<_>>(),
                );
                world.run(Duration::from_secs(13));
                check(&world, &what);
            }
        }
    }
}

#[test]
fn of_two_processes_the_one_that_was_met_later_stays() {
    shows!("R-TRN-24");
    let message = Frame::Message { stream: Priority::Control, offset: 0, bytes: &[0, 0, 0, 1, 9] };
    let mut server = endpoint(0, 1, 1);
    let (mut old, mut new) = (Hostile::new(9, 7, 77), Hostile::new(9, 3, 11));
    old.get_cookie(&mut server, NOW);
    old.get_welcome(&mut server, NOW);
    let link = new.meet(&mut server, NOW + LATER);
    // Its link opens, is none, and its messages are nobody's.
    old.send(&mut server, NOW + LATER * 2, &[message, Frame::Ping]).expect("taken");
    assert_eq!(server.poll_event(), None);
    assert_eq!(old.send(&mut server, NOW + LATER * 2, &[Frame::Ping]), Err(DropReason::Session));
    assert!(server.link(link).is_some_and(|link| link.is_open()));
    // The same the other way round: the one that was met later takes the place of the earlier.
    let mut server = endpoint(0, 1, 1);
    let (mut old, mut new) = (Hostile::new(9, 7, 77), Hostile::new(9, 3, 11));
    let link = old.meet(&mut server, NOW);
    new.get_cookie(&mut server, NOW + LATER);
    new.get_welcome(&mut server, NOW + LATER);
    new.send(&mut server, NOW + LATER, &[Frame::Ping]).expect("taken");
    let told: Vec<_> = std::iter::from_fn(|| server.poll_event()).collect();
    assert!(told.contains(&(link, Event::Closed(CloseReason::Restarted))), "{told:?}");
    assert!(matches!(told[..], [_, _]), "the end of one, the beginning of the other: {told:?}");
}

#[test]
fn an_attempt_that_the_old_process_answered_ends_as_restarted_and_nothing_else_does() {
    shows!("R-TRN-24");
    let mut world = World::new(3, 2, Faults::delay(10));
    world.capture = Some(Vec::new());
    let attempt = world.dial(0, 1);
    // HELLO, COOKIE, HELLO passed: the WELCOME is held back.
    world.run_until(LATER, |world| world.capture.as_ref().is_some_and(|sent| sent.len() == 4));
    let late = world.hold();
    world.nodes[1].endpoint = endpoint(1, 2, 30);
    let (_, link) = world.join(1, 0);
    world.release(&late);
    world.step(world.now + LATER);
    assert_eq!(world.nodes[0].told.closed, [(attempt, CloseReason::Restarted)]);
    assert_eq!(world.nodes[0].told.connected.len(), 1);
    assert_eq!(world.link(0, link).peer().map(|peer| peer.side), Some(Side::Responder));
}

#[test]
fn whom_the_peer_has_forgotten_hears_of_it_with_the_next_packet() {
    shows!("R-TRN-25");
    // The PING that would open the link comes when the half-open one is gone.
    let mut world = World::new(4, 2, Faults::delay(10));
    world.capture = Some(Vec::new());
    let a = world.dial(0, 1);
    world.run_until(LATER, |world| world.capture.as_ref().is_some_and(|sent| sent.len() == 5));
    world.hold();
    let now = world.now + Duration::from_secs(11);
    world.nodes[1].endpoint.handle_timeout(now);
    assert_eq!(world.nodes[1].endpoint.links().count(), 0);
    world.run_until(LATER, |world| !world.nodes[0].told.closed.is_empty());
    assert_eq!(world.nodes[0].told.closed, [(a, CloseReason::Forgotten)]);
    // A CLOSE that was lost.
    let (a, b) = world.join(0, 1);
    world.path(1, 0).faults.cut = true;
    world.nodes[1].endpoint.close(world.now, b, crate::transport::CloseCode::DONE, "");
    world.run(LATER * 4);
    world.path(1, 0).faults.cut = false;
    assert!(world.link(0, a).is_open());
    world.run(LATER * 3);
    assert_eq!(world.nodes[0].told.closed.last(), Some(&(a, CloseReason::Forgotten)));
    world.join(0, 1);
}
