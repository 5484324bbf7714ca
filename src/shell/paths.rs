//! Where a daemon keeps its state and its control sockets (PRODUCT, "State and sockets").

use std::env;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use data_encoding::HEXLOWER;
use ring::digest;

use super::sys;

/// Which daemon.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// `hms serve`.
    Server,
    /// `hms agent`, `hms join`.
    Agent,
}

impl Role {
    /// The name of its directory.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Server => "server",
            Self::Agent => "agent",
        }
    }
}

/// Which control socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Socket {
    /// Read-only requests, open to everybody on the machine.
    Observe,
    /// Everything, for the owner and the group.
    Control,
}

impl Socket {
    /// The file name.
    pub const fn file_name(self) -> &'static str {
        match self {
            Self::Observe => "observe.sock",
            Self::Control => "control.sock",
        }
    }
}

/// In the state directory: names the directory of the control sockets of the daemon that runs on it.
pub(super) const POINTER: &str = "sockets";

/// The state directory: what `--state` says, else `$HMS_STATE`, else the default of the role.
pub fn state_dir(role: Role, option: Option<&Path>) -> PathBuf {
    let named = option.map(Path::to_path_buf).or_else(|| from_env("HMS_STATE"));
    absolute(&named.unwrap_or_else(|| default_state_dir(role)))
}

fn default_state_dir(role: Role) -> PathBuf {
    if sys::effective_uid() == 0 {
        return Path::new("/var/lib/hms").join(role.name());
    }
    let base = from_env("XDG_STATE_HOME").or_else(|| env::home_dir().map(|home| home.join(".local/state")));
    base.unwrap_or_else(own_tmp).join("hms").join(role.name())
}

/// The directories in which a daemon on `state` may open its control sockets, best first.
pub fn socket_dirs(state: &Path) -> Vec<PathBuf> {
    let mut dirs: Vec<PathBuf> = from_env("RUNTIME_DIRECTORY").into_iter().collect();
    let id = id_of(state);
    if sys::effective_uid() == 0 {
        dirs.push(Path::new("/run/hms").join(&id));
    } else if let Some(runtime) = from_env("XDG_RUNTIME_DIR") {
        dirs.push(runtime.join("hms").join(&id));
    }
    dirs.push(own_tmp().join(&id));
    dirs
}

/// The path under which the control socket of the daemon on `state` is to be found; the likeliest one if
/// there is none.
pub fn find_socket(state: &Path, socket: Socket) -> PathBuf {
    let dirs = client_dirs(state);
    let paths: Vec<PathBuf> = dirs.iter().map(|dir| dir.join(socket.file_name())).collect();
    let mut owners = vec![0, sys::effective_uid()];
    owners.extend(fs::metadata(state).map(|meta| meta.uid()));
    let found = paths.iter().find(|path| belongs_to(path, &owners)).or_else(|| paths.first());
    found.cloned().unwrap_or_else(|| state.join(socket.file_name()))
}

/// Whether the file is there and one of these users made it: in `/tmp` anybody could have made one in its place.
fn belongs_to(path: &Path, owners: &[u32]) -> bool {
    fs::symlink_metadata(path).is_ok_and(|meta| owners.contains(&meta.uid()))
}

/// Where a client looks: what the daemon wrote down, then all places where one may be.
fn client_dirs(state: &Path) -> Vec<PathBuf> {
    let mut dirs = Vec::new();
    if let Ok(text) = fs::read_to_string(state.join(POINTER)) {
        dirs.push(PathBuf::from(text.trim_end()));
    }
    // A client's own RUNTIME_DIRECTORY is that of another daemon, unless it was started beside ours.
    dirs.extend(socket_dirs(state));
    let id = id_of(state);
    dirs.push(Path::new("/run/hms").join(&id));
    if let Ok(meta) = fs::metadata(state) {
        dirs.push(PathBuf::from(format!("/run/user/{}/hms", meta.uid())).join(&id));
        dirs.push(PathBuf::from(format!("/tmp/hms-{}", meta.uid())).join(&id));
    }
    dirs
}

/// The hash of the state directory's path that names its sockets.
fn id_of(state: &Path) -> String {
    let path = fs::canonicalize(state).unwrap_or_else(|_| absolute(state));
    let hash = digest::digest(&digest::SHA256, path.as_os_str().as_encoded_bytes());
    HEXLOWER.encode(hash.as_ref().get(..8).unwrap_or_default())
}

fn own_tmp() -> PathBuf {
    PathBuf::from(format!("/tmp/hms-{}", sys::effective_uid()))
}

fn from_env(name: &str) -> Option<PathBuf> {
    env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from)
}

fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_named_state_directory_is_taken_as_it_is() {
        assert_eq!(state_dir(Role::Server, Some(Path::new("/x/y"))), Path::new("/x/y"));
        assert!(state_dir(Role::Agent, Some(Path::new("y"))).is_absolute());
    }

    #[test]
    fn the_pointer_comes_first_and_the_id_follows_the_real_path() {
        let dir = tempfile::tempdir().expect("a directory");
        let link = dir.path().join("link");
        let real = dir.path().join("real");
        fs::create_dir(&real).expect("a directory");
        std::os::unix::fs::symlink(&real, &link).expect("a link");
        assert_eq!(id_of(&real), id_of(&link));

        fs::write(real.join(POINTER), format!("{}\n", dir.path().display())).expect("written");
        fs::write(dir.path().join("observe.sock"), "").expect("written");
        assert_eq!(find_socket(&real, Socket::Observe), dir.path().join("observe.sock"));
    }

    #[test]
    fn a_socket_that_somebody_else_made_is_not_looked_at() {
        let dir = tempfile::tempdir().expect("a directory");
        let (path, own) = (dir.path().join("control.sock"), sys::effective_uid());
        assert!(!belongs_to(&path, &[own]));
        fs::write(&path, "").expect("written");
        assert!(belongs_to(&path, &[own]) && !belongs_to(&path, &[own + 1]));
        let link = dir.path().join("observe.sock");
        std::os::unix::fs::symlink("/proc/1/cmdline", &link).expect("a link");
        assert!(belongs_to(&link, &[own]), "whose the link is decides, not whose it names");
    }
}
