//! Long answers in pages: while one goes out, the daemon does everything else, and holds one page of it at most.

use std::collections::VecDeque;

use serde::Serialize;
use serde_json::Value;

use super::server::{ConnectionId, ControlServer};

/// Rows in one page. A turn of the loop makes one page, whoever and how many ask.
pub(in super::super) const PAGE_ROWS: usize = 256;

/// A piece of a list.
#[derive(Debug)]
pub(in super::super) struct Page<R> {
    pub(in super::super) rows: Vec<R>,
    /// With the last page: the answer that closes the list.
    pub(in super::super) end: Option<Value>,
}

/// Whether a connection can take a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Room {
    /// The one who asked is gone.
    Gone,
    /// It has not yet read the last page.
    Full,
    /// It has read everything.
    Free,
}

/// The lists that are on their way, each with the daemon's cursor in it.
#[derive(Debug)]
pub(in super::super) struct Listings<C> {
    waiting: VecDeque<(ConnectionId, C)>,
}

impl<C> Listings<C> {
    pub(in super::super) const fn new() -> Self {
        Self { waiting: VecDeque::new() }
    }

    /// Answers a request with a list. The connection's next request is read when it is over.
    pub(in super::super) fn begin(&mut self, control: &mut ControlServer, to: ConnectionId, cursor: C) {
        control.hold(to);
        self.waiting.push_back((to, cursor));
    }

    /// Whether a turn has something to do.
    pub(in super::super) fn ready(&self, control: &ControlServer) -> bool {
        self.waiting.iter().any(|(to, _)| control.room(*to) != Room::Full)
    }

    /// Sends one page to the connection that has waited for longest among those that have read what they got.
    pub(in super::super) fn turn<R: Serialize>(
        &mut self,
        control: &mut ControlServer,
        page: impl FnOnce(&mut C) -> Page<R>,
    ) {
        for _ in 0..self.waiting.len() {
            let Some((to, mut cursor)) = self.waiting.pop_front() else { return };
            match control.room(to) {
                Room::Gone => {}
                Room::Full => self.waiting.push_back((to, cursor)),
                Room::Free => {
                    let page = page(&mut cursor);
                    control.send_part(to, &page.rows);
                    match page.end {
                        Some(answer) => control.release(to, answer),
                        None => self.waiting.push_back((to, cursor)),
                    }
                    return;
                }
            }
        }
    }
}
