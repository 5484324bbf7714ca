//! What a figure is compared with.

use std::hint::black_box;
use std::time::Instant as Clock;

use ring::hmac;

/// The one clock of the bench.
#[expect(clippy::disallowed_methods, reason = "a bench measures time")]
pub(crate) fn clock() -> Clock {
    Clock::now()
}

/// Nanoseconds for one HMAC-SHA-256 under a key that is set up for each, over `len` bytes: what a server that keeps
/// 32 bytes a host must at least do for one tag.
pub(crate) fn hmac(len: usize, count: usize) -> f64 {
    let (mut key, data) = ([7u8; 32], vec![1u8; len]);
    let start = clock();
    for i in 0..count {
        key[0] = i as u8;
        let key = hmac::Key::new(hmac::HMAC_SHA256, &key);
        black_box(hmac::sign(&key, black_box(&data)));
    }
    start.elapsed().as_nanos() as f64 / count as f64
}

/// The median.
pub(crate) fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(0.0)
}
