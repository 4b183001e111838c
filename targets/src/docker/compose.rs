//! The target `compose`: clusters of containers that a compose file describes, formed where they are not yet.

use std::path::{Path, PathBuf};
use std::time::Duration;

use futures_util::future::LocalBoxFuture;
use suites::Server;

use crate::bootstrap::member::Trouble;
use crate::docker::compose_program::ComposeProgram;
use crate::docker::container::Inspected;
use crate::docker::engine::{Engine, EngineError};
use crate::docker::networks::Layout;
use crate::docker::provider::{NODE_TIMEOUT, Started, Supply};
use crate::docker::{images, subnet};
use crate::error::TargetError;
use crate::target::{BringUp, Lease, Target};

/// The file that is used where the user names none.
const FILE: &str = include_str!("../../../docker-compose.yml");
/// What our file is told, and its services.
const SUBNET: &str = "RCT_SUBNET";
const SERVICES: u16 = 6;
/// How many clusters are up at a time: of our file, whose ports and addresses are free, and of somebody else's.
const OWN_AT_A_TIME: usize = 3;
const OTHERS_AT_A_TIME: usize = 1;
/// How long it may take until the containers run; where somebody else's file says so, images are fetched or built first.
const OWN_UP_LIMIT: Duration = Duration::from_secs(180);
const OTHERS_UP_LIMIT: Duration = Duration::from_secs(600);
/// How often another subnet is tried when somebody else has the one that was drawn.
const SUBNET_TRIES: usize = 8;

/// What the command line says of the target.
#[derive(Debug, Clone, Default)]
pub struct ComposeOptions {
    /// The user's own file; ours without one.
    pub file: Option<PathBuf>,
    /// The image; without one, what the file says.
    pub image: Option<String>,
    /// rct's own program, which stands guard; that of this process without one.
    pub rct: Option<PathBuf>,
}

/// Clusters by a compose file, each a project of its own.
pub struct ComposeTarget {
    program: ComposeProgram,
    file: PathBuf,
    is_own: bool,
    image: Option<String>,
    supply: Supply,
}

impl ComposeTarget {
    /// Finds the engine and Compose, and reads the file.
    ///
    /// # Errors
    ///
    /// If one of them is missing, or the file describes nothing.
    pub async fn open(options: ComposeOptions) -> Result<Self, TargetError> {
        let named = options.file.as_deref().map(|file| named_file(file, options.image.as_deref())).transpose()?;
        let engine = Engine::open(options.rct.as_deref()).await?;
        let program = ComposeProgram::find(engine.folder()).await?;
        let is_own = named.is_none();
        let file = match named {
            Some(file) => file,
            None => own_file(&engine)?,
        };
        let supply = Supply::new(engine, if is_own { OWN_AT_A_TIME } else { OTHERS_AT_A_TIME })?;
        let target = Self { program, file, is_own, image: options.image, supply };
        target.prove_file().await?;
        Ok(target)
    }

    /// Makes sure that the image of our file is there, or that somebody else's can be read and has services.
    async fn prove_file(&self) -> Result<(), TargetError> {
        let engine = &self.supply.engine;
        if self.is_own {
            return images::provide(engine, &images::wanted(self.image.clone())).await;
        }
        let services = self.compose(&engine.name().to_string(), &["config", "--services"], None).await;
        let services =
            services.map_err(|error| TargetError::usage(format!("{} cannot be read: {error}", self.file.display())))?;
        if services.trim().is_empty() { Err(no_services(&self.file)) } else { Ok(()) }
    }

    /// Starts the containers of a project.
    async fn start(&self, name: &str, request: &BringUp) -> Result<Started, Trouble> {
        let prefix = self.up(name, request).await?;
        let containers = self.containers(name).await?;
        let layout = Layout::of(&self.supply.engine, &containers).await?.ok_or_else(|| {
            Trouble::Machine(format!("{} describes no nodes: its containers share no network", self.file.display()))
        })?;
        Ok(Started { containers, layout: Layout { prefix, ..layout } })
    }

    /// Starts the services; gives the first three numbers of the nodes' addresses, where rct has chosen them.
    async fn up(&self, name: &str, request: &BringUp) -> Result<Option<String>, Trouble> {
        let wanted = if self.is_own { request.shape.nodes().min(SERVICES) } else { 0 };
        let services: Vec<String> = (1..=wanted).map(|number| format!("node-{number}")).collect();
        let services: Vec<&str> = services.iter().map(String::as_str).collect();
        let arguments = [&["up", "-d", "--no-color"], &services[..]].concat();
        let mut tries = 1;
        loop {
            let prefix = self.is_own.then(subnet::draw);
            match self.compose(name, &arguments, prefix.as_deref()).await {
                Ok(_) => return Ok(prefix),
                Err(error) if prefix.is_some() && subnet::is_taken(&error) && tries < SUBNET_TRIES => {
                    tries += 1;
                    self.supply.engine.remove_cluster(name).await;
                }
                Err(error) => return Err(images::trouble(&error, &self.shown_file())),
            }
        }
    }

    /// The containers of a project, in the order of their names.
    async fn containers(&self, name: &str) -> Result<Vec<Inspected>, Trouble> {
        let filter = format!("label=com.docker.compose.project={name}");
        let listed = self.supply.engine.run(&["ps", "-a", "-q", "--no-trunc", "--filter", &filter]).await?;
        let ids: Vec<&str> = listed.split_whitespace().collect();
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let mut containers = Inspected::all(&self.supply.engine, &ids).await?;
        containers.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(containers)
    }

    async fn compose(&self, project: &str, arguments: &[&str], subnet: Option<&str>) -> Result<String, EngineError> {
        let mut variables = Vec::new();
        variables.extend(self.image.iter().map(|image| (images::VARIABLE, image.clone())));
        variables.extend(subnet.map(|prefix| (SUBNET, prefix.to_owned())));
        let limit = if self.is_own { OWN_UP_LIMIT } else { OTHERS_UP_LIMIT };
        self.program.run(self.supply.engine.folder(), project, &self.file, arguments, &variables, limit).await
    }

    fn shown_file(&self) -> String {
        if self.is_own { "docker-compose.yml".to_owned() } else { self.file.display().to_string() }
    }
}

impl Target for ComposeTarget {
    fn kind(&self) -> &'static str {
        "compose"
    }

    fn brings_up_more(&self) -> bool {
        true
    }

    fn brisk_node_timeout(&self) -> Duration {
        NODE_TIMEOUT
    }

    fn server(&self) -> Option<Server> {
        None
    }

    fn bring_up<'a>(&'a self, request: &'a BringUp) -> LocalBoxFuture<'a, Result<Lease, TargetError>> {
        Box::pin(self.supply.cluster(request, async |name| self.start(name, request).await))
    }
}

fn named_file(file: &Path, image: Option<&str>) -> Result<PathBuf, TargetError> {
    let cannot = |error: std::io::Error| TargetError::usage(format!("{} cannot be read: {error}", file.display()));
    let text = std::fs::read_to_string(file).map_err(cannot)?;
    if image.is_some() && !text.contains(images::VARIABLE) {
        return Err(TargetError::usage(format!(
            "{} takes no image from --image: write image: ${{{}}} there, or leave out --image",
            file.display(),
            images::VARIABLE
        )));
    }
    std::path::absolute(file).map_err(cannot)
}

fn own_file(engine: &Engine) -> Result<PathBuf, TargetError> {
    let file = engine.folder().join("docker-compose.yml");
    let written = std::fs::write(&file, FILE);
    written.map_err(|error| TargetError::failed(format!("{} cannot be written: {error}", file.display())))?;
    Ok(file)
}

fn no_services(file: &Path) -> TargetError {
    TargetError::failed(format!(
        "{} describes no nodes: it has no services\n\
         leave out --compose-file for a cluster of six nodes, or see docker-compose.yml of rct's source for one",
        file.display()
    ))
}
