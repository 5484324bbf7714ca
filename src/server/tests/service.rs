//! What hosts get from an HMS that does not operate (spec 10.11).

use super::client::{Client, Got};
use super::discovery::{discover, lan};
use super::world::World;
use crate::ident::{Revision, ServerId, SessionId, UserId};
use crate::net::Interface;
use crate::server::Service;
use crate::wire::{Kind, Pattern, PullKind, Unverified, View};

const SUCCESSOR: ServerId = ServerId(0x5e02);

fn hand_over(complete: bool) -> Service {
    Service::HandOver { successor: SUCCESSOR, complete }
}

/// Alice follows the realm and has it, with bob in it.
fn two() -> (World, Client, Client) {
    let mut world = World::new();
    let (mut alice, mut bob) = (
        Client::new("alice", 1).viewing(View::Realm, true),
        Client::new("bob", 2).viewing(View::Realm, true),
    );
    alice.join(&mut world);
    bob.join(&mut world);
    alice.copy(&mut world);
    alice.beat(&mut world);
    bob.beat(&mut world);
    world.secs(1);
    world.unasked.clear();
    (world, alice, bob)
}

fn phase(world: &mut World, service: Service) {
    world.server.set_service(world.now, service);
}

fn pull(client: &mut Client, world: &mut World) -> Got {
    client.pull(world, PullKind::Copy, UserId::default(), None)
}

/// A client with the session of another one that this HMS knows nothing of.
fn unknown_session(mut client: Client) -> Client {
    let session = SessionId(77);
    client.session = Some((session, client.key.session_key(session)));
    client
}

fn announcements(world: &World) -> usize {
    let kind = |bytes: &[u8]| Unverified::parse(bytes).map(|datagram| datagram.header().kind);
    world.unasked.iter().filter(|sent| kind(&sent.bytes) == Ok(Kind::Announce)).count()
}

#[test]
fn a_closed_hms_is_silent_and_counts() {
    crate::shows!("R-PEE-89");
    let (mut world, mut alice, mut bob) = two();
    let new = discover(&Client::new("carol", 3));
    bob.update(&mut world);
    phase(&mut world, Service::Closed);
    world.secs(2);
    assert!(world.unasked.is_empty(), "no push");
    let before = world.drops("phase");
    assert_eq!(alice.heartbeat(&mut world), Got::Nothing);
    assert_eq!(pull(&mut alice, &mut world), Got::Nothing);
    assert_eq!(alice.leave(&mut world), Got::Nothing);
    assert_eq!(alice.init(&mut world), Got::Nothing);
    assert!(world.send(alice.from, &new).is_empty() && world.send(alice.from, b"rubbish").is_empty());
    world.secs(1);
    assert!(world.unasked.is_empty(), "no OFFER, no ANNOUNCE");
    assert_eq!(world.drops("phase") - before, 6);
    assert_eq!(world.hosts().len(), 2);
}

#[test]
fn who_opens_announces_itself_and_who_is_closed_does_not() {
    crate::shows!("R-PEE-90", "R-PEE-89");
    let mut world = lan();
    world.unasked.clear();
    phase(&mut world, Service::Closed);
    let addresses = vec!["10.0.0.9".parse().expect("an address")];
    world.server.set_interfaces(world.now, vec![Interface { index: 3, name: "eth1".into(), addresses }]);
    world.secs(5);
    assert_eq!(announcements(&world), 0);
    phase(&mut world, Service::Incomplete);
    world.secs(5);
    assert_eq!(announcements(&world), 1);
    phase(&mut world, Service::Whole);
    world.secs(5);
    assert_eq!(announcements(&world), 1);
}

#[test]
fn an_offer_that_waits_is_not_sent_once_the_hms_is_closed() {
    crate::shows!("R-PEE-89");
    for service in [Service::Closed, hand_over(false), Service::Incomplete] {
        let mut world = lan();
        let alice = Client::new("alice", 1);
        world.unasked.clear();
        assert!(world.send(alice.from, &discover(&alice)).is_empty());
        phase(&mut world, service);
        world.secs(1);
        assert_eq!(world.unasked.len(), usize::from(service == Service::Incomplete), "{service:?}");
    }
}

#[test]
fn a_synchronising_hms_serves_but_says_nothing_of_the_directory() {
    crate::shows!("R-PEE-89", "R-PEE-90");
    let (mut world, mut alice, mut bob) = two();
    phase(&mut world, Service::Incomplete);
    bob.update(&mut world);
    world.secs(2);
    assert!(world.unasked.is_empty(), "no push");
    // Neither what it has, nor that it differs from what the host has.
    for digest in [alice.digest, 1] {
        alice.digest = digest;
        let ack = alice.beat(&mut world);
        assert_eq!(
            (ack.revision, ack.equal, ack.resync, ack.page.is_none()),
            (Revision(0), false, false, true)
        );
        assert_eq!(ack.settings.granted, None);
    }
    assert_eq!(pull(&mut alice, &mut world), Got::Retry(1000));
    assert_eq!(alice.find(&mut world, Pattern::User("bob")), Got::Retry(1000));
    // Rows that are not here may be on their way.
    let mut carol = unknown_session(Client::new("carol", 3));
    assert!(matches!(carol.heartbeat(&mut world), Got::Retry(_)));
    assert_eq!(pull(&mut carol, &mut world), Got::Retry(1000));
    // Who is taken over hears of it, who comes is registered, who leaves is gone.
    let mut old = unknown_session(Client::new("alice", 1));
    assert!(matches!(old.heartbeat(&mut world), Got::Superseded(_)));
    assert!(matches!(Client::new("dora", 4).register(&mut world), Got::Registered(_)));
    assert_eq!(bob.leave(&mut world), Got::Left);
    assert_eq!(world.hosts().len(), 2);

    phase(&mut world, Service::Whole);
    assert!(alice.beat(&mut world).revision > Revision(0));
    assert!(matches!(carol.heartbeat(&mut world), Got::Reregister(_)));
}

#[test]
fn a_synchronising_hms_confirms_rows_by_a_challenge() {
    crate::shows!("R-PEE-89");
    let (world, mut alice, _) = two();
    let mut fresh = world.restarted(2, world.snapshot());
    phase(&mut fresh, Service::Incomplete);
    assert_eq!(pull(&mut alice, &mut fresh), Got::Retry(1000));
    let ack = alice.prove(&mut fresh);
    assert_eq!(ack.revision, Revision(0));
    assert_eq!(fresh.hosts()[0], "alice up 10.0.1.1:5000");
}

#[test]
fn a_stopping_hms_sends_hosts_to_its_successor() {
    crate::shows!("R-PEE-89");
    let (mut world, mut alice, mut bob) = two();
    phase(&mut world, hand_over(false));
    let mut carol = Client::new("carol", 3);
    assert_eq!(carol.init(&mut world), Got::Redirect(SUCCESSOR));
    assert_eq!(carol.register_with(&mut world, 1), Got::Retry(100));
    assert!(world.send(carol.from, &discover(&carol)).is_empty());
    assert_eq!(world.drops("phase"), 1);
    assert!(matches!(alice.heartbeat(&mut world), Got::Ack(_)));
    assert!(matches!(pull(&mut alice, &mut world), Got::Page(_)));
    // Neither proven anew nor registered anew: that is for the successor.
    bob.from = "10.0.9.9:5000".parse().expect("an address");
    assert_eq!(bob.heartbeat(&mut world), Got::Redirect(SUCCESSOR));
    assert_eq!(pull(&mut bob, &mut world), Got::Retry(1000));
    let mut old = unknown_session(Client::new("alice", 1));
    assert_eq!(old.heartbeat(&mut world), Got::Redirect(SUCCESSOR));
    assert_eq!(pull(&mut old, &mut world), Got::Retry(1000));

    phase(&mut world, hand_over(true));
    let once = alice.heartbeat_bytes(None, false);
    assert_eq!(alice.say(&mut world, &once), Got::Redirect(SUCCESSOR));
    assert_eq!(alice.say(&mut world, &once), Got::Nothing, "the window has moved");
    assert!(matches!(pull(&mut alice, &mut world), Got::Page(_)));
    assert_eq!(alice.leave(&mut world), Got::Left);
    assert_eq!(world.hosts(), ["bob up 10.0.1.2:5000"]);
}
