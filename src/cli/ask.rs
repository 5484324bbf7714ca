//! One question to a daemon.

use serde_json::Value;

use super::args::Global;
use super::fail::{Failure, NOT_RUNNING};
use crate::shell::control::{Client, ControlError};
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
    Client::open(role, global.state.as_deref(), socket).map_err(|error| explained(role, error))
}

/// What to do if the daemon does not run.
fn explained(role: Role, error: ControlError) -> Failure {
    let mut failure = Failure::from(error);
    if failure.exit == NOT_RUNNING {
        failure.message.push_str(match role {
            Role::Server => "; start the HMS with `hms serve`, or name its state directory with --state",
            Role::Agent => {
                "; start the agent with `hms join TOKEN` or `hms agent`, or name its state directory with --state"
            }
        });
    }
    failure
}

fn ask(role: Role, socket: Socket, global: &Global, request: &Value) -> Result<Value, Failure> {
    open(role, socket, global)?.request(request).map_err(|error| explained(role, error))
}
