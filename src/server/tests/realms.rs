//! Realms on one HMS take nothing from each other (FIG. 5, R-REG-15).

use super::client::{Client, Got};
use super::world::{World, settings};
use crate::server::{Event, RealmLimits, ServerSettings};
use crate::wire::{PullKind, RejectCode, View};

fn limited(max_hosts: Option<usize>, max_rate: Option<u32>) -> ServerSettings {
    ServerSettings { realms: vec![RealmLimits { name: "acme".into(), max_hosts, max_rate }], ..settings() }
}

#[test]
fn a_full_realm_is_full_alone() {
    crate::shows!("R-REG-15");
    let mut world = World::with(limited(Some(2), None));
    Client::new("a", 1).join(&mut world);
    let mut b = Client::new("b", 2);
    b.join(&mut world);
    let mut c = Client::new("c", 3);
    assert_eq!(c.register(&mut world), Got::Reject(RejectCode::Full, 30_000));
    // Whoever is in may register anew; the other realm has room.
    b.join(&mut world);
    for i in 0..5 {
        Client::of_realm(1, &format!("z{i}"), 50 + i).join(&mut world);
    }
    b.leave(&mut world);
    c.join(&mut world);
    let rows = world.server.realm_list();
    let shown: Vec<_> = rows.iter().map(|r| (r.name.as_str(), r.hosts, r.max_hosts, r.default)).collect();
    assert_eq!(shown, [("acme", 2, Some(2), true), ("beta", 5, None, false)]);
}

#[test]
fn a_rate_is_one_realm_s() {
    crate::shows!("R-REG-15");
    let mut world = World::with(limited(None, Some(3)));
    let mut refused = 0;
    for i in 0..10 {
        match Client::new(&format!("u{i}"), i).register(&mut world) {
            Got::Registered(_) => {}
            Got::Reject(RejectCode::Rate, delay) => {
                assert!((1..=3_000).contains(&delay), "{delay}");
                refused += 1;
            }
            other => panic!("{other:?}"),
        }
        Client::of_realm(1, &format!("z{i}"), 50 + i).join(&mut world);
    }
    assert_eq!(refused, 7);
    world.secs(1);
    Client::new("u9", 9).join(&mut world);
}

#[test]
fn realms_see_nothing_of_each_other() {
    let mut world = World::new();
    let mut alice = Client::new("alice", 1).viewing(View::Realm, true);
    alice.join(&mut world);
    alice.copy(&mut world);
    let mut bob = Client::of_realm(1, "bob", 2).viewing(View::Realm, true);
    bob.join(&mut world);
    assert_eq!(bob.copy(&mut world), ["+bob"]);
    assert_eq!(alice.beat(&mut world).page, None);
    assert!(world.unasked.is_empty());
    // The same user name in another realm is another user, and a key of one realm is worth nothing in the other.
    let mut other = Client::of_realm(1, "alice", 3);
    other.join(&mut world);
    assert_ne!(other.user, alice.user);
    alice.realm = other.realm;
    assert_eq!(alice.heartbeat(&mut world), Got::Nothing);
    assert_eq!(alice.pull(&mut world, PullKind::Copy, crate::ident::UserId::default(), None), Got::Nothing);
}

#[test]
fn realms_come_and_go() {
    let mut world = World::new();
    let row = world.server.realm_new(world.now, "gamma").expect("made");
    assert_eq!((row.name.as_str(), row.hosts), ("gamma", 0));
    assert_eq!(world.events(), [Event::PersistSecrets]);
    assert_eq!(world.server.realm_new(world.now, "gamma").expect_err("twice").exit, 1);
    assert_eq!(world.server.realm_new(world.now, &"x".repeat(33)).expect_err("long").exit, 2);
    let mut alice = Client::new("alice", 1);
    alice.join(&mut world);
    let mut bob = Client::of_realm(1, "bob", 2);
    bob.join(&mut world);
    assert_eq!(world.server.realm_remove(world.now, "acme").expect("removed").hosts, 1);
    assert_eq!(world.hosts(), ["bob up 10.0.1.2:5000"]);
    assert_eq!(alice.heartbeat(&mut world), Got::Nothing);
    assert_eq!(world.server.realm_remove(world.now, "acme").expect_err("gone").exit, 2);
    bob.beat(&mut world);
    // A host of the new realm can register at once.
    let secret = world.server.keyring().realm_by_name("gamma").expect("it").secret.clone();
    let mut carol = Client::new("carol", 3);
    carol.realm = world.server.keyring().realm_by_name("gamma").expect("it").id;
    carol.user = crate::auth::user_id(carol.realm, "carol");
    carol.key = secret.user_key(carol.user, crate::ident::Generation(0));
    carol.join(&mut world);
}

#[test]
fn revocation_is_in_force_when_it_is_reported() {
    crate::shows!("R-AUT-04");
    let mut world = World::new();
    let mut alice = Client::new("alice", 1).viewing(View::Realm, true);
    let mut bob = Client::new("bob", 2).viewing(View::Realm, true);
    alice.join(&mut world);
    bob.join(&mut world);
    alice.copy(&mut world);
    let view = world.server.revoke(world.now, Some("acme"), "bob").expect("revoked");
    assert!(view.removed);
    assert_eq!(world.hosts(), ["alice up 10.0.1.1:5000"]);
    assert_eq!(world.events(), [Event::PersistSecrets]);
    world.server.persisted(world.now, Err("disk full".into()));
    assert!(world.server.status(world.now).message.expect("a message").contains("disk full"));
    world.server.persisted(world.now, Ok(()));
    assert_eq!(world.server.status(world.now).message, None);
    world.secs(1);
    assert_eq!(world.unasked.len(), 1, "pushed to alice");
    let Got::Page(page) = alice.open(&world.unasked[0].bytes.clone()) else { panic!("no page") };
    assert_eq!(page.items, ["-revoked"]);
    let generation = world.server.keyring().generation(bob.realm, bob.user);
    assert!(generation.0 >= 1);
    world.server.revoke(world.now, Some("acme"), "bob").expect("revoked again");
    assert!(world.server.keyring().generation(bob.realm, bob.user) > generation);
}
