//! `capture`: whoever may command the HMS sees every datagram of it, and what became of that.

use super::Daemon;
use crate::shell::captures::{Filter, Wanted};
use crate::shell::control::{ControlError, EXIT_USAGE, Request};

impl Daemon<'_> {
    pub(super) fn capture(&mut self, request: &Request) -> Result<(), ControlError> {
        request.need_control()?;
        let filter = match request.text("host") {
            Some(host) => Filter::parse(host, |name| self.server.users_named(Some(name))),
            None => Filter::All,
        };
        let count = request.body.get("count").filter(|count| !count.is_null());
        let count =
            count.map(|count| count.as_u64().filter(|count| *count > 0).ok_or_else(no_count)).transpose()?;
        let name = self.name.to_string();
        let engine = &mut self.engine;
        engine.captures.begin(&mut engine.control, request.from, &name, Wanted { filter, count })
    }
}

fn no_count() -> ControlError {
    ControlError::new(EXIT_USAGE, "the count of a capture is a number above 0")
}
