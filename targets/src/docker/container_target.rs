//! What the targets `compose` and `containers` share: they bring up clusters of containers and remove them whole.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::LocalBoxFuture;
use suites::Server;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::bootstrap::error::BringUpError;
use crate::bootstrap::pace::FormingPace;
use crate::docker::cluster::ContainerCluster;
use crate::docker::container::Inspected;
use crate::docker::container_states::ContainerStates;
use crate::docker::engine::Engine;
use crate::docker::forming::{formed, settings_of};
use crate::docker::log::log_tail;
use crate::docker::networks::ClusterNetworks;
use crate::error::TargetError;
use crate::target::{BringUp, Lease, Target};

/// The node timeout of clusters on which nodes die. An engine may take two seconds to start a container again.
pub(crate) const NODE_TIMEOUT: Duration = Duration::from_millis(2_500);

/// The containers of a cluster that is not formed yet, and their networks.
pub(crate) struct Started {
    pub(crate) containers: Vec<Inspected>,
    pub(crate) networks: ClusterNetworks,
}

/// How the containers of a cluster are started, which is all that differs between Compose and testcontainers.
pub(crate) trait ContainerSource {
    /// Returns the name of the target in reports.
    fn kind(&self) -> &'static str;

    /// Starts the containers of a cluster. Everything that this creates is labelled with the name of the cluster.
    ///
    /// # Errors
    ///
    /// A command of the engine fails, or a container does not start.
    fn start<'a>(
        &'a self,
        engine: &'a Engine,
        name: &'a str,
        request: &'a BringUp,
    ) -> LocalBoxFuture<'a, Result<Started, BringUpError>>;
}

/// A target whose clusters are containers: the targets `compose` and `containers`.
pub struct ContainerTarget {
    source: Box<dyn ContainerSource>,
    states: Rc<ContainerStates>,
    brought_up: Cell<u32>,
    permits: Arc<Semaphore>,
    // Dropped last, because it removes what is left.
    engine: Rc<Engine>,
}

impl Target for ContainerTarget {
    fn kind(&self) -> &'static str {
        self.source.kind()
    }

    fn brings_up_more(&self) -> bool {
        true
    }

    fn disturbed_node_timeout(&self) -> Duration {
        NODE_TIMEOUT
    }

    fn server(&self) -> Option<Server> {
        None
    }

    fn bring_up<'a>(&'a self, request: &'a BringUp) -> LocalBoxFuture<'a, Result<Lease, TargetError>> {
        Box::pin(self.cluster(request))
    }
}

impl ContainerTarget {
    /// Makes a target that runs at most `at_a_time` clusters at a time.
    ///
    /// # Errors
    ///
    /// The system cannot run the client of the engine.
    pub(crate) fn new(source: Box<dyn ContainerSource>, engine: Engine, at_a_time: usize) -> Result<Self, TargetError> {
        let states = ContainerStates::new(&engine)?;
        Ok(Self {
            source,
            states: Rc::new(states),
            brought_up: Cell::new(0),
            permits: Arc::new(Semaphore::new(at_a_time)),
            engine: Rc::new(engine),
        })
    }

    /// Waits until another cluster may run, starts its containers, and forms it.
    async fn cluster(&self, request: &BringUp) -> Result<Lease, TargetError> {
        // It fails only after somebody closed the semaphore, which nobody does.
        let permit = Arc::clone(&self.permits).acquire_owned().await.ok();
        self.engine.check_alive().await?;
        let (name, live) = match self.once(request, FormingPace::Fast).await {
            Err(error) if error.may_succeed_slowly() => self.once(request, FormingPace::Calm).await?,
            done => done?,
        };
        Ok(lease(Rc::clone(&self.engine), name, live, permit))
    }

    /// Tries once to bring up a cluster, and removes everything if that fails.
    async fn once(&self, request: &BringUp, pace: FormingPace) -> Result<(String, suites::LiveCluster), BringUpError> {
        let number = self.brought_up.replace(self.brought_up.get() + 1);
        let name = self.engine.name().cluster(number);
        let formed = async {
            let started = self.source.start(&self.engine, &name, request).await?;
            let cluster = self.adopt(&name, started, request)?;
            let missing = usize::from(request.shape.nodes()).saturating_sub(cluster.nodes().len());
            cluster.add(missing).await?;
            formed(&Rc::new(cluster), request, pace).await
        };
        match formed.await {
            Ok(live) => Ok((name, live)),
            Err(error) => {
                self.engine.remove_cluster(&name).await;
                Err(shortened(error))
            }
        }
    }

    fn adopt(&self, name: &str, started: Started, request: &BringUp) -> Result<ContainerCluster, BringUpError> {
        let Started { mut containers, networks } = started;
        // A service that prepares something may have ended, but must not have failed.
        if let Some(ended) = containers.iter().find(|one| !one.runs() && one.state.exit_code != 0) {
            return Err(ended_at_once(ended));
        }
        containers.retain(Inspected::runs);
        let (engine, states) = (Rc::clone(&self.engine), Rc::clone(&self.states));
        let cluster = ContainerCluster::new(engine, states, name.to_owned(), networks, settings_of(request));
        for container in containers {
            cluster.adopt(container);
        }
        if cluster.nodes().is_empty() {
            return Err(BringUpError::NoPublishedPort);
        }
        Ok(cluster)
    }
}

fn lease(engine: Rc<Engine>, name: String, live: suites::LiveCluster, permit: Option<OwnedSemaphorePermit>) -> Lease {
    Lease::new(Rc::new(live), move || {
        Box::pin(async move {
            engine.remove_cluster(&name).await;
            drop(permit);
        })
    })
}

/// The error of a container that ended before its server answered.
pub(crate) fn ended_at_once(container: &Inspected) -> BringUpError {
    let container_and_image =
        format!("the container {} of the image {}", container.shown_name(), container.config.image);
    ended(container_and_image, format!("exit status {}", container.state.exit_code), log_tail(&container.id, true))
}

/// Shortens the error of a server that ended to two lines.
fn shortened(error: BringUpError) -> BringUpError {
    match error {
        BringUpError::Ended { at, how, log } => ended(format!("the container at {at}"), how, log),
        other => other,
    }
}

fn ended(container: String, how: String, log: Option<String>) -> BringUpError {
    let last_line = log.as_deref().and_then(|log| log.lines().next_back()).map_or("it logged nothing", str::trim);
    BringUpError::ContainerEnded { container, how, last_line: last_line.to_owned() }
}
