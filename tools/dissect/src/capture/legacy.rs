//! The pcap format.

use pcap_parser::{
    LegacyPcapBlock, PcapHeader, parse_pcap_frame, parse_pcap_frame_be, parse_pcap_frame_modified,
    parse_pcap_header,
};

use super::{Found, Packet, Stop};

/// Bytes of the file header.
pub(super) const HEADER: usize = 24;
/// Bytes before each packet; the *modified* form has more.
const RECORD: usize = 16;
const MODIFIED_RECORD: usize = 24;
/// What pcap files begin with, in both byte orders.
const MAGIC: [[u8; 4]; 6] = [
    [0xa1, 0xb2, 0xc3, 0xd4],
    [0xd4, 0xc3, 0xb2, 0xa1],
    [0xa1, 0xb2, 0x3c, 0x4d],
    [0x4d, 0x3c, 0xb2, 0xa1],
    [0xa1, 0xb2, 0xcd, 0x34],
    [0x34, 0xcd, 0xb2, 0xa1],
];

/// A pcap file whose header was read.
pub(super) struct Legacy {
    header: PcapHeader,
}

/// Whether the bytes may be the begin of a pcap file.
pub(super) fn begins(data: &[u8]) -> bool {
    MAGIC.iter().any(|magic| data.iter().zip(magic).all(|(a, b)| a == b))
}

impl Legacy {
    pub(super) fn new(data: &[u8]) -> Option<Self> {
        let head = data.get(..HEADER)?;
        let (_, header) = parse_pcap_header(head).ok()?;
        Some(Self { header })
    }

    fn record(&self) -> usize {
        if self.header.is_modified_format() { MODIFIED_RECORD } else { RECORD }
    }

    fn word(&self, data: &[u8], at: usize) -> Option<usize> {
        let bytes = *data.get(at..)?.first_chunk::<4>()?;
        let word =
            if self.header.is_bigendian() { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) };
        Some(word as usize)
    }

    pub(super) fn block(&self, data: &[u8]) -> Result<Found, Stop> {
        let record = self.record();
        let Some(captured) = self.word(data, 8).filter(|_| data.len() >= record) else {
            return Err(Stop::Need(record));
        };
        let length = record.saturating_add(captured);
        if data.len() < length {
            return Err(Stop::Need(length));
        }
        let parse = match (self.header.is_modified_format(), self.header.is_bigendian()) {
            (true, _) => parse_pcap_frame_modified,
            (false, true) => parse_pcap_frame_be,
            (false, false) => parse_pcap_frame,
        };
        match parse(data) {
            Ok((_, block)) => Ok(Found { length, packet: Some(self.packet(&block, record)) }),
            Err(_) => Err(Stop::Wrong("a packet that cannot be read".into())),
        }
    }

    fn packet(&self, block: &LegacyPcapBlock<'_>, from: usize) -> Packet {
        let unit = if self.header.is_nanosecond_precision() { 1 } else { 1000 };
        let time = i128::from(block.ts_sec) * 1_000_000_000 + i128::from(block.ts_usec) * unit;
        Packet {
            time: Some(time),
            // The upper bits tell how long a checksum the frames end in.
            link: self.header.network.0 & 0x0fff_ffff,
            original: block.origlen as usize,
            flags: None,
            from,
            to: from + block.data.len(),
        }
    }
}
