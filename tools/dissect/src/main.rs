//! The program around the library.

use std::process::ExitCode;

use clap::Parser as _;

/// Four small allocations a datagram.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    match hms_dissect::run(&hms_dissect::Args::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("hms-dissect: {error}");
            ExitCode::FAILURE
        }
    }
}
