//! The secrets of the HMS on disk, for the commands that work without a running daemon.

use serde_json::Value;

use super::args::Global;
use super::fail::{Failure, NO, NOT_RUNNING, USAGE};
use crate::ident::Name;
use crate::limits::REALM_NAME_MAX;
use crate::shell::control::Client;
use crate::shell::entropy;
use crate::shell::files::{self, FileError};
use crate::shell::paths::{Role, Socket, find_socket, state_dir};
use crate::shell::state_dir::{StateDir, StateError};
use crate::storage::{Secrets, SecretsError};

/// Reads the secrets of the HMS that `global` names.
pub(super) fn load(global: &Global) -> Result<Secrets, Failure> {
    let dir = directory(global);
    match files::load_secrets(&dir) {
        Ok(Some(secrets)) => Ok(secrets),
        Ok(None) => Err(Failure::no(format!(
            "{}: no HMS has run here yet; start one with `hms serve`, or name its state directory with --state{}",
            dir.path().display(),
            if others(&dir) {
                " (the machine's HMS keeps it in /var/lib/hms/server: run this as root)"
            } else {
                ""
            },
        ))),
        Err(error) => Err(file_failure(&error)),
    }
}

/// Makes a realm on disk; where no HMS ever ran it is the first, in the place of the one that `hms serve` would invent.
pub(super) fn new_realm(global: &Global, name: &str) -> Result<Secrets, Failure> {
    let dir = StateDir::create(directory(global).path()).map_err(|error| state_failure(&error))?;
    let _lock = dir.lock().map_err(|error| state_failure(&error))?;
    let secrets = match files::load_secrets(&dir).map_err(|error| file_failure(&error))? {
        Some(mut secrets) => {
            secrets.new_realm(entropy::fill, name).map_err(|error| refusal(&error))?;
            secrets
        }
        None => {
            let wrong = |error| refusal(&SecretsError::RealmName(error));
            Secrets::create(entropy::fill, Name::with_limit(name, REALM_NAME_MAX).map_err(wrong)?)
        }
    };
    files::save_secrets(&dir, &secrets).map_err(|error| state_failure(&error))?;
    Ok(secrets)
}

/// Changes the secrets on disk, with the directory locked so that no daemon starts meanwhile.
pub(super) fn change<T>(
    global: &Global,
    change: impl FnOnce(&mut Secrets) -> Result<T, SecretsError>,
) -> Result<T, Failure> {
    let dir = directory(global);
    // Before the lock, which would make the directory of an HMS that never was.
    load(global)?;
    let _lock = dir.lock().map_err(|error| state_failure(&error))?;
    let mut secrets = load(global)?;
    let made = change(&mut secrets).map_err(|error| refusal(&error))?;
    files::save_secrets(&dir, &secrets).map_err(|error| state_failure(&error))?;
    Ok(made)
}

/// Tells the HMS on this very state directory; none if it does not run.
pub(super) fn tell(global: &Global, socket: Socket, request: &Value) -> Result<Option<Value>, Failure> {
    let path = find_socket(directory(global).path(), socket);
    match Client::connect(&path).and_then(|mut client| client.request(request)) {
        Ok(answer) => Ok(Some(answer)),
        Err(error) if error.exit == NOT_RUNNING => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Why nothing was done, with the exit code: a missing or unknown realm is wrong use.
pub(super) fn refusal(error: &SecretsError) -> Failure {
    let exit = match error {
        SecretsError::RealmTaken { .. } => NO,
        _ => USAGE,
    };
    Failure::new(exit, error.to_string())
}

fn directory(global: &Global) -> StateDir {
    StateDir::new(state_dir(Role::Server, global.state.as_deref()))
}

fn others(dir: &StateDir) -> bool {
    let machine = std::path::Path::new("/var/lib/hms/server");
    machine != dir.path() && machine.exists()
}

fn file_failure(error: &FileError) -> Failure {
    match error {
        FileError::State(error) => state_failure(error),
        other => Failure::no(other.to_string()),
    }
}

fn state_failure(error: &StateError) -> Failure {
    match error {
        StateError::Io { path, error } => Failure::file(path, error),
        locked @ StateError::Locked { .. } => Failure::usage(format!("{locked}; try again when it answers")),
    }
}
