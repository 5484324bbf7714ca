//! What is kept for other HMSs, compared with what a naive one would keep, after each of many random operations.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use super::*;
use crate::ident::{Epoch, Incarnation, Order, Process};
use crate::limits::{CHECK_TIME, EXPIRY_FACTOR};
use crate::registry::merge::Place;

pub(super) const REALMS: [RealmId; 2] = [RealmId(1), RealmId(2)];
pub(super) const USERS: u64 = 12;
const NAMED: [UserId; 1] = [UserId([1; 8])];

pub(super) const HERE: Process = process(1, 1);
pub(super) const OTHERS: [Process; 3] = [process(2, 1), process(2, 2), process(3, 1)];

const fn process(server: u64, incarnation: u32) -> Process {
    Process { server: ServerId(server), incarnation: Incarnation(incarnation) }
}

/// All that is told of a row.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Image {
    order: Order,
    instance: InstanceId,
    version: u32,
    content: Vec<u8>,
    view: String,
    push: bool,
    pub(super) place: Place,
}

impl Image {
    pub(super) fn of(row: &RowView<'_>) -> Self {
        Self {
            order: row.order(),
            instance: row.instance(),
            version: row.content_version(),
            content: row.content().to_vec(),
            view: format!("{:?}", row.view_spec()),
            push: row.wants_push(),
            place: row.place(),
        }
    }
}

pub(super) fn row_digest(row: &RowView<'_>) -> u64 {
    use std::hash::{Hash, Hasher};
    let place = row.place();
    let mut hasher = std::hash::DefaultHasher::new();
    (row.realm(), row.user(), row.order(), row.instance(), row.since(), row.epoch()).hash(&mut hasher);
    (row.content_version(), row.content(), format!("{:?}", row.view_spec())).hash(&mut hasher);
    (row.wants_push(), place.sequence, row.is_late(), row.check_time(), place.address).hash(&mut hasher);
    hasher.finish()
}

/// A row, or an end of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Thing {
    Row(RealmId, UserId),
    Ended(RealmId, UserId, bool),
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Shape {
    Row(Image, Duration),
    Ended(Ended),
}

pub(super) struct World {
    pub(super) registry: Registry,
    pub(super) dice: Dice,
    pub(super) now: Instant,
    pub(super) sessions: u64,
    /// Everything that was changed, with its revision.
    pub(super) log: BTreeMap<u64, Thing>,
    /// Places in the list, and up to where they were read.
    pub(super) readers: Vec<(Reader, u64)>,
    /// An end of which the last step told somebody who does not know it (R-PEE-58).
    pub(super) told_again: Option<Thing>,
}

impl World {
    fn new(seed: u64) -> Self {
        let mut registry = Registry::new(seed, digest, Instant::ZERO);
        registry.set_process(HERE);
        REALMS.iter().for_each(|realm| assert!(registry.add_realm(*realm)));
        Self {
            registry,
            dice: Dice(seed),
            now: Instant::from_secs(1000),
            sessions: 0,
            log: BTreeMap::new(),
            readers: Vec::new(),
            told_again: None,
        }
    }

    pub(super) fn pick<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.dice.below(all.len() as u64) as usize]
    }

    pub(super) fn user(&mut self) -> (RealmId, UserId) {
        (self.pick(&REALMS), new_row(1 + self.dice.below(USERS), 0).user)
    }

    pub(super) fn existing(&mut self) -> Option<RowId> {
        let (realm, user) = self.user();
        self.registry.by_user(realm, user)
    }

    fn address(&mut self) -> SocketAddr {
        let host = self.dice.below(5) as u8;
        if self.dice.one_in(3) {
            ([0xfd00, 0, 0, 0, 0, 0, 0, 1], 1).into()
        } else {
            ([10, 0, 0, host], 1).into()
        }
    }

    /// A session of somebody: a new one, or the one that is there.
    fn row(&mut self) -> NewRow<'static> {
        let (realm, user) = self.user();
        self.sessions += 1;
        let known =
            self.registry.by_user(realm, user).and_then(|id| self.registry.row(id)).map(|row| row.order());
        let new = Order {
            stamp: Stamp(self.sessions),
            server: ServerId(1 + self.dice.below(2)),
            session: SessionId(self.sessions),
            generation: Generation(self.dice.below(20) / 19),
        };
        let order = known.filter(|_| !self.dice.one_in(3)).unwrap_or(new);
        let address = self.address();
        NewRow {
            realm,
            user,
            generation: order.generation,
            stamp: order.stamp,
            server: order.server,
            session: order.session,
            content: self.pick(&[b"a".as_slice(), b"b", b"bc"]),
            content_version: self.dice.below(3) as u32,
            group: self.pick(&[None, Some("board")]),
            address: (!self.dice.one_in(5)).then_some(address),
            ..new_row(0, 0)
        }
    }

    fn view(&mut self) -> ViewSpec<'static> {
        self.pick(&[ViewSpec::None, ViewSpec::Realm, ViewSpec::Group("board"), ViewSpec::Named(&NAMED)])
    }

    fn told(&mut self) {
        let told = ToldRow {
            row: self.row(),
            view: self.view(),
            push: self.dice.one_in(2),
            sequence: self.dice.below(6),
            late: self.dice.one_in(3),
            home: self.pick(&OTHERS),
            age: Duration::from_secs(self.dice.below(3) * self.dice.below(25)),
        };
        let teller = Teller(1 + self.dice.below(3) as u8);
        let merged = self.registry.telling(teller, |registry| registry.merge_row(self.now, &told));
        let (realm, user) = (told.row.realm, told.row.user);
        let over = matches!(merged, Merged::Refused(Refused::Ended | Refused::Older));
        if over && self.registry.by_user(realm, user).is_none() {
            self.told_again = Some(Thing::Ended(realm, user, false));
        }
    }

    fn ended(&mut self) {
        let NewRow { realm, user, generation, stamp, server, session, .. } = self.row();
        let home = self.pick(&OTHERS);
        let mut order = Order { generation, stamp, server, session };
        if self.dice.one_in(4) {
            order = Order { session, ..Order::default() };
        }
        let silent = Ending::Expiry { sequence: self.dice.below(6), home };
        let ending = if self.dice.one_in(2) || order.stamp == Stamp(0) { Ending::Leave } else { silent };
        let kept = Duration::from_secs(1 + self.dice.below(300));
        self.registry.merge_gone(self.now, realm, user, Ended { order, ending }, kept);
    }

    fn register(&mut self) {
        self.sessions += 1;
        let session = self.sessions;
        let row = self.row();
        let address = Some(self.address());
        let generation = Generation(1);
        let new = NewRow { address, generation, session: SessionId(session), stamp: Stamp(session), ..row };
        let registered = self.registry.register(self.now, &new).expect("a realm");
        let (view, push) = (self.view(), self.dice.one_in(2));
        self.registry.subscribe(registered.row, view, push);
    }

    fn of_row(&mut self, id: RowId) {
        let now = self.now;
        match self.dice.below(9) {
            0 => {
                let bytes = self.pick(&[b"a".as_slice(), b"b", b"c"]);
                let group = self.pick(&[None, Some("board")]);
                let version = self.dice.below(3) as u32;
                self.registry.set_content(id, &NewContent { bytes, version, group });
            }
            1..=2 => {
                let address = self.address();
                self.registry.set_window(id, (self.dice.below(9), 0));
                self.registry.confirm(now, id, address);
            }
            3 => {
                let (view, push) = (self.view(), self.dice.one_in(2));
                self.registry.subscribe(id, view, push);
            }
            4 => self.registry.unvouch(now, id),
            5 => self.registry.vouch(now, id),
            6 => drop(self.registry.heartbeat(now, id)),
            7 => {
                self.registry.set_check_time(now, id, Duration::from_secs(20 + self.dice.below(20)));
            }
            _ => {
                let reason = self.pick(&[Reason::Leave, Reason::Expiry, Reason::Revoked, Reason::Replaced]);
                self.registry.remove(now, id, reason);
            }
        }
    }

    fn wait(&mut self) {
        self.now += Duration::from_millis(self.dice.below(40_000));
        while let Some((id, fate)) = self.registry.expire(self.now) {
            if fate == Fate::Expired {
                self.registry.remove(self.now, id, Reason::Expiry);
            }
        }
        assert!(self.registry.next_deadline().is_none_or(|next| next > self.now));
        for row in self.rows().into_iter().filter_map(|id| self.registry.row(id)) {
            let age = self.now.since(row.last_heard());
            let longest = row.check_time() * 26 / 10;
            assert!(row.is_here() || row.is_live() || age <= longest, "{age:?} of {longest:?}");
        }
    }

    pub(super) fn rows(&self) -> Vec<RowId> {
        let next = |id: &RowId| self.registry.next_row(Some(*id));
        std::iter::successors(self.registry.next_row(None), next).collect()
    }

    fn step(&mut self) {
        match self.dice.below(24) {
            0..=8 => self.told(),
            9..=10 => self.ended(),
            11..=12 => self.register(),
            13 => {
                let row = self.row();
                self.registry.load(self.now, 0, &row);
            }
            14 => self.wait(),
            15 => {
                let home = self.pick(&OTHERS);
                self.registry.home_reached(home);
            }
            16 => {
                let home = self.pick(&OTHERS);
                self.registry.home_lost(home, self.now);
            }
            17 if self.dice.one_in(10) => {
                let (realm, epoch) = (self.pick(&REALMS), Epoch(self.dice.below(3) as u8));
                self.registry.set_epoch(realm, epoch);
                while self.registry.share_step() {}
            }
            18 if self.dice.one_in(20) => {
                let realm = self.pick(&REALMS);
                self.registry.remove_realm(self.now, realm);
                assert!(self.registry.add_realm(realm));
            }
            19 if self.dice.one_in(3) => {
                // Some are silent for three expiries of this length.
                self.registry.set_timing(Duration::from_secs(20), 0.2);
                self.registry.doubt_silent(self.now);
                self.registry.set_timing(CHECK_TIME, EXPIRY_FACTOR);
            }
            _ => {
                if let Some(id) = self.existing() {
                    self.of_row(id);
                }
            }
        }
    }
}

#[test]
fn what_is_kept_for_others_is_what_a_naive_table_would_keep() {
    crate::shows!("R-PEE-76");
    for seed in 0..40 {
        let mut world = World::new(seed);
        (0..seed * 2).for_each(|_| world.step());
        world.registry.share(row_digest);
        while world.registry.share_step() {}
        for _ in 0..600 {
            world.observed_step(World::step);
            if world.dice.one_in(3) {
                world.compare_sums();
            }
            world.compare_parked();
            world.compare_log();
            world.compare_held();
            world.move_readers();
        }
    }
}
