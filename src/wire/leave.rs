//! LEAVE: unregisters (spec 2.5, R-REG-42).

use bytes::BufMut;
use nom::bytes::complete::take;

use super::error::WireError;
use super::tlv::{fixed, skip_all};
use crate::limits::HEADER_LEN;

/// Body of LEAVE: 20 reserved bytes, 68 in all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Leave;

impl Leave {
    pub(super) fn parse(body: &[u8]) -> Result<Self, WireError> {
        let (tlvs, _) = fixed(body, HEADER_LEN, "LEAVE", take(20usize))?;
        skip_all(tlvs, HEADER_LEN + 20)?;
        Ok(Self)
    }

    /// Appends the body.
    pub fn emit(&self, buf: &mut Vec<u8>) {
        buf.put_bytes(0, 20);
    }
}
