//! `kill -9` of an HMS of a pair, whatever it is doing: the other one serves, no answered registration is lost, and the
//! killed one comes back by itself.

use std::net::SocketAddr;
use std::thread;
use std::time::{Duration, Instant};

use hms::relay::run::{Notice, Options, run as run_relay};
use hms::relay::{Faults, Setup};
use hms::shows;
use serde_json::json;

use super::harness::{Running, World};
use super::pair::{ATLAS, BOREALIS, pair, starts};
use super::running::until;

/// Until the other one leads; until hosts with a check time of 1 s are served there (QUALITY, section 2).
const LEADS: Duration = Duration::from_secs(12);
const SERVES: Duration = Duration::from_millis(6100);

fn address(world: &World, state: &str) -> String {
    world.json(state, &["status"])["listen"][0].as_str().expect("an address").to_owned()
}

/// Begins to register a user whose token names both HMSs.
fn joins(world: &World, user: &str) -> Running {
    let (a, b) = (address(world, "a"), address(world, "b"));
    joins_at(world, user, [&a, &b])
}

fn joins_at(world: &World, user: &str, [a, b]: [&str; 2]) -> Running {
    let token = world.expect(0, "b", &["token", user, "--bare", "--address", a, "--address", b]).out;
    world.start(user, &["join", token.trim()])
}

fn joined(world: &World, users: &[&str]) -> Vec<Running> {
    let hosts: Vec<Running> = users.iter().map(|user| joins(world, user)).collect();
    hosts.iter().for_each(|host| _ = host.line("registered at"));
    until(world, "b", &["hosts"], |rows| rows.as_array().is_some_and(|rows| rows.len() == users.len()));
    hosts
}

/// Since when the users are registered, as an HMS has it.
fn since(world: &World, state: &str) -> Vec<serde_json::Value> {
    let rows = world.json(state, &["hosts"]);
    rows.as_array().expect("rows").iter().map(|row| row["since"].clone()).collect()
}

/// borealis is left: it serves all users, and leads, each within its bound.
fn survives(world: &World, borealis: &Running, users: &[&str], killed: Instant) {
    until(world, "b", &["hosts"], |rows| {
        let rows = rows.as_array().expect("rows");
        rows.len() == users.len() && rows.iter().all(|row| row["via"] == "borealis" && row["status"] == "up")
    });
    let took = killed.elapsed();
    assert!(took <= SERVES, "all served after {took:?}");
    borealis.line("this HMS is the primary now");
    let took = killed.elapsed();
    assert!(took <= LEADS, "primary after {took:?}");
}

/// atlas comes back by itself, and both have the same table.
fn comes_back(world: &World, users: &[&str]) -> Running {
    let atlas = world.start("a", &["serve", "--listen", "127.0.0.1:0"]);
    atlas.line("HMS ready: atlas, secondary of borealis");
    equal(world, users);
    atlas
}

fn equal(world: &World, users: &[&str]) {
    for state in ["a", "b"] {
        until(world, state, &["peers"], |rows| rows[0]["status"] == "up" && rows[0]["equal"] == true);
        let rows = world.json(state, &["hosts"]);
        let mut there: Vec<&str> =
            rows.as_array().expect("rows").iter().filter_map(|row| row["user"].as_str()).collect();
        there.sort_unstable();
        assert_eq!(there, users, "at {state}");
    }
    assert_eq!(since(world, "a"), since(world, "b"));
}

#[test]
fn when_nothing_happens() {
    shows!("R-PEE-91");
    let world = World::new();
    let (mut atlas, borealis) = pair(&world);
    let users = ["ann", "bob"];
    let _hosts = joined(&world, &users);
    until(&world, "a", &["peers"], |rows| rows[0]["equal"] == true);
    let before = since(&world, "a");
    let killed = atlas.kill();
    survives(&world, &borealis, &users, killed);
    assert_eq!(since(&world, "b"), before, "nobody registered anew");
    let _atlas = comes_back(&world, &users);
}

#[test]
fn before_a_registration_is_answered() {
    let world = World::new();
    let (mut atlas, borealis) = pair(&world);
    let addresses = [address(&world, "a"), address(&world, "b")];
    atlas.signal("STOP");
    let ann = joins_at(&world, "ann", [&addresses[0], &addresses[1]]);
    let killed = atlas.kill();
    ann.line("registered at borealis as ann");
    survives(&world, &borealis, &["ann"], killed);
    let _atlas = comes_back(&world, &["ann"]);
}

#[test]
fn after_a_registration_is_answered() {
    let world = World::new();
    let (mut atlas, borealis) = pair(&world);
    let ann = joins(&world, "ann");
    // At once: it may be on its way to the other one, or not.
    ann.line("registered at atlas");
    let killed = atlas.kill();
    survives(&world, &borealis, &["ann"], killed);
    let _atlas = comes_back(&world, &["ann"]);
}

#[test]
fn while_changes_are_exchanged() {
    let world = World::new();
    let (mut atlas, borealis) = pair(&world);
    let users = ["ann", "bob", "carol", "dave", "erin", "frank"];
    let addresses = [address(&world, "a"), address(&world, "b")];
    let hosts = users.map(|user| joins_at(&world, user, [&addresses[0], &addresses[1]]));
    // The last of them registers while the first ones are told.
    hosts[5].line("registered at");
    let killed = atlas.kill();
    hosts[..5].iter().for_each(|host| _ = host.line("registered at"));
    survives(&world, &borealis, &users, killed);
    let _atlas = comes_back(&world, &users);
}

#[test]
fn while_it_hands_over() {
    shows!("R-PEE-85");
    let world = World::new();
    let (mut atlas, borealis) = pair(&world);
    let users = ["ann", "bob"];
    let _hosts = joined(&world, &users);
    let before = since(&world, "b");
    atlas.signal("TERM");
    atlas.line("stopping");
    let killed = atlas.kill();
    survives(&world, &borealis, &users, killed);
    assert_eq!(since(&world, "b"), before, "nobody registered anew");
    let _atlas = comes_back(&world, &users);
}

/// A slow way to `to`: what takes a round trip takes half a second.
fn slow_way(to: SocketAddr) -> SocketAddr {
    let slow = Faults { delay: Duration::from_millis(250), ..Faults::default() };
    let options = Options {
        listen: SocketAddr::from(([127, 0, 0, 1], 0)),
        to,
        from: None,
        seed: 1,
        setup: Setup { up: slow, down: slow, ..Setup::default() },
        stop_after: Some(Duration::from_secs(60)),
        report_every: None,
    };
    let (tell, told) = std::sync::mpsc::channel();
    let relay = move || {
        let mut tell = |notice| {
            if let Notice::Ready(address) = notice {
                tell.send(address).expect("waited for");
            }
        };
        run_relay(&options, &mut tell).expect("it relays");
    };
    thread::Builder::new().spawn(relay).expect("a thread");
    told.recv().expect("an address")
}

#[test]
fn while_it_copies_the_table() {
    shows!("R-PEE-15");
    let world = World::new();
    let atlas = world.serve("a", ATLAS);
    let users = ["ann", "bob", "carol"];
    let _hosts = users.map(|user| world.join("a", user, &[]));
    let before = since(&world, "a");
    let slow = slow_way(address(&world, "a").parse().expect("an address")).to_string();
    let invited = world.expect(0, "a", &["token", "--hms", "--bare", "--address", &slow]).out;
    let mut borealis = starts(&world, "b", BOREALIS, invited.trim());
    // It has its seat; the rows come half a second later, over the slow way.
    borealis.line("HMS ready: borealis, secondary of atlas");
    borealis.kill();
    assert_eq!(since(&world, "a"), before);
    assert_eq!(world.json("a", &["status"])["role"], json!("primary"));
    let borealis = world.start("b", &["serve", "--listen", "127.0.0.1:0"]);
    borealis.line("HMS ready: borealis, secondary of atlas");
    equal(&world, &users);
    assert_eq!(since(&world, "b"), before, "nobody registered anew");
    drop(atlas);
}
