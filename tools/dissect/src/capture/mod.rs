//! Capture files: pcap and pcapng, from files and pipes, one packet after the other.
//!
//! Only one packet is in memory at a time. Lengths in the file are never trusted: a block is read in pieces as it comes
//! in, and one longer than any sane one ends the reading with an error that says where.

mod buffer;
mod legacy;
mod ng;
mod open;
mod zstd;

use std::fmt;
use std::io;

use buffer::Buffer;
use hms::capture::Flags;
pub(crate) use open::{Source, open, unpack};

/// Longest packet and longest block that are read.
const BLOCK_MAX: usize = 16 * 1024 * 1024;

/// One packet of a capture.
#[derive(Debug)]
pub(crate) struct Frame<'a> {
    /// From 1 on, as Wireshark counts.
    pub(crate) number: u64,
    /// Nanoseconds since 1970, if the file says.
    pub(crate) time: Option<i128>,
    /// `LINKTYPE_` number.
    pub(crate) link: i32,
    pub(crate) bytes: &'a [u8],
    /// Length on the wire.
    pub(crate) original: usize,
    /// Which way it went, if the file says.
    pub(crate) flags: Option<Flags>,
}

/// Why reading ended before the end.
#[derive(Debug)]
pub(crate) struct CaptureError {
    what: String,
    /// Offset in the (uncompressed) file.
    at: u64,
    /// Packets before it.
    packets: u64,
    advice: &'static str,
}

impl fmt::Display for CaptureError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "byte {}, behind packet {}: {}; {}", self.at, self.packets, self.what, self.advice)
    }
}

impl std::error::Error for CaptureError {}

const CUT: &str = "what is before it was read. If the capture still runs or was killed, that is why; else copy the file again";
const DAMAGED: &str = "what is before it was read. The file is damaged: copy or capture it again";
const FOREIGN: &str = "give a pcap or pcapng file, as `tcpdump -w` and dumpcap write them";

/// What is the same in both formats.
enum Format {
    Legacy(legacy::Legacy),
    Ng(ng::Ng),
}

/// Reads packets one by one.
pub(crate) struct Reader<R> {
    buffer: Buffer<R>,
    format: Option<Format>,
    packets: u64,
}

/// What a format found at the head of the buffer.
struct Found {
    /// Bytes of the block.
    length: usize,
    /// The packet in it.
    packet: Option<Packet>,
}

struct Packet {
    time: Option<i128>,
    link: i32,
    original: usize,
    flags: Option<Flags>,
    /// Where it lies in the block.
    from: usize,
    to: usize,
}

/// Why a format cannot say yet, or ever, what stands at the head of the buffer.
enum Stop {
    /// So many bytes are needed in all.
    Need(usize),
    Wrong(String),
}

impl<R: io::Read> Reader<R> {
    pub(crate) fn new(from: R) -> Self {
        Self { buffer: Buffer::new(from), format: None, packets: 0 }
    }

    fn error(&self, what: impl Into<String>, advice: &'static str) -> CaptureError {
        CaptureError { what: what.into(), at: self.buffer.consumed(), packets: self.packets, advice }
    }

    /// Whether the next packet can be read without waiting for more of the file.
    pub(crate) fn has_more(&self) -> bool {
        self.buffer.waiting() > 0
    }

    /// The next packet; none at the end.
    pub(crate) fn next(&mut self) -> Result<Option<Frame<'_>>, CaptureError> {
        if self.format.is_none() {
            self.format = Some(self.recognise()?);
        }
        let packet = loop {
            match self.step()? {
                None => return Ok(None),
                Some(Found { packet: Some(packet), length }) => break (packet, length),
                Some(Found { packet: None, length }) => self.buffer.consume(length),
            }
        };
        let (packet, length) = packet;
        self.packets += 1;
        let number = self.packets;
        let block = self.buffer.take(length);
        let bytes = block.get(packet.from..packet.to).unwrap_or_default();
        let original = packet.original.max(bytes.len());
        Ok(Some(Frame { number, time: packet.time, link: packet.link, bytes, original, flags: packet.flags }))
    }

    /// The next block; none at the end of the file.
    fn step(&mut self) -> Result<Option<Found>, CaptureError> {
        loop {
            let data = self.buffer.data();
            let stop = match &mut self.format {
                Some(Format::Legacy(legacy)) => legacy.block(data),
                Some(Format::Ng(ng)) => ng.block(data),
                None => Err(Stop::Wrong("no format".into())),
            };
            let needed = match stop {
                Ok(found) => return Ok(Some(found)),
                Err(Stop::Wrong(what)) => return Err(self.error(what, DAMAGED)),
                Err(Stop::Need(needed)) => needed,
            };
            if needed > BLOCK_MAX {
                let what = format!("a block of {needed} bytes, longer than any packet");
                return Err(self.error(what, DAMAGED));
            }
            let before = self.buffer.waiting();
            if self.fill(needed)? {
                continue;
            }
            return match before {
                0 if self.buffer.waiting() == 0 => Ok(None),
                _ => {
                    let have = self.buffer.waiting();
                    Err(self.error(format!("the file ends inside a packet ({have} of {needed} bytes)"), CUT))
                }
            };
        }
    }

    /// Reads until so many bytes wait; `false` if the file ends before.
    fn fill(&mut self, needed: usize) -> Result<bool, CaptureError> {
        match self.buffer.fill(needed) {
            Ok(filled) => Ok(filled),
            Err(error) => {
                let what = error.to_string();
                let what = what.split(" (os error").next().unwrap_or_default().to_owned();
                Err(self.error(what, "what is before it was read"))
            }
        }
    }

    fn recognise(&mut self) -> Result<Format, CaptureError> {
        let whole = self.fill(legacy::HEADER)?;
        let data = self.buffer.data();
        if data.is_empty() {
            return Err(self.error("the file is empty", FOREIGN));
        }
        if ng::is(data) {
            return Ok(Format::Ng(ng::Ng::default()));
        }
        match legacy::Legacy::new(data) {
            Some(legacy) => {
                self.buffer.consume(legacy::HEADER);
                Ok(Format::Legacy(legacy))
            }
            None if whole || !legacy::begins(data) => {
                let head = crate::tree::hex(data.get(..data.len().min(4)).unwrap_or_default());
                Err(self.error(format!("neither pcap nor pcapng (it begins {head})"), FOREIGN))
            }
            None => Err(self.error("the file ends inside its header", CUT)),
        }
    }
}
