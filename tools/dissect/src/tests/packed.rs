//! Captures that gzip or zstd packed.

use std::io::{Read as _, Write as _};

use flate2::Compression;
use flate2::write::GzEncoder;
use ruzstd::encoding::{CompressionLevel, compress_to_vec};

use super::made::{self, ETHERNET};
use crate::capture::{Reader, unpack};

/// Packets that were read, and why reading ended early.
fn read(file: &[u8]) -> (u64, Option<String>) {
    let mut reader = match unpack(file) {
        Ok(from) => Reader::new(from),
        Err(error) => return (0, Some(error.to_string())),
    };
    let mut packets = 0;
    loop {
        match reader.next() {
            Ok(Some(_)) => packets += 1,
            Ok(None) => return (packets, None),
            Err(error) => return (packets, Some(error.to_string())),
        }
    }
}

fn capture() -> Vec<u8> {
    let frames: Vec<_> = (0..60_u8).map(|number| made::frame(true, &[number; 60])).collect();
    made::pcap(ETHERNET, &frames)
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).expect("packed");
    encoder.finish().expect("packed")
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    compress_to_vec(bytes, CompressionLevel::Fastest)
}

#[test]
fn packed_captures_are_read_also_in_several_pieces() {
    let capture = capture();
    let (one, two) = capture.split_at(1000);
    assert_eq!(read(&gzip(&capture)), (60, None));
    assert_eq!(read(&[gzip(one), gzip(two)].concat()), (60, None));
    assert_eq!(read(&zstd(&capture)), (60, None));
    // Of frames without data, which pzstd writes, before, between and behind.
    let skipped = [[0x50, 0x2a, 0x4d, 0x18, 5, 0, 0, 0].as_slice(), b"hello"].concat();
    let pieces = [skipped.clone(), zstd(one), skipped.clone(), skipped.clone(), zstd(two), skipped];
    assert_eq!(read(&pieces.concat()), (60, None));
}

#[test]
fn a_packed_capture_that_ends_early_or_was_changed_is_named_so() {
    let capture = capture();
    for packed in [gzip(&capture), zstd(&capture)] {
        for length in 5..packed.len() {
            let (packets, error) = read(&packed[..length]);
            assert!(packets <= 60 && error.is_some_and(|error| error.contains("; ")), "{length}");
        }
    }
    let packed = zstd(&capture);
    let mut told = 0;
    for at in 4..packed.len() {
        let mut bent = packed.clone();
        bent[at] ^= 0x10;
        match read(&bent) {
            (packets, None) => assert_eq!(packets, 60, "byte {at}"),
            (_, Some(error)) => told += usize::from(error.contains("damaged zstd data: ")),
        }
    }
    assert!(told > packed.len() / 2, "{told} of {}", packed.len());
}

/// A frame of one block that is the same byte, and a window of so many bytes (2^(10 + exponent)).
fn claims(exponent: u8) -> Vec<u8> {
    [[0x28, 0xb5, 0x2f, 0xfd, 0, exponent << 3], [0x03, 0x00, 0x10, 0x55, 0, 0]].concat()
}

#[test]
fn a_window_that_takes_too_much_memory_is_refused() {
    let (_, error) = read(&claims(18));
    assert!(error.as_ref().is_some_and(|error| error.contains("damaged zstd data: ")), "{error:?}");
    assert!(error.is_some_and(|error| error.to_lowercase().contains("window")));
    let mut whole = Vec::new();
    let error = unpack(&claims(17)[..]).and_then(|mut from| from.read_to_end(&mut whole));
    assert!(error.is_err(), "two bytes behind the frame are no frame");
    assert!(whole.len() == 1 << 17 && whole.iter().all(|byte| *byte == 0x55), "{}", whole.len());
}
