//! One datagram of ours with all that was found out about it.

use std::borrow::Cow;
use std::net::SocketAddr;

use hms::capture::Flags;
use hms::ident::{SessionId, UserId};
use hms::transport::{DropReason, inspect as link};
use hms::wire::{Header, Kind, Pull, PullKind, Request, Unverified, WireError, inspect};

use crate::expert::Expert;
use crate::fields::names;
use crate::link::Layer;
use crate::links::Opened;
use crate::opened;
use crate::tree::plural;
use crate::verify::Finding;

/// A UDP datagram as it was captured.
#[derive(Clone, Debug)]
pub(crate) struct Captured {
    pub(crate) frame: u64,
    /// Nanoseconds since 1970.
    pub(crate) time: Option<i128>,
    pub(crate) layers: Vec<Layer>,
    pub(crate) source: SocketAddr,
    pub(crate) destination: SocketAddr,
    pub(crate) bytes: Vec<u8>,
    /// Length on the wire.
    pub(crate) length: usize,
    /// Which way it went, if the capture says.
    pub(crate) flags: Option<Flags>,
}

impl Captured {
    /// The capture has all of its bytes.
    pub(crate) const fn is_whole(&self) -> bool {
        self.bytes.len() >= self.length
    }
}

/// What is wrong with a datagram, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Malformed {
    pub(crate) what: String,
    /// Offset in the datagram.
    pub(crate) at: usize,
    /// The name under which an HMS counts it.
    pub(crate) reason: &'static str,
}

impl From<WireError> for Malformed {
    fn from(error: WireError) -> Self {
        let text = error.to_string();
        let what = text.rsplit_once(" (offset").map_or(text.as_str(), |(what, _)| what).to_owned();
        Self { what, at: error.at, reason: error.reason() }
    }
}

/// What the library reads in a datagram between host and HMS.
pub(crate) type Read<'a> = Result<inspect::Message<'a>, WireError>;

/// What the datagram is, by its first two bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Family {
    /// Between host and HMS.
    Host(Header),
    /// Between HMSs.
    Link,
    /// Neither: too short for a header, or another protocol.
    Nothing,
}

/// What the table found in datagrams before this one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Related {
    /// The request that it answers, and how long that took in ns.
    pub(crate) response_to: Option<(u64, Option<i128>)>,
    pub(crate) retransmission_of: Option<u64>,
}

/// A datagram on a port of ours, or one that looks like ours.
#[derive(Debug)]
pub(crate) struct Datagram {
    pub(crate) captured: Captured,
    pub(crate) family: Family,
    /// Another protocol.
    pub(crate) foreign: bool,
    pub(crate) malformed: Option<Malformed>,
    pub(crate) finding: Option<Finding>,
    /// Its frames, of a DATA that was opened.
    pub(crate) opened: Option<Box<Opened>>,
    pub(crate) related: Related,
    pub(crate) experts: Vec<Expert>,
    /// The user's name, if it was ever said.
    pub(crate) name: Option<String>,
    /// What it says, in words.
    pub(crate) words: String,
}

impl Datagram {
    /// `message`: what it says between host and HMS, if the capture has all of it.
    pub(crate) fn new(captured: Captured, family: Family, foreign: bool, message: Option<&Read<'_>>) -> Self {
        let malformed = match message {
            Some(message) => unread(&family, message),
            None if captured.is_whole() && !foreign => of_a_link(&captured.bytes),
            None => None,
        };
        Self {
            captured,
            family,
            foreign,
            malformed,
            finding: None,
            opened: None,
            related: Related::default(),
            experts: Vec::new(),
            name: None,
            words: String::new(),
        }
    }

    pub(crate) const fn header(&self) -> Option<&Header> {
        match &self.family {
            Family::Host(header) => Some(header),
            _ => None,
        }
    }

    pub(crate) fn code(&self) -> Option<u8> {
        if self.foreign { None } else { self.captured.bytes.get(1).copied() }
    }

    /// `HEARTBEAT`, `type 0x42`, or `foreign`.
    pub(crate) fn type_text(&self) -> Cow<'static, str> {
        match self.code() {
            Some(code) => {
                names::type_name(code).map_or_else(|| format!("type 0x{code:02x}").into(), Cow::Borrowed)
            }
            None if self.foreign => "foreign".into(),
            None => "no type".into(),
        }
    }

    pub(crate) fn user(&self) -> Option<UserId> {
        self.header().map(|header| header.user).filter(|user| user.0 != [0; 8])
    }

    pub(crate) fn session(&self) -> Option<SessionId> {
        self.header().map(|header| header.session).filter(|session| session.0 != 0)
    }

    /// The sessions that a datagram between HMSs names.
    pub(crate) fn link_sessions(&self) -> impl Iterator<Item = u64> {
        let number = |at: usize| Some(u64::from_be_bytes(*self.captured.bytes.get(at..)?.first_chunk()?));
        let (one, two) = match (self.family, self.code()) {
            (Family::Link, Some(0x20)) => (number(48), None),
            (Family::Link, Some(0x21)) => (number(16), None),
            (Family::Link, Some(0x22)) => (number(16), number(48)),
            (Family::Link, _) => (number(8), None),
            _ => (None, None),
        };
        one.into_iter().chain(two)
    }

    /// Whether a host sent it, or the HMS that began a link.
    pub(crate) fn goes_right(&self) -> bool {
        match (&self.opened, self.family, self.code()) {
            (Some(opened), ..) => opened.from_initiator,
            (None, Family::Link, code) => code == Some(0x20),
            _ => self.is_request(),
        }
    }

    /// Whether a host sent it.
    pub(crate) fn is_request(&self) -> bool {
        self.header()
            .is_some_and(|header| !header.kind.is_response() && !matches!(header.kind, Kind::Unknown(_)))
    }
}

pub(crate) fn family(bytes: &[u8]) -> Family {
    match bytes {
        [1, 0x20..=0x24, ..] => Family::Link,
        _ if opened::is(bytes) => Family::Link,
        _ => Unverified::parse_any_version(bytes)
            .map_or(Family::Nothing, |(_, this)| Family::Host(*this.header())),
    }
}

fn of_a_link(bytes: &[u8]) -> Option<Malformed> {
    if opened::is(bytes) { None } else { link::check(bytes).err().map(|reason| in_link(reason, bytes)) }
}

fn unread(family: &Family, message: &Read<'_>) -> Option<Malformed> {
    let message = match message {
        Ok(message) => message,
        Err(error) => return Some((*error).into()),
    };
    let Family::Host(header) = family else { return None };
    of_no_kind(message).or_else(|| {
        // R-FMT-04, which the HMS looks at and not the parser.
        let first = matches!(header.kind, Kind::Init | Kind::Register | Kind::Discover);
        (first && header.session != SessionId(0)).then(|| Malformed {
            what: format!("{} with a session id", header.kind),
            at: 16,
            reason: "malformed",
        })
    })
}

/// R-FMT-19, which the HMS looks at when it knows who asks.
fn of_no_kind(message: &inspect::Message<'_>) -> Option<Malformed> {
    let inspect::Message::Request(Request::Pull(Pull { kind: PullKind::Unknown(kind), .. })) = message else {
        return None;
    };
    Some(Malformed { what: format!("PULL of unknown kind {kind}"), at: 48, reason: "malformed" })
}

fn in_link(reason: DropReason, bytes: &[u8]) -> Malformed {
    let (what, at) = match reason {
        DropReason::Length => {
            let length = plural(bytes.len(), "byte");
            (format!("{length}, a length that its type cannot have"), bytes.len())
        }
        DropReason::Version => ("another version".into(), 0),
        DropReason::Type => ("unknown type".into(), 1),
        _ => ("a reserved byte that is not 0, or an id that cannot be".into(), 2),
    };
    Malformed { what, at, reason: reason.name() }
}
