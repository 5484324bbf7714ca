//! The comment of a packet: what an HMS made of a datagram, in a form that people read and tools parse (R-CAP-10).

use std::fmt;

/// What an HMS made of a datagram that it received, or why it sent one.
///
/// Kinds are the names of the specification in small letters, such as `heartbeat`; reasons of drops are those that the
/// HMS counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict<'a> {
    /// Received, and taken.
    Accepted(&'a str),
    /// Received, and its tag holds, but answered by something else than what was asked for.
    Answered(&'a str, &'a str),
    /// Received, and refused aloud, for this reason (those of `hms why`).
    Refused(&'a str, &'a str),
    /// Received between HMSs, and decrypted.
    Opened(&'a str),
    /// Received, neither used nor counted: for this reason.
    Ignored(&'a str, &'a str),
    /// Received, dropped, and counted under this reason.
    Dropped(&'a str),
    /// Sent, and why.
    Sent(&'a str, &'a str),
    /// To be sent, but the system did not take it; counted under this reason.
    Unsent(&'a str, &'a str),
}

impl Verdict<'_> {
    /// The first word.
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Accepted(_) => "accepted",
            Self::Answered(..) => "answered",
            Self::Refused(..) => "refused",
            Self::Opened(_) => "opened",
            Self::Ignored(..) => "ignored",
            Self::Dropped(_) => "dropped",
            Self::Sent(..) => "sent",
            Self::Unsent(..) => "unsent",
        }
    }
}

/// In small letters, whatever the case of the text.
struct Small<'a>(&'a str);

impl fmt::Display for Small<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.chars().try_for_each(|c| fmt::Write::write_char(f, c.to_ascii_lowercase()))
    }
}

impl fmt::Display for Verdict<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = self.word();
        match self {
            Self::Accepted(kind) | Self::Opened(kind) => write!(f, "{word} {}", Small(kind)),
            Self::Answered(kind, what)
            | Self::Refused(kind, what)
            | Self::Ignored(kind, what)
            | Self::Sent(kind, what)
            | Self::Unsent(kind, what) => write!(f, "{word} {}: {}", Small(kind), Small(what)),
            Self::Dropped(reason) => write!(f, "{word}: {reason}"),
        }
    }
}

impl<'a> Verdict<'a> {
    /// Reads what [`Display`](fmt::Display) writes.
    pub fn parse(text: &'a str) -> Option<Self> {
        let (head, behind) = match text.split_once(": ") {
            Some((head, behind)) => (head, Some(behind)),
            None => (text, None),
        };
        let (word, kind) = match head.split_once(' ') {
            Some((word, kind)) => (word, Some(kind)),
            None => (head, None),
        };
        Some(match (word, kind, behind) {
            ("accepted", Some(kind), None) => Self::Accepted(kind),
            ("opened", Some(kind), None) => Self::Opened(kind),
            ("answered", Some(kind), Some(what)) => Self::Answered(kind, what),
            ("refused", Some(kind), Some(what)) => Self::Refused(kind, what),
            ("ignored", Some(kind), Some(what)) => Self::Ignored(kind, what),
            ("sent", Some(kind), Some(what)) => Self::Sent(kind, what),
            ("unsent", Some(kind), Some(what)) => Self::Unsent(kind, what),
            ("dropped", None, Some(reason)) => Self::Dropped(reason),
            _ => return None,
        })
    }
}

/// A whole comment: a line `verdict: …`, then what else is known, one `key: value` a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Note<'a> {
    /// The verdict.
    pub verdict: Verdict<'a>,
    /// The host's user, if the HMS knows the name.
    pub user: Option<&'a str>,
    /// The host's realm.
    pub realm: Option<&'a str>,
    /// The other HMS.
    pub hms: Option<&'a str>,
    /// The network interface. It stands here, and not in the file's list of interfaces, because libpcap before 1.11 reads
    /// no file with raw IP on several of them.
    pub interface: Option<&'a str>,
}

/// A comment that is none of an HMS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoteError;

impl fmt::Display for NoteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the comment does not begin with a verdict of an HMS")
    }
}

impl std::error::Error for NoteError {}

impl<'a> From<Verdict<'a>> for Note<'a> {
    fn from(verdict: Verdict<'a>) -> Self {
        Self { verdict, user: None, realm: None, hms: None, interface: None }
    }
}

impl fmt::Display for Note<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "verdict: {}", self.verdict)?;
        for (key, value) in
            [("user", self.user), ("realm", self.realm), ("hms", self.hms), ("interface", self.interface)]
        {
            if let Some(value) = value {
                write!(f, "\n{key}: {value}")?;
            }
        }
        Ok(())
    }
}

impl<'a> Note<'a> {
    /// Reads what [`Display`](fmt::Display) writes; lines with other keys are skipped.
    ///
    /// # Errors
    /// If the first line is no verdict.
    pub fn parse(comment: &'a str) -> Result<Self, NoteError> {
        let mut lines = comment.lines();
        let verdict = lines.next().and_then(|line| line.strip_prefix("verdict: "));
        let mut note = Self::from(verdict.and_then(Verdict::parse).ok_or(NoteError)?);
        for (key, value) in lines.filter_map(|line| line.split_once(": ")) {
            match key {
                "user" => note.user = Some(value),
                "realm" => note.realm = Some(value),
                "hms" => note.hms = Some(value),
                "interface" => note.interface = Some(value),
                _ => {}
            }
        }
        Ok(note)
    }
}
