//! `hms leave`: unregister and stop the agent.

use std::thread;
use std::time::Duration;

use serde_json::json;

use super::args::{Global, Leave};
use super::fail::{Failure, NOT_RUNNING, OK, Outcome};
use super::{ask, out};
use crate::shell::files::{AGENT_SETTINGS, HOST_STORE};
use crate::shell::paths::{Role, state_dir};
use crate::shell::state_dir::{StateDir, StateError};

/// How long to wait for the end of an agent that has left.
const TRIES: u32 = 100;
const PAUSE: Duration = Duration::from_millis(10);

pub(super) fn run(args: &Leave, global: &Global) -> Outcome {
    match ask::command_agent(global, &json!({"cmd": "leave", "forget": args.forget})) {
        Ok(_) => {
            wait_until_gone(&StateDir::new(state_dir(Role::Agent, global.state.as_deref())));
            let token = if args.forget { "; the token is deleted" } else { "; `hms agent` registers again" };
            if args.json {
                out::json(&json!({"left": true, "forgotten": args.forget}));
            }
            out::note(format_args!("left{token}"));
            Ok(OK)
        }
        Err(failure) if failure.exit == NOT_RUNNING && args.forget => forget(args.json, global),
        Err(failure) => Err(failure),
    }
}

/// The agent answers a moment before it ends: who types `hms join` next shall not find its directory taken. Nothing
/// tells of another process's end but the lock; who starts it again at once may have taken that already.
fn wait_until_gone(dir: &StateDir) {
    for _ in 0..TRIES {
        if !matches!(dir.lock(), Err(StateError::Locked { .. })) {
            return;
        }
        thread::park_timeout(PAUSE);
    }
}

/// Without an agent there is nothing to unregister, but the token can go.
fn forget(as_json: bool, global: &Global) -> Outcome {
    let dir = StateDir::new(state_dir(Role::Agent, global.state.as_deref()));
    let path = dir.file(HOST_STORE);
    if !path.exists() {
        return Err(Failure::no(format!("there is no token to delete: {} does not exist", path.display())));
    }
    let _lock = dir.lock().map_err(|error| Failure::usage(error.to_string()))?;
    for file in [HOST_STORE, AGENT_SETTINGS] {
        dir.remove(file).map_err(|error| Failure::no(error.to_string()))?;
    }
    if as_json {
        out::json(&json!({"left": false, "forgotten": true}));
    }
    out::note("no agent runs; the token is deleted");
    Ok(OK)
}
