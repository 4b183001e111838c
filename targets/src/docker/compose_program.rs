//! The program Compose: the plugin `docker compose`, or the older program `docker-compose`.

use std::path::Path;
use std::time::Duration;

use crate::docker::engine::{DOCKER, on_path, run};
use crate::docker::engine_error::EngineError;
use crate::error::TargetError;

/// The older program.
const OLD: &str = "docker-compose";
/// How long the plugin may take to print its version.
const VERSION_LIMIT: Duration = Duration::from_secs(20);

/// How rct calls Compose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ComposeProgram {
    /// `docker compose`
    Plugin,
    /// `docker-compose`
    Old,
}

impl ComposeProgram {
    /// Finds the plugin, or else the older program.
    ///
    /// # Errors
    ///
    /// Neither is installed.
    pub(crate) async fn find(folder: &Path) -> Result<Self, TargetError> {
        if run(folder, DOCKER, &["compose", "version"], &[], VERSION_LIMIT).await.is_ok() {
            return Ok(Self::Plugin);
        }
        on_path(OLD).map(|_| Self::Old).ok_or(TargetError::NoCompose)
    }

    /// Runs a command on a project.
    ///
    /// # Errors
    ///
    /// The command fails, or does not end within `limit`.
    pub(crate) async fn run(
        self,
        folder: &Path,
        project: &str,
        file: &Path,
        arguments: &[&str],
        variables: &[(&str, String)],
        limit: Duration,
    ) -> Result<String, EngineError> {
        let (program, before) = match self {
            Self::Plugin => (DOCKER, &["compose"][..]),
            Self::Old => (OLD, &[][..]),
        };
        let file = file.display().to_string();
        let all = [before, &["-p", project, "-f", &file], arguments].concat();
        run(folder, program, &all, variables, limit).await
    }
}
