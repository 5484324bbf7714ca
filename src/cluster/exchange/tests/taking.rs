//! What is told is judged before it is taken.

use super::super::apply::{Reject, Source};
use super::super::codec::{ended_of, gone_of, row_digest};
use super::super::table::Table;
use super::world::*;
use crate::auth;
use crate::ident::{
    Epoch, Generation, Incarnation, InstanceId, Order, Process, RealmId, ServerId, SessionId, Stamp, UserId,
};
use crate::registry::{Ended, Ending, Merged, Registry, Status, Teller};
use crate::time::{Duration, Instant};
use crate::wire::View;
use crate::wire::peer::{Home, Place, Row, RowHead};

const NOW: Instant = Instant::from_secs(1000);

const fn process(server: u64) -> Process {
    Process { server: ServerId(server), incarnation: Incarnation(5) }
}

struct Taker {
    registry: Registry,
    keyring: auth::Keyring,
    max_hosts: Option<usize>,
}

fn head(host: u32) -> RowHead {
    RowHead {
        realm: REALM,
        user: user(host),
        order: Order {
            generation: Generation(0),
            stamp: Stamp(1000),
            server: ServerId(2),
            session: SessionId(u64::from(host) + 1),
        },
        instance: InstanceId(3),
        since: 1_700_000_000,
        epoch: Epoch(1),
        content_version: 1,
        place: Place { sequence: 4, late: false, check_ms: 30_000, address: Some(host_address(host, 5060)) },
    }
}

impl Taker {
    fn new() -> Self {
        let mut registry = Registry::new(1, |_, _, _, _| 0, NOW);
        registry.set_process(process(1));
        registry.add_realm(REALM);
        registry.set_epoch(REALM, Epoch(1));
        registry.set_timing(CHECK, 2.5);
        Self { registry, keyring: keyring(), max_hosts: None }
    }

    /// HMS 2 tells this one, which has HMSs 2 and 3 as neighbours.
    fn source<T>(&mut self, act: impl FnOnce(&Source<'_>, &mut Table<'_>) -> T) -> T {
        let neighbours = [process(2), process(3)];
        let source =
            Source { process: process(2), teller: Teller(1), own: process(1), neighbours: &neighbours };
        let most = self.max_hosts;
        let max_hosts = |_| most;
        let (registry, keyring) = (&mut self.registry, &mut self.keyring);
        let mut table =
            Table { registry, keyring, highest_stamp: Stamp(5000), max_hosts: &max_hosts, seen: None };
        act(&source, &mut table)
    }

    fn take(&mut self, home: u64, age_ms: u32, head: &RowHead, content: &[u8]) -> Result<Merged, Reject> {
        let mut bytes = Vec::new();
        head.emit(content, &View::None, false, &mut bytes);
        let home = Home { process: process(home), age_ms };
        self.source(|source, table| source.take_row(NOW, home, &Row::parse(&bytes, 0).unwrap(), table))
    }

    fn take_of(&mut self, home: u64, age_ms: u32) -> Result<Merged, Reject> {
        let host = self.registry.len() as u32;
        self.take(home, age_ms, &head(host), &content(host, 1))
    }
}

#[test]
fn a_row_comes_out_as_it_went_in() {
    crate::shows!("R-PEE-57", "R-PEE-76");
    let views = [
        (View::None, false),
        (View::Realm, true),
        (View::Group(crate::ident::Name::new("talk").unwrap()), false),
        (View::Named(vec![UserId([1; 8]), UserId([2; 8])]), true),
    ];
    for (host, (view, push)) in (0u32..).zip(views) {
        for late in [false, true] {
            let mut taker = Taker::new();
            let mut head = head(host);
            head.order.generation = Generation(u64::from(host));
            head.place.late = late;
            head.place.address = head.place.address.filter(|_| !late);
            let (mut bytes, mut again) = (Vec::new(), Vec::new());
            head.emit(&content(host, 1), &view, push, &mut bytes);
            let told = Row::parse(&bytes, 0).unwrap();
            let home = Home { process: process(2), age_ms: 0 };
            taker.source(|source, table| source.take_row(NOW, home, &told, table)).unwrap();
            let id = taker.registry.by_user(REALM, user(host)).unwrap();
            let row = taker.registry.row(id).unwrap();
            super::super::codec::emit_row(&row, &mut again);
            assert_eq!(again, bytes);
            assert_eq!(row_digest(&row), auth::row_digest(&told));
            let key = taker.keyring.user_key(REALM, Epoch(1), user(host)).unwrap();
            assert_eq!(row.key(), key.session_key(head.order.session).as_bytes(), "the key of its session");
        }
    }
}

#[test]
fn named_users_stand_in_order() {
    crate::shows!("R-PEE-57");
    let mut taker = Taker::new();
    for users in [vec![UserId([2; 8]), UserId([1; 8])], vec![UserId([1; 8]), UserId([1; 8])]] {
        let mut bytes = Vec::new();
        head(0).emit(&content(0, 1), &View::Named(users), false, &mut bytes);
        let home = Home { process: process(2), age_ms: 0 };
        let taken =
            taker.source(|source, table| source.take_row(NOW, home, &Row::parse(&bytes, 0).unwrap(), table));
        assert_eq!(taken, Err(Reject::Malformed));
    }
}

#[test]
fn a_row_that_cannot_be_is_not_used() {
    crate::shows!("R-PEE-57");
    let mut taker = Taker::new();
    let good = content(0, 1);
    let mut long = good.clone();
    while long.len() <= 974 {
        long.extend([0x0e, 0, 20]);
        long.extend([0; 20]);
    }
    let unsound = &good[..good.len() - 1];
    assert_eq!(taker.take(2, 0, &head(0), &content(1, 1)), Err(Reject::User));
    assert_eq!(taker.take(2, 0, &head(0), unsound), Err(Reject::Malformed));
    assert_eq!(taker.take(2, 0, &head(0), &long), Err(Reject::Malformed));
    assert_eq!(taker.take(2, 0, &RowHead { realm: RealmId(8), ..head(0) }, &good), Err(Reject::Realm));
    assert_eq!(taker.take(2, 0, &RowHead { epoch: Epoch(2), ..head(0) }, &good), Err(Reject::Realm));
    let mut absurd = head(0);
    absurd.order.stamp = Stamp(5001);
    assert_eq!(taker.take(2, 0, &absurd, &good), Err(Reject::Stamp));
    assert!(taker.registry.is_empty());
    absurd.order.stamp = Stamp(5000);
    assert!(taker.take(2, 0, &absurd, &good).is_ok());
}

#[test]
fn a_generation_is_raised_by_a_row_and_bars_lower_ones() {
    crate::shows!("R-PEE-57");
    let mut taker = Taker::new();
    let of = |generation| {
        let mut head = head(0);
        head.order.generation = Generation(generation);
        head.order.session = SessionId(generation + 10);
        head
    };
    assert!(taker.take(2, 0, &of(5), &content(0, 1)).is_ok());
    assert_eq!(taker.keyring.generation(REALM, user(0)), Generation(5));
    assert_eq!(taker.take(2, 0, &of(4), &content(0, 1)), Err(Reject::Generation));
    assert!(matches!(taker.take(2, 0, &of(6), &content(0, 1)), Ok(Merged::Entered(..))));
    // A session that was left raises it all the same, and what is older goes.
    let ended = Ended { order: of(7).order, ending: Ending::Leave };
    let (home, gone) = gone_of(process(1), REALM, user(0), &ended, CHECK);
    taker.source(|source, table| source.take_gone(NOW, home, &gone, table)).unwrap();
    assert!(taker.registry.is_empty());
    assert!(taker.take(2, 0, &of(7), &content(0, 1)).is_ok());
    assert_eq!(taker.keyring.generation(REALM, user(0)), Generation(7));
    assert!(taker.registry.is_empty());
    assert_eq!(taker.take(2, 0, &of(6), &content(0, 1)), Err(Reject::Generation));
}

#[test]
fn a_third_speaks_for_a_home_only_where_that_cannot() {
    crate::shows!("R-PEE-61");
    let mut taker = Taker::new();
    assert_eq!(taker.take_of(1, 0), Err(Reject::NotForIt), "it is at home here");
    assert_eq!(taker.take_of(3, 0), Err(Reject::NotForIt), "its home is a neighbour");
    assert!(taker.take_of(2, 0).is_ok());
    assert!(taker.take_of(2, 999_999).is_ok(), "who speaks for itself has no age");
    assert_eq!(
        taker.registry.row(taker.registry.by_user(REALM, user(1)).unwrap()).unwrap().last_heard(),
        NOW
    );
    assert_eq!(taker.take_of(4, 75_000), Err(Reject::NotForIt), "it would go at once");
    assert!(taker.take_of(4, 74_999).is_ok());
    let row = taker.registry.row(taker.registry.by_user(REALM, user(2)).unwrap()).unwrap();
    assert_eq!(row.last_heard(), Instant::from_millis(1_000_000 - 74_999));
    assert_eq!(row.status(), Status::Unconfirmed);
    // What ended is believed of everybody.
    let ended = Ended { order: head(0).order, ending: Ending::Leave };
    let (home, gone) = gone_of(process(3), REALM, user(0), &ended, CHECK);
    assert_eq!(taker.source(|source, table| source.take_gone(NOW, home, &gone, table)), Ok(Merged::Ended));
}

#[test]
fn a_realm_takes_twice_its_hosts() {
    crate::shows!("R-PEE-97");
    let mut taker = Taker::new();
    taker.max_hosts = Some(2);
    assert!((0..4).all(|_| taker.take_of(2, 0).is_ok()));
    assert_eq!(taker.take_of(2, 0), Err(Reject::Room));
    let mut newer = head(3);
    newer.place.sequence = 9;
    assert!(matches!(taker.take(2, 0, &newer, &content(3, 1)), Ok(Merged::Changed { place: true, .. })));
}

#[test]
fn an_end_comes_out_as_it_went_in() {
    let order = head(0).order;
    let expiry = Ending::Expiry { sequence: 7, home: process(3) };
    for ending in [Ending::Leave, expiry] {
        let ended = Ended { order, ending };
        let (home, gone) = gone_of(process(1), REALM, user(0), &ended, Duration::from_secs(9));
        assert_eq!(ended_of(home, &gone), ended);
        assert_eq!(gone.forgotten_ms, 9000);
    }
    let mut taker = Taker::new();
    let late = Ended { order: Order { stamp: Stamp(5001), ..order }, ending: Ending::Leave };
    let (home, gone) = gone_of(process(1), REALM, user(0), &late, CHECK);
    assert_eq!(taker.source(|source, table| source.take_gone(NOW, home, &gone, table)), Err(Reject::Stamp));
}
