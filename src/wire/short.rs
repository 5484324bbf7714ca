//! The short answers: 68 bytes, no state needed to make them (spec 2.6).

use bytes::BufMut;
use nom::number::complete::{be_u32, be_u64};

use super::code::codes;
use super::error::WireError;
use super::tlv::all;
use crate::ident::{Incarnation, ServerId, Stamp};
use crate::limits::HEADER_LEN;

codes! {
    /// Why a request was refused.
    pub enum RejectCode(u16) {
        /// The key's generation is no longer valid.
        Revoked = 1, "revoked";
        /// The user name does not give the user id.
        Name = 2, "name";
        /// Another machine is registered as this user.
        Taken = 3, "taken";
        /// The realm has as many hosts as it may.
        Full = 4, "full";
        /// Too many registrations in the realm.
        Rate = 5, "rate";
        /// The content cannot be taken.
        Content = 6, "content";
        /// The key's epoch is no longer valid.
        EpochRetired = 7, "epoch-retired";
    }
}

/// Body of CHALLENGE, SUPERSEDED, REREGISTER, RETRY, REDIRECT, REJECT and LEFT: 20 bytes, 68 in all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Short {
    /// The HMS process that answers.
    pub incarnation: Incarnation,
    /// Its rising number.
    pub number: u64,
    /// By type: cookie, stamp, delay in ms, server id, or code and value.
    pub argument: u64,
}

impl Short {
    pub(super) fn parse(body: &[u8]) -> Result<Self, WireError> {
        let (incarnation, number, argument) =
            all(body, HEADER_LEN, "short answer", (be_u32, be_u64, be_u64))?;
        Ok(Self { incarnation: Incarnation(incarnation), number, argument })
    }

    /// Appends the body.
    pub fn emit(&self, buf: &mut Vec<u8>) {
        buf.put_u32(self.incarnation.0);
        buf.put_u64(self.number);
        buf.put_u64(self.argument);
    }

    /// The argument of REJECT.
    pub const fn reject_argument(code: RejectCode, value: u32) -> u64 {
        ((code.code() as u64) << 48) | value as u64
    }

    /// REJECT: code and value.
    pub const fn reject(&self) -> (RejectCode, u32) {
        (RejectCode::from_code((self.argument >> 48) as u16), self.argument as u32)
    }

    /// SUPERSEDED: the row's stamp.
    pub const fn stamp(&self) -> Stamp {
        Stamp(self.argument)
    }

    /// REDIRECT: the HMS to turn to.
    pub const fn server(&self) -> ServerId {
        ServerId(self.argument)
    }
}
