//! The `hms` binary.

use std::process::ExitCode;

use mimalloc::MiMalloc;

// It asks for huge pages: in a large table a heartbeat finds nothing in a cache, and with small pages it waits twice for
// each thing, once for where it is.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    hms::cli::run(std::env::args_os())
}
