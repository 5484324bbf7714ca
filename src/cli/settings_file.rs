//! Finding and reading `hms.toml`.

use std::env;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::args::Global;
use super::fail::{CONFIG, Failure};
use crate::config::{self, Checked, ConfigProblem};
use crate::shell::paths::{Role, state_dir};

/// The settings file in effect: its path and text, or none if the defaults hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct SettingsFile {
    pub(super) path: PathBuf,
    pub(super) text: String,
}

/// The file that `option` (`--config`), the environment or the usual places name.
pub(super) fn find(option: Option<&Path>, global: &Global) -> Result<Option<SettingsFile>, Failure> {
    let environment = env::var_os("HMS_CONFIG").filter(|value| !value.is_empty()).map(PathBuf::from);
    let state = state_dir(Role::Server, global.state.as_deref());
    for candidate in config::candidates(option, environment.as_deref(), &state) {
        match fs::read_to_string(&candidate.path) {
            Ok(text) => return Ok(Some(SettingsFile { path: candidate.path, text })),
            // Whoever makes the state directory says that something else is in its place.
            Err(error)
                if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory)
                    && !candidate.named => {}
            Err(error) if error.kind() == ErrorKind::NotFound => {
                let path = candidate.path.display();
                let message = format!("{path}: no such file; `hms config default > {path}` makes one");
                return Err(Failure::new(CONFIG, message));
            }
            Err(error) if error.kind() == ErrorKind::InvalidData => {
                let message =
                    format!("{}: not a text file in UTF-8; write it anew", candidate.path.display());
                return Err(Failure::new(CONFIG, message));
            }
            Err(error) => return Err(Failure { exit: CONFIG, ..Failure::file(&candidate.path, &error) }),
        }
    }
    Ok(None)
}

/// Where `hms config set` writes when there is no file yet.
pub(super) fn new_path(global: &Global) -> PathBuf {
    state_dir(Role::Server, global.state.as_deref()).join("hms.toml")
}

/// The checked settings, or the problems of the file as a failure.
pub(super) fn load(option: Option<&Path>, global: &Global) -> Result<Checked, Failure> {
    let Some(file) = find(option, global)? else { return Ok(Checked::default()) };
    let mut checked = config::check(&file.text, &file.path.display().to_string());
    checked.file = Some(real(&file.path));
    if checked.usable() { Ok(checked) } else { Err(Failure::new(CONFIG, list(&checked.problems))) }
}

/// The file behind a path, however it is written.
pub(super) fn real(path: &Path) -> PathBuf {
    fs::canonicalize(path).unwrap_or_else(|_| path.to_owned())
}

/// The problems, one a line.
pub(super) fn list(problems: &[ConfigProblem]) -> String {
    problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}
