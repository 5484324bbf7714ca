//! FIND: looks names up at the HMS, page by page (R-DIR-05).

use std::collections::VecDeque;

use super::pull::{GIVE_UP, TIMES};
use super::requests::Asked;
use super::timer::Timer;
use super::views::HostRow;
use super::{Event, Host, State};
use crate::ident::UserId;
use crate::time::Instant;
use crate::wire::{Changes, Find, Item, Kind, PageKind, Pattern};

/// Finds that wait for their turn; more are ended at once.
const WAITING_MAX: usize = 16;

/// A find under way or waiting.
#[derive(Debug)]
struct Finding {
    id: u64,
    pattern: String,
    /// Exactly this user, or a prefix of user or host names.
    exact: bool,
    cursor: UserId,
    rows: Vec<HostRow>,
    begun: Instant,
    sent: usize,
}

/// Finds in the order in which they were asked; the first is under way.
#[derive(Debug, Default)]
pub(super) struct Finds {
    queue: VecDeque<Finding>,
    last_id: u64,
}

impl Host {
    /// Looks for the user of exactly this name, or for users and hosts whose name begins so. The answer is
    /// [`Event::Found`] with the id that is returned.
    pub fn find(&mut self, now: Instant, pattern: &str, exact: bool) -> u64 {
        self.finds.last_id += 1;
        let id = self.finds.last_id;
        let pattern: String = pattern.to_owned();
        let fits = pattern.len() <= crate::ident::Name::MAX;
        if self.state != State::Registered || !fits || self.finds.queue.len() >= WAITING_MAX {
            self.events.push_back(Event::Found { id, rows: Vec::new(), complete: false });
            return id;
        }
        let cursor = UserId::default();
        self.finds.queue.push_back(Finding {
            id,
            pattern,
            exact,
            cursor,
            rows: Vec::new(),
            begun: now,
            sent: 0,
        });
        if self.finds.queue.len() == 1 {
            self.send_find(now);
        }
        id
    }

    fn send_find(&mut self, now: Instant) {
        let Some(target) = self.session.as_ref().map(|s| s.target) else { return };
        let incarnation = self.addressed(target);
        let Some(find) = self.finds.queue.front_mut() else { return };
        if find.sent == 0 {
            find.begun = now;
        }
        find.sent += 1;
        let next = find.begun + TIMES.get(find.sent).copied().unwrap_or(GIVE_UP);
        let (pattern, exact, cursor) = (find.pattern.clone(), find.exact, find.cursor);
        self.timers.set(Timer::Find, next);
        self.ask(now, (Kind::Find, 0), (Asked::Find, target), |_, buf| {
            let pattern = if exact { Pattern::User(&pattern) } else { Pattern::Prefix(&pattern) };
            Find { incarnation, cursor, pattern }.emit(buf);
        });
    }

    pub(super) fn find_due(&mut self, now: Instant) {
        match self.finds.queue.front() {
            Some(find) if find.sent > 0 && now.since(find.begun) >= GIVE_UP => self.find_done(now, false),
            Some(_) => self.send_find(now),
            None => {}
        }
    }

    /// A page of matches.
    pub(super) fn found_page(&mut self, now: Instant, changes: &Changes<'_>) {
        // Answered, even if by a page that is of no use: else whoever says it again would pass for the HMS (R-AUT-22).
        self.requests.close_all(Asked::Find);
        if changes.info.kind != PageKind::Find {
            return;
        }
        let age = self.age_ms(now);
        let rows: Vec<HostRow> = changes
            .items
            .iter()
            .filter_map(|item| match item {
                Item::Entry(entry) => Some(self.row_view(entry, age)),
                Item::Gone(_) => None,
            })
            .collect();
        let Some(find) = self.finds.queue.front_mut() else { return };
        find.rows.extend(rows);
        if changes.info.more && changes.info.up_to > find.cursor {
            (find.cursor, find.sent) = (changes.info.up_to, 0);
            self.send_find(now);
        } else {
            self.find_done(now, true);
        }
    }

    /// Asks again after a wait that the HMS asked for.
    pub(super) fn defer_find(&mut self, until: Instant) {
        if let Some(find) = self.finds.queue.front_mut() {
            find.sent = 0;
            self.timers.set(Timer::Find, until);
        }
    }

    fn find_done(&mut self, now: Instant, complete: bool) {
        if let Some(find) = self.finds.queue.pop_front() {
            self.events.push_back(Event::Found { id: find.id, rows: find.rows, complete });
        }
        self.requests.close_all(Asked::Find);
        self.timers.stop(Timer::Find);
        if !self.finds.queue.is_empty() {
            self.send_find(now);
        }
    }

    /// The session ended: no find will be answered.
    pub(super) fn abandon_find(&mut self) {
        for find in std::mem::take(&mut self.finds.queue) {
            self.events.push_back(Event::Found { id: find.id, rows: find.rows, complete: false });
        }
        self.timers.stop(Timer::Find);
    }
}
