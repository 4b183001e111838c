//! The targets whose clusters are containers, whoever starts them: each cluster has a name and is removed whole.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::LocalBoxFuture;
use suites::Server;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::bootstrap::error::BringUpError;
use crate::bootstrap::pace::Pace;
use crate::docker::cluster::ContainerCluster;
use crate::docker::container::Inspected;
use crate::docker::engine::Engine;
use crate::docker::engine_error::EngineError;
use crate::docker::events::Watch;
use crate::docker::forming::{formed, settings_of};
use crate::docker::networks::Layout;
use crate::docker::node::log_tail;
use crate::error::TargetError;
use crate::target::{BringUp, Lease, Target};

/// The node timeout where nodes die: an engine may take two seconds to start a container again.
pub(crate) const NODE_TIMEOUT: Duration = Duration::from_millis(2_500);

/// Containers that run, and their networks.
pub(crate) struct Started {
    pub(crate) containers: Vec<Inspected>,
    pub(crate) layout: Layout,
}

/// How the containers of a cluster are started, which is all that differs between Compose and testcontainers.
pub(crate) trait ContainerSource {
    /// Returns the name of the target in reports.
    fn kind(&self) -> &'static str;

    /// Starts the containers of a cluster; everything that it makes carries the cluster's name.
    ///
    /// # Errors
    ///
    /// The engine fails, or a container does not start.
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
    /// The states of the containers.
    watch: Rc<Watch>,
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

    fn brisk_node_timeout(&self) -> Duration {
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
    /// Makes a target that has at most `at_a_time` clusters at a time.
    ///
    /// # Errors
    ///
    /// rct cannot run the engine's client.
    pub(crate) fn new(source: Box<dyn ContainerSource>, engine: Engine, at_a_time: usize) -> Result<Self, TargetError> {
        let watch = Watch::new(&engine);
        let watch = watch.map_err(|error| TargetError::Engine(EngineError::System(error.to_string())))?;
        Ok(Self {
            source,
            watch: Rc::new(watch),
            brought_up: Cell::new(0),
            permits: Arc::new(Semaphore::new(at_a_time)),
            engine: Rc::new(engine),
        })
    }

    /// Waits until another cluster may be up, starts its containers, and forms it.
    async fn cluster(&self, request: &BringUp) -> Result<Lease, TargetError> {
        let permit = Arc::clone(&self.permits).acquire_owned().await;
        let permit = permit.map_err(|error| BringUpError::Machine(error.to_string()))?;
        self.engine.prove_alive().await?;
        let (name, live) = match self.once(request, Pace::Brisk).await {
            Err(trouble) if trouble.may_be_haste() => self.once(request, Pace::Calm).await?,
            done => done?,
        };
        Ok(lease(Rc::clone(&self.engine), name, live, permit))
    }

    /// Tries once to bring up a cluster; nothing is left of a try that fails.
    async fn once(&self, request: &BringUp, pace: Pace) -> Result<(String, suites::LiveCluster), BringUpError> {
        let number = self.brought_up.replace(self.brought_up.get() + 1);
        let name = self.engine.name().cluster(number);
        let formed = async {
            let started = self.source.start(&self.engine, &name, request).await?;
            let cluster = self.take_in(&name, started, request)?;
            let missing = usize::from(request.shape.nodes()).saturating_sub(cluster.nodes().len());
            cluster.add(missing).await?;
            formed(&Rc::new(cluster), request, pace).await
        };
        match formed.await {
            Ok(live) => Ok((name, live)),
            Err(trouble) => {
                self.engine.remove_cluster(&name).await;
                Err(shortened(trouble))
            }
        }
    }

    fn take_in(&self, name: &str, started: Started, request: &BringUp) -> Result<ContainerCluster, BringUpError> {
        let Started { mut containers, layout } = started;
        // A service may have done its work and be over, but not have failed.
        if let Some(ended) = containers.iter().find(|one| !one.runs() && one.state.exit_code != 0) {
            return Err(ended_at_once(ended));
        }
        containers.retain(Inspected::runs);
        let (engine, watch) = (Rc::clone(&self.engine), Rc::clone(&self.watch));
        let cluster = ContainerCluster::new(engine, watch, name.to_owned(), layout, settings_of(request));
        for container in containers {
            cluster.take_in(container);
        }
        if cluster.nodes().is_empty() {
            return Err(BringUpError::Machine(
                "no service runs that publishes a port\n\
                 give each node one on this machine, as ports: [\"127.0.0.1::6379\"]"
                    .to_owned(),
            ));
        }
        Ok(cluster)
    }
}

fn lease(engine: Rc<Engine>, name: String, live: suites::LiveCluster, permit: OwnedSemaphorePermit) -> Lease {
    Lease::new(Rc::new(live), move || {
        Box::pin(async move {
            engine.remove_cluster(&name).await;
            drop(permit);
        })
    })
}

/// A container that ended before it was of use.
pub(crate) fn ended_at_once(container: &Inspected) -> BringUpError {
    let what = format!("the container {} of the image {}", container.shown_name(), container.config.image);
    ended(&what, &format!("exit status {}", container.state.exit_code), log_tail(&container.id))
}

/// The same trouble in two lines.
fn shortened(trouble: BringUpError) -> BringUpError {
    match trouble {
        BringUpError::Ended { at, how, log } => ended(&format!("the container at {at}"), &how, log),
        other => other,
    }
}

fn ended(what: &str, how: &str, log: Option<String>) -> BringUpError {
    let last = log.as_deref().and_then(|log| log.lines().next_back()).map_or("it logged nothing", str::trim);
    BringUpError::Machine(format!(
        "{what} ended at once with {how}: {last}\n\
         does its image start a server? docker run --rm IMAGE --version shows what it does"
    ))
}
