//! A daemon's state directory: one daemon at a time, files that are never half written.

use std::fmt;
use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

/// Name of the file that is locked.
const LOCK: &str = "lock";
/// Random letters behind the name of a file that is being written.
const RANDOM: usize = 6;

/// A state directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StateDir {
    path: PathBuf,
}

/// Held as long as a daemon, or a command that changes files, has the directory for itself.
#[derive(Debug)]
pub struct StateLock {
    /// Closing it ends the lock.
    _file: File,
}

/// Why a directory cannot be used.
#[derive(Debug)]
pub enum StateError {
    /// Another process has it.
    Locked {
        /// The directory.
        path: PathBuf,
        /// The process, if it left its number.
        pid: Option<u32>,
    },
    /// The system says no.
    Io {
        /// The file or directory.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
}

impl fmt::Display for StateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Locked { path, pid: Some(pid) } => {
                write!(f, "{}: process {pid} is running on this state directory", path.display())
            }
            Self::Locked { path, pid: None } => {
                write!(f, "{}: another process is running on this state directory", path.display())
            }
            Self::Io { path, error } => {
                let text = error.to_string();
                let text = text.split(" (os error").next().unwrap_or(&text).to_lowercase();
                write!(f, "{}: {text}", path.display())?;
                match error.kind() {
                    ErrorKind::StorageFull | ErrorKind::QuotaExceeded => {
                        f.write_str("; make room on that disk")
                    }
                    ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => {
                        f.write_str("; --state names another directory, one that you may write to")
                    }
                    ErrorKind::AlreadyExists | ErrorKind::NotADirectory => {
                        f.write_str("; a state directory must be a directory")
                    }
                    _ => Ok(()),
                }
            }
        }
    }
}

impl std::error::Error for StateError {}

impl StateDir {
    /// The directory at `path`, which need not exist.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    /// Makes the directory with its parents; itself open to its owner only.
    pub fn create(path: impl Into<PathBuf>) -> Result<Self, StateError> {
        let dir = Self::new(path);
        let make = || {
            if let Some(parent) = dir.path.parent() {
                fs::create_dir_all(parent)?;
            }
            match DirBuilder::new().mode(0o700).create(&dir.path) {
                Err(error) if error.kind() == ErrorKind::AlreadyExists && dir.path.is_dir() => Ok(()),
                other => other,
            }
        };
        make().map_err(|error| dir.error("", error))?;
        Ok(dir)
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The path of a file in it.
    pub fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Takes the directory for this process alone.
    pub fn lock(&self) -> Result<StateLock, StateError> {
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false).mode(0o600);
        let mut file = options.open(self.file(LOCK)).map_err(|error| self.error(LOCK, error))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut text = String::new();
                let pid = file.read_to_string(&mut text).ok().and_then(|_| text.trim().parse().ok());
                return Err(StateError::Locked { path: self.path.clone(), pid });
            }
            Err(TryLockError::Error(error)) => return Err(self.error(LOCK, error)),
        }
        // The number only serves a message: a full disk does not stop a daemon.
        let written = file.set_len(0).and_then(|()| writeln!(file, "{}", std::process::id()));
        if let Err(error) = written {
            log::warn!("{}: {error}", self.file(LOCK).display());
        }
        Ok(StateLock { _file: file })
    }

    /// What is in a file; `None` if there is no such file.
    pub fn read(&self, name: &str) -> Result<Option<Vec<u8>>, StateError> {
        match fs::read(self.file(name)) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(self.error(name, error)),
        }
    }

    /// Puts `bytes` in the place of a file, whole or not at all, and on the disk before it returns.
    pub fn write(&self, name: &str, bytes: &[u8]) -> Result<(), StateError> {
        let mut file = self.begin(name)?;
        file.append(bytes).map_err(|error| self.error(name, error))?;
        file.finish()
    }

    /// Begins to write a file in pieces; the old one stays until [`Pending::finish`].
    pub fn begin(&self, name: &str) -> Result<Pending, StateError> {
        let file = tempfile::Builder::new()
            .prefix(&format!(".{name}."))
            .rand_bytes(RANDOM)
            .permissions(fs::Permissions::from_mode(0o600))
            .tempfile_in(&self.path)
            .map_err(|error| self.error(name, error))?;
        Ok(Pending { dir: self.clone(), name: name.to_owned(), file })
    }

    /// Removes a file, if it is there.
    pub fn remove(&self, name: &str) -> Result<(), StateError> {
        match fs::remove_file(self.file(name)) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(self.error(name, error)),
            _ => Ok(()),
        }
    }

    /// Removes what a process left that was killed while it wrote one of the files `names`, and nothing else: the
    /// directory may be somebody's home. Only under the lock.
    pub fn sweep(&self, _lock: &StateLock, names: &[&str]) {
        let Ok(entries) = fs::read_dir(&self.path) else { return };
        let left = |file: &str, name: &str| {
            let end = file.strip_prefix('.').and_then(|rest| rest.strip_prefix(name)?.strip_prefix('.'));
            end.is_some_and(|end| end.len() == RANDOM && end.bytes().all(|byte| byte.is_ascii_alphanumeric()))
        };
        for entry in entries.flatten() {
            let file = entry.file_name();
            let file = file.to_string_lossy();
            if names.iter().any(|name| left(&file, name)) {
                // What cannot be removed does no harm.
                let _ = fs::remove_file(entry.path());
            }
        }
    }

    fn error(&self, name: &str, error: io::Error) -> StateError {
        let path = if name.is_empty() { self.path.clone() } else { self.file(name) };
        // What tempfile adds is the path of a file that nobody knows.
        let inner = error.get_ref().and_then(|wrapped| wrapped.source()).map(ToString::to_string);
        StateError::Io { path, error: inner.map_or_else(|| error, io::Error::other) }
    }
}

/// A file that is being written beside the one that it will replace.
#[derive(Debug)]
pub struct Pending {
    dir: StateDir,
    name: String,
    file: NamedTempFile,
}

impl Pending {
    /// Appends a piece.
    pub fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.as_file_mut().write_all(bytes)
    }

    /// Brings all to the disk and puts it in the place of the old file.
    pub fn finish(self) -> Result<(), StateError> {
        let Self { dir, name, file } = self;
        file.as_file().sync_all().map_err(|error| dir.error(&name, error))?;
        file.persist(dir.file(&name)).map_err(|error| dir.error(&name, error.error))?;
        // The new name, too, has to be on the disk.
        let synced = File::open(&dir.path).and_then(|directory| directory.sync_all());
        synced.map_err(|error| dir.error("", error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dir() -> (tempfile::TempDir, StateDir) {
        let temp = tempfile::tempdir().expect("a directory");
        let dir = StateDir::create(temp.path().join("a/b")).expect("made");
        (temp, dir)
    }

    #[test]
    fn only_the_owner_can_look_into_it() {
        let (_temp, dir) = dir();
        dir.write("secrets", b"x").expect("written");
        let mode = |path: &Path| fs::metadata(path).expect("there").permissions().mode() & 0o777;
        assert_eq!((mode(dir.path()), mode(&dir.file("secrets"))), (0o700, 0o600));
        assert!(StateDir::create(dir.path()).is_ok());
    }

    #[test]
    fn a_second_daemon_is_told_the_pid() {
        let (_temp, dir) = dir();
        let lock = dir.lock().expect("free");
        let Err(StateError::Locked { pid, .. }) = dir.lock() else { panic!("locked twice") };
        assert_eq!(pid, Some(std::process::id()));
        drop(lock);
        assert!(dir.lock().is_ok());
    }

    #[test]
    fn a_file_is_replaced_whole_or_not_at_all() {
        let (_temp, dir) = dir();
        assert_eq!(dir.read("f").expect("read"), None);
        dir.write("f", b"one").expect("written");
        let mut pending = dir.begin("f").expect("begun");
        pending.append(b"tw").expect("written");
        assert_eq!(dir.read("f").expect("read").as_deref(), Some(&b"one"[..]));
        drop(pending);
        assert_eq!(fs::read_dir(dir.path()).expect("listed").count(), 1);
        dir.write("f", b"two").expect("written");
        assert_eq!(dir.read("f").expect("read").as_deref(), Some(&b"two"[..]));
        dir.remove("f").expect("removed");
        dir.remove("f").expect("nothing to remove");
    }

    #[test]
    fn leavings_of_the_killed_are_swept_away() {
        let (_temp, dir) = dir();
        let lock = dir.lock().expect("free");
        let pending = dir.begin("snapshot").expect("begun");
        let (_, left) = pending.file.keep().expect("kept");
        let others =
            ["secrets", ".snapshot", ".bashrc.orig", ".snapshot.old", ".secrets.abcdef", ".snapshot.a-b-cd"];
        others.iter().for_each(|name| dir.write(name, b"x").expect("written"));
        dir.sweep(&lock, &["snapshot"]);
        assert!(!left.exists());
        assert!(others.iter().all(|name| dir.file(name).exists()));
    }
}
