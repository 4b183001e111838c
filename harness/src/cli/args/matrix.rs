//! The arguments of `rct matrix` and `rct schema`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::format::OUTPUT;

/// `rct matrix`
#[derive(Debug, Args)]
#[command(after_help = "\
Example: compare the releases that are published with a run of your own
  rct matrix results/published/*.json results/2026-08-22T10-14-03Z-local --out matrix.html

Example: copy a run into a folder of published runs, without what belongs to your machine
  rct matrix results/2026-08-22T10-14-03Z-local --publish results/published")]
pub struct Matrix {
    /// The folders of runs of rct conform, or their run.json files.
    #[arg(required = true, value_name = "RUN")]
    pub run: Vec<PathBuf>,
    /// The page to write [default: matrix.html, unless --publish is given].
    #[arg(long, value_name = "PAGE", help_heading = OUTPUT)]
    pub out: Option<PathBuf>,
    /// Copy each run.json into DIR as PRODUCT-VERSION.json [default: copy nothing].
    ///
    /// The copies name neither the machine nor its addresses, paths and command line.
    #[arg(long, value_name = "DIR", help_heading = OUTPUT)]
    pub publish: Option<PathBuf>,
}

/// `rct schema`
#[derive(Debug, Args)]
#[command(after_help = "\
Example: let an editor complete a suite file whose first line is `#:schema suite.schema.json`
  rct schema suite > suite.schema.json")]
pub struct Schema {
    /// The format whose schema rct prints.
    pub format: SchemaName,
}

/// A format with a JSON Schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum SchemaName {
    /// run.json of rct conform and rct load
    Run,
    /// Suite files
    Suite,
    /// Workload files
    Workload,
}
