//! The commands of `rct`: one file each. Printing happens here and in the reports, nowhere else.

use std::process::ExitCode;

mod again;
pub mod args;
mod catalogue;
mod clean;
mod compare;
mod completions;
mod conform;
mod explain;
mod failure;
mod lint;
mod list;
mod load;
mod man;
mod matrix;
mod merge;
mod news;
mod out;
mod part;
mod report;
mod runtime;
mod schema;
mod serve;
mod signals;
mod target;
mod target_spec;
mod up;

use args::{Arguments, Command};
use clap::Parser;

use crate::record::ExitStatus;

/// Reads the command line, does what it asks for, and gives the status to exit with.
pub fn run() -> ExitCode {
    match Arguments::try_parse() {
        Ok(arguments) => carry_out(arguments),
        Err(mistake) if mistake.use_stderr() => {
            // clap fits only its help to the terminal, and a message names the words that are allowed.
            out::message(mistake.render().ansi().to_string().trim_end());
            ExitStatus::Usage.into()
        }
        Err(help) => {
            let _closed = help.print();
            ExitStatus::Success.into()
        }
    }
}

fn carry_out(arguments: Arguments) -> ExitCode {
    let outcome = match arguments.command {
        Command::Conform(conform) => conform::run(&conform),
        Command::Load(load) => load::run(&load),
        Command::Up(up) => up::run(&up),
        Command::List(list) => list::run(&list),
        Command::Explain(explain) => explain::run(&explain),
        Command::Lint(lint) => lint::run(&lint),
        Command::Report(report) => report::run(&report),
        Command::Compare(compare) => compare::run(&compare),
        Command::Merge(merge) => merge::run(&merge),
        Command::Matrix(matrix) => matrix::run(&matrix),
        Command::Schema(schema) => schema::run(&schema),
        Command::Clean(clean) => clean::run(&clean),
        Command::Completions(completions) => completions::run(&completions),
        Command::Man(man) => man::run(&man),
    };
    let status = outcome.unwrap_or_else(|failure| {
        out::message(&format!("rct: {failure}"));
        failure.status()
    });
    status.into()
}
