//! A message as one of its kinds.

use super::admit::Admit;
use super::code::{PeerKind, Stream};
use super::compare::{Buckets, Compare};
use super::delta::Delta;
use super::facts::{Facts, Stored};
use super::fetch::Fetch;
use super::intro::Intro;
use super::page::Page;
use super::ping::Ping;
use super::refuse::Refuse;
use super::resume::{Begin, Confirm, Resume};
use super::seat::{Join, Seat};
use super::stop::{Done, Stop, StopAck};
use crate::limits::BATCH_MAX;
use crate::wire::error::{Problem, WireError};

/// What one HMS says to another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PeerMessage<'a> {
    /// What its sender is.
    Intro(Intro<'a>),
    /// That its sender is there, and whom it hears.
    Ping(Ping<'a>),
    /// That the receiver does not belong here.
    Refuse(Refuse<'a>),
    /// Asks for a seat.
    Join(Join),
    /// Gives one.
    Seat(Seat),
    /// What a newcomer gets for its invitation.
    Admit(Admit<'a>),
    /// What admins decided.
    Facts(Facts<'a>),
    /// That facts are on disk.
    Stored(Stored),
    /// From where deltas are wanted.
    Resume(Resume),
    /// Up to where they are applied.
    Confirm(Confirm),
    /// Asks for the digests of a home's rows.
    Compare(Compare),
    /// Asks for rows.
    Fetch(Fetch<'a>),
    /// Hands over.
    Stop(Stop),
    /// Takes over.
    StopAck(StopAck),
    /// Has handed over.
    Done(Done),
    /// Where deltas begin.
    Begin(Begin),
    /// Changes of the table.
    Delta(Delta<'a>),
    /// The digests of a home's rows.
    Buckets(Buckets<'a>),
    /// Rows that were asked for.
    Page(Page<'a>),
}

impl<'a> PeerMessage<'a> {
    /// Reads a message that came on `stream` (R-PEE-07). [`Problem::Type`] says that this version does not know its type:
    /// the caller skips and counts it. Every other problem makes it malformed, and nothing of it is to be used.
    pub fn parse(stream: Stream, bytes: &'a [u8]) -> Result<Self, WireError> {
        let Some((&code, body)) = bytes.split_first() else {
            return Err(WireError::new(Problem::Truncated("type"), 0));
        };
        let kind = PeerKind::from_code(code);
        if kind.stream().is_some_and(|own| own != stream) {
            return Err(WireError::new(Problem::Stream(code), 0));
        }
        if kind.is_batch() && bytes.len() > BATCH_MAX {
            return Err(WireError::new(Problem::TooMany("bytes"), BATCH_MAX));
        }
        match kind {
            PeerKind::Intro => Intro::parse(body).map(Self::Intro),
            PeerKind::Ping => Ping::parse(body).map(Self::Ping),
            PeerKind::Refuse => Refuse::parse(body).map(Self::Refuse),
            PeerKind::Join => Join::parse(body).map(Self::Join),
            PeerKind::Seat => Seat::parse(body).map(Self::Seat),
            PeerKind::Admit => Admit::parse(body).map(Self::Admit),
            PeerKind::Facts => Facts::parse(body).map(Self::Facts),
            PeerKind::Stored => Stored::parse(body).map(Self::Stored),
            PeerKind::Resume => Resume::parse(body).map(Self::Resume),
            PeerKind::Confirm => Confirm::parse(body).map(Self::Confirm),
            PeerKind::Compare => Compare::parse(body).map(Self::Compare),
            PeerKind::Fetch => Fetch::parse(body).map(Self::Fetch),
            PeerKind::Stop => Stop::parse(body).map(Self::Stop),
            PeerKind::StopAck => StopAck::parse(body).map(Self::StopAck),
            PeerKind::Done => Done::parse(body).map(Self::Done),
            PeerKind::Begin => Begin::parse(body).map(Self::Begin),
            PeerKind::Delta => Delta::parse(body).map(Self::Delta),
            PeerKind::Buckets => Buckets::parse(body).map(Self::Buckets),
            PeerKind::Page => Page::parse(body).map(Self::Page),
            PeerKind::Unknown(code) => Err(WireError::new(Problem::Type(code), 0)),
        }
    }

    /// Appends the message, its type first.
    pub fn emit(&self, buf: &mut Vec<u8>) {
        match self {
            Self::Intro(m) => m.emit(buf),
            Self::Ping(m) => m.emit(buf),
            Self::Refuse(m) => m.emit(buf),
            Self::Join(m) => m.emit(buf),
            Self::Seat(m) => m.emit(buf),
            Self::Admit(m) => m.emit(buf),
            Self::Facts(m) => m.emit(buf),
            Self::Stored(m) => m.emit(buf),
            Self::Resume(m) => m.emit(buf),
            Self::Confirm(m) => m.emit(buf),
            Self::Compare(m) => m.emit(buf),
            Self::Fetch(m) => m.emit(buf),
            Self::Stop(m) => m.emit(buf),
            Self::StopAck(m) => m.emit(buf),
            Self::Done(m) => m.emit(buf),
            Self::Begin(m) => m.emit(buf),
            Self::Delta(m) => m.emit(buf),
            Self::Buckets(m) => m.emit(buf),
            Self::Page(m) => m.emit(buf),
        }
    }

    /// Which kind of message it is.
    pub const fn kind(&self) -> PeerKind {
        match self {
            Self::Intro(_) => PeerKind::Intro,
            Self::Ping(_) => PeerKind::Ping,
            Self::Refuse(_) => PeerKind::Refuse,
            Self::Join(_) => PeerKind::Join,
            Self::Seat(_) => PeerKind::Seat,
            Self::Admit(_) => PeerKind::Admit,
            Self::Facts(_) => PeerKind::Facts,
            Self::Stored(_) => PeerKind::Stored,
            Self::Resume(_) => PeerKind::Resume,
            Self::Confirm(_) => PeerKind::Confirm,
            Self::Compare(_) => PeerKind::Compare,
            Self::Fetch(_) => PeerKind::Fetch,
            Self::Stop(_) => PeerKind::Stop,
            Self::StopAck(_) => PeerKind::StopAck,
            Self::Done(_) => PeerKind::Done,
            Self::Begin(_) => PeerKind::Begin,
            Self::Delta(_) => PeerKind::Delta,
            Self::Buckets(_) => PeerKind::Buckets,
            Self::Page(_) => PeerKind::Page,
        }
    }
}
