//! Digests by which HMSs compare what they hold (spec 10.5, 10.9). Sums of them are taken modulo 2^64.

use zeroize::Zeroizing;

use super::hash;
use crate::wire::peer::{Fact, Row};

/// Digest of a row: the same at every HMS that has the row (R-PEE-76).
pub fn row_digest(row: &Row<'_>) -> u64 {
    hash::first_u64(&hash::sha256(&[b"hms1 row", row.as_bytes()]))
}

/// Digest of a fact (R-PEE-27).
pub fn fact_digest(fact: &Fact<'_>) -> u64 {
    // Longer than any fact, so that no copy of a realm's secret is left behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(128));
    fact.emit_hashed(&mut bytes);
    hash::first_u64(&hash::sha256(&[b"hms1 fact", &bytes]))
}
