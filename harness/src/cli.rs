//! The commands of `rct`: one file each. Printing happens here and in the reports, nowhere else.

use std::process::ExitCode;

use crate::record::ExitStatus;

mod again;
pub mod args;
mod clean;
mod conform;
mod describe;
mod failure;
mod lint;
mod load;
mod out;
mod replay;
mod signals;
mod target;
mod target_spec;
mod up;

use args::{Arguments, Command};
pub use failure::Failure;

/// Does what the command line asks for, and gives the status to exit with.
pub fn run(arguments: Arguments) -> ExitCode {
    let outcome = match arguments.command {
        Command::Conform(conform) => conform::run(&conform),
        Command::Load(load) => load::run(&load),
        Command::Up(up) => up::run(&up),
        Command::List(list) => describe::list(&list),
        Command::Explain(explain) => describe::explain(&explain),
        Command::Lint(lint) => lint::run(&lint),
        Command::Report(report) => replay::report(&report),
        Command::Compare(compare) => replay::compare(&compare),
        Command::Clean(clean) => clean::run(&clean),
        Command::Completions(completions) => describe::completions(&completions),
    };
    let status = outcome.unwrap_or_else(|failure| {
        out::talk(&format!("rct: {failure}"));
        failure.status()
    });
    status.into()
}

/// A runtime on this thread, with a set for tasks that stay on it.
fn on_this_thread<T>(future: impl Future<Output = T>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime =
        runtime.map_err(|error| Failure::new(ExitStatus::ClusterLost, format!("start a runtime: {error}")))?;
    Ok(tokio::task::LocalSet::new().block_on(&runtime, future))
}
