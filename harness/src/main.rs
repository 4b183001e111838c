//! The binary `rct`.

use std::process::ExitCode;

fn main() -> ExitCode {
    if let Some(status) = targets::guard::take_over() {
        return status;
    }
    harness::cli::run()
}
