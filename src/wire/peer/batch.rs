//! A message of as many TLVs as fit, written before its fixed part is known.

use bytes::BufMut;

use super::code::PeerKind;
use crate::limits::BATCH_MAX;

/// A message in the making: it begins where `buf` ended.
#[derive(Debug)]
pub(super) struct Batch<'b> {
    buf: &'b mut Vec<u8>,
    start: usize,
    fixed: usize,
}

impl<'b> Batch<'b> {
    /// Leaves room for the type and a fixed part, of `fixed` bytes together.
    pub(super) fn begin(buf: &'b mut Vec<u8>, kind: PeerKind, fixed: usize) -> Self {
        let start = buf.len();
        buf.put_u8(kind.code());
        buf.put_bytes(0, fixed - 1);
        Self { buf, start, fixed }
    }

    /// Nothing was put into it yet.
    pub(super) const fn is_empty(&self) -> bool {
        self.buf.len() == self.start + self.fixed
    }

    /// Appends what `write` writes; `false`, and nothing is appended, if the message would be longer than 16 KiB.
    pub(super) fn put(&mut self, write: impl FnOnce(&mut Vec<u8>)) -> bool {
        let before = self.buf.len();
        write(self.buf);
        let fits = self.buf.len() - self.start <= BATCH_MAX;
        if !fits {
            self.buf.truncate(before);
        }
        fits
    }

    /// Ends the message with what its fixed part says behind the type.
    pub(super) fn end(self, write: impl FnOnce(&mut &mut [u8])) {
        if let Some(mut fixed) = self.buf.get_mut(self.start + 1..self.start + self.fixed) {
            write(&mut fixed);
        }
    }
}
