//! The control sockets: one JSON request per line, one JSON answer per line, a list in parts, or a stream of events.
//!
//! ```text
//! request   {"cmd":"status"}
//! answer    {"ok": VALUE}  or  {"error": {"exit": N, "message": "..."}}
//! list      {"part": [ROW, ...]} as often as it takes, then an answer
//! stream    {"event": VALUE} again and again until somebody closes
//! bytes     an answer, then bytes (capture: a pcapng file) until the client ends its half and the daemon has said the last
//! ```
//!
//! The daemon keeps little for a reader who is slow: one part of a list; the next request is read when an answer is; of
//! events a MiB, beyond which they are dropped, counted, and told with an event `resync` that says how many `missed`.

mod client;
mod connection;
mod lines;
mod listings;
mod request;
mod server;

use std::fmt;

use serde_json::{Value, json};

pub use client::{Client, Events, RawStream};
pub use lines::{LINE_MAX, Lines, changes, request_body};
pub(super) use listings::{Listings, PAGE_ROWS, Page};
pub(super) use request::Request;
pub(super) use server::{ConnectionId, ControlServer, REQUESTS_IN_TURN, RawState};

/// The exit code for "the daemon is not running".
pub const EXIT_NOT_RUNNING: u8 = 8;
/// The exit code for a time-out.
pub const EXIT_TIMEOUT: u8 = 3;
/// The exit code for a negative answer.
pub const EXIT_NO: u8 = 1;
/// The exit code for a wrong request.
pub const EXIT_USAGE: u8 = 2;

/// Why a request failed: what to say, and with which exit code to end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ControlError {
    /// Exit code of the command.
    pub exit: u8,
    /// What to tell the user.
    pub message: String,
}

impl ControlError {
    /// An error with this exit code and message.
    pub fn new(exit: u8, message: impl Into<String>) -> Self {
        Self { exit, message: message.into() }
    }

    fn to_line(&self) -> Value {
        json!({"error": {"exit": self.exit, "message": self.message}})
    }

    fn from_value(value: &Value) -> Self {
        let exit = value.get("exit").and_then(Value::as_u64).and_then(|exit| u8::try_from(exit).ok());
        let message = value.get("message").and_then(Value::as_str).unwrap_or("the daemon did not say why");
        Self::new(exit.unwrap_or(EXIT_NO), message)
    }
}

impl fmt::Display for ControlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for ControlError {}
