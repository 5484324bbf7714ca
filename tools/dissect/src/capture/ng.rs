//! The pcapng format.

use hms::capture::Flags;
use pcap_parser::nom::Err as NomErr;
use pcap_parser::pcapng::{parse_block_be, parse_block_le};
use pcap_parser::traits::PcapNGPacketBlock as _;
use pcap_parser::{Block, EnhancedPacketBlock, InterfaceDescriptionBlock, OptionCode};

use super::{Found, Packet, Stop};

const SECTION: [u8; 4] = [0x0a, 0x0d, 0x0d, 0x0a];
/// Type, length, and length again.
const BLOCK_MIN: usize = 12;
/// The option of an Enhanced Packet Block.
const FLAGS: OptionCode = OptionCode(2);
/// Where the data of an Enhanced and of a Simple Packet Block begins.
const ENHANCED_HEAD: usize = 28;
const SIMPLE_HEAD: usize = 12;
/// More interfaces than any capture has.
const INTERFACES_MAX: usize = 65_536;

/// Whether the bytes are the begin of a pcapng file.
pub(super) fn is(data: &[u8]) -> bool {
    data.starts_with(&SECTION)
}

/// An interface of the section that is read.
struct Interface {
    link: i32,
    /// Packets are cut to so many bytes; 0 is no limit.
    snap: u32,
    /// Units of the timestamps in a second, if the file names one that can be.
    resolution: Option<u64>,
    offset: i64,
}

impl Interface {
    fn new(block: &InterfaceDescriptionBlock<'_>) -> Self {
        Self {
            link: block.linktype.0,
            snap: block.snaplen,
            resolution: block.ts_resolution().filter(|units| *units > 0),
            offset: block.if_tsoffset,
        }
    }

    fn time(&self, high: u32, low: u32) -> Option<i128> {
        let units = (i128::from(high) << 32) | i128::from(low);
        let nanos = units * 1_000_000_000 / i128::from(self.resolution?);
        Some(nanos + i128::from(self.offset) * 1_000_000_000)
    }
}

/// A pcapng file as far as it was read.
#[derive(Default)]
pub(super) struct Ng {
    big: bool,
    interfaces: Vec<Interface>,
}

impl Ng {
    pub(super) fn block(&mut self, data: &[u8]) -> Result<Found, Stop> {
        let (Some(kind), Some(raw), true) = (
            data.first_chunk::<4>(),
            data.get(4..8).and_then(|raw| raw.first_chunk::<4>()),
            data.len() >= BLOCK_MIN,
        ) else {
            return Err(Stop::Need(BLOCK_MIN));
        };
        if *kind == SECTION {
            self.section(data)?;
        }
        let length = if self.big { u32::from_be_bytes(*raw) } else { u32::from_le_bytes(*raw) } as usize;
        if length < BLOCK_MIN || !length.is_multiple_of(4) {
            return Err(Stop::Wrong(format!("a block of {length} bytes, which cannot be")));
        }
        let Some(bytes) = data.get(..length) else { return Err(Stop::Need(length)) };
        if !sane(bytes, self.big) {
            return Err(Stop::Wrong("a block whose lengths contradict each other".into()));
        }
        let parsed = if self.big { parse_block_be(bytes) } else { parse_block_le(bytes) };
        match parsed {
            Ok((_, block)) => self.take(&block).map(|packet| Found { length, packet }),
            Err(NomErr::Incomplete(_)) => {
                Err(Stop::Wrong("a block that is longer inside than outside".into()))
            }
            Err(_) => Err(Stop::Wrong("a block that cannot be read".into())),
        }
    }

    /// The byte order of a new section, which forgets the interfaces of the last.
    fn section(&mut self, data: &[u8]) -> Result<(), Stop> {
        self.big = match data.get(8..12) {
            Some([0x1a, 0x2b, 0x3c, 0x4d]) => true,
            Some([0x4d, 0x3c, 0x2b, 0x1a]) => false,
            _ => return Err(Stop::Wrong("a section header without byte order".into())),
        };
        Ok(())
    }

    fn take(&mut self, block: &Block<'_>) -> Result<Option<Packet>, Stop> {
        match block {
            Block::SectionHeader(_) => {
                self.interfaces.clear();
                Ok(None)
            }
            Block::InterfaceDescription(_) if self.interfaces.len() >= INTERFACES_MAX => {
                Err(Stop::Wrong("too many interfaces".into()))
            }
            Block::InterfaceDescription(block) => {
                self.interfaces.push(Interface::new(block));
                Ok(None)
            }
            Block::EnhancedPacket(block) => self.enhanced(block).map(Some),
            Block::SimplePacket(block) => {
                let first = self.interface(0)?;
                let snap = if first.snap == 0 { u32::MAX } else { first.snap };
                let length = block.data.len().min(block.origlen.min(snap) as usize);
                let (from, to) = (SIMPLE_HEAD, SIMPLE_HEAD + length);
                let original = block.origlen as usize;
                Ok(Some(Packet { time: None, link: first.link, original, flags: None, from, to }))
            }
            _ => Ok(None),
        }
    }

    fn enhanced(&self, block: &EnhancedPacketBlock<'_>) -> Result<Packet, Stop> {
        let interface = self.interface(block.if_id as usize)?;
        let length = block.packet_data().len();
        Ok(Packet {
            time: interface.time(block.ts_high, block.ts_low),
            link: interface.link,
            original: block.origlen as usize,
            flags: self.flags(block),
            from: ENHANCED_HEAD,
            to: ENHANCED_HEAD + length,
        })
    }

    fn flags(&self, block: &EnhancedPacketBlock<'_>) -> Option<Flags> {
        let option = block.options.iter().find(|option| option.code == FLAGS)?;
        let word = *option.as_bytes().ok()?.first_chunk()?;
        Flags::read(if self.big { u32::from_be_bytes(word) } else { u32::from_le_bytes(word) })
    }

    fn interface(&self, index: usize) -> Result<&Interface, Stop> {
        let wrong =
            || Stop::Wrong(format!("a packet of interface {index}, which the file does not describe"));
        self.interfaces.get(index).ok_or_else(wrong)
    }
}

/// Whether the lengths inside of a packet block fit into it: the parser is not asked about others.
fn sane(block: &[u8], big: bool) -> bool {
    let word = |at: usize| {
        let bytes = *block.get(at..)?.first_chunk::<4>()?;
        Some(if big { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) })
    };
    match word(0) {
        // Enhanced: 20 bytes of head, the data, the length again.
        Some(6) => word(20).is_some_and(|captured| (captured as usize).saturating_add(32) <= block.len()),
        Some(3) => block.len() >= 16,
        _ => true,
    }
}
