//! One target after all inputs of its corpus, and bent copies of them.

use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::bodies::Target;
use crate::corpus::{bent, entries};

/// Bent copies for a target, shared out over its entries: seconds, not minutes. `HMS_FUZZ_BENT` asks for more.
const BENT: usize = 1500;

pub(crate) fn replay(name: &str, run: Target) {
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
fn try_one(target: &str, run: Target, what: &str, bytes: &[u8]) {
    if catch_unwind(AssertUnwindSafe(|| run(bytes))).is_err() {
        let path = std::env::temp_dir().join(format!("hms-fuzz-{target}"));
        let kept =
            std::fs::write(&path, bytes).map_or_else(|e| e.to_string(), |()| path.display().to_string());
        panic!("{target}: {what} (kept as {kept})");
    }
}
