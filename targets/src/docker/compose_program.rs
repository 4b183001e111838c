//! Compose itself: the plugin of the engine's client, or the older program of its own.

use std::path::Path;
use std::time::Duration;

use crate::docker::engine::{DOCKER, on_path, run};
use crate::docker::engine_error::EngineError;
use crate::error::TargetError;

/// The older program.
const OLD: &str = "docker-compose";
/// How long it may take to say that it is there.
const VERSION_LIMIT: Duration = Duration::from_secs(20);

/// How Compose is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ComposeProgram {
    /// `docker compose`
    Plugin,
    /// `docker-compose`
    Old,
}

impl ComposeProgram {
    /// Takes the plugin if it is there, else the older program.
    ///
    /// # Errors
    ///
    /// If there is neither.
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
    /// If it fails or does not end within `limit`.
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
