//! The networks of a cluster of containers: where nodes meet each other, and how clients reach them.

use std::collections::{BTreeMap, BTreeSet};

use crate::docker::container::Inspected;
use crate::docker::engine::Engine;
use crate::docker::engine_error::EngineError;

/// Who meets whom where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Layout {
    /// The network in which nodes meet each other.
    pub(crate) nodes: String,
    /// The network by which clients reach them; the same one, where there is no other.
    pub(crate) clients: String,
    /// The first three numbers of the nodes' addresses, where rct has chosen them.
    pub(crate) prefix: Option<String>,
}

impl Layout {
    /// The layout of containers that were made by somebody else, from the networks that all of them are in; `None` if
    /// there is none.
    ///
    /// # Errors
    ///
    /// The engine's own.
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

    /// Whether a node can be cut off from the others while clients still reach it.
    pub(crate) fn can_isolate(&self) -> bool {
        self.nodes != self.clients
    }

    /// The network of the nodes, where clients use another one.
    pub(crate) fn bus(&self) -> Option<String> {
        self.can_isolate().then(|| self.nodes.clone())
    }

    /// Nodes meet in a network that leads nowhere else, since its loss cannot take the published ports with it.
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
    fn nodes_meet_in_the_network_that_leads_nowhere() {
        let chosen = |names: &[&str]| {
            let shared = names.iter().map(|name| (*name).to_owned()).collect();
            let layout = Layout::choose(&shared, |name| name.starts_with("in"))?;
            Some((layout.nodes.clone(), layout.clients.clone(), layout.can_isolate()))
        };
        let named = |nodes: &str, clients: &str, isolates| Some((nodes.to_owned(), clients.to_owned(), isolates));
        assert_eq!(chosen(&["a", "in"]), named("in", "a", true));
        assert_eq!(chosen(&["in", "z"]), named("in", "z", true));
        assert_eq!(chosen(&["a", "b"]), named("a", "a", false));
        assert_eq!(chosen(&["in", "in2"]), None);
    }
}
