//! The outer form of a datagram (spec 9.1, 9.4): what can be read before a key is chosen.

use bytes::BufMut as _;
use nom::Parser as _;
use nom::bytes::complete::take;
use nom::number::complete::{be_u8, be_u32, be_u64};

use super::drops::DropReason;
use super::keys::KeyId;
use super::limits::{COOKIE_LEN, DATA_HEADER, DATAGRAM_MAX, DATAGRAM_MIN, HELLO_HEADER, RESET_LEN};

pub(super) const VERSION: u8 = 1;

/// Types of datagrams between HMSs.
pub(super) mod kind {
    pub(crate) const HELLO: u8 = 0x20;
    pub(crate) const COOKIE: u8 = 0x21;
    pub(crate) const WELCOME: u8 = 0x22;
    pub(crate) const DATA: u8 = 0x23;
    pub(crate) const RESET: u8 = 0x24;
}

/// The header of HELLO, COOKIE and WELCOME behind version and type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) key: KeyId,
    pub(super) session: u64,
    pub(super) attempt: u64,
}

impl Head {
    pub(super) fn emit(&self, kind: u8, buf: &mut Vec<u8>) {
        buf.put_slice(&[VERSION, kind, 0, 0]);
        buf.put_u32(0);
        buf.put_u64(self.key.0);
        buf.put_u64(self.session);
        buf.put_u64(self.attempt);
    }
}

/// The header of DATA behind version and type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct DataHead {
    pub(super) number: u64,
    pub(super) session: u64,
}

impl DataHead {
    pub(super) fn emit(&self) -> [u8; DATA_HEADER] {
        let mut header = [0; DATA_HEADER];
        let mut rest = header.as_mut_slice();
        rest.put_slice(&[VERSION, kind::DATA]);
        rest.put_uint(self.number, 6);
        rest.put_u64(self.session);
        header
    }
}

/// A datagram of which nothing is proven.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Datagram {
    Hello(Head),
    Cookie(Head),
    Welcome(Head),
    Data(DataHead),
    Reset,
}

fn lengths(kind: u8) -> Result<(usize, usize), DropReason> {
    match kind {
        kind::HELLO | kind::WELCOME => Ok((DATAGRAM_MAX, DATAGRAM_MAX)),
        kind::COOKIE => Ok((COOKIE_LEN, COOKIE_LEN)),
        kind::DATA => Ok((DATAGRAM_MIN, DATAGRAM_MAX)),
        kind::RESET => Ok((RESET_LEN, RESET_LEN)),
        _ => Err(DropReason::Type),
    }
}

fn head(input: &[u8]) -> nom::IResult<&[u8], (u32, Head)> {
    let (rest, (_, _, zeros, realm)) = (be_u8, be_u8, take(2usize), be_u32).parse(input)?;
    let (rest, (key, session, attempt)) = (be_u64, be_u64, be_u64).parse(rest)?;
    let reserved = zeros.iter().fold(realm, |all, byte| all | u32::from(*byte));
    Ok((rest, (reserved, Head { key: KeyId(key), session, attempt })))
}

fn data_head(input: &[u8]) -> nom::IResult<&[u8], DataHead> {
    let (rest, (first, session)) = (be_u64, be_u64).parse(input)?;
    Ok((rest, DataHead { number: first & 0xffff_ffff_ffff, session }))
}

impl Datagram {
    /// Reads at most the first 32 bytes (R-TRN-03).
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, DropReason> {
        if bytes.len() < DATAGRAM_MIN || bytes.len() > DATAGRAM_MAX {
            return Err(DropReason::Length);
        }
        let [version, kind, ..] = *bytes else { return Err(DropReason::Length) };
        if version != VERSION {
            return Err(DropReason::Version);
        }
        let (least, most) = lengths(kind)?;
        if bytes.len() < least || bytes.len() > most {
            return Err(DropReason::Length);
        }
        match kind {
            kind::DATA => data_head(bytes).map(|(_, head)| Self::Data(head)).map_err(|_| DropReason::Length),
            kind::RESET => Ok(Self::Reset),
            _ => Self::hello(kind, bytes),
        }
    }

    fn hello(kind: u8, bytes: &[u8]) -> Result<Self, DropReason> {
        let (_, (reserved, head)) = head(bytes).map_err(|_| DropReason::Length)?;
        if reserved != 0 || (kind == kind::HELLO) != (head.session == 0) {
            return Err(DropReason::Malformed);
        }
        Ok(match kind {
            kind::HELLO => Self::Hello(head),
            kind::COOKIE => Self::Cookie(head),
            _ => Self::Welcome(head),
        })
    }
}

/// What stands behind the common header.
pub(super) fn body(signed: &[u8]) -> &[u8] {
    signed.split_at_checked(HELLO_HEADER).map_or(&[], |(_, body)| body)
}
