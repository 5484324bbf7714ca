//! Which view a session follows, and what it was told of it (spec 4.6).

use super::list::{Link, Node};
use super::rows::{NIL, Row, bit};
use super::view::{View, ViewHandle};
use super::{Registry, RowId};
use crate::ident::{Revision, UserId};
use crate::limits::{BUCKETS, NAMED_MAX};

/// Instead of a revision: the view is refused, and no revision of the session counts.
pub const NOT_GRANTED: Revision = Revision(u32::MAX);

/// What a session wants to follow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ViewSpec<'a> {
    /// Nothing.
    None,
    /// All rows of the realm.
    Realm,
    /// All rows of the realm in this group.
    Group(&'a str),
    /// These users.
    Named(&'a [UserId]),
}

/// What a subscription is to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Target {
    List(u32),
    /// Ascending, each once.
    Named(Box<[UserId]>),
}

/// A session's subscription.
pub(super) struct Sub {
    pub(super) row: u32,
    pub(super) realm: u16,
    pub(super) target: Target,
    pub(super) push: bool,
    pub(super) told: Revision,
    /// The view was refused once: from here on revisions of the session count again; [`NOT_GRANTED`] while it is.
    pub(super) since: Option<std::num::NonZeroU32>,
    /// Place among those of the view that want pushes.
    pub(super) link: Link,
    /// Named users: the last change of one of them.
    pub(super) changed: Revision,
    /// Named users: the digest, until one of them changes.
    pub(super) root: Option<u64>,
    /// Named users: waits for a push.
    pub(super) queued: bool,
}

impl Node for Sub {
    fn link(&mut self) -> &mut Link {
        &mut self.link
    }
}

impl Registry {
    /// Lets a row's session follow a view; what it was told is forgotten if that is another one than before.
    pub fn subscribe(&mut self, id: RowId, spec: ViewSpec<'_>, push: bool) {
        let Some(realm) = self.rows.get(id.0).map(|row| row.realm) else { return };
        if self.follows(id, realm, spec) {
            if self.set_push(id.0, push) {
                self.touch(id.0);
            }
            return;
        }
        self.unsubscribe(id.0);
        let Some(revision) = self.realms.get(usize::from(realm)).map(|realm| realm.revision) else { return };
        let target = match spec {
            ViewSpec::None => return self.touch(id.0),
            ViewSpec::Realm => match self.realms.get(usize::from(realm)) {
                Some(realm) => Target::List(realm.view),
                None => return,
            },
            ViewSpec::Group(name) => Target::List(self.group_view(realm, name)),
            ViewSpec::Named(users) => Target::Named(sorted(users)),
        };
        let sub = self.subs.insert(Sub {
            row: id.0,
            realm,
            target: target.clone(),
            push: false,
            told: Revision::default(),
            since: None,
            link: Link::NONE,
            changed: revision,
            root: None,
            queued: false,
        }) as u32;
        match target {
            Target::List(view) => {
                if let Some(view) = self.views.get_mut(view as usize) {
                    view.followers += 1;
                }
            }
            Target::Named(users) => self.watchers.extend(users.iter().map(|user| (realm, *user, sub))),
        }
        if let Some(row) = self.rows.get_mut(id.0) {
            row.sub = sub;
        }
        self.set_push(id.0, push);
        self.touch(id.0);
    }

    fn follows(&self, id: RowId, realm: u16, spec: ViewSpec<'_>) -> bool {
        let target = self.rows.get(id.0).and_then(|row| self.sub_of(row)).map(|sub| &sub.target);
        match (spec, target) {
            (ViewSpec::Realm, Some(Target::List(view))) => {
                self.realms.get(usize::from(realm)).is_some_and(|realm| realm.view == *view)
            }
            (ViewSpec::Group(name), Some(Target::List(view))) => self.find_group(realm, name) == Some(*view),
            (ViewSpec::Named(users), Some(Target::Named(known))) => **known == *sorted(users),
            (ViewSpec::None, None) => true,
            _ => false,
        }
    }

    /// Says whether that is new.
    fn set_push(&mut self, id: u32, push: bool) -> bool {
        let Some(number) = self.rows.get(id).map(|row| row.sub) else { return false };
        let Some(sub) = self.subs.get_mut(number as usize).filter(|sub| sub.push != push) else {
            return false;
        };
        sub.push = push;
        let Target::List(view) = sub.target else { return true };
        if push {
            if let Some(view) = self.views.get_mut(view as usize) {
                view.push.push_back(&mut self.subs, number);
            }
        } else {
            self.leave_push(view, number);
        }
        true
    }

    fn leave_push(&mut self, view: u32, number: u32) {
        let Some(view) = self.views.get_mut(view as usize) else { return };
        if view.push_next == number {
            view.push_next = self.subs.get(number as usize).map_or(NIL, |sub| sub.link.next);
        }
        view.push.remove(&mut self.subs, number);
    }

    pub(super) fn unsubscribe(&mut self, id: u32) {
        let Some(number) = self.rows.get_mut(id).map(|row| std::mem::replace(&mut row.sub, NIL)) else {
            return;
        };
        let Some(sub) = self.subs.get(number as usize) else { return };
        let (push, realm) = (sub.push, sub.realm);
        if let (true, Target::List(view)) = (push, &sub.target) {
            let view = *view;
            self.leave_push(view, number);
        }
        match self.subs.try_remove(number as usize).map(|sub| sub.target) {
            Some(Target::List(number)) => {
                if let Some(view) = self.views.get_mut(number as usize) {
                    view.followers -= 1;
                }
                self.drop_unused(number);
            }
            Some(Target::Named(users)) => {
                for user in &users {
                    self.watchers.remove(&(realm, *user, number));
                }
            }
            None => {}
        }
    }

    /// Notes what a session has acknowledged, or what was sent to it.
    pub fn set_told(&mut self, id: RowId, revision: Revision) {
        let number = self.rows.get(id.0).map_or(NIL, |row| row.sub);
        if let Some(sub) = self.subs.get_mut(number as usize) {
            sub.told = revision;
        }
    }

    /// The session was told that its view is not granted: it knows nothing of it any more.
    pub fn refuse_view(&mut self, id: RowId) {
        self.set_told(id, Revision::default());
        self.set_granted_since(id, NOT_GRANTED);
    }

    /// From this revision on what a session names counts again.
    pub fn set_granted_since(&mut self, id: RowId, revision: Revision) {
        let number = self.rows.get(id.0).map_or(NIL, |row| row.sub);
        if let Some(sub) = self.subs.get_mut(number as usize) {
            sub.since = std::num::NonZeroU32::new(revision.0);
        }
    }

    pub(super) fn sub_of(&self, row: &Row) -> Option<&Sub> {
        self.subs.get(row.sub as usize)
    }

    /// What a row's session wants to follow, as it was given to [`Self::subscribe`].
    pub fn view_spec(&self, id: RowId) -> ViewSpec<'_> {
        let sub = self.rows.get(id.0).and_then(|row| self.sub_of(row));
        match sub.map(|sub| &sub.target) {
            None => ViewSpec::None,
            Some(Target::Named(users)) => ViewSpec::Named(users),
            Some(Target::List(view)) => {
                match self.views.get(*view as usize).and_then(|v| v.name.as_deref()) {
                    Some(name) => ViewSpec::Group(name),
                    None => ViewSpec::Realm,
                }
            }
        }
    }

    pub(super) fn view_of(&self, row: &Row) -> Option<ViewHandle> {
        let sub = self.sub_of(row)?;
        Some(match &sub.target {
            Target::List(view) => ViewHandle::List(*view),
            Target::Named(_) => ViewHandle::Named(row.sub),
        })
    }

    /// The group of this name, if it has rows or followers.
    pub fn group_of_realm(&self, realm: crate::ident::RealmId, name: &str) -> Option<ViewHandle> {
        self.find_group(*self.realm_slots.get(&realm)?, name).map(ViewHandle::List)
    }

    pub(super) fn list_view(&self, view: ViewHandle) -> Option<&View> {
        match view {
            ViewHandle::List(number) => self.views.get(number as usize),
            ViewHandle::Named(_) => None,
        }
    }

    pub(super) fn named(&self, view: ViewHandle) -> Option<(&Sub, &[UserId])> {
        let ViewHandle::Named(number) = view else { return None };
        let sub = self.subs.get(number as usize)?;
        match &sub.target {
            Target::Named(users) => Some((sub, users)),
            Target::List(_) => None,
        }
    }

    /// Rows in a view.
    pub fn view_len(&self, view: ViewHandle) -> usize {
        match self.list_view(view) {
            Some(list) => list.len,
            None => self.named_rows(view).count(),
        }
    }

    /// The last change of a view.
    pub fn revision(&self, view: ViewHandle) -> Revision {
        let named = || self.named(view).map(|(sub, _)| sub.changed);
        self.list_view(view).map(|list| list.revision).or_else(named).unwrap_or_default()
    }

    /// Changes up to this revision may be forgotten: below it no delta is possible.
    pub fn floor(&self, view: ViewHandle) -> Revision {
        let number = match view {
            ViewHandle::List(number) => self.views.get(number as usize).map(|view| view.floor),
            ViewHandle::Named(_) => {
                let realm = self.named(view).and_then(|(sub, _)| self.realms.get(usize::from(sub.realm)));
                realm.and_then(|realm| self.views.get(realm.view as usize)).map(|view| view.floor)
            }
        };
        number.unwrap_or_default()
    }

    /// The root digest of a view (R-DIR-02).
    pub fn root(&mut self, view: ViewHandle) -> u64 {
        if let Some(list) = self.list_view(view) {
            return list.root;
        }
        let Some((sub, _)) = self.named(view) else { return 0 };
        if let Some(root) = sub.root {
            return root;
        }
        let root = self.named_rows(view).fold(0u64, |sum, id| sum.wrapping_add(self.digest_of(id)));
        if let ViewHandle::Named(number) = view
            && let Some(sub) = self.subs.get_mut(number as usize)
        {
            sub.root = Some(root);
        }
        root
    }

    /// The digests of a view by bucket (R-DIR-02).
    pub fn buckets(&self, view: ViewHandle) -> [u64; BUCKETS] {
        if let Some(buckets) = self.list_view(view).and_then(|list| list.buckets.as_deref()) {
            return *buckets;
        }
        let mut buckets = [0; BUCKETS];
        let mut add = |id: u32| {
            let Some(user) = self.rows.get(id).map(|row| row.user) else { return };
            if let Some(bucket) = buckets.get_mut(user.bucket()) {
                *bucket = u64::wrapping_add(*bucket, self.digest_of(id));
            }
        };
        match self.list_view(view) {
            Some(list) => list.by_user.values().for_each(|id| add(*id)),
            None => self.named_rows(view).for_each(add),
        }
        buckets
    }

    /// The rows that a view of named users shows, ascending.
    pub(super) fn named_rows(&self, view: ViewHandle) -> impl Iterator<Item = u32> {
        let (realm, users) = match self.named(view) {
            Some((sub, users)) => (self.realms.get(usize::from(sub.realm)), users),
            None => (None, [].as_slice()),
        };
        users.iter().filter_map(move |user| realm?.users.find(&self.rows, *user))
    }

    /// Whether a push may go to the row: it is proven to be where it says.
    pub(super) fn may_push(&self, id: u32) -> bool {
        self.rows.get(id).is_some_and(|row| row.has(bit::CONFIRMED) && row.has(bit::PUBLISHED))
    }
}

fn sorted(users: &[UserId]) -> Box<[UserId]> {
    let mut users: Vec<UserId> = users.iter().copied().take(NAMED_MAX).collect();
    users.sort_unstable();
    users.dedup();
    users.into_boxed_slice()
}
