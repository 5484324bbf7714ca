//! Where a capture comes from: a file or a pipe, as it is or compressed.

use std::cell::Cell;
use std::fs::File;
use std::io::{self, Chain, Cursor, Read};
use std::rc::Rc;

use flate2::read::MultiGzDecoder;

use super::zstd::Zstd;

/// What gzip files begin with.
const GZIP: [u8; 2] = [0x1f, 0x8b];

/// How much of a file was read.
#[derive(Clone, Default)]
pub(crate) struct Source {
    /// Bytes of the file, if it has an end.
    size: Option<u64>,
    read: Rc<Cell<u64>>,
}

impl Source {
    pub(crate) fn percent(&self) -> Option<u64> {
        let size = self.size.filter(|size| *size > 0)?;
        Some((self.read.get().saturating_mul(100) / size).min(100))
    }

    #[cfg(test)]
    pub(crate) fn at(read: u64, size: Option<u64>) -> Self {
        Self { size, read: Rc::new(Cell::new(read)) }
    }
}

/// A reader that counts.
struct Counted<R> {
    from: R,
    read: Rc<Cell<u64>>,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.from.read(into)?;
        self.read.set(self.read.get() + read as u64);
        Ok(read)
    }
}

/// Opens a file, or stdin for `-`, and unpacks what gzip or zstd packed.
pub(crate) fn open(path: &str) -> io::Result<(Box<dyn Read>, Source)> {
    let mut source = Source::default();
    let from: Box<dyn Read> = if path == "-" {
        Box::new(io::stdin().lock())
    } else {
        let file = File::open(path)?;
        source.size = file.metadata().ok().filter(|file| file.is_file()).map(|file| file.len());
        Box::new(file)
    };
    let counted = Counted { from, read: Rc::clone(&source.read) };
    Ok((unpack(counted)?, source))
}

/// Unpacks what gzip or zstd packed.
pub(crate) fn unpack<'a>(mut from: impl Read + 'a) -> io::Result<Box<dyn Read + 'a>> {
    let mut head = Vec::with_capacity(4);
    // One `read` of a pipe may bring less than was asked for.
    from.by_ref().take(4).read_to_end(&mut head)?;
    let (gzip, zstd) = (head.starts_with(&GZIP), super::zstd::is(&head));
    let whole: Chain<Cursor<Vec<u8>>, _> = Cursor::new(head).chain(from);
    Ok(if gzip {
        Box::new(MultiGzDecoder::new(whole))
    } else if zstd {
        Box::new(Zstd::new(whole))
    } else {
        Box::new(whole)
    })
}
