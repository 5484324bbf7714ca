//! Random operations on the table and on the model, compared after each.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use super::model::{Dice, Model, ModelRow, id_of};
use super::{Registry, digest, new_row};
use crate::ident::{RealmId, Revision, SessionId, UserId};
use crate::registry::{Fate, NewContent, NewRow, Reason, ViewHandle, ViewSpec};
use crate::time::{Duration, Instant};

const REALMS: [RealmId; 2] = [RealmId(1), RealmId(2)];
const GROUPS: [&str; 3] = ["board", "sales", "x"];

struct World {
    registry: Registry,
    model: Model,
    dice: Dice,
    now: Instant,
    sessions: u64,
    /// Up to where the views were pushed.
    drained: BTreeMap<ViewHandle, Revision>,
}

impl World {
    fn new(seed: u64) -> Self {
        let mut registry = Registry::new(seed, digest, Instant::ZERO);
        REALMS.iter().for_each(|realm| assert!(registry.add_realm(*realm)));
        Self {
            registry,
            model: Model::default(),
            dice: Dice(seed),
            now: Instant::ZERO,
            sessions: 0,
            drained: BTreeMap::new(),
        }
    }

    fn realm(&mut self) -> RealmId {
        REALMS[self.dice.below(2) as usize]
    }

    fn user(&mut self) -> UserId {
        new_row(1 + self.dice.below(24), 0).user
    }

    fn existing(&mut self) -> Option<(RealmId, UserId)> {
        let count = self.model.rows.len() as u64;
        (count > 0).then(|| *self.model.rows.keys().nth(self.dice.below(count) as usize).expect("in range"))
    }

    fn address(&mut self) -> SocketAddr {
        let (host, port) = (self.dice.below(6), 5000 + self.dice.below(3) as u16);
        if self.dice.one_in(3) {
            SocketAddr::from(([0xfd00, 0, 0, 0, 0, 0, 0, host as u16], port))
        } else {
            SocketAddr::from(([10, 0, 0, host as u8], port))
        }
    }

    fn content(&mut self) -> (Vec<u8>, Option<String>) {
        let group = self.dice.below(GROUPS.len() as u64 + 1) as usize;
        let group = GROUPS.get(group).map(|g| (*g).to_string());
        let mut bytes = format!("{}:", group.as_deref().unwrap_or("")).into_bytes();
        let len = if self.dice.one_in(20) { 900 } else { self.dice.below(40) };
        bytes.resize(bytes.len() + len as usize, self.dice.below(3) as u8);
        (bytes, group)
    }

    fn register(&mut self, load: bool) {
        let (realm, user, address) = (self.realm(), self.user(), self.address());
        let (content, group) = self.content();
        self.sessions += 1;
        let new = NewRow {
            realm,
            user,
            session: SessionId(self.sessions),
            content: &content,
            group: group.as_deref(),
            address: (!load || !self.dice.one_in(4)).then_some(address),
            ..new_row(0, 0)
        };
        let old = self.model.rows.get(&(realm, user));
        let row = ModelRow {
            session: self.sessions,
            content: content.clone(),
            group: group.clone(),
            address: new.address,
            late: new.address.is_none(),
            confirmed: !load,
        };
        if load {
            let loaded = self.registry.load(self.now, 0, &new);
            assert_eq!(loaded.is_some(), old.is_none());
            self.model.rows.entry((realm, user)).or_insert(row);
            return;
        }
        let ip = |row: &ModelRow| row.address.map(|a| a.ip());
        let same = old.is_some_and(|old| old.content == row.content && ip(old) == ip(&row) && !old.late);
        let replaced = old.map(|old| SessionId(old.session));
        let displaced = self.model.displace(realm, user, address);
        let done = self.registry.register(self.now, &new).expect("realm");
        assert_eq!((done.visible, done.replaced), (!same, replaced));
        assert_eq!(done.displaced.map(|id| self.registry.row(id).expect("row").user()), displaced);
        self.model.rows.insert((realm, user), row);
    }

    fn set_content(&mut self) {
        let Some((realm, user)) = self.existing() else { return };
        let (bytes, group) = self.content();
        let id = id_of(&self.registry, realm, user);
        let row = self.model.rows.get_mut(&(realm, user)).expect("row");
        let new = NewContent { bytes: &bytes, version: 2, group: group.as_deref() };
        assert_eq!(self.registry.set_content(id, &new), row.content != bytes);
        (row.content, row.group) = (bytes, group);
    }

    fn confirm(&mut self) {
        let (Some((realm, user)), address) = (self.existing(), self.address()) else { return };
        let displaced = self.model.displace(realm, user, address);
        let id = id_of(&self.registry, realm, user);
        let row = self.model.rows.get_mut(&(realm, user)).expect("row");
        let visible = row.late || row.address.map(|a| a.ip()) != Some(address.ip());
        (row.address, row.late, row.confirmed) = (Some(address), false, true);
        let change = self.registry.confirm(self.now, id, address);
        assert_eq!(change.displaced.map(|id| self.registry.row(id).expect("row").user()), displaced);
        assert_eq!(change.visible, visible);
    }

    fn heard(&mut self) {
        let Some((realm, user)) = self.existing() else { return };
        let id = id_of(&self.registry, realm, user);
        let row = self.model.rows.get_mut(&(realm, user)).expect("row");
        if row.confirmed {
            assert_eq!(self.registry.heard(self.now, id), row.late && row.address.is_some());
            row.late &= row.address.is_none();
        }
    }

    fn remove(&mut self) {
        let Some((realm, user)) = self.existing() else { return };
        let id = id_of(&self.registry, realm, user);
        assert!(self.registry.remove(self.now, id, Reason::Leave));
        assert!(!self.registry.remove(self.now, id, Reason::Leave));
        assert!(self.registry.removed_stamp(self.now, realm, user).is_some());
        self.model.rows.remove(&(realm, user));
    }

    /// Fewer than 50 rows: the brake never holds.
    fn wait(&mut self) {
        self.now += Duration::from_millis(self.dice.below(4_000));
        while let Some((id, fate)) = self.registry.expire(self.now) {
            let row = self.registry.row(id).expect("row");
            assert_eq!(fate, Fate::Expired);
            assert!(self.now.since(row.last_heard()) >= Duration::from_secs(75));
            let key = (row.realm(), row.user());
            assert!(self.registry.remove(self.now, id, Reason::Expiry));
            assert!(self.model.rows.remove(&key).is_some());
        }
        assert!(self.registry.next_deadline().is_none_or(|next| next > self.now));
        for (realm, user) in self.model.rows.keys() {
            let row = self.registry.row(id_of(&self.registry, *realm, *user)).expect("row");
            assert!(self.now.since(row.last_heard()) <= Duration::from_millis(75_050));
        }
    }

    /// Who was not heard for three expiries is known no better than by a snapshot.
    fn stand_still(&mut self) {
        self.now += Duration::from_secs(100 + self.dice.below(200));
        let (registry, now) = (&self.registry, self.now);
        let mut doubted = 0;
        for ((realm, user), row) in &mut self.model.rows {
            let seen = registry.row(id_of(registry, *realm, *user)).expect("row");
            if row.confirmed && now.since(seen.last_heard()) >= Duration::from_secs(225) {
                row.confirmed = false;
                doubted += 1;
            }
        }
        assert_eq!(self.registry.doubt_silent(now), doubted);
    }

    fn subscribe(&mut self) {
        let Some((realm, user)) = self.existing() else { return };
        let id = id_of(&self.registry, realm, user);
        let named: Vec<_> = (0..1 + self.dice.below(5)).map(|_| self.user()).collect();
        let spec = match self.dice.below(5) {
            0 => ViewSpec::None,
            1 => ViewSpec::Realm,
            2 => ViewSpec::Named(&named),
            _ => ViewSpec::Group(GROUPS[self.dice.below(3) as usize]),
        };
        let push = !self.dice.one_in(3);
        self.registry.subscribe(id, spec, push);
        let row = self.registry.row(id).expect("row");
        assert_eq!(row.view().is_none(), spec == ViewSpec::None);
        assert_eq!(row.wants_push(), push && spec != ViewSpec::None);
        if let Some(view) = row.view() {
            let revision = self.registry.revision(view);
            self.registry.set_told(id, revision);
        }
    }

    /// After a round of pushes nobody who can be told lacks anything.
    fn push(&mut self) {
        let mut pushes = 0;
        while let Some(target) = self.registry.next_push() {
            pushes += 1;
            assert!(pushes < 10_000, "pushes end");
            let row = self.registry.row(target.row).expect("row");
            assert!(row.wants_push() && row.is_live() && row.address().is_some());
            assert!(row.told() == target.told && target.told < self.registry.revision(target.view));
            // Often no more than one change fits.
            let first = self.registry.changes_after(target.view, target.told, None).next();
            let to = match first.filter(|_| self.dice.one_in(2)) {
                Some((revision, _)) => revision,
                None => self.registry.revision(target.view),
            };
            self.registry.set_told(target.row, to);
        }
        assert!(!self.registry.has_pushes());
        let mut drained = BTreeMap::new();
        for (realm, user) in self.model.rows.keys() {
            let row = self.registry.row(id_of(&self.registry, *realm, *user)).expect("row");
            let Some(view) = row.view() else { continue };
            let revision = self.registry.revision(view);
            let changed = self.drained.get(&view).is_none_or(|last| *last < revision);
            let there = row.wants_push() && row.is_live() && row.address().is_some();
            let can = row.told() != Revision(0) && row.told() >= self.registry.floor(view);
            assert!(!(changed && there && can) || row.told() == revision);
            drained.insert(view, revision);
        }
        self.drained = drained;
    }

    fn step(&mut self) {
        match self.dice.below(21) {
            20 if self.dice.one_in(3) => self.stand_still(),
            0..=5 => self.register(false),
            6 => self.register(true),
            7..=9 => self.set_content(),
            10..=12 => self.confirm(),
            13..=14 => self.heard(),
            15 => self.remove(),
            16 => self.wait(),
            17..=18 => self.subscribe(),
            _ => self.push(),
        }
        self.model.compare(&mut self.registry, &REALMS, &GROUPS, &mut self.dice);
    }
}

#[test]
fn random_operations_agree_with_the_model() {
    crate::shows!("R-REG-17", "R-REG-25", "R-REG-42", "R-REG-45", "R-DIR-01", "R-DIR-11");
    for seed in 0..12 {
        let mut world = World::new(seed);
        (0..300).for_each(|_| world.step());
    }
}

#[test]
fn revisions_begin_anew_when_they_are_used_up() {
    let mut world = World::new(99);
    for slot in 0..2 {
        world.registry.realm_mut(slot).expect("realm").revision = Revision(u32::MAX - 60);
        let view = world.registry.realms[usize::from(slot)].view;
        let view = &mut world.registry.views[view as usize];
        (view.revision, view.floor) = (Revision(u32::MAX - 60), Revision(u32::MAX - 60));
    }
    (0..600).for_each(|_| world.step());
    assert!(world.registry.realms[0].revision < Revision(10_000));
}
