//! The whole of hms-dissect after any bytes: as a capture, and as a datagram in one.

use std::sync::LazyLock;

use clap::Parser as _;
use hms_dissect::{Args, Keys};
use serde_json::Value;

pub(crate) type Target = fn(&[u8]);

pub(crate) const TARGETS: &[(&str, Target)] = &[("captures", captures), ("payloads", payloads)];

/// Keys of the golden vectors, and of a link in `tests/captures`.
const SECRETS: [&[u8]; 3] = [
    include_bytes!("vectors.secrets.json"),
    include_bytes!("../../../../tests/captures/failover.secrets.json"),
    include_bytes!("../../../../tests/captures/failover.keylog"),
];

/// Everything that can be made of a capture.
static WAYS: LazyLock<Vec<Args>> = LazyLock::new(|| {
    let ways = [
        "",
        "-v",
        "--json",
        "--stats",
        "--stats --json",
        "--follow anna",
        "--type ack,data --address 10.1.0.1",
    ];
    let args =
        |way: &str| Args::parse_from(["hms-dissect", "x.pcap"].into_iter().chain(way.split_whitespace()));
    ways.into_iter().map(args).collect()
});
pub(crate) const LINES: usize = 0;
const TREES: usize = 1;
const JSON: usize = 2;
const STATS: usize = 3;
const STATS_JSON: usize = 4;
const LADDER: usize = 5;
const FEW: usize = 6;

/// What was said of a capture.
pub(crate) struct Said {
    pub(crate) out: String,
    pub(crate) aside: String,
    /// Why reading ended early.
    pub(crate) failure: Option<String>,
}

pub(crate) fn keys() -> Keys {
    let mut keys = Keys::default();
    SECRETS.iter().for_each(|bytes| keys.add(bytes).expect("keys"));
    keys
}

/// One way of showing a capture.
pub(crate) fn show(capture: &[u8], way: usize, keys: Keys) -> Said {
    let (mut out, mut aside) = (Vec::new(), Vec::new());
    let failure =
        hms_dissect::dissect(&WAYS[way], keys, capture, &mut out, &mut aside).expect("memory takes all");
    let said = Said { out: text(out), aside: text(aside), failure };
    if let Some(failure) = &said.failure {
        assert!(failure.starts_with("x.pcap: ") && failure.len() > 20, "{failure}");
        harmless(failure);
    }
    // Twenty notes, that there are more, and that nobody of that name is there.
    let most = 21 + usize::from(way == LADDER);
    assert!(said.aside.lines().count() <= most, "{}", said.aside);
    said
}

/// Nothing that somebody sent acts on a terminal.
fn text(bytes: Vec<u8>) -> String {
    let text = String::from_utf8(bytes).expect("UTF-8");
    harmless(&text);
    text
}

fn harmless(text: &str) {
    let acts = |c: char| c.is_control() && c != '\n';
    assert!(!text.contains(acts), "{:?}", text.chars().find(|c| acts(*c)));
}

fn captures(data: &[u8]) {
    let (without, with) = (every_way(data, Keys::default), every_way(data, keys));
    assert_eq!(without, with, "keys change nothing in what can be read");
}

/// Shows a capture in every way; how many datagrams that were, and why reading ended early.
fn every_way(data: &[u8], keys: fn() -> Keys) -> (usize, Option<String>) {
    let said: Vec<_> = (0..WAYS.len()).map(|way| show(data, way, keys())).collect();
    // However it is shown, the same was read.
    said.iter().for_each(|one| assert_eq!(one.failure, said[LINES].failure));
    let figures: Value = serde_json::from_str(&said[STATS_JSON].out).expect("JSON");
    let count = |of: &str| figures[of].as_u64().expect("a count") as usize;
    let count = count("datagrams") + count("foreign");
    let lines = |way: usize| said[way].out.lines();
    assert_eq!(lines(LINES).count(), count);
    let objects: Vec<Value> = lines(JSON).map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!(objects.len(), count);
    assert!(lines(TREES).count() >= count && lines(FEW).count() <= count);
    assert!(lines(STATS).next().is_some());
    assert!(lines(LADDER).next().is_some() || said[LADDER].aside.contains("nothing of anna"));
    (count, said[LINES].failure.clone())
}

fn payloads(data: &[u8]) {
    let capture = capture(&[data]);
    captures(&capture);
    let said = show(&capture, LINES, keys());
    assert_eq!((said.out.lines().count(), said.failure, said.aside.as_str()), (1, None, ""));
}

/// A capture of these datagrams, to and from an HMS in turn, a millisecond apart.
pub(crate) fn capture(payloads: &[&[u8]]) -> Vec<u8> {
    let mut file =
        vec![0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0, 0, 101, 0, 0, 0];
    for (at, payload) in payloads.iter().enumerate() {
        let (host, hms) = ([10, 1, 0, 9, 0x9c, 0x40], [10, 1, 0, 1, 0x1a, 0x36]);
        let (from, to) = if at % 2 == 0 { (host, hms) } else { (hms, host) };
        let length = 28 + payload.len();
        for word in [1_700_000_000 + at / 1000, at % 1000 * 1000, length, length] {
            file.extend_from_slice(&(word as u32).to_le_bytes());
        }
        file.extend_from_slice(&[0x45, 0]);
        file.extend_from_slice(&(length as u16).to_be_bytes());
        file.extend_from_slice(&[0, 0, 0, 0, 64, 17, 0, 0]);
        [&from[..4], &to[..4], &from[4..], &to[4..]].iter().for_each(|part| file.extend_from_slice(part));
        file.extend_from_slice(&(8 + payload.len() as u16).to_be_bytes());
        file.extend_from_slice(&[0, 0]);
        file.extend_from_slice(payload);
    }
    file
}
