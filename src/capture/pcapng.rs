//! Blocks of a pcapng file (draft-ietf-opsawg-pcapng), appended to a buffer; and the way back, as far as a copy needs
//! it: where a block ends, and what its options are.
//!
//! All blocks are little-endian, times are in nanoseconds.

use std::fmt;

/// A packet begins with its IP header.
pub const LINKTYPE_RAW: u16 = 101;

const SECTION: u32 = 0x0a0d_0d0a;
const INTERFACE: u32 = 1;
const STATISTICS: u32 = 5;
const PACKET: u32 = 6;

const BYTE_ORDER: u32 = 0x1a2b_3c4d;
const END: u16 = 0;
const COMMENT: u16 = 1;
const APPLICATION: u16 = 4;
const IF_NAME: u16 = 2;
const IF_DESCRIPTION: u16 = 3;
const IF_TSRESOL: u16 = 9;
const NANOSECONDS: u8 = 9;
const FLAGS: u16 = 2;
const DROP_COUNT: u16 = 4;
const STARTED: u16 = 2;
const ENDED: u16 = 3;
const SEEN: u16 = 4;
const LOST: u16 = 5;

/// Type and two lengths.
const FRAME: usize = 12;
/// Nothing that is written here comes near it: a longer block is no block.
const BLOCK_MAX: usize = 1 << 20;

/// Which way a packet went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// To this machine.
    Inbound,
    /// From it.
    Outbound,
}

/// Which way a packet went, and whether to a group: the lowest bits of epb_flags.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flags(u32);

impl Flags {
    /// Direction and kind of reception; what stands above them tells of a frame on the wire.
    const KEPT: u32 = 0b1_1111;

    /// Those of a packet of which both are known.
    pub const fn new(direction: Direction, multicast: bool) -> Self {
        let direction = match direction {
            Direction::Inbound => 1,
            Direction::Outbound => 2,
        };
        let reception = if multicast { 2 } else { 1 };
        Self(direction | reception << 2)
    }

    /// Those that another file says, unless it says nothing.
    pub const fn read(word: u32) -> Option<Self> {
        match word & Self::KEPT {
            0 => None,
            kept => Some(Self(kept)),
        }
    }
}

/// One packet with all that is said of it.
#[derive(Clone, Copy, Debug)]
pub struct Packet<'a> {
    /// Which interface of the section, counted from 0.
    pub interface: u32,
    /// Nanoseconds since 1970.
    pub time: u64,
    /// Which way, and whether to a group, if that is known.
    pub flags: Option<Flags>,
    /// Headers and payload, one behind the other.
    pub parts: [&'a [u8]; 2],
    /// What a person or a tool is to read with it.
    pub comment: &'a str,
    /// Packets that are missing before this one.
    pub lost: u64,
}

/// What is said at the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Statistics {
    /// Nanoseconds since 1970.
    pub started: u64,
    /// Nanoseconds since 1970.
    pub ended: u64,
    /// Packets that there were.
    pub seen: u64,
    /// Those among them that are missing.
    pub lost: u64,
}

/// Begins a section, and so a file.
pub fn section(buf: &mut Vec<u8>, application: &str, comment: &str) {
    block(buf, SECTION, |buf| {
        u32(buf, BYTE_ORDER);
        u16(buf, 1);
        u16(buf, 0);
        // The length of the section is not known yet.
        buf.extend_from_slice(&[0xff; 8]);
        option(buf, COMMENT, comment.as_bytes());
        option(buf, APPLICATION, application.as_bytes());
        option(buf, END, &[]);
    });
}

/// Declares the next interface of the section.
pub fn interface(buf: &mut Vec<u8>, name: &str, description: &str) {
    block(buf, INTERFACE, |buf| {
        u16(buf, LINKTYPE_RAW);
        u16(buf, 0);
        // No limit to the length of packets.
        u32(buf, 0);
        if !name.is_empty() {
            option(buf, IF_NAME, name.as_bytes());
        }
        if !description.is_empty() {
            option(buf, IF_DESCRIPTION, description.as_bytes());
        }
        option(buf, IF_TSRESOL, &[NANOSECONDS]);
        option(buf, END, &[]);
    });
}

/// A packet on an interface that was declared.
pub fn packet(buf: &mut Vec<u8>, packet: &Packet<'_>) {
    block(buf, PACKET, |buf| {
        u32(buf, packet.interface);
        time(buf, packet.time);
        let length = length32(packet.parts.iter().map(|part| part.len()).sum());
        u32(buf, length);
        u32(buf, length);
        packet.parts.iter().for_each(|part| buf.extend_from_slice(part));
        pad(buf);
        if !packet.comment.is_empty() {
            option(buf, COMMENT, packet.comment.as_bytes());
        }
        if let Some(Flags(word)) = packet.flags {
            option(buf, FLAGS, &word.to_le_bytes());
        }
        if packet.lost > 0 {
            option(buf, DROP_COUNT, &packet.lost.to_le_bytes());
        }
        option(buf, END, &[]);
    });
}

/// What was seen and what is missing, told at interface 0 for all of them.
pub fn statistics(buf: &mut Vec<u8>, about: &Statistics) {
    block(buf, STATISTICS, |buf| {
        u32(buf, 0);
        time(buf, about.ended);
        for (code, at) in [(STARTED, about.started), (ENDED, about.ended)] {
            u16(buf, code);
            u16(buf, 8);
            time(buf, at);
        }
        option(buf, SEEN, &about.seen.to_le_bytes());
        option(buf, LOST, &about.lost.to_le_bytes());
        option(buf, END, &[]);
    });
}

fn block(buf: &mut Vec<u8>, kind: u32, body: impl FnOnce(&mut Vec<u8>)) {
    // Padding counts from the start of the block, whatever stands before it.
    let start = buf.len();
    u32(buf, kind);
    u32(buf, 0);
    body(buf);
    let length = length32(buf.len() - start + 4);
    u32(buf, length);
    if let Some(place) = buf.get_mut(start + 4..start + 8) {
        place.copy_from_slice(&length.to_le_bytes());
    }
}

fn option(buf: &mut Vec<u8>, code: u16, value: &[u8]) {
    let value = value.get(..usize::from(u16::MAX)).unwrap_or(value);
    u16(buf, code);
    u16(buf, u16::try_from(value.len()).unwrap_or(u16::MAX));
    buf.extend_from_slice(value);
    pad(buf);
}

/// Every block is a multiple of four bytes long, so the buffer's own length tells.
fn pad(buf: &mut Vec<u8>) {
    buf.resize(buf.len().next_multiple_of(4), 0);
}

fn u16(buf: &mut Vec<u8>, value: u16) {
    buf.extend_from_slice(&value.to_le_bytes());
}

fn u32(buf: &mut Vec<u8>, value: u32) {
    buf.extend_from_slice(&value.to_le_bytes());
}

/// Upper half first, whatever the byte order.
fn time(buf: &mut Vec<u8>, nanoseconds: u64) {
    buf.extend_from_slice(&nanoseconds.rotate_left(32).to_le_bytes());
}

fn length32(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}

/// What a block is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BlockKind {
    /// Begins a section.
    Section,
    /// Declares an interface.
    Interface,
    /// A packet.
    Packet,
    /// The counts at the end.
    Statistics,
    /// Something else.
    Other,
}

/// One whole block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Block<'a> {
    /// What it is.
    pub kind: BlockKind,
    /// All of it.
    pub bytes: &'a [u8],
}

/// What stands there is no block of a file as it is written here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BlockError;

impl fmt::Display for BlockError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not a block of a little-endian pcapng file")
    }
}

impl std::error::Error for BlockError {}

/// The blocks in a piece of a file; what is left at the end is the begin of one.
#[derive(Clone, Copy, Debug)]
pub struct Blocks<'a> {
    rest: &'a [u8],
}

impl<'a> Blocks<'a> {
    /// The blocks in `bytes`.
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// What was not given out yet.
    pub const fn rest(&self) -> &'a [u8] {
        self.rest
    }

    fn split(&mut self) -> Result<Option<Block<'a>>, BlockError> {
        let (Some(kind), Some(length)) = (u32_at(self.rest, 0), u32_at(self.rest, 4)) else {
            return Ok(None);
        };
        let whole = usize::try_from(length).map_err(|_| BlockError)?;
        if !(FRAME..=BLOCK_MAX).contains(&whole) || whole % 4 != 0 {
            return Err(BlockError);
        }
        let Some((bytes, rest)) = self.rest.split_at_checked(whole) else { return Ok(None) };
        if u32_at(bytes, whole - 4) != Some(length) {
            return Err(BlockError);
        }
        self.rest = rest;
        let kind = match kind {
            SECTION => BlockKind::Section,
            INTERFACE => BlockKind::Interface,
            PACKET => BlockKind::Packet,
            STATISTICS => BlockKind::Statistics,
            _ => BlockKind::Other,
        };
        Ok(Some(Block { kind, bytes }))
    }
}

impl<'a> Iterator for Blocks<'a> {
    type Item = Result<Block<'a>, BlockError>;

    fn next(&mut self) -> Option<Self::Item> {
        let next = self.split().transpose();
        if matches!(next, Some(Err(_))) {
            self.rest = &[];
        }
        next
    }
}

impl<'a> Block<'a> {
    /// Of a packet: how many are missing before it. Of the counts at the end: how many are missing in all.
    pub fn lost(&self) -> u64 {
        let code = match self.kind {
            BlockKind::Packet => DROP_COUNT,
            BlockKind::Statistics => LOST,
            _ => return 0,
        };
        self.option(code).and_then(|value| value.try_into().ok()).map_or(0, u64::from_le_bytes)
    }

    /// The comment of a section or a packet.
    pub fn comment(&self) -> Option<&'a str> {
        self.option(COMMENT).and_then(|value| std::str::from_utf8(value).ok())
    }

    /// The first option of this code.
    fn option(&self, wanted: u16) -> Option<&'a [u8]> {
        let fixed = match self.kind {
            BlockKind::Section => 16,
            BlockKind::Interface => 8,
            BlockKind::Statistics => 12,
            BlockKind::Packet => 20 + usize::try_from(u32_at(self.bytes, 20)?).ok()?.next_multiple_of(4),
            BlockKind::Other => return None,
        };
        let mut rest = self.bytes.get(8 + fixed..self.bytes.len() - 4)?;
        loop {
            let (head, behind) = rest.split_first_chunk::<4>()?;
            let (code, length) =
                (u16::from_le_bytes([head[0], head[1]]), u16::from_le_bytes([head[2], head[3]]));
            let length = usize::from(length);
            if code == END {
                return None;
            }
            if code == wanted {
                return behind.get(..length);
            }
            rest = behind.get(length.next_multiple_of(4)..)?;
        }
    }
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().copied().map(u32::from_le_bytes)
}
