//! The fuzz targets of the dissector on the stable compiler, as `tests/fuzz` has those of the library; and many
//! datagrams that were bent, in one capture.

mod bodies;
#[path = "../../../../tests/fuzz/corpus.rs"]
mod corpus;
#[path = "../../../../tests/fuzz/replay.rs"]
mod replay;
mod seeds;

use std::collections::BTreeSet;

use corpus::{Entry, bent};

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
/// `.ci/long dissect` has a million, through the program.
const BENT: usize = 20_000;

#[test]
fn targets() {
    bodies::TARGETS.iter().for_each(|(name, run)| replay::replay(name, *run));
}

#[test]
fn each_bent_datagram_has_one_line() {
    let golden: Vec<Entry> = seeds::golden();
    let each = BENT / golden.len() + 1;
    let bent = golden.iter().enumerate().flat_map(|(at, entry)| {
        let other = &golden[(at * 7 + 1) % golden.len()];
        (0..each).map(move |round| bent(entry, other, round))
    });
    let payloads: Vec<Vec<u8>> = bent.collect();
    let capture = bodies::capture(&payloads.iter().map(Vec::as_slice).collect::<Vec<_>>());
    let said = bodies::show(&capture, bodies::LINES, bodies::keys());
    assert_eq!((said.failure, said.aside.as_str()), (None, ""));
    let numbers: Vec<usize> = said
        .out
        .lines()
        .map(|line| line.split_whitespace().next().and_then(|number| number.parse().ok()).expect("a number"))
        .collect();
    assert!(payloads.len() >= BENT && numbers.iter().copied().eq(1..=payloads.len()));
    // They reach most of what can be said of one.
    let verdicts: BTreeSet<&str> =
        said.out.split("  [").skip(1).filter_map(|rest| rest.split(']').next()).collect();
    for verdict in
        ["✓", "no proof", "unchecked", "✗ wrong tag", "✗ wrong checksum", "✗ unknown key", "✗ replayed"]
    {
        assert!(verdicts.contains(verdict), "{verdict} of {verdicts:?}");
    }
}
