//! The primitives, each in the one form in which chapters 3 and 9 use it.

use ring::{digest, hmac};

/// Length of SHA-256 and of every key.
pub(crate) const LEN: usize = 32;

/// A key made ready for many HMACs.
pub(crate) fn mac_key(bytes: &[u8]) -> hmac::Key {
    hmac::Key::new(hmac::HMAC_SHA256, bytes)
}

/// HMAC-SHA-256 over the parts, one behind the other.
pub(crate) fn mac(key: &hmac::Key, parts: &[&[u8]]) -> [u8; LEN] {
    let mut context = hmac::Context::with_key(key);
    parts.iter().for_each(|part| context.update(part));
    array(context.sign().as_ref())
}

/// HKDF-Extract (RFC 5869, 2.2), ready for [`expand`].
pub(crate) fn extract(salt: &[u8], secret: &[u8]) -> hmac::Key {
    mac_key(&mac(&mac_key(salt), &[secret]))
}

/// HKDF-Expand to 32 bytes (RFC 5869, 2.3): with SHA-256 that is its first block and nothing else.
pub(crate) fn expand(prk: &hmac::Key, info: &[&[u8]]) -> [u8; LEN] {
    let mut context = hmac::Context::with_key(prk);
    info.iter().for_each(|part| context.update(part));
    context.update(&[1]);
    array(context.sign().as_ref())
}

/// SHA-256 over the parts, one behind the other.
pub(crate) fn sha256(parts: &[&[u8]]) -> [u8; LEN] {
    let mut context = digest::Context::new(&digest::SHA256);
    parts.iter().for_each(|part| context.update(part));
    array(context.finish().as_ref())
}

/// The first `N` bytes of a hash.
pub(crate) fn first<const N: usize>(hash: &[u8; LEN]) -> [u8; N] {
    const { assert!(N <= LEN) };
    array(hash.split_at(N).0)
}

/// The first 8 bytes of a hash as a number.
pub(crate) fn first_u64(hash: &[u8; LEN]) -> u64 {
    u64::from_be_bytes(first(hash))
}

fn array<const N: usize>(bytes: &[u8]) -> [u8; N] {
    let mut array = [0; N];
    array.copy_from_slice(bytes);
    array
}
