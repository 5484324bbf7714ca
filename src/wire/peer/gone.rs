//! GONE: a session that ended (spec 10.7).

use bytes::BufMut;
use nom::number::complete::{be_u8, be_u32, be_u64};

use super::row::{emit_order, order};
use super::tlvs::{array, peer_code};
use crate::ident::{Order, RealmId, UserId};
use crate::wire::error::{Problem, WireError};
use crate::wire::tlv::{Tlv, all, put_tlv};

/// How a session ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Ending {
    /// The host left: for good.
    Leave,
    /// No heartbeat came in time: a later one is stronger.
    Expiry,
}

impl Ending {
    /// The code on the wire.
    pub const fn code(self) -> u8 {
        match self {
            Self::Leave => 1,
            Self::Expiry => 2,
        }
    }
}

/// A session that ended; 57 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gone {
    /// The realm.
    pub realm: RealmId,
    /// Whose row.
    pub user: UserId,
    /// The session; all but its id are 0 if whoever answered LEAVE did not know them.
    pub order: Order,
    /// How it ended.
    pub ending: Ending,
    /// The highest sequence that the home had accepted then.
    pub sequence: u64,
    /// For how many milliseconds more this entry is kept.
    pub forgotten_ms: u32,
}

impl Gone {
    pub(super) fn parse(tlv: &Tlv<'_>) -> Result<Self, WireError> {
        let parser = (be_u32, array, order, be_u8, be_u64, be_u32);
        let (realm, user, order, ending, sequence, forgotten_ms) = all(tlv.value, tlv.at, "GONE", parser)?;
        let ending = match ending {
            1 => Ending::Leave,
            2 => Ending::Expiry,
            _ => return Err(tlv.error(Problem::Value("reason"))),
        };
        let (realm, user) = (RealmId(realm), UserId(*user));
        Ok(Self { realm, user, order, ending, sequence, forgotten_ms })
    }

    pub(super) fn emit(&self, buf: &mut Vec<u8>) {
        put_tlv(buf, peer_code::GONE, |buf| {
            buf.put_u32(self.realm.0);
            buf.put_slice(&self.user.0);
            emit_order(&self.order, buf);
            buf.put_u8(self.ending.code());
            buf.put_u64(self.sequence);
            buf.put_u32(self.forgotten_ms);
        });
    }
}
