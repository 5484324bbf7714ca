//! Servers meet, one leads, another follows it, and takes its place.

use super::world::{World, address, name};
use crate::ident::{RealmId, UserId};
use crate::server::{PeerSettings, ServerSettings};
use crate::time::Duration;
use crate::wire::{Kind, Unverified};

#[test]
fn two_meet_and_one_leads() {
    crate::shows!("R-PEE-02", "R-PEE-12", "R-PEE-13", "R-DSC-05");
    let mut world = World::new(2, 2);
    world.start(0);
    world.start(1);
    assert_eq!(world.roles(), ["starting", "starting"]);
    world.secs(2);
    assert_eq!(world.roles(), ["starting", "starting"], "others are waited for");
    world.secs(3);
    assert_eq!(world.roles(), ["primary", "secondary"], "{}", world.tell());
    let row = world.peer(1, 0);
    assert_eq!(
        (row.status, row.role, row.address.as_deref()),
        ("up", Some("primary"), Some("10.0.0.1:6710"))
    );
    let rtt = row.rtt_ms.expect("a link");
    assert!((9.0..12.0).contains(&rtt), "{rtt}");
    assert_eq!(world.status(0).peers, [world.peer(0, 1)]);
    // The founder says that it leads, the other that it is there (R-DSC-05).
    let said = |node: usize| world.nodes[node].announced.iter().map(|bytes| bytes[40]).collect::<Vec<_>>();
    assert_eq!((said(0), said(1)), (vec![2, 1], vec![1]));
}

#[test]
fn what_the_primary_set_holds_and_is_shown() {
    crate::shows!("R-PEE-03", "R-PEE-16");
    let mut world = World::settled(2);
    assert!(world.status(0).overridden.is_empty());
    let overridden = world.status(1).overridden;
    assert_eq!(overridden.get("hosts.check_time").map(String::as_str), Some("10s"), "{overridden:?}");
    assert_eq!(overridden.len(), 1);
    // A reload of one's own changes nothing of that; one at the primary does, here too.
    let settings = ServerSettings { check_time: Duration::from_secs(77), ..world.nodes[1].settings.clone() };
    let now = world.now;
    world.server(1).reload(now, settings);
    assert_eq!(world.status(1).overridden["hosts.check_time"], "10s");
    let settings = ServerSettings { expiry_factor: 4.0, ..world.nodes[0].settings.clone() };
    world.server(0).reload(now, settings);
    world.secs(1);
    assert_eq!(world.status(1).overridden["hosts.expiry_factor"], "4");
    let start = |node| world.status(node).cluster_start;
    assert_eq!(start(0)[..19], start(1)[..19]);
    // Alone it leads, and what it was told in its own file holds.
    world.crash(0);
    world.secs(12);
    assert!(world.status(1).overridden.is_empty());
}

#[test]
fn what_may_not_be_set_is_not_taken_from_another() {
    crate::shows!("R-PEE-03");
    let mut world = World::new(2, 2);
    world.nodes[0].settings.check_time = Duration::from_millis(1);
    world.nodes[0].settings.expiry_factor = 1e6;
    world.start(0);
    world.start(1);
    world.secs(5);
    let overridden = world.status(1).overridden;
    assert_eq!(
        (overridden["hosts.check_time"].as_str(), overridden["hosts.expiry_factor"].as_str()),
        ("1s", "10")
    );
}

#[test]
fn the_primary_dies_and_the_other_leads() {
    crate::shows!("R-PEE-40", "R-PEE-02");
    let mut world = World::settled(3);
    assert_eq!(world.roles(), ["primary", "secondary", "secondary"], "{}", world.tell());
    let before = world.nodes[1].announced.len();
    world.crash(0);
    world.secs(8);
    assert_eq!(world.peer(1, 0).status, "suspect");
    world.secs(4);
    assert_eq!(world.roles(), ["-", "primary", "secondary"], "{}", world.tell());
    assert_eq!((world.peer(2, 0).status, world.peer(2, 0).role), ("down", None));
    // It says so to the hosts (R-DSC-05).
    let announced = &world.nodes[1].announced[before..];
    assert_eq!(announced.iter().map(|bytes| bytes[40]).collect::<Vec<_>>(), [2], "{announced:?}");
    world.start(0);
    world.secs(6);
    assert_eq!(world.roles(), ["secondary", "primary", "secondary"], "who comes back is the youngest");
}

#[test]
fn who_is_not_registered_serves_nobody_until_it_is() {
    crate::shows!("R-PEE-21", "R-PEE-22", "R-PEE-30", "R-PEE-89");
    let mut world = World::new(2, 1);
    world.start(0);
    assert_eq!(world.role(0), "standalone", "at once, without others");
    world.nodes[1].settings.peers = PeerSettings { addresses: vec![address(0)], ..PeerSettings::default() };
    world.start(1);
    world.secs(4);
    assert_eq!(world.roles(), ["standalone", "refused"], "{}", world.tell());
    let message = world.status(1).message.expect("a reason");
    assert!(message.contains("not registered") && message.contains("hms peers add 10.0.0.2"), "{message}");
    let host = "10.0.1.9:5000".parse().expect("an address");
    let init = init();
    world.deliver(host, address(1), &init);
    world.flush();
    assert!(world.to_hosts.is_empty(), "refused, and answers a host");
    assert_eq!(world.status(1).drops["phase"], 1);
    assert!(world.nodes[1].announced.is_empty(), "refused, and announces itself");

    let (now, there) = (world.now, address(1));
    world.server(0).peers_add(now, there).expect("room");
    world.secs(8);
    assert_eq!(world.roles(), ["primary", "secondary"], "{}", world.tell());
    assert_eq!(world.status(1).message, None);
    assert_eq!(world.status(1).realms, ["acme", "beta"]);
    assert!(!world.nodes[1].announced.is_empty());
    world.deliver(host, address(1), &init);
    world.flush();
    let (to, bytes) = world.to_hosts.pop().expect("an answer");
    let kind = Unverified::parse(&bytes).expect("readable").header().kind;
    assert_eq!((to, kind), (host, Kind::Challenge));
}

#[test]
fn who_was_removed_is_refused_from_then_on() {
    crate::shows!("R-PEE-30", "R-PEE-20");
    let mut world = World::settled(3);
    let now = world.now;
    assert_eq!(world.server(0).peers_remove(now, "hms0").expect_err("itself").exit, 2);
    assert_eq!(world.server(0).peers_remove(now, "hms9").expect_err("nobody").exit, 2);
    let row = world.server(0).peers_remove(now, "hms2").expect("a member");
    assert_eq!(row.name, name(2));
    world.secs(3);
    // Each of the others parted with it; it serves on, and says what is wrong.
    for other in [0, 1] {
        let rows = world.server(other).peers(now);
        let row = rows.iter().find(|row| row.address.as_deref() == Some("10.0.0.3:6710"));
        assert_eq!(row.map(|row| row.status), Some("refused"), "{rows:?}");
    }
    assert!(world.status(2).message.expect("a message").contains("removed"));
    world.crash(2);
    world.start(2);
    world.secs(4);
    assert_eq!(world.role(2), "refused", "{}", world.tell());
    world.server(1).peers_add(now, address(2)).expect("room");
    world.secs(8);
    assert_eq!(world.roles(), ["primary", "secondary", "secondary"], "{}", world.tell());
}

#[test]
fn told_to_work_alone_it_does() {
    crate::shows!("R-PEE-04");
    let mut world = World::new(2, 2);
    world.nodes[0].settings.standalone = true;
    world.start(0);
    world.start(1);
    assert_eq!(world.role(0), "standalone");
    world.secs(15);
    assert_eq!(world.server(0).poll_timeout(), None, "it looks for nobody");
    assert_eq!(world.roles(), ["standalone", "primary"], "{}", world.tell());
    // And no more, when it is told so.
    let (now, mut settings) = (world.now, world.nodes[0].settings.clone());
    settings.standalone = false;
    world.server(0).reload(now, settings.clone());
    world.secs(10);
    assert_eq!(world.roles(), ["primary", "secondary"], "the older line stays\n{}", world.tell());
    settings.standalone = true;
    let now = world.now;
    world.server(0).reload(now, settings);
    world.secs(2);
    assert_eq!(world.roles(), ["standalone", "primary"], "{}", world.tell());
}

#[test]
fn who_stood_still_asks_before_it_answers() {
    crate::shows!("R-PEE-06");
    let mut world = World::settled(2);
    world.nodes[0].stands_still = true;
    world.secs(20);
    assert_eq!(world.role(1), "primary");
    world.nodes[0].stands_still = false;
    // The first that it hears is a host.
    let host = "10.0.1.9:5000".parse().expect("an address");
    world.deliver(host, address(0), &init());
    world.flush();
    assert!(world.to_hosts.is_empty(), "answers before it has asked");
    world.secs(4);
    assert_eq!(world.roles(), ["primary", "secondary"], "it keeps its seat\n{}", world.tell());
    world.deliver(host, address(0), &init());
    world.flush();
    assert_eq!(world.to_hosts.len(), 1);
}

/// An INIT of a user of the first realm.
fn init() -> Vec<u8> {
    use crate::auth::{RealmSecret, seal, user_id};
    use crate::ident::{Epoch, Generation, SessionId};
    use crate::wire::{Header, Init};
    let user: UserId = user_id(RealmId(7), "alice");
    let key = RealmSecret::new([1; 32]).user_key(user, Generation(0));
    let (kind, realm, session) = (Kind::Init, RealmId(7), SessionId(0));
    let header = Header { kind, flags: 0, epoch: Epoch(1), realm, user, session, sequence: 77 };
    let mut buf = Vec::new();
    header.emit(&mut buf);
    Init { min_version: 1, max_version: 1 }.emit(&mut buf);
    seal(&key, &mut buf);
    buf
}

#[test]
fn an_address_that_is_new_is_told_and_registered() {
    crate::shows!("R-PEE-30", "R-PEE-07");
    let mut world = World::settled(2);
    let now = world.now;
    let addresses = vec![address(0).ip(), "10.9.0.1".parse().expect("an address")];
    let lan = crate::net::Interface { index: 2, name: "lan0".into(), addresses };
    world.server(0).set_interfaces(now, vec![lan]);
    world.secs(1);
    let known: Vec<_> = world.server(1).facts().addresses_of(super::world::id(0)).collect();
    let new = "10.9.0.1:6710".parse().expect("an address");
    assert_eq!(known, [address(0), new]);
    // It is taken from there as well, after a restart of both.
    world.crash(1);
    world.start(1);
    assert!(world.server(1).facts().addresses().any(|one| one.address == new), "on disk");
}

#[test]
fn who_is_alone_answers_nothing_unproven_and_others_do() {
    crate::shows!("R-TRN-25");
    let stray = |world: &mut World, node: usize| {
        let from = "10.0.1.9:5000".parse().expect("an address");
        let mut bytes = vec![1, 0x23];
        bytes.resize(100, 7);
        world.deliver(from, address(node), &bytes);
        world.flush();
        world.to_hosts.len()
    };
    let mut alone = World::new(1, 1);
    alone.start(0);
    assert_eq!(stray(&mut alone, 0), 0);
    assert_eq!(alone.status(0).drops, [("unasked", 1)].into());
    let mut world = World::settled(2);
    assert_eq!(stray(&mut world, 0), 1);
    assert_eq!(world.status(0).drops["session"], 1);
    assert_eq!(world.to_hosts[0].1[1], 0x24, "RESET");
}
