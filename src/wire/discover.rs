//! DISCOVER: looks for an HMS by multicast (spec 2.5, chapter 5).

use bytes::BufMut;

use super::error::{Problem, WireError};
use super::header::VERSION;
use super::init::Init;
use super::tlv::{put_tlv, skip_all, tlv_code};
use crate::limits::{DISCOVER_LEN, HEADER_LEN, TAG_LEN};

/// Body of DISCOVER: 20 bytes and padding, 512 in all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Discover {
    /// Lowest protocol version that the host speaks.
    pub min_version: u8,
    /// Highest protocol version that the host speaks.
    pub max_version: u8,
}

impl Default for Discover {
    fn default() -> Self {
        Self { min_version: VERSION, max_version: VERSION }
    }
}

impl Discover {
    pub(super) fn parse(body: &[u8]) -> Result<Self, WireError> {
        if body.len() + HEADER_LEN + TAG_LEN < DISCOVER_LEN {
            return Err(WireError::new(Problem::Length, body.len()));
        }
        let (rest, versions) = Init::parse_prefix(body)?;
        skip_all(rest, HEADER_LEN + body.len() - rest.len())?;
        Ok(Self { min_version: versions.min_version, max_version: versions.max_version })
    }

    /// Appends the body with its padding.
    pub fn emit(&self, buf: &mut Vec<u8>) {
        Init { min_version: self.min_version, max_version: self.max_version }.emit(buf);
        put_tlv(buf, tlv_code::PAD, |buf| {
            buf.put_bytes(0, DISCOVER_LEN - HEADER_LEN - 20 - 3 - TAG_LEN);
        });
    }
}
