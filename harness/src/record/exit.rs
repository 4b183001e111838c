//! How a run ends, and the exit status that tells it: a contract with scripts and CI gates.

use std::process::ExitCode;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Ended {
    /// The run goes on, or rct was killed before it could say how the run ended.
    #[default]
    Running,
    /// The run did everything that it had planned.
    Complete,
    /// The user stopped the run.
    Interrupted,
    /// rct could not bring up the cluster, or lost it.
    Lost,
}

/// What the process tells its caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExitStatus {
    /// 0: all selected checks ended as expected.
    Success,
    /// 1: the server broke a rule, an entry of a list of known deviations is stale, or a gate was missed.
    RuleBroken,
    /// 2: wrong usage, or a suite file that does not load.
    Usage,
    /// 3: rct could not bring up the cluster, lost it, or could not judge a check because of itself or its environment.
    ClusterLost,
    /// 4: no check was selected, or every selected check was skipped.
    NothingRan,
    /// 130: the user stopped the run; everything is stopped, and the reports of what ran are written.
    Interrupted,
}

impl ExitStatus {
    /// Returns the number that the process exits with.
    pub fn code(self) -> u8 {
        match self {
            Self::Success => 0,
            Self::RuleBroken => 1,
            Self::Usage => 2,
            Self::ClusterLost => 3,
            Self::NothingRan => 4,
            Self::Interrupted => 130,
        }
    }
}

impl From<ExitStatus> for ExitCode {
    fn from(status: ExitStatus) -> Self {
        Self::from(status.code())
    }
}
