//! The target `compose`: clusters of the containers that a compose file describes.

use std::path::{Path, PathBuf};
use std::time::Duration;

use futures_util::future::LocalBoxFuture;

use crate::bootstrap::error::BringUpError;
use crate::docker::compose_program::ComposeProgram;
use crate::docker::container::Inspected;
use crate::docker::container_target::{ContainerSource, ContainerTarget, Started};
use crate::docker::engine::Engine;
use crate::docker::engine_error::EngineError;
use crate::docker::networks::ClusterNetworks;
use crate::docker::{images, subnet};
use crate::error::TargetError;
use crate::target::BringUp;

/// The compose file that rct uses unless the user names one.
const FILE: &str = include_str!("../../../docker-compose.yml");
/// The variable of rct's file that sets its subnet.
const SUBNET: &str = "RCT_SUBNET";
/// The number of services in rct's file.
const SERVICES: u16 = 6;
/// How many clusters run at a time. A file of the user may have fixed ports, so it gives one cluster only.
const OWN_AT_A_TIME: usize = 3;
const USERS_AT_A_TIME: usize = 1;
/// How long Compose may take to start the containers. A file of the user may also fetch or build images.
const OWN_UP_LIMIT: Duration = Duration::from_secs(180);
const USERS_UP_LIMIT: Duration = Duration::from_secs(600);
/// How many subnets rct tries, because another network may have the one that it chose at random.
const SUBNET_TRIES: usize = 8;

/// The options of the target `compose`.
#[derive(Debug, Clone, Default)]
pub struct ComposeOptions {
    /// The compose file of the user; without one, the file of rct.
    pub file: Option<PathBuf>,
    /// The image; without one, the image that the file names.
    pub image: Option<String>,
    /// The program that runs as the guard: rct itself; without one, the program of this process.
    pub rct: Option<PathBuf>,
}

/// A compose file, which starts each cluster as a project of its own.
struct Compose {
    program: ComposeProgram,
    file: PathBuf,
    is_own: bool,
    image: Option<String>,
}

/// Opens the target `compose`: finds the engine and Compose, and reads the file.
///
/// # Errors
///
/// The engine, Compose, the file or the image is missing, or the file describes no services.
pub async fn open_compose(options: ComposeOptions) -> Result<ContainerTarget, TargetError> {
    let named = options.file.as_deref().map(|file| named_file(file, options.image.as_deref())).transpose()?;
    let engine = Engine::open(options.rct.as_deref()).await?;
    let program = ComposeProgram::find(engine.folder()).await?;
    let is_own = named.is_none();
    let file = match named {
        Some(file) => file,
        None => own_file(&engine)?,
    };
    let compose = Compose { program, file, is_own, image: options.image };
    compose.check_file(&engine).await?;
    ContainerTarget::new(Box::new(compose), engine, if is_own { OWN_AT_A_TIME } else { USERS_AT_A_TIME })
}

impl Compose {
    /// Makes sure that the image of rct's file is there, or that Compose accepts the file of the user.
    async fn check_file(&self, engine: &Engine) -> Result<(), TargetError> {
        if self.is_own {
            return images::provide(engine, &images::wanted(self.image.clone())).await;
        }
        let services = self.compose(engine, &engine.name().to_string(), &["config", "--services"], None).await;
        let services =
            services.map_err(|source| TargetError::ComposeFileRefused { file: self.file.clone(), source })?;
        if services.trim().is_empty() { Err(TargetError::NoServices(self.file.clone())) } else { Ok(()) }
    }

    /// Starts the containers of a project.
    async fn start_project(&self, engine: &Engine, name: &str, request: &BringUp) -> Result<Started, BringUpError> {
        let prefix = self.up(engine, name, request).await?;
        let containers = containers(engine, name).await?;
        let networks = ClusterNetworks::of(engine, &containers)
            .await?
            .ok_or_else(|| BringUpError::NoSharedNetwork(self.file.clone()))?;
        Ok(Started { containers, networks: ClusterNetworks { prefix, ..networks } })
    }

    /// Starts the services; returns the first three bytes of the addresses of the nodes, if rct chose them.
    async fn up(&self, engine: &Engine, name: &str, request: &BringUp) -> Result<Option<String>, BringUpError> {
        let wanted = if self.is_own { request.shape.nodes().min(SERVICES) } else { 0 };
        let services: Vec<String> = (1..=wanted).map(|number| format!("node-{number}")).collect();
        let services: Vec<&str> = services.iter().map(String::as_str).collect();
        let arguments = [&["up", "-d", "--no-color"], &services[..]].concat();
        let mut tries = 1;
        loop {
            let prefix = self.is_own.then(subnet::draw);
            match self.compose(engine, name, &arguments, prefix.as_deref()).await {
                Ok(_) => return Ok(prefix),
                Err(error) if prefix.is_some() && subnet::is_taken(&error) && tries < SUBNET_TRIES => {
                    tries += 1;
                    engine.remove_cluster(name).await;
                }
                Err(source) => return Err(BringUpError::Services { file: self.shown_file(), source }),
            }
        }
    }

    async fn compose(
        &self,
        engine: &Engine,
        project: &str,
        arguments: &[&str],
        subnet: Option<&str>,
    ) -> Result<String, EngineError> {
        let mut variables = Vec::new();
        variables.extend(self.image.iter().map(|image| (images::VARIABLE, image.clone())));
        variables.extend(subnet.map(|prefix| (SUBNET, prefix.to_owned())));
        let limit = if self.is_own { OWN_UP_LIMIT } else { USERS_UP_LIMIT };
        self.program.run(engine.folder(), project, &self.file, arguments, &variables, limit).await
    }

    fn shown_file(&self) -> PathBuf {
        if self.is_own { "docker-compose.yml".into() } else { self.file.clone() }
    }
}

impl ContainerSource for Compose {
    fn kind(&self) -> &'static str {
        "compose"
    }

    fn start<'a>(
        &'a self,
        engine: &'a Engine,
        name: &'a str,
        request: &'a BringUp,
    ) -> LocalBoxFuture<'a, Result<Started, BringUpError>> {
        Box::pin(self.start_project(engine, name, request))
    }
}

/// The containers of a project, in the order of their names.
async fn containers(engine: &Engine, name: &str) -> Result<Vec<Inspected>, BringUpError> {
    let filter = format!("label=com.docker.compose.project={name}");
    let listed = engine.run(&["ps", "-a", "-q", "--no-trunc", "--filter", &filter]).await?;
    let ids: Vec<&str> = listed.split_whitespace().collect();
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let mut containers = Inspected::all(engine, &ids).await?;
    containers.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(containers)
}

fn named_file(file: &Path, image: Option<&str>) -> Result<PathBuf, TargetError> {
    let cannot = |source| TargetError::ComposeFile { file: file.to_owned(), source };
    let text = std::fs::read_to_string(file).map_err(cannot)?;
    if image.is_some() && !text.contains(images::VARIABLE) {
        return Err(TargetError::ImageUnused { file: file.to_owned(), variable: images::VARIABLE });
    }
    std::path::absolute(file).map_err(cannot)
}

fn own_file(engine: &Engine) -> Result<PathBuf, TargetError> {
    let file = engine.folder().join("docker-compose.yml");
    let written = std::fs::write(&file, FILE);
    written.map_err(|source| TargetError::NoFolder { parent: engine.folder().to_owned(), source })?;
    Ok(file)
}
