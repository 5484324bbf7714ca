//! The JSON contract, key by key.

use super::client::Client;
use super::world::World;
use crate::wire::{HostState, Service, Transport};

fn keys(value: &serde_json::Value) -> Vec<&str> {
    value.as_object().expect("an object").keys().map(String::as_str).collect()
}

fn sorted(mut names: Vec<&str>) -> Vec<&str> {
    names.sort_unstable();
    names
}

#[test]
fn status_has_every_key() {
    let mut world = World::new();
    let mut alice = Client::new("alice", 1);
    alice.join(&mut world);
    for _ in 0..12 {
        world.secs(1);
        alice.beat(&mut world);
    }
    world.send(alice.from, &[0; 10]);
    let status = world.server.status(world.now);
    assert_eq!(status.heartbeats_per_s, 1.0);
    let json = serde_json::to_value(&status).expect("JSON");
    let wanted = [
        "name",
        "version",
        "role",
        "since",
        "elapsed_s",
        "cluster_start",
        "cluster_elapsed_s",
        "check_time_s",
        "exchange_time_s",
        "realms",
        "hosts",
        "heartbeats_per_s",
        "drops",
        "rows_not_taken",
        "hints_sent",
        "peers",
        "listen",
        "interfaces",
        "overridden",
        "message",
    ];
    assert_eq!(sorted(keys(&json)), sorted(wanted.to_vec()));
    assert_eq!(json["hosts"], serde_json::json!({"known": 1, "up": 1, "late": 0, "unconfirmed": 0}));
    assert_eq!(json["drops"], serde_json::json!({"length": 1}));
    assert_eq!((json["role"].as_str(), json["elapsed_s"].as_u64()), (Some("standalone"), Some(12)));
    assert_eq!(json["since"], "2026-01-01T00:00:00Z");
    assert_eq!(json["listen"], serde_json::json!(["10.0.0.1:6710"]));
    assert_eq!(json["realms"], serde_json::json!(["acme", "beta"]));
    // A step of the wall clock moves what is shown, and nothing else.
    world.server.set_wall(world.now, crate::time::UnixMillis(0));
    assert_eq!(world.server.status(world.now).elapsed_s, 12);
    alice.beat(&mut world);
}

#[test]
fn a_host_row_has_every_key() {
    let mut world = World::new();
    let mut alice = Client::new("alice", 1);
    alice.content.reported = vec!["[2001:db8::5]:7000".parse().expect("an address")];
    alice.content.ports.video = 4000;
    alice.content.state = HostState::Organizing;
    let kind = crate::ident::Name::new("sip").expect("a name");
    alice.content.services = vec![Service { kind, port: 5060, transport: Transport::Tcp }];
    alice.join(&mut world);
    world.secs(2);
    let rows =
        serde_json::to_value(world.server.hosts(world.now, Some("acme")).expect("rows")).expect("JSON");
    let wanted = serde_json::json!([{
        "realm": "acme", "user": "alice", "host": "alice", "state": "organizing", "status": "up",
        "address": "10.0.1.1:5000", "reported": ["[2001:db8::5]:7000"], "observed": "10.0.1.1:5000",
        "ports": {"data": null, "video": 4000, "audio": null}, "services": ["sip:5060/tcp"],
        "conference": null, "fixed": false, "since": "2026-01-01T00:00:00Z", "age_ms": 2000,
        "check_time_s": 30, "via": "atlas", "revision": rows[0]["revision"],
    }]);
    assert_eq!(rows, wanted);
    assert!(world.server.hosts(world.now, Some("beta")).expect("rows").is_empty());
    assert_eq!(world.server.hosts(world.now, Some("x")).expect_err("no such realm").exit, 2);
}

#[test]
fn watch_events_are_numbered_and_bounded() {
    let mut world = World::new();
    let mut alice = Client::new("alice", 1);
    alice.join(&mut world);
    alice.leave(&mut world);
    let events = world.watch_events();
    assert_eq!(events.iter().map(|e| e.seq).collect::<Vec<_>>(), [1, 2]);
    assert_eq!(keys(&serde_json::to_value(&events[0]).expect("JSON")), ["seq", "event", "row"]);
    alice.join(&mut world);
    for i in 0..9000 {
        alice.content.ports.data = i;
        alice.update(&mut world);
        // More often nobody may (R-SEC-05).
        world.secs(1);
    }
    let events = world.watch_events();
    assert!(events.len() < 8193);
    assert_eq!((events[0].event, &events[0].row), ("resync", &None));
    world.server.set_watched(false);
    alice.join(&mut world);
    assert!(world.watch_events().is_empty());
}

#[test]
fn a_listing_shows_everybody_once_whatever_comes_and_goes() {
    let mut world = World::new();
    let names: Vec<String> = (0..40).map(|number| format!("user{number}")).collect();
    let mut hosts: Vec<Client> =
        names.iter().zip(1..).map(|(name, number)| Client::new(name, number)).collect();
    for host in &mut hosts {
        host.join(&mut world);
    }
    let mut cursor = world.server.list_hosts(None).expect("all realms");
    let mut listed = Vec::new();
    let mut pages = 0;
    while !cursor.is_done() {
        let page = world.server.next_hosts(world.now, &mut cursor, 7);
        assert!(page.len() <= 7);
        listed.extend(page.into_iter().map(|row| row.user));
        // Between two pages the first of those who are left goes and comes again, and changes.
        if let Some(host) = hosts.get_mut(pages) {
            host.leave(&mut world);
            host.join(&mut world);
            host.content.ports.data = 4000;
            host.update(&mut world);
        }
        pages += 1;
    }
    assert!(pages > 5);
    listed.sort();
    let mut wanted = names;
    wanted.sort();
    assert_eq!(listed, wanted);
    // A realm that goes while it is listed ends the listing.
    let mut cursor = world.server.list_hosts(Some("acme")).expect("a realm");
    assert_eq!(world.server.next_hosts(world.now, &mut cursor, 3).len(), 3);
    world.server.realm_remove(world.now, "acme").expect("removed");
    assert!(world.server.next_hosts(world.now, &mut cursor, 3).is_empty() && cursor.is_done());
}
