//! The arguments of `rct load` for several generators that make one run.

use std::time::Duration;

use clap::Args;
use jiff::Timestamp;
use loadgen::Share;

use super::value::{duration, instant, name};

const GENERATORS: &str = "Several generators";

/// Several generators that make one run.
#[derive(Debug, Args)]
pub struct Generators {
    /// Be generator K of N that load one cluster together, such as 3/8 [default: the only generator].
    ///
    /// All generators get the same options, except K. Each one takes its share of --clients, --rate and --requests, and
    /// its own range of the keys. Only generator 1 performs --fault. `rct merge` makes one run of all runs. Parts count
    /// from 1. Where a scheduler counts from 0, K may be a sum, such as 0+1/8.
    #[arg(long, value_name = "K/N", env = "RCT_PART", requires = "seed", help_heading = GENERATORS)]
    pub part: Option<Share>,
    /// Start when all parts are there; they meet through keys of the cluster [default: start when ready].
    ///
    /// NAME is the same for all parts, and new for each run. The keys begin with the prefix of the run, and the last part
    /// deletes them.
    #[arg(long, value_name = "NAME", value_parser = name, requires = "part", conflicts_with = "start_at",
        help_heading = GENERATORS)]
    pub rendezvous: Option<String>,
    /// How long a part waits for the others.
    #[arg(long, value_name = "TIME", default_value = "2m", value_parser = duration, requires = "rendezvous",
        help_heading = GENERATORS)]
    pub rendezvous_limit: Duration,
    /// Leave the results in the cluster for `rct merge --from`, where the parts share no folder.
    ///
    /// They are compressed, begin with the prefix of the run, and expire after a day.
    #[arg(long, requires = "rendezvous", help_heading = GENERATORS)]
    pub results_in_cluster: bool,
    /// Start at this time, such as 2026-08-22T10:14:03Z or seconds since 1970 [default: start when ready].
    #[arg(long, value_name = "TIME", value_parser = instant, help_heading = GENERATORS)]
    pub start_at: Option<Timestamp>,
}
