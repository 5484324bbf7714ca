//! What hosts are told of each other (spec 4.6).

use super::client::{Client, Got, Page};
use super::world::{World, settings};
use crate::ident::{Name, Revision, UserId};
use crate::server::{ServerSettings, UpdateMode};
use crate::wire::{Buckets, PageKind, PullKind, View};

pub(super) fn pushes(world: &mut World, client: &mut Client) -> Vec<Page> {
    let sent: Vec<_> =
        std::mem::take(&mut world.unasked).into_iter().filter(|s| s.to == Some(client.from)).collect();
    let got = sent.iter().map(|s| client.open(&s.bytes));
    got.map(|got| if let Got::Page(page) = got { page } else { panic!("{got:?}") }).collect()
}

/// Sends a change and returns what others were pushed by it.
pub(super) fn change(
    world: &mut World,
    client: &mut Client,
    conference: &str,
    others: &mut [&mut Client],
) -> Vec<Vec<Page>> {
    client.content.conference = Name::new(conference).ok();
    client.content_version += 1;
    let bytes = client.heartbeat_bytes(None, true);
    let sent = world.send(client.from, &bytes);
    others
        .iter_mut()
        .map(|other| {
            let mine: Vec<_> = sent.iter().filter(|s| s.to == Some(other.from)).cloned().collect();
            mine.iter()
                .map(|s| match other.open(&s.bytes) {
                    Got::Page(page) => page,
                    got => panic!("{got:?}"),
                })
                .collect()
        })
        .collect()
}

pub(super) fn with_mode(update: UpdateMode, push: bool) -> World {
    World::with(ServerSettings { update, push, ..settings() })
}

#[test]
fn on_change_a_difference_comes_with_the_ack() {
    crate::shows!("R-DIR-03", "R-DIR-06", "R-DIR-12");
    let mut world = with_mode(UpdateMode::OnChange, false);
    let mut alice = Client::new("alice", 1).viewing(View::Realm, false);
    let mut bob = Client::new("bob", 2);
    alice.join(&mut world);
    assert_eq!(alice.copy(&mut world), ["+alice"], "a host lists itself");
    assert_eq!(alice.beat(&mut world).page, None);
    bob.join(&mut world);
    let page = alice.beat(&mut world).page.expect("a page");
    assert_eq!((page.info.kind, page.info.from, page.info.more), (PageKind::Delta, alice.revision, false));
    assert_eq!((page.items.as_slice(), page.info.total), (["+bob".to_owned()].as_slice(), 2));
    // Not acknowledged yet: it comes again.
    assert_eq!(alice.beat(&mut world).page.map(|p| p.items), Some(page.items));
    alice.revision = page.info.to;
    alice.digest = alice.digest.wrapping_add(page.digest);
    assert_eq!(alice.beat(&mut world).page, None);
    bob.leave(&mut world);
    let page = alice.beat(&mut world).page.expect("a page");
    assert_eq!(page.items, ["-leave"]);
}

#[test]
fn digests_decide_without_a_revision() {
    crate::shows!("R-DIR-02", "R-DIR-06", "R-DIR-07");
    let mut world = with_mode(UpdateMode::OnChange, false);
    let mut alice = Client::new("alice", 1).viewing(View::Realm, false);
    Client::new("bob", 2).join(&mut world);
    alice.join(&mut world);
    assert!(alice.beat(&mut world).resync, "an empty list");
    alice.copy(&mut world);
    let revision = std::mem::take(&mut alice.revision);
    let ack = alice.beat(&mut world);
    assert!(ack.equal && !ack.resync && ack.revision == revision);
    // Equal revisions, unequal digests; a revision from the future; one from before the list.
    for (wrong, digest) in [(revision, 1), (Revision(revision.0 + 5), 1), (Revision(0), 1)] {
        let right = std::mem::replace(&mut alice.digest, digest);
        alice.revision = wrong;
        let ack = alice.beat(&mut world);
        assert!(ack.resync && ack.page.is_none(), "{wrong:?}");
        alice.digest = right;
    }
    // Bucket digests, then only the bucket that differs.
    let Got::Digests(at, root, buckets) = alice.pull(&mut world, PullKind::Digests, UserId::default(), None)
    else {
        panic!("no digests")
    };
    assert_eq!((at, root), (revision, alice.digest));
    assert_eq!(buckets.iter().fold(0u64, |sum, b| sum.wrapping_add(*b)), root);
    let mut wanted = Buckets::NONE;
    wanted.insert(Client::new("bob", 2).user.bucket());
    let Got::Page(page) = alice.pull(&mut world, PullKind::Copy, UserId::default(), Some(wanted)) else {
        panic!("no page")
    };
    assert_eq!((page.items.as_slice(), page.info.more), (["+bob".to_owned()].as_slice(), false));
}

#[test]
fn a_copy_of_many_rows_comes_in_pages() {
    crate::shows!("R-DIR-04");
    let mut world = with_mode(UpdateMode::OnChange, false);
    let mut names: Vec<String> = (0..60).map(|i| format!("user{i}")).collect();
    for (i, name) in names.iter().enumerate() {
        Client::new(name, i as u8).join(&mut world);
    }
    let mut alice = Client::new("alice", 200).viewing(View::Realm, false);
    alice.join(&mut world);
    let mut rows = alice.copy(&mut world);
    rows.sort();
    names.push("alice".into());
    let mut wanted: Vec<_> = names.iter().map(|n| format!("+{n}")).collect();
    wanted.sort();
    assert_eq!(rows, wanted);
    assert_eq!(alice.beat(&mut world).page, None, "equal");
    // A delta too long for one datagram: what is left is pulled.
    for i in 0..60 {
        Client::new(&format!("more{i}"), i).join(&mut world);
    }
    let page = alice.beat(&mut world).page.expect("a page");
    assert!(page.info.more && page.items.len() > 5);
    alice.revision = page.info.to;
    let mut seen = page.items.len();
    loop {
        let Got::Page(page) = alice.pull(&mut world, PullKind::Delta, UserId::default(), None) else {
            panic!("no page")
        };
        assert_eq!(page.info.from, alice.revision);
        alice.revision = page.info.to;
        seen += page.items.len();
        if !page.info.more {
            break;
        }
    }
    assert_eq!(seen, 120, "60 joined, and 60 took the address of another");
}

#[test]
fn pushes_come_at_once_and_in_order() {
    crate::shows!("R-DIR-09");
    let mut world = with_mode(UpdateMode::OnChange, true);
    let mut alice = Client::new("alice", 1).viewing(View::Realm, true);
    let mut bob = Client::new("bob", 2).viewing(View::Realm, true);
    let mut carol = Client::new("carol", 3);
    for client in [&mut alice, &mut bob, &mut carol] {
        client.join(&mut world);
    }
    assert!(world.unasked.is_empty(), "nobody has a list yet");
    alice.copy(&mut world);
    bob.copy(&mut world);
    let pushed = change(&mut world, &mut carol, "board", &mut [&mut alice, &mut bob]);
    for (pages, client) in pushed.iter().zip([&mut alice, &mut bob]) {
        let [page] = pages.as_slice() else { panic!("{} pages", pages.len()) };
        assert_eq!((page.items.as_slice(), page.push), (["+carol".to_owned()].as_slice(), true));
        assert_eq!(page.info.from, client.revision);
        client.revision = page.info.to;
    }
    // Not repeated; the next one goes on from there.
    world.secs(5);
    assert!(world.unasked.is_empty());
    let pushed = change(&mut world, &mut carol, "lobby", &mut [&mut alice, &mut bob]);
    assert_eq!(pushed[0][0].info.from, alice.revision);
    // A silent row's end is pushed as well.
    world.secs(20);
    alice.beat(&mut world);
    bob.beat(&mut world);
    world.secs(30);
    alice.beat(&mut world);
    bob.beat(&mut world);
    world.secs(26);
    let pages = pushes(&mut world, &mut alice);
    assert_eq!(pages.iter().map(|p| p.items.clone()).collect::<Vec<_>>(), [["-expiry"]]);
}

#[test]
fn without_push_nothing_is_pushed() {
    crate::shows!("R-DIR-09");
    let mut world = with_mode(UpdateMode::OnChange, false);
    let mut alice = Client::new("alice", 1).viewing(View::Realm, true);
    let mut bob = Client::new("bob", 2);
    alice.join(&mut world);
    bob.join(&mut world);
    alice.copy(&mut world);
    assert_eq!(change(&mut world, &mut bob, "board", &mut [&mut alice]), [vec![]]);
    world.secs(5);
    assert!(world.unasked.is_empty());
    // Nor is the loop kept awake by it.
    assert!(world.server.poll_timeout() > Some(world.now));
    assert_eq!(alice.beat(&mut world).page.expect("a page").items, ["+bob"]);
}

/// Datagrams to and from one host in ten check times, with one change of another in the middle.
fn datagrams(update: UpdateMode, push: bool, changes: usize) -> usize {
    let mut world = with_mode(update, push);
    let mut alice = Client::new("alice", 1).viewing(View::Realm, push);
    let mut bob = Client::new("bob", 2);
    alice.join(&mut world);
    bob.join(&mut world);
    alice.copy(&mut world);
    let mut count = 0;
    for cycle in 0..10 {
        if cycle == 5 && changes == 1 {
            count += change(&mut world, &mut bob, "board", &mut [&mut alice])[0].len();
        } else {
            bob.beat(&mut world);
        }
        let ack = alice.beat(&mut world);
        count += 2;
        if let Some(page) = ack.page {
            assert!(!page.info.more);
            alice.revision = page.info.to;
            alice.digest = world_digest(&mut world);
        } else if update != UpdateMode::OnRequest {
            assert!(!ack.resync);
        }
        world.secs(30);
    }
    count
}

fn world_digest(world: &mut World) -> u64 {
    let view = world.server.registry.realm_view(super::world::REALMS[0].1).expect("a realm");
    world.server.registry.root(view)
}

#[test]
fn each_mode_has_its_number_of_datagrams() {
    crate::shows!("R-DIR-08");
    for changes in [0, 1] {
        assert_eq!(datagrams(UpdateMode::OnChange, false, changes), 20);
        assert_eq!(datagrams(UpdateMode::Always, false, changes), 20);
        assert_eq!(datagrams(UpdateMode::OnRequest, false, changes), 20);
        assert_eq!(datagrams(UpdateMode::OnChange, true, changes), 20 + changes);
        assert_eq!(datagrams(UpdateMode::OnRequest, true, changes), 20, "on request means: not before");
    }
}

#[test]
fn always_sends_the_whole_view_and_on_request_only_what_is_asked_for() {
    crate::shows!("R-DIR-08");
    let mut world = with_mode(UpdateMode::Always, false);
    let mut alice = Client::new("alice", 1).viewing(View::Realm, false);
    alice.join(&mut world);
    Client::new("bob", 2).join(&mut world);
    for _ in 0..2 {
        let page = alice.beat(&mut world).page.expect("a page");
        assert_eq!((page.info.kind, page.items.len(), page.info.total), (PageKind::Copy, 2, 2));
        assert_eq!(page.info.up_to, UserId::MAX);
        alice.revision = page.info.to;
        alice.digest = page.digest;
    }
    let mut world = with_mode(UpdateMode::OnRequest, false);
    let mut alice = Client::new("alice", 1).viewing(View::Realm, false);
    alice.join(&mut world);
    alice.copy(&mut world);
    Client::new("bob", 2).join(&mut world);
    let ack = alice.beat(&mut world);
    assert!(ack.page.is_none() && ack.revision > alice.revision);
    // Nor is a resync said unasked; *equal* is.
    let (revision, digest) = (alice.revision, alice.digest);
    alice.revision = Revision(0);
    let ack = alice.beat(&mut world);
    assert!(ack.page.is_none() && !ack.resync && !ack.equal);
    alice.digest = world_digest(&mut world);
    assert!(alice.beat(&mut world).equal);
    alice.want = true;
    assert!(alice.beat(&mut world).equal);
    alice.digest = digest;
    assert!(alice.beat(&mut world).resync);
    alice.revision = revision;
    assert_eq!(alice.beat(&mut world).page.expect("a page").items, ["+bob"]);
}

#[test]
fn fixed_addresses_are_signed() {
    crate::shows!("R-AUT-40");
    let mut world = World::new();
    let mut alice = Client::new("alice", 1).viewing(View::Realm, false);
    alice.content.fixed = true;
    let registered = alice.join(&mut world);
    Client::new("bob", 2).join(&mut world);
    let key = registered.settings.cluster_key.expect("the cluster's key");
    let id = world.server.registry.by_user(alice.realm, alice.user).expect("a row");
    let (realm, user) = (alice.realm, alice.user);
    let holds = |world: &World| {
        let row = world.server.registry.row(id).expect("a row");
        let signature = row.signature().expect("a signature");
        let address = row.address().expect("an address");
        crate::auth::fixed_holds(
            &key,
            realm,
            user,
            signature.issued,
            address,
            row.content(),
            &signature.bytes,
        )
    };
    assert!(holds(&world));
    let Got::Page(page) = alice.pull(&mut world, PullKind::Copy, UserId::default(), None) else {
        panic!("no page")
    };
    assert_eq!((page.items.len(), page.signed), (2, 1));
    alice.from = "10.0.1.77:5000".parse().expect("an address");
    alice.prove(&mut world);
    assert!(holds(&world));
    alice.content.fixed = false;
    alice.update(&mut world);
    assert!(world.server.registry.row(id).expect("a row").signature().is_none());
}

#[test]
fn directory_bytes_have_a_budget() {
    crate::shows!("R-DIR-13");
    let mut world = with_mode(UpdateMode::OnChange, true);
    let mut alice = Client::new("alice", 1).viewing(View::Realm, true);
    let mut other = Client::of_realm(1, "bob", 2).viewing(View::Realm, false);
    alice.join(&mut world);
    other.join(&mut world);
    alice.copy(&mut world);
    // One user may not ask so often (R-SEC-05).
    let mut askers: Vec<_> =
        (10..20).map(|host| Client::new(&format!("user{host}"), host).viewing(View::Realm, false)).collect();
    askers.iter_mut().for_each(|asker| drop(asker.join(&mut world)));
    alice.copy(&mut world);
    let all = (0..10_000).zip((0..10).cycle());
    let answered = all
        .take_while(|(_, n)| {
            askers[*n].pull(&mut world, PullKind::Copy, UserId::default(), None) != Got::Nothing
        })
        .count();
    assert!(answered < 10_000, "no bound");
    assert_eq!((world.drops("directory-budget"), world.drops("user-budget")), (1, 0));
    other.copy(&mut world);
    // A push waits for its turn; the loop is told when.
    let mut carol = Client::new("carol", 3);
    carol.join(&mut world);
    assert!(world.unasked.is_empty());
    world.pass(crate::time::Duration::from_millis(50));
    assert_eq!(pushes(&mut world, &mut alice).len(), 1);
}

#[test]
fn who_is_silent_is_pushed_nothing_until_it_is_heard_again() {
    crate::shows!("R-DIR-09");
    let mut world = with_mode(UpdateMode::OnChange, true);
    let mut alice = Client::new("alice", 1).viewing(View::Realm, true);
    let mut carol = Client::new("carol", 3);
    alice.join(&mut world);
    carol.join(&mut world);
    alice.copy(&mut world);
    world.secs(44);
    carol.update(&mut world);
    alice.revision = change(&mut world, &mut carol, "board", &mut [&mut alice])[0][0].info.to;
    world.secs(2);
    assert!(change(&mut world, &mut carol, "lobby", &mut [&mut alice])[0].is_empty());
    // The heartbeat brings what it missed, and pushes go on from there.
    let page = alice.beat(&mut world).page.expect("what was not pushed");
    assert_eq!(page.items, ["+carol"]);
    alice.revision = page.info.to;
    assert_eq!(change(&mut world, &mut carol, "hall", &mut [&mut alice])[0][0].info.from, alice.revision);
}

#[test]
fn what_is_equal_at_a_heartbeat_is_pushed_from_there() {
    let mut world = with_mode(UpdateMode::OnChange, true);
    let mut alice = Client::new("alice", 1).viewing(View::Realm, true);
    let mut bob = Client::new("bob", 2);
    alice.join(&mut world);
    alice.copy(&mut world);
    bob.join(&mut world);
    bob.leave(&mut world);
    // Registered anew with an older revision; a heartbeat catches up, and pushes go on.
    alice.join(&mut world);
    let page = alice.beat(&mut world).page.expect("a page");
    alice.revision = page.info.to;
    alice.beat(&mut world);
    let mut carol = Client::new("carol", 3);
    let Got::Challenge(cookie) = carol.init(&mut world) else { panic!("no challenge") };
    let bytes = carol.register_bytes(cookie);
    let sent = world.send(carol.from, &bytes);
    assert_eq!(sent.iter().filter(|s| s.to == Some(alice.from)).count(), 1);
}

#[test]
fn who_is_far_behind_pulls_and_is_pushed_nothing_before_it_has_caught_up() {
    crate::shows!("R-DIR-09");
    let mut world = with_mode(UpdateMode::OnChange, true);
    let mut alice = Client::new("alice", 1).viewing(View::Realm, true);
    alice.join(&mut world);
    alice.copy(&mut world);
    alice.beat(&mut world);
    let old = (alice.revision, alice.digest);
    for host in 10..80 {
        Client::new(&format!("user{host}"), host).join(&mut world);
    }
    let mut carol = Client::new("carol", 3);
    carol.join(&mut world);
    world.unasked.clear();
    // Said again and again, with a change of another in between: one page each, in the ACK.
    for round in 0..10 {
        (alice.revision, alice.digest) = old;
        let page = alice.beat(&mut world).page.expect("a first page");
        assert!(page.info.more);
        alice.revision = page.info.to;
        let pushed = change(&mut world, &mut carol, &format!("room {round}"), &mut [&mut alice]);
        assert!(pushed[0].is_empty(), "{} pages", pushed[0].len());
        world.secs(1);
        assert!(world.unasked.is_empty());
    }
    // Having pulled the rest it is pushed what comes then.
    loop {
        let Got::Page(page) = alice.pull(&mut world, PullKind::Delta, UserId::default(), None) else {
            panic!("no page")
        };
        alice.revision = page.info.to;
        if !page.info.more {
            break;
        }
    }
    let pushed = change(&mut world, &mut carol, "hall", &mut [&mut alice]);
    assert_eq!(pushed[0].len(), 1);
    assert_eq!((pushed[0][0].info.from, pushed[0][0].items.len()), (alice.revision, 1));
}
