//! Short byte strings in pages by size class: a handle of 4 bytes, no allocator overhead for each string.

use super::rows::NIL;

/// Strings are kept in multiples of this.
const GRAIN: usize = 16;
/// Bytes in one page.
const PAGE: usize = 16 * 1024;

/// Slots of one size.
#[derive(Default)]
struct Class {
    pages: Vec<Box<[u8]>>,
    used: u32,
    /// First free slot; each free slot begins with the number of the next.
    free: Option<u32>,
}

/// All strings.
#[derive(Default)]
pub(super) struct Blobs {
    classes: Vec<Class>,
}

const fn class_of(len: usize) -> Option<usize> {
    if len == 0 { None } else { Some((len - 1) / GRAIN) }
}

const fn per_page(size: usize) -> usize {
    if size >= PAGE { 1 } else { PAGE / size }
}

impl Class {
    fn slot(&self, size: usize, id: u32) -> Option<&[u8]> {
        let (page, index) = (id as usize / per_page(size), id as usize % per_page(size));
        self.pages.get(page)?.get(index * size..(index + 1) * size)
    }

    fn slot_mut(&mut self, size: usize, id: u32) -> Option<&mut [u8]> {
        let (page, index) = (id as usize / per_page(size), id as usize % per_page(size));
        self.pages.get_mut(page)?.get_mut(index * size..(index + 1) * size)
    }

    fn take(&mut self, size: usize) -> u32 {
        if let Some(id) = self.free {
            let next = self.slot(size, id).and_then(|s| s.first_chunk::<4>()).map(|b| u32::from_le_bytes(*b));
            self.free = next.filter(|n| *n != NIL);
            return id;
        }
        let id = self.used;
        if id as usize == self.pages.len() * per_page(size) {
            self.pages.push(vec![0; per_page(size) * size].into_boxed_slice());
        }
        self.used += 1;
        id
    }

    fn give_back(&mut self, size: usize, id: u32) {
        let next = self.free.unwrap_or(NIL);
        if let Some(head) = self.slot_mut(size, id).and_then(|s| s.first_chunk_mut::<4>()) {
            *head = next.to_le_bytes();
            self.free = Some(id);
        }
    }
}

impl Blobs {
    /// Strings that are kept.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        let free = |(number, class): (usize, &Class)| {
            let next = |id: &u32| {
                let slot = class.slot((number + 1) * GRAIN, *id)?;
                Some(u32::from_le_bytes(*slot.first_chunk()?)).filter(|next| *next != NIL)
            };
            class.used as usize - std::iter::successors(class.free, next).count()
        };
        self.classes.iter().enumerate().map(free).sum()
    }

    /// Keeps a copy; the handle is valid together with the length only.
    pub(super) fn insert(&mut self, bytes: &[u8]) -> u32 {
        let Some(number) = class_of(bytes.len()) else { return NIL };
        if self.classes.len() <= number {
            self.classes.resize_with(number + 1, Class::default);
        }
        let Some(class) = self.classes.get_mut(number) else { return NIL };
        let size = (number + 1) * GRAIN;
        let id = class.take(size);
        if let Some(slot) = class.slot_mut(size, id).and_then(|s| s.get_mut(..bytes.len())) {
            slot.copy_from_slice(bytes);
        }
        id
    }

    /// The bytes behind a handle.
    pub(super) fn get(&self, id: u32, len: usize) -> &[u8] {
        let Some(number) = class_of(len) else { return &[] };
        let slot = self.classes.get(number).and_then(|c| c.slot((number + 1) * GRAIN, id));
        slot.and_then(|s| s.get(..len)).unwrap_or(&[])
    }

    /// Frees the slot.
    pub(super) fn remove(&mut self, id: u32, len: usize) {
        let Some(number) = class_of(len) else { return };
        if let Some(class) = self.classes.get_mut(number) {
            class.give_back((number + 1) * GRAIN, id);
        }
    }
}
