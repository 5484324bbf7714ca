//! Going through views: by revision for deltas, by user id for copies (R-DIR-03, R-DIR-04).

use std::ops::Bound;

use super::rows::NIL;
use super::view::{GoneRow, View, ViewHandle};
use super::{Registry, RowId};
use crate::ident::{RealmId, Revision, UserId};
use crate::limits::BUCKETS;

/// One line of a view's list of changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// A row as it is now.
    Row(RowId),
    /// A row that is gone.
    Gone(GoneRow),
}

/// The changes of a view behind a revision, ascending.
pub struct Changes<'a> {
    registry: &'a Registry,
    kind: Kind<'a>,
    walked: u64,
}

impl Changes<'_> {
    /// How many rows were gone over to find the first one.
    pub const fn walked(&self) -> u64 {
        self.walked
    }
}

enum Kind<'a> {
    List { view: &'a View, node: u32, gone: usize },
    Few(std::vec::IntoIter<(Revision, Change)>),
}

impl Iterator for Changes<'_> {
    type Item = (Revision, Change);

    fn next(&mut self) -> Option<Self::Item> {
        let registry = self.registry;
        match &mut self.kind {
            Kind::Few(rest) => rest.next(),
            Kind::List { view, node, gone } => loop {
                let row = registry.row_at(view, *node);
                let lost = view.gone.get(*gone);
                let row_first = match (row, lost) {
                    (None, None) => return None,
                    (Some((_, revision)), Some(lost)) => revision < lost.revision,
                    (row, _) => row.is_some(),
                };
                if let Some((id, revision)) = row.filter(|_| row_first) {
                    *node = registry.node_after(view, *node);
                    return Some((revision, Change::Row(RowId(id))));
                }
                *gone += 1;
                if let Some(lost) = lost.filter(|lost| !registry.shows(view, lost.user)) {
                    return Some((lost.revision, Change::Gone(*lost)));
                }
            },
        }
    }
}

impl Registry {
    /// The changes of a view behind `from`. `hint` may be a row that an earlier walk ended with: it saves the way back
    /// to `from`, and does no harm if it is wrong.
    pub fn changes_after(&self, view: ViewHandle, from: Revision, hint: Option<RowId>) -> Changes<'_> {
        let Some(list) = self.list_view(view) else {
            let kind = Kind::Few(self.named_changes(view, from).into_iter());
            return Changes { registry: self, kind, walked: 0 };
        };
        let (node, walked) = self.first_behind(list, from, hint);
        let gone = list.gone.partition_point(|gone| gone.revision <= from);
        Changes { registry: self, kind: Kind::List { view: list, node, gone }, walked }
    }

    /// The row with the lowest user id above `after` (`None`: the lowest of all), in a bucket that `wanted` takes.
    pub fn row_above(
        &self,
        view: ViewHandle,
        after: Option<UserId>,
        wanted: impl Fn(usize) -> bool,
    ) -> Option<RowId> {
        let Some(list) = self.list_view(view) else {
            let user = |id: u32| self.rows.get(id).map(|row| row.user);
            let mut rows = self.named_rows(view);
            let id = rows.find(|id| user(*id).is_some_and(|u| Some(u) > after && wanted(u.bucket())));
            return id.map(RowId);
        };
        if list.name.is_none() {
            return self
                .realms
                .get(usize::from(list.realm))?
                .users
                .next(&self.rows, after, wanted)
                .map(RowId);
        }
        let mut from = after.map_or(Bound::Unbounded, Bound::Excluded);
        loop {
            let (user, id) = list.by_user.range((from, Bound::Unbounded)).next()?;
            if wanted(user.bucket()) {
                return Some(RowId(*id));
            }
            // Not row by row: one wanted bucket behind a large group must not cost the whole group.
            let next = (user.bucket() + 1..BUCKETS).find(|bucket| wanted(*bucket))?;
            from = Bound::Included(UserId::first_of(next));
        }
    }

    /// All rows of a realm in ascending order of user id.
    #[cfg(test)]
    pub(super) fn realm_rows(&self, realm: RealmId) -> impl Iterator<Item = RowId> {
        let user = |id: RowId| self.row(id).map(|row| row.user());
        std::iter::successors(self.realm_row_after(realm, None), move |id| {
            self.realm_row_after(realm, user(*id))
        })
    }

    /// The row of a realm with the lowest user id above `after` (`None`: the lowest of all).
    pub fn realm_row_after(&self, realm: RealmId, after: Option<UserId>) -> Option<RowId> {
        self.realm(realm)?.users.next(&self.rows, after, |_| true).map(RowId)
    }

    /// The row behind a node of a view's list, and its revision.
    fn row_at(&self, view: &View, node: u32) -> Option<(u32, Revision)> {
        let id = if view.name.is_none() { node } else { self.members.get(node as usize)?.row };
        self.rows.get(id).map(|row| (id, row.revision))
    }

    fn node_after(&self, view: &View, node: u32) -> u32 {
        if view.name.is_none() {
            self.rows.get(node).map_or(NIL, |row| row.change.next)
        } else {
            self.members.get(node as usize).map_or(NIL, |member| member.link.next)
        }
    }

    fn node_before(&self, view: &View, node: u32) -> u32 {
        if view.name.is_none() {
            self.rows.get(node).map_or(NIL, |row| row.change.previous)
        } else {
            self.members.get(node as usize).map_or(NIL, |member| member.link.previous)
        }
    }

    /// The node of a row in a view's list.
    fn node_of(&self, view: &View, id: u32) -> Option<u32> {
        let row = self.rows.get(id)?;
        if view.name.is_none() {
            return (row.realm == view.realm).then_some(id);
        }
        let member = self.members.get(row.member as usize)?;
        self.views.get(member.view as usize).is_some_and(|v| std::ptr::eq(v, view)).then_some(row.member)
    }

    fn shows(&self, view: &View, user: UserId) -> bool {
        if view.name.is_some() {
            return view.by_user.contains_key(&user);
        }
        let realm = self.realms.get(usize::from(view.realm));
        realm.is_some_and(|realm| realm.users.find(&self.rows, user).is_some())
    }

    /// The first node whose revision is above `from`, and how many were gone over to find it.
    fn first_behind(&self, view: &View, from: Revision, hint: Option<RowId>) -> (u32, u64) {
        let behind = |node: u32| self.row_at(view, node).is_none_or(|(_, revision)| revision > from);
        if let Some(node) = hint.and_then(|id| self.node_of(view, id.0)).filter(|node| !behind(*node)) {
            let next = self.node_after(view, node);
            if behind(next) {
                return (next, 0);
            }
        }
        let (mut first, mut at, mut walked) = (NIL, view.list.tail, 0);
        while at != NIL && behind(at) {
            (first, at, walked) = (at, self.node_before(view, at), walked + 1);
        }
        (first, walked)
    }

    fn named_changes(&self, view: ViewHandle, from: Revision) -> Vec<(Revision, Change)> {
        let Some((sub, users)) = self.named(view) else { return Vec::new() };
        let Some(realm) = self.realms.get(usize::from(sub.realm)) else { return Vec::new() };
        let row = |id: u32| self.rows.get(id).map(|row| (row.revision, Change::Row(RowId(id))));
        let mut changes: Vec<_> =
            self.named_rows(view).filter_map(row).filter(|(revision, _)| *revision > from).collect();
        let gone = self.views.get(realm.view as usize).map(|view| &view.gone);
        for lost in
            gone.into_iter().flat_map(|gone| gone.iter().rev()).take_while(|gone| gone.revision > from)
        {
            if users.binary_search(&lost.user).is_ok() && realm.users.find(&self.rows, lost.user).is_none() {
                changes.push((lost.revision, Change::Gone(*lost)));
            }
        }
        changes.sort_unstable_by_key(|(revision, _)| *revision);
        changes
    }
}
