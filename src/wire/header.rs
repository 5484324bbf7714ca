//! The 32-byte header, and the two steps in which a datagram is read.

use bytes::{Buf as _, BufMut};
use nom::Parser as _;
use nom::bytes::complete::take;
use nom::combinator::map_opt;

use super::code::Kind;
use super::error::{Problem, WireError};
use super::heartbeat::Heartbeat;
use super::message::{Answer, Request};
use crate::ident::{Epoch, RealmId, SessionId, UserId};
use crate::limits::{DATAGRAM_MAX, DATAGRAM_MIN, HEADER_LEN, TAG_LEN};

/// The protocol version of this implementation.
pub(crate) const VERSION: u8 = 1;

/// Flag bits (spec 2.2).
pub mod flag {
    /// HEARTBEAT: a cookie follows the fixed body.
    pub const COOKIE: u8 = 0x01;
    /// HEARTBEAT: changes are asked for (mode on-request).
    pub const WANT: u8 = 0x02;
    /// HEARTBEAT: the TLVs are the whole content.
    pub const CONTENT: u8 = 0x04;
    /// REGISTER: a live row of another instance may be replaced.
    pub const TAKEOVER: u8 = 0x02;
    /// ACK: send the content.
    pub const WANT_CONTENT: u8 = 0x01;
    /// ACK: the directories differ in a way that no delta mends.
    pub const RESYNC: u8 = 0x02;
    /// ACK: the directories are equal, adopt the revision.
    pub const EQUAL: u8 = 0x04;
    /// PAGE: not asked for.
    pub const PUSH: u8 = 0x01;
    /// OFFER: the sender is the primary.
    pub const PRIMARY: u8 = 0x01;
    /// HINT and ANNOUNCE: there is no tag.
    pub const UNAUTHENTICATED: u8 = 0x80;
}

/// What stands at the head of every datagram (spec 2.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// What the datagram is.
    pub kind: Kind,
    /// Bits of [`flag`], by type.
    pub flags: u8,
    /// Which secret of the realm the key comes from.
    pub epoch: Epoch,
    /// The realm.
    pub realm: RealmId,
    /// The user.
    pub user: UserId,
    /// The session; 0 before there is one.
    pub session: SessionId,
    /// Sequence of a session request, nonce of the others, echoed in answers.
    pub sequence: u64,
}

impl Header {
    /// Appends the 32 bytes.
    pub fn emit(&self, buf: &mut impl BufMut) {
        // In one piece: a buffer makes room only once.
        let mut bytes = [0; HEADER_LEN];
        let mut rest = bytes.as_mut_slice();
        rest.put_u8(VERSION);
        rest.put_u8(self.kind.code());
        rest.put_u8(self.flags);
        rest.put_u8(self.epoch.0);
        rest.put_u32(self.realm.0);
        rest.put_slice(&self.user.0);
        rest.put_u64(self.session.0);
        rest.put_u64(self.sequence);
        buf.put_slice(&bytes);
    }

    /// The header of the answer to this datagram: the same names and sequence, no flags.
    pub const fn answer(&self, kind: Kind) -> Self {
        Self { kind, flags: 0, ..*self }
    }
}

/// Flags that a type may have.
const fn known_flags(kind: Kind) -> u8 {
    match kind {
        Kind::Heartbeat => flag::COOKIE | flag::WANT | flag::CONTENT,
        Kind::Register => flag::TAKEOVER,
        Kind::Ack => flag::WANT_CONTENT | flag::RESYNC | flag::EQUAL,
        Kind::Page => flag::PUSH,
        Kind::Offer => flag::PRIMARY,
        Kind::Hint | Kind::Announce => flag::UNAUTHENTICATED,
        _ => 0,
    }
}

fn fields(input: &[u8]) -> nom::IResult<&[u8], (u8, Header)> {
    // Every datagram goes through here, so its fields are not parsed one by one.
    let (rest, head) = map_opt(take(HEADER_LEN), <[u8]>::first_chunk::<HEADER_LEN>).parse(input)?;
    let mut head = head.as_slice();
    let (version, code, flags, epoch) = (head.get_u8(), head.get_u8(), head.get_u8(), head.get_u8());
    let realm = RealmId(head.get_u32());
    let mut user = UserId([0; 8]);
    head.copy_to_slice(&mut user.0);
    let header = Header {
        kind: Kind::from_code(code),
        flags,
        epoch: Epoch(epoch),
        realm,
        user,
        session: SessionId(head.get_u64()),
        sequence: head.get_u64(),
    };
    Ok((rest, (version, header)))
}

/// A datagram of which only the header was looked at.
#[derive(Clone, Copy, Debug)]
pub struct Unverified<'a> {
    header: Header,
    bytes: &'a [u8],
}

impl<'a> Unverified<'a> {
    /// Reads the header. On [`Problem::Version`] use [`Self::parse_any_version`] to answer with a hint.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, WireError> {
        let (version, this) = Self::parse_any_version(bytes)?;
        if version != VERSION {
            return Err(WireError::new(Problem::Version(version), 0));
        }
        if let Kind::Unknown(code) = this.header.kind {
            return Err(WireError::new(Problem::Type(code), 1));
        }
        let unknown = this.header.flags & !known_flags(this.header.kind);
        if unknown != 0 {
            return Err(WireError::new(Problem::Flags(unknown), 2));
        }
        let bare = matches!(this.header.kind, Kind::Hint | Kind::Announce);
        if bare && this.header.flags & flag::UNAUTHENTICATED == 0 {
            return Err(WireError::new(Problem::Flags(this.header.flags), 2));
        }
        Ok(this)
    }

    /// Reads the part of the header that is the same in every version (R-FMT-20), and the version.
    pub fn parse_any_version(bytes: &'a [u8]) -> Result<(u8, Self), WireError> {
        if bytes.len() < DATAGRAM_MIN || bytes.len() > DATAGRAM_MAX {
            return Err(WireError::new(Problem::Length, bytes.len()));
        }
        let (_, (version, header)) =
            fields(bytes).map_err(|_| WireError::new(Problem::Truncated("header"), bytes.len()))?;
        Ok((version, Self { header, bytes }))
    }

    /// The header, of which nothing is proven.
    pub const fn header(&self) -> &Header {
        &self.header
    }

    /// Length of the whole datagram.
    pub const fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Never: a datagram has at least header and tag.
    pub const fn is_empty(&self) -> bool {
        false
    }

    /// The bytes that the tag covers.
    pub fn signed(&self) -> &'a [u8] {
        self.bytes.split_at(self.bytes.len().saturating_sub(TAG_LEN)).0
    }

    /// The tag.
    pub fn tag(&self) -> &'a [u8] {
        self.bytes.split_at(self.bytes.len().saturating_sub(TAG_LEN)).1
    }

    /// For `auth`, when the tag holds.
    pub(crate) const fn into_verified(self) -> Verified<'a> {
        Verified { header: self.header, bytes: self.bytes }
    }

    /// The body of a HINT or ANNOUNCE, of which nothing is proven.
    pub(crate) fn body(&self) -> &'a [u8] {
        self.signed().split_at(HEADER_LEN).1
    }
}

/// A datagram whose tag holds: its body may be read.
#[derive(Clone, Copy, Debug)]
pub struct Verified<'a> {
    header: Header,
    bytes: &'a [u8],
}

impl<'a> Verified<'a> {
    /// The proven header.
    pub const fn header(&self) -> &Header {
        &self.header
    }

    /// Length of the whole datagram.
    pub const fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Never: a datagram has at least header and tag.
    pub const fn is_empty(&self) -> bool {
        false
    }

    /// The bytes between header and tag.
    pub fn body(&self) -> &'a [u8] {
        let signed = self.bytes.split_at(self.bytes.len().saturating_sub(TAG_LEN)).0;
        signed.split_at(HEADER_LEN).1
    }

    /// Reads what a host sent.
    pub fn request(&self) -> Result<Request<'a>, WireError> {
        Request::parse(&self.header, self.body())
    }

    /// Reads a HEARTBEAT up to its content, which [`Self::request`] could not take (R-FMT-09).
    pub fn heartbeat_head(&self) -> Result<Request<'a>, WireError> {
        match self.header.kind {
            Kind::Heartbeat => Heartbeat::parse_head(self.header.flags, self.body()).map(Request::Heartbeat),
            other => Err(WireError::new(Problem::Type(other.code()), 1)),
        }
    }

    /// Reads what an HMS sent.
    pub fn answer(&self) -> Result<Answer<'a>, WireError> {
        Answer::parse(&self.header, self.body())
    }
}
