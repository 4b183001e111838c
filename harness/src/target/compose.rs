//! The target `compose`: clusters of containers that a compose file describes, formed where they are not yet.

use std::cell::Cell;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::Duration;

use futures_util::future::LocalBoxFuture;
use suites::Server;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::compose_program::ComposeProgram;
use super::container::Inspected;
use super::container_cluster::ContainerCluster;
use super::container_forming::{formed, settings_of};
use super::container_node::log_tail;
use super::engine::{Engine, EngineError};
use super::layout::Layout;
use super::member::Trouble;
use super::watch::Watch;
use super::{BringUp, Lease, Target, TargetError};

/// The file that is used where the user names none.
const FILE: &str = include_str!("../../../docker-compose.yml");
/// The variable by which a compose file is told its image, and the services of ours.
const IMAGE: &str = "RCT_IMAGE";
const SUBNET: &str = "RCT_SUBNET";
const SERVICES: u16 = 6;
/// How many clusters are up at a time: of our file, whose ports and addresses are free, and of somebody else's.
const OWN_AT_A_TIME: usize = 3;
const OTHERS_AT_A_TIME: usize = 1;
/// How long it may take until the containers run; an image may have to be fetched.
const UP_LIMIT: Duration = Duration::from_secs(600);
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
    watch: Rc<Watch>,
    brought_up: Cell<u32>,
    permits: std::sync::Arc<Semaphore>,
    // Goes last: it removes what is left.
    engine: Rc<Engine>,
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
        let watch =
            Watch::new(&engine).map_err(|error| TargetError::failed(format!("docker cannot be run: {error}")))?;
        let target = Self {
            program,
            file,
            is_own,
            image: options.image,
            watch: Rc::new(watch),
            brought_up: Cell::new(0),
            permits: std::sync::Arc::new(Semaphore::new(if is_own { OWN_AT_A_TIME } else { OTHERS_AT_A_TIME })),
            engine: Rc::new(engine),
        };
        target.prove_file().await?;
        Ok(target)
    }

    /// Makes sure that the file can be read, has services, and that the image of ours is there.
    async fn prove_file(&self) -> Result<(), TargetError> {
        let project = self.engine.name().to_string();
        let shown = self.file.display();
        let services = self.compose(&project, &["config", "--services"], None).await;
        let services = services.map_err(|error| TargetError::usage(format!("{shown} cannot be read: {error}")))?;
        if services.trim().is_empty() {
            return Err(no_nodes(&self.file));
        }
        if !self.is_own {
            return Ok(());
        }
        let config = self.compose(&project, &["config"], None).await;
        let config = config.map_err(|error| TargetError::usage(format!("{shown} cannot be read: {error}")))?;
        let image = config.lines().find_map(|line| line.trim().strip_prefix("image: ")).unwrap_or_default();
        super::images::provide(&self.engine, image.trim_matches(['"', '\''])).await
    }

    async fn once(&self, request: &BringUp) -> Result<Lease, TargetError> {
        let permit = Semaphore::acquire_owned(self.permits.clone()).await;
        let permit = permit.map_err(|error| TargetError::failed(error.to_string()))?;
        let number = self.brought_up.replace(self.brought_up.get() + 1);
        let name = self.engine.name().cluster(number);
        match self.project(&name, request, permit).await {
            Ok(lease) => Ok(lease),
            Err(error) => {
                self.engine.remove_cluster(&name).await;
                Err(error)
            }
        }
    }

    async fn project(&self, name: &str, request: &BringUp, permit: OwnedSemaphorePermit) -> Result<Lease, TargetError> {
        let prefix = self.up(name, request).await?;
        let containers = self.containers(name).await?;
        let layout = Layout::of(&self.engine, &containers).await.map_err(|error| self.trouble(&error))?;
        let layout = Layout { prefix, ..layout.ok_or_else(|| no_nodes(&self.file))? };
        let (engine, watch) = (Rc::clone(&self.engine), Rc::clone(&self.watch));
        let cluster = ContainerCluster::new(engine, watch, name.to_owned(), layout, settings_of(request));
        for container in containers {
            cluster.take_in(container);
        }
        let nodes = cluster.nodes().len();
        if nodes == 0 {
            return Err(no_nodes(&self.file));
        }
        let missing = usize::from(request.shape.nodes()).saturating_sub(nodes);
        cluster.add(missing).await.map_err(|error| self.trouble(&error))?;
        let live = formed(&Rc::new(cluster), request).await?;
        let (engine, name) = (Rc::clone(&self.engine), name.to_owned());
        Ok(Lease::new(Rc::new(live), move || {
            Box::pin(async move {
                engine.remove_cluster(&name).await;
                drop(permit);
            })
        }))
    }

    /// Starts the services; gives the first three numbers of the nodes' addresses, where rct has chosen them.
    async fn up(&self, name: &str, request: &BringUp) -> Result<Option<String>, TargetError> {
        let wanted = if self.is_own { request.shape.nodes().min(SERVICES) } else { 0 };
        let services: Vec<String> = (1..=wanted).map(|number| format!("node-{number}")).collect();
        let services: Vec<&str> = services.iter().map(String::as_str).collect();
        let arguments = [&["up", "-d", "--no-color"], &services[..]].concat();
        let mut tries = 1;
        loop {
            let prefix = self.is_own.then(super::subnet::draw);
            match self.compose(name, &arguments, prefix.as_deref()).await {
                Ok(_) => return Ok(prefix),
                Err(error) if prefix.is_some() && super::subnet::is_taken(&error) && tries < SUBNET_TRIES => {
                    tries += 1;
                    self.engine.remove_cluster(name).await;
                }
                Err(error) => return Err(self.trouble(&error)),
            }
        }
    }

    /// The containers of a project, all of which run.
    async fn containers(&self, name: &str) -> Result<Vec<Inspected>, TargetError> {
        let filter = format!("label=com.docker.compose.project={name}");
        let listed = self.engine.run(&["ps", "-a", "-q", "--no-trunc", "--filter", &filter]).await;
        let listed = listed.map_err(|error| self.trouble(&error))?;
        let ids: Vec<&str> = listed.split_whitespace().collect();
        if ids.is_empty() {
            return Err(no_nodes(&self.file));
        }
        let mut containers = Inspected::all(&self.engine, &ids).await.map_err(|error| self.trouble(&error))?;
        containers.sort_by(|one, other| one.name.cmp(&other.name));
        // A service may have done its work and be over, but not have failed.
        if let Some(ended) = containers.iter().find(|one| !one.runs() && one.state.exit_code != 0) {
            return Err(ended_at_once(ended));
        }
        containers.retain(Inspected::runs);
        Ok(containers)
    }

    async fn compose(&self, project: &str, arguments: &[&str], subnet: Option<&str>) -> Result<String, EngineError> {
        let mut variables = Vec::new();
        variables.extend(self.image.iter().map(|image| (IMAGE, image.clone())));
        variables.extend(subnet.map(|prefix| (SUBNET, prefix.to_owned())));
        self.program.run(self.engine.folder(), project, &self.file, arguments, &variables, UP_LIMIT).await
    }

    fn trouble(&self, error: &EngineError) -> TargetError {
        TargetError::from(super::images::trouble(error, &self.file.display().to_string()))
    }
}

impl Target for ComposeTarget {
    fn kind(&self) -> &'static str {
        "compose"
    }

    fn brings_up_more(&self) -> bool {
        true
    }

    fn server(&self) -> Option<Server> {
        None
    }

    fn bring_up<'a>(&'a self, request: &'a BringUp) -> LocalBoxFuture<'a, Result<Lease, TargetError>> {
        Box::pin(self.once(request))
    }
}

/// A container that ended before it was of use.
pub(super) fn ended_at_once(container: &Inspected) -> TargetError {
    let log = log_tail(&container.id).unwrap_or_default();
    let last = log.lines().next_back().map_or("it logged nothing", str::trim);
    TargetError::failed(format!(
        "the container {} of the image {} ended at once with status {}: {last}\nis it an image of a server? docker run --rm {} --version",
        container.shown_name(),
        container.config.image,
        container.state.exit_code,
        container.config.image
    ))
}

fn named_file(file: &Path, image: Option<&str>) -> Result<PathBuf, TargetError> {
    let cannot = |error: std::io::Error| TargetError::usage(format!("{} cannot be read: {error}", file.display()));
    let text = std::fs::read_to_string(file).map_err(cannot)?;
    if image.is_some() && !text.contains(IMAGE) {
        return Err(TargetError::usage(format!(
            "{} takes no image from --image: write image: ${{{IMAGE}}} there, or leave out --image",
            file.display()
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

fn no_nodes(file: &Path) -> TargetError {
    TargetError::failed(format!(
        "{} describes no nodes: no service runs that publishes a port\n\
         give each node one on this machine, as ports: [\"127.0.0.1::6379\"]",
        file.display()
    ))
}

impl From<EngineError> for Trouble {
    fn from(error: EngineError) -> Self {
        Self::Machine(error.to_string())
    }
}
