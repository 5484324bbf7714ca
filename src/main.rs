//! The `hms` binary.

use std::process::ExitCode;

fn main() -> ExitCode {
    hms::cli::run(std::env::args_os())
}
