//! A table as naive as can be, to compare the registry with.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

use super::digest;
use crate::ident::{RealmId, Revision, SessionId, UserId};
use crate::limits::BUCKETS;
use crate::registry::{Change, Reason, Registry, RowId, RowView, Status, ViewHandle};

/// Small random numbers from a seed.
pub(in crate::registry) struct Dice(pub(in crate::registry) u64);

impl Dice {
    pub(in crate::registry) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(in crate::registry) fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    pub(in crate::registry) fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }
}

/// A row of the model.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct ModelRow {
    pub(super) session: u64,
    pub(super) content: Vec<u8>,
    pub(super) group: Option<String>,
    pub(super) address: Option<SocketAddr>,
    pub(super) late: bool,
    pub(super) confirmed: bool,
}

/// What a view shows of a user: the digest of the row.
pub(super) type Shown = BTreeMap<UserId, u64>;

/// The table.
#[derive(Default)]
pub(super) struct Model {
    pub(super) rows: BTreeMap<(RealmId, UserId), ModelRow>,
    /// What views showed at which revision, for deltas from there.
    past: BTreeMap<(RealmId, Option<String>), BTreeMap<Revision, Shown>>,
}

impl ModelRow {
    fn digest(&self, user: UserId) -> u64 {
        digest(user, self.late, self.address.map(|a| a.ip()), &self.content)
    }
}

impl Model {
    pub(super) fn shown(&self, realm: RealmId, group: Option<&str>) -> Shown {
        let of_view = |row: &ModelRow| group.is_none() || row.group.as_deref() == group;
        let rows = self.rows.iter().filter(|((r, _), row)| *r == realm && of_view(row));
        rows.map(|((_, user), row)| (*user, row.digest(*user))).collect()
    }

    /// Takes an address away from whoever else proved it.
    pub(super) fn displace(&mut self, realm: RealmId, user: UserId, address: SocketAddr) -> Option<UserId> {
        let holds = |((r, u), row): &(&(RealmId, UserId), &mut ModelRow)| {
            *r == realm && *u != user && row.confirmed && row.address == Some(address)
        };
        let (key, row) = self.rows.iter_mut().find(holds)?;
        row.address = None;
        row.late = true;
        Some(key.1)
    }

    /// Compares everything that can be seen.
    pub(super) fn compare(
        &mut self,
        registry: &mut Registry,
        realms: &[RealmId],
        groups: &[&str],
        dice: &mut Dice,
    ) {
        for realm in realms {
            self.compare_rows(registry, *realm);
            let view = registry.realm_view(*realm).expect("realm");
            self.compare_view(registry, *realm, None, view, dice);
            for group in groups {
                let shown = self.shown(*realm, Some(group));
                match registry.group_of_realm(*realm, group) {
                    Some(view) => self.compare_view(registry, *realm, Some(group), view, dice),
                    None => {
                        assert!(shown.is_empty());
                        self.past.remove(&(*realm, Some((*group).to_string())));
                    }
                }
            }
        }
        assert_eq!(registry.len(), self.rows.len());
    }

    fn compare_rows(&self, registry: &Registry, realm: RealmId) {
        let mut counts = (0, 0, 0);
        let mut users = Vec::new();
        for ((_, user), row) in self.rows.iter().filter(|((r, _), _)| *r == realm) {
            let id = registry.by_user(realm, *user).expect("row of the user");
            assert_eq!(registry.by_session(SessionId(row.session)), Some(id));
            let seen = registry.row(id).expect("row");
            compare_row(&seen, row);
            if let Some(address) = row.address.filter(|_| row.confirmed) {
                assert_eq!(registry.by_address(realm, address), Some(id));
            }
            match seen.status() {
                Status::Up => counts.0 += 1,
                Status::Late => counts.1 += 1,
                Status::Unconfirmed => counts.2 += 1,
            }
            users.push(*user);
        }
        let seen = registry.counts(realm);
        assert_eq!(
            (seen.up, seen.late, seen.unconfirmed, seen.known),
            (counts.0, counts.1, counts.2, users.len())
        );
        let user = |id| registry.row(id).expect("row").user();
        let listed: Vec<_> = registry.realm_rows(realm).map(user).collect();
        assert_eq!(listed, users);
    }

    fn compare_view(
        &mut self,
        registry: &mut Registry,
        realm: RealmId,
        group: Option<&str>,
        view: ViewHandle,
        dice: &mut Dice,
    ) {
        let shown = self.shown(realm, group);
        assert_eq!(registry.view_len(view), shown.len());
        assert_eq!(registry.root(view), shown.values().fold(0u64, |sum, d| sum.wrapping_add(*d)));
        let mut buckets = [0u64; BUCKETS];
        for (user, digest) in &shown {
            buckets[user.bucket()] = buckets[user.bucket()].wrapping_add(*digest);
        }
        assert_eq!(registry.buckets(view), buckets);
        compare_order(registry, view, &shown, dice);
        let past = self.past.entry((realm, group.map(str::to_string))).or_default();
        past.insert(registry.revision(view), shown.clone());
        let reach = registry.floor(view)..=registry.revision(view);
        past.retain(|revision, _| reach.contains(revision));
        let which = dice.below(past.len() as u64) as usize;
        let (from, old) = past.iter().nth(which).expect("a past");
        assert_eq!(replay(registry, view, *from, old.clone()), shown, "delta from {from:?}");
    }
}

fn compare_row(seen: &RowView<'_>, row: &ModelRow) {
    assert_eq!(seen.content(), row.content);
    assert_eq!(seen.address(), row.address);
    assert_eq!(seen.is_late(), row.late);
    assert_eq!(seen.is_live(), row.confirmed);
    assert_eq!(seen.in_group(), row.group.is_some());
}

fn compare_order(registry: &Registry, view: ViewHandle, shown: &Shown, dice: &mut Dice) {
    let odd_only = dice.one_in(2);
    let wanted = |bucket: usize| !odd_only || bucket % 2 == 1;
    let mut cursor = None;
    for user in shown.keys().filter(|user| wanted(user.bucket())) {
        let id = registry.row_above(view, cursor, wanted).expect("a row above");
        assert_eq!(registry.row(id).expect("row").user(), *user);
        cursor = Some(*user);
    }
    assert_eq!(registry.row_above(view, cursor, wanted), None);
}

/// The old state with the changes applied; each change must be newer than the one before.
fn replay(registry: &Registry, view: ViewHandle, from: Revision, mut shown: Shown) -> Shown {
    let mut last = from;
    let mut seen = BTreeSet::new();
    let hint = registry.next_row(None);
    let plain: Vec<_> = registry.changes_after(view, from, None).collect();
    assert_eq!(plain, registry.changes_after(view, from, hint).collect::<Vec<_>>(), "hints do no harm");
    for (revision, change) in plain {
        assert!(revision > last && revision <= registry.revision(view));
        last = revision;
        let user = match change {
            Change::Row(id) => {
                let row = registry.row(id).expect("row");
                let ip = row.address().map(|a| a.ip());
                shown.insert(row.user(), digest(row.user(), row.is_late(), ip, row.content()));
                row.user()
            }
            Change::Gone(gone) => {
                assert!(group_reason(view, gone.reason));
                shown.remove(&gone.user);
                continue;
            }
        };
        assert!(seen.insert(user), "a row's last change only");
    }
    shown
}

fn group_reason(view: ViewHandle, reason: Reason) -> bool {
    matches!(view, ViewHandle::List(_)) && !matches!(reason, Reason::Replaced)
}

/// The row of a user.
pub(super) fn id_of(registry: &Registry, realm: RealmId, user: UserId) -> RowId {
    registry.by_user(realm, user).expect("row of the user")
}
