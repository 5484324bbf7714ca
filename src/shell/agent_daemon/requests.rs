//! What the control sockets of an agent answer.

use serde_json::{Value, json};

use super::{Daemon, REFRESH_MAX};
use crate::host::{HostRow, WhoCursor};
use crate::shell::control::{ConnectionId, ControlError, EXIT_USAGE, PAGE_ROWS, Page, Request, changes};
use crate::shell::engine::unknown_request;

impl Daemon<'_> {
    pub(super) fn requests(&mut self) {
        while let Some(request) = self.engine.next_request() {
            self.handle(&request);
            self.events();
        }
    }

    fn handle(&mut self, request: &Request) {
        let now = self.engine.now();
        let answer = match request.command() {
            "who" => return self.list_to(request.from),
            "self" => Ok(serde_json::to_value(self.host.me(now)).unwrap_or_default()),
            "watch" => return self.engine.control.subscribe(request.from, None),
            "set" => request.need_control().and_then(|()| self.set(request)),
            // Answered with the list, when the HMS has told all that is new.
            "refresh" => match request.need_control() {
                Ok(()) => {
                    self.host.refresh(now);
                    return self.refreshers.push((request.from, now + REFRESH_MAX));
                }
                Err(error) => Err(error),
            },
            "find" => match request.need_control().and_then(|()| self.find(request)) {
                Ok(()) => return,
                Err(error) => Err(error),
            },
            // Answered when it is done.
            "leave" | "stop" => match request.need_control() {
                Ok(()) => {
                    self.forget |= request.flag("forget");
                    self.leavers.push(request.from);
                    return self.leave();
                }
                Err(error) => Err(error),
            },
            _ => Err(unknown_request(request)),
        };
        self.engine.control.answer(request.from, answer);
    }

    /// All or nothing; the answer is that to `self`.
    fn set(&mut self, request: &Request) -> Result<Value, ControlError> {
        let usage = |message: String| ControlError::new(EXIT_USAGE, message);
        let parsed = changes(&request.body)?;
        self.host.set(self.engine.now(), parsed).map_err(|error| usage(error.to_string()))?;
        self.engine.flush(&mut self.host);
        // What is answered is kept, even if the machine loses its power now.
        self.store();
        Ok(serde_json::to_value(self.host.me(self.engine.now())).unwrap_or_default())
    }

    fn list_to(&mut self, to: ConnectionId) {
        self.listings.begin(&mut self.engine.control, to, WhoCursor::default());
    }

    /// Sends a page of one of the lists that were asked for.
    pub(super) fn list(&mut self) {
        let (host, now) = (&self.host, self.engine.now());
        self.listings.turn(&mut self.engine.control, |cursor| {
            let rows = host.next_who(now, cursor, PAGE_ROWS);
            let origin = || serde_json::to_value(host.who_origin(now)).unwrap_or_default();
            Page { rows, end: cursor.is_done().then(origin) }
        });
    }

    fn find(&mut self, request: &Request) -> Result<(), ControlError> {
        let pattern = request.required("pattern")?;
        let id = self.host.find(self.engine.now(), pattern, request.flag("exact"));
        self.finds.push((id, request.from));
        Ok(())
    }

    /// Answers whoever asked for it.
    pub(super) fn found(&mut self, id: u64, rows: &[HostRow], complete: bool) {
        let Some(at) = self.finds.iter().position(|(find, _)| *find == id) else { return };
        let (_, to) = self.finds.swap_remove(at);
        let mut rows: Vec<&HostRow> = rows.iter().collect();
        rows.sort_by(|a, b| a.user.cmp(&b.user));
        self.engine.control.answer_with(to, &json!({"complete": complete, "hosts": rows}));
    }

    pub(super) fn answer_refreshers(&mut self) {
        let now = self.engine.now();
        let all = !self.host.refreshing();
        for (to, until) in std::mem::take(&mut self.refreshers) {
            if all || now >= until {
                self.list_to(to);
            } else {
                self.refreshers.push((to, until));
            }
        }
    }

    /// Tells those who watch that something changed; they ask for what they want to know.
    pub(super) fn publish(&mut self, event: &str) {
        self.events_seen += 1;
        let event = json!({"seq": self.events_seen, "event": event});
        self.engine.control.publish(self.events_seen, None, &event);
    }

    pub(super) fn answer_leavers(&mut self) {
        for to in std::mem::take(&mut self.leavers) {
            self.engine.control.answer(to, Ok(json!({})));
        }
    }
}
