//! Bytes as choices: what a target does next, and with what. At the end of the input every choice is the first one.

use hms::time::Duration;

/// What is left of the input.
pub(super) struct Input<'a> {
    rest: &'a [u8],
}

impl<'a> Input<'a> {
    pub(super) const fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    pub(super) fn byte(&mut self) -> u8 {
        let Some((first, rest)) = self.rest.split_first() else { return 0 };
        self.rest = rest;
        *first
    }

    pub(super) fn u16(&mut self) -> u16 {
        u16::from_be_bytes([self.byte(), self.byte()])
    }

    pub(super) fn u64(&mut self) -> u64 {
        u64::from_be_bytes([(); 8].map(|()| self.byte()))
    }

    /// Below `limit`, which is at most 256.
    pub(super) fn below(&mut self, limit: usize) -> usize {
        usize::from(self.byte()) % limit.max(1)
    }

    pub(super) fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == n - 1
    }

    pub(super) fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())]
    }

    /// A number: mostly small, sometimes at an end, sometimes any.
    pub(super) fn number(&mut self) -> u64 {
        match self.byte() {
            small @ 0..=239 => u64::from(small),
            240..=243 => u64::MAX,
            244..=246 => u64::from(u32::MAX),
            247..=249 => 1 << 32,
            250..=252 => u64::from(self.u16()),
            _ => self.u64(),
        }
    }

    /// The same in 32 bits.
    pub(super) fn number32(&mut self) -> u32 {
        self.number().min(u64::from(u32::MAX)) as u32
    }

    /// A piece of the input: its length stands before it.
    pub(super) fn chunk(&mut self) -> &'a [u8] {
        let length = match self.byte() {
            255 => usize::from(self.u16()),
            short => usize::from(short),
        };
        let (chunk, rest) = self.rest.split_at(length.min(self.rest.len()));
        self.rest = rest;
        chunk
    }

    /// A piece as text, with U+FFFD where it is none.
    pub(super) fn text(&mut self) -> String {
        String::from_utf8_lossy(self.chunk()).into_owned()
    }

    /// From nothing to a quarter of an hour.
    pub(super) fn span(&mut self) -> Duration {
        const MS: [u64; 16] =
            [0, 1, 20, 100, 250, 500, 1000, 1250, 3000, 4000, 7500, 15_000, 30_000, 60_000, 90_000, 900_000];
        Duration::from_millis(self.pick(&MS))
    }
}
