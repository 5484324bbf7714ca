//! What was given to the streams of links, and what arrived of it: whole, once, in order, nothing else.

use std::collections::BTreeMap;

use hms::transport::{LinkId, Priority};

/// Rows of messages: each stream of each link of each process makes one.
#[derive(Default)]
pub(super) struct Rows {
    given: BTreeMap<String, u64>,
    /// By receiver, its process, link and stream: the row that arrives there, and how much of it.
    arrived: BTreeMap<(usize, u32, LinkId, Priority), (String, u64)>,
}

/// One end of a link: the endpoint, its process, its link.
pub(super) type End = (usize, u32, LinkId);

fn name((at, incarnation, link): End, stream: Priority) -> String {
    format!("{at} {incarnation} {link} {stream:?}")
}

/// The next message of a row: name and number, and behind them what both decide, as much as was asked for.
fn message(name: &str, number: u64, len: usize) -> Vec<u8> {
    let mut bytes = format!("{name} {number} {len} ").into_bytes();
    let first = bytes.iter().fold(number as u8, |sum, byte| sum.wrapping_mul(31).wrapping_add(*byte));
    bytes.extend((0..len).map(|at| first.wrapping_add(at as u8)));
    bytes
}

impl Rows {
    /// The next message of a stream.
    pub(super) fn next(&self, end: End, stream: Priority, len: usize) -> Vec<u8> {
        let name = name(end, stream);
        message(&name, self.given.get(&name).copied().unwrap_or(0), len)
    }

    /// It was taken.
    pub(super) fn took(&mut self, end: End, stream: Priority) {
        *self.given.entry(name(end, stream)).or_default() += 1;
    }

    /// A message came out at the other end.
    pub(super) fn arrive(&mut self, end: End, stream: Priority, got: &[u8]) {
        let text = String::from_utf8_lossy(got);
        let words: Vec<&str> = text.splitn(7, ' ').collect();
        let number = |at: usize| words.get(at).and_then(|word| word.parse::<u64>().ok()).expect("a number");
        let (row, n) = (words[..4].join(" "), number(4));
        assert_eq!(words[3], format!("{stream:?}"), "another stream");
        assert!(got == message(&row, n, number(5) as usize), "{row}: changed");
        assert!(self.given.get(&row).is_some_and(|given| n < *given), "{row}: nobody gave {n}");
        let before = self.arrived.entry((end.0, end.1, end.2, stream)).or_insert_with(|| (row.clone(), 0));
        assert_eq!(*before, (row, n), "once, in order, from one sender");
        before.1 += 1;
    }

    /// All that was given to this end has arrived at the other.
    pub(super) fn complete(&self, end: End) {
        for stream in Priority::ALL {
            let name = name(end, stream);
            let given = self.given.get(&name).copied().unwrap_or(0);
            let arrived = self.arrived.values().find(|(row, _)| *row == name).map_or(0, |(_, n)| *n);
            assert_eq!(arrived, given, "{name}");
        }
    }
}
