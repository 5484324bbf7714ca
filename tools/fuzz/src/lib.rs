//! The bodies of the fuzz targets, which `cargo test --test fuzz` runs as well.

#[path = "../../../tests/fuzz/bodies/mod.rs"]
#[allow(dead_code)]
mod bodies;

/// The target of this name.
pub fn target(name: &str) -> fn(&[u8]) {
    bodies::target(name)
}
