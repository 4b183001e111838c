//! The binary `rct`.

fn main() -> std::process::ExitCode {
    harness::exit::ExitStatus::NothingRan.into()
}
