//! `hms drain`: a graceful stop whose end is waited for (spec 10.10).

use serde_json::json;

use super::Daemon;
use super::requests::value;
use crate::shell::control::{ControlError, EXIT_NO, Request};
use crate::time::Instant;

impl Daemon<'_> {
    /// Stops, and answers when all is handed over. Nothing changes if nobody can take over, unless that is wanted.
    pub(super) fn drain(&mut self, request: &Request) -> Result<(), ControlError> {
        request.need_control()?;
        if self.stopping.is_none() && !request.flag("alone") && self.server.successor().is_none() {
            return Err(ControlError::new(EXIT_NO, self.nobody_takes_over()));
        }
        self.engine.control.hold(request.from);
        self.draining.push(request.from);
        self.stop();
        Ok(())
    }

    /// Why, and what to do.
    fn nobody_takes_over(&self) -> String {
        let status = self.server.status(self.engine.now());
        let others: Vec<String> =
            status.peers.iter().map(|peer| format!("{} is {}", peer.name, peer.status)).collect();
        let (why, remedy) = match (status.role, others.as_slice()) {
            ("starting" | "refused", _) => {
                (format!("it is {} and serves no host", status.role), "see `hms status`")
            }
            (_, []) => {
                ("there is no other HMS".to_owned(), "`hms token --hms` prints the line that adds one")
            }
            _ if status.peers.iter().any(|peer| peer.status == "up") => {
                (others.join(", ") + ", but does not operate yet", "try again in a few seconds")
            }
            _ => (others.join(", "), "start it, `hms peers` shows when it is up"),
        };
        format!(
            "nobody can take over from {}: {why}. It goes on; {remedy}, or stop it all the same with `hms drain --alone`",
            self.name
        )
    }

    /// The end: tells those that wait what became of the hosts.
    pub(super) fn answer_drained(&mut self, since: Instant) {
        let mut answer = value(&self.server.handed_over());
        answer["name"] = json!(self.name.to_string());
        answer["elapsed_ms"] = json!(self.engine.now().since(since).as_millis() as u64);
        for to in std::mem::take(&mut self.draining) {
            self.engine.control.release(to, answer.clone());
        }
    }
}
