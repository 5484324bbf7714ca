//! One question to a daemon.

use serde_json::Value;

use super::args::Global;
use super::fail::Failure;
use crate::shell::control::Client;
use crate::shell::paths::{Role, Socket};

/// Asks the HMS without changing anything.
pub(super) fn server(global: &Global, request: &Value) -> Result<Value, Failure> {
    ask(Role::Server, Socket::Observe, global, request)
}

/// Tells the HMS to do something.
pub(super) fn command_server(global: &Global, request: &Value) -> Result<Value, Failure> {
    ask(Role::Server, Socket::Control, global, request)
}

/// Asks the agent without changing anything.
pub(super) fn agent(global: &Global, request: &Value) -> Result<Value, Failure> {
    ask(Role::Agent, Socket::Observe, global, request)
}

/// Tells the agent to do something.
pub(super) fn command_agent(global: &Global, request: &Value) -> Result<Value, Failure> {
    ask(Role::Agent, Socket::Control, global, request)
}

/// Opens a connection to a daemon of `role`.
pub(super) fn open(role: Role, socket: Socket, global: &Global) -> Result<Client, Failure> {
    Client::open(role, global.state.as_deref(), socket).map_err(Failure::from)
}

fn ask(role: Role, socket: Socket, global: &Global, request: &Value) -> Result<Value, Failure> {
    open(role, socket, global)?.request(request).map_err(Failure::from)
}
