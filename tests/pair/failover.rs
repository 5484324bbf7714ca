//! The primary of many hosts dies (QUALITY sections 1 and 2): each host is served by the other within 1.1 check times
//! and 5 s, without registering again and without getting its directory again. Then the dead one comes back with nothing
//! on its disk but its secrets.

use hms::limits::CHECK_TIME;
use hms::time::Duration;

use crate::world::World;

hms::shows!("R-PEE-91");

/// By then everybody is registered, and has had some heartbeats.
const SETTLED: Duration = Duration::from_secs(150);
/// Longest time without an HMS: until the next heartbeat, and the search.
const BOUND: Duration = Duration::from_millis(38_000);
/// An HMS that comes back is a secondary with an equal table.
const BACK: Duration = Duration::from_secs(5);

/// What did not hold.
pub fn play(hosts: usize) -> Vec<String> {
    assert_eq!(BOUND, CHECK_TIME.mul_f64(1.1) + Duration::from_secs(5), "the bound is of another check time");
    let mut world = World::new(hosts, 1);
    let mut broken = Vec::new();
    let mut demand = |holds: bool, what: String| {
        if !holds {
            broken.push(what);
        }
    };
    world.run_for(SETTLED);
    let before = world.tally();
    demand(before.registered == hosts, format!("{} of {hosts} are registered", before.registered));
    demand(before.registrations == hosts, format!("{} registrations of {hosts} hosts", before.registrations));
    let primary = world.primary();
    demand(world.hosts_up() == [Some(hosts); 2], format!("rows: {:?}", world.hosts_up()));

    let mut at = [0; 2];
    at[primary] = hosts;
    demand(
        world.answered_by() == at,
        format!("{:?} hosts are at the HMSs, {primary} leads", world.answered_by()),
    );

    world.kill(primary);
    world.run_for(BOUND);
    let after = world.tally();
    let served = world.served_since_the_kill();
    println!(
        "primary killed: {} of {hosts} served by the other, the last after {:.1} s, at most {:.1} s after the first \
         heartbeat without an answer; {} registrations, {} pages, {:.1} datagrams a host",
        served.hosts,
        served.last.as_secs_f64(),
        served.gap.as_secs_f64(),
        after.registrations - before.registrations,
        after.pages - before.pages,
        (after.sent - before.sent) as f64 / hosts as f64
    );
    demand(served.hosts == hosts, format!("{} of {hosts} are served again", served.hosts));
    demand(served.gap <= Duration::from_secs(5), format!("{:?} after a heartbeat", served.gap));

    // As long as a row that nobody took over would have lasted.
    world.run_for(CHECK_TIME * 3);
    let survivor = 1 - primary;
    demand(world.hosts_up()[survivor] == Some(hosts), format!("rows: {:?}", world.hosts_up()));
    world.start_again(primary);
    world.run_for(BACK);
    demand(world.role(primary) == Some("secondary"), format!("it comes back as {:?}", world.role(primary)));
    demand(world.hosts_up() == [Some(hosts); 2], format!("rows after its return: {:?}", world.hosts_up()));
    world.run_for(CHECK_TIME * 2);
    let end = world.tally();
    demand(end.registrations == before.registrations, format!("{} registrations", end.registrations));
    demand(
        end.pages == before.pages,
        format!("{} pages of the directory came again", end.pages - before.pages),
    );
    demand(end.registered == hosts, format!("{} of {hosts} are registered at the end", end.registered));
    broken
}
