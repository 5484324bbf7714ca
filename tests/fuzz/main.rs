//! The fuzz targets on the stable compiler: every entry of every corpus, all that was ever found, the golden
//! datagrams, the seeds, and a bounded number of bent copies of each. `tools/fuzz/README.md` says how to look for more.

mod bodies;
mod corpus;
mod replay;
mod seeds;

use bodies::TARGETS;
use corpus::{Entry, entries};
use replay::replay;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

macro_rules! replays {
    ($($name:ident),+) => {
        $(#[test] fn $name() { replay(stringify!($name), bodies::target(stringify!($name))); })+

        #[test]
        fn every_target_is_replayed() {
            let replayed = [$(stringify!($name)),+];
            let known: Vec<&str> = TARGETS.iter().map(|(name, _)| *name).collect();
            assert_eq!(known, replayed);
        }
    };
}

replays!(
    wire, peer, signed, server, host, snapshot, secrets, token, config, control, relay, transport, packets,
    note
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
