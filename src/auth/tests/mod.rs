//! Vectors and properties of chapter 3. The expected bytes of the key tree were computed by another program.

mod cookies;
mod digests;
mod keyring;
mod keys;
mod primitives;
mod tags;
mod windows;

use data_encoding::HEXLOWER;

/// Bytes written in hexadecimal digits.
fn hex(text: &str) -> Vec<u8> {
    HEXLOWER.decode(text.as_bytes()).expect("hexadecimal digits")
}

/// Exactly 32 of them.
fn hex32(text: &str) -> [u8; 32] {
    hex(text).try_into().expect("32 bytes")
}
