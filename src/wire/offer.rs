//! OFFER: answer to DISCOVER; and the HMS TLV (spec 2.3, 2.6).

use std::net::SocketAddr;

use bytes::BufMut;
use nom::bytes::complete::take;
use nom::combinator::complete;
use nom::multi::{length_data, many0};
use nom::number::complete::{be_u8, be_u32, be_u64};

use super::address::{address, emit_address};
use super::error::{Problem, WireError};
use super::header::flag;
use super::tlv::{Tlv, Tlvs, all, fixed, put_tlv, tlv_code};
use crate::ident::{Incarnation, Name, ServerId};
use crate::limits::{HEADER_LEN, HMS_LIST_MAX};

/// One HMS as a host is told of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HmsInfo {
    /// Which one.
    pub server: ServerId,
    /// Whether it is the primary.
    pub primary: bool,
    /// Whether it is the one that says so.
    pub sender: bool,
    /// What it is called.
    pub name: Name,
    /// Where it can be reached, best first.
    pub addresses: Vec<SocketAddr>,
}

/// Addresses in one HMS TLV.
const ADDRESSES_MAX: usize = 8;

impl HmsInfo {
    pub(super) fn emit(&self, buf: &mut Vec<u8>) {
        put_tlv(buf, tlv_code::HMS, |buf| {
            buf.put_u64(self.server.0);
            buf.put_u8(u8::from(self.primary) | (u8::from(self.sender) << 1));
            let name = self.name.as_str().as_bytes();
            buf.put_u8(u8::try_from(name.len()).unwrap_or(0));
            buf.put_slice(name);
            self.addresses.iter().take(ADDRESSES_MAX).for_each(|a| emit_address(buf, *a));
        });
    }

    pub(super) fn parse(tlv: &Tlv<'_>) -> Result<Self, WireError> {
        let parser = (be_u64, be_u8, length_data(be_u8), many0(complete(address)));
        let (server, flags, name, addresses) = all(tlv.value, tlv.at, "HMS", parser)?;
        if addresses.len() > ADDRESSES_MAX {
            return Err(tlv.error(Problem::TooMany("addresses")));
        }
        let name = std::str::from_utf8(name).map_err(|_| tlv.error(Problem::Utf8))?;
        let name = Name::new(name).map_err(|e| tlv.error(Problem::Name(e)))?;
        Ok(Self {
            server: ServerId(server),
            primary: flags & 1 != 0,
            sender: flags & 2 != 0,
            name,
            addresses,
        })
    }
}

/// Body of OFFER: 20 bytes, then HMSs, the sender first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer {
    /// Flag *primary*: the sender is the primary.
    pub primary: bool,
    /// The HMS process that answers.
    pub incarnation: Incarnation,
    /// Its rising number.
    pub number: u64,
    /// The HMS.
    pub server: ServerId,
    /// All HMSs, the sender first.
    pub hms: Vec<HmsInfo>,
}

impl Offer {
    pub(super) fn parse(flags: u8, body: &[u8]) -> Result<Self, WireError> {
        let (tlvs, (incarnation, number, server)) =
            fixed(body, HEADER_LEN, "OFFER", (be_u32, be_u64, be_u64))?;
        let mut hms = Vec::new();
        for tlv in Tlvs::new(tlvs, HEADER_LEN + 20) {
            let tlv = tlv?;
            match tlv.code {
                tlv_code::HMS if hms.len() >= HMS_LIST_MAX => return Err(tlv.error(Problem::TooMany("HMS"))),
                tlv_code::HMS => hms.push(HmsInfo::parse(&tlv)?),
                _ => tlv.unknown()?,
            }
        }
        Ok(Self {
            primary: flags & flag::PRIMARY != 0,
            incarnation: Incarnation(incarnation),
            number,
            server: ServerId(server),
            hms,
        })
    }

    /// The flags that the header must have.
    pub const fn flags(&self) -> u8 {
        if self.primary { flag::PRIMARY } else { 0 }
    }

    /// Appends the body.
    pub fn emit(&self, buf: &mut Vec<u8>) {
        buf.put_u32(self.incarnation.0);
        buf.put_u64(self.number);
        buf.put_u64(self.server.0);
        self.hms.iter().take(HMS_LIST_MAX).for_each(|hms| hms.emit(buf));
    }
}

/// Reads `N` reserved bytes.
pub(super) fn reserved<const N: usize>(input: &[u8]) -> nom::IResult<&[u8], ()> {
    let (rest, _) = take(N)(input)?;
    Ok((rest, ()))
}
