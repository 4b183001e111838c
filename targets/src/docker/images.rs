//! The images of the nodes.

use std::time::Duration;

use crate::docker::engine::{DOCKER, Engine, run};
use crate::error::TargetError;

/// The default image, which is also the default of docker-compose.yml.
pub(crate) const DEFAULT: &str = "redis:8.2.2";
/// The variable that names an image, also in docker-compose.yml.
pub(crate) const VARIABLE: &str = "RCT_IMAGE";
/// How long the engine may take to fetch an image.
const PULL_LIMIT: Duration = Duration::from_secs(600);

/// The image of the command line, else the image of the variable, else the default.
pub(crate) fn wanted(named: Option<String>) -> String {
    let variable = || std::env::var(VARIABLE).ok().filter(|image| !image.is_empty());
    named.or_else(variable).unwrap_or_else(|| DEFAULT.to_owned())
}

/// Makes sure that the engine has an image, and fetches it if not.
///
/// # Errors
///
/// The engine has no such image and cannot fetch it.
pub(crate) async fn provide(engine: &Engine, image: &str) -> Result<(), TargetError> {
    if image.is_empty() || image.starts_with('-') {
        return Err(TargetError::Image(image.to_owned()));
    }
    if engine.run(&["image", "inspect", "--format", "{{.Id}}", image]).await.is_ok() {
        return Ok(());
    }
    let pulled = run(engine.folder(), DOCKER, &["pull", "--quiet", image], &[], PULL_LIMIT).await;
    pulled.map(drop).map_err(|source| TargetError::NoImage { image: image.to_owned(), source })
}
