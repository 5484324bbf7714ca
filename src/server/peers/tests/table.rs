//! One table: hosts of both HMSs list each other, and turn to the other HMS without a registration.

use super::world::{World, id, name, user};
use crate::auth::user_id;
use crate::ident::{Generation, InstanceId, Name, RealmId, SessionId, Stamp};
use crate::registry::NewRow;
use crate::server::Service;
use crate::time::{Duration, UnixMillis};
use crate::wire::Content;

fn session(world: &mut World, node: usize, number: u8) -> Option<(SessionId, u64)> {
    let (server, realm) = (world.server(node), RealmId(7));
    let row = server.registry.by_user(realm, user_id(realm, &user(number)));
    let row = row.and_then(|row| server.registry.row(row))?;
    Some((row.session(), row.home().server.0))
}

#[test]
fn hosts_of_both_list_each_other() {
    crate::shows!("R-PEE-54", "R-PEE-68");
    let mut world = World::settled(2);
    world.join(1);
    world.secs(2);
    // The second knows the other HMS only.
    world.cut_host(2, 0);
    world.join(2);
    world.secs(15);
    let homes = [1, 2].map(|number| session(&mut world, 0, number).map(|(_, home)| home));
    assert_eq!(homes, [Some(id(0).0), Some(id(1).0)], "{}", world.tell());
    assert_eq!(world.rows(0), world.rows(1));
    assert_eq!((world.list(1), world.list(2)), (vec![user(1), user(2)], vec![user(1), user(2)]));
    world.secs(60);
    assert!(world.rows(1).iter().all(|row| row.contains(" up ")), "{:?}", world.rows(1));
    let row = world.peer(0, 1);
    assert_eq!((row.hosts, row.equal), (Some(1), Some(true)), "{row:?}");
    assert!(row.last_exchange_s.expect("it was") < 65);
    assert_eq!(row.digest.expect("a digest").len(), 16);
}

#[test]
fn who_watches_an_hms_sees_the_hosts_of_the_others() {
    let mut world = World::settled(2);
    world.server(1).set_watched(true);
    world.join(1);
    world.secs(2);
    let now = world.now;
    let host = world.hosts.get_mut(&1).expect("a host");
    let change = crate::host::Change::parse("conference", "board").expect("a change");
    assert_eq!(host.set(now, vec![change]), Ok(true));
    host.refresh(now);
    world.secs(2);
    let now = world.now;
    world.hosts.get_mut(&1).expect("a host").leave(now);
    world.secs(2);
    let [joined, changed, left] =
        ["join", "update", "leave"].map(|event| format!("{event} {} via hms0", user(1)));
    assert_eq!(world.nodes[1].watched, [joined, changed, left], "{}", world.tell());
}

#[test]
fn a_newcomer_operates_when_it_has_the_table() {
    crate::shows!("R-PEE-15", "R-PEE-89");
    let mut world = World::new(2, 2);
    world.start(0);
    world.secs(4);
    (1..=20).for_each(|number| world.join(number));
    world.secs(5);
    world.start(1);
    while world.server(1).service != Service::Whole {
        assert!(world.server(1).service == Service::Closed || world.role(1) == "secondary");
        world.pass(Duration::from_millis(1));
    }
    assert_eq!(world.rows(1).len(), 20, "{}", world.tell());
    assert_eq!(world.role(1), "secondary");
    assert_eq!(world.rows(0), world.rows(1));
    world.secs(3);
    assert_eq!(world.peer(1, 0).hosts, Some(20));
}

#[test]
fn a_host_goes_on_at_the_other_hms_without_a_registration() {
    crate::shows!("R-PEE-50", "R-PEE-51");
    let mut world = World::settled(2);
    (1..=3).for_each(|number| world.join(number));
    world.secs(5);
    let before: Vec<_> = (1..=3).map(|number| session(&mut world, 1, number).expect("a copy").0).collect();
    let since = world.rows(1);
    world.crash(0);
    world.secs(40);
    assert_eq!(world.role(1), "primary");
    let after: Vec<_> = (1..=3).map(|number| session(&mut world, 1, number)).collect();
    assert_eq!(after, before.iter().map(|one| Some((*one, id(1).0))).collect::<Vec<_>>(), "{}", world.tell());
    assert_eq!(world.rows(1), since, "the same `since`, and up");
    assert_eq!(world.list(2), [user(1), user(2), user(3)]);
    // The first comes back with an empty table, and is told.
    world.start(0);
    world.secs(10);
    assert_eq!(world.rows(0), world.rows(1));
    assert_eq!(world.peer(0, 1).name, name(1));
}

#[test]
fn who_leaves_is_gone_everywhere_and_stays_so() {
    crate::shows!("R-PEE-53");
    let mut world = World::settled(2);
    (1..=2).for_each(|number| world.join(number));
    world.secs(5);
    let now = world.now;
    world.hosts.get_mut(&1).expect("it").leave(now);
    world.secs(2);
    for node in 0..2 {
        assert_eq!(world.rows(node).len(), 1, "hms{node}: {:?}", world.rows(node));
    }
    world.secs(70);
    assert_eq!(world.list(2), [user(2)]);
}

#[test]
fn who_is_revoked_elsewhere_loses_the_row() {
    crate::shows!("R-PEE-28", "R-AUT-04");
    let mut world = World::settled(2);
    (1..=2).for_each(|number| world.join(number));
    world.secs(5);
    let now = world.now;
    let view = world.server(1).revoke(now, Some("acme"), &user(1)).expect("revoked");
    assert!(view.removed, "its copy was there");
    world.secs(1);
    assert_eq!((world.rows(0).len(), world.rows(1).len()), (1, 1));
    world.secs(30);
    assert_eq!((world.rows(0).len(), world.rows(1).len()), (1, 1));
}

#[test]
fn a_change_is_at_the_other_at_once() {
    crate::shows!("R-PEE-54");
    let mut world = World::settled(2);
    world.join(1);
    world.secs(3);
    // Not only when the next PING wakes the HMS.
    for number in 2..8 {
        world.join(number);
        world.pass(Duration::from_millis(330));
        assert!(session(&mut world, 0, number).is_some(), "{}", world.tell());
        assert!(session(&mut world, 1, number).is_some(), "{}", world.tell());
    }
}

#[test]
fn one_after_the_other_goes_and_no_host_registers_anew() {
    crate::shows!("R-PEE-54", "R-PEE-02");
    let mut world = World::settled(3);
    (1..=30).for_each(|number| world.join(number));
    world.secs(8);
    world.loss = 5;
    let before = world.rows(2);
    assert_eq!(before.len(), 30);
    for node in 0..3 {
        world.crash(node);
        world.secs(40);
        world.start(node);
        world.secs(20);
    }
    world.loss = 0;
    world.secs(70);
    let roles: Vec<_> = world.roles();
    assert_eq!(roles.iter().filter(|role| **role == "primary").count(), 1, "{roles:?}");
    for node in 0..3 {
        assert_eq!(world.rows(node), before, "hms{node}: the same sessions, with the same `since`");
    }
    assert_eq!(world.list(7).len(), 30);
}

#[test]
fn who_left_elsewhere_while_its_home_slept_does_not_come_back() {
    crate::shows!("R-PEE-06");
    let mut world = World::settled(2);
    (1..=2).for_each(|number| world.join(number));
    world.secs(5);
    world.nodes[0].stands_still = true;
    world.secs(60);
    assert_eq!(session(&mut world, 1, 1).expect("it is there").1, id(1).0, "{}", world.tell());
    let now = world.now;
    world.hosts.get_mut(&1).expect("a host").leave(now);
    // Until the entry that says so is forgotten.
    world.secs(240);
    let is_there = |world: &World, node| world.rows(node).iter().any(|row| row.starts_with(&user(1)));
    let is_up =
        |world: &World, node| world.rows(node).iter().any(|row| row.starts_with(&format!("{} up", user(1))));
    assert!(!is_there(&world, 1), "{:?}", world.rows(1));
    world.nodes[0].stands_still = false;
    for _ in 0..60 * 20 {
        world.pass(Duration::from_millis(50));
        let up = (is_up(&world, 0), is_there(&world, 1));
        assert_eq!(up, (false, false), "{:?} {:?}\n{}", world.rows(0), world.rows(1), world.tell());
    }
    assert_eq!(world.rows(0).len(), 1, "{:?}", world.rows(0));
    assert_eq!(world.rows(0), world.rows(1));
}

#[test]
fn who_has_no_other_hms_goes_on_after_the_home_slept() {
    crate::shows!("R-PEE-06");
    let mut world = World::settled(2);
    (1..=3).for_each(|number| world.cut_host(number, 1));
    (1..=3).for_each(|number| world.join(number));
    world.secs(5);
    let before: Vec<_> = (1..=3).map(|number| session(&mut world, 0, number)).collect();
    let rows = world.rows(0);
    assert!(before.iter().all(Option::is_some), "{rows:?}");
    world.nodes[0].stands_still = true;
    world.secs(300);
    assert_eq!(world.rows(1), Vec::<String>::new());
    world.nodes[0].stands_still = false;
    world.pass(Duration::from_millis(1));
    assert_eq!(world.status(0).hosts.unconfirmed, 3, "{:?}", world.rows(0));
    world.secs(20);
    let after: Vec<_> = (1..=3).map(|number| session(&mut world, 0, number)).collect();
    assert_eq!(after, before, "{}", world.tell());
    assert_eq!((world.rows(0), world.rows(1)), (rows.clone(), rows), "the same `since`, and up");
    assert_eq!(world.list(2), [user(1), user(2), user(3)]);
}

/// Rows that are homed at an HMS, without hosts.
fn fill(world: &mut World, node: usize, rows: u64) {
    let now = world.now;
    let server = world.server(node);
    for number in 0..rows {
        let name = Name::new(&format!("many{number}")).expect("a name");
        let mut content = Vec::new();
        Content::new(name.clone(), name.clone()).emit(&mut content);
        server.registry.register(
            now,
            &NewRow {
                realm: RealmId(7),
                user: user_id(RealmId(7), name.as_str()),
                session: SessionId(number + 1),
                key: [1; 32].as_slice().try_into().expect("32 bytes"),
                generation: Generation(0),
                stamp: Stamp(1 << 20),
                server: id(node),
                instance: InstanceId(number),
                content: &content,
                content_version: 1,
                group: None,
                address: Some(std::net::SocketAddr::from(([10, 2, (number >> 8) as u8, number as u8], 5000))),
                since: UnixMillis(0),
                check_time: Duration::from_secs(3600),
            },
        );
    }
}

#[test]
fn many_rows_are_copied_in_many_turns_without_a_pause() {
    crate::shows!("R-PEE-15", "R-PEE-54");
    let mut world = World::new(2, 2);
    world.start(0);
    world.secs(5);
    fill(&mut world, 0, 15_000);
    world.secs(1);
    world.start(1);
    let began = world.now;
    while world.server(1).service != Service::Whole {
        world.pass(Duration::from_millis(1));
    }
    let took = world.now.since(began);
    assert!(took < Duration::from_millis(180), "{took:?} for a copy over 5 ms");
    assert_eq!(world.rows(1).len(), 15_000);
}
