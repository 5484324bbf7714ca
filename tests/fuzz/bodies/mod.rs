//! What is fuzzed: one function a target, bytes in, a panic where something does not hold. `cargo test --test fuzz`
//! replays the corpus through them on the stable compiler; `tools/fuzz` looks for more.

mod config;
mod control;
mod host;
mod input;
mod keys;
mod note;
mod packets;
mod peer;
mod relay;
mod secrets;
mod server;
mod signed;
mod snapshot;
mod token;
mod transport;
mod wire;

/// A target: takes any bytes.
pub(crate) type Target = fn(&[u8]);

/// All targets by name. Each has a shell in `tools/fuzz/fuzz_targets` and a corpus in `tests/fuzz/corpus`.
pub(crate) const TARGETS: &[(&str, Target)] = &[
    ("wire", wire::run),
    ("peer", peer::run),
    ("signed", signed::run),
    ("server", server::run),
    ("host", host::run),
    ("snapshot", snapshot::run),
    ("secrets", secrets::run),
    ("token", token::run),
    ("config", config::run),
    ("control", control::run),
    ("relay", relay::run),
    ("transport", transport::run),
    ("packets", packets::run),
    ("note", note::run),
];

/// The target of this name.
pub(crate) fn target(name: &str) -> Target {
    TARGETS.iter().find(|(known, _)| *known == name).expect("a target of the table").1
}
