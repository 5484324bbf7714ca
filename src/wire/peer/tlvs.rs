//! TLVs between HMSs (spec 10.2): a code space of their own, in any order, as often as they like.

use std::fmt;

use nom::Parser as _;
use nom::combinator::fail;
use nom::number::complete::{be_u32, be_u64};

use crate::ident::{Incarnation, LineId, Process, ServerId};
use crate::wire::error::{Problem, WireError};
use crate::wire::tlv::{Tlv, first_tlv, fixed};

/// TLV codes between HMSs.
pub(super) mod peer_code {
    pub(crate) const NAME: u8 = 0x01;
    pub(crate) const REASON: u8 = 0x02;
    pub(crate) const OWN_ADDRESS: u8 = 0x03;
    pub(crate) const LEFT_LINE: u8 = 0x04;
    pub(crate) const NEIGHBOUR: u8 = 0x05;
    pub(crate) const MEMBER: u8 = 0x10;
    pub(crate) const ADDRESS: u8 = 0x11;
    pub(crate) const REALM: u8 = 0x12;
    pub(crate) const GENERATION: u8 = 0x13;
    pub(crate) const HOME: u8 = 0x20;
    pub(crate) const ROW: u8 = 0x21;
    pub(crate) const GONE: u8 = 0x22;
    pub(crate) const ROOT: u8 = 0x23;
}

/// The TLVs of a message; yields an error once and then ends.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct PeerTlvs<'a> {
    rest: &'a [u8],
    at: usize,
}

impl<'a> PeerTlvs<'a> {
    /// The bytes not walked yet.
    pub(super) const fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// Walks past TLVs of which none is known.
    pub(super) fn skip(mut self) -> Result<(), WireError> {
        self.try_for_each(|tlv| tlv?.unknown())
    }
}

impl<'a> Iterator for PeerTlvs<'a> {
    type Item = Result<Tlv<'a>, WireError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let read = first_tlv(self.rest, self.at);
        let rest = read.as_ref().map_or(&[][..], |(rest, _)| rest);
        self.at += self.rest.len() - rest.len();
        self.rest = rest;
        Some(read.map(|(_, tlv)| tlv))
    }
}

/// Not the bytes: there may be secrets among them.
impl fmt::Debug for PeerTlvs<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes of TLVs", self.rest.len())
    }
}

/// Reads the fixed part of a message, whose `body` begins behind its type: the value, and the TLVs behind it.
pub(super) fn head<'a, T>(
    body: &'a [u8],
    what: &'static str,
    parser: impl nom::Parser<&'a [u8], Output = T, Error = nom::error::Error<&'a [u8]>>,
) -> Result<(T, PeerTlvs<'a>), WireError> {
    let (rest, value) = fixed(body, 1, what, parser)?;
    Ok((value, PeerTlvs { rest, at: 1 + body.len() - rest.len() }))
}

/// The same of a message that lists no TLVs.
pub(super) fn whole<'a, T>(
    body: &'a [u8],
    what: &'static str,
    parser: impl nom::Parser<&'a [u8], Output = T, Error = nom::error::Error<&'a [u8]>>,
) -> Result<T, WireError> {
    let (value, tlvs) = head(body, what, parser)?;
    tlvs.skip()?;
    Ok(value)
}

/// A value that the fixed part of a message cannot have.
pub(super) const fn wrong(what: &'static str) -> WireError {
    WireError::new(Problem::Value(what), 1)
}

/// Reads exactly `N` bytes in their place.
pub(super) fn array<const N: usize>(input: &[u8]) -> nom::IResult<&[u8], &[u8; N]> {
    match input.split_first_chunk() {
        Some((array, rest)) => Ok((rest, array)),
        None => fail().parse(input),
    }
}

/// Reads server id and incarnation.
pub(super) fn server_first(input: &[u8]) -> nom::IResult<&[u8], Process> {
    let (rest, (server, incarnation)) = (be_u64, be_u32).parse(input)?;
    Ok((rest, Process { server: ServerId(server), incarnation: Incarnation(incarnation) }))
}

/// Reads incarnation and server id.
pub(super) fn incarnation_first(input: &[u8]) -> nom::IResult<&[u8], Process> {
    let (rest, (incarnation, server)) = (be_u32, be_u64).parse(input)?;
    Ok((rest, Process { server: ServerId(server), incarnation: Incarnation(incarnation) }))
}

/// Whether both ids are there: neither is ever 0.
pub(super) const fn is_process(process: &Process) -> bool {
    process.server.0 != 0 && process.incarnation.0 != 0
}

/// A line id where 0 says that there is none.
pub(super) const fn line(id: u64) -> Option<LineId> {
    if id == 0 { None } else { Some(LineId(id)) }
}

/// The same the other way.
pub(super) fn line_bytes(line: Option<LineId>) -> u64 {
    line.unwrap_or_default().0
}
