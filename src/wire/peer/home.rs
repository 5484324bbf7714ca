//! HOME, at which rows are, and ROOT, the sum of a home's rows (spec 10.2).

use bytes::BufMut;
use nom::number::complete::{be_u32, be_u64};

use super::tlvs::{is_process, peer_code, server_first};
use crate::ident::Process;
use crate::wire::error::{Problem, WireError};
use crate::wire::tlv::{Tlv, all, put_tlv};

/// Where the rows and GONE entries behind it are at home; 16 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Home {
    /// The home.
    pub process: Process,
    /// Milliseconds since the sender had contact with it; 0 if it is the sender, or reachable from there.
    pub age_ms: u32,
}

impl Home {
    pub(super) fn parse(tlv: &Tlv<'_>) -> Result<Self, WireError> {
        let (process, age_ms) = all(tlv.value, tlv.at, "HOME", (server_first, be_u32))?;
        if is_process(&process) {
            Ok(Self { process, age_ms })
        } else {
            Err(tlv.error(Problem::Value("HOME")))
        }
    }

    pub(super) fn emit(&self, buf: &mut Vec<u8>) {
        put_tlv(buf, peer_code::HOME, |buf| {
            buf.put_u64(self.process.server.0);
            buf.put_u32(self.process.incarnation.0);
            buf.put_u32(self.age_ms);
        });
    }
}

/// All rows of a home in two numbers (R-PEE-76); 24 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Root {
    /// The home.
    pub home: Process,
    /// How many rows.
    pub rows: u32,
    /// The sum of their digests.
    pub digest: u64,
}

impl Root {
    pub(super) fn parse(tlv: &Tlv<'_>) -> Result<Self, WireError> {
        let (home, rows, digest) = all(tlv.value, tlv.at, "ROOT", (server_first, be_u32, be_u64))?;
        if is_process(&home) {
            Ok(Self { home, rows, digest })
        } else {
            Err(tlv.error(Problem::Value("ROOT")))
        }
    }

    pub(super) fn emit(&self, buf: &mut Vec<u8>) {
        put_tlv(buf, peer_code::ROOT, |buf| {
            buf.put_u64(self.home.server.0);
            buf.put_u32(self.home.incarnation.0);
            buf.put_u32(self.rows);
            buf.put_u64(self.digest);
        });
    }
}
