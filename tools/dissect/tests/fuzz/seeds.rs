//! Captures of real traffic, and the golden datagrams.

use std::fs;
use std::path::Path;

use data_encoding::HEXLOWER;
use serde_json::Value;

use crate::corpus::Entry;
use crate::{ROOT, bodies};

/// As long as an input may be.
const ENTRY_MAX: usize = 4095;

/// The seeds of a target.
pub(crate) fn seeds(target: &str) -> Vec<Vec<u8>> {
    match target {
        "captures" => captures(),
        "payloads" => golden().into_iter().map(|entry| entry.bytes).collect(),
        _ => Vec::new(),
    }
}

/// The begin of each capture, as it is and packed; and fragments, VLANs and the rest that is in them.
fn captures() -> Vec<Vec<u8>> {
    let mut paths: Vec<_> = fs::read_dir(Path::new(ROOT).join("tests/captures"))
        .expect("captures")
        .map(|file| file.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|kind| kind == "pcap" || kind == "pcapng"))
        .collect();
    paths.sort();
    let mut all: Vec<Vec<u8>> = paths.iter().map(|path| fs::read(path).expect("a capture")).collect();
    all.iter_mut().for_each(|capture| capture.truncate(ENTRY_MAX));
    all.extend(packed(&all[0]));
    all.extend(packed(&bodies::capture(&[b"hello", &[1, 3]])));
    all
}

fn packed(capture: &[u8]) -> [Vec<u8>; 2] {
    let mut gzip = Vec::new();
    let mut encoder = flate2::read::GzEncoder::new(capture, flate2::Compression::fast());
    std::io::Read::read_to_end(&mut encoder, &mut gzip).expect("packed");
    let zstd = ruzstd::encoding::compress_to_vec(capture, ruzstd::encoding::CompressionLevel::Fastest);
    [gzip, zstd]
}

/// The golden datagrams between hosts, HMSs and both.
pub(crate) fn golden() -> Vec<Entry> {
    let lists = [
        ("datagrams.json", "datagrams"),
        ("transport.json", "handshake"),
        ("transport.json", "data_of_the_initiator"),
    ];
    lists.into_iter().flat_map(|(file, list)| vectors(file, list)).collect()
}

fn vectors(file: &str, list: &str) -> Vec<Entry> {
    let text = fs::read_to_string(Path::new(ROOT).join("spec/vectors").join(file)).expect("vectors");
    let value: Value = serde_json::from_str(&text).expect("JSON");
    let entry = |vector: &Value| Entry {
        name: vector["name"].as_str().unwrap_or_default().to_owned(),
        bytes: HEXLOWER.decode(vector["bytes"].as_str().expect("bytes").as_bytes()).expect("hex"),
    };
    value[list].as_array().expect("a list").iter().map(entry).collect()
}
