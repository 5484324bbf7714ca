//! Where `hms.toml` is looked for, in order; the caller looks.

use std::path::{Path, PathBuf};

/// The file for the whole machine.
pub const SYSTEM_FILE: &str = "/etc/hms/hms.toml";

/// One place to look at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// The file.
    pub path: PathBuf,
    /// Somebody named it: that it does not exist is an error.
    pub named: bool,
}

/// The places in their order: `--config`, `$HMS_CONFIG`, the state directory, the machine's. The first that exists counts;
/// if none does, the defaults hold.
pub fn candidates(option: Option<&Path>, environment: Option<&Path>, state: &Path) -> Vec<Candidate> {
    if let Some(path) = option.or(environment) {
        return vec![Candidate { path: path.to_owned(), named: true }];
    }
    vec![
        Candidate { path: state.join("hms.toml"), named: false },
        Candidate { path: PathBuf::from(SYSTEM_FILE), named: false },
    ]
}
