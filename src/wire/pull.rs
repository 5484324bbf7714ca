//! PULL: asks for directory pages or digests (spec 2.5, R-DIR-03 to R-DIR-07).

use bytes::BufMut;
use nom::bytes::complete::take;
use nom::number::complete::{be_u8, be_u32};

use super::address::octets;
use super::code::codes;
use super::error::{Problem, WireError};
use super::tlv::{Tlvs, fixed, put_bytes, tlv_code};
use crate::ident::{Incarnation, Revision, UserId};
use crate::limits::{BUCKETS, HEADER_LEN};

codes! {
    /// What is asked for.
    pub enum PullKind(u8) {
        /// Changes after a revision.
        Delta = 1, "delta";
        /// The bucket digests.
        Digests = 2, "digests";
        /// Rows after a user id.
        Copy = 3, "copy";
    }
}

/// A set of digest buckets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Buckets(pub [u8; BUCKETS / 8]);

impl Buckets {
    /// Every bucket.
    pub const ALL: Self = Self([0xff; BUCKETS / 8]);
    /// No bucket.
    pub const NONE: Self = Self([0; BUCKETS / 8]);

    /// Adds one.
    pub fn insert(&mut self, bucket: usize) {
        if let Some(byte) = self.0.get_mut(bucket / 8) {
            *byte |= 0x80 >> (bucket % 8);
        }
    }

    /// Whether it is there.
    pub fn contains(&self, bucket: usize) -> bool {
        self.0.get(bucket / 8).is_some_and(|byte| byte & (0x80 >> (bucket % 8)) != 0)
    }

    /// How many there are.
    pub fn count(&self) -> u32 {
        self.0.iter().map(|b| b.count_ones()).sum()
    }
}

/// Body of PULL: 20 bytes, then buckets with kind *copy*.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pull {
    /// The HMS process addressed.
    pub incarnation: Incarnation,
    /// Kind *delta*: changes after this one.
    pub revision: Revision,
    /// Kind *copy*: rows above this user id.
    pub cursor: UserId,
    /// What is asked for.
    pub kind: PullKind,
    /// Kind *copy*: only these buckets; none given means all.
    pub buckets: Option<Buckets>,
}

impl Pull {
    pub(super) fn parse(body: &[u8]) -> Result<Self, WireError> {
        let parser = (be_u32, be_u32, take(8usize), be_u8, take(3usize));
        let (tlvs, (incarnation, revision, cursor, kind, _)) = fixed(body, HEADER_LEN, "PULL", parser)?;
        let mut buckets = None;
        for tlv in Tlvs::new(tlvs, HEADER_LEN + 20) {
            let tlv = tlv?;
            match tlv.code {
                tlv_code::BUCKETS if tlv.value.len() == BUCKETS / 8 => {
                    buckets = Some(Buckets(octets(tlv.value)));
                }
                tlv_code::BUCKETS => return Err(tlv.error(Problem::Value("BUCKETS"))),
                _ => tlv.unknown_or_pad()?,
            }
        }
        Ok(Self {
            incarnation: Incarnation(incarnation),
            revision: Revision(revision),
            cursor: UserId(octets(cursor)),
            kind: PullKind::from_code(kind),
            buckets,
        })
    }

    /// Appends the body.
    pub fn emit(&self, buf: &mut Vec<u8>) {
        buf.put_u32(self.incarnation.0);
        buf.put_u32(self.revision.0);
        buf.put_slice(&self.cursor.0);
        buf.put_u8(self.kind.code());
        buf.put_bytes(0, 3);
        if let Some(buckets) = &self.buckets {
            put_bytes(buf, tlv_code::BUCKETS, &buckets.0);
        }
    }
}
