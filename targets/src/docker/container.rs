//! One container: how the engine describes it, and how rct creates another one like it.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;
use wire::Address;

use crate::cleanup::leftovers::LABEL;
use crate::docker::engine::Engine;
use crate::docker::engine_error::EngineError;

/// The part of `docker container inspect` that rct needs.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Inspected {
    /// Its full id.
    pub(crate) id: String,
    /// Its name, with a slash before it.
    pub(crate) name: String,
    /// The id of its image.
    pub(crate) image: String,
    pub(crate) state: State,
    pub(crate) config: Config,
    host_config: HostConfig,
    network_settings: NetworkSettings,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct State {
    pub(crate) status: String,
    /// The number of its first process on the machine of the engine.
    #[serde(default)]
    pub(crate) pid: i32,
    pub(crate) exit_code: i64,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Config {
    /// The name of the image.
    pub(crate) image: String,
    #[serde(default)]
    entrypoint: Option<Vec<String>>,
    #[serde(default)]
    cmd: Option<Vec<String>>,
    #[serde(default)]
    env: Option<Vec<String>>,
    #[serde(default)]
    user: String,
    #[serde(default)]
    working_dir: String,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct HostConfig {
    #[serde(default)]
    binds: Option<Vec<String>>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct NetworkSettings {
    #[serde(default)]
    ports: Option<BTreeMap<String, Option<Vec<Published>>>>,
    #[serde(default)]
    networks: Option<BTreeMap<String, Endpoint>>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Published {
    host_ip: String,
    host_port: String,
}

#[derive(Debug, Clone, Deserialize)]
struct Endpoint {
    #[serde(rename = "IPAddress", default)]
    address: String,
    #[serde(rename = "IPAMConfig", default)]
    fixed: Option<FixedAddress>,
}

#[derive(Debug, Clone, Deserialize)]
struct FixedAddress {
    #[serde(rename = "IPv4Address", default)]
    address: Option<String>,
}

impl Inspected {
    /// Asks the engine to describe containers.
    ///
    /// # Errors
    ///
    /// A command of the engine fails.
    pub(crate) async fn all(engine: &Engine, ids: &[&str]) -> Result<Vec<Self>, EngineError> {
        let text = engine.run(&[&["container", "inspect"], ids].concat()).await?;
        Ok(serde_json::from_str(&text)?)
    }

    /// Asks the engine to describe a container.
    ///
    /// # Errors
    ///
    /// A command of the engine fails.
    pub(crate) async fn one(engine: &Engine, id: &str) -> Result<Self, EngineError> {
        let found = Self::all(engine, &[id]).await?.pop();
        found.ok_or_else(|| EngineError::NoContainer(id.to_owned()))
    }

    /// Its name, as docker ps shows it.
    pub(crate) fn shown_name(&self) -> &str {
        self.name.trim_start_matches('/')
    }

    /// Whether the container runs.
    pub(crate) fn runs(&self) -> bool {
        self.state.status == "running"
    }

    /// The lowest port that it publishes, and the address at which rct reaches that port.
    pub(crate) fn published(&self) -> Option<(u16, Address)> {
        let ports = self.network_settings.ports.as_ref()?.iter();
        let reachable = ports.filter_map(|(port, published)| {
            let port: u16 = port.strip_suffix("/tcp")?.parse().ok()?;
            let first = published.as_ref()?.iter().find(|published| !published.host_ip.contains(':'))?;
            Some((port, Address::new("127.0.0.1", first.host_port.parse().ok()?)))
        });
        reachable.min_by_key(|(port, _)| *port)
    }

    /// The networks to which it is connected.
    pub(crate) fn networks(&self) -> impl Iterator<Item = &str> {
        self.network_settings.networks.iter().flatten().map(|(name, _)| name.as_str())
    }

    /// Its address in a network.
    pub(crate) fn address_in(&self, network: &str) -> Option<&str> {
        let endpoint = self.network_settings.networks.as_ref()?.get(network)?;
        Some(endpoint.address.as_str()).filter(|address| !address.is_empty())
    }

    /// The fixed address that it has in a network, which it keeps after a restart.
    pub(crate) fn fixed_address_in(&self, network: &str) -> Option<&str> {
        let endpoint = self.network_settings.networks.as_ref()?.get(network)?;
        endpoint.fixed.as_ref()?.address.as_deref().filter(|address| !address.is_empty())
    }

    /// What rct needs to create another container like this one.
    pub(crate) fn recipe(&self) -> Recipe {
        let entrypoint = self.config.entrypoint.clone().unwrap_or_default();
        let binds = self.host_config.binds.iter().flatten();
        Recipe {
            image: self.image.clone(),
            entrypoint: entrypoint.first().cloned(),
            arguments: [entrypoint.get(1..).unwrap_or_default(), self.config.cmd.as_deref().unwrap_or_default()]
                .concat(),
            environment: self.config.env.clone().unwrap_or_default(),
            user: self.config.user.clone(),
            working_dir: self.config.working_dir.clone(),
            // Only files that the container reads: two nodes must not share data.
            binds: binds.filter(|bind| bind.starts_with('/') && bind.ends_with(":ro")).cloned().collect(),
        }
    }
}

/// The image, the command and the settings of a container.
#[derive(Debug, Clone)]
pub(crate) struct Recipe {
    image: String,
    entrypoint: Option<String>,
    /// The arguments after the first word of the entry point.
    pub(crate) arguments: Vec<String>,
    environment: Vec<String>,
    user: String,
    working_dir: String,
    binds: Vec<String>,
}

/// The name, the port and the networks of a container.
#[derive(Debug, Clone)]
pub(crate) struct Placement {
    /// The cluster that it belongs to.
    pub(crate) cluster: String,
    /// Its name.
    pub(crate) name: String,
    /// The port that it publishes.
    pub(crate) port: u16,
    /// The network through which clients reach it.
    pub(crate) clients: String,
    /// The network of the nodes, if clients use another one.
    pub(crate) bus: Option<String>,
    /// The fixed address that it gets in the network of the nodes.
    pub(crate) address: Option<String>,
}

impl Recipe {
    /// Creates a container without starting it, and returns its id.
    ///
    /// # Errors
    ///
    /// A command of the engine fails.
    pub(crate) async fn create(&self, engine: &Engine, placement: &Placement) -> Result<String, EngineError> {
        // Variables may hold secrets, which everybody could read on a command line.
        let variables = engine.folder().join(format!("{}.env", placement.name));
        write_private(&variables, &self.environment)
            .map_err(|source| EngineError::File { file: variables.clone(), source })?;
        let variables = variables.display().to_string();
        let label = format!("{LABEL}={}", placement.cluster);
        let publish = format!("127.0.0.1::{}", placement.port);
        let mut arguments = vec!["create", "--name", &placement.name, "--label", &label, "--env-file", &variables];
        arguments.extend(["--network", &placement.clients, "--publish", &publish]);
        for (option, value) in [("--user", &self.user), ("--workdir", &self.working_dir)] {
            if !value.is_empty() {
                arguments.extend([option, value]);
            }
        }
        if placement.bus.is_none()
            && let Some(address) = &placement.address
        {
            arguments.extend(["--ip", address]);
        }
        for bind in &self.binds {
            arguments.extend(["--volume", bind]);
        }
        if let Some(entrypoint) = &self.entrypoint {
            arguments.extend(["--entrypoint", entrypoint]);
        }
        arguments.push(&self.image);
        arguments.extend(self.arguments.iter().map(String::as_str));
        let id = engine.run(&arguments).await?.trim().to_owned();
        if let Some(bus) = &placement.bus {
            connect(engine, bus, &id, placement.address.as_deref()).await?;
        }
        Ok(id)
    }
}

/// Connects a container to a network, at a fixed address if one is given.
///
/// # Errors
///
/// The command of the engine fails.
pub(crate) async fn connect(
    engine: &Engine,
    network: &str,
    id: &str,
    address: Option<&str>,
) -> Result<(), EngineError> {
    let fixed = address.map(|address| ["--ip", address]);
    let fixed = fixed.as_ref().map_or(&[][..], |fixed| &fixed[..]);
    engine.run(&[&["network", "connect"], fixed, &[network, id]].concat()).await.map(drop)
}

fn write_private(path: &Path, lines: &[String]) -> std::io::Result<()> {
    use std::io::Write;
    use std::os::unix::fs::OpenOptionsExt;
    let mut file = std::fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?;
    // The format of this file has no values of several lines.
    lines.iter().filter(|line| !line.contains('\n')).try_for_each(|line| writeln!(file, "{line}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const INSPECTED: &str = r#"{
        "Id": "ab", "Name": "/web-1", "Image": "sha256:1",
        "State": { "Status": "running", "ExitCode": 0 },
        "Config": { "Image": "redis:8", "Entrypoint": ["init", "--"], "Cmd": ["redis-server"],
                    "Env": null, "User": "" },
        "HostConfig": { "Binds": ["/a/redis.conf:/b:ro", "/a/data:/data", "volume:/v:ro"] },
        "NetworkSettings": {
            "Ports": { "16379/tcp": [{ "HostIp": "0.0.0.0", "HostPort": "17001" }], "6379/udp": null, "80/tcp": null,
                       "6379/tcp": [{ "HostIp": "::", "HostPort": "1" },
                                    { "HostIp": "127.0.0.1", "HostPort": "7001" }] },
            "Networks": { "bus": { "IPAddress": "10.0.0.2", "IPAMConfig": { "IPv4Address": "10.0.0.2" } },
                          "clients": { "IPAddress": "", "IPAMConfig": null } } } }"#;

    #[test]
    fn the_description_of_a_container_is_read() {
        let read: Inspected = serde_json::from_str(INSPECTED).unwrap();
        assert_eq!(read.published(), Some((6379, Address::new("127.0.0.1", 7001))));
        assert_eq!((read.address_in("bus"), read.address_in("clients")), (Some("10.0.0.2"), None));
        assert_eq!((read.fixed_address_in("bus"), read.fixed_address_in("clients")), (Some("10.0.0.2"), None));
        let recipe = read.recipe();
        assert_eq!(
            (recipe.entrypoint.as_deref(), recipe.arguments),
            (Some("init"), vec!["--".to_owned(), "redis-server".to_owned()])
        );
        assert_eq!(recipe.binds, ["/a/redis.conf:/b:ro"]);
    }
}
