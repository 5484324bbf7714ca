//! PING: that an HMS is there, and whom it hears (spec 10.2).

use bytes::BufMut;
use nom::Parser as _;
use nom::number::complete::{be_u8, be_u32, be_u64};

use super::code::{PeerKind, Phase};
use super::tlvs::{PeerTlvs, head, is_process, line, line_bytes, peer_code, server_first};
use crate::ident::{LineId, Process, Stamp};
use crate::limits::NEIGHBOURS_MAX;
use crate::wire::error::{Problem, WireError};
use crate::wire::offer::reserved;
use crate::wire::tlv::{Tlv, all, put_tlv};

/// The fixed part of PING; 24 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PingHead {
    /// What the sender is doing.
    pub phase: Phase,
    /// Milliseconds since it accepted a packet of the receiver.
    pub heard_ms: u32,
    /// Its stamp clock.
    pub clock: Stamp,
    /// Digest of its facts (R-PEE-27).
    pub facts: u64,
}

impl PingHead {
    fn parse(input: &[u8]) -> nom::IResult<&[u8], Self> {
        let (rest, (phase, (), heard_ms, clock, facts)) =
            (be_u8, reserved::<2>, be_u32, be_u64, be_u64).parse(input)?;
        Ok((rest, Self { phase: Phase::from_code(phase), heard_ms, clock: Stamp(clock), facts }))
    }

    /// Appends a whole PING, with at most 15 neighbours.
    pub fn emit(&self, neighbours: impl IntoIterator<Item = Neighbour>, buf: &mut Vec<u8>) {
        self.emit_fixed(buf);
        neighbours.into_iter().take(NEIGHBOURS_MAX).for_each(|neighbour| neighbour.emit(buf));
    }

    fn emit_fixed(&self, buf: &mut Vec<u8>) {
        buf.put_slice(&[PeerKind::Ping.code(), self.phase.code(), 0, 0]);
        buf.put_u32(self.heard_ms);
        buf.put_u64(self.clock.0);
        buf.put_u64(self.facts);
    }
}

/// A neighbour of the sender, with phase and seat as it told them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Neighbour {
    /// Which process.
    pub process: Process,
    /// What it is doing.
    pub phase: Phase,
    /// Its line.
    pub line: Option<LineId>,
    /// When it joined its line, in milliseconds of the line's age.
    pub joined_at_ms: u64,
}

impl Neighbour {
    fn emit(&self, buf: &mut Vec<u8>) {
        put_tlv(buf, peer_code::NEIGHBOUR, |buf| {
            buf.put_u64(self.process.server.0);
            buf.put_u32(self.process.incarnation.0);
            buf.put_u8(self.phase.code());
            buf.put_u64(line_bytes(self.line));
            buf.put_u64(self.joined_at_ms);
        });
    }

    fn parse(tlv: &Tlv<'_>) -> Result<Self, WireError> {
        let parser = (server_first, be_u8, be_u64, be_u64);
        let (process, phase, id, joined_at_ms) = all(tlv.value, tlv.at, "NEIGHBOUR", parser)?;
        if !is_process(&process) {
            return Err(tlv.error(Problem::Value("NEIGHBOUR")));
        }
        Ok(Self { process, phase: Phase::from_code(phase), line: line(id), joined_at_ms })
    }
}

/// PING: 24 bytes, then NEIGHBOUR.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ping<'a> {
    /// The fixed part.
    pub head: PingHead,
    tlvs: PeerTlvs<'a>,
}

impl<'a> Ping<'a> {
    pub(super) fn parse(body: &'a [u8]) -> Result<Self, WireError> {
        let (head, tlvs) = head(body, "PING", PingHead::parse)?;
        let mut neighbours = 0;
        for tlv in tlvs.clone() {
            let tlv = tlv?;
            if tlv.code != peer_code::NEIGHBOUR {
                tlv.unknown()?;
                continue;
            }
            Neighbour::parse(&tlv)?;
            neighbours += 1;
            if neighbours > NEIGHBOURS_MAX {
                return Err(tlv.error(Problem::TooMany("NEIGHBOUR")));
            }
        }
        Ok(Self { head, tlvs })
    }

    /// All its neighbours but the receiver.
    pub fn neighbours(&self) -> impl Iterator<Item = Neighbour> + use<'a> {
        let tlvs = self.tlvs.clone().flatten().filter(|tlv| tlv.code == peer_code::NEIGHBOUR);
        tlvs.filter_map(|tlv| Neighbour::parse(&tlv).ok())
    }

    pub(super) fn emit(&self, buf: &mut Vec<u8>) {
        self.head.emit_fixed(buf);
        buf.put_slice(self.tlvs.rest());
    }
}
