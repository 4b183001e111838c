//! Clusters of containers, however these are started: some at a time, each with a name of its own, each removed whole.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::bootstrap::member::Trouble;
use crate::bootstrap::pace::Pace;
use crate::docker::cluster::ContainerCluster;
use crate::docker::container::Inspected;
use crate::docker::engine::Engine;
use crate::docker::events::Watch;
use crate::docker::forming::{formed, settings_of};
use crate::docker::networks::Layout;
use crate::docker::node::log_tail;
use crate::error::TargetError;
use crate::target::{BringUp, Lease};

/// The node timeout where nodes die: an engine may take two seconds to start a container again.
pub(crate) const NODE_TIMEOUT: Duration = Duration::from_millis(2_500);

/// What clusters of containers of one run share.
pub(crate) struct Supply {
    /// What is said of the containers' lives.
    watch: Rc<Watch>,
    brought_up: Cell<u32>,
    permits: Arc<Semaphore>,
    // Goes last: it removes what is left.
    pub(crate) engine: Rc<Engine>,
}

/// Containers that run, and their networks.
pub(crate) struct Started {
    pub(crate) containers: Vec<Inspected>,
    pub(crate) layout: Layout,
}

impl Supply {
    /// Up to so many clusters at a time.
    ///
    /// # Errors
    ///
    /// If the engine's client cannot be run.
    pub(crate) fn new(engine: Engine, at_a_time: usize) -> Result<Self, TargetError> {
        let watch =
            Watch::new(&engine).map_err(|error| TargetError::failed(format!("docker cannot be run: {error}")))?;
        Ok(Self {
            watch: Rc::new(watch),
            brought_up: Cell::new(0),
            permits: Arc::new(Semaphore::new(at_a_time)),
            engine: Rc::new(engine),
        })
    }

    /// Waits until another cluster may be up, has its containers started under a name, and forms it.
    ///
    /// # Errors
    ///
    /// If the engine hangs, containers do not start, or their servers do not become a cluster; nothing is left of them then.
    pub(crate) async fn cluster(
        &self,
        request: &BringUp,
        start: impl AsyncFn(&str) -> Result<Started, Trouble>,
    ) -> Result<Lease, TargetError> {
        let permit = Arc::clone(&self.permits).acquire_owned().await;
        let permit = permit.map_err(|error| TargetError::failed(error.to_string()))?;
        self.engine.prove_alive().await?;
        let (name, live) = match self.once(request, Pace::Brisk, &start).await {
            Err(trouble) if trouble.may_be_haste() => self.once(request, Pace::Calm, &start).await?,
            done => done?,
        };
        Ok(lease(Rc::clone(&self.engine), name, live, permit))
    }

    async fn once(
        &self,
        request: &BringUp,
        pace: Pace,
        start: &impl AsyncFn(&str) -> Result<Started, Trouble>,
    ) -> Result<(String, suites::LiveCluster), Trouble> {
        let number = self.brought_up.replace(self.brought_up.get() + 1);
        let name = self.engine.name().cluster(number);
        let formed = async {
            let started = start(&name).await?;
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

    fn take_in(&self, name: &str, started: Started, request: &BringUp) -> Result<ContainerCluster, Trouble> {
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
            return Err(Trouble::Machine(
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
pub(crate) fn ended_at_once(container: &Inspected) -> Trouble {
    let what = format!("the container {} of the image {}", container.shown_name(), container.config.image);
    ended(&what, &format!("exit status {}", container.state.exit_code), log_tail(&container.id))
}

/// The same trouble in two lines.
fn shortened(trouble: Trouble) -> Trouble {
    match trouble {
        Trouble::Ended { at, how, log } => ended(&format!("the container at {at}"), &how, log),
        other => other,
    }
}

fn ended(what: &str, how: &str, log: Option<String>) -> Trouble {
    let last = log.as_deref().and_then(|log| log.lines().next_back()).map_or("it logged nothing", str::trim);
    Trouble::Machine(format!(
        "{what} ended at once with {how}: {last}\n\
         does its image start a server? docker run --rm IMAGE --version shows what it does"
    ))
}
