//! The files in a state directory, by name, and the secrets among them.

use std::fmt;

use super::entropy::{self, NoEntropy};
use super::paths::POINTER;
use super::state_dir::{StateDir, StateError};
use crate::storage::{Secrets, StorageError};

/// The secrets of an HMS.
pub const SECRETS: &str = "secrets.json";
/// The snapshot of an HMS.
pub const SNAPSHOT: &str = "snapshot";
/// What a host keeps, its token included.
pub const HOST_STORE: &str = "host.json";

/// What an agent's shell keeps: its port, the addresses to report.
pub const AGENT_SETTINGS: &str = "agent.json";

/// What an HMS writes.
pub(super) const OF_SERVER: [&str; 3] = [SECRETS, SNAPSHOT, POINTER];
/// What an agent writes.
pub(super) const OF_AGENT: [&str; 3] = [HOST_STORE, AGENT_SETTINGS, POINTER];

/// Why a file cannot be used.
#[derive(Debug)]
pub enum FileError {
    /// The system says no.
    State(StateError),
    /// What is in it cannot be read.
    Content {
        /// The file.
        path: std::path::PathBuf,
        /// What is wrong with it.
        error: StorageError,
    },
    /// No random bytes for a new one.
    NoEntropy(NoEntropy),
}

impl fmt::Display for FileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::State(error) => error.fmt(f),
            Self::Content { path, error } => write!(f, "{}: {error}", path.display()),
            Self::NoEntropy(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for FileError {}

impl From<StateError> for FileError {
    fn from(error: StateError) -> Self {
        Self::State(error)
    }
}

impl From<NoEntropy> for FileError {
    fn from(error: NoEntropy) -> Self {
        Self::NoEntropy(error)
    }
}

/// The secrets in a state directory, if there are any.
pub fn load_secrets(dir: &StateDir) -> Result<Option<Secrets>, FileError> {
    let Some(bytes) = dir.read(SECRETS)?.map(zeroize::Zeroizing::new) else { return Ok(None) };
    let content = |error| FileError::Content { path: dir.file(SECRETS), error };
    Secrets::from_bytes(&bytes).map(Some).map_err(content)
}

/// Stores the secrets, on the disk before it returns.
pub fn save_secrets(dir: &StateDir, secrets: &Secrets) -> Result<(), StateError> {
    dir.write(SECRETS, &secrets.to_bytes())
}

/// The secrets of an HMS that has no realm and is in no cluster yet. Not stored yet.
pub fn newcomer_secrets() -> Result<Secrets, FileError> {
    // What is drawn later cannot report a failure, so the source is tried first.
    entropy::bytes::<32>()?;
    Ok(Secrets::newcomer(entropy::fill))
}

/// Gives an HMS that has never run a realm of an invented name; says whether it did.
pub fn make_first_realm(secrets: &mut Secrets) -> Result<bool, FileError> {
    let has_run = !secrets.members.is_empty() || !secrets.removed_realms.is_empty();
    if has_run || !secrets.realms.is_empty() {
        return Ok(false);
    }
    entropy::bytes::<32>()?;
    let name = Secrets::invent_realm_name(entropy::fill);
    // Among no names none is taken.
    Ok(secrets.new_realm(entropy::fill, name.as_str()).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_made_stored_and_read_again() {
        let temp = tempfile::tempdir().expect("a directory");
        let dir = StateDir::create(temp.path().join("server")).expect("made");
        assert!(load_secrets(&dir).expect("nothing").is_none());
        let mut secrets = newcomer_secrets().expect("made");
        assert!(make_first_realm(&mut secrets).expect("made"));
        assert!(!make_first_realm(&mut secrets).expect("there"), "one is enough");
        save_secrets(&dir, &secrets).expect("stored");
        let again = load_secrets(&dir).expect("read").expect("there");
        assert_eq!((again.server, again.realms.len()), (secrets.server, 1));
        dir.write(SECRETS, b"{").expect("written");
        let error = load_secrets(&dir).expect_err("broken").to_string();
        assert!(error.contains("secrets.json"), "{error}");
    }
}
