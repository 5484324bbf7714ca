//! The commands as a person or a script uses them: the real binary, on loopback.
#![allow(clippy::disallowed_methods, reason = "it tells how long it took")]

#[path = "cli/capture.rs"]
mod capture;
#[path = "cli/harness.rs"]
mod harness;
#[path = "cli/kills.rs"]
mod kills;
#[path = "cli/offline.rs"]
mod offline;
#[path = "cli/pair.rs"]
mod pair;
#[path = "cli/running.rs"]
mod running;
