//! The names by which the protocol knows things.

use std::fmt;

use compact_str::CompactString;

macro_rules! number {
    ($(#[$doc:meta])* $name:ident($inner:ty), $width:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub $inner);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!("{:0", $width, "x}"), self.0)
            }
        }
    };
}

number! {
    /// A company's own world of users, keys and rows; 32 random bits.
    RealmId(u32), 8
}
number! {
    /// Which of a realm's secrets a key comes from.
    Epoch(u8), 2
}
number! {
    /// One registration of one user (spec 3.1).
    SessionId(u64), 16
}
number! {
    /// One installation of the host program; a restart keeps it.
    InstanceId(u64), 16
}
number! {
    /// One HMS; a restart keeps it.
    ServerId(u64), 16
}
number! {
    /// One process of an HMS; 0 means unknown.
    Incarnation(u32), 8
}
number! {
    /// Orders the sessions of one user (R-REG-02).
    Stamp(u64), 16
}
number! {
    /// How often, as it were, a user was revoked (R-AUT-04).
    Generation(u64), 16
}
number! {
    /// Position in a realm's list of changes (R-DIR-01); 0 means none.
    Revision(u32), 1
}
number! {
    /// One time line of HMSs: all that descends from one founding.
    LineId(u64), 16
}
number! {
    /// One invitation of an HMS; 0 is none (R-PEE-31).
    InvitationId(u64), 16
}

/// One process of one HMS: where a row is at home.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Process {
    /// The HMS.
    pub server: ServerId,
    /// Its process.
    pub incarnation: Incarnation,
}

impl Process {
    /// No process is this one.
    pub const NOBODY: Self = Self { server: ServerId(0), incarnation: Incarnation(0) };
}

/// What orders the sessions of one user between HMSs: the greater one is the later one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Order {
    /// That of the key.
    pub generation: Generation,
    /// That of the registration.
    pub stamp: Stamp,
    /// The HMS that stamped.
    pub server: ServerId,
    /// The session; an HMS that starts again may give a stamp twice.
    pub session: SessionId,
}

/// The first 8 bytes of a hash over realm and user name (spec 3.1).
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UserId(pub [u8; 8]);

impl UserId {
    /// Above every other id: where the last page of a copy ends.
    pub const MAX: Self = Self([0xff; 8]);

    /// Which of the 128 digest buckets the user falls into (R-DIR-02).
    pub const fn bucket(self) -> usize {
        (self.0[0] >> 1) as usize
    }

    /// Which of the 4096 buckets of row digests the user falls into (R-PEE-76).
    pub const fn sum_bucket(self) -> usize {
        ((self.0[0] as usize) << 4) | (self.0[1] >> 4) as usize
    }

    /// The highest id below such a bucket; none below the first.
    pub const fn before_sum_bucket(bucket: usize) -> Option<Self> {
        match ((bucket as u64) << 52).checked_sub(1) {
            Some(id) => Some(Self(id.to_be_bytes())),
            None => None,
        }
    }

    /// The lowest id of a bucket.
    pub const fn first_of(bucket: usize) -> Self {
        Self([(bucket << 1) as u8, 0, 0, 0, 0, 0, 0, 0])
    }
}

impl fmt::Display for UserId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", u64::from_be_bytes(self.0))
    }
}

impl fmt::Debug for UserId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "UserId({self})")
    }
}

/// A name that people read: UTF-8, 1 to 64 bytes, nothing hidden in it, no white space at its ends (R-FMT-10).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name(CompactString);

impl Name {
    /// Longest name in bytes.
    pub const MAX: usize = 64;

    /// Takes `text` if it is a name.
    pub fn new(text: &str) -> Result<Self, NameError> {
        Self::with_limit(text, Self::MAX)
    }

    /// Takes `text` if it is a name of at most `limit` bytes.
    pub fn with_limit(text: &str, limit: usize) -> Result<Self, NameError> {
        check_name(text, limit)?;
        Ok(Self(CompactString::from(text)))
    }

    /// The text itself.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Says whether `text` follows R-FMT-10, without copying it.
pub fn check_name(text: &str, limit: usize) -> Result<(), NameError> {
    if text.is_empty() {
        return Err(NameError::Empty);
    }
    if text.len() > limit {
        return Err(NameError::TooLong { limit });
    }
    // Most names are printable ASCII, in which nothing hides; after a restart all of them are looked at in one go.
    if !text.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
        if text.chars().any(char::is_control) {
            return Err(NameError::Control);
        }
        if let Some(hidden) = hidden(text).next() {
            return Err(NameError::Hidden(hidden));
        }
    }
    if text.trim() != text {
        return Err(NameError::Space);
    }
    Ok(())
}

/// The characters of a text that one does not see, or that turn the order of what one sees: with them two names look
/// the same, or one looks like what it is not (R-FMT-10).
pub fn hidden(text: &str) -> impl Iterator<Item = char> {
    let mut before = None;
    text.chars().filter(move |c| {
        let bare = before.replace(*c).is_none_or(|before| before.is_ascii());
        is_hidden(*c) || (bare && changes_what_precedes(*c))
    })
}

const fn is_hidden(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}' | '\u{180e}'
        | '\u{200b}' | '\u{200e}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}'
        | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{1bca0}'..='\u{1bca3}'
        | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e00ff}' | '\u{e01f0}'..='\u{e0fff}')
}

/// Joiners and variation selectors: many scripts need them, but behind ASCII they do nothing that one sees.
const fn changes_what_precedes(c: char) -> bool {
    matches!(c, '\u{180b}'..='\u{180d}' | '\u{180f}' | '\u{200c}'..='\u{200d}' | '\u{fe00}'..='\u{fe0f}'
        | '\u{e0100}'..='\u{e01ef}')
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl AsRef<str> for Name {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

/// Why a text is not a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NameError {
    /// Nothing there.
    Empty,
    /// More bytes than allowed.
    TooLong {
        /// The most bytes allowed.
        limit: usize,
    },
    /// A control character.
    Control,
    /// A character that one does not see, or that turns the order of what one sees.
    Hidden(char),
    /// White space at an end.
    Space,
}

impl fmt::Display for NameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("a name cannot be empty"),
            Self::TooLong { limit } => write!(f, "a name has at most {limit} bytes"),
            Self::Control => f.write_str("a name cannot contain control characters"),
            Self::Hidden(c) => write!(
                f,
                "a name cannot contain characters that one does not see, such as U+{:04X}: type it anew",
                u32::from(*c)
            ),
            Self::Space => f.write_str("a name cannot begin or end with white space"),
        }
    }
}

impl std::error::Error for NameError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_checked() {
        assert_eq!(Name::new(""), Err(NameError::Empty));
        assert_eq!(Name::new(" a"), Err(NameError::Space));
        assert_eq!(Name::new("a\nb"), Err(NameError::Control));
        assert_eq!(Name::new("a\u{85}b"), Err(NameError::Control));
        for (text, bad) in [
            ("al\u{202e}ice", '\u{202e}'),
            ("alice\u{200b}", '\u{200b}'),
            ("\u{feff}alice", '\u{feff}'),
            ("alice\u{2069}", '\u{2069}'),
            ("alice\u{200d}", '\u{200d}'),
            ("\u{200c}x", '\u{200c}'),
            ("1\u{fe0f}", '\u{fe0f}'),
        ] {
            assert_eq!(Name::new(text), Err(NameError::Hidden(bad)));
        }
        for fine in ["می\u{200c}خواهم", "👩\u{200d}💻", "辻\u{e0100}", "❤\u{fe0f}", "שלום", "a\u{a0}b"]
        {
            assert_eq!(Name::new(fine).map(|name| name.to_string()).as_deref(), Ok(fine));
        }
        assert_eq!(Name::new(&"x".repeat(65)), Err(NameError::TooLong { limit: 64 }));
        assert_eq!(Name::new("Zoë 2").map(|n| n.to_string()).as_deref(), Ok("Zoë 2"));
    }

    #[test]
    fn buckets_are_the_top_seven_bits() {
        assert_eq!(UserId([0xff, 0, 0, 0, 0, 0, 0, 0]).bucket(), 127);
        assert_eq!(UserId([0x01, 0, 0, 0, 0, 0, 0, 0]).bucket(), 0);
        assert_eq!(UserId([0x02, 0, 0, 0, 0, 0, 0, 0]).bucket(), 1);
    }

    #[test]
    fn buckets_of_sums_are_the_top_twelve_bits() {
        shows!("R-PEE-76");
        assert_eq!(UserId([0xff; 8]).sum_bucket(), 4095);
        assert_eq!(UserId([0, 0x0f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]).sum_bucket(), 0);
        assert_eq!(UserId([0, 0x10, 0, 0, 0, 0, 0, 0]).sum_bucket(), 1);
        assert_eq!(UserId([0xa5, 0xc3, 0, 0, 0, 0, 0, 0]).sum_bucket(), 0xa5c);
        assert_eq!(UserId([0xa5, 0xc3, 0, 0, 0, 0, 0, 0]).sum_bucket() >> 5, 0xa5 >> 1, "within bucket()");
        assert_eq!(UserId::before_sum_bucket(0), None);
        assert_eq!(
            UserId::before_sum_bucket(0xa5c),
            Some(UserId([0xa5, 0xbf, 255, 255, 255, 255, 255, 255]))
        );
    }

    #[test]
    fn sessions_are_ordered_by_generation_stamp_server_and_session() {
        let order = |generation, stamp, server, session| Order {
            generation: Generation(generation),
            stamp: Stamp(stamp),
            server: ServerId(server),
            session: SessionId(session),
        };
        let rising =
            [order(0, 0, 0, 9), order(0, 0, 1, 0), order(0, 0, 1, 1), order(0, 1, 0, 0), order(1, 0, 0, 0)];
        assert!(rising.is_sorted_by(|a, b| a < b));
    }
}
