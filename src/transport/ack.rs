//! ACK: which numbers arrived (spec 9.4, R-TRN-34).

use bytes::BufMut;
use nom::Parser as _;
use nom::bytes::complete::take;
use nom::combinator::{fail, verify};
use nom::number::complete::{be_u8, be_u32};

use super::frame::{Parsed, be_u48, code};
use super::limits::ACK_RANGES;
use crate::time::Duration;

/// An ACK frame where it stands, or as it is to be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct AckFrame<'a> {
    pub(super) largest: u64,
    pub(super) delay: Duration,
    first: u32,
    /// Gaps and lengths, 8 bytes each pair.
    more: &'a [u8],
}

impl<'a> AckFrame<'a> {
    /// Reads it behind its code.
    pub(super) fn parse(input: &'a [u8]) -> Parsed<'a, Self> {
        let count = verify(be_u8, |count| usize::from(*count) < ACK_RANGES);
        let (rest, (largest, delay, count, first)) = (be_u48, be_u32, count, be_u32).parse(input)?;
        let (rest, more) = take(usize::from(count) * 8)(rest)?;
        let frame = Self { largest, delay: Duration::from_micros(delay.into()), first, more };
        if frame.ranges().count() != usize::from(count) + 1 {
            return fail().parse(rest);
        }
        Ok((rest, frame))
    }

    /// The ranges from the highest down, both ends included; ends early if one lies below 0.
    pub(super) fn ranges(&self) -> impl Iterator<Item = (u64, u64)> + 'a {
        let mut pairs = self.more.as_chunks::<8>().0.iter();
        let mut next = self.largest.checked_sub(self.first.into()).map(|low| (low, self.largest));
        std::iter::from_fn(move || {
            let (low, high) = next?;
            next = pairs.next().and_then(|pair| {
                let pair = u64::from_be_bytes(*pair);
                let high = low.checked_sub((pair >> 32) + 2)?;
                Some((high.checked_sub(pair & 0xffff_ffff)?, high))
            });
            Some((low, high))
        })
    }

    pub(super) fn emit(&self, buf: &mut impl BufMut) {
        buf.put_u8(code::ACK);
        buf.put_uint(self.largest, 6);
        buf.put_u32(u32::try_from(self.delay.as_micros()).unwrap_or(u32::MAX));
        buf.put_u8(u8::try_from(self.more.len() / 8).unwrap_or(u8::MAX));
        buf.put_u32(self.first);
        buf.put_slice(self.more);
    }
}

/// Room for the ranges of one ACK behind the first.
pub(super) type AckSpace = [u8; (ACK_RANGES - 1) * 8];

/// Makes a frame of ranges from the highest down (start, end), end excluded.
pub(super) fn ack_of(
    ranges: impl Iterator<Item = (u64, u64)>,
    delay: Duration,
    space: &mut AckSpace,
) -> Option<AckFrame<'_>> {
    let mut ranges = ranges.take(ACK_RANGES);
    let (start, end) = ranges.next()?;
    let (largest, mut low) = (end.checked_sub(1)?, start);
    let first = u32::try_from(largest - low).unwrap_or(u32::MAX);
    let mut used = 0;
    let (pairs, _) = space.as_chunks_mut::<8>();
    for ((start, end), pair) in ranges.zip(pairs) {
        let (Ok(gap), Ok(length)) = (u32::try_from(low - end - 1), u32::try_from(end - 1 - start)) else {
            break;
        };
        *pair = (u64::from(gap) << 32 | u64::from(length)).to_be_bytes();
        low = start;
        used += 8;
    }
    let more = space.split_at_checked(used).map_or(&[][..], |(used, _)| used);
    Some(AckFrame { largest, delay, first, more })
}
