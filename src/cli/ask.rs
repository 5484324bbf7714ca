//! One question to a daemon.

use std::fs;
use std::path::Path;

use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::args::Global;
use super::fail::{Failure, NOT_RUNNING};
use super::join::LOG;
use super::rows;
use crate::shell::control::{Client, ControlError};
use crate::shell::paths::{Role, Socket, state_dir};

/// Asks the HMS without changing anything.
pub(super) fn server(global: &Global, request: &Value) -> Result<Value, Failure> {
    ask(Role::Server, Socket::Observe, global, request)
}

/// Asks the HMS for a list; `row` gets each row as it comes.
pub(super) fn server_list(
    global: &Global,
    request: &Value,
    row: &mut dyn FnMut(Box<RawValue>),
) -> Result<(), Failure> {
    let answer = open(Role::Server, Socket::Observe, global)?.list(request, row);
    answer.map(|_| ()).map_err(|error| explained(Role::Server, global, error))
}

/// Asks the agent for the list of hosts, `who` or `refresh`: what the list is worth, with the rows by user name.
pub(super) fn who(global: &Global, socket: Socket, command: &str) -> Result<Value, Failure> {
    let mut lines = Vec::new();
    let answer =
        open(Role::Agent, socket, global)?.list(&json!({"cmd": command}), &mut |row| lines.push(row));
    let mut answer = answer.map_err(|error| explained(Role::Agent, global, error))?;
    answer["hosts"] = rows::values(&rows::sorted(lines)?)?;
    Ok(answer)
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
    Client::open(role, global.state.as_deref(), socket).map_err(|error| explained(role, global, error))
}

/// Where it was looked for and what to do, if the daemon does not run.
pub(super) fn explained(role: Role, global: &Global, error: ControlError) -> Failure {
    let state = state_dir(role, global.state.as_deref());
    if error.message.starts_with("unknown request") {
        let (needed, other) = match role {
            Role::Server => ("an HMS", "agent"),
            Role::Agent => ("the agent of a host", "HMS"),
        };
        let state = state.display();
        return Failure::usage(format!(
            "{state}: the {other} that runs there cannot answer this; it is for {needed}: name another state directory \
             with --state (or $HMS_STATE)"
        ));
    }
    if error.exit != NOT_RUNNING {
        return error.into();
    }
    let (who, start) = match role {
        Role::Server => ("HMS", "`hms serve`"),
        Role::Agent => ("agent", "`hms join TOKEN` or `hms agent`"),
    };
    let log = (role == Role::Agent).then(|| last_words(&state)).flatten().unwrap_or_default();
    let state = state.display();
    let error = error.message.trim_start_matches("no daemon is running: ");
    Failure::new(
        NOT_RUNNING,
        format!(
            "no {who} runs on {state} ({error}); start it with {start}, or name its state directory with --state{log}"
        ),
    )
}

/// Why a detached agent ended, if it did so by itself: it told nobody but its log.
fn last_words(state: &Path) -> Option<String> {
    let path = state.join(LOG);
    let log = fs::read_to_string(&path).ok()?;
    let why = log.lines().last()?.strip_prefix("hms: ")?;
    Some(format!("\nhms: {} ends with: {why}", path.display()))
}

fn ask(role: Role, socket: Socket, global: &Global, request: &Value) -> Result<Value, Failure> {
    open(role, socket, global)?.request(request).map_err(|error| explained(role, global, error))
}
