//! A request, and what is read of it.

use serde_json::Value;

use super::server::ConnectionId;
use super::{ControlError, EXIT_USAGE};

/// A request.
#[derive(Debug)]
pub(in super::super) struct Request {
    /// Who asked.
    pub(in super::super) from: ConnectionId,
    /// It came by the control socket, so it may change things.
    pub(in super::super) control: bool,
    /// What was asked.
    pub(in super::super) body: Value,
}

impl Request {
    /// The name of the command.
    pub(in super::super) fn command(&self) -> &str {
        self.text("cmd").unwrap_or_default()
    }

    /// A text in the request.
    pub(in super::super) fn text(&self, key: &str) -> Option<&str> {
        self.body.get(key).and_then(Value::as_str)
    }

    /// A text that the request must have.
    pub(in super::super) fn required(&self, key: &str) -> Result<&str, ControlError> {
        let missing = || ControlError::new(EXIT_USAGE, format!("the request {} lacks {key}", self.command()));
        self.text(key).ok_or_else(missing)
    }

    /// A switch in the request; absent means off.
    pub(in super::super) fn flag(&self, key: &str) -> bool {
        self.body.get(key).and_then(Value::as_bool).unwrap_or(false)
    }

    /// Refuses what changes something when it comes by the observe socket.
    pub(in super::super) fn need_control(&self) -> Result<(), ControlError> {
        if self.control {
            return Ok(());
        }
        let message = format!("{} needs the control socket, this is the observe socket", self.command());
        Err(ControlError::new(EXIT_USAGE, message))
    }
}
