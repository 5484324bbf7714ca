//! Views other than the whole realm's, and how far that one is granted (R-DIR-05, R-DIR-10, R-DIR-11).

use super::client::{Client, Got};
use super::directory::{change, with_mode};
use super::world::{World, settings};
use crate::ident::{Name, Revision, UserId};
use crate::server::{ServerSettings, UpdateMode};
use crate::wire::{GrantReason, Granted, PageKind, Pattern, PullKind, View};

#[test]
fn a_group_is_a_view_of_its_own() {
    crate::shows!("R-DIR-01", "R-DIR-11");
    let mut world = with_mode(UpdateMode::OnChange, true);
    let board = View::Group(Name::new("board").expect("a name"));
    let mut alice = Client::new("alice", 1).viewing(board, true);
    let mut bob = Client::new("bob", 2);
    bob.content.conference = Name::new("board").ok();
    alice.join(&mut world);
    bob.join(&mut world);
    assert_eq!(alice.copy(&mut world), ["+bob"]);
    // What happens outside it is nothing to it.
    Client::new("carol", 3).join(&mut world);
    let ack = alice.beat(&mut world);
    assert!(ack.page.is_none() && !ack.resync && world.unasked.is_empty());
    let pushed = change(&mut world, &mut bob, "lobby", &mut [&mut alice]);
    assert_eq!(pushed[0][0].items, ["-left the view"]);
    alice.revision = pushed[0][0].info.to;
    alice.digest = 0;
    let pushed = change(&mut world, &mut bob, "board", &mut [&mut alice]);
    assert_eq!(pushed[0][0].items, ["+bob"]);
    let granted = Granted { kind: 2, reason: GrantReason::AsAsked };
    assert_eq!(alice.join(&mut world).settings.granted, Some(granted));
}

#[test]
fn named_users_come_whole() {
    crate::shows!("R-DIR-05");
    let mut world = with_mode(UpdateMode::OnChange, false);
    let (mut bob, mut carol) = (Client::new("bob", 2), Client::new("carol", 3));
    let named = View::Named(vec![bob.user, carol.user, UserId([5; 8])]);
    let mut alice = Client::new("alice", 1).viewing(named, false);
    alice.join(&mut world);
    assert!(!alice.beat(&mut world).resync);
    bob.join(&mut world);
    carol.join(&mut world);
    Client::new("dave", 4).join(&mut world);
    let page = alice.beat(&mut world).page.expect("a page");
    assert_eq!((page.info.kind, page.items.len()), (PageKind::Whole, 2));
    alice.revision = page.info.to;
    alice.digest = page.digest;
    assert_eq!(alice.beat(&mut world).page, None);
    bob.leave(&mut world);
    let page = alice.beat(&mut world).page.expect("a page");
    assert_eq!((page.info.kind, page.items.as_slice()), (PageKind::Whole, ["+carol".to_owned()].as_slice()));
}

#[test]
fn find_sees_the_whole_realm_and_no_other() {
    crate::shows!("R-DIR-05");
    let mut world = World::new();
    let mut alice = Client::new("alice", 1);
    alice.join(&mut world);
    let mut room = Client::new("boardroom", 2);
    room.content.host_name = Name::new("Room 5").expect("a name");
    room.join(&mut world);
    Client::of_realm(1, "bob", 9).join(&mut world);
    let mut found = |pattern| match alice.find(&mut world, pattern) {
        Got::Page(page) => (page.info.kind, page.items),
        other => panic!("{other:?}"),
    };
    assert_eq!(found(Pattern::User("boardroom")), (PageKind::Find, vec!["+boardroom".to_owned()]));
    assert_eq!(found(Pattern::Prefix("ROOM")).1, ["+boardroom"]);
    assert_eq!(found(Pattern::Prefix("")).1.len(), 2);
    assert_eq!(found(Pattern::User("bob")).1.len(), 0);
}

#[test]
fn a_realm_view_is_granted_up_to_a_bound() {
    crate::shows!("R-DIR-10");
    let mut world = World::with(ServerSettings { all_rows: 2, ..settings() });
    let mut alice = Client::new("alice", 1).viewing(View::Realm, true);
    let granted = |kind, reason| Some(Granted { kind, reason });
    assert_eq!(alice.join(&mut world).settings.granted, granted(1, GrantReason::AsAsked));
    let mut bob = Client::new("bob", 2);
    bob.join(&mut world);
    alice.copy(&mut world);
    Client::new("carol", 3).join(&mut world);
    let ack = alice.beat(&mut world);
    assert_eq!(ack.settings.granted, granted(0, GrantReason::TooManyRows));
    assert!(ack.page.is_none() && !ack.resync && ack.revision == Revision(0));
    let Got::Page(page) = alice.pull(&mut world, PullKind::Copy, UserId::default(), None) else {
        panic!("no page")
    };
    assert!(page.items.is_empty() && page.info.total == 0);
    bob.leave(&mut world);
    (alice.revision, alice.digest) = (Revision(0), 0);
    let ack = alice.beat(&mut world);
    assert_eq!((ack.settings.granted, ack.resync), (granted(1, GrantReason::AsAsked), true));
    let mut dave = Client::new("dave", 4).viewing(View::Unknown(9), false);
    assert_eq!(dave.join(&mut world).settings.granted, granted(0, GrantReason::UnknownKind));
}

#[test]
fn a_view_that_is_granted_again_begins_anew() {
    crate::shows!("R-DIR-10", "R-DIR-06");
    let mut world = World::with(ServerSettings { all_rows: 2, ..settings() });
    let mut alice = Client::new("alice", 1).viewing(View::Realm, true);
    alice.join(&mut world);
    let mut bob = Client::new("bob", 2);
    bob.join(&mut world);
    alice.copy(&mut world);
    let (revision, digest) = (alice.revision, alice.digest);
    assert_eq!(alice.beat(&mut world).settings.granted, None);
    let mut carol = Client::new("carol", 3);
    carol.join(&mut world);
    let granted = |kind, reason| Some(Granted { kind, reason });
    assert_eq!(alice.beat(&mut world).settings.granted, granted(0, GrantReason::TooManyRows));
    carol.leave(&mut world);
    world.secs(1);
    // A host that does not believe it still names what it had; that counts as nothing until it has a list again,
    // whatever gets lost.
    let again = granted(1, GrantReason::AsAsked);
    for _ in 0..2 {
        let ack = alice.beat(&mut world);
        assert_eq!((ack.settings.granted, ack.equal, ack.resync), (again, true, false));
        assert_eq!(ack.page, None);
    }
    alice.digest = 1;
    let ack = alice.beat(&mut world);
    assert_eq!((ack.settings.granted, ack.resync, ack.page), (again, true, None));
    let Got::Digests(now, ..) = alice.pull(&mut world, PullKind::Delta, UserId::default(), None) else {
        panic!("a delta from before the grant")
    };
    assert!(now > revision);
    // Nothing is pushed either to a session that has no list.
    bob.content.fixed = true;
    bob.update(&mut world);
    assert_eq!(world.unasked, []);
    alice.copy(&mut world);
    assert_ne!(alice.digest, digest);
    let ack = alice.beat(&mut world);
    assert_eq!((ack.settings.granted, ack.equal || ack.resync, ack.page), (None, false, None));
    bob.content.fixed = false;
    bob.update(&mut world);
    let ack = alice.beat(&mut world);
    assert_eq!((ack.settings.granted, ack.page.expect("a page").items), (None, vec!["+bob".to_owned()]));
}
