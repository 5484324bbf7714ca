//! The bytes of a stream between two offsets, in blocks that exist only where something stands.

use std::collections::VecDeque;

use super::limits::BLOCK;

const SIZE: u64 = BLOCK as u64;

type Block = Box<[u8; BLOCK]>;

/// A window over a stream: write anywhere above the base, read, let go from below.
#[derive(Default)]
pub(super) struct Store {
    /// Index of the first block.
    base: u64,
    blocks: VecDeque<Option<Block>>,
    allocated: usize,
}

/// Walks `len` bytes from `offset` block by block: (block, offset in it, how many).
fn spans(offset: u64, len: usize) -> impl Iterator<Item = (u64, usize, usize)> {
    let mut at = offset;
    let end = offset.saturating_add(len as u64);
    std::iter::from_fn(move || {
        let inside = usize::try_from(at % SIZE).ok()?;
        let take = usize::try_from((end - at).min(SIZE - at % SIZE)).ok()?;
        let span = (at / SIZE, inside, take);
        at += take as u64;
        (take > 0).then_some(span)
    })
}

impl Store {
    /// Writes `bytes` at `offset`; what lies below the base is let go.
    pub(super) fn write(&mut self, offset: u64, bytes: &[u8]) {
        let mut rest = bytes;
        for (block, inside, take) in spans(offset, bytes.len()) {
            let Some((now, later)) = rest.split_at_checked(take) else { return };
            rest = later;
            let Some(to) = self.block(block).and_then(|b| b.get_mut(inside..inside + take)) else { continue };
            to.copy_from_slice(now);
        }
    }

    /// Copies what stands at `offset`; zeros where nothing was written.
    pub(super) fn read(&self, offset: u64, out: &mut [u8]) {
        let len = out.len();
        let mut rest = out;
        for (block, inside, take) in spans(offset, len) {
            let Some((now, later)) = rest.split_at_mut_checked(take) else { return };
            rest = later;
            let index = block.checked_sub(self.base).and_then(|i| usize::try_from(i).ok());
            let block = index.and_then(|i| self.blocks.get(i)).and_then(Option::as_ref);
            match block.and_then(|b| b.get(inside..inside + take)) {
                Some(from) => now.copy_from_slice(from),
                None => now.fill(0),
            }
        }
    }

    /// Lets go of everything below `offset`.
    pub(super) fn release(&mut self, offset: u64) {
        let base = offset / SIZE;
        while self.base < base {
            match self.blocks.pop_front() {
                Some(Some(_)) => self.allocated -= BLOCK,
                Some(None) => {}
                None => {
                    self.base = base;
                    return;
                }
            }
            self.base += 1;
        }
    }

    /// Bytes on the heap.
    pub(super) fn allocated(&self) -> usize {
        self.allocated + self.blocks.capacity() * size_of::<Option<Block>>()
    }

    fn block(&mut self, block: u64) -> Option<&mut Block> {
        let index = usize::try_from(block.checked_sub(self.base)?).ok()?;
        if index >= self.blocks.len() {
            self.blocks.resize_with(index + 1, || None);
        }
        let slot = self.blocks.get_mut(index)?;
        if slot.is_none() {
            self.allocated += BLOCK;
        }
        Some(slot.get_or_insert_with(|| Box::new([0; BLOCK])))
    }
}
