//! Who is to be sent a change at once (R-DIR-09): views that changed wait in a queue, and their subscribers are gone
//! through in the order of subscription. The work is that of the subscribers, never that of the rows.

use super::view::ViewHandle;
use super::{Registry, RowId};
use crate::ident::Revision;

/// What waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Push {
    /// A view.
    List(u32),
    /// One subscription to named users.
    Named(u32),
}

/// A session that lacks a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PushTarget {
    /// Its row.
    pub row: RowId,
    /// What it follows.
    pub view: ViewHandle,
    /// What it was told.
    pub told: Revision,
}

impl Registry {
    /// Whether somebody may be waiting for a push.
    pub fn has_pushes(&self) -> bool {
        !self.pushes.is_empty()
    }

    /// The next session that a change is to be sent to. The caller says by [`Self::set_told`] how far it got; what is
    /// left then comes up again, after the others.
    pub fn next_push(&mut self) -> Option<PushTarget> {
        while let Some(push) = self.pushes.pop_front() {
            let target = match push {
                Push::List(number) => self.next_in_view(number),
                Push::Named(number) => self.named_target(number),
            };
            if let Some((row, told, view)) = target {
                return Some(PushTarget { row: RowId(row), view, told });
            }
        }
        None
    }

    /// Forgets who waits: nobody is sent a push, and the queue must not grow by what nobody takes out of it.
    pub fn forget_pushes(&mut self) {
        while let Some(push) = self.pushes.pop_front() {
            match push {
                Push::List(number) => {
                    if let Some(view) = self.views.get_mut(number as usize) {
                        (view.push_queued, view.push_again) = (false, false);
                    }
                }
                Push::Named(number) => {
                    if let Some(sub) = self.subs.get_mut(number as usize) {
                        sub.queued = false;
                    }
                }
            }
        }
    }

    /// Notes that a view changed.
    pub(super) fn mark(&mut self, number: u32) {
        let Some(view) = self.views.get_mut(number as usize).filter(|view| !view.push.is_empty()) else {
            return;
        };
        if view.push_queued {
            view.push_again = true;
            return;
        }
        view.push_queued = true;
        view.push_next = view.push.head;
        self.pushes.push_back(Push::List(number));
    }

    fn next_in_view(&mut self, number: u32) -> Option<(u32, Revision, ViewHandle)> {
        if !self.views.get(number as usize)?.push_queued {
            return None;
        }
        loop {
            let view = self.views.get_mut(number as usize)?;
            let Some(sub) = self.subs.get(view.push_next as usize) else {
                view.push_queued = false;
                if std::mem::take(&mut view.push_again) {
                    self.mark(number);
                }
                return None;
            };
            view.push_next = sub.link.next;
            let (row, told) = (sub.row, sub.told);
            let behind = told.0 != 0 && told < view.revision && told >= view.floor;
            if behind && self.may_push(row) {
                // Whoever is not told all in one page is seen again.
                self.views.get_mut(number as usize)?.push_again = true;
                self.pushes.push_back(Push::List(number));
                return Some((row, told, ViewHandle::List(number)));
            }
        }
    }

    fn named_target(&mut self, number: u32) -> Option<(u32, Revision, ViewHandle)> {
        let view = ViewHandle::Named(number);
        let floor = self.floor(view);
        let sub = self.subs.get_mut(number as usize)?;
        let queued = std::mem::take(&mut sub.queued);
        let (row, told, changed) = (sub.row, sub.told, sub.changed);
        let behind = queued && sub.push && told.0 != 0 && told < changed && told >= floor;
        if !behind || !self.may_push(row) {
            return None;
        }
        self.subs.get_mut(number as usize)?.queued = true;
        self.pushes.push_back(Push::Named(number));
        Some((row, told, view))
    }
}
