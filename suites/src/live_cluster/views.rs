//! The views of the nodes: what each says of the cluster, and whether they agree.

use wire::{Address, Node, Topology, command, parse_info, parse_nodes};

use super::LiveCluster;
use crate::control::NodeState;
use crate::ensure;
use crate::outcome::{Outcome, Stop};
use crate::snapshot::Snapshot;
use crate::words;

impl LiveCluster {
    /// Asks every reachable node for its view, and returns the view if all agree.
    ///
    /// Nodes that were left out at entry have no line in it, and nodes whose reply was of no use then are not asked.
    ///
    /// # Errors
    /// A mismatch, if two views differ; broken, if no node can be asked.
    pub async fn agreed_view(&self) -> Outcome<Topology> {
        let known = self.topology();
        let mut agreed: Option<(Address, Topology)> = None;
        for node in &known.nodes {
            let (NodeState::Running | NodeState::Unknown) = self.control.state(&node.address) else { continue };
            if self.findings.unreadable.contains(&node.id) {
                continue;
            }
            let view = self.in_use(self.view_of(node).await?);
            match &agreed {
                None => agreed = Some((node.address.clone(), view)),
                Some((_, first)) if first.signature() == view.signature() => {}
                Some((address, first)) => {
                    let (one, other) = words::difference(first, &view);
                    return Err(Stop::mismatch(
                        format!("the same CLUSTER NODES from {address} and {}", node.address),
                        format!("only from {address}: {one}; only from {}: {other}", node.address),
                    ));
                }
            }
        }
        match agreed {
            Some((_, view)) => Ok(view),
            None if !self.findings.unreadable.is_empty() => Ok((*known).clone()),
            None => Err(Stop::broken("rct can reach no node of the cluster")),
        }
    }

    /// The own view of every node that runs, as far as rct can tell.
    ///
    /// # Errors
    /// As [`LiveCluster::view_of`].
    pub async fn own_views(&self) -> Outcome<Vec<(Node, Topology)>> {
        let mut views = Vec::new();
        for node in &self.topology().nodes {
            if let NodeState::Running | NodeState::Unknown = self.control.state(&node.address) {
                views.push((node.clone(), self.view_of(node).await?));
            }
        }
        Ok(views)
    }

    /// Requires that every node that runs knows the config epochs of all primaries that run, and that these differ.
    ///
    /// A node that gets a slot claims it with an epoch above all that it knows. If the owner has the same or a greater
    /// one, other nodes ignore the claim, and the claimer may lose the slot again, with its keys (cluster specification,
    /// "Hash slots configuration propagation").
    ///
    /// # Errors
    /// A mismatch that names the first epoch that a node does not know; as [`LiveCluster::view_of`].
    pub async fn epochs_are_known(&self) -> Outcome {
        let views = self.own_views().await?;
        let own: Vec<&Node> = views.iter().filter_map(|(_, view)| view.myself()).collect();
        for primary in own.iter().filter(|node| node.primary.is_none()) {
            let Node { id, address, config_epoch, .. } = primary;
            let is_same = |other: &&&Node| other.id != *id && other.primary.is_none() && *config_epoch != 0;
            let rival = own.iter().filter(is_same).find(|other| other.config_epoch == *config_epoch);
            if let Some(rival) = rival {
                let both = format!("the config epoch {config_epoch} of both");
                return Err(Stop::mismatch(
                    format!("different config epochs of {address} and {}", rival.address),
                    both,
                ));
            }
            for (viewer, view) in &views {
                let known = view.node(id).map(|seen| seen.config_epoch);
                ensure!(
                    known.is_none_or(|known| known == *config_epoch),
                    format!("the config epoch {config_epoch} of {address} in CLUSTER NODES of {}", viewer.address),
                    "{}",
                    words::or(known, "no such node")
                );
            }
        }
        Ok(())
    }

    /// A node's view without the nodes that rct left out when it entered the cluster.
    #[must_use]
    pub fn in_use(&self, mut view: Topology) -> Topology {
        view.nodes.retain(|node| !self.findings.leaves_out(node));
        view
    }

    /// The view of one node.
    ///
    /// # Errors
    /// As [`LiveCluster::ask`]; a mismatch, if the reply is malformed.
    pub async fn view_of(&self, node: &Node) -> Outcome<Topology> {
        let reply = self.ask(node, &command!["CLUSTER", "NODES"]).await?;
        let text = reply.text().ok_or_else(|| {
            Stop::mismatch(format!("the lines of CLUSTER NODES from {}", node.address), reply.to_string())
        })?;
        let view = parse_nodes(&text);
        let mut view = view.map_err(|error| {
            Stop::mismatch(format!("the lines of CLUSTER NODES from {}", node.address), error.to_string())
        })?;
        for own in view.nodes.iter_mut().filter(|own| own.is_myself() && own.address.host.is_empty()) {
            // A node that has not met another node does not know its own host yet.
            own.address.clone_from(&node.address);
        }
        Ok(view)
    }

    /// Requires that no node says that the cluster is down, as one does for two seconds after its start.
    ///
    /// # Errors
    /// A mismatch that names the first such node; as [`LiveCluster::ask`].
    pub async fn serves(&self) -> Outcome {
        for node in &self.topology().nodes {
            let (NodeState::Running | NodeState::Unknown) = self.control.state(&node.address) else { continue };
            let info = self.ask(node, &command!["CLUSTER", "INFO"]).await?;
            let info = parse_info(&info.text().unwrap_or_default());
            let is_down = info.get("cluster_state").is_some_and(|state| state == "fail");
            ensure!(!is_down, format!("cluster_state:ok of {}", node.address), "cluster_state:fail");
        }
        Ok(())
    }

    /// What every node that answers says of itself; nothing of the others.
    pub async fn snapshot(&self) -> Snapshot {
        let mut lines = Vec::new();
        for node in &self.topology().nodes {
            let runs = matches!(self.control.state(&node.address), NodeState::Running | NodeState::Unknown);
            if !runs || self.findings.unreadable.contains(&node.id) {
                continue;
            }
            let view = self.view_of(node).await.ok();
            lines.extend(view.and_then(|view| view.myself().cloned()));
        }
        Snapshot::of(lines)
    }
}
