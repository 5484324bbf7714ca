//! DISCOVER, OFFER, ANNOUNCE (spec chapter 5).

use super::client::{Client, Got};
use super::world::{Sent, World};
use crate::auth::{UserKey, checksum_holds, open, seal};
use crate::ident::{Epoch, SessionId};
use crate::net::{Arrival, Interface};
use crate::server::Event;
use crate::time::Duration;
use crate::wire::{Announce, AnnounceEvent, Answer, Discover, Header, Kind, Offer, RejectCode, Unverified};

pub(super) fn discover(client: &Client) -> Vec<u8> {
    let header = Header {
        kind: Kind::Discover,
        flags: 0,
        epoch: Epoch(1),
        realm: client.realm,
        user: client.user,
        session: SessionId(0),
        sequence: 42,
    };
    let mut buf = Vec::new();
    header.emit(&mut buf);
    Discover::default().emit(&mut buf);
    seal(&client.key, &mut buf);
    buf
}

pub(super) fn lan() -> World {
    let mut world = World::with(crate::server::ServerSettings {
        listen: vec!["[::]:6710".parse().expect("an address")],
        ..super::world::settings()
    });
    let addresses = ["10.0.0.1", "fe80::1"].iter().map(|a| a.parse().expect("an address")).collect();
    world.server.set_interfaces(world.now, vec![Interface { index: 2, name: "eth0".into(), addresses }]);
    world.secs(1);
    world.arrival = Arrival { local: "239.255.67.10".parse().ok(), interface: Some(2), multicast: true };
    world
}

fn offer(key: &UserKey, sent: &Sent) -> (Header, Offer) {
    let verified = open(key, Unverified::parse(&sent.bytes).expect("it")).expect("a tag that holds");
    let Answer::Offer(offer) = verified.answer().expect("a body") else { panic!("no OFFER") };
    (*verified.header(), offer)
}

#[test]
fn a_discover_is_answered_with_an_offer_after_a_while() {
    crate::shows!("R-DSC-02", "R-DSC-03");
    let mut world = lan();
    world.unasked.clear();
    let alice = Client::new("alice", 1);
    let bytes = discover(&alice);
    assert!(world.send(alice.from, &bytes).is_empty());
    assert!(world.send(alice.from, &bytes).is_empty(), "one pending for a user");
    world.pass(Duration::from_millis(19));
    assert!(world.unasked.is_empty());
    world.pass(Duration::from_millis(101));
    let [sent] = world.unasked.as_slice() else { panic!("{} offers", world.unasked.len()) };
    assert!(sent.bytes.len() <= bytes.len());
    let (header, offer) = offer(&alice.key, sent);
    assert_eq!((sent.to, header.sequence, header.session), (Some(alice.from), 42, SessionId(0)));
    assert!(offer.primary);
    assert_eq!(offer.hms[0].addresses[0], "10.0.0.1:6710".parse().expect("an address"));
    assert_eq!(world.drops("offer"), 1);
}

#[test]
fn a_revoked_user_is_told_so_and_a_wrong_key_is_hinted_at() {
    let mut world = lan();
    let mut alice = Client::new("alice", 1);
    world.server.revoke(world.now, Some("acme"), "alice").expect("revoked");
    let bytes = discover(&alice);
    let sent = world.send(alice.from, &bytes);
    assert_eq!(alice.read(&sent), Got::Reject(RejectCode::Revoked, 0));
    alice.key = UserKey::from_bytes([9; 32]);
    let sent = world.send(alice.from, &discover(&alice));
    assert_eq!(Unverified::parse(&sent[0].bytes).expect("it").header().kind, Kind::Hint);
}

#[test]
fn what_comes_from_off_the_link_is_not_answered() {
    crate::shows!("R-DSC-08");
    let mut world = lan();
    world.arrival.local = "ff12::6710".parse().ok();
    let alice = Client::new("alice", 1);
    world.send("[2001:db8::9]:5".parse().expect("an address"), &discover(&alice));
    assert_eq!(world.drops("source"), 1);
    world.send("[fe80::9]:5".parse().expect("an address"), &discover(&alice));
    world.unasked.clear();
    world.secs(1);
    assert_eq!(world.unasked.len(), 1);
    let (_, offer) = offer(&alice.key, &world.unasked[0]);
    assert_eq!(offer.hms[0].addresses[0], "[fe80::1]:6710".parse().expect("an address"));
}

fn announced(sent: &[Sent]) -> Vec<AnnounceEvent> {
    let groups = sent.iter().filter(|s| s.to.is_none());
    let read = |s: &Sent| {
        let datagram = Unverified::parse(&s.bytes).expect("it");
        assert!(checksum_holds(&datagram));
        assert_eq!(datagram.header().sequence, 1, "the incarnation");
        let announce = Announce::parse(&datagram).expect("an ANNOUNCE");
        assert_eq!(announce.port, 6710);
        announce.event
    };
    groups.map(read).collect()
}

#[test]
fn the_server_announces_itself() {
    crate::shows!("R-DSC-05");
    let mut world = lan();
    assert_eq!(announced(&world.unasked), [AnnounceEvent::Up]);
    world.unasked.clear();
    let interface = |address: &str| Interface {
        index: 2,
        name: "eth0".into(),
        addresses: vec![address.parse().expect("an address")],
    };
    // A link that goes is nothing to announce; one that comes back is.
    world.server.set_interfaces(world.now, Vec::new());
    world.secs(2);
    assert!(world.unasked.is_empty());
    world.server.set_interfaces(world.now, vec![interface("10.0.0.1")]);
    world.server.set_interfaces(world.now, vec![interface("10.0.0.2")]);
    world.secs(2);
    assert_eq!(announced(&world.unasked), [AnnounceEvent::Up]);
    world.unasked.clear();
    // What was to be announced when it stops is not, and nothing waits for it: `World` refuses a deadline that stays.
    world.server.set_interfaces(world.now, vec![interface("10.0.0.3")]);
    world.server.stop(world.now);
    world.server.stop(world.now);
    world.secs(5);
    assert_eq!(announced(&world.unasked), [AnnounceEvent::Stopping]);
    assert_eq!(world.events(), [Event::Stopped]);
    assert_eq!(world.server.status(world.now).role, "stopping");
}

/// Loopback is in use while there is nothing else: when it is no longer, nothing was lost.
#[test]
fn a_lost_interface_is_told_loopback_is_not() {
    let mut world = lan();
    let interface = |name: &str, address: &str| Interface {
        index: 2,
        name: name.into(),
        addresses: vec![address.parse().expect("an address")],
    };
    let mut told = |interfaces: Vec<Interface>| {
        world.server.set_interfaces(world.now, interfaces);
        let mut texts = Vec::new();
        while let Some(event) = world.server.poll_event() {
            if let Event::Log { text, .. } = event {
                texts.push(text);
            }
        }
        texts
    };
    told(vec![interface("eth0", "10.0.0.1")]);
    assert_eq!(
        told(vec![interface("lo", "127.0.0.1")]),
        ["interface eth0 is gone, or has no address any more"]
    );
    assert!(told(vec![interface("eth0", "10.0.0.1")]).is_empty());
}

#[test]
fn hosts_are_told_of_a_new_address() {
    let mut world = lan();
    world.arrival = Arrival { local: "10.0.0.1".parse().ok(), interface: Some(2), multicast: false };
    let mut alice = Client::new("alice", 1);
    alice.join(&mut world);
    assert!(alice.beat(&mut world).settings.hms.is_empty());
    let addresses = ["10.0.0.1", "10.5.0.1"].iter().map(|a| a.parse().expect("an address")).collect();
    world.server.set_interfaces(world.now, vec![Interface { index: 2, name: "eth0".into(), addresses }]);
    let ack = alice.beat(&mut world);
    let shown: Vec<_> = ack.settings.hms[0].addresses.iter().map(ToString::to_string).collect();
    assert_eq!(shown, ["10.0.0.1:6710", "10.5.0.1:6710"]);
    for _ in 0..4 {
        world.secs(20);
        alice.beat(&mut world);
    }
    assert!(alice.beat(&mut world).settings.hms.is_empty());
}
