//! The bodies of the fuzz targets, which `cargo test --test fuzz` runs as well.

#[path = "../../../tests/fuzz/bodies/mod.rs"]
#[allow(dead_code)]
mod bodies;
#[path = "../../dissect/tests/fuzz/bodies.rs"]
#[allow(dead_code)]
mod dissect;

/// The target of this name.
pub fn target(name: &str) -> fn(&[u8]) {
    let dissect = dissect::TARGETS.iter().find(|(known, _)| *known == name);
    dissect.map_or_else(|| bodies::target(name), |(_, run)| *run)
}
