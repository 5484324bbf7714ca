//! Rows that are at home at another HMS: their hosts may turn here, and leave here.

use super::client::{Client, Got};
use super::world::World;
use crate::ident::{Incarnation, InstanceId, Order, Process, ServerId, Stamp};
use crate::registry::{Ended, Ending, Merged, NewRow, Refused, ToldRow};
use crate::time::Duration;
use crate::wire::{ContentRef, RejectCode, View};

/// The other HMS; no member that is known by name.
const THERE: Process = Process { server: ServerId(77), incarnation: Incarnation(9) };

/// What another HMS has of a user's row is told here.
fn tell(there: &World, here: &mut World, client: &Client) -> Merged {
    let (from, to, now) = (&there.server.registry, &mut here.server.registry, here.now);
    let id = from.by_user(client.realm, client.user).expect("a row");
    let row = from.row(id).expect("a row");
    let new = NewRow {
        realm: client.realm,
        user: client.user,
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
        view: from.view_spec(id),
        push: row.wants_push(),
        sequence: row.place().sequence,
        late: row.is_late(),
        home: THERE,
        age: Duration::ZERO,
    };
    to.merge_row(now, &told)
}

fn copied(there: &World, here: &mut World, client: &Client) {
    assert!(matches!(tell(there, here, client), Merged::Entered(..)));
}

/// Two HMSs, the second with a copy of what `client` registered at the first, and a link between them.
fn turning(client: &mut Client) -> (World, World) {
    let mut there = World::new();
    client.join(&mut there);
    client.copy(&mut there);
    client.beat(&mut there);
    let mut here = there.restarted(2, Vec::new());
    here.server.registry.home_reached(THERE);
    copied(&there, &mut here, client);
    (there, here)
}

fn here(world: &World) -> Process {
    Process { server: ServerId(0xa71a5), incarnation: world.server.incarnation() }
}

fn via(world: &World) -> Vec<String> {
    world.server.hosts(world.now, None).expect("rows").into_iter().map(|row| row.via).collect()
}

#[test]
fn a_host_of_a_copy_proves_itself_and_goes_on() {
    crate::shows!("R-PEE-91");
    let mut alice = Client::new("alice", 1).viewing(View::Realm, false);
    let (there, mut world) = turning(&mut alice);
    assert_eq!(world.hosts(), ["alice up 10.0.1.1:5000"]);
    assert_eq!(via(&world), [THERE.server.to_string()]);
    let (realm, user) = (alice.realm, alice.user);
    let row = |world: &World| {
        let id = world.server.registry.by_user(realm, user).expect("a row");
        let row = world.server.registry.row(id).expect("a row");
        (row.session(), row.stamp(), row.since(), row.place(), row.revision())
    };
    let (was, before) = (row(&there), row(&world));
    alice.revision = Default::default();
    let captured = alice.heartbeat_bytes(None, false);
    let Got::Challenge(cookie) = alice.say(&mut world, &captured) else { panic!("no challenge") };
    assert_eq!(row(&world), before, "nothing changes");
    let Got::Ack(ack) = alice.heartbeat_with(&mut world, cookie) else { panic!("not confirmed") };
    assert!(ack.equal && !ack.resync && ack.page.is_none(), "nothing of the directory is sent again");
    let now = row(&world);
    assert_eq!((now.0, now.1, now.2), (was.0, was.1, was.2), "the same session");
    assert_eq!(now.4, before.4, "and the same to those who see it");
    assert_eq!((now.3.home, now.3.sequence), (here(&world), alice.sequence));
    assert!(now.3 > was.3, "its place is above that which the first HMS gave it");
    assert_eq!(via(&world), ["atlas"]);
    assert_eq!(world.watched(), ["update alice"]);
    // What was captured confirms nothing, and from now on it is a row as any other.
    assert_eq!(alice.say(&mut world, &captured), Got::Nothing);
    assert!(alice.beat(&mut world).settings.hms.is_empty());
}

#[test]
fn what_was_said_elsewhere_confirms_no_copy() {
    crate::shows!("R-PEE-91");
    let mut alice = Client::new("alice", 1);
    let (_, mut world) = turning(&mut alice);
    let captured: Vec<_> = (0..5).map(|_| alice.heartbeat_bytes(None, false)).collect();
    for bytes in &captured {
        assert!(matches!(alice.say(&mut world, bytes), Got::Challenge(_)));
    }
    assert_eq!(via(&world), [THERE.server.to_string()]);
    // Its home cannot be reached: it is shown so, and goes as R-PEE-64 says.
    world.server.registry.home_lost(THERE, world.now);
    assert_eq!(world.hosts(), ["alice unconfirmed 10.0.1.1:5000"]);
    world.secs(74);
    assert_eq!(world.hosts().len(), 1);
    world.secs(5);
    assert!(world.hosts().is_empty());
}

#[test]
fn only_the_home_answers_a_register_that_is_said_again() {
    crate::shows!("R-REG-12");
    let (mut there, mut alice) = (World::new(), Client::new("alice", 1));
    let Got::Challenge(cookie) = alice.init(&mut there) else { panic!("no challenge") };
    let said = alice.register_bytes(cookie);
    assert_eq!(there.send(alice.from, &said).len(), 1);
    let mut here = there.restarted(2, Vec::new());
    here.server.registry.home_reached(THERE);
    copied(&there, &mut here, &alice);
    assert_eq!(there.send(alice.from, &said).len(), 1, "its answer may have been lost");
    assert!(here.send(alice.from, &said).is_empty());
    assert_eq!(here.drops("replay"), 1);
}

#[test]
fn a_copy_holds_its_user_against_other_machines() {
    crate::shows!("R-REG-14", "R-REG-22", "R-REG-40");
    for reached in [true, false] {
        let mut alice = Client::new("alice", 1);
        let (_, mut world) = turning(&mut alice);
        if !reached {
            world.server.registry.home_lost(THERE, world.now);
        }
        let mut other = Client::new("alice", 2);
        other.instance = InstanceId(99);
        assert_eq!(other.register(&mut world), Got::Reject(RejectCode::Taken, 0));
        // A live copy supersedes an earlier session, one of which nobody knows does not.
        other.session = Some(other.session_of(5));
        let got = other.heartbeat(&mut world);
        let live = got == Got::Superseded(alice.last_stamp);
        assert_eq!(live, reached, "{got:?}");
        assert!(live || matches!(got, Got::Reregister(_)));
        other.takeover = true;
        other.session = None;
        assert!(other.join(&mut world).stamp > alice.last_stamp);
        assert_eq!(via(&world), ["atlas"]);
    }
}

#[test]
fn who_leaves_at_another_hms_is_gone() {
    crate::shows!("R-PEE-66", "R-REG-42");
    let mut alice = Client::new("alice", 1);
    let (_, mut world) = turning(&mut alice);
    let order = {
        let id = world.server.registry.by_user(alice.realm, alice.user).expect("a row");
        world.server.registry.row(id).expect("a row").order()
    };
    assert_eq!(alice.leave(&mut world), Got::Left, "without a challenge");
    assert!(world.hosts().is_empty());
    let ended = world.server.registry.ended(world.now, alice.realm, alice.user).expect("GONE");
    assert_eq!(ended.0, Ended { order, ending: Ending::Leave });
    assert!(matches!(alice.heartbeat(&mut world), Got::Superseded(_)), "its stamp is known");
}

#[test]
fn who_left_before_its_row_came_stays_away() {
    crate::shows!("R-PEE-66");
    let (mut there, mut alice) = (World::new(), Client::new("alice", 1));
    alice.join(&mut there);
    let mut here = there.restarted(2, Vec::new());
    here.server.registry.home_reached(THERE);
    assert_eq!(alice.leave(&mut here), Got::Left);
    // Longer than the session is remembered as one that never began.
    here.secs(200);
    assert_eq!(tell(&there, &mut here, &alice), Merged::Refused(Refused::Ended));
    assert!(here.hosts().is_empty());
}

#[test]
fn stamps_are_above_those_of_sessions_that_ended_elsewhere() {
    crate::shows!("R-REG-02");
    let (mut world, mut alice) = (World::new(), Client::new("alice", 1));
    let stamp = Stamp(world.server.stamp_clock(world.now) + (1 << 40));
    let order = Order { stamp, ..Order::default() };
    let ended = Ended { order, ending: Ending::Expiry { sequence: 0, home: THERE } };
    world.server.registry.merge_gone(world.now, alice.realm, alice.user, ended, Duration::from_secs(60));
    assert_eq!(alice.join(&mut world).stamp, Stamp(stamp.0 + 1));
}
