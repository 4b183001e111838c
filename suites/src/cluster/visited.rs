//! Which nodes a check visits whose rule holds for every node.
//!
//! On a cluster of a hundred nodes, hundreds of checks that ask all of them would take minutes. So each check visits
//! other shards of a large cluster, and all checks together visit most of them. Before the checks, rct asks every node
//! for its view, and `consistency/across-nodes` does so again.

use std::collections::BTreeSet;

use wire::{Node, NodeId};

use super::Cluster;
use crate::outcome::{Outcome, Stop};

/// The most nodes of a cluster of which a check visits all.
const ALL_OF: usize = 24;
/// How many nodes of a larger cluster a check visits at least, if its shards have as many.
const VISITED: usize = 8;
/// How many shards of a larger cluster a check visits at least.
const SHARDS: usize = 3;

impl Cluster {
    /// The usable nodes to ask for a rule that holds for every node: all of them, or of a cluster of more than 24 nodes
    /// some whole shards, which the seed of the check draws.
    #[must_use]
    pub fn visited(&self) -> Vec<Node> {
        self.only_visited(self.nodes())
    }

    /// The primaries with slots among [`Cluster::visited`].
    #[must_use]
    pub fn visited_primaries(&self) -> Vec<Node> {
        self.only_visited(self.primaries())
    }

    /// A random one of [`Cluster::visited_primaries`].
    ///
    /// # Errors
    /// Broken, if the view has no such primary.
    pub fn some_visited_primary(&self) -> Outcome<Node> {
        self.pick(self.preferred(self.visited_primaries()))
            .ok_or_else(|| Stop::broken("the cluster has no usable primary with slots"))
    }

    /// The nodes of [`Cluster::visited`], and those of the shards of nodes that the check works with.
    pub(crate) fn visited_around(&self, own: impl FnOnce() -> Vec<Node>) -> Vec<Node> {
        let mut nodes = self.nodes();
        if let Some(visited) = self.sample() {
            let own: BTreeSet<NodeId> = own().iter().map(shard).collect();
            nodes.retain(|node| visited.contains(&node.id) || own.contains(&shard(node)));
        }
        nodes
    }

    /// Whether [`Cluster::visited`] leaves a node out.
    #[must_use]
    pub fn is_unvisited(&self, node: &Node) -> bool {
        self.sample().is_some_and(|visited| !visited.contains(&node.id))
    }

    fn only_visited(&self, mut nodes: Vec<Node>) -> Vec<Node> {
        nodes.retain(|node| !self.is_unvisited(node));
        nodes
    }

    /// The nodes that the check visits; `None` if it visits all.
    fn sample(&self) -> Option<&BTreeSet<NodeId>> {
        if self.topology().nodes.len() <= ALL_OF {
            return None;
        }
        // Perhaps only some shards have replicas.
        let pools = || [self.preferred(self.primaries()), self.primaries()];
        let drawn = || draw(pools(), |primary| self.replicas_of(primary), |bound| self.random_below(bound));
        Some(self.visited.get_or_init(drawn))
    }
}

/// The primary of a node's shard.
fn shard(node: &Node) -> NodeId {
    node.primary.unwrap_or(node.id)
}

/// Draws shards until there are enough of them and of their nodes: those of the first pool of primaries first.
fn draw(
    pools: [Vec<Node>; 2],
    replicas_of: impl Fn(&Node) -> Vec<Node>,
    random_below: impl Fn(usize) -> usize,
) -> BTreeSet<NodeId> {
    let (mut visited, mut shards) = (BTreeSet::new(), 0);
    for mut primaries in pools {
        while (shards < SHARDS || visited.len() < VISITED) && !primaries.is_empty() {
            let primary = primaries.swap_remove(random_below(primaries.len()));
            if visited.insert(primary.id) {
                visited.extend(replicas_of(&primary).iter().map(|replica| replica.id));
                shards += 1;
            }
        }
    }
    visited
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many nodes are drawn of a cluster of so many primaries, each with so many replicas.
    fn drawn(primaries: usize, replicas: usize) -> usize {
        let id = |number: usize| format!("{number:040x}");
        let line = |number: usize, flags: &str, primary: &str| {
            format!("{} h:{}@1 {flags} {primary} 0 0 1 connected\n", id(number), number + 1)
        };
        let mut text: String = (0..primaries).map(|number| line(number, "master", "-")).collect();
        text.extend((0..primaries * replicas).map(|n| line(primaries + n, "slave", &id(n % primaries))));
        let view = wire::parse_nodes(&text).unwrap();
        let replicas_of = |primary: &Node| view.replicas_of(&primary.id).cloned().collect::<Vec<_>>();
        let all: Vec<Node> = view.primaries().cloned().collect();
        let drawn = draw([vec![all[0].clone()], all], replicas_of, |bound| bound - 1);
        assert!(drawn.contains(&view.nodes[0].id), "the first pool comes first");
        for node in view.nodes.iter().filter(|node| drawn.contains(&node.id)) {
            let own = node.primary.unwrap_or(node.id);
            assert!(
                view.replicas_of(&own).all(|replica| drawn.contains(&replica.id)),
                "{} is without its shard",
                node.id
            );
        }
        drawn.len()
    }

    #[test]
    fn whole_shards_are_drawn_and_at_least_three() {
        assert_eq!((drawn(50, 1), drawn(100, 0), drawn(20, 4)), (8, 8, 15));
        assert_eq!(drawn(2, 20), 42, "there are only two shards");
    }
}
