//! Expiry, the brake, stalls (spec 4.5).

use super::client::Client;
use super::world::{World, settings};
use crate::server::ServerSettings;
use crate::time::{Duration, Instant};
use crate::wire::View;

/// When the first row goes, in milliseconds from now.
fn first_end(world: &mut World) -> u64 {
    let start = world.now;
    let rows = world.hosts().len();
    while world.hosts().len() == rows {
        world.pass(Duration::from_millis(20));
        assert!(world.now.since(start) < Duration::from_secs(3600), "never");
    }
    u64::try_from(world.now.since(start).as_millis()).expect("short")
}

#[test]
fn a_silent_row_goes_after_two_and_a_half_check_times() {
    crate::shows!("R-REG-41");
    for check_time in [5, 30] {
        let check_time = Duration::from_secs(check_time);
        let mut world = World::with(ServerSettings { check_time, ..settings() });
        let mut alice = Client::new("alice", 1);
        alice.join(&mut world);
        world.pass(check_time);
        alice.beat(&mut world);
        let millis = first_end(&mut world) as f64 / check_time.as_millis() as f64;
        assert!((2.5..=2.6).contains(&millis), "{millis} T");
        assert_eq!(world.watched(), ["join alice", "expire alice"]);
    }
}

#[test]
fn a_mass_of_silent_rows_turns_late_first() {
    crate::shows!("R-REG-43");
    let mut world = World::new();
    let mut hosts: Vec<_> = (0..200).map(|i| Client::new(&format!("user{i}"), i)).collect();
    hosts.iter_mut().for_each(|host| {
        host.join(&mut world);
    });
    let beat = |world: &mut World, hosts: &mut [Client]| {
        for host in hosts {
            host.beat(world);
        }
        world.secs(30);
    };
    world.secs(10);
    for _ in 0..3 {
        beat(&mut world, &mut hosts[..140]);
    }
    let counts = world.server.status(world.now).hosts;
    assert_eq!((counts.known, counts.up, counts.late), (200, 140, 60));
    assert!(world.server.status(world.now).message.is_some_and(|m| m.contains("fell silent")));
    // One that speaks again is up again.
    hosts[150].beat(&mut world);
    assert_eq!(world.server.status(world.now).hosts.late, 59);
    // It has fallen silent again, and has more than a check time to come back when the brake lets go.
    for _ in 0..7 {
        beat(&mut world, &mut hosts[..140]);
    }
    let counts = world.server.status(world.now).hosts;
    assert_eq!((counts.known, counts.up, counts.late), (140, 140, 0));
}

#[test]
fn a_stall_costs_nobody_a_row() {
    crate::shows!("R-REG-44");
    let mut world = World::new();
    let mut alice = Client::new("alice", 1);
    alice.join(&mut world);
    world.secs(70);
    assert_eq!(world.hosts().len(), 1);
    // The process sleeps for a minute, and is asked about timers before it reads its sockets.
    world.now += Duration::from_secs(60);
    world.server.handle_timeout(world.now);
    assert_eq!(world.hosts().len(), 1);
    let left = first_end(&mut world);
    assert!((4_000..8_000).contains(&left), "{left} ms");
    // Told by the shell, the same.
    alice.join(&mut world);
    world.secs(74);
    world.server.stalled(world.now, Duration::from_secs(20));
    let left = first_end(&mut world);
    assert!((20_000..25_000).contains(&left), "{left} ms");
}

#[test]
fn a_shorter_check_time_loses_nobody_and_counts_in_the_end() {
    crate::shows!("R-REG-46");
    let mut world = World::new();
    let mut alice = Client::new("alice", 1).viewing(View::None, false);
    alice.join(&mut world);
    alice.beat(&mut world);
    world.secs(29);
    world.server.reload(world.now, ServerSettings { check_time: Duration::from_secs(5), ..settings() });
    // Its heartbeats are lost for a while: it has not heard of the new check time.
    world.secs(40);
    let ack = alice.beat(&mut world);
    assert_eq!(ack.settings.check_time_ms, Some(5_000));
    for _ in 0..20 {
        world.secs(5);
        alice.beat(&mut world);
    }
    assert_eq!(alice.beat(&mut world).settings.check_time_ms, None, "told long enough");
    let left = first_end(&mut world);
    assert!((12_500..13_100).contains(&left), "{left} ms");
}

/// Between two changes nobody was heard, so the row still has the check time before both.
#[test]
fn a_check_time_that_changes_twice_is_told_as_long_as_a_row_may_have_the_first() {
    crate::shows!("R-REG-46");
    let mut world = World::new();
    let mut alice = Client::new("alice", 1).viewing(View::None, false);
    alice.join(&mut world);
    for check_time in [10, 5] {
        world.secs(5);
        alice.beat(&mut world);
        let check_time = Duration::from_secs(check_time);
        world.server.reload(world.now, ServerSettings { check_time, ..settings() });
    }
    // Its row has 30 s until the end of the first time; it is heard for the last time shortly before.
    world.secs(60);
    assert_eq!(alice.beat(&mut world).settings.check_time_ms, Some(5_000));
    world.secs(12);
    assert_eq!(alice.beat(&mut world).settings.check_time_ms, Some(5_000), "as long as a row may have 30 s");
}

/// The brake keeps rows for longer than a new check time is told.
#[test]
fn a_late_row_is_told_the_check_time_that_counts_for_it() {
    crate::shows!("R-REG-46");
    let mut world = World::new();
    let mut hosts: Vec<_> =
        (0..60).map(|i| Client::new(&format!("user{i}"), i).viewing(View::None, false)).collect();
    for host in &mut hosts {
        host.join(&mut world);
        host.beat(&mut world);
    }
    world.secs(5);
    world.server.reload(world.now, ServerSettings { check_time: Duration::from_secs(5), ..settings() });
    world.secs(100);
    assert_eq!(world.server.status(world.now).hosts.late, 60);
    let told = |world: &mut World, host: &mut Client| host.beat(world).settings.check_time_ms;
    assert_eq!(told(&mut world, &mut hosts[0]), Some(5_000));
    assert_eq!(told(&mut world, &mut hosts[0]), None, "once");
}

/// Nobody was heard while the HMS slept, so nobody was told.
#[test]
fn a_new_check_time_is_told_for_longer_by_what_the_hms_slept() {
    crate::shows!("R-REG-44", "R-REG-46");
    let mut world = World::new();
    let mut alice = Client::new("alice", 1).viewing(View::None, false);
    alice.join(&mut world);
    alice.beat(&mut world);
    world.secs(5);
    world.server.reload(world.now, ServerSettings { check_time: Duration::from_secs(5), ..settings() });
    world.now += Duration::from_secs(120);
    world.server.handle_timeout(world.now);
    assert_eq!(alice.beat(&mut world).settings.check_time_ms, Some(5_000));
    for _ in 0..18 {
        world.secs(5);
        alice.beat(&mut world);
    }
    assert_eq!(alice.beat(&mut world).settings.check_time_ms, None, "told long enough");
}

#[test]
fn a_longer_check_time_counts_at_once() {
    let mut world = World::with(ServerSettings { check_time: Duration::from_secs(5), ..settings() });
    let mut alice = Client::new("alice", 1);
    alice.join(&mut world);
    world.server.reload(world.now, settings());
    assert_eq!(alice.beat(&mut world).settings.check_time_ms, Some(30_000));
    assert!(first_end(&mut world) >= 75_000);
}

#[test]
fn an_idle_server_asks_for_nothing() {
    let world = World::new();
    assert_eq!(world.server.poll_timeout(), None::<Instant>);
}
