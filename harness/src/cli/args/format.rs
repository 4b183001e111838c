//! How results are printed, and the headings of `--help` that several commands share.

use clap::ValueEnum;

/// The heading over options that say what a command lists, explains or removes.
pub(super) const SELECTION: &str = "Selection";
/// The heading over options that say how a command runs.
pub(super) const EXECUTION: &str = "Execution";
/// The heading over options that say where results go, and how.
pub(super) const OUTPUT: &str = "Output";

/// How to print data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Text for people
    Human,
    /// The content of run.json, and nothing else
    Json,
}

/// How to print an earlier run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ReportFormat {
    /// Text for people, as at the end of the run
    Human,
    /// The content of run.json
    Json,
    /// JUnit XML
    Junit,
    /// Markdown
    Markdown,
    /// A single HTML page
    Html,
    /// A table: a line for each check, or for each second of load
    Csv,
}

/// How to print the comparison of two runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum CompareFormat {
    /// Text for people
    Human,
    /// A single HTML page with both runs in each chart; for two runs of rct load
    Html,
}
