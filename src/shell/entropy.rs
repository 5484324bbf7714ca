//! Randomness from the system.

use ring::rand::{SecureRandom, SystemRandom};

/// Random bytes from the operating system.
///
/// # Errors
/// When the system has none to give, which no daemon survives: keys would be guessable.
pub fn bytes<const N: usize>() -> Result<[u8; N], NoEntropy> {
    let mut bytes = [0; N];
    SystemRandom::new().fill(&mut bytes).map_err(|_| NoEntropy)?;
    Ok(bytes)
}

/// Fills `place` with random bytes, for values that cannot report a failure: try [`bytes`](fn@bytes) first.
///
/// # Panics
/// When the system, against its promise, has none after it had some: a guessable key would be worse.
pub fn fill(place: &mut [u8]) {
    assert!(SystemRandom::new().fill(place).is_ok(), "{NoEntropy}");
}

/// A random number.
///
/// # Errors
/// As [`bytes`](fn@bytes).
pub fn number() -> Result<u64, NoEntropy> {
    bytes().map(u64::from_le_bytes)
}

/// The system has no randomness.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoEntropy;

impl std::fmt::Display for NoEntropy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the system gives no random bytes")
    }
}

impl std::error::Error for NoEntropy {}
