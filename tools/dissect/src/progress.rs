//! How far a long run is, on a terminal; and what cannot be read, told beside the data.

#![expect(clippy::disallowed_methods, reason = "how often people are told is a matter of the clock")]

use std::fs::File;
use std::io::{self, IsTerminal as _, Write};
use std::os::fd::AsFd as _;
use std::os::unix::fs::FileTypeExt as _;
use std::time::{Duration, Instant};

use crate::capture::Source;

/// Notes that are printed one by one; the rest is counted.
const NOTES_MAX: u64 = 20;
/// Between two looks at the clock, in packets.
const LOOK: u64 = 4096;
const FIRST: Duration = Duration::from_millis(500);
const EACH: Duration = Duration::from_millis(250);
/// Back to the begin of the line, and nothing on it.
const ERASE: &str = "\r\x1b[K";

/// Everything that is told to people and is no data.
pub(crate) struct Aside<'a, W> {
    to: &'a mut W,
    /// The file, before each note.
    name: String,
    notes: u64,
    progress: Option<Progress>,
}

impl<'a, W: Write> Aside<'a, W> {
    pub(crate) fn new(to: &'a mut W, name: &str, progress: Option<Progress>) -> Self {
        Self { to, name: name.to_owned(), notes: 0, progress }
    }

    /// What went wrong with the file itself.
    pub(crate) fn of_file(&self, error: &impl std::fmt::Display) -> String {
        format!("{}: {error}", self.name)
    }

    /// What cannot be read. Nobody can be told that stderr is closed.
    pub(crate) fn note(&mut self, note: &str) {
        self.notes += 1;
        if self.notes <= NOTES_MAX {
            self.erase();
            let _ = writeln!(self.to, "hms-dissect: {}: {note}", self.name);
        }
    }

    /// After each packet.
    pub(crate) fn packet(&mut self, number: u64) {
        if number.is_multiple_of(LOOK)
            && let Some(progress) = &mut self.progress
            && let Some(text) = progress.at(Instant::now(), number)
        {
            let _ = write!(self.to, "{ERASE}{text}").and_then(|()| self.to.flush());
        }
    }

    pub(crate) fn say(&mut self, text: &str) {
        self.erase();
        let _ = writeln!(self.to, "hms-dissect: {text}");
    }

    /// At the end, before figures are printed.
    pub(crate) fn end(&mut self) {
        self.erase();
        self.progress = None;
        if let more @ 1.. = self.notes.saturating_sub(NOTES_MAX) {
            let _ = writeln!(self.to, "hms-dissect: {}: {more} more packets like these", self.name);
        }
    }

    fn erase(&mut self) {
        if self.progress.as_mut().is_some_and(Progress::hide) {
            let _ = write!(self.to, "{ERASE}").and_then(|()| self.to.flush());
        }
    }
}

/// A line that says how far the reading is.
pub(crate) struct Progress {
    source: Source,
    next: Instant,
    shown: bool,
}

impl Progress {
    /// If somebody looks, and nothing else is written to where they look: figures come at the end, and what goes to a
    /// file is not seen. Behind a pipe may be a pager.
    pub(crate) fn wanted(source: Source, at_the_end: bool) -> Option<Self> {
        let wanted = io::stderr().is_terminal() && (at_the_end || stdout_is_file());
        wanted.then(|| Self::new(source, Instant::now()))
    }

    pub(crate) fn new(source: Source, now: Instant) -> Self {
        Self { source, next: now + FIRST, shown: false }
    }

    /// The line, if it is time for it.
    pub(crate) fn at(&mut self, now: Instant, packets: u64) -> Option<String> {
        if now < self.next {
            return None;
        }
        self.next = now + EACH;
        self.shown = true;
        Some(match self.source.percent() {
            Some(percent) => format!("{percent:>3} %, {packets} packets"),
            None => format!("{packets} packets"),
        })
    }

    /// Whether it was to be seen.
    fn hide(&mut self) -> bool {
        std::mem::take(&mut self.shown)
    }
}

/// A file or a device, but no terminal, pipe or socket.
fn stdout_is_file() -> bool {
    let kind = io::stdout().as_fd().try_clone_to_owned().and_then(|fd| File::from(fd).metadata());
    let kind = kind.map(|metadata| metadata.file_type());
    !io::stdout().is_terminal() && kind.is_ok_and(|kind| !kind.is_fifo() && !kind.is_socket())
}
