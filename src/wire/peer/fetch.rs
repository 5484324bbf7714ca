//! FETCH: asks for rows (spec 10.2, 10.9).

use bytes::BufMut;
use nom::Parser as _;
use nom::number::complete::be_u32;

use super::code::PeerKind;
use super::compare::emit_home;
use super::tlvs::{array, incarnation_first, is_process, whole, wrong};
use crate::ident::{Process, RealmId, UserId};
use crate::limits::SUM_BUCKETS;
use crate::wire::error::WireError;
use crate::wire::offer::reserved;

/// A place in the table, which is ordered by realm and user.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Cursor {
    /// The realm.
    pub realm: RealmId,
    /// The user.
    pub user: UserId,
}

impl Cursor {
    /// Before every row.
    pub const START: Self = Self { realm: RealmId(0), user: UserId([0; 8]) };
    /// At or behind every row.
    pub const END: Self = Self { realm: RealmId(u32::MAX), user: UserId::MAX };

    pub(super) fn parse(input: &[u8]) -> nom::IResult<&[u8], Self> {
        let (rest, (realm, user)) = (be_u32, array).parse(input)?;
        Ok((rest, Self { realm: RealmId(realm), user: UserId(*user) }))
    }

    pub(super) fn emit(&self, buf: &mut impl BufMut) {
        buf.put_u32(self.realm.0);
        buf.put_slice(&self.user.0);
    }
}

/// A set of the 4096 buckets of a home's rows; bucket 0 is bit 7 of byte 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BucketMap(pub [u8; SUM_BUCKETS / 8]);

impl BucketMap {
    /// Every bucket.
    pub const ALL: Self = Self([0xff; SUM_BUCKETS / 8]);
    /// No bucket.
    pub const NONE: Self = Self([0; SUM_BUCKETS / 8]);

    /// Adds one, if there is such a bucket.
    pub fn insert(&mut self, bucket: usize) {
        if let Some(byte) = self.0.get_mut(bucket / 8) {
            *byte |= 0x80 >> (bucket % 8);
        }
    }

    /// Whether it is there.
    pub fn contains(&self, bucket: usize) -> bool {
        self.0.get(bucket / 8).is_some_and(|byte| byte & (0x80 >> (bucket % 8)) != 0)
    }
}

/// FETCH: asks for PAGEs; 544 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fetch<'a> {
    /// Whose rows.
    pub home: Process,
    /// PAGEs repeat it.
    pub number: u32,
    /// Only rows behind this one; never the end.
    pub after: Cursor,
    /// Only rows of these buckets, as in [`BucketMap`].
    pub wanted: &'a [u8; SUM_BUCKETS / 8],
}

impl<'a> Fetch<'a> {
    pub(super) fn parse(body: &'a [u8]) -> Result<Self, WireError> {
        let parser = (reserved::<3>, incarnation_first, be_u32, Cursor::parse, array);
        let ((), home, number, after, wanted) = whole(body, "FETCH", parser)?;
        if !is_process(&home) {
            return Err(wrong("home"));
        }
        if after == Cursor::END {
            return Err(wrong("after"));
        }
        Ok(Self { home, number, after, wanted })
    }

    pub(super) fn emit(&self, buf: &mut Vec<u8>) {
        emit_home(PeerKind::Fetch, &self.home, buf);
        buf.put_u32(self.number);
        self.after.emit(buf);
        buf.put_slice(self.wanted);
    }
}
