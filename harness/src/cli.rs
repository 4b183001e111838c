//! The commands of `rct`: one file each. Printing happens here and in the reports, nowhere else.

use std::process::ExitCode;

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
mod runtime;
mod signals;
mod target;
mod target_spec;
mod up;

use args::{Arguments, Command};

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
