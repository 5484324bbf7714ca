//! Type, length, value (spec 2.3).

use bytes::BufMut;
use nom::Parser as _;
use nom::bytes::complete::take;
use nom::number::complete::{be_u8, be_u16};

use super::error::{Problem, WireError};
use crate::ident::check_name;

/// TLV codes.
pub(crate) mod tlv_code {
    pub(crate) const USER_NAME: u8 = 0x01;
    pub(crate) const HOST_NAME: u8 = 0x02;
    pub(crate) const REPORTED: u8 = 0x03;
    pub(crate) const PORTS: u8 = 0x04;
    pub(crate) const SERVICE: u8 = 0x05;
    pub(crate) const STATE: u8 = 0x06;
    pub(crate) const CONFERENCE: u8 = 0x07;
    pub(crate) const FIXED: u8 = 0x08;
    /// Content TLVs are all codes up to this one.
    pub(crate) const CONTENT_LAST: u8 = 0x0f;
    pub(crate) const VIEW: u8 = 0x10;
    pub(crate) const OBSERVED: u8 = 0x20;
    pub(crate) const HMS: u8 = 0x21;
    pub(crate) const CLUSTER_KEY: u8 = 0x22;
    pub(crate) const REALM_NAME: u8 = 0x23;
    pub(crate) const CHECK_TIME: u8 = 0x24;
    pub(crate) const GRANTED: u8 = 0x25;
    pub(crate) const MODE: u8 = 0x26;
    pub(crate) const REPLICATED: u8 = 0x27;
    pub(crate) const PAGE_INFO: u8 = 0x30;
    pub(crate) const ENTRY: u8 = 0x31;
    pub(crate) const GONE: u8 = 0x32;
    pub(crate) const DIGESTS: u8 = 0x33;
    pub(crate) const BUCKETS: u8 = 0x34;
    pub(crate) const PATTERN: u8 = 0x35;
    pub(crate) const ADDRESS: u8 = 0x36;
    pub(crate) const SIGNATURE: u8 = 0x37;
    pub(crate) const PAD: u8 = 0x7f;
    /// Bit 7 of the type byte.
    pub(crate) const CRITICAL: u8 = 0x80;
}

/// One TLV and where its value begins in the datagram.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tlv<'a> {
    pub(crate) code: u8,
    pub(crate) critical: bool,
    pub(crate) value: &'a [u8],
    pub(crate) at: usize,
}

impl<'a> Tlv<'a> {
    /// Refuses the TLV if it is critical, else lets it be skipped (R-FMT-07).
    pub(crate) const fn unknown(&self) -> Result<(), WireError> {
        if self.critical { Err(self.error(Problem::CriticalTlv(self.code))) } else { Ok(()) }
    }

    /// The same in a request, which may be padded anywhere (R-FMT-07).
    pub(crate) const fn unknown_or_pad(&self) -> Result<(), WireError> {
        if self.code == tlv_code::PAD { Ok(()) } else { self.unknown() }
    }

    pub(crate) const fn error(&self, problem: Problem) -> WireError {
        WireError::new(problem, self.at)
    }

    /// The value as a name of at most `limit` bytes (R-FMT-10).
    pub(crate) fn text(&self, limit: usize) -> Result<&'a str, WireError> {
        self.name(self.value, limit)
    }

    /// The same of a part of the value.
    pub(crate) fn name(&self, part: &'a [u8], limit: usize) -> Result<&'a str, WireError> {
        let text = std::str::from_utf8(part).map_err(|_| self.error(Problem::Utf8))?;
        check_name(text, limit).map_err(|e| self.error(Problem::Name(e)))?;
        Ok(text)
    }
}

/// Walks TLVs; yields an error once and then ends.
#[derive(Clone, Debug)]
pub(crate) struct Tlvs<'a> {
    rest: &'a [u8],
    at: usize,
    last: u8,
}

impl<'a> Tlvs<'a> {
    /// `at` is the offset of `bytes` in the datagram.
    pub(crate) const fn new(bytes: &'a [u8], at: usize) -> Self {
        Self { rest: bytes, at, last: 0 }
    }

    /// The bytes not walked yet.
    pub(crate) const fn rest(&self) -> &'a [u8] {
        self.rest
    }
}

/// TLVs that may stand more than once: those of the table, and all that this version does not know (R-FMT-07).
const fn repeats(code: u8) -> bool {
    match code {
        tlv_code::SERVICE | tlv_code::HMS | tlv_code::ENTRY | tlv_code::GONE => true,
        tlv_code::USER_NAME..=tlv_code::FIXED | tlv_code::VIEW | tlv_code::PAD => false,
        tlv_code::OBSERVED..=tlv_code::REPLICATED | tlv_code::PAGE_INFO..=tlv_code::SIGNATURE => false,
        _ => true,
    }
}

/// Reads past TLVs behind a request of which none is known (R-FMT-07).
pub(crate) fn skip_all(bytes: &[u8], at: usize) -> Result<(), WireError> {
    Tlvs::new(bytes, at).try_for_each(|tlv| tlv?.unknown_or_pad())
}

fn one(input: &[u8]) -> nom::IResult<&[u8], (u8, &[u8])> {
    let (rest, (code, length)) = (be_u8, be_u16).parse(input)?;
    let (rest, value) = take(length)(rest)?;
    Ok((rest, (code, value)))
}

/// The TLV at the head of `bytes`, which begin at offset `at`, and what follows it.
pub(crate) fn first_tlv(bytes: &[u8], at: usize) -> Result<(&[u8], Tlv<'_>), WireError> {
    let (rest, (code, value)) = one(bytes).map_err(|_| WireError::new(Problem::Truncated("TLV"), at))?;
    let critical = code & tlv_code::CRITICAL != 0;
    Ok((rest, Tlv { code: code & !tlv_code::CRITICAL, critical, value, at: at + 3 }))
}

impl<'a> Iterator for Tlvs<'a> {
    type Item = Result<Tlv<'a>, WireError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let at = self.at;
        let (rest, tlv) = match first_tlv(self.rest, at) {
            Ok(read) => read,
            Err(error) => {
                self.rest = &[];
                return Some(Err(error));
            }
        };
        // ENTRY and GONE stand in the order of the page (R-FMT-08).
        let rank = if tlv.code == tlv_code::GONE { tlv_code::ENTRY } else { tlv.code };
        if rank < self.last || (rank == self.last && !repeats(tlv.code)) {
            self.rest = &[];
            return Some(Err(WireError::new(Problem::TlvOrder(tlv.code), at)));
        }
        self.last = rank;
        self.at += self.rest.len() - rest.len();
        self.rest = rest;
        Some(Ok(tlv))
    }
}

/// Appends a TLV whose value `write` makes.
pub(crate) fn put_tlv(buf: &mut Vec<u8>, code: u8, write: impl FnOnce(&mut Vec<u8>)) {
    buf.put_u8(code);
    let length_at = buf.len();
    buf.put_u16(0);
    let start = buf.len();
    write(buf);
    let length = u16::try_from(buf.len() - start).unwrap_or(u16::MAX);
    if let Some(field) = buf.get_mut(length_at..start) {
        field.copy_from_slice(&length.to_be_bytes());
    }
}

/// Appends a TLV with these bytes.
pub(crate) fn put_bytes(buf: &mut Vec<u8>, code: u8, value: &[u8]) {
    put_tlv(buf, code, |buf| buf.put_slice(value));
}

/// Runs a nom parser over a fixed part; what is left is returned.
pub(crate) fn fixed<'a, T>(
    input: &'a [u8],
    at: usize,
    what: &'static str,
    mut parser: impl nom::Parser<&'a [u8], Output = T, Error = nom::error::Error<&'a [u8]>>,
) -> Result<(&'a [u8], T), WireError> {
    parser.parse(input).map_err(|_| WireError::new(Problem::Truncated(what), at + input.len()))
}

/// The same, and nothing may be left.
pub(crate) fn all<'a, T>(
    input: &'a [u8],
    at: usize,
    what: &'static str,
    parser: impl nom::Parser<&'a [u8], Output = T, Error = nom::error::Error<&'a [u8]>>,
) -> Result<T, WireError> {
    let (rest, value) = fixed(input, at, what, parser)?;
    if rest.is_empty() {
        Ok(value)
    } else {
        Err(WireError::new(Problem::Leftover, at + input.len() - rest.len()))
    }
}
