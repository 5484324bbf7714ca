//! Whole captures, made here, through the whole tool.

/// Names the rules that a test shows.
macro_rules! shows {
    ($($rule:literal),+) => {
        $(const _: &str = $rule;)+
    };
}

mod damage;
mod flags;
mod keys;
mod layers;
mod links;
mod made;
mod packed;
mod primaries;
mod progress;
mod silence;
mod stats;
mod told;
mod vectors;

use crate::capture::Reader;
use crate::datagram::Datagram;
use crate::dissector::{Dissector, Outcome};
use crate::verify::Keys;

/// All datagrams of a capture, and why reading ended early.
fn dissect(capture: &[u8], keys: Keys) -> (Vec<Datagram>, Dissector, Option<String>) {
    let mut reader = Reader::new(capture);
    let mut dissector = Dissector::new(keys, vec![hms::limits::PORT]);
    let mut datagrams = Vec::new();
    let error = loop {
        match reader.next() {
            Ok(Some(frame)) => {
                if let Outcome::Datagram(datagram) = dissector.frame(&frame) {
                    datagrams.push(*datagram);
                }
            }
            Ok(None) => break None,
            Err(error) => break Some(error.to_string()),
        }
    };
    (datagrams, dissector, error)
}
