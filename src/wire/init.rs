//! INIT: asks for a challenge (spec 2.5).

use bytes::BufMut;
use nom::Parser as _;
use nom::bytes::complete::take;
use nom::number::complete::be_u8;

use super::error::{Problem, WireError};
use super::header::VERSION;
use super::tlv::{fixed, skip_all};
use crate::limits::HEADER_LEN;

/// Body of INIT: 20 bytes, 68 in all; more may follow as TLVs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Init {
    /// Lowest protocol version that the host speaks.
    pub min_version: u8,
    /// Highest protocol version that the host speaks.
    pub max_version: u8,
}

impl Default for Init {
    fn default() -> Self {
        Self { min_version: VERSION, max_version: VERSION }
    }
}

pub(super) fn versions(body: &[u8]) -> nom::IResult<&[u8], (u8, u8)> {
    let (rest, (min, max, _)) = (be_u8, be_u8, take(18usize)).parse(body)?;
    Ok((rest, (min, max)))
}

impl Init {
    pub(super) fn parse(body: &[u8]) -> Result<Self, WireError> {
        let (tlvs, (min_version, max_version)) = fixed(body, HEADER_LEN, "INIT", versions)?;
        skip_all(tlvs, HEADER_LEN + body.len() - tlvs.len())?;
        Ok(Self { min_version, max_version })
    }

    /// Appends the body.
    pub fn emit(&self, buf: &mut Vec<u8>) {
        buf.put_slice(&[self.min_version, self.max_version]);
        buf.put_bytes(0, 18);
    }

    /// Reads the two versions of a body in whatever version it is.
    pub(super) fn parse_prefix(body: &[u8]) -> Result<(&[u8], Self), WireError> {
        let (rest, (min_version, max_version)) = fixed(body, HEADER_LEN, "versions", versions)?;
        if min_version > max_version {
            return Err(WireError::new(Problem::Value("versions"), HEADER_LEN));
        }
        Ok((rest, Self { min_version, max_version }))
    }
}
