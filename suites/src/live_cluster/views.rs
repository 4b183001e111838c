//! The views of the nodes: what each says of the cluster, and whether they agree.

use std::pin::pin;

use futures_util::stream::{self, Stream, StreamExt, TryStreamExt};
use wire::{Node, Topology, command, parse_info, parse_nodes};

use super::LiveCluster;
use crate::control::NodeState;
use crate::ensure;
use crate::outcome::{Outcome, Stop};
use crate::words;

/// How many nodes rct asks at the same time.
const AT_ONCE: usize = 16;

impl LiveCluster {
    /// Asks every reachable node for its view, and returns the view if all agree.
    ///
    /// Nodes that were left out at entry have no line in it, and nodes whose reply was of no use then are not asked.
    ///
    /// # Errors
    /// A mismatch, if two views differ; broken, if no node can be asked.
    pub async fn agreed_view(&self) -> Outcome<Topology> {
        let known = self.topology();
        let asked = known.nodes.iter().filter(|node| self.may_be_asked(node) && !self.is_unreadable(node));
        let mut views = pin!(few_at_once(asked.map(async |node| (node, self.view_of(node).await))));
        let mut agreed: Option<(&Node, Topology, String)> = None;
        while let Some((node, view)) = views.next().await {
            let view = self.in_use(view?);
            let signature = view.signature();
            match &agreed {
                None => agreed = Some((node, view, signature)),
                Some((_, _, known)) if *known == signature => {}
                Some((Node { address, .. }, first, _)) => {
                    let (one, other) = words::difference(first, &view);
                    return Err(Stop::mismatch(
                        format!("the same CLUSTER NODES from {address} and {}", node.address),
                        format!("only from {address}: {one}; only from {}: {other}", node.address),
                    ));
                }
            }
        }
        match agreed {
            Some((_, view, _)) => Ok(view),
            None if !self.findings.unreadable.is_empty() => Ok((*known).clone()),
            None => Err(Stop::broken("rct can reach no node of the cluster")),
        }
    }

    /// The own view of every node that runs, as far as rct can tell.
    ///
    /// # Errors
    /// As [`LiveCluster::view_of`].
    pub async fn own_views(&self) -> Outcome<Vec<(Node, Topology)>> {
        let topology = self.topology();
        let asked = topology.nodes.iter().filter(|node| self.may_be_asked(node));
        few_at_once(asked.map(async |node| Ok((node.clone(), self.view_of(node).await?)))).try_collect().await
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
        self.parsed(node, &text)
    }

    /// Reads lines of CLUSTER NODES from a node.
    fn parsed(&self, node: &Node, lines: &str) -> Outcome<Topology> {
        let mut view = parse_nodes(lines).map_err(|error| {
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
        let topology = self.topology();
        let asked = topology.nodes.iter().filter(|node| self.may_be_asked(node));
        let state = command!["CLUSTER", "INFO"];
        let mut states = pin!(few_at_once(asked.map(async |node| (node, self.ask(node, &state).await))));
        while let Some((node, info)) = states.next().await {
            let info = info?;
            let info = parse_info(&info.text().unwrap_or_default());
            let is_down = info.get("cluster_state").is_some_and(|state| state == "fail");
            ensure!(!is_down, format!("cluster_state:ok of {}", node.address), "cluster_state:fail");
        }
        Ok(())
    }

    /// The own lines of all nodes that answer.
    pub(super) async fn own_lines(&self) -> Vec<Node> {
        let topology = self.topology();
        let asked = topology.nodes.iter().filter(|node| self.may_be_asked(node) && !self.is_unreadable(node));
        let lines = few_at_once(asked.map(|node| self.own_line_of(node)));
        lines.filter_map(async |line| line.ok().flatten()).collect().await
    }

    /// What a node says of itself. Its lines of the other nodes are not read: there may be a hundred.
    async fn own_line_of(&self, node: &Node) -> Outcome<Option<Node>> {
        let reply = self.ask(node, &command!["CLUSTER", "NODES"]).await?;
        let text = reply.text().unwrap_or_default();
        let own = text.lines().find(|line| line.split(' ').nth(2).is_some_and(|flags| flags.contains("myself")));
        Ok(own.and_then(|line| self.parsed(node, line).ok()).and_then(|view| view.myself().cloned()))
    }

    fn may_be_asked(&self, node: &Node) -> bool {
        matches!(self.control.state(&node.address), NodeState::Running | NodeState::Unknown)
    }

    fn is_unreadable(&self, node: &Node) -> bool {
        self.findings.unreadable.contains(&node.id)
    }
}

/// Performs a few of these at a time, and gives what comes of them in their order.
pub(super) fn few_at_once<F: Future>(asked: impl Iterator<Item = F>) -> impl Stream<Item = F::Output> {
    stream::iter(asked).buffered(AT_ONCE)
}
