//! REFUSE: that the receiver does not belong here (spec 10.2, 10.4).

use bytes::BufMut;
use nom::Parser as _;
use nom::number::complete::{be_u8, be_u32, be_u64};

use super::code::{PeerKind, Phase, RefuseCode};
use super::tlvs::{head, line, line_bytes, peer_code, wrong};
use crate::ident::{Incarnation, LineId};
use crate::limits::REASON_MAX;
use crate::wire::error::{Problem, WireError};
use crate::wire::offer::reserved;
use crate::wire::tlv::{Tlv, put_bytes};

/// The other process with the receiver's server id, as far as the sender knows it; 30 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Twin {
    /// What it is doing.
    pub phase: Phase,
    /// Its incarnation.
    pub incarnation: Incarnation,
    /// Its line.
    pub line: Option<LineId>,
    /// The line's age in milliseconds.
    pub age_ms: u64,
    /// When it joined its line, in milliseconds of the line's age.
    pub joined_at_ms: u64,
}

impl Twin {
    const LEN: usize = 30;

    fn parse(input: &[u8]) -> nom::IResult<&[u8], Self> {
        let (rest, (phase, (), incarnation, id, age_ms, joined_at_ms)) =
            (be_u8, reserved::<1>, be_u32, be_u64, be_u64, be_u64).parse(input)?;
        let (phase, incarnation) = (Phase::from_code(phase), Incarnation(incarnation));
        Ok((rest, Self { phase, incarnation, line: line(id), age_ms, joined_at_ms }))
    }

    fn emit(&self, buf: &mut Vec<u8>) {
        buf.put_slice(&[self.phase.code(), 0]);
        buf.put_u32(self.incarnation.0);
        buf.put_u64(line_bytes(self.line));
        buf.put_u64(self.age_ms);
        buf.put_u64(self.joined_at_ms);
    }
}

/// REFUSE: 32 bytes, then REASON.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refuse<'a> {
    /// Why.
    pub code: RefuseCode,
    /// Who else it is, with code *twin* and no other.
    pub twin: Option<Twin>,
    /// For people, at most 200 bytes; it may hold characters that nobody sees.
    pub reason: Option<&'a str>,
}

impl<'a> Refuse<'a> {
    pub(super) fn parse(body: &'a [u8]) -> Result<Self, WireError> {
        let ((code, twin), tlvs) = head(body, "REFUSE", (be_u8, Twin::parse))?;
        let code = RefuseCode::from_code(code);
        let twin = (code == RefuseCode::Twin).then_some(twin);
        if twin.is_some_and(|twin| twin.incarnation.0 == 0) {
            return Err(wrong("incarnation"));
        }
        let mut text = None;
        for tlv in tlvs {
            let tlv = tlv?;
            match tlv.code {
                peer_code::REASON if text.is_some() => return Err(tlv.error(Problem::TooMany("REASON"))),
                peer_code::REASON => text = Some(reason(&tlv)?),
                _ => tlv.unknown()?,
            }
        }
        Ok(Self { code, twin, reason: text })
    }

    pub(super) fn emit(&self, buf: &mut Vec<u8>) {
        buf.put_slice(&[PeerKind::Refuse.code(), self.code.code()]);
        match self.twin.filter(|_| self.code == RefuseCode::Twin) {
            Some(twin) => twin.emit(buf),
            None => buf.put_bytes(0, Twin::LEN),
        }
        if let Some(reason) = self.reason {
            let end = (0..=REASON_MAX).rev().find(|end| reason.is_char_boundary(*end));
            put_bytes(buf, peer_code::REASON, reason.split_at(end.unwrap_or(0)).0.as_bytes());
        }
    }
}

fn reason<'a>(tlv: &Tlv<'a>) -> Result<&'a str, WireError> {
    if tlv.value.len() > REASON_MAX {
        return Err(tlv.error(Problem::Value("REASON")));
    }
    std::str::from_utf8(tlv.value).map_err(|_| tlv.error(Problem::Utf8))
}
