//! Random bytes from the seed that the caller gave: the core has no randomness of its own.

use ring::hmac;

/// A row of unpredictable bytes, the same for the same seed.
pub(super) struct Draws {
    key: hmac::Key,
    count: u64,
}

impl Draws {
    /// From 32 random bytes, used for nothing else.
    pub(super) fn new(seed: &[u8; 32]) -> Self {
        Self { key: hmac::Key::new(hmac::HMAC_SHA256, seed), count: 0 }
    }

    /// The next 32 bytes.
    pub(super) fn bytes(&mut self) -> [u8; 32] {
        self.count = self.count.wrapping_add(1);
        let mut bytes = [0; 32];
        bytes.copy_from_slice(hmac::sign(&self.key, &self.count.to_be_bytes()).as_ref());
        bytes
    }

    /// The next number, never 0.
    pub(super) fn number(&mut self) -> u64 {
        loop {
            let drawn = self.bytes().first_chunk().map_or(0, |first| u64::from_be_bytes(*first));
            if drawn != 0 {
                return drawn;
            }
        }
    }
}
