//! `hms-dissect`: reads packet captures and tells what HMSs and hosts said, and whether it could be believed.
//!
//! `capture` gives frames, `link` and `ip` take the layers off, `recognise` says what is ours; `datagram` asks the
//! library's parsers, `verify` its keys, `links` opens what HMSs say to each other and `opened` writes it down, `table` and
//! `requests` what was seen before; `fields` walks the bytes, `show` prints,
//! `progress` tells what is beside the data.

mod args;
mod bounded;
mod capture;
mod datagram;
mod dissector;
mod expert;
mod fields;
mod ip;
mod link;
mod links;
mod opened;
mod progress;
mod recognise;
mod requests;
mod run;
mod show;
mod table;
#[cfg(test)]
mod tests;
mod tree;
mod verify;
mod words;

pub use args::Args;
pub use run::{dissect, run};
pub use verify::Keys;
