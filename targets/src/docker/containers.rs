//! The target `containers`: clusters of containers of any image and shape, started by the crate `testcontainers`.

use std::collections::HashMap;
use std::path::PathBuf;
use std::time::Duration;

use futures_util::future::{LocalBoxFuture, try_join_all};
use testcontainers::bollard::models::{HostConfig, PortBinding};
use testcontainers::core::IntoContainerPort;
use testcontainers::runners::AsyncRunner;
use testcontainers::{GenericImage, ImageExt};

use crate::bootstrap::error::BringUpError;
use crate::cleanup::leftovers::LABEL;
use crate::docker::container::{Inspected, connect};
use crate::docker::container_target::{ContainerSource, ContainerTarget, Started, ended_at_once};
use crate::docker::engine::Engine;
use crate::docker::engine_error::EngineError;
use crate::docker::networks::Layout;
use crate::docker::{images, subnet};
use crate::error::TargetError;
use crate::target::BringUp;

/// What every server is told; as in docker-compose.yml, which says why.
const ARGUMENTS: [(&str, &str); 8] = [
    ("--cluster-enabled", "yes"),
    ("--cluster-config-file", "nodes.conf"),
    ("--protected-mode", "no"),
    ("--appendonly", "yes"),
    ("--save", ""),
    ("--repl-diskless-sync", "yes"),
    ("--repl-diskless-sync-delay", "0"),
    ("--repl-diskless-load", "on-empty-db"),
];
/// The port of a server in its container.
const PORT: u16 = 6379;
/// The last number of the first node's address.
const FIRST_NODE: usize = 11;
/// How many nodes have an address below those that are added later.
const NODES: usize = 90;
/// How many clusters are up at a time.
const AT_A_TIME: usize = 3;
/// How long a container may take to start.
const START_LIMIT: Duration = Duration::from_secs(180);
/// How often another subnet is tried when somebody else has the one that was drawn.
const SUBNET_TRIES: usize = 8;

/// What the command line says of the target.
#[derive(Debug, Clone, Default)]
pub struct ContainersOptions {
    /// The image; without one, that of the variable RCT_IMAGE, or a released server.
    pub image: Option<String>,
    /// rct's own program, which stands guard; that of this process without one.
    pub rct: Option<PathBuf>,
}

/// Starts containers of one image by the crate `testcontainers`.
struct Testcontainers {
    image: String,
}

/// Opens the target `containers`: finds the engine and the image.
///
/// # Errors
///
/// One of them is missing.
pub async fn open_containers(options: ContainersOptions) -> Result<ContainerTarget, TargetError> {
    let image = images::wanted(options.image);
    let engine = Engine::open(options.rct.as_deref()).await?;
    images::provide(&engine, &image).await?;
    ContainerTarget::new(Box::new(Testcontainers { image }), engine, AT_A_TIME)
}

impl Testcontainers {
    /// Starts the containers of a cluster.
    async fn start_all(&self, engine: &Engine, name: &str, request: &BringUp) -> Result<Started, BringUpError> {
        let layout = self.networks(engine, name).await?;
        let first = usize::from(request.shape.nodes()).min(NODES);
        let ids = try_join_all((0..first).map(|position| self.start_one(engine, name, &layout, position))).await?;
        let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
        let containers = Inspected::all(engine, &ids).await?;
        Ok(Started { containers, layout })
    }

    /// Makes the two networks of a cluster: see docker-compose.yml.
    async fn networks(&self, engine: &Engine, name: &str) -> Result<Layout, EngineError> {
        let label = format!("{LABEL}={name}");
        let (nodes, clients) = (format!("{name}-bus"), format!("{name}-clients"));
        let create = ["network", "create", "--label", &label];
        let apart = ["--opt", "com.docker.network.bridge.enable_icc=false"];
        engine.run(&[&create, &apart[..], &[clients.as_str()]].concat()).await?;
        let mut tries = 1;
        loop {
            let prefix = subnet::draw();
            let addresses = format!("{prefix}.0/24");
            let internal = ["--internal", "--subnet", &addresses, &nodes];
            match engine.run(&[&create, &internal[..]].concat()).await {
                Ok(_) => return Ok(Layout { nodes, clients, prefix: Some(prefix) }),
                Err(error) if subnet::is_taken(&error) && tries < SUBNET_TRIES => tries += 1,
                Err(error) => return Err(error),
            }
        }
    }

    /// Starts a container and gives its id.
    async fn start_one(
        &self,
        engine: &Engine,
        cluster: &str,
        layout: &Layout,
        position: usize,
    ) -> Result<String, BringUpError> {
        let (name, tag) = split(&self.image);
        let arguments = ARGUMENTS.iter().flat_map(|(name, value)| [*name, *value]);
        let request = GenericImage::new(name, tag)
            .with_exposed_port(PORT.tcp())
            .with_cmd(arguments)
            .with_container_name(format!("{cluster}-{}", position + 1))
            .with_label(LABEL, cluster)
            .with_network(&layout.clients)
            .with_startup_timeout(START_LIMIT)
            .with_host_config_modifier(publish_here);
        let started = request.start().await;
        let container = started.map_err(|error| self.not_started(&error.to_string()))?;
        let id = container.id().to_owned();
        // What removes containers is the cluster's name: it finds those too whose start was cut short.
        std::mem::forget(container);
        let prefix = layout.prefix.as_deref().unwrap_or_default();
        let address = format!("{prefix}.{}", FIRST_NODE + position);
        let connected = connect(engine, &layout.nodes, &id, Some(&address)).await;
        match (connected, Inspected::one(engine, &id).await) {
            (Ok(()), _) => Ok(id),
            (Err(_), Ok(ended)) if !ended.runs() => Err(ended_at_once(&ended)),
            (Err(error), _) => Err(error.into()),
        }
    }

    fn not_started(&self, error: &str) -> BringUpError {
        let error = error.lines().next().unwrap_or_default();
        BringUpError::Machine(format!("a container of the image {} cannot be started: {error}", self.image))
    }
}

impl ContainerSource for Testcontainers {
    fn kind(&self) -> &'static str {
        "containers"
    }

    fn start<'a>(
        &'a self,
        engine: &'a Engine,
        name: &'a str,
        request: &'a BringUp,
    ) -> LocalBoxFuture<'a, Result<Started, BringUpError>> {
        Box::pin(self.start_all(engine, name, request))
    }
}

/// Publishes the server's port on this machine only, at a number that the engine chooses.
fn publish_here(settings: &mut HostConfig) {
    let here = PortBinding { host_ip: Some("127.0.0.1".to_owned()), host_port: Some(String::new()) };
    settings.publish_all_ports = Some(false);
    settings.port_bindings = Some(HashMap::from([(format!("{PORT}/tcp"), Some(vec![here]))]));
}

/// Splits an image's name at its tag; a colon before a slash is that of a port.
fn split(image: &str) -> (&str, &str) {
    match image.rsplit_once(':') {
        Some((name, tag)) if !tag.contains('/') => (name, tag),
        _ => (image, "latest"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_targets_start_the_same_server() {
        let file = include_str!("../../../docker-compose.yml");
        assert!(file.contains(&format!("${{{}:-{}}}", images::VARIABLE, images::DEFAULT)));
        let command = file.split("command:").nth(1).and_then(|rest| rest.split("services:").next()).unwrap();
        let words =
            command.lines().filter_map(|line| line.trim().strip_prefix("- ")).map(|word| word.trim_matches('"'));
        assert_eq!(words.collect::<Vec<_>>(), ARGUMENTS.iter().flat_map(|(n, v)| [*n, *v]).collect::<Vec<_>>());
    }

    #[test]
    fn images_are_split_at_their_tag() {
        assert_eq!(split("redis"), ("redis", "latest"));
        assert_eq!(split("redis:8"), ("redis", "8"));
        assert_eq!(split("host:5000/redis"), ("host:5000/redis", "latest"));
        assert_eq!(split("host:5000/redis:8"), ("host:5000/redis", "8"));
    }
}
