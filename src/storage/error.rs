//! What is wrong with stored bytes, where, and what to do.

use std::fmt;

/// Which of the stored things.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Document {
    /// The secrets of an HMS.
    Secrets,
    /// The rows of an HMS.
    Snapshot,
    /// What a host keeps.
    HostStore,
}

impl Document {
    const fn name(self) -> &'static str {
        match self {
            Self::Secrets => "the secrets of this HMS",
            Self::Snapshot => "the snapshot",
            Self::HostStore => "the store of this host",
        }
    }

    const fn remedy(self) -> &'static str {
        match self {
            Self::Secrets => {
                "put back a copy of the file, or remove it to begin anew (every join token must then be printed again)"
            }
            Self::Snapshot => "the table starts empty, and hosts come back by themselves",
            Self::HostStore => "remove the file and join again with `hms join`",
        }
    }
}

/// Where it shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// In text.
    Text {
        /// Line, from 1.
        line: usize,
        /// Column, from 1.
        column: usize,
    },
    /// In bytes: the offset from the first.
    Offset(usize),
    /// In this field.
    Field(String),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text { line, column } => write!(f, "line {line}, column {column}"),
            Self::Offset(at) => write!(f, "byte {at}"),
            Self::Field(name) => f.write_str(name),
        }
    }
}

/// Why stored bytes cannot be used; its Display says what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StorageError {
    /// What was to be read.
    pub document: Document,
    /// What is wrong.
    pub problem: String,
    /// Where.
    pub place: Place,
    /// Another program version wrote it: nothing is damaged.
    pub other_format: bool,
}

impl StorageError {
    pub(super) fn new(document: Document, place: Place, problem: impl Into<String>) -> Self {
        Self { document, problem: problem.into(), place, other_format: false }
    }

    pub(super) fn format(document: Document, place: Place, found: u64, known: u64) -> Self {
        let problem = format!("format {found}, and this version reads format {known}");
        Self { document, problem, place, other_format: true }
    }

    pub(super) fn json(document: Document, error: &serde_json::Error) -> Self {
        // serde_json ends its message with the position, which is kept apart here.
        let whole = error.to_string();
        let problem = whole.rsplit_once(" at line ").map_or(whole.as_str(), |(problem, _)| problem);
        Self::new(document, Place::Text { line: error.line(), column: error.column() }, problem)
    }
}

impl fmt::Display for StorageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, remedy) = (self.document.name(), self.document.remedy());
        write!(f, "{name} cannot be read: {} ({})", self.problem, self.place)?;
        if self.other_format {
            f.write_str("; use the version of HMS that wrote it, or else ")
        } else {
            f.write_str("; ")
        }?;
        f.write_str(remedy)
    }
}

impl std::error::Error for StorageError {}
