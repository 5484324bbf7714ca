//! What a long run leaves: how much was played, how often everything happened, what it cost.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::ops::Range;

use serde_json::{Value, json};

use crate::play::Sum;

/// Ticks of the kernel's CPU clock, on every Linux.
const TICKS: f64 = 100.0;

/// CPU seconds of this process, all threads together.
pub fn cpu_seconds() -> f64 {
    let text = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // The second field, a name in brackets, may hold spaces; user and system time are fields 14 and 15.
    let rest = text.rsplit_once(')').map_or("", |(_, rest)| rest);
    let ticks = |field: usize| rest.split_whitespace().nth(field - 3).and_then(|n| n.parse::<f64>().ok());
    (ticks(14).unwrap_or(0.0) + ticks(15).unwrap_or(0.0)) / TICKS
}

fn counts<K: Display>(all: impl Iterator<Item = (K, u64)>) -> Value {
    json!(all.map(|(key, n)| (key.to_string(), n)).collect::<BTreeMap<_, _>>())
}

/// As JSON, for `benches/figures`.
pub fn figures(sum: &Sum, seeds: &Range<u64>, seconds: f64) -> Value {
    let Sum { tally, failed, .. } = sum;
    let violations: Vec<_> =
        failed.iter().map(|(seed, violation)| format!("seed {seed}: {}", violation.broken)).collect();
    json!({
        "first_seed": seeds.start,
        "seeds": tally.seeds + failed.len() as u64,
        "violations": violations,
        "simulated_hours": (tally.simulated.as_secs_f64() / 360.0).round() / 10.0,
        "datagrams": tally.datagrams,
        "cpu_seconds": cpu_seconds().round(),
        "seconds": seconds.round(),
        "bytes_out_per_byte_in_unproven_at_most": tally.gain as f64 / 1000.0,
        "heap_bytes_of_an_hms_at_most": tally.heap,
        "messages": counts(tally.kinds.iter().map(|(k, n)| (k, *n))),
        "faults": counts(tally.faults.iter().map(|(k, n)| (format!("{k:?}"), *n))),
        "attacks": counts(tally.attacks.iter().map(|(k, n)| (format!("{k:?}"), *n))),
        "spoofed": counts(tally.spoofed.iter().map(|(k, n)| (k, *n))),
        "events": counts(tally.events.iter().map(|(k, n)| (k, *n))),
        "never_occurred": tally.missing(),
    })
}
