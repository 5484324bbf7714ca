//! What the control sockets of an HMS answer.

use serde_json::{Value, json};

use super::Daemon;
use super::keylog::KeyLog;
use crate::server::CommandError;
use crate::shell::control::{ControlError, PAGE_ROWS, Page, Request};
use crate::shell::engine::unknown_request;
use crate::shell::memory;

impl From<CommandError> for ControlError {
    fn from(error: CommandError) -> Self {
        Self::new(error.exit, error.message)
    }
}

impl Daemon<'_> {
    pub(super) fn requests(&mut self) {
        while let Some(request) = self.engine.next_request() {
            self.handle(&request);
            self.events();
        }
    }

    fn handle(&mut self, request: &Request) {
        let realm = request.text("realm");
        match request.command() {
            "hosts" => match self.server.list_hosts(realm) {
                Ok(cursor) => self.listings.begin(&mut self.engine.control, request.from, cursor),
                Err(error) => self.engine.control.answer(request.from, Err(error.into())),
            },
            "watch" => match self.server.list_hosts(realm) {
                Ok(_) => self.engine.control.subscribe(request.from, realm.map(str::to_owned)),
                Err(error) => self.engine.control.answer(request.from, Err(error.into())),
            },
            "why" => match self.server.why(request.text("name"), realm) {
                Ok(rows) => {
                    self.engine.control.answer_with(request.from, &rows);
                    self.engine.end_requests();
                }
                Err(error) => self.engine.control.answer(request.from, Err(error.into())),
            },
            "capture" => {
                if let Err(error) = self.capture(request) {
                    self.engine.control.answer(request.from, Err(error));
                }
            }
            "drain" => {
                if let Err(error) = self.drain(request) {
                    self.engine.control.answer(request.from, Err(error));
                }
            }
            _ => match self.decide(request) {
                Some(decided) => self.answer_decision(request.from, decided),
                None => {
                    let answer = self.answer(request);
                    self.engine.control.answer(request.from, answer);
                }
            },
        }
    }

    /// Sends a page of one of the lists that were asked for.
    pub(super) fn list(&mut self) {
        let (server, now) = (&self.server, self.engine.now());
        self.listings.turn(&mut self.engine.control, |cursor| {
            let rows = server.next_hosts(now, cursor, PAGE_ROWS);
            Page { rows, end: cursor.is_done().then(|| json!({})) }
        });
    }

    fn answer(&mut self, request: &Request) -> Result<Value, ControlError> {
        match request.command() {
            "status" => Ok(self.status()),
            "peers" => Ok(value(&self.server.peers(self.engine.now()))),
            "realm_list" => Ok(value(&self.server.realm_list())),
            "reload" | "config_changed" => {
                request.need_control()?;
                self.reload().map(|reloaded| value(&reloaded))
            }
            "invite" => self.invite(request),
            "stop" => {
                request.need_control()?;
                self.stop();
                Ok(json!({}))
            }
            _ => Err(unknown_request(request)),
        }
    }

    /// The machine's view, and beside it what went wrong with the sockets.
    fn status(&self) -> Value {
        let mut status = value(&self.server.status(self.engine.now()));
        status["memory"] = value(&memory::memory());
        let no_snapshot = self.snapshots.failure().map(|failure| format!("no snapshot: {failure}"));
        for text in no_snapshot.into_iter().chain(self.keylog.as_ref().map(KeyLog::status)) {
            let said = status.get("message").and_then(Value::as_str).map(|said| format!("{said}; "));
            status["message"] = json!(format!("{}{text}", said.unwrap_or_default()));
        }
        status["keylog"] = self.keylog.as_ref().map(KeyLog::view).unwrap_or_default();
        if let Some(drops) = status.get_mut("drops").and_then(Value::as_object_mut) {
            for (name, count) in self.engine.net.counters.iter() {
                drops.insert(name.to_owned(), json!(count));
            }
        }
        status
    }
}

/// These types always become JSON.
pub(super) fn value(view: &impl serde::Serialize) -> Value {
    serde_json::to_value(view).unwrap_or_default()
}
