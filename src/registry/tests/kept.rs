//! What is kept for other HMSs, compared with what can be seen in the table.

use std::collections::{BTreeMap, BTreeSet};

use super::shared::{HERE, Image, OTHERS, REALMS, Shape, Thing, USERS, World, row_digest};
use super::*;
use crate::ident::Process;
use crate::limits::SUM_BUCKETS;

impl World {
    /// Whatever is not in the wheel is in the list of its home, and that one vouches for it, or is about to be left.
    pub(super) fn compare_parked(&mut self) {
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

    /// All that is told of everything now.
    fn shapes(&self) -> BTreeMap<Thing, Shape> {
        let mut shapes = BTreeMap::new();
        for (realm, user) in REALMS.iter().flat_map(|realm| (1..=USERS).map(|n| (*realm, new_row(n, 0).user)))
        {
            let row = self.registry.by_user(realm, user).and_then(|id| self.registry.row(id));
            if let Some(row) = row.filter(RowView::is_offered) {
                shapes.insert(Thing::Row(realm, user), Shape::Row(Image::of(&row), row.check_time()));
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
    pub(super) fn observed_step(&mut self, what: impl FnOnce(&mut Self)) {
        let reader = self.registry.open_reader().expect("shared");
        let (before, end) = (self.shapes(), self.registry.position());
        self.told_again = None;
        what(self);
        let after = self.shapes();
        let listed = self.rest(reader);
        self.registry.close_reader(reader);
        assert!(listed.is_sorted_by(|a, b| a.0 < b.0) && listed.iter().all(|(revision, _)| *revision > end));
        let told: BTreeSet<Thing> = listed.iter().map(|(_, thing)| *thing).collect();
        assert_eq!(told.len(), listed.len(), "each once");
        let again = self.told_again;
        let changed = after.iter().filter(|(thing, shape)| {
            before.get(*thing) != Some(*shape) || again.is_some_and(|again| again == **thing)
        });
        assert_eq!(told, changed.map(|(thing, _)| *thing).collect());
        self.log.retain(|_, thing| !told.contains(thing));
        self.log.extend(listed);
    }

    pub(super) fn compare_log(&mut self) {
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

    pub(super) fn move_readers(&mut self) {
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

    pub(super) fn compare_sums(&mut self) {
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

    pub(super) fn compare_held(&mut self) {
        let wanted: [u8; SUM_BUCKETS / 8] =
            std::array::from_fn(|_| self.dice.next() as u8 | self.dice.next() as u8);
        let home = if self.dice.one_in(2) { HERE } else { self.pick(&OTHERS) };
        let after = if self.dice.one_in(2) { (RealmId(0), UserId([0; 8])) } else { self.user() };
        let is_wanted = |user: UserId| wanted[user.sum_bucket() / 8] & (0x80 >> (user.sum_bucket() % 8)) != 0;
        let of_home = |shape: &Shape| match shape {
            Shape::Row(image, _) => image.place.home == home,
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
