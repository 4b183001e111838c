//! Why a command did not do what it was asked for, and the status that says so.

use std::fmt;

use crate::record::ExitStatus;

/// A message of one or two lines, and the exit status that goes with it.
#[derive(Debug, Clone)]
pub struct Failure {
    status: ExitStatus,
    message: String,
}

impl Failure {
    /// A failure with a status of its own.
    pub fn new(status: ExitStatus, message: impl Into<String>) -> Self {
        Self { status, message: message.into() }
    }

    /// Wrong usage, or a file that does not load.
    pub fn usage(message: impl fmt::Display) -> Self {
        Self::new(ExitStatus::Usage, message.to_string())
    }

    /// The status to exit with.
    pub fn status(&self) -> ExitStatus {
        self.status
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.message)
    }
}

impl From<crate::record::ReportError> for Failure {
    fn from(error: crate::record::ReportError) -> Self {
        Self::usage(error)
    }
}

impl From<targets::TargetError> for Failure {
    fn from(error: targets::TargetError) -> Self {
        Self::new(if error.is_usage() { ExitStatus::Usage } else { ExitStatus::ClusterLost }, error.to_string())
    }
}

impl From<super::target_spec::TargetSpecError> for Failure {
    fn from(error: super::target_spec::TargetSpecError) -> Self {
        Self::usage(error)
    }
}
