//! The `hms` binary.

use std::process::ExitCode;

use cap::Cap;
use mimalloc::MiMalloc;

// It asks for huge pages: in a large table a heartbeat finds nothing in a cache, and with small pages it waits twice for
// each thing, once for where it is. What is live is counted for `hms status`; heartbeats allocate nothing.
#[global_allocator]
static ALLOCATOR: Cap<MiMalloc> = Cap::new(MiMalloc, usize::MAX);

fn main() -> ExitCode {
    hms::shell::memory::count_by(|| ALLOCATOR.allocated());
    hms::cli::run(std::env::args_os())
}
