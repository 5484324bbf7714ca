//! What must hold, by name. A violation says which of these it broke.

use std::fmt;

/// The invariants. All but the last three are about the world as it is, not about what the reference expects.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rule {
    /// No address is published without a round trip from it by its user.
    Proof,
    /// Nothing is created, extended, moved or resurrected by what was said before, by whomever.
    Replay,
    /// Who has left is not listed again without a new registration.
    Leaver,
    /// A host that runs and can be reached does not expire.
    FalseExpiry,
    /// Rows are removed 2.5 to 2.6 check times after the last heartbeat.
    Removal,
    /// Who was superseded stays down, and only a live row supersedes.
    Superseded,
    /// Who was revoked is out, within one check time, over restarts where that was stored.
    Revoked,
    /// Bytes to an address that nobody proved do not exceed bytes from it.
    Amplification,
    /// What has the response bit is never answered.
    Response,
    /// Rows, caches and heap of the HMS are bounded.
    Bounded,
    /// What `hms status` counts adds up to what came.
    Counters,
    /// A row that this process did not verify is shown as unconfirmed.
    Unconfirmed,
    /// A user has one row.
    OneRow,
    /// An older content never replaces a newer one.
    Content,
    /// Two rows of a realm are not published at one address.
    Neighbours,
    /// A change is at the HMS within two heartbeats.
    Update,
    /// Each host's list equals the truth in quiet times, which come within their bound.
    Truth,
    /// In quiet times nothing is said but heartbeats.
    Quiet,
    /// A host is stopped only by what is true.
    Stopped,
    /// A host turns to no HMS but its own, and probes at most four times a minute.
    Rogue,
    /// A host uses no sequence or nonce for two datagrams.
    Sequence,
    /// A host's datagrams come when they must, and not more of them.
    Pace,
    /// The numbers of an HMS's datagrams rise.
    Number,
    /// Whatever is sent can be read and is signed with the right key.
    Signed,
    /// What cannot be stored is shown, and a damaged snapshot is noticed.
    Storage,
    /// Every answer is one that the reference allows.
    Reference,
    /// Nothing panics.
    Panic,
    /// A seed is one history.
    Repeatable,
}

/// A rule that did not hold, and how.
#[derive(Clone, Debug)]
pub struct Broken {
    pub rule: Rule,
    pub how: String,
}

pub type Checked = Result<(), Broken>;

impl Rule {
    pub fn broken(self, how: impl Into<String>) -> Broken {
        Broken { rule: self, how: how.into() }
    }

    /// Holds if `holds`.
    pub fn demand(self, holds: bool, how: impl FnOnce() -> String) -> Checked {
        if holds { Ok(()) } else { Err(self.broken(how())) }
    }

    #[cfg(feature = "planted")]
    /// Whether the world itself shows it: a planted bug counts as found only by such a one.
    pub const fn is_invariant(self) -> bool {
        !matches!(self, Self::Reference | Self::Panic | Self::Repeatable)
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = format!("{self:?}");
        for (at, letter) in name.char_indices() {
            if letter.is_uppercase() && at > 0 {
                f.write_str("-")?;
            }
            write!(f, "{}", letter.to_ascii_lowercase())?;
        }
        Ok(())
    }
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{}] {}", self.rule, self.how)
    }
}

/// What the reference says.
impl From<String> for Broken {
    fn from(how: String) -> Self {
        Rule::Reference.broken(how)
    }
}

impl From<&str> for Broken {
    fn from(how: &str) -> Self {
        Rule::Reference.broken(how)
    }
}
