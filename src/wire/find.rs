//! FIND: looks names up (spec 2.5, R-DIR-05).

use bytes::BufMut;
use nom::bytes::complete::take;
use nom::number::complete::be_u32;

use super::address::octets;
use super::error::{Problem, WireError};
use super::tlv::{Tlvs, fixed, put_tlv, tlv_code};
use crate::ident::{Incarnation, Name, UserId};
use crate::limits::HEADER_LEN;

/// What is looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pattern<'a> {
    /// The user of exactly this name.
    User(&'a str),
    /// Users or hosts whose name begins so, without regard to ASCII case; empty: all.
    Prefix(&'a str),
}

/// Body of FIND: 20 bytes, then the pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Find<'a> {
    /// The HMS process addressed.
    pub incarnation: Incarnation,
    /// Rows above this user id.
    pub cursor: UserId,
    /// What is looked for.
    pub pattern: Pattern<'a>,
}

impl<'a> Find<'a> {
    pub(super) fn parse(body: &'a [u8]) -> Result<Self, WireError> {
        let parser = (be_u32, take(8usize), take(8usize));
        let (tlvs, (incarnation, cursor, _)) = fixed(body, HEADER_LEN, "FIND", parser)?;
        let mut pattern = None;
        for tlv in Tlvs::new(tlvs, HEADER_LEN + 20) {
            let tlv = tlv?;
            if tlv.code != tlv_code::PATTERN {
                tlv.unknown_or_pad()?;
                continue;
            }
            let Some((kind, text)) = tlv.value.split_first() else {
                return Err(tlv.error(Problem::Truncated("PATTERN")));
            };
            let text = std::str::from_utf8(text).map_err(|_| tlv.error(Problem::Utf8))?;
            pattern = match kind {
                _ if text.len() > Name::MAX => return Err(tlv.error(Problem::Value("PATTERN"))),
                1 => Some(Pattern::User(text)),
                2 => Some(Pattern::Prefix(text)),
                _ => return Err(tlv.error(Problem::Value("PATTERN"))),
            };
        }
        let pattern = pattern.ok_or_else(|| WireError::new(Problem::Missing("PATTERN"), HEADER_LEN + 20))?;
        Ok(Self { incarnation: Incarnation(incarnation), cursor: UserId(octets(cursor)), pattern })
    }

    /// Appends the body.
    pub fn emit(&self, buf: &mut Vec<u8>) {
        buf.put_u32(self.incarnation.0);
        buf.put_slice(&self.cursor.0);
        buf.put_bytes(0, 8);
        let (kind, text) = match self.pattern {
            Pattern::User(text) => (1, text),
            Pattern::Prefix(text) => (2, text),
        };
        put_tlv(buf, tlv_code::PATTERN, |buf| {
            buf.put_u8(kind);
            buf.put_slice(text.as_bytes());
        });
    }
}
