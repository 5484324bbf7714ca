//! What a link tells its user.

use std::fmt;

use super::keys::{KeyId, Side};
use crate::ident::{Incarnation, ServerId};

/// The three streams of a link, strictly in this order (R-TRN-36).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Priority {
    /// Roles, settings, liveness.
    Control,
    /// Changes of the table.
    Deltas,
    /// Copies of the table.
    Bulk,
}

impl Priority {
    /// From the first to the last.
    pub const ALL: [Self; 3] = [Self::Control, Self::Deltas, Self::Bulk];

    /// The stream on the wire.
    pub const fn code(self) -> u8 {
        self as u8
    }

    pub(super) const fn index(self) -> usize {
        self as usize
    }

    pub(super) const fn from_code(code: u8) -> Option<Self> {
        match code {
            0 => Some(Self::Control),
            1 => Some(Self::Deltas),
            2 => Some(Self::Bulk),
            _ => None,
        }
    }
}

/// Who is at the other end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peer {
    /// Its id.
    pub server: ServerId,
    /// Its process.
    pub incarnation: Incarnation,
    /// Which secret it proved to have.
    pub key: KeyId,
    /// Which side of the link is here.
    pub side: Side,
}

/// What happened on a link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The peer has proven itself.
    Connected(Peer),
    /// A whole message.
    Message(Priority, Vec<u8>),
    /// `send` failed before, and there is room again.
    Writable(Priority),
    /// The end; nothing follows.
    Closed(CloseReason),
}

/// CLOSE codes (spec 9.8).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CloseCode(pub u16);

impl CloseCode {
    /// Done.
    pub const DONE: Self = Self(0);
    /// Another link took its place.
    pub const REPLACED: Self = Self(1);
    /// A packet that cannot be read.
    pub const MALFORMED: Self = Self(2);
    /// Bytes beyond the credit.
    pub const CREDIT: Self = Self(3);
    /// An ACK of what was not sent.
    pub const ACK: Self = Self(4);
    /// Numbers, offsets or tags used up.
    pub const USED_UP: Self = Self(5);
    /// A message that is too long.
    pub const MESSAGE: Self = Self(6);
    /// Refused by the user of the transport.
    pub const REFUSED: Self = Self(7);
    /// Nothing came for too long.
    pub const SILENT: Self = Self(8);
}

impl fmt::Display for CloseCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match *self {
            Self::DONE => "done",
            Self::REPLACED => "replaced by another link",
            Self::MALFORMED => "malformed packet",
            Self::CREDIT => "beyond the credit",
            Self::ACK => "ACK of what was not sent",
            Self::USED_UP => "numbers, offsets or tags used up",
            Self::MESSAGE => "message too long",
            Self::REFUSED => "refused",
            Self::SILENT => "silent for too long",
            Self(code) => return write!(f, "code {code}"),
        };
        f.write_str(text)
    }
}

/// Why a link ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CloseReason {
    /// Nobody answered.
    NoAnswer,
    /// Another server answered than the one asked for.
    AnotherServer(ServerId),
    /// Nothing came for too long, or nothing that acknowledges.
    Silent,
    /// The peer is another process now.
    Restarted,
    /// The peer does not know the link any more.
    Forgotten,
    /// This side closed it.
    Here(CloseCode),
    /// The other side closed it.
    There(CloseCode, String),
}

impl fmt::Display for CloseReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoAnswer => f.write_str("no answer"),
            Self::AnotherServer(id) => write!(f, "server {id} answered instead"),
            Self::Silent => f.write_str("silent for too long"),
            Self::Restarted => f.write_str("the peer was restarted"),
            Self::Forgotten => f.write_str("the peer does not know the link any more"),
            Self::Here(code) => write!(f, "closed here: {code}"),
            Self::There(code, text) if text.is_empty() => write!(f, "closed by the peer: {code}"),
            Self::There(code, text) => {
                write!(f, "closed by the peer: {code}: {}", text.escape_debug())
            }
        }
    }
}

/// Why a message was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SendError {
    /// No room now; [`Event::Writable`] follows (R-TRN-63).
    Full,
    /// Longer than a message may be.
    TooLong,
    /// The link has ended, or is about to: so many bytes went through it that none can be counted any more.
    Closed,
}

impl fmt::Display for SendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Full => "no room at the moment",
            Self::TooLong => "longer than a message may be",
            Self::Closed => "the link has ended",
        })
    }
}

impl std::error::Error for SendError {}
