//! What a capture says of each datagram, in and out.

use super::client::{Client, Got};
use super::world::{World, settings};
use crate::auth::UserKey;
use crate::ident::InstanceId;
use crate::server::ServerSettings;
use crate::wire::View;

/// What is said of one datagram and of all that it is answered with.
fn said(world: &mut World, client: &Client, bytes: &[u8]) -> Vec<String> {
    let mut said = Vec::new();
    let mut buf = Vec::new();
    world.server.handle_datagram(world.now, client.from, world.arrival, bytes);
    said.push(world.server.verdict(bytes).to_string());
    while world.server.poll_output(world.now, &mut buf).is_some() {
        said.push(world.server.cause(&buf).to_string());
    }
    said
}

#[test]
fn every_datagram_has_its_verdict_and_every_answer_its_cause() {
    crate::shows!("R-CAP-11", "R-CAP-12");
    let mut world = World::new();
    let mut alice = Client::new("alice", 1).viewing(View::Realm, false);
    let init = alice.init_bytes();
    let realm = "\nrealm: acme";
    let all = "\nuser: alice\nrealm: acme";
    assert_eq!(
        said(&mut world, &alice, &init),
        [format!("verdict: accepted init{realm}"), format!("verdict: sent challenge: answers init{realm}")]
    );
    // A cookie of nobody: it is told the right one.
    let register = alice.register_bytes(5);
    assert_eq!(
        said(&mut world, &alice, &register),
        [
            format!("verdict: answered register: challenge{realm}"),
            format!("verdict: sent challenge: answers register{realm}")
        ]
    );
    alice.join(&mut world);
    let beat = alice.heartbeat_bytes(None, false);
    assert_eq!(
        said(&mut world, &alice, &beat),
        [format!("verdict: accepted heartbeat{all}"), format!("verdict: sent ack: answers heartbeat{all}")]
    );
    assert_eq!(said(&mut world, &alice, &beat), [format!("verdict: dropped: replay{all}")]);
    let mut bent = alice.heartbeat_bytes(None, false);
    *bent.last_mut().expect("a tag") ^= 1;
    assert_eq!(said(&mut world, &alice, &bent), [format!("verdict: dropped: tag{all}")]);
    assert_eq!(said(&mut world, &alice, &bent[..40]), ["verdict: dropped: length"]);
    assert_eq!(said(&mut world, &alice, &[9; 80]), ["verdict: dropped: version"]);

    let mut other = Client::new("alice", 2);
    other.instance = InstanceId(77);
    let Got::Challenge(cookie) = other.init(&mut world) else { panic!("no challenge") };
    let taken = other.register_bytes(cookie);
    assert_eq!(
        said(&mut world, &other, &taken),
        [
            format!("verdict: refused register: taken{all}"),
            format!("verdict: sent reject: answers register{all}")
        ]
    );
    let mut mallory = Client::new("bob", 3);
    mallory.key = UserKey::from_bytes([1; 32]);
    let init = mallory.init_bytes();
    assert_eq!(
        said(&mut world, &mallory, &init),
        [format!("verdict: dropped: tag{realm}"), format!("verdict: sent hint: answers init{realm}")]
    );
}

#[test]
fn what_nobody_asked_for_says_so() {
    crate::shows!("R-CAP-12");
    let mut world = World::with(ServerSettings { push: true, ..settings() });
    let mut alice = Client::new("alice", 1).viewing(View::Realm, true);
    alice.join(&mut world);
    alice.copy(&mut world);
    let mut bob = Client::new("bob", 2);
    let Got::Challenge(cookie) = bob.init(&mut world) else { panic!("no challenge") };
    let register = bob.register_bytes(cookie);
    let causes = said(&mut world, &bob, &register);
    assert!(causes.contains(&"verdict: sent page: push\nuser: alice\nrealm: acme".to_owned()), "{causes:?}");
}
