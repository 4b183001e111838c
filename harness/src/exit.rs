//! Exit statuses: a contract with scripts and CI gates.

use std::process::ExitCode;

use crate::report::record::{Ended, Record};

/// What the process tells its caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExitStatus {
    /// 0: all selected checks ended as expected.
    Success,
    /// 1: a rule was broken, a known-failing entry is stale, or a gate was missed.
    RuleBroken,
    /// 2: wrong usage, or a suite file that does not load.
    Usage,
    /// 3: the cluster could not be brought up or was lost, or a check could not be judged because the harness or its
    /// environment failed.
    ClusterLost,
    /// 4: nothing was selected, or every selected check was skipped.
    NothingRan,
    /// 130: the user stopped the run; everything is stopped and reports of what ran are written.
    Interrupted,
}

impl ExitStatus {
    /// Returns the status of a run that has ended.
    ///
    /// A stopped run says nothing about the checks that it did not reach, so the interruption wins over every verdict.
    /// A broken rule is certain whatever else went wrong, so it wins over a lost cluster and over BROKEN. BROKEN is
    /// never success: a run that could not judge a check must not open a gate. Nor is a run that judged nothing.
    pub fn of(record: &Record) -> Self {
        let counts = &record.counts;
        if record.ended == Ended::Interrupted {
            Self::Interrupted
        } else if record.checks.iter().any(|check| record.is_failing(check)) {
            Self::RuleBroken
        } else if record.ended != Ended::Complete || counts.broken > 0 || !record.not_run.is_empty() {
            Self::ClusterLost
        } else if counts.judged() == 0 {
            Self::NothingRan
        } else {
            Self::Success
        }
    }

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
