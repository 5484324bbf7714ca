//! What every change of a row's visible content does: the next revision, the ends of the lists, the digests, the
//! groups, and whom to tell (R-DIR-01, R-DIR-02, R-DIR-11, R-REG-45).

use super::list::Link;
use super::rows::{ChangeLinks, NIL, bit};
use super::subscribe::NOT_GRANTED;
use super::view::{GoneRow, Member, Reason, View};
use super::{Registry, RowId};
use crate::ident::{Revision, UserId};
use crate::limits::{BUCKETS, DELETIONS_KEPT};
use crate::planted::{Bug, planted};

/// Deletions that all groups of a realm remember together; above it each keeps a few only.
const GROUP_GONE_KEPT: usize = 8 * DELETIONS_KEPT;
const GROUP_GONE_LEAST: usize = 64;

impl Registry {
    /// The digest of a row as it is now.
    pub(super) fn digest_of(&self, id: u32) -> u64 {
        let Some(row) = self.row(RowId(id)) else { return 0 };
        (self.digest)(row.user(), row.is_late(), row.address().map(|a| a.ip()), row.content())
    }

    /// Changes the visible content of a row that is listed.
    pub(super) fn change(&mut self, id: u32, edit: impl FnOnce(&mut Self)) {
        let before = self.digest_of(id);
        edit(self);
        let after = self.digest_of(id);
        let Some((realm, member, user)) = self.rows.get(id).map(|r| (r.realm, r.member, r.user)) else {
            return;
        };
        let Some(revision) = self.take_revision(realm) else { return };
        self.unlink_change(realm, id);
        self.link_change(realm, id, revision, before, after);
        if let Some(view) = self.members.get(member as usize).map(|m| m.view) {
            if let Some(view) = self.views.get_mut(view as usize) {
                view.list.remove(&mut self.members, member);
                view.list.push_back(&mut self.members, member);
                view.revision = revision;
                view.adjust(user, before, after);
            }
            self.mark(view);
        }
        self.tell_watchers(realm, user, revision);
    }

    /// Changes the content and the group of a row that is listed.
    pub(super) fn change_group(&mut self, id: u32, group: Option<&str>, edit: impl FnOnce(&mut Self)) {
        let same = self.group_of(id) == group;
        if !same {
            self.leave_group(id, Reason::LeftView);
        }
        self.change(id, edit);
        if let Some(name) = group.filter(|_| !same) {
            self.join_group(id, name);
        }
    }

    /// Lists a new row.
    pub(super) fn enter(&mut self, id: u32, group: Option<&str>) {
        let Some((realm, user)) = self.rows.get(id).map(|r| (r.realm, r.user)) else { return };
        let Some(revision) = self.take_revision(realm) else { return };
        let digest = self.digest_of(id);
        self.link_change(realm, id, revision, 0, digest);
        if let Some(view) = self.realm_view_mut(realm) {
            view.len += 1;
        }
        if let Some(name) = group {
            self.join_group(id, name);
        }
        self.tell_watchers(realm, user, revision);
    }

    /// Takes a row out of all lists.
    pub(super) fn depart(&mut self, id: u32, reason: Reason) {
        let Some((realm, user)) = self.rows.get(id).map(|r| (r.realm, r.user)) else { return };
        self.leave_group(id, reason);
        let Some(revision) = self.take_revision(realm) else { return };
        let digest = self.digest_of(id);
        self.unlink_change(realm, id);
        if let Some(view) = self.realm_view_mut(realm) {
            view.len -= 1;
            view.revision = revision;
            view.adjust(user, digest, 0);
            if !planted(Bug::GoneUnsaid) {
                view.push_gone(GoneRow { user, revision, reason }, DELETIONS_KEPT);
            }
        }
        self.mark_realm(realm);
        self.tell_watchers(realm, user, revision);
    }

    fn realm_view_mut(&mut self, realm: u16) -> Option<&mut View> {
        let view = self.realms.get(usize::from(realm))?.view;
        self.views.get_mut(view as usize)
    }

    fn mark_realm(&mut self, realm: u16) {
        if let Some(view) = self.realms.get(usize::from(realm)).map(|realm| realm.view) {
            self.mark(view);
        }
    }

    fn unlink_change(&mut self, realm: u16, id: u32) {
        let Some(view) = self.realms.get(usize::from(realm)).map(|realm| realm.view) else { return };
        if let Some(view) = self.views.get_mut(view as usize) {
            view.list.remove(&mut ChangeLinks(&mut self.rows), id);
        }
    }

    /// Puts the row at the end of the realm's list.
    fn link_change(&mut self, realm: u16, id: u32, revision: Revision, before: u64, after: u64) {
        let Some(view) = self.realms.get(usize::from(realm)).map(|realm| realm.view) else { return };
        let Some(row) = self.rows.get_mut(id) else { return };
        row.revision = revision;
        let user = row.user;
        if let Some(view) = self.views.get_mut(view as usize) {
            view.list.push_back(&mut ChangeLinks(&mut self.rows), id);
            view.revision = revision;
            view.adjust(user, before, after);
        }
        self.mark(view);
    }

    /// The group in which a row is.
    pub(super) fn group_of(&self, id: u32) -> Option<&str> {
        let member = self.members.get(self.rows.get(id)?.member as usize)?;
        self.views.get(member.view as usize)?.name.as_deref()
    }

    /// Joins the group of this name, with the row's revision and digest.
    fn join_group(&mut self, id: u32, name: &str) {
        let digest = self.digest_of(id);
        let Some((realm, user, revision)) = self.rows.get(id).map(|r| (r.realm, r.user, r.revision)) else {
            return;
        };
        let number = self.group_view(realm, name);
        let member = self.members.insert(Member { row: id, view: number, link: Link::NONE }) as u32;
        if let Some(row) = self.rows.get_mut(id) {
            row.member = member;
        }
        if let Some(view) = self.views.get_mut(number as usize) {
            view.list.push_back(&mut self.members, member);
            view.len += 1;
            view.by_user.insert(user, id);
            view.revision = revision;
            view.adjust(user, 0, digest);
        }
        self.keep_buckets(number);
        self.mark(number);
    }

    /// Leaves the row's group if it is in one, with the revision that the row's change takes next.
    fn leave_group(&mut self, id: u32, reason: Reason) {
        let Some(row) = self.rows.get_mut(id) else { return };
        let (realm, user) = (row.realm, row.user);
        let number = std::mem::replace(&mut row.member, NIL);
        let Some(&Member { view: at, .. }) = self.members.get(number as usize) else { return };
        let digest = self.digest_of(id);
        let Some(realm) = self.realms.get_mut(usize::from(realm)) else { return };
        let revision = Revision(realm.revision.0.saturating_add(1));
        if let Some(view) = self.views.get_mut(at as usize) {
            view.list.remove(&mut self.members, number);
            view.len -= 1;
            view.by_user.remove(&user);
            view.revision = revision;
            view.adjust(user, digest, 0);
            let full = realm.group_gone >= GROUP_GONE_KEPT;
            let limit = if full { GROUP_GONE_LEAST } else { DELETIONS_KEPT };
            realm.group_gone += 1;
            realm.group_gone -=
                view.push_gone(GoneRow { user, revision, reason }, limit).min(realm.group_gone);
        }
        self.members.try_remove(number as usize);
        self.mark(at);
        self.drop_unused(at);
    }

    /// The group's view, made if there is none.
    pub(super) fn group_view(&mut self, realm: u16, name: &str) -> u32 {
        if let Some(number) = self.find_group(realm, name) {
            return number;
        }
        // All that was told of an earlier group of this name lies at or below this revision.
        let revision = self.realms.get(usize::from(realm)).map(|r| r.revision).unwrap_or_default();
        let number = self.views.insert(View::new(realm, Some(name.into()), revision)) as u32;
        let (hash, views) = (self.view_names.hash((realm, name)), &self.views);
        self.view_names.insert(hash, number, |state, other| {
            use std::hash::BuildHasher;
            views
                .get(other as usize)
                .map_or(0, |v| state.hash_one((v.realm, v.name.as_deref().unwrap_or(""))))
        });
        number
    }

    pub(super) fn find_group(&self, realm: u16, name: &str) -> Option<u32> {
        let same = |number: u32| {
            let view = self.views.get(number as usize);
            view.is_some_and(|view| view.realm == realm && view.name.as_deref() == Some(name))
        };
        self.view_names.find(self.view_names.hash((realm, name)), same)
    }

    /// Forgets a group that has neither rows nor followers.
    pub(super) fn drop_unused(&mut self, number: u32) {
        if !self.views.get(number as usize).is_some_and(View::is_unused) {
            return;
        }
        let Some(view) = self.views.try_remove(number as usize) else { return };
        let hash = self.view_names.hash((view.realm, view.name.as_deref().unwrap_or("")));
        self.view_names.remove(hash, number);
        if let Some(realm) = self.realm_mut(view.realm) {
            realm.group_gone -= view.gone.len().min(realm.group_gone);
        }
    }

    /// Begins to keep a group's digests by bucket when it has become large.
    fn keep_buckets(&mut self, number: u32) {
        let Some(view) = self.views.get(number as usize).filter(|view| view.needs_buckets()) else { return };
        let mut buckets = Box::new([0u64; BUCKETS]);
        for (user, id) in &view.by_user {
            if let Some(bucket) = buckets.get_mut(user.bucket()) {
                *bucket = bucket.wrapping_add(self.digest_of(*id));
            }
        }
        if let Some(view) = self.views.get_mut(number as usize) {
            view.buckets = Some(buckets);
        }
    }

    /// The next revision of a realm. After the last one all lists begin anew: what hosts hold is then of an unknown
    /// revision, and the digests decide.
    fn take_revision(&mut self, realm: u16) -> Option<Revision> {
        if self.realms.get(usize::from(realm))?.revision.0 >= u32::MAX - 1 {
            self.renumber(realm);
        }
        let realm = self.realm_mut(realm)?;
        realm.revision.0 += 1;
        Some(realm.revision)
    }

    fn renumber(&mut self, slot: u16) {
        let Some(realm) = self.realms.get(usize::from(slot)) else { return };
        let mut last = Revision(1);
        let mut at = self.views.get(realm.view as usize).map_or(NIL, |view| view.list.head);
        while let Some(row) = self.rows.get_mut(at) {
            last.0 += 1;
            row.revision = last;
            at = row.change.next;
        }
        for (_, view) in self.views.iter_mut().filter(|(_, view)| view.realm == slot) {
            view.gone.clear();
            view.revision = last;
            view.floor = last;
        }
        for (_, sub) in &mut self.subs {
            if self.rows.get(sub.row).is_some_and(|row| row.realm == slot) {
                sub.told = Revision::default();
                sub.changed = last;
                // Else no revision of the session would ever count again.
                if sub.since.is_some_and(|since| since.get() != NOT_GRANTED.0) {
                    sub.since = std::num::NonZeroU32::new(last.0);
                }
            }
        }
        if let Some(realm) = self.realm_mut(slot) {
            realm.revision = last;
            realm.group_gone = 0;
        }
    }

    /// Sets a row's *late* and counts it; the caller makes it a change.
    pub(super) fn set_late(&mut self, id: u32, late: bool) {
        let Some(row) = self.rows.get(id) else { return };
        if row.has(bit::LATE) == late {
            return;
        }
        self.recount(id, |registry| {
            if let Some(row) = registry.rows.get_mut(id) {
                row.set(bit::LATE, late);
                row.move_here();
            }
        });
        self.touch(id);
    }

    fn tell_watchers(&mut self, realm: u16, user: UserId, revision: Revision) {
        if self.watchers.is_empty() {
            return;
        }
        let (first, last) = ((realm, user, 0), (realm, user, u32::MAX));
        for &(_, _, number) in self.watchers.range(first..=last) {
            if let Some(sub) = self.subs.get_mut(number as usize) {
                sub.changed = revision;
                sub.root = None;
                if sub.push && !std::mem::replace(&mut sub.queued, true) {
                    self.pushes.push_back(super::push::Push::Named(number));
                }
            }
        }
    }
}
