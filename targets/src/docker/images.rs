//! Images, and what to say where one is missing or does not start.

use std::time::Duration;

use crate::bootstrap::error::BringUpError;
use crate::docker::engine::{DOCKER, Engine, run};
use crate::docker::engine_error::EngineError;
use crate::error::TargetError;

/// The image where nobody names one; that of docker-compose.yml.
pub(crate) const DEFAULT: &str = "redis:8.2.2";
/// The variable that names one, also in docker-compose.yml.
pub(crate) const VARIABLE: &str = "RCT_IMAGE";
/// How long it may take to fetch an image.
const PULL_LIMIT: Duration = Duration::from_secs(600);

/// The image that is named on the command line, or by the variable, or by nobody.
pub(crate) fn wanted(named: Option<String>) -> String {
    let variable = || std::env::var(VARIABLE).ok().filter(|image| !image.is_empty());
    named.or_else(variable).unwrap_or_else(|| DEFAULT.to_owned())
}

/// Makes sure that an image is there, and fetches it where it is not.
///
/// # Errors
///
/// If it can be found nowhere.
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

/// What an error of the engine means for a bring-up; `what` names what was brought up.
pub(crate) fn trouble(error: &EngineError, what: &str) -> BringUpError {
    let advice = if error.says("already allocated") || error.says("address already in use") {
        "\na published port is taken: leave its choice to the engine, as ports: [\"127.0.0.1::6379\"]"
    } else if error.says("manifest unknown") || error.says("pull access denied") || error.says("no such image") {
        "\nname another image; script/node-image SERVER-BINARY TAG builds one of a server of this machine"
    } else {
        ""
    };
    BringUpError::Machine(format!("{what}: {error}{advice}"))
}
