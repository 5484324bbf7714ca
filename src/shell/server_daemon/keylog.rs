//! `--keylog`: what opens the captured links between HMSs, in a file of which everybody is told (R-TRN-15).

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::{Daemon, DaemonError, ServeOptions, ServerNotice};
use crate::ident::Name;
use crate::shell::sys;
use crate::transport::LoggedLink;

/// Others may do nothing with it.
const OTHERS: u32 = 0o077;
const STOP_IT: &str = "start `hms serve` without --keylog to end it, and delete the file";

/// The file, open for the whole life of the daemon.
pub(super) struct KeyLog {
    path: PathBuf,
    file: File,
    links: u64,
    missing: u64,
    failure: Option<String>,
}

/// Opens the key log, if one is asked for, and says so.
pub(super) fn begin(options: &mut ServeOptions<'_>, name: &Name) -> Result<Option<KeyLog>, DaemonError> {
    let keylog = KeyLog::open(options.keylog.take(), name).map_err(DaemonError::usage)?;
    if let Some(keylog) = &keylog {
        (options.notify)(ServerNotice::Warning(keylog.warning()));
    }
    Ok(keylog)
}

impl KeyLog {
    /// Opens the file that is asked for, if one is: a new one, or one that nobody else may read.
    ///
    /// # Errors
    /// With what to do, if it cannot be written or others may read it.
    fn open(path: Option<PathBuf>, name: &Name) -> Result<Option<Self>, String> {
        let Some(path) = path else { return Ok(None) };
        let failed = |error: &io::Error| {
            format!("--keylog {}: {error}; name a file that can be written", path.display())
        };
        let mut file = match create(&path) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => reopen(&path)?,
            created => created.map_err(|error| failed(&error))?,
        };
        let head = format!(
            "# hms key log 1, of the HMS {name}: with a capture of the network this opens what HMSs told each other\n"
        );
        file.write_all(head.as_bytes()).map_err(|error| failed(&error))?;
        Ok(Some(Self { path, file, links: 0, missing: 0, failure: None }))
    }

    /// Writes down what opens a link. That a disk is full stops no HMS, but is told.
    pub(super) fn append(&mut self, link: &LoggedLink) {
        let mut line = Zeroizing::new(String::with_capacity(256));
        // Behind a line that was torn a new one begins.
        if self.failure.is_some() {
            line.push('\n');
        }
        line.push_str(&link.to_line());
        line.push('\n');
        match self.file.write_all(line.as_bytes()) {
            Ok(()) => {
                self.links += 1;
                self.failure = None;
            }
            Err(error) => {
                self.missing += 1;
                if self.failure.is_none() {
                    log::error!("the key log {}: {error}", self.path.display());
                }
                self.failure = Some(error.to_string());
            }
        }
    }

    /// What is said at the start.
    fn warning(&self) -> String {
        format!(
            "the secrets of all links with other HMSs are appended to {}: with a capture of the network they give away \
             all that HMSs tell each other, the keys of all users included; {STOP_IT}",
            self.path.display()
        )
    }

    /// What `hms status` says as long as it is on.
    pub(super) fn status(&self) -> String {
        let path = self.path.display();
        let failure = match &self.failure {
            Some(failure) => format!(" ({failure})"),
            None => String::new(),
        };
        match self.missing {
            0 => format!("the key log is on: the secrets of links with other HMSs are in {path}; {STOP_IT}"),
            missing => format!(
                "the key log is on, and {missing} of {} links are not in {path}{failure}; {STOP_IT}",
                self.links + missing
            ),
        }
    }

    /// The same for programs.
    pub(super) fn view(&self) -> Value {
        json!({"file": self.path, "links": self.links, "missing": self.missing, "failure": self.failure})
    }
}

fn create(path: &Path) -> io::Result<File> {
    OpenOptions::new().append(true).create_new(true).mode(0o600).open(path)
}

/// A file that is there already: only one that is ours alone. What was opened is looked at, not what has the name.
fn reopen(path: &Path) -> Result<File, String> {
    let shown = path.display();
    let flags = libc::O_NOFOLLOW | libc::O_NONBLOCK;
    let file = OpenOptions::new().append(true).custom_flags(flags).open(path);
    let file = file.map_err(|error| format!("--keylog {shown}: {error}; name a file that can be written"))?;
    let meta = file.metadata().map_err(|error| format!("--keylog {shown}: {error}"))?;
    if !meta.is_file() {
        return Err(format!("--keylog {shown}: is no file; name one, or one that is not there yet"));
    }
    if meta.uid() != sys::effective_uid() {
        return Err(format!("--keylog {shown}: belongs to another user; name a file that is not there yet"));
    }
    if meta.nlink() > 1 {
        return Err(format!("--keylog {shown}: has another name as well; name a file that is not there yet"));
    }
    if meta.mode() & OTHERS != 0 {
        return Err(format!(
            "--keylog {shown}: others may read it, and it is to hold secrets; `chmod 600 {shown}`, or name a file that \
             is not there yet"
        ));
    }
    Ok(file)
}

impl Daemon<'_> {
    /// Writes down what opens the links that were made since.
    pub(super) fn log_keys(&mut self) {
        let Some(keylog) = &mut self.keylog else { return };
        while let Some(link) = self.server.poll_key_log() {
            keylog.append(&link);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_written_is_shown_and_behind_it_a_new_line_begins() {
        crate::shows!("R-TRN-15");
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("keys");
        let name = Name::new("atlas").expect("a name");
        let mut keylog = KeyLog::open(Some(path.clone()), &name).expect("opened").expect("asked for");
        let (number, half) = ("1".repeat(16), "2".repeat(8));
        let line =
            format!("LINK {number} {number} {half} {number} {number} {half} {number} {}", "3".repeat(64));
        let link = LoggedLink::parse(&line).expect("a line");
        keylog.append(&link);
        assert!(keylog.status().contains("the key log is on: the secrets"), "{}", keylog.status());
        // Only to be read: as if the disk were full.
        let file = std::mem::replace(&mut keylog.file, File::open(&path).expect("opened"));
        keylog.append(&link);
        let status = keylog.status();
        assert!(
            status.contains("1 of 2 links are not in") && status.contains("(Bad file descriptor"),
            "{status}"
        );
        keylog.file = file;
        keylog.append(&link);
        assert_eq!((&keylog.view()["links"], &keylog.view()["missing"]), (&json!(2), &json!(1)));
        assert!(keylog.view()["failure"].is_null());
        let text = std::fs::read_to_string(&path).expect("a log");
        assert_eq!(
            text.lines().filter(|one| LoggedLink::parse(one) == Some(link.clone())).count(),
            2,
            "{text}"
        );
        std::fs::hard_link(&path, dir.path().join("other")).expect("linked");
        let refused = KeyLog::open(Some(path), &name).err().expect("refused");
        assert!(refused.contains("another name"), "{refused}");
    }
}
