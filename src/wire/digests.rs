//! DIGESTS: bucket digests of a view (spec 2.6, R-DIR-02, R-DIR-07).

use bytes::BufMut;
use nom::multi::count;
use nom::number::complete::{be_u32, be_u64};

use super::error::{Problem, WireError};
use super::tlv::{Tlvs, all, fixed, put_tlv, tlv_code};
use crate::ident::{Incarnation, Revision};
use crate::limits::{BUCKETS, HEADER_LEN};

/// Body of DIGESTS: 24 bytes, then 128 digests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Digests {
    /// The HMS process that answers.
    pub incarnation: Incarnation,
    /// Its rising number.
    pub number: u64,
    /// The view's revision.
    pub revision: Revision,
    /// The sum of all digests.
    pub root: u64,
    /// One for each bucket.
    pub buckets: [u64; BUCKETS],
}

impl Digests {
    pub(super) fn parse(body: &[u8]) -> Result<Self, WireError> {
        let parser = (be_u32, be_u64, be_u32, be_u64);
        let (tlvs, (incarnation, number, revision, root)) = fixed(body, HEADER_LEN, "DIGESTS", parser)?;
        let mut buckets = None;
        for tlv in Tlvs::new(tlvs, HEADER_LEN + 24) {
            let tlv = tlv?;
            if tlv.code != tlv_code::DIGESTS {
                tlv.unknown()?;
                continue;
            }
            let values = all(tlv.value, tlv.at, "DIGESTS", count(be_u64, BUCKETS))?;
            let mut array = [0; BUCKETS];
            array.copy_from_slice(&values);
            buckets = Some(array);
        }
        let buckets = buckets.ok_or_else(|| WireError::new(Problem::Missing("DIGESTS"), HEADER_LEN + 24))?;
        Ok(Self {
            incarnation: Incarnation(incarnation),
            number,
            revision: Revision(revision),
            root,
            buckets,
        })
    }

    /// Appends the body.
    pub fn emit(&self, buf: &mut Vec<u8>) {
        buf.put_u32(self.incarnation.0);
        buf.put_u64(self.number);
        buf.put_u32(self.revision.0);
        buf.put_u64(self.root);
        put_tlv(buf, tlv_code::DIGESTS, |buf| self.buckets.iter().for_each(|d| buf.put_u64(*d)));
    }
}
