//! The target `containers`: clusters of any image and shape, whose containers the crate `testcontainers` starts.

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
use crate::docker::networks::ClusterNetworks;
use crate::docker::{images, subnet};
use crate::error::TargetError;
use crate::target::BringUp;

/// The arguments of every server. docker-compose.yml has the same ones and explains them.
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
/// The last byte of the address of the first node.
const FIRST_NODE: usize = 11;
/// How many nodes have an address below those of nodes that are added later.
const NODES: usize = 90;
/// How many clusters run at a time.
const AT_A_TIME: usize = 3;
/// How long a container may take to start.
const START_LIMIT: Duration = Duration::from_secs(180);
/// How many subnets rct tries, because another network may have the one that it chose at random.
const SUBNET_TRIES: usize = 8;

/// The options of the target `containers`.
#[derive(Debug, Clone, Default)]
pub struct ContainersOptions {
    /// The image; without one, the image of the variable RCT_IMAGE, or a released server.
    pub image: Option<String>,
    /// The program that runs as the guard: rct itself; without one, the program of this process.
    pub rct: Option<PathBuf>,
}

/// An image whose containers the crate `testcontainers` starts.
struct Testcontainers {
    image: String,
}

/// Opens the target `containers`: finds the engine and the image.
///
/// # Errors
///
/// The engine or the image is missing.
pub async fn open_containers(options: ContainersOptions) -> Result<ContainerTarget, TargetError> {
    let image = images::wanted(options.image);
    let engine = Engine::open(options.rct.as_deref()).await?;
    images::provide(&engine, &image).await?;
    ContainerTarget::new(Box::new(Testcontainers { image }), engine, AT_A_TIME)
}

impl Testcontainers {
    /// Starts the containers of a cluster.
    async fn start_all(&self, engine: &Engine, name: &str, request: &BringUp) -> Result<Started, BringUpError> {
        let networks = self.networks(engine, name).await?;
        let first = usize::from(request.shape.nodes()).min(NODES);
        let ids = try_join_all((0..first).map(|position| self.start_one(engine, name, &networks, position))).await?;
        let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
        let containers = Inspected::all(engine, &ids).await?;
        Ok(Started { containers, networks })
    }

    /// Creates the two networks of a cluster, which docker-compose.yml explains.
    async fn networks(&self, engine: &Engine, name: &str) -> Result<ClusterNetworks, EngineError> {
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
                Ok(_) => return Ok(ClusterNetworks { nodes, clients, prefix: Some(prefix) }),
                Err(error) if subnet::is_taken(&error) && tries < SUBNET_TRIES => tries += 1,
                Err(error) => return Err(error),
            }
        }
    }

    /// Starts a container and returns its id.
    async fn start_one(
        &self,
        engine: &Engine,
        cluster: &str,
        networks: &ClusterNetworks,
        position: usize,
    ) -> Result<String, BringUpError> {
        let (name, tag) = split(&self.image);
        let arguments = ARGUMENTS.iter().flat_map(|(name, value)| [*name, *value]);
        let request = GenericImage::new(name, tag)
            .with_exposed_port(PORT.tcp())
            .with_cmd(arguments)
            .with_container_name(format!("{cluster}-{}", position + 1))
            .with_label(LABEL, cluster)
            .with_network(&networks.clients)
            .with_startup_timeout(START_LIMIT)
            .with_host_config_modifier(publish_here);
        let started = request.start().await;
        let container =
            started.map_err(|error| BringUpError::Container { image: self.image.clone(), source: Box::new(error) })?;
        let id = container.id().to_owned();
        // rct itself removes containers, by the name of the cluster. It also finds those whose start was interrupted.
        std::mem::forget(container);
        let prefix = networks.prefix.as_deref().unwrap_or_default();
        let address = format!("{prefix}.{}", FIRST_NODE + position);
        let connected = connect(engine, &networks.nodes, &id, Some(&address)).await;
        match (connected, Inspected::one(engine, &id).await) {
            (Ok(()), _) => Ok(id),
            (Err(_), Ok(ended)) if !ended.runs() => Err(ended_at_once(&ended)),
            (Err(error), _) => Err(error.into()),
        }
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

/// Publishes the port of the server on this machine only, at a number that the engine chooses.
fn publish_here(settings: &mut HostConfig) {
    let here = PortBinding { host_ip: Some("127.0.0.1".to_owned()), host_port: Some(String::new()) };
    settings.publish_all_ports = Some(false);
    settings.port_bindings = Some(HashMap::from([(format!("{PORT}/tcp"), Some(vec![here]))]));
}

/// Splits the name of an image at its tag. A colon before a slash belongs to the port of a registry.
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
