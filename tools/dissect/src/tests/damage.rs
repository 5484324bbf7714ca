//! Damaged capture files: an error that says where, never a panic, never a hang.

use super::made::{self, ETHERNET};
use super::{Keys, dissect};
use crate::dissector::tree;
use crate::show::{follow::Ladder, json, line, stats::Stats, verbose};

fn captures() -> Vec<Vec<u8>> {
    let text = include_str!("../../../../spec/vectors/datagrams.json");
    let vectors: serde_json::Value = serde_json::from_str(text).expect("JSON");
    let frames: Vec<_> = vectors["datagrams"]
        .as_array()
        .expect("a list")
        .iter()
        .step_by(4)
        .map(|vector| {
            let hex = vector["bytes"].as_str().expect("bytes");
            made::frame(true, &data_encoding::HEXLOWER.decode(hex.as_bytes()).expect("hex"))
        })
        .collect();
    vec![made::pcap(ETHERNET, &frames), made::pcapng(1, &frames)]
}

/// Everything that can be shown of a capture.
fn show(capture: &[u8]) -> (usize, Option<String>) {
    let (datagrams, mut dissector, error) = dissect(capture, Keys::default());
    let (mut ladder, mut stats) = (Ladder::default(), Stats::default());
    for datagram in &datagrams {
        let tree = tree(datagram);
        let shown = [
            line::line(datagram),
            verbose::verbose(datagram, &tree),
            json::datagram(datagram, &tree).to_string(),
        ];
        assert!(shown.iter().all(|text| !text.is_empty()));
        assert!(!ladder.datagram(datagram).is_empty());
        stats.datagram(datagram);
    }
    assert!(stats.text(&dissector).contains("packets") && stats.json(&dissector).is_object());
    dissector.incomplete(true);
    (datagrams.len(), error)
}

#[test]
fn every_prefix_gives_what_it_holds_and_says_where_it_ends() {
    for capture in captures() {
        let (all, error) = show(&capture);
        assert_eq!((all, error), (10, None));
        let mut before = 0;
        for length in 0..capture.len() {
            let (datagrams, _, error) = dissect(capture.split_at(length).0, Keys::default());
            let count = datagrams.len();
            assert!(count >= before && count <= all, "{length}");
            before = count;
            // Between two packets nobody can know that more was to come.
            if let Some(error) = error {
                assert!(error.starts_with("byte ") && error.contains(';'), "{length}: {error}");
            }
        }
    }
}

#[test]
fn mutated_captures_never_panic() {
    let mut seed = 0x2545_f491_4f6c_dd1d_u64;
    let mut next = || {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        seed
    };
    for capture in captures() {
        for round in 0..1000 {
            let mut copy = capture.clone();
            for _ in 0..=next() % 6 {
                let at = next() as usize % copy.len();
                let byte = if next() % 3 == 0 {
                    [0x00, 0xff, 0x7f, 0x80][next() as usize % 4]
                } else {
                    next() as u8
                };
                copy[at] = byte;
            }
            if round % 20 == 0 {
                show(&copy);
            } else {
                dissect(&copy, Keys::default());
            }
        }
    }
}

#[test]
fn lengths_in_the_file_are_not_trusted() {
    let mut huge = made::pcap(ETHERNET, &[made::frame(true, &[1; 60])]);
    huge.splice(32..36, [0xff; 4]);
    let (datagrams, _, error) = dissect(&huge, Keys::default());
    assert!(datagrams.is_empty());
    assert!(error.as_ref().is_some_and(|error| error.contains("a block of 4294967311 bytes")), "{error:?}");
    let (_, _, error) = dissect(b"hello, this is no capture at all", Keys::default());
    assert!(
        error.as_ref().is_some_and(|error| error.contains("neither pcap nor pcapng (it begins 68656c6c)")),
        "{error:?}"
    );
}
