//! Bytes that were read and not yet looked at.

use std::io::{self, Read};

/// How much is asked for at once: what is read stays in the cache until it is looked at.
const CHUNK: usize = 64 * 1024;

pub(super) struct Buffer<R> {
    from: R,
    bytes: Vec<u8>,
    /// What is before it was consumed.
    start: usize,
    end: usize,
    consumed: u64,
}

impl<R: Read> Buffer<R> {
    pub(super) fn new(from: R) -> Self {
        Self { from, bytes: vec![0; CHUNK], start: 0, end: 0, consumed: 0 }
    }

    pub(super) fn data(&self) -> &[u8] {
        self.bytes.get(self.start..self.end).unwrap_or_default()
    }

    pub(super) const fn waiting(&self) -> usize {
        self.end - self.start
    }

    pub(super) const fn consumed(&self) -> u64 {
        self.consumed
    }

    pub(super) fn consume(&mut self, length: usize) {
        let length = length.min(self.waiting());
        self.start += length;
        self.consumed += length as u64;
    }

    /// Consumes bytes that are still looked at.
    pub(super) fn take(&mut self, length: usize) -> &[u8] {
        let from = self.start;
        self.consume(length);
        self.bytes.get(from..self.start).unwrap_or_default()
    }

    /// Reads until so many bytes wait; `false` if the input ends before.
    pub(super) fn fill(&mut self, needed: usize) -> io::Result<bool> {
        while self.waiting() < needed {
            self.make_room();
            let Some(room) = self.bytes.get_mut(self.end..) else { return Ok(false) };
            match self.from.read(room) {
                Ok(0) => return Ok(false),
                Ok(read) => self.end += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(true)
    }

    /// Room for at least one byte: a length in the file costs nothing until its bytes come.
    fn make_room(&mut self) {
        if self.start > 0 && (self.start == self.end || self.end == self.bytes.len()) {
            self.bytes.copy_within(self.start..self.end, 0);
            (self.start, self.end) = (0, self.end - self.start);
        }
        if self.end == self.bytes.len() {
            self.bytes.resize(self.bytes.len() * 2, 0);
        }
    }
}
