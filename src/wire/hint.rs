//! HINT: an unauthenticated explanation (spec 2.7, 3.4).

use bytes::BufMut;
use nom::number::complete::{be_u8, be_u16};

use super::code::codes;
use super::error::WireError;
use super::header::{Unverified, VERSION};
use super::tlv::all;
use crate::limits::HEADER_LEN;

codes! {
    /// What an HMS would say if it could prove it.
    pub enum HintCode(u16) {
        /// No key of this user fits the tag.
        WrongKey = 1, "wrong key";
        /// The epoch is unknown here.
        UnknownEpoch = 2, "unknown epoch";
        /// Another protocol version.
        Version = 3, "version";
        /// HMS to HMS: no key fits.
        PeerKey = 4, "peer key";
    }
}

/// Body of HINT: 4 bytes, then a checksum.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hint {
    /// What is said.
    pub code: HintCode,
    /// Lowest version served.
    pub min_version: u8,
    /// Highest version served.
    pub max_version: u8,
}

impl Hint {
    /// A hint of this implementation.
    pub const fn new(code: HintCode) -> Self {
        Self { code, min_version: VERSION, max_version: VERSION }
    }

    /// Reads the body of a HINT whose checksum holds; nothing of it is proven.
    pub fn parse(datagram: &Unverified<'_>) -> Result<Self, WireError> {
        let (code, min_version, max_version) =
            all(datagram.body(), HEADER_LEN, "HINT", (be_u16, be_u8, be_u8))?;
        Ok(Self { code: HintCode::from_code(code), min_version, max_version })
    }

    /// Appends the body.
    pub fn emit(&self, buf: &mut Vec<u8>) {
        buf.put_u16(self.code.code());
        buf.put_slice(&[self.min_version, self.max_version]);
    }
}
