//! The fuzz targets on the stable compiler: every entry of every corpus, all that was ever found, the golden
//! datagrams, the seeds, and a bounded number of bent copies of each. `tools/fuzz/README.md` says how to look for more.

mod bodies;
mod corpus;
mod seeds;

use std::panic::{AssertUnwindSafe, catch_unwind};

use bodies::TARGETS;
use corpus::{Entry, bent, entries};

/// Bent copies for a target, shared out over its entries: seconds, not minutes. `HMS_FUZZ_BENT` asks for more.
const BENT: usize = 1500;

fn replay(name: &str) {
    let run = bodies::target(name);
    let entries = entries(name);
    assert!(!entries.is_empty(), "no corpus for {name}");
    let more = std::env::var("HMS_FUZZ_BENT").ok().and_then(|number| number.parse().ok());
    let each = (more.unwrap_or(BENT) / entries.len()).max(1);
    for (at, entry) in entries.iter().enumerate() {
        let other = &entries[(at * 7 + 1) % entries.len()];
        try_one(name, run, &entry.name, &entry.bytes);
        for round in 0..each {
            let bytes = bent(entry, other, round);
            try_one(name, run, &format!("{} bent {round}", entry.name), &bytes);
        }
    }
}

/// Runs one input; a panic tells which one, as a file for `cargo fuzz run`.
fn try_one(target: &str, run: bodies::Target, what: &str, bytes: &[u8]) {
    if catch_unwind(AssertUnwindSafe(|| run(bytes))).is_err() {
        let path = std::env::temp_dir().join(format!("hms-fuzz-{target}"));
        let kept =
            std::fs::write(&path, bytes).map_or_else(|e| e.to_string(), |()| path.display().to_string());
        panic!("{target}: {what} (kept as {kept})");
    }
}

macro_rules! replays {
    ($($name:ident),+) => {
        $(#[test] fn $name() { replay(stringify!($name)); })+

        #[test]
        fn every_target_is_replayed() {
            let replayed = [$(stringify!($name)),+];
            let known: Vec<&str> = TARGETS.iter().map(|(name, _)| *name).collect();
            assert_eq!(known, replayed);
        }
    };
}

replays!(
    wire, peer, signed, server, host, snapshot, secrets, token, config, control, relay, transport, packets
);

#[test]
fn the_corpus_is_small() {
    let mut all = 0;
    for (name, _) in TARGETS {
        for Entry { name: entry, bytes } in entries(name) {
            assert!(bytes.len() < 4096, "{name}: {entry} has {} bytes", bytes.len());
            all += bytes.len();
        }
    }
    assert!(all < 2 << 20, "{all} bytes");
}
