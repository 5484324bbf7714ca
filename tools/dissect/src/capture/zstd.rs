//! Captures that zstd packed (RFC 8878): frames one behind the other, some of which carry no data.

use std::io::{self, BufRead as _, BufReader, ErrorKind, Read};

use ruzstd::decoding::errors::{FrameDecoderError, ReadFrameHeaderError};
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};

/// What a frame with data begins with.
const MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];
/// How far back a frame may refer, and so how much memory it takes; as much as `zstd` itself takes unasked.
const WINDOW_MAX: u64 = 128 << 20;

/// Whether the bytes begin a frame.
pub(super) fn is(head: &[u8]) -> bool {
    head == MAGIC || matches!(head, [0x50..=0x5f, 0x2a, 0x4d, 0x18])
}

pub(super) struct Zstd<R> {
    from: BufReader<R>,
    frame: FrameDecoder,
}

impl<R: Read> Zstd<R> {
    pub(super) fn new(from: R) -> Self {
        let mut frame = FrameDecoder::new();
        frame.set_max_window_size(WINDOW_MAX);
        Self { from: BufReader::new(from), frame }
    }

    /// Makes bytes ready to be read; `false` at the end of the file.
    fn decode(&mut self) -> io::Result<bool> {
        while self.frame.can_collect() == 0 {
            if !self.frame.is_finished() {
                let one = BlockDecodingStrategy::UptoBlocks(1);
                self.frame.decode_blocks(&mut self.from, one).map_err(|error| wrong(&error))?;
                continue;
            }
            self.check()?;
            if self.from.fill_buf()?.is_empty() {
                return Ok(false);
            }
            self.begin()?;
        }
        Ok(true)
    }

    /// The next frame with data; one without is skipped.
    fn begin(&mut self) -> io::Result<()> {
        let length = match self.frame.init(&mut self.from) {
            Ok(()) => return Ok(()),
            Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame {
                length, ..
            })) => u64::from(length),
            Err(error) => return Err(wrong(&error)),
        };
        match io::copy(&mut self.from.by_ref().take(length), &mut io::sink())? {
            skipped if skipped == length => Ok(()),
            _ => Err(ErrorKind::UnexpectedEof.into()),
        }
    }

    /// Whether the frame that is done gave what was packed.
    fn check(&self) -> io::Result<()> {
        let said = self.frame.get_checksum_from_data();
        if said.is_none() || said == self.frame.get_calculated_checksum() {
            return Ok(());
        }
        Err(io::Error::new(ErrorKind::InvalidData, "damaged zstd data: its checksum does not fit"))
    }
}

impl<R: Read> Read for Zstd<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.decode()? { self.frame.read(into) } else { Ok(0) }
    }
}

fn wrong(error: &FrameDecoderError) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, format!("damaged zstd data: {error}"))
}
