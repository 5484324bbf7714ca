//! Which sequences of a session were seen (R-AUT-21).

use crate::limits::WINDOW;

/// The last 64 sequences of a session, as plain data of 16 bytes.
///
/// It moves only in [`Self::accept`], which is called when the tag holds and everything else was checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Window {
    highest: u64,
    /// Bit `i` is set if `highest - i` was seen.
    seen: u64,
}

const _: () = assert!(WINDOW == u64::BITS as u64);

impl Window {
    /// Nothing seen yet. Sequences start at 1 (R-AUT-20), so 0 counts as seen.
    pub const fn new() -> Self {
        Self { highest: 0, seen: 1 }
    }

    /// A window in which everything up to `sequence` counts as seen: for a row that is confirmed or adopts a new
    /// source (table 4.4, case 9), where what came before is unknown.
    pub const fn start_at(sequence: u64) -> Self {
        Self { highest: sequence, seen: u64::MAX }
    }

    /// The window that [`Self::into_parts`] took apart.
    pub const fn from_parts((highest, seen): (u64, u64)) -> Self {
        Self { highest, seen }
    }

    /// The two words, for whoever stores them.
    pub const fn into_parts(self) -> (u64, u64) {
        (self.highest, self.seen)
    }

    /// The highest sequence accepted; 0 if none was.
    pub const fn highest(&self) -> u64 {
        self.highest
    }

    /// Whether [`Self::accept`] would take `sequence`.
    pub const fn would_accept(&self, sequence: u64) -> bool {
        match self.highest.checked_sub(sequence) {
            Some(age) if age >= WINDOW => false,
            Some(age) => self.seen & (1 << age) == 0,
            None => true,
        }
    }

    /// Takes `sequence` and returns `true`, or `false` if it was seen or is too old.
    pub const fn accept(&mut self, sequence: u64) -> bool {
        if !self.would_accept(sequence) {
            return false;
        }
        match self.highest.checked_sub(sequence) {
            Some(age) => self.seen |= 1 << age,
            None => self.advance(sequence),
        }
        true
    }

    const fn advance(&mut self, sequence: u64) {
        let step = sequence - self.highest;
        let kept = if step < WINDOW { self.seen << step } else { 0 };
        self.seen = kept | 1;
        self.highest = sequence;
    }
}

impl Default for Window {
    fn default() -> Self {
        Self::new()
    }
}
