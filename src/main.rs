//! The `hms` binary.
fn main() {}
