//! The arguments of `rct merge`.

use std::path::PathBuf;

use clap::Args;

use super::format::{Format, OUTPUT};

/// `rct merge`
#[derive(Debug, Args)]
#[command(after_help = "\
Example: make one run of the runs of three generators
  rct merge shared/results --fail-if 'response.p99 > 5ms'

Exit status: 0 all parts are there and valid, and no --fail-if is true; 1 a --fail-if is true; 2 wrong usage; 3 a part \
is missing, belongs to another run, is there twice or is not valid, or rct could not judge a --fail-if.")]
pub struct Merge {
    /// The folders of the runs of rct load --part K/N, one for each K.
    ///
    /// A folder that is not a run itself stands for all parts below it, such as a folder that all generators share.
    #[arg(required = true, value_name = "RUN")]
    pub run: Vec<PathBuf>,
    /// Take the parts out of this cluster, where rct load --results-in-cluster left them; RUN is then the rendezvous.
    ///
    /// rct writes the parts into a folder of --out, and deletes them from the cluster. RCT_USERNAME and RCT_PASSWORD give
    /// the credentials that the address leaves out.
    #[arg(long, value_name = "TARGET")]
    pub from: Option<String>,
    /// Fail if this is true of the merged run, such as 'response.p99 > 5ms' (repeatable) [default: no gate].
    ///
    /// The expressions are those of rct load.
    #[arg(long, value_name = "EXPRESSION")]
    pub fail_if: Vec<String>,
    /// The folder in which rct creates the folder of the merged run.
    #[arg(long, value_name = "DIR", default_value = "results", help_heading = OUTPUT)]
    pub out: PathBuf,
    /// The format of the outcome on stdout.
    #[arg(long, value_name = "FORMAT", default_value = "human", help_heading = OUTPUT)]
    pub format: Format,
}
