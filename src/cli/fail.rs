//! How a command ends: an exit code, and a message on stderr if it is not 0.

use std::fmt;
use std::io;
use std::path::Path;

use crate::shell::control::ControlError;

/// Everything as wanted.
pub(super) const OK: u8 = 0;
/// A negative answer: no such host, not registered.
pub(super) const NO: u8 = 1;
/// Wrong use of the command line.
pub(super) const USAGE: u8 = 2;
/// Refused: authentication.
pub(super) const REFUSED: u8 = 4;
/// The daemon does not run.
pub(super) const NOT_RUNNING: u8 = 8;
/// An error in the settings.
pub(super) const CONFIG: u8 = 78;

/// Why a command did not do what was wanted: what is wrong, where, what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Failure {
    pub(super) exit: u8,
    pub(super) message: String,
}

/// What a command returns: its exit code, or a failure to show.
pub(super) type Outcome = Result<u8, Failure>;

impl Failure {
    pub(super) fn new(exit: u8, message: impl Into<String>) -> Self {
        Self { exit, message: message.into() }
    }

    pub(super) fn no(message: impl Into<String>) -> Self {
        Self::new(NO, message)
    }

    pub(super) fn usage(message: impl Into<String>) -> Self {
        Self::new(USAGE, message)
    }

    /// A file could not be read or written.
    pub(super) fn file(path: &Path, error: &io::Error) -> Self {
        let hint = match error.kind() {
            io::ErrorKind::PermissionDenied => ": run this as the daemon's user or as root",
            io::ErrorKind::ReadOnlyFilesystem => {
                "; --state names another directory, one that you may write to"
            }
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => ": make room on that disk",
            _ => "",
        };
        Self::no(format!("{}: {}{hint}", path.display(), plain(error)))
    }
}

/// The error in words, without the number of the operating system.
fn plain(error: &io::Error) -> String {
    let text = error.to_string();
    let text = text.split(" (os error").next().unwrap_or(&text);
    let mut chars = text.chars();
    chars.next().map(|c| c.to_lowercase().chain(chars).collect()).unwrap_or_default()
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl From<ControlError> for Failure {
    fn from(error: ControlError) -> Self {
        Self { exit: error.exit, message: error.message }
    }
}
