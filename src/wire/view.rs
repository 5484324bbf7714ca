//! Which part of the directory a session follows (spec 4.6).

use bytes::BufMut;

use super::address::octets;
use super::error::{Problem, WireError};
use super::tlv::{Tlv, put_tlv, tlv_code};
use crate::ident::{Name, UserId};
use crate::limits::NAMED_MAX;

/// A view of the directory.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum View {
    /// Nothing.
    #[default]
    None,
    /// All hosts of the realm.
    Realm,
    /// All hosts in the conference of this name.
    Group(Name),
    /// These users.
    Named(Vec<UserId>),
    /// A kind that this version does not know.
    Unknown(u8),
}

impl View {
    /// The kind's code.
    pub const fn code(&self) -> u8 {
        match self {
            Self::None => 0,
            Self::Realm => 1,
            Self::Group(_) => 2,
            Self::Named(_) => 3,
            Self::Unknown(code) => *code,
        }
    }

    /// Appends the VIEW TLV.
    pub(super) fn emit(&self, push: bool, buf: &mut Vec<u8>) {
        put_tlv(buf, tlv_code::VIEW, |buf| {
            buf.put_u8(self.code());
            buf.put_u8(u8::from(push));
            match self {
                Self::Group(name) => buf.put_slice(name.as_str().as_bytes()),
                Self::Named(users) => users.iter().take(NAMED_MAX).for_each(|u| buf.put_slice(&u.0)),
                Self::None | Self::Realm | Self::Unknown(_) => {}
            }
        });
    }

    /// Reads the VIEW TLV: the view, and whether changes are to be pushed.
    pub(super) fn parse(tlv: &Tlv<'_>) -> Result<(Self, bool), WireError> {
        let Some((&[kind, flags], rest)) = tlv.value.split_first_chunk::<2>() else {
            return Err(tlv.error(Problem::Truncated("VIEW")));
        };
        let view = match kind {
            0 => Self::None,
            1 => Self::Realm,
            2 => Self::Group(group(tlv, rest)?),
            3 => Self::Named(named(tlv, rest)?),
            other => Self::Unknown(other),
        };
        if matches!(view, Self::None | Self::Realm) && !rest.is_empty() {
            return Err(tlv.error(Problem::Leftover));
        }
        Ok((view, flags & 1 != 0))
    }
}

fn group(tlv: &Tlv<'_>, value: &[u8]) -> Result<Name, WireError> {
    let text = std::str::from_utf8(value).map_err(|_| tlv.error(Problem::Utf8))?;
    Name::new(text).map_err(|e| tlv.error(Problem::Name(e)))
}

fn named(tlv: &Tlv<'_>, value: &[u8]) -> Result<Vec<UserId>, WireError> {
    if value.is_empty() || !value.len().is_multiple_of(8) {
        return Err(tlv.error(Problem::Value("VIEW")));
    }
    if value.len() / 8 > NAMED_MAX {
        return Err(tlv.error(Problem::TooMany("named users")));
    }
    Ok(value.chunks_exact(8).map(|id| UserId(octets(id))).collect())
}
