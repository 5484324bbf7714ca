//! Messages that say what they may not, or more than one turn takes.

use super::super::asks::{Fetching, Want};
use super::super::machine::message;
use super::super::peer::{Out, Peer};
use super::world::*;
use crate::ident::{Order, Process, ServerId, SessionId, UserId};
use crate::registry::{Registry, Teller};
use crate::time::{Duration, Instant};
use crate::wire::peer::{
    Begin, BucketMap, Confirm, Cursor, DeltaWriter, Ending, Gone, Home, PageWriter, PeerKind, PeerMessage,
    Phase, Resume, Root,
};

fn gone(number: u32) -> Gone {
    let order = Order { session: SessionId(u64::from(number)), server: ServerId(9), ..Order::default() };
    let user = UserId(u64::from(number).to_be_bytes());
    Gone { realm: REALM, user, order, ending: Ending::Leave, sequence: 0, forgotten_ms: 60_000 }
}

/// A DELTA with the ends of so many sessions.
fn delta(home: Process, numbers: std::ops::Range<u32>) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut writer = DeltaWriter::begin(&mut bytes);
    for number in numbers {
        assert!(writer.gone(Home { process: home, age_ms: 0 }, &gone(number)));
    }
    writer.end(false, false, 1);
    bytes
}

fn root(home: Process) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut writer = DeltaWriter::begin(&mut bytes);
    assert!(writer.root(&Root { home, rows: 3, digest: 4 }));
    writer.end(false, false, 1);
    bytes
}

fn page(number: u32, after: Cursor, up_to: Cursor) -> Vec<u8> {
    let mut bytes = Vec::new();
    PageWriter::begin(&mut bytes).end(number, after, up_to);
    bytes
}

impl World {
    fn ended(&mut self, node: usize, numbers: std::ops::Range<u32>) -> usize {
        let now = self.now;
        let known = |number: &u32| self.registry(node).ended(now, REALM, gone(*number).user).is_some();
        numbers.filter(known).count()
    }

    fn peer(&mut self, node: usize, other: usize) -> &mut Peer {
        self.running(node).exchange.peers.get_mut(&id(other)).unwrap()
    }

    /// As if the rows of a home had been asked for.
    fn fetch(&mut self, node: usize, other: usize, home: Process) {
        let since = self.registry(node).position();
        let wanted = Box::new(BucketMap::ALL);
        let fetching = Fetching { number: 5, wanted, after: Cursor::START, since };
        self.peer(node, other).asks.wants.insert(home, Want::Fetching(fetching));
    }

    fn offered(&mut self, node: usize, hosts: std::ops::Range<u32>) -> usize {
        let offered = |host: &u32| {
            let row = self.row(node, *host);
            row.is_some_and(|row| self.registry(node).row(row).unwrap().is_offered())
        };
        hosts.filter(offered).count()
    }
}

#[test]
fn no_turn_takes_more_than_its_share() {
    crate::shows!("R-PEE-98");
    let mut world = World::settled(31, 2);
    let (now, home) = (world.now, world.process(0));
    let turn = |world: &mut World| world.running(1).turn(now);
    turn(&mut world);
    for from in [0, 200, 400] {
        world.tell(1, 0, &delta(home, from..from + 200));
    }
    assert_eq!(world.ended(1, 0..600), 256);
    assert!(turn(&mut world));
    assert_eq!(world.ended(1, 0..600), 512);
    assert!(turn(&mut world));
    assert_eq!(world.ended(1, 0..600), 600);
}

#[test]
fn a_root_counts_from_who_may_say_it() {
    crate::shows!("R-PEE-78", "R-PEE-96");
    let mut world = World::settled(32, 3);
    let processes = [0, 1, 2].map(|node| world.process(node));
    let asks = |world: &mut World| world.peer(1, 0).asks.wants.len();
    world.tell(1, 0, &root(processes[1]));
    world.tell(1, 0, &root(processes[2]));
    assert_eq!(asks(&mut world), 0);
    world.tell(1, 0, &root(processes[0]));
    assert_eq!(asks(&mut world), 1);
    for other in 10..200 {
        world.tell(1, 0, &root(Process { server: ServerId(other), ..processes[0] }));
    }
    assert_eq!(asks(&mut world), 64);
}

/// Both dialled, and the second link takes the place of the first while the table is copied.
#[test]
fn a_copy_is_not_complete_between_two_links() {
    crate::shows!("R-PEE-15");
    let mut world = World::settled(35, 2);
    let (home, now) = (world.process(0), world.now);
    let complete = |world: &mut World| world.running(1).exchange.is_complete(now);
    world.running(1).exchange.phase = Phase::Synchronising;
    world.running(1).exchange.progress = now;
    assert!(complete(&mut world));
    world.fetch(1, 0, home);
    assert!(!complete(&mut world));
    (world.peer(1, 0).link, world.peer(1, 0).relinks) = (None, true);
    assert!(!complete(&mut world));
    world.peer(1, 0).relinks = false;
    assert!(complete(&mut world), "gone");
}

#[test]
fn a_page_takes_away_what_it_may() {
    crate::shows!("R-PEE-80");
    let mut world = World::settled(33, 3);
    world.register_many(0, 0..40);
    world.register_many(2, 40..60);
    world.run(secs(2));
    let (zero, two) = (world.process(0), world.process(2));
    // Another number, another range, another's home: nothing.
    world.fetch(1, 0, zero);
    world.tell(1, 0, &page(4, Cursor::START, Cursor::END));
    let half = Cursor { realm: REALM, user: UserId([0x80, 0, 0, 0, 0, 0, 0, 0]) };
    world.tell(1, 0, &page(5, half, Cursor::END));
    assert_eq!(world.offered(1, 0..60), 60);
    let low = (0..40).filter(|host| user(*host) <= half.user).count();
    let changed = (0..40).find(|host| user(*host) <= half.user).unwrap();
    // What changed since it was asked for may be missing.
    world.change_content(0, changed, 2);
    world.run(Duration::from_millis(60));
    world.fetch(1, 0, zero);
    let since = world.registry(1).position() - 1;
    if let Some((_, fetching)) = world.peer(1, 0).asks.fetching() {
        fetching.since = since;
    }
    world.tell(1, 0, &page(5, Cursor::START, half));
    assert_eq!(world.offered(1, 0..60), 60 - (low - 1));
    world.peer(1, 0).asks.wants.clear();
    // A home speaks for itself, and nobody for one that is not reachable.
    world.fetch(1, 0, two);
    world.tell(1, 0, &page(5, Cursor::START, Cursor::END));
    assert_eq!(world.offered(1, 40..60), 20);
    world.crash(2);
    world.run(secs(20));
    world.fetch(1, 0, two);
    world.tell(1, 0, &page(5, Cursor::START, Cursor::END));
    assert_eq!(world.offered(1, 40..60), 20);
}

#[test]
fn a_stream_begins_with_begin() {
    crate::shows!("R-PEE-72");
    let mut world = World::settled(34, 2);
    let home = world.process(0);
    world.peer(1, 0).into.begun = false;
    world.tell(1, 0, &delta(home, 0..5));
    assert_eq!(world.ended(1, 0..5), 0);
    world.tell(1, 0, &message(&PeerMessage::Begin(Begin { resumed: false, revision: 77 })));
    assert_eq!(world.peer(1, 0).into.applied, 77);
    world.tell(1, 0, &message(&PeerMessage::Begin(Begin { resumed: true, revision: 70 })));
    assert_eq!(world.peer(1, 0).into.applied, 77);
    world.tell(1, 0, &delta(home, 0..5));
    assert_eq!(world.ended(1, 0..5), 5);
}

#[test]
fn questions_wait_until_the_whole_table_is_offered() {
    crate::shows!("R-PEE-65");
    let mut world = World::settled(35, 2);
    let (now, home) = (world.now, world.process(0));
    let bulk = |world: &mut World, phase| {
        let exchange = &mut world.running(0).exchange;
        exchange.phase = phase;
        world.peer(0, 1).serves.buckets = Some(home);
        world.running(0).table(now, |exchange, table| exchange.next_bulk(now, id(1), table)).is_some()
    };
    assert!(!bulk(&mut world, Phase::Synchronising) && !bulk(&mut world, Phase::Waking));
    assert!(bulk(&mut world, Phase::Operating));
}

#[test]
fn a_place_is_gone_back_to_only_if_it_is_there() {
    crate::shows!("R-PEE-72", "R-PEE-82");
    let now = Instant::from_secs(1000);
    let mut registry = Registry::new(1, |_, _, _, _| 0, now);
    registry.add_realm(REALM);
    registry.share(|_| 0);
    let told = |registry: &mut Registry, number| {
        let gone = gone(number);
        let ended = crate::registry::Ended { order: gone.order, ending: crate::registry::Ending::Leave };
        registry.merge_gone(now, REALM, gone.user, ended, secs(60));
    };
    let mut peer = Peer::new(now, Process::NOBODY, Teller(1));
    (0..5).for_each(|number| told(&mut registry, number));
    peer.take_resume(now, Resume { revision: 3 }, &mut registry);
    assert_eq!(peer.out.begin, Some(Begin { resumed: false, revision: 5 }), "it never had that place");
    (5..9).for_each(|number| told(&mut registry, number));
    peer.out.sent_at = 8;
    peer.take_confirm(now, Confirm { revision: 9 }, &mut registry);
    assert_eq!(peer.out.confirmed_at, 5, "that was not told");
    peer.take_confirm(now, Confirm { revision: 7 }, &mut registry);
    assert_eq!(peer.out.confirmed_at, 7);
    let has = |out: &Out| [5, 6, 7, 8].map(|revision| out.has(revision));
    assert_eq!(has(&peer.out), [false, true, true, false], "what was there before is not told by DELTAs");
    peer.take_resume(now, Resume { revision: 8 }, &mut registry);
    assert_eq!(peer.out.begin, Some(Begin { resumed: true, revision: 7 }));
    let sent = peer.out.sent.unwrap();
    assert_eq!(registry.next_change(now, sent).unwrap().revision, 8);
    for wrong in [6, 10] {
        peer.take_resume(now, Resume { revision: 7 }, &mut registry);
        peer.take_resume(now, Resume { revision: wrong }, &mut registry);
        assert_eq!(peer.out.begin, Some(Begin { resumed: false, revision: 9 }));
        peer.out.close(&mut registry);
    }
}

#[test]
fn changes_go_together() {
    crate::shows!("R-PEE-73");
    let mut world = World::settled(36, 2);
    world.register(0, 1);
    world.run(secs(2));
    world.heard.clear();
    world.change_content(0, 1, 2);
    world.run(Duration::from_millis(30));
    world.register(0, 2);
    world.run(Duration::from_millis(40));
    assert_eq!(world.take_heard(1, PeerKind::Delta).0, 1);
    assert!(world.row(1, 2).is_some());
}

#[test]
fn who_wakes_up_tells_nothing_of_before() {
    crate::shows!("R-PEE-65");
    let mut world = World::settled(37, 2);
    world.run(secs(5));
    world.register_many(0, 0..20);
    let position = world.registry(0).position();
    world.running(0).exchange.woke_at = Some(position);
    world.register(0, 20);
    world.heard.clear();
    world.run(secs(1));
    assert_eq!(world.registry(1).len(), 1, "what changed since is told");
    world.run(secs(65));
    world.assert_equal();
    assert_eq!(world.registry(1).len(), 21);
    assert!(world.take_heard(1, PeerKind::Page).0 > 0, "the rest is found by comparison");
}

#[test]
fn who_wakes_up_asks_anew() {
    crate::shows!("R-PEE-72");
    let mut world = World::settled(38, 2);
    // Not so long that its links end.
    world.stand_still(0, secs(5));
    assert!(world.running(0).exchange.woke_at.is_none());
    world.run(Duration::from_millis(1));
    assert!(world.running(0).exchange.woke_at.is_some());
    world.heard.clear();
    world.run(secs(10));
    assert!(world.take_heard(1, PeerKind::Resume).0 > 0);
    assert!(world.running(0).exchange.woke_at.is_none(), "it operates");
    world.assert_operating();
}
