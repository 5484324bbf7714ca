//! What is wrong with a datagram, or a message between HMSs, and where.

use std::fmt;

use super::tlv::tlv_code;
use crate::ident::NameError;

/// Why bytes are not a message, with the offset at which it shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WireError {
    /// What is wrong.
    pub problem: Problem,
    /// Offset from the first byte of the datagram; between HMSs: of the message.
    pub at: usize,
    /// The fault lies in what a host says of itself: in this content TLV, or (0) in no single one (R-FMT-09).
    pub content: Option<u8>,
}

/// What is wrong with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Problem {
    /// Shorter than header and tag, or longer than the longest datagram (R-FMT-01).
    Length,
    /// Another protocol version.
    Version(u8),
    /// A type that is not in the table.
    Type(u8),
    /// A message of this type does not belong to the stream on which it came (R-PEE-07).
    Stream(u8),
    /// A flag that this type does not have (R-FMT-05).
    Flags(u8),
    /// Ends inside this field.
    Truncated(&'static str),
    /// A field holds a value that it cannot have.
    Value(&'static str),
    /// A required TLV is missing.
    Missing(&'static str),
    /// A name that is none (R-FMT-10).
    Name(NameError),
    /// Not UTF-8.
    Utf8,
    /// TLVs out of order, or one repeated that may not be (R-FMT-08).
    TlvOrder(u8),
    /// More of one kind than allowed.
    TooMany(&'static str),
    /// An unknown TLV with the critical bit (R-FMT-07).
    CriticalTlv(u8),
    /// Bytes behind the end.
    Leftover,
}

impl WireError {
    pub(crate) const fn new(problem: Problem, at: usize) -> Self {
        Self { problem, at, content: None }
    }

    /// The same, as a fault of content: of the TLV `code`, or (0) of no single one.
    pub(super) const fn in_content(mut self, code: u8) -> Self {
        self.content = Some(code);
        self
    }

    /// The same, as a fault of content if a content TLV stands where none may stand.
    pub(super) const fn in_content_if_named(self) -> Self {
        match self.problem {
            Problem::TlvOrder(code) if code <= tlv_code::CONTENT_LAST => self.in_content(code),
            _ => self,
        }
    }

    /// The name under which such datagrams are counted.
    pub const fn reason(&self) -> &'static str {
        match self.problem {
            Problem::Length => "length",
            Problem::Version(_) => "version",
            Problem::Type(_) => "type",
            Problem::Flags(_) => "flags",
            Problem::CriticalTlv(_) => "critical-tlv",
            _ => "malformed",
        }
    }
}

impl fmt::Display for WireError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.problem {
            Problem::Length => f.write_str("length outside 48 to 1200 bytes"),
            Problem::Version(v) => write!(f, "version {v} instead of 1"),
            Problem::Type(t) => write!(f, "unknown type 0x{t:02x}"),
            Problem::Stream(t) => write!(f, "type 0x{t:02x} on another stream"),
            Problem::Flags(v) => write!(f, "unknown flags 0x{v:02x}"),
            Problem::Truncated(field) => write!(f, "ends inside {field}"),
            Problem::Value(field) => write!(f, "impossible value of {field}"),
            Problem::Missing(field) => write!(f, "{field} is missing"),
            Problem::Name(error) => write!(f, "{error}"),
            Problem::Utf8 => f.write_str("text that is not UTF-8"),
            Problem::TlvOrder(code) => write!(f, "TLV 0x{code:02x} out of order or repeated"),
            Problem::TooMany(what) => write!(f, "too many {what}"),
            Problem::CriticalTlv(code) => write!(f, "unknown critical TLV 0x{code:02x}"),
            Problem::Leftover => f.write_str("bytes left over"),
        }?;
        write!(f, " (offset {})", self.at)
    }
}

impl std::error::Error for WireError {}
