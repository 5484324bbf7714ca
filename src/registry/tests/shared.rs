//! What is kept for other HMSs, compared with what a naive one would keep, after each of many random operations.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

use super::*;
use crate::ident::{Epoch, Incarnation, Order, Process};
use crate::limits::SUM_BUCKETS;
use crate::registry::merge::Place;

const REALMS: [RealmId; 2] = [RealmId(1), RealmId(2)];
const USERS: u64 = 12;
const NAMED: [UserId; 1] = [UserId([1; 8])];

pub(super) const HERE: Process = process(1, 1);
pub(super) const OTHERS: [Process; 3] = [process(2, 1), process(2, 2), process(3, 1)];

const fn process(server: u64, incarnation: u32) -> Process {
    Process { server: ServerId(server), incarnation: Incarnation(incarnation) }
}

/// All that is told of a row.
#[derive(Clone, Debug, PartialEq)]
struct Image {
    order: Order,
    instance: InstanceId,
    version: u32,
    content: Vec<u8>,
    view: String,
    push: bool,
    place: Place,
}

impl Image {
    fn of(row: &RowView<'_>) -> Self {
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
    (row.wants_push(), place.sequence, row.is_late(), place.address).hash(&mut hasher);
    hasher.finish()
}

/// A row, or an end of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Thing {
    Row(RealmId, UserId),
    Ended(RealmId, UserId, bool),
}

#[derive(Clone, Debug, PartialEq)]
enum Shape {
    Row(Image),
    Ended(Ended),
}

struct World {
    registry: Registry,
    dice: Dice,
    now: Instant,
    sessions: u64,
    /// Everything that was changed, with its revision.
    log: BTreeMap<u64, Thing>,
    /// Places in the list, and up to where they were read.
    readers: Vec<(Reader, u64)>,
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
        }
    }

    fn pick<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.dice.below(all.len() as u64) as usize]
    }

    fn user(&mut self) -> (RealmId, UserId) {
        (self.pick(&REALMS), new_row(1 + self.dice.below(USERS), 0).user)
    }

    fn existing(&mut self) -> Option<RowId> {
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
        let order = known.filter(|_| !self.dice.one_in(3)).unwrap_or_else(|| Order {
            stamp: Stamp(self.sessions),
            server: ServerId(1 + self.dice.below(2)),
            session: SessionId(self.sessions),
            generation: Generation(self.dice.below(20) / 19),
        });
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
        self.registry.telling(teller, |registry| registry.merge_row(self.now, &told));
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
            7 => self.registry.set_check_time(now, id, Duration::from_secs(20 + self.dice.below(20))),
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

    fn rows(&self) -> Vec<RowId> {
        let next = |id: &RowId| self.registry.next_row(Some(*id));
        std::iter::successors(self.registry.next_row(None), next).collect()
    }

    /// Whatever is not in the wheel is in the list of its home, and that one vouches for it, or is about to be left.
    fn compare_parked(&mut self) {
        let mut parked = BTreeMap::new();
        for id in self.rows() {
            let row = self.registry.rows.get(id.0).expect("a row");
            if row.is_parked() {
                assert!(self.registry.is_vouched_copy(row) || self.registry.homes.aging.contains(&row.home));
                *parked.entry(row.home).or_insert(0) += 1;
            }
        }
        for (number, list) in self.registry.homes.parked() {
            let count = self.registry.wheel.parked(list);
            assert_eq!(count, parked.remove(&number).unwrap_or(0));
        }
        assert!(parked.is_empty());
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
            _ => {
                if let Some(id) = self.existing() {
                    self.of_row(id);
                }
            }
        }
    }

    /// All that is told of everything now.
    fn shapes(&self) -> BTreeMap<Thing, Shape> {
        let mut shapes = BTreeMap::new();
        for (realm, user) in REALMS.iter().flat_map(|realm| (1..=USERS).map(|n| (*realm, new_row(n, 0).user)))
        {
            let row = self.registry.by_user(realm, user).and_then(|id| self.registry.row(id));
            if let Some(row) = row.filter(RowView::is_offered) {
                shapes.insert(Thing::Row(realm, user), Shape::Row(Image::of(&row)));
            }
            for stray in [false, true] {
                if let Some(Held::Ended { ended, .. }) =
                    self.registry.gone.told_of(self.now, (realm, user, stray))
                {
                    shapes.insert(Thing::Ended(realm, user, stray), Shape::Ended(ended));
                }
            }
        }
        shapes
    }

    fn thing(&self, held: Held) -> Thing {
        match held {
            Held::Row(id) => {
                let row = self.registry.row(id).expect("a row");
                Thing::Row(row.realm(), row.user())
            }
            Held::Ended { realm, user, ended, .. } => Thing::Ended(realm, user, ended.is_stray()),
        }
    }

    /// What a place has before it.
    fn rest(&mut self, reader: Reader) -> Vec<(u64, Thing)> {
        let place = self.registry.open_reader().expect("shared");
        self.registry.move_reader(place, reader);
        let mut rest = Vec::new();
        while let Some(told) = self.registry.next_change(self.now, place) {
            assert!(self.registry.reader_position(place) < told.revision);
            rest.push((told.revision, self.thing(told.what)));
            self.registry.pass_change(place);
        }
        assert_eq!(self.registry.reader_position(place), self.registry.position());
        self.registry.close_reader(place);
        rest
    }

    /// Does something, and compares what is listed then with what changed.
    fn observed_step(&mut self, what: impl FnOnce(&mut Self)) {
        let reader = self.registry.open_reader().expect("shared");
        let (before, end) = (self.shapes(), self.registry.position());
        what(self);
        let after = self.shapes();
        let listed = self.rest(reader);
        self.registry.close_reader(reader);
        assert!(listed.is_sorted_by(|a, b| a.0 < b.0) && listed.iter().all(|(revision, _)| *revision > end));
        let told: BTreeSet<Thing> = listed.iter().map(|(_, thing)| *thing).collect();
        assert_eq!(told.len(), listed.len(), "each once");
        let changed = after.iter().filter(|(thing, shape)| before.get(*thing) != Some(*shape));
        assert_eq!(told, changed.map(|(thing, _)| *thing).collect());
        self.log.retain(|_, thing| !told.contains(thing));
        self.log.extend(listed);
    }

    fn compare_log(&mut self) {
        for (reader, read) in self.readers.clone() {
            let rest = self.rest(reader);
            let there = |thing: &Thing| match *thing {
                Thing::Row(realm, user) => self.registry.by_user(realm, user).is_some_and(|id| {
                    rest.iter().any(|(revision, _)| *revision == self.registry.shared_revision(id))
                }),
                // One whose time is over may be told until it is forgotten.
                Thing::Ended(..) => rest.iter().any(|(_, other)| other == thing),
            };
            let expected: Vec<_> = self.log.range(read + 1..).map(|(r, thing)| (*r, *thing)).collect();
            let expected: Vec<_> = expected.into_iter().filter(|(_, thing)| there(thing)).collect();
            assert_eq!(rest, expected);
        }
        let shapes = self.shapes();
        for thing in shapes.keys() {
            let Thing::Row(realm, user) = *thing else { continue };
            let id = self.registry.by_user(realm, user).expect("a row");
            let revision = self.registry.shared_revision(id);
            assert!(revision == 0 || self.log.get(&revision) == Some(thing));
        }
    }

    fn move_readers(&mut self) {
        if self.readers.len() < 5 {
            self.readers.push((self.registry.open_reader().expect("shared"), self.registry.position()));
        } else if self.dice.one_in(9) {
            let (reader, _) = self.readers.remove(self.dice.below(5) as usize);
            self.registry.close_reader(reader);
        }
        let which = self.dice.below(self.readers.len() as u64) as usize;
        for _ in 0..self.dice.below(6) {
            let reader = self.readers[which].0;
            let Some(told) = self.registry.next_change(self.now, reader) else { break };
            self.registry.pass_change(reader);
            assert!(self.registry.reader_position(reader) >= told.revision);
            self.readers[which].1 = told.revision;
        }
    }

    fn compare_sums(&mut self) {
        let mut expected: BTreeMap<Process, Sums> = BTreeMap::new();
        for id in std::iter::successors(self.registry.next_row(None), |id| self.registry.next_row(Some(*id)))
        {
            let row = self.registry.row(id).expect("a row");
            if row.is_offered() {
                let sums = expected.entry(row.home()).or_default();
                let digest = row_digest(&row);
                sums.rows += 1;
                let bucket = &mut sums.buckets[row.user().sum_bucket()];
                *bucket = bucket.wrapping_add(digest);
            }
        }
        for home in OTHERS.iter().chain([&HERE]) {
            assert_eq!(self.registry.sums(*home), expected.get(home));
        }
        let homes: BTreeSet<_> = self.registry.summed_homes().into_iter().collect();
        assert_eq!(homes, expected.into_keys().collect());
        let bucket = new_row(1 + self.dice.below(USERS), 0).user.sum_bucket();
        assert_eq!(self.registry.check_bucket(bucket), []);
    }

    fn compare_held(&mut self) {
        let wanted: [u8; SUM_BUCKETS / 8] =
            std::array::from_fn(|_| self.dice.next() as u8 | self.dice.next() as u8);
        let home = if self.dice.one_in(2) { HERE } else { self.pick(&OTHERS) };
        let after = if self.dice.one_in(2) { (RealmId(0), UserId([0; 8])) } else { self.user() };
        let is_wanted = |user: UserId| wanted[user.sum_bucket() / 8] & (0x80 >> (user.sum_bucket() % 8)) != 0;
        let of_home = |shape: &Shape| match shape {
            Shape::Row(image) => image.place.home == home,
            Shape::Ended(_) => true,
        };
        let key = |thing: &Thing| match *thing {
            Thing::Row(realm, user) | Thing::Ended(realm, user, _) => (realm, user),
        };
        let shapes = self.shapes();
        let mut expected: Vec<_> =
            shapes.iter().filter(|(_, shape)| of_home(shape)).map(|(thing, _)| *thing).collect();
        expected.retain(|thing| key(thing) > after && is_wanted(key(thing).1));
        expected.sort_by_key(|thing| (key(thing), *thing));
        let mut walk = self.registry.held(self.now, home, &wanted, after);
        for thing in expected {
            let Step::Held(at, held) = walk.next() else { panic!("more was expected: {thing:?}") };
            assert_eq!((at, self.thing(held)), (key(&thing), thing));
        }
        assert_eq!(walk.next(), Step::End);
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
