//! `spec/vectors/peering.json`: messages between HMSs, and the digests by which they compare what they hold.

mod cluster;
mod fields;
mod judged;
mod samples;

use hms::auth::{fact_digest, row_digest};
use hms::shows;
use hms::wire::peer::{Fact, PeerKind, PeerMessage, Row};
use serde_json::{Value, json};

use crate::{hex, settle};

/// One message as JSON, decoded from its bytes.
fn message(name: &str, bytes: &[u8]) -> Value {
    let kind = PeerKind::from_code(bytes[0]);
    let stream = kind.stream().expect("a known type");
    let message = PeerMessage::parse(stream, bytes).expect("a message");
    let mut again = Vec::new();
    message.emit(&mut again);
    assert_eq!(again, bytes, "{name}");
    json!({
        "name": name, "type": kind.name(), "type_code": kind.code(), "stream": fields::stream(stream),
        "fields": fields::message(&message), "bytes": hex(bytes),
    })
}

fn row(home: &str, row: &Row<'_>) -> Value {
    json!({
        "home": home, "row": fields::row(row), "bytes": hex(row.as_bytes()),
        "bucket": row.head.user.sum_bucket(), "digest": row_digest(row).to_string(),
    })
}

/// The sums of a home that has these rows.
fn sums(home: &str, rows: &[Row<'_>]) -> Value {
    let mut buckets = std::collections::BTreeMap::<usize, u64>::new();
    for row in rows {
        let sum = buckets.entry(row.head.user.sum_bucket()).or_default();
        *sum = sum.wrapping_add(row_digest(row));
    }
    let root = buckets.values().fold(0, |sum: u64, digest| sum.wrapping_add(*digest));
    json!({ "home": home, "rows": rows.len(), "buckets": fields::digests(buckets), "root": root.to_string() })
}

fn rows() -> Value {
    let (first, second) = samples::rows();
    let read = |rows: &'static [Vec<u8>]| -> Vec<Row<'static>> {
        rows.iter().map(|bytes| Row::parse(bytes, 0).expect("a row")).collect()
    };
    let homes = [("atlas", read(first.leak())), ("osaka", read(second.leak()))];
    let all = homes.iter().flat_map(|(home, rows)| rows.iter().map(|one| row(home, one)));
    json!({
        "rows": all.collect::<Vec<_>>(),
        "sums": homes.iter().map(|(home, rows)| sums(home, rows)).collect::<Vec<_>>(),
    })
}

fn facts() -> Value {
    let one = |fact: &Fact<'_>| {
        let mut hashed = Vec::new();
        fact.emit_hashed(&mut hashed);
        json!({ "fact": fields::fact(fact), "hashed": hex(hashed), "digest": fact_digest(fact).to_string() })
    };
    let all = samples::facts();
    let digest = all.iter().fold(0, |sum: u64, fact| sum.wrapping_add(fact_digest(fact)));
    json!({ "facts": all.iter().map(one).collect::<Vec<_>>(), "facts_digest": digest.to_string() })
}

#[test]
fn peering() {
    shows!("R-PEE-07", "R-PEE-25", "R-PEE-27", "R-PEE-31", "R-PEE-57", "R-PEE-76", "R-PEE-79");
    shows!("R-PEE-02", "R-PEE-23", "R-PEE-45", "R-PEE-50", "R-PEE-51", "R-PEE-53");
    let all = samples::messages();
    for kind in PeerKind::ALL {
        assert!(all.iter().any(|(_, bytes)| bytes[0] == kind.code()), "no {kind}");
    }
    let messages: Vec<Value> = all.iter().map(|(name, bytes)| message(name, bytes)).collect();
    let value = json!({
        "messages": messages, "rows": rows(), "facts": facts(),
        "merges": cluster::merges(), "invitation": cluster::invitation(), "sessions": judged::sessions(),
        "lines": judged::lines(), "primaries": judged::primaries(), "twins": judged::twins(),
    });
    settle("peering.json", &value);
}
