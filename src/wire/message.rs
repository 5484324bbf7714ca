//! A verified body as one of the messages.

use super::ack::Ack;
use super::code::Kind;
use super::digests::Digests;
use super::discover::Discover;
use super::error::{Problem, WireError};
use super::find::Find;
use super::header::Header;
use super::heartbeat::Heartbeat;
use super::init::Init;
use super::leave::Leave;
use super::offer::Offer;
use super::page::PageMessage;
use super::pull::Pull;
use super::register::Register;
use super::registered::Registered;
use super::short::Short;

/// What a host sends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request<'a> {
    /// Asks for a challenge.
    Init(Init),
    /// Registers with an accepted cookie.
    Register(Register<'a>),
    /// Says that the host is there.
    Heartbeat(Heartbeat<'a>),
    /// Unregisters.
    Leave(Leave),
    /// Asks for directory pages or digests.
    Pull(Pull),
    /// Looks names up.
    Find(Find<'a>),
    /// Looks for an HMS.
    Discover(Discover),
}

impl<'a> Request<'a> {
    pub(super) fn parse(header: &Header, body: &'a [u8]) -> Result<Self, WireError> {
        match header.kind {
            Kind::Init => Init::parse(body).map(Self::Init),
            Kind::Register => Register::parse(header.flags, body).map(Self::Register),
            Kind::Heartbeat => Heartbeat::parse(header.flags, body).map(Self::Heartbeat),
            Kind::Leave => Leave::parse(body).map(Self::Leave),
            Kind::Pull => Pull::parse(body).map(Self::Pull),
            Kind::Find => Find::parse(body).map(Self::Find),
            Kind::Discover => Discover::parse(body).map(Self::Discover),
            other => Err(WireError::new(Problem::Type(other.code()), 1)),
        }
    }
}

/// What an HMS sends to a host under a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer<'a> {
    /// Registration taken.
    Registered(Registered),
    /// Heartbeat taken.
    Ack(Ack<'a>),
    /// Unregistered.
    Left(Short),
    /// Directory rows.
    Page(PageMessage<'a>),
    /// Bucket digests.
    Digests(Box<Digests>),
    /// Answer to DISCOVER.
    Offer(Offer),
    /// A cookie to be echoed.
    Challenge(Short),
    /// Another session of this user is live.
    Superseded(Short),
    /// Register again, after a delay.
    Reregister(Short),
    /// Say it again, after a delay.
    Retry(Short),
    /// Turn to another HMS.
    Redirect(Short),
    /// Refused.
    Reject(Short),
}

impl<'a> Answer<'a> {
    pub(super) fn parse(header: &Header, body: &'a [u8]) -> Result<Self, WireError> {
        match header.kind {
            Kind::Registered => Registered::parse(body).map(Self::Registered),
            Kind::Ack => Ack::parse(header.flags, body).map(Self::Ack),
            Kind::Left => Short::parse(body).map(Self::Left),
            Kind::Page => PageMessage::parse(header.flags, body).map(Self::Page),
            Kind::Digests => Digests::parse(body).map(|d| Self::Digests(Box::new(d))),
            Kind::Offer => Offer::parse(header.flags, body).map(Self::Offer),
            Kind::Challenge => Short::parse(body).map(Self::Challenge),
            Kind::Superseded => Short::parse(body).map(Self::Superseded),
            Kind::Reregister => Short::parse(body).map(Self::Reregister),
            Kind::Retry => Short::parse(body).map(Self::Retry),
            Kind::Redirect => Short::parse(body).map(Self::Redirect),
            Kind::Reject => Short::parse(body).map(Self::Reject),
            other => Err(WireError::new(Problem::Type(other.code()), 1)),
        }
    }

    /// The process that sent it and its number.
    pub fn origin(&self) -> (crate::ident::Incarnation, u64) {
        match self {
            Self::Registered(m) => (m.incarnation, m.number),
            Self::Ack(m) => (m.incarnation, m.number),
            Self::Page(m) => (m.incarnation, m.number),
            Self::Digests(m) => (m.incarnation, m.number),
            Self::Offer(m) => (m.incarnation, m.number),
            Self::Left(m)
            | Self::Challenge(m)
            | Self::Superseded(m)
            | Self::Reregister(m)
            | Self::Retry(m)
            | Self::Redirect(m)
            | Self::Reject(m) => (m.incarnation, m.number),
        }
    }
}
