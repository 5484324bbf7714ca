//! INTRO: what an HMS is, first on every link and again when any of it changes (spec 10.2).

use std::net::SocketAddr;

use bytes::BufMut;
use nom::Parser as _;
use nom::number::complete::{be_u8, be_u32, be_u64};

use super::code::{AddressUse, PeerKind, Phase};
use super::tlvs::{PeerTlvs, head, line, line_bytes, peer_code, wrong};
use crate::ident::{LineId, Name, Stamp};
use crate::limits::{LEFT_LINES_MAX, OWN_ADDRESSES_MAX};
use crate::wire::address::{address, emit_address};
use crate::wire::error::{Problem, WireError};
use crate::wire::offer::reserved;
use crate::wire::tlv::{Tlv, all, put_bytes, put_tlv};

/// The settings that hold in the whole cluster, as they are in force at the sender.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timing {
    /// Check time in milliseconds.
    pub check_ms: u32,
    /// Exchange time in milliseconds.
    pub exchange_ms: u32,
    /// Expiry factor in thousandths.
    pub expiry_thousandths: u32,
}

/// The fixed part of INTRO; 68 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IntroHead {
    /// Lowest version of this chapter that the sender speaks.
    pub min_version: u8,
    /// Highest one.
    pub max_version: u8,
    /// What it is doing.
    pub phase: Phase,
    /// Its line.
    pub line: Option<LineId>,
    /// The line's age in milliseconds.
    pub age_ms: u64,
    /// When it joined its line, in milliseconds of the line's age.
    pub joined_at_ms: u64,
    /// When the line was founded, Unix seconds; only shown.
    pub founded: u64,
    /// Its stamp clock.
    pub clock: Stamp,
    /// Digest of its facts (R-PEE-27).
    pub facts: u64,
    /// Settings in force.
    pub timing: Timing,
}

impl Timing {
    fn parse(input: &[u8]) -> nom::IResult<&[u8], Self> {
        let (rest, (check_ms, exchange_ms, expiry_thousandths)) = (be_u32, be_u32, be_u32).parse(input)?;
        Ok((rest, Self { check_ms, exchange_ms, expiry_thousandths }))
    }
}

impl IntroHead {
    fn parse(input: &[u8]) -> nom::IResult<&[u8], Self> {
        let (rest, (min_version, max_version, phase, ())) =
            (be_u8, be_u8, be_u8, reserved::<4>).parse(input)?;
        let (rest, (id, age_ms, joined_at_ms, founded)) = (be_u64, be_u64, be_u64, be_u64).parse(rest)?;
        let (rest, (clock, facts, timing)) = (be_u64, be_u64, Timing::parse).parse(rest)?;
        let (phase, line, clock) = (Phase::from_code(phase), line(id), Stamp(clock));
        let head = Self {
            min_version,
            max_version,
            phase,
            line,
            age_ms,
            joined_at_ms,
            founded,
            clock,
            facts,
            timing,
        };
        Ok((rest, head))
    }

    /// Appends a whole INTRO: at most 16 addresses, at most 64 lines.
    pub fn emit(&self, name: &Name, addresses: &[OwnAddress], left: &[LineId], buf: &mut Vec<u8>) {
        self.emit_fixed(buf);
        put_bytes(buf, peer_code::NAME, name.as_str().as_bytes());
        addresses.iter().take(OWN_ADDRESSES_MAX).for_each(|address| address.emit(buf));
        for line in left.iter().take(LEFT_LINES_MAX) {
            put_bytes(buf, peer_code::LEFT_LINE, &line.0.to_be_bytes());
        }
    }

    fn emit_fixed(&self, buf: &mut Vec<u8>) {
        buf.put_slice(&[PeerKind::Intro.code(), self.min_version, self.max_version, self.phase.code()]);
        buf.put_bytes(0, 4);
        buf.put_u64(line_bytes(self.line));
        buf.put_u64(self.age_ms);
        buf.put_u64(self.joined_at_ms);
        buf.put_u64(self.founded);
        buf.put_u64(self.clock.0);
        buf.put_u64(self.facts);
        buf.put_u32(self.timing.check_ms);
        buf.put_u32(self.timing.exchange_ms);
        buf.put_u32(self.timing.expiry_thousandths);
    }
}

/// An address of an HMS, and for whom it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OwnAddress {
    /// Who is to use it.
    pub used_by: AddressUse,
    /// The address.
    pub address: SocketAddr,
}

impl OwnAddress {
    fn emit(&self, buf: &mut Vec<u8>) {
        put_tlv(buf, peer_code::OWN_ADDRESS, |buf| {
            buf.put_u8(self.used_by.code());
            emit_address(buf, self.address);
        });
    }

    fn parse(tlv: &Tlv<'_>) -> Result<Self, WireError> {
        let (used_by, address) = all(tlv.value, tlv.at, "OWN-ADDRESS", (be_u8, address))?;
        Ok(Self { used_by: AddressUse::from_code(used_by), address })
    }
}

fn left_line(tlv: &Tlv<'_>) -> Result<LineId, WireError> {
    line(all(tlv.value, tlv.at, "LEFT-LINE", be_u64)?).ok_or_else(|| tlv.error(Problem::Value("LEFT-LINE")))
}

/// INTRO: 68 bytes, then NAME, OWN-ADDRESS, LEFT-LINE.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Intro<'a> {
    /// The fixed part.
    pub head: IntroHead,
    /// What the HMS is called.
    pub name: &'a str,
    tlvs: PeerTlvs<'a>,
}

impl<'a> Intro<'a> {
    pub(super) fn parse(body: &'a [u8]) -> Result<Self, WireError> {
        let (head, tlvs) = head(body, "INTRO", IntroHead::parse)?;
        if head.min_version > head.max_version {
            return Err(wrong("versions"));
        }
        let (mut name, mut addresses, mut left) = (None, 0, 0);
        for tlv in tlvs.clone() {
            let tlv = tlv?;
            match tlv.code {
                peer_code::NAME if name.is_some() => return Err(tlv.error(Problem::TooMany("NAME"))),
                peer_code::NAME => name = Some(tlv.text(Name::MAX)?),
                peer_code::OWN_ADDRESS => {
                    OwnAddress::parse(&tlv)?;
                    addresses += 1;
                }
                peer_code::LEFT_LINE => {
                    left_line(&tlv)?;
                    left += 1;
                }
                _ => tlv.unknown()?,
            }
            if addresses > OWN_ADDRESSES_MAX {
                return Err(tlv.error(Problem::TooMany("OWN-ADDRESS")));
            }
            if left > LEFT_LINES_MAX {
                return Err(tlv.error(Problem::TooMany("LEFT-LINE")));
            }
        }
        let missing = WireError::new(Problem::Missing("NAME"), 1 + body.len());
        Ok(Self { head, name: name.ok_or(missing)?, tlvs })
    }

    /// Its addresses, best first.
    pub fn addresses(&self) -> impl Iterator<Item = OwnAddress> + use<'a> {
        let tlvs = self.tlvs.clone().flatten().filter(|tlv| tlv.code == peer_code::OWN_ADDRESS);
        tlvs.filter_map(|tlv| OwnAddress::parse(&tlv).ok())
    }

    /// The lines that it left.
    pub fn left_lines(&self) -> impl Iterator<Item = LineId> + use<'a> {
        let tlvs = self.tlvs.clone().flatten().filter(|tlv| tlv.code == peer_code::LEFT_LINE);
        tlvs.filter_map(|tlv| left_line(&tlv).ok())
    }

    pub(super) fn emit(&self, buf: &mut Vec<u8>) {
        self.head.emit_fixed(buf);
        buf.put_slice(self.tlvs.rest());
    }
}
