//! Facts: what admins decided and every member knows (spec 10.2, 10.5).

use std::fmt;
use std::net::SocketAddr;

use bytes::BufMut;
use nom::Parser as _;
use nom::combinator::rest;
use nom::number::complete::{be_u8, be_u32, be_u64};

use super::tlvs::{array, peer_code};
use crate::ident::{Epoch, Generation, Name, RealmId, ServerId, Stamp, UserId};
use crate::limits::REALM_NAME_MAX;
use crate::wire::address::{address, emit_address};
use crate::wire::error::{Problem, WireError};
use crate::wire::tlv::{Tlv, all, put_tlv};

/// Whether something is there or was removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FactState {
    /// It is there.
    There,
    /// It was removed, which is remembered for ever.
    Removed,
}

impl FactState {
    /// The code on the wire.
    pub const fn code(self) -> u8 {
        match self {
            Self::There => 1,
            Self::Removed => 2,
        }
    }
}

/// Of two facts about one thing the greater mark counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Mark {
    /// When it was decided, on the stamp clock.
    pub stamp: Stamp,
    /// What was decided.
    pub state: FactState,
    /// The HMS at which.
    pub by: ServerId,
}

/// A server id that is a member of the cluster, or was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemberFact<'a> {
    /// Which HMS.
    pub server: ServerId,
    /// What was decided.
    pub mark: Mark,
    /// What it is called.
    pub name: &'a str,
}

/// An address from which HMSs are taken, or no longer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AddressFact {
    /// What was decided.
    pub mark: Mark,
    /// The HMS that is there, if that is known.
    pub server: Option<ServerId>,
    /// The address; its port only says where to dial.
    pub address: SocketAddr,
}

/// A realm in one of its epochs.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct RealmFact<'a> {
    /// Which realm.
    pub realm: RealmId,
    /// Which of its secrets.
    pub epoch: Epoch,
    /// What was decided.
    pub mark: Mark,
    /// The secret; zeros if it was removed.
    pub secret: &'a [u8; 32],
    /// What the realm is called, at most 32 bytes.
    pub name: &'a str,
}

impl fmt::Debug for RealmFact<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RealmFact({}, {}, {:?}, {:?}, a secret)", self.realm, self.epoch, self.mark, self.name)
    }
}

/// The generation that a user's keys must have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GenerationFact<'a> {
    /// The realm.
    pub realm: RealmId,
    /// The user.
    pub user: UserId,
    /// The generation now.
    pub generation: Generation,
    /// The one before it.
    pub previous: Generation,
    /// The user's name, if whoever revoked gave it.
    pub name: Option<&'a str>,
}

/// One fact.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fact<'a> {
    /// Who belongs to the cluster.
    Member(MemberFact<'a>),
    /// From where.
    Address(AddressFact),
    /// Which realms there are.
    Realm(RealmFact<'a>),
    /// Who was revoked.
    Generation(GenerationFact<'a>),
}

impl<'a> Fact<'a> {
    /// Reads a TLV; nothing if it is no fact.
    pub(super) fn parse(tlv: &Tlv<'a>) -> Result<Option<Self>, WireError> {
        Ok(Some(match tlv.code {
            peer_code::MEMBER => Self::Member(MemberFact::parse(tlv)?),
            peer_code::ADDRESS => Self::Address(AddressFact::parse(tlv)?),
            peer_code::REALM => Self::Realm(RealmFact::parse(tlv)?),
            peer_code::GENERATION => Self::Generation(GenerationFact::parse(tlv)?),
            _ => return Ok(None),
        }))
    }

    /// Appends the TLV.
    pub fn emit(&self, buf: &mut Vec<u8>) {
        put_tlv(buf, self.code(), |buf| self.emit_value(buf));
    }

    /// Appends what the fact's digest is made of: TLV type and value (R-PEE-27).
    pub fn emit_hashed(&self, buf: &mut Vec<u8>) {
        buf.put_u8(self.code());
        self.emit_value(buf);
    }

    const fn code(&self) -> u8 {
        match self {
            Self::Member(_) => peer_code::MEMBER,
            Self::Address(_) => peer_code::ADDRESS,
            Self::Realm(_) => peer_code::REALM,
            Self::Generation(_) => peer_code::GENERATION,
        }
    }

    fn emit_value(&self, buf: &mut Vec<u8>) {
        match self {
            Self::Member(fact) => fact.emit_value(buf),
            Self::Address(fact) => fact.emit_value(buf),
            Self::Realm(fact) => fact.emit_value(buf),
            Self::Generation(fact) => fact.emit_value(buf),
        }
    }
}

/// Stamp, by, state, as they stand.
type MarkFields = (u64, u64, u8);

fn mark_fields(input: &[u8]) -> nom::IResult<&[u8], MarkFields> {
    (be_u64, be_u64, be_u8).parse(input)
}

impl Mark {
    fn of((stamp, by, state): MarkFields, tlv: &Tlv<'_>) -> Result<Self, WireError> {
        let state = match state {
            1 => FactState::There,
            2 => FactState::Removed,
            _ => return Err(tlv.error(Problem::Value("state"))),
        };
        Ok(Self { stamp: Stamp(stamp), state, by: ServerId(by) })
    }

    fn emit(&self, buf: &mut Vec<u8>) {
        buf.put_u64(self.stamp.0);
        buf.put_u64(self.by.0);
        buf.put_u8(self.state.code());
    }
}

impl<'a> MemberFact<'a> {
    fn parse(tlv: &Tlv<'a>) -> Result<Self, WireError> {
        let (server, mark, name) = all(tlv.value, tlv.at, "MEMBER", (be_u64, mark_fields, rest))?;
        if server == 0 {
            return Err(tlv.error(Problem::Value("MEMBER")));
        }
        let name = tlv.name(name, Name::MAX)?;
        Ok(Self { server: ServerId(server), mark: Mark::of(mark, tlv)?, name })
    }

    fn emit_value(&self, buf: &mut Vec<u8>) {
        buf.put_u64(self.server.0);
        self.mark.emit(buf);
        buf.put_slice(self.name.as_bytes());
    }
}

impl AddressFact {
    fn parse(tlv: &Tlv<'_>) -> Result<Self, WireError> {
        let (mark, server, address) = all(tlv.value, tlv.at, "ADDRESS", (mark_fields, be_u64, address))?;
        let server = (server != 0).then_some(ServerId(server));
        Ok(Self { mark: Mark::of(mark, tlv)?, server, address })
    }

    fn emit_value(&self, buf: &mut Vec<u8>) {
        self.mark.emit(buf);
        buf.put_u64(self.server.unwrap_or_default().0);
        emit_address(buf, self.address);
    }
}

impl<'a> RealmFact<'a> {
    fn parse(tlv: &Tlv<'a>) -> Result<Self, WireError> {
        let parser = (be_u32, be_u8, mark_fields, array::<32>, rest);
        let (realm, epoch, mark, secret, name) = all(tlv.value, tlv.at, "REALM", parser)?;
        if realm == 0 {
            return Err(tlv.error(Problem::Value("REALM")));
        }
        let mark = Mark::of(mark, tlv)?;
        if mark.state == FactState::Removed && *secret != [0; 32] {
            return Err(tlv.error(Problem::Value("secret")));
        }
        let name = tlv.name(name, REALM_NAME_MAX)?;
        Ok(Self { realm: RealmId(realm), epoch: Epoch(epoch), mark, secret, name })
    }

    fn emit_value(&self, buf: &mut Vec<u8>) {
        buf.put_u32(self.realm.0);
        buf.put_u8(self.epoch.0);
        self.mark.emit(buf);
        buf.put_slice(self.secret);
        buf.put_slice(self.name.as_bytes());
    }
}

impl<'a> GenerationFact<'a> {
    fn parse(tlv: &Tlv<'a>) -> Result<Self, WireError> {
        let parser = (be_u32, array, be_u64, be_u64, rest);
        let (realm, user, generation, previous, name) = all(tlv.value, tlv.at, "GENERATION", parser)?;
        let name = if name.is_empty() { None } else { Some(tlv.name(name, Name::MAX)?) };
        let (generation, previous) = (Generation(generation), Generation(previous));
        Ok(Self { realm: RealmId(realm), user: UserId(*user), generation, previous, name })
    }

    fn emit_value(&self, buf: &mut Vec<u8>) {
        buf.put_u32(self.realm.0);
        buf.put_slice(&self.user.0);
        buf.put_u64(self.generation.0);
        buf.put_u64(self.previous.0);
        buf.put_slice(self.name.unwrap_or_default().as_bytes());
    }
}
