//! The binary `rct`.

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    if let Some(status) = targets::guard::take_over() {
        return status;
    }
    harness::cli::run(harness::cli::args::Arguments::parse())
}
