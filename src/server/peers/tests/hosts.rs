//! What hosts get of several HMSs: their list, the next one when the first falls silent, and the way back.

use super::world::{World, id, name};
use crate::auth::user_id;
use crate::ident::{Name, Process, RealmId, SessionId, Stamp};
use crate::registry::{Merged, NewRow, RowId, ToldRow};
use crate::server::Prefer;
use crate::time::Duration;
use crate::wire::ContentRef;

const REALM: RealmId = RealmId(7);

fn prefer(hms: usize) -> Vec<Prefer> {
    let hms = Name::new(&name(hms)).expect("a name");
    vec![Prefer { network: [10, 0, 1, 0].into(), bits: 24, hms }]
}

fn row_of(world: &World, node: usize, number: u8) -> Option<RowId> {
    let server = world.nodes[node].server.as_ref().expect("it runs");
    server.registry.by_user(REALM, user_id(REALM, &super::world::user(number)))
}

/// Session, stamp and where it is at home, as an HMS has it.
fn session(world: &World, node: usize, number: u8) -> (SessionId, Stamp, Process) {
    let id = row_of(world, node, number).expect("a row");
    let server = world.nodes[node].server.as_ref().expect("it runs");
    let row = server.registry.row(id).expect("a row");
    (row.session(), row.stamp(), row.home())
}

fn process(world: &World, node: usize) -> Process {
    let server = world.nodes[node].server.as_ref().expect("it runs");
    Process { server: id(node), incarnation: server.incarnation() }
}

/// The row of a host is known at another HMS too.
fn copy(world: &mut World, from: usize, to: usize, number: u8) {
    let (now, home, found) = (world.now, process(world, from), row_of(world, from, number).expect("a row"));
    let mut there = world.nodes[from].server.take().expect("it runs");
    let row = there.registry.row(found).expect("a row");
    let new = NewRow {
        realm: row.realm(),
        user: row.user(),
        session: row.session(),
        key: row.key(),
        generation: row.order().generation,
        stamp: row.stamp(),
        server: row.server(),
        instance: row.instance(),
        content: row.content(),
        content_version: row.content_version(),
        group: ContentRef::trusted(row.content()).conference(),
        address: row.address(),
        since: row.since(),
        check_time: row.check_time(),
    };
    let told = ToldRow {
        row: new,
        view: there.registry.view_spec(found),
        push: row.wants_push(),
        sequence: row.place().sequence,
        late: row.is_late(),
        home,
        age: Duration::ZERO,
    };
    let registry = &mut world.server(to).registry;
    registry.home_reached(home);
    assert!(matches!(registry.merge_row(now, &told), Merged::Entered(..) | Merged::Nothing));
    there.registry.home_reached(process(world, to));
    world.nodes[from].server = Some(there);
}

/// Where a host has its registration, by its own view.
fn hms_of(world: &World, number: u8) -> Option<String> {
    let me = world.hosts[&number].me(world.now);
    me.hms.filter(|_| me.registered)
}

fn listed(world: &mut World, number: u8) -> Vec<String> {
    let host = world.hosts.get_mut(&number).expect("a host");
    host.store().hms.iter().map(|hms| format!("{} {}", hms.name, hms.primary)).collect()
}

#[test]
fn a_host_is_told_of_all_hmss_in_their_order() {
    crate::shows!("R-PEE-92");
    let mut world = World::settled(3);
    world.join(1);
    world.secs(2);
    assert_eq!(hms_of(&world, 1).as_deref(), Some("hms0"));
    assert_eq!(listed(&mut world, 1), ["hms0 true", "hms1 false", "hms2 false"]);
    let host = world.hosts.get_mut(&1).expect("a host");
    let addresses: Vec<_> = host.store().hms.iter().map(|hms| hms.addresses.clone()).collect();
    assert_eq!(addresses, (0..3).map(|node| vec![super::world::address(node)]).collect::<Vec<_>>());
    // Down for less than a minute changes nothing, down for longer does, and is told with the next ACK.
    world.crash(1);
    world.secs(60);
    assert_eq!(listed(&mut world, 1), ["hms0 true", "hms1 false", "hms2 false"]);
    world.secs(30);
    assert_eq!(listed(&mut world, 1), ["hms0 true", "hms2 false", "hms1 false"]);
    // Whoever is preferred where the host is comes first; the settings are its HMS's.
    let now = world.now;
    let settings = crate::server::ServerSettings { prefer: prefer(1), ..world.nodes[0].settings.clone() };
    world.server(0).reload(now, settings);
    world.start(1);
    world.secs(20);
    assert_eq!(listed(&mut world, 1), ["hms0 true", "hms1 false", "hms2 false"]);
}

#[test]
fn who_registers_right_after_an_hms_came_hears_of_it() {
    crate::shows!("R-PEE-92");
    let mut world = World::settled(2);
    for time in [300, 7_150] {
        world.crash(1);
        world.pass(Duration::from_millis(30_000 + time));
        world.start(1);
        let latest = world.now + Duration::from_secs(20);
        while world.peer(0, 1).role != Some("secondary") || !world.server(0).hms_list.operates(id(1)) {
            let known = world.peer(0, 1).role == Some("secondary");
            assert_eq!(world.server(0).hms_list.operates(id(1)), known, "{}", world.tell());
            assert!(world.now < latest, "{}", world.tell());
            world.pass(Duration::from_millis(1));
        }
    }
}

#[test]
fn the_next_hms_goes_on_with_a_host_of_the_first() {
    crate::shows!("R-PEE-91", "R-REG-34");
    let mut world = World::settled(2);
    [1, 2].into_iter().for_each(|number| world.join(number));
    world.secs(25);
    [1, 2].into_iter().for_each(|number| copy(&mut world, 0, 1, number));
    let before = session(&world, 0, 1);
    let rows = world.rows(1);
    world.crash(0);
    // T is 10 s: the next heartbeat within 1.1 T, four seconds until it turns away, and the challenge.
    world.pass(Duration::from_millis(15_500));
    assert_eq!(hms_of(&world, 1).as_deref(), Some("hms1"), "{}", world.tell());
    let after = session(&world, 1, 1);
    assert_eq!((after.0, after.1), (before.0, before.1), "the same session");
    assert_eq!((before.2.server, after.2), (id(0), process(&world, 1)), "at home at the other HMS");
    assert_eq!(world.rows(1), rows, "registered since the same moment");
    let via = |rows: Vec<Option<String>>| rows.into_iter().flatten().collect::<Vec<_>>();
    let at_host = world.hosts[&1].who(world.now).hosts.into_iter().map(|row| row.via).collect();
    assert!(via(at_host).iter().all(|name| name.starts_with("hms")), "names, not numbers");
    let shown = world.server(1);
    let shown = shown.hosts(crate::time::Instant::from_secs(2000), None).expect("rows");
    assert!(shown.iter().all(|row| row.via == "hms1"));
}

#[test]
fn hosts_return_to_the_hms_that_is_theirs() {
    crate::shows!("R-PEE-93", "R-REG-36");
    let mut world = World::new(2, 2);
    world.nodes.iter_mut().for_each(|node| node.settings.prefer = prefer(1));
    [0, 1].into_iter().for_each(|node| world.start(node));
    world.secs(8);
    (1..=16).for_each(|number| world.join(number));
    world.secs(2);
    (1..=16).for_each(|number| copy(&mut world, 0, 1, number));
    let before: Vec<_> = (1..=16).map(|number| session(&world, 0, number)).collect();
    let at = |world: &World, node: usize| {
        (1..=16).filter(|number| hms_of(world, *number) == Some(name(node))).count()
    };
    world.secs(280);
    assert_eq!(at(&world, 0), 16, "not before it has been there for five minutes");
    world.secs(470);
    let half = at(&world, 1);
    assert!((4..13).contains(&half), "one after the other: {half}");
    world.secs(480);
    assert_eq!((at(&world, 0), at(&world, 1)), (0, 16), "{}", world.tell());
    for (number, was) in (1..=16).zip(before) {
        let is = session(&world, 1, number);
        assert_eq!((is.0, is.1, is.2.server), (was.0, was.1, id(1)), "with its session");
        assert_eq!(world.list(number).len(), 16);
    }
}

#[test]
fn a_host_that_does_not_reach_its_hms_loses_a_round_trip() {
    crate::shows!("R-PEE-93", "R-REG-36");
    let mut world = World::new(2, 2);
    world.nodes.iter_mut().for_each(|node| node.settings.prefer = prefer(1));
    [0, 1].into_iter().for_each(|node| world.start(node));
    world.secs(8);
    world.join(1);
    world.cut_host(1, 1);
    world.secs(2);
    copy(&mut world, 0, 1, 1);
    let before = session(&world, 0, 1);
    for _ in 0..130 {
        world.secs(10);
        assert!(world.hosts[&1].registered());
    }
    assert_eq!((hms_of(&world, 1), session(&world, 0, 1)), (Some(name(0)), before));
}
