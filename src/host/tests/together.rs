//! A real server and real hosts against each other.

use std::collections::BTreeMap;

use super::world::{REALM, SERVER, World, host_setup};
use super::*;

fn set(world: &mut World, n: u8, key: &str, value: &str) {
    let now = world.now;
    let host = world.hosts.get_mut(&n).expect("the host");
    host.set(now, vec![Change::parse(key, value).expect("a change")]).expect("it is set");
    world.flush();
}

fn sees(world: &World, n: u8, conference: &str) -> bool {
    let user = format!("user{n}");
    world.hosts.values().all(|host| {
        let rows = host.who(world.now).hosts;
        rows.iter().any(|r| r.user == user && r.conference.as_deref() == Some(conference))
    })
}

#[test]
fn hosts_register_see_each_other_change_and_leave() {
    crate::shows!("R-DIR-09", "R-DIR-12", "R-REG-45");
    let mut world = World::new(0, |_| {});
    world.join(10..=29);
    let took = world.until(Duration::from_secs(2), World::lists_are_right);
    assert!(took < Duration::from_millis(500), "{took:?}");
    let listed = world.hosts.values().all(|h| h.who(world.now).hosts.iter().filter(|r| r.own).count() == 1);
    assert!(listed, "a host lists itself");

    set(&mut world, 12, "conference", "board");
    world.until(Duration::from_millis(100), |w| sees(w, 12, "board"));

    world.hosts.get_mut(&15).expect("a host").leave(world.now);
    world.flush();
    world.until(Duration::from_secs(1), |w| w.hosts.get(&15).is_some_and(Host::ended));
    world.hosts.remove(&15);
    world.until(Duration::from_secs(1), World::lists_are_right);

    // A host that dies is gone for all others after 2.5 to 2.6 check times.
    world.hosts.remove(&20);
    let took = world.until(Duration::from_secs(80), World::lists_are_right);
    assert!(took > Duration::from_secs(40), "{took:?}");
    world.run(Duration::from_secs(300));
    assert!(world.lists_are_right(), "{}", world.report());
}

#[test]
fn without_push_the_next_heartbeat_tells() {
    let mut world = World::new(0, |s| s.push = false);
    world.join(10..=15);
    world.until(Duration::from_secs(34), World::lists_are_right);
    set(&mut world, 12, "conference", "board");
    world.run(Duration::from_millis(200));
    assert!(!sees(&world, 12, "board"));
    world.until(Duration::from_secs(34), |w| sees(w, 12, "board"));
}

#[test]
fn the_modes_always_and_on_request() {
    let mut world = World::new(0, |s| {
        s.update = UpdateMode::Always;
        s.push = false;
    });
    world.join(10..=25);
    world.until(Duration::from_secs(34), World::lists_are_right);
    set(&mut world, 12, "conference", "board");
    world.until(Duration::from_secs(34), |w| sees(w, 12, "board"));

    let mut world = World::new(0, |s| s.update = UpdateMode::OnRequest);
    world.join(10..=12);
    world.run(Duration::from_secs(100));
    set(&mut world, 12, "conference", "board");
    world.run(Duration::from_secs(100));
    assert!(!sees(&world, 12, "board") && world.hosts[&10].who(world.now).stale);
    let now = world.now;
    world.hosts.values_mut().for_each(|host| host.refresh(now));
    world.flush();
    world.until(Duration::from_secs(1), |w| sees(w, 12, "board") && !w.hosts[&10].who(w.now).stale);
}

#[test]
fn a_bad_network_is_survived() {
    for loss in [10, 30] {
        let mut world = World::new(loss, |s| s.check_time = Duration::from_secs(5));
        world.join(10..=40);
        world.until(Duration::from_secs(60), World::lists_are_right);
        for round in 0..10u8 {
            set(&mut world, 10 + round * 2, "conference", &format!("room{round}"));
            world.run(Duration::from_secs(2));
        }
        world.run(Duration::from_secs(120));
        (world.loss, world.doubled) = (0, 0);
        world.until(Duration::from_secs(30), |w| w.lists_are_right() && sees(w, 28, "room9"));
        let stayed = world.hosts.values().filter(|h| h.session.as_ref().is_some_and(|s| s.stamp.0 > 0));
        assert_eq!(stayed.count(), 31);
    }
}

#[test]
fn a_restarted_hms_gets_all_hosts_back_by_itself() {
    crate::shows!("R-REG-37", "R-REG-22");
    for loss in [0, 10] {
        let mut world = World::new(loss, |_| {});
        world.join(10..=29);
        world.until(Duration::from_secs(30), World::lists_are_right);
        world.run(Duration::from_secs(60));
        world.restart_server();
        let took = world.until(Duration::from_secs(60), |w| {
            w.lists_are_right() && w.server.status(w.now).hosts.up == w.hosts.len()
        });
        assert!(took < Duration::from_secs(38) || loss > 0, "{took:?}");
    }
}

#[test]
fn address_less_tokens_find_the_hms_by_multicast() {
    crate::shows!("R-DSC-01", "R-DSC-03");
    let mut world = World::new(5, |_| {});
    for n in 10..=19 {
        world.hosts.insert(n, Host::new(world.now, host_setup(n, Vec::new())));
    }
    world.flush();
    // A push that was lost is made good by the next heartbeat.
    world.until(Duration::from_secs(40), World::lists_are_right);
}

#[test]
fn a_moved_host_keeps_its_registration() {
    let mut world = World::new(0, |s| s.check_time = Duration::from_secs(5));
    world.join(10..=12);
    world.until(Duration::from_secs(10), World::lists_are_right);
    let host = world.hosts.remove(&12).expect("a host");
    let stamp = host.session.as_ref().map(|s| s.stamp);
    world.hosts.insert(99, host);
    let moved = |w: &World| {
        let host = w.hosts.get(&10).expect("a host");
        host.who(w.now).hosts.iter().any(|r| r.address.as_deref() == Some("10.0.0.99:6710"))
    };
    let took = world.until(Duration::from_secs(11), moved);
    assert!(took <= Duration::from_secs(11));
    assert_eq!(world.hosts.get(&99).and_then(|h| h.session.as_ref().map(|s| s.stamp)), stamp);
}

#[test]
fn another_machine_takes_the_user_over_and_the_first_stays_down() {
    crate::shows!("R-REG-20", "R-REG-21");
    let mut world = World::new(0, |s| s.check_time = Duration::from_secs(5));
    world.join(10..=11);
    world.until(Duration::from_secs(10), World::lists_are_right);
    let other = |takeover| {
        let mut setup = host_setup(10, vec![addr(SERVER)]);
        setup.store.instance = InstanceId(1000);
        HostSetup { takeover, seed: [200; 32], ..setup }
    };
    world.hosts.insert(50, Host::new(world.now, other(false)));
    world.flush();
    world.until(Duration::from_secs(1), |w| w.hosts[&50].ended());
    assert!(world.hosts[&10].registered());

    world.hosts.insert(50, Host::new(world.now, other(true)));
    world.flush();
    world.until(Duration::from_secs(6), |w| w.hosts[&10].ended() && w.hosts[&50].registered());
    world.restart_server();
    world.run(Duration::from_secs(30));
    assert!(world.hosts[&10].ended() && world.hosts[&50].registered());
}

#[test]
fn find_looks_in_the_whole_realm() {
    crate::shows!("R-DIR-05");
    let mut world = World::new(0, |s| s.all_rows = 5);
    world.join(10..=40);
    world.run(Duration::from_secs(40));
    let now = world.now;
    let who = world.hosts[&10].who(now);
    // Only the host itself, as the HMS shows it.
    let rows = world.server.hosts(now, None).expect("rows");
    let own = rows.iter().find(|row| row.user == "user10").expect("a row");
    let [shown] = who.hosts.as_slice() else { panic!("{}", world.report()) };
    assert!(shown.own && shown.status == own.status && who.message.is_some_and(|m| m.contains("all_rows")));
    assert_eq!((&shown.user, &shown.host, &shown.address), (&own.user, &own.host, &own.address));
    assert_eq!(
        (&shown.realm, shown.via.as_ref(), shown.check_time_s),
        (&own.realm, Some(&own.via), Some(own.check_time_s))
    );
    let host = world.hosts.get_mut(&10).expect("a host");
    let exact = host.find(now, "user33", true);
    let prefix = host.find(now, "USER", false);
    world.run(Duration::from_secs(1));
    let mut found = BTreeMap::new();
    let host = world.hosts.get_mut(&10).expect("a host");
    while let Some(event) = host.poll_event() {
        if let Event::Found { id, rows, complete: true } = event {
            found.insert(id, rows.len());
        }
    }
    assert_eq!(found, BTreeMap::from([(exact, 1), (prefix, 31)]));
}

#[test]
fn a_view_that_is_granted_again_is_listed_again() {
    crate::shows!("R-DIR-10", "R-DIR-15");
    let mut world = World::new(0, |s| (s.all_rows, s.check_time) = (5, Duration::from_secs(5)));
    world.join(10..=14);
    world.until(Duration::from_secs(6), World::lists_are_right);
    world.join(15..=15);
    let lists = |w: &World| w.hosts.values().filter(|h| !h.follow.copy.is_empty()).count();
    world.until(Duration::from_secs(12), |w| lists(w) == 0);
    for gone in [14, 15] {
        world.hosts.get_mut(&gone).expect("a host").leave(world.now);
        world.flush();
        world.until(Duration::from_secs(1), |w| w.hosts.get(&gone).is_some_and(Host::ended));
        world.hosts.remove(&gone);
    }
    world.until(Duration::from_secs(6), World::lists_are_right);
}

#[test]
fn a_view_of_a_group_and_of_named_users() {
    let mut world = World::new(0, |_| {});
    world.join(10..=20);
    world.until(Duration::from_secs(3), World::lists_are_right);
    let now = world.now;
    let users = vec![crate::auth::user_id(REALM, "user12"), crate::auth::user_id(REALM, "user13")];
    world.hosts.get_mut(&10).expect("a host").set_view(now, View::Named(users), true).expect("it fits");
    world
        .hosts
        .get_mut(&11)
        .expect("a host")
        .set_view(now, View::Group(name("board")), true)
        .expect("it fits");
    world.flush();
    world.until(Duration::from_secs(2), |w| w.hosts[&10].follow.copy.len() == 2);
    set(&mut world, 15, "conference", "board");
    set(&mut world, 16, "conference", "board");
    world.until(Duration::from_secs(35), |w| w.hosts[&11].follow.copy.len() == 2);
    set(&mut world, 15, "conference", "other");
    world.until(Duration::from_secs(1), |w| w.hosts[&11].follow.copy.len() == 1);
}

#[test]
fn a_large_realm_is_copied_in_pages_over_a_bad_network() {
    crate::shows!("R-DIR-04", "R-DIR-07");
    let mut world = World::new(10, |s| s.check_time = Duration::from_secs(10));
    world.join(10..=90);
    world.until(Duration::from_secs(120), World::lists_are_right);
}

#[test]
fn the_last_of_many_changes_is_what_all_see_soon() {
    crate::shows!("R-SEC-05", "R-REG-32");
    let mut world = World::new(0, |_| {});
    world.join(10..=14);
    world.until(Duration::from_secs(2), World::lists_are_right);
    for round in 0..200 {
        set(&mut world, 12, "conference", &format!("room{round}"));
        world.run(Duration::from_millis(20));
    }
    let took = world.until(Duration::from_secs(10), |w| sees(w, 12, "room199"));
    assert!(took < Duration::from_secs(2), "{took:?}");
    assert!(world.lists_are_right(), "{}", world.report());
}
