//! The networks of a cluster of containers: one for the traffic between nodes, one for clients.

use std::collections::{BTreeMap, BTreeSet};

use crate::docker::container::Inspected;
use crate::docker::engine::Engine;
use crate::docker::engine_error::EngineError;

/// The networks of one cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ClusterNetworks {
    /// The network through which nodes reach each other.
    pub(crate) nodes: String,
    /// The network through which clients reach the nodes, which may be the same one.
    pub(crate) clients: String,
    /// The first three bytes of the addresses of the nodes, if rct chose them.
    pub(crate) prefix: Option<String>,
}

impl ClusterNetworks {
    /// Finds the networks of containers that rct did not create; `None` if they have no network in common.
    ///
    /// # Errors
    ///
    /// The command of the engine fails.
    pub(crate) async fn of(engine: &Engine, containers: &[Inspected]) -> Result<Option<Self>, EngineError> {
        let shared = shared(containers);
        if shared.len() < 2 {
            let only = shared.into_iter().next();
            return Ok(only.map(|only| Self { nodes: only.clone(), clients: only, prefix: None }));
        }
        let names: Vec<&str> = shared.iter().map(String::as_str).collect();
        let format = ["--format", "{{.Name}} {{.Internal}}"];
        let said = engine.run(&[&["network", "inspect"], &format[..], &names].concat()).await?;
        let internal: BTreeMap<&str, bool> =
            said.lines().filter_map(|line| line.rsplit_once(' ')).map(|(name, is)| (name, is == "true")).collect();
        Ok(Self::choose(&shared, |name| internal.get(name).copied().unwrap_or(false)))
    }

    /// Whether rct can cut a node off from the others while clients still reach it.
    pub(crate) fn can_isolate(&self) -> bool {
        self.nodes != self.clients
    }

    /// The network of the nodes, if clients use another one.
    pub(crate) fn bus(&self) -> Option<String> {
        self.can_isolate().then(|| self.nodes.clone())
    }

    /// Chooses an internal network for the nodes, because leaving it does not unpublish their ports.
    fn choose(shared: &BTreeSet<String>, is_internal: impl Fn(&str) -> bool) -> Option<Self> {
        let outward = shared.iter().find(|name| !is_internal(name));
        let inward = shared.iter().find(|name| is_internal(name));
        let nodes = inward.filter(|_| outward.is_some()).or(outward)?.clone();
        let clients = outward?.clone();
        Some(Self { nodes, clients, prefix: None })
    }
}

fn shared(containers: &[Inspected]) -> BTreeSet<String> {
    let sets = containers.iter().map(|one| one.networks().map(str::to_owned).collect::<BTreeSet<_>>());
    sets.reduce(|one, other| one.intersection(&other).cloned().collect()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nodes_use_the_internal_network() {
        let chosen = |names: &[&str]| {
            let shared = names.iter().map(|name| (*name).to_owned()).collect();
            let networks = ClusterNetworks::choose(&shared, |name| name.starts_with("in"))?;
            Some((networks.nodes.clone(), networks.clients.clone(), networks.can_isolate()))
        };
        let named = |nodes: &str, clients: &str, isolates| Some((nodes.to_owned(), clients.to_owned(), isolates));
        assert_eq!(chosen(&["a", "in"]), named("in", "a", true));
        assert_eq!(chosen(&["in", "z"]), named("in", "z", true));
        assert_eq!(chosen(&["a", "b"]), named("a", "a", false));
        assert_eq!(chosen(&["in", "in2"]), None);
    }
}
