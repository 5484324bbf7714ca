//! Who dials with a key that the other does not have.

use super::world::{World, address};
use crate::auth::seal_checksum;
use crate::ident::{Epoch, RealmId, SessionId, UserId};
use crate::time::Duration;
use crate::wire::{Header, Hint, HintCode, Kind, flag};

/// The second one has the secret of another cluster.
fn strangers() -> World {
    let mut world = World::new(2, 2);
    world.nodes[1].secrets.cluster_secret = [99; 32].into();
    world.start(0);
    world.start(1);
    world
}

fn said(world: &World, node: usize) -> Vec<&str> {
    let lines = world.nodes[node].log.iter().map(|(_, line)| line.as_str());
    lines.filter(|line| line.contains("does not have the keys of this cluster")).collect()
}

fn hint(attempt: u64) -> Vec<u8> {
    let header = Header {
        kind: Kind::Hint,
        flags: flag::UNAUTHENTICATED,
        epoch: Epoch(0),
        realm: RealmId(0),
        user: UserId::default(),
        session: SessionId(0),
        sequence: attempt,
    };
    let mut bytes = Vec::new();
    header.emit(&mut bytes);
    Hint::new(HintCode::PeerKey).emit(&mut bytes);
    seal_checksum(&mut bytes);
    bytes
}

#[test]
fn who_does_not_have_the_key_says_so_and_it_is_shown_until_it_has() {
    crate::shows!("R-PEE-24", "R-AUT-30", "R-AUT-31", "R-TRN-14");
    let mut world = strangers();
    world.pass(Duration::from_millis(500));
    assert_eq!(world.status(0).message, None, "not before a second is over");
    world.secs(20);
    assert_eq!(world.roles(), ["primary", "primary"], "it stops nobody");
    for node in [0, 1] {
        let (status, other) = (world.status(node), address(1 - node));
        let message = status.message.expect("a message");
        assert!(message.contains(&format!("the HMS at {other} does not have the keys")), "{message}");
        assert!(message.contains("hms token --hms"), "{message}");
        assert_eq!(status.peers[0].message.as_deref(), Some("does not have the keys of this cluster"));
        assert_eq!(said(&world, node).len(), 1, "said once: {:?}", said(&world, node));
    }
    assert!(world.status(0).hints_sent >= 4, "{}", world.status(0).hints_sent);

    let secret = world.nodes[0].secrets.cluster_secret.clone();
    world.crash(1);
    world.nodes[1].secrets.cluster_secret = secret;
    world.start(1);
    world.secs(20);
    assert_eq!(world.roles(), ["primary", "secondary"], "{}", world.tell());
    assert_eq!((world.status(0).message, world.peer(0, 1).message), (None, None));
}

#[test]
fn an_hms_that_is_gone_is_not_said_to_lack_the_key() {
    crate::shows!("R-PEE-24");
    let mut world = strangers();
    world.secs(20);
    assert!(world.status(0).message.is_some());
    world.crash(1);
    world.secs(40);
    assert_eq!(world.status(0).message, None);
}

#[test]
fn a_forged_hint_changes_nothing() {
    crate::shows!("R-PEE-24", "R-AUT-31");
    let mut world = World::settled(2);
    // To a link that is open, to no attempt, and to one that will be answered.
    let before = world.status(0).drops.get("type").copied().unwrap_or_default();
    for attempt in [0, 1, 1 << 32] {
        world.deliver(address(1), address(0), &hint(attempt));
    }
    assert_eq!(world.status(0).drops["type"], before + 3);
    world.crash(1);
    world.secs(30);
    let attempt = |bytes: &[u8]| {
        let hello = bytes.get(1) == Some(&0x20) && bytes.len() == 1200;
        hello.then(|| u64::from_be_bytes(*bytes[24..].first_chunk().expect("8 bytes")))
    };
    let mut forged = 0;
    while forged == 0 {
        world.pass(Duration::from_millis(1));
        for attempt in world.flying_to(1).iter().filter_map(|bytes| attempt(bytes)).collect::<Vec<_>>() {
            world.deliver(address(1), address(0), &hint(attempt));
            forged += 1;
        }
    }
    world.start(1);
    world.secs(20);
    assert_eq!(world.roles(), ["primary", "secondary"], "{}", world.tell());
    assert_eq!(world.status(0).message, None);
    assert_eq!(said(&world, 0), [""; 0]);
}
