//! Who plays what in a failover, and how the stage is set.

use wire::{Node, Slot, command};

use super::watch::agreed;
use crate::cluster::Cluster;
use crate::ensure;
use crate::expect::Expect;
use crate::outcome::{Outcome, Stop};

/// A primary that something is about to happen to, one of its replicas, and everybody else.
pub(in crate::code) struct Scene {
    /// The primary.
    pub(in crate::code) primary: Node,
    /// A replica of it.
    pub(in crate::code) replica: Node,
    /// All other nodes, further replicas of the primary among them.
    pub(in crate::code) others: Vec<Node>,
}

impl Scene {
    /// Draws a primary that has a replica.
    pub(in crate::code) fn draw(cluster: &Cluster) -> Outcome<Self> {
        let mut primaries = cluster.primaries();
        primaries.retain(|primary| !cluster.replicas_of(primary).is_empty());
        let primary = cluster.pick(primaries).ok_or_else(|| Stop::skip("needs a primary with a replica"))?;
        let replica = cluster.replica_of(&primary)?;
        Ok(Self::of(cluster, primary, replica))
    }

    /// Draws a primary with a replica, and gives it a second one, from another shard if need be.
    pub(in crate::code) async fn draw_with_two_replicas(cluster: &Cluster) -> Outcome<(Self, Node)> {
        let scene = Self::draw(cluster)?;
        let own = cluster.replicas_of(&scene.primary);
        let second = match own.iter().find(|node| node.id != scene.replica.id) {
            Some(second) => second.clone(),
            None => {
                let others = scene.others.iter().filter(|node| node.primary.is_some()).cloned().collect();
                let second = cluster.pick(others).ok_or_else(|| Stop::skip("needs a second replica"))?;
                attach(cluster, &second, &scene.primary).await?;
                second
            }
        };
        cluster.replicated(&scene.primary).await?;
        Ok((Self::of(cluster, scene.primary, scene.replica), second))
    }

    /// The nodes that are left without the primary.
    pub(in crate::code) fn survivors(&self) -> Vec<Node> {
        [&self.replica].into_iter().chain(&self.others).cloned().collect()
    }

    /// The other primaries that own slots.
    pub(in crate::code) fn other_primaries(&self) -> Vec<Node> {
        self.others.iter().filter(|node| node.primary.is_none() && !node.slots.is_empty()).cloned().collect()
    }

    pub(super) fn of(cluster: &Cluster, primary: Node, replica: Node) -> Self {
        let mut others = cluster.nodes();
        others.retain(|node| node.id != primary.id && node.id != replica.id);
        Self { primary, replica, others }
    }
}

/// How many of so many primaries must be away so that the rest is no majority.
pub(in crate::code) fn too_many(primaries: usize) -> usize {
    primaries - primaries / 2
}

/// Makes a replica, or an empty primary, a replica of another primary, and waits until it has its data.
pub(in crate::code) async fn attach(cluster: &Cluster, replica: &Node, primary: &Node) -> Outcome {
    send_data_at_once(cluster, primary).await?;
    cluster.expect(replica, command!["CLUSTER", "REPLICATE", &primary.id], Expect::Ok).await?;
    cluster
        .until(cluster.limits().converge, "all nodes know the replica's new primary", async || {
            let view = agreed(cluster).await?;
            let found = view.node(&replica.id).and_then(|node| node.primary);
            ensure!(found == Some(primary.id), format!("the primary {}", primary.id), "{found:?}");
            Ok(())
        })
        .await?;
    cluster.replicated(primary).await
}

/// Lets a primary begin a full synchronisation without first waiting for more replicas.
async fn send_data_at_once(cluster: &Cluster, primary: &Node) -> Outcome {
    match cluster.set_config(primary, "repl-diskless-sync-delay", "0").await {
        Err(Stop::Skip(_)) => Ok(()),
        set => set,
    }
}

/// Starts a server that knows nobody and makes it a member: an empty primary.
pub(in crate::code) async fn add_empty_primary(cluster: &Cluster) -> Outcome<Node> {
    let spare = cluster.start_spare(crate::control::Spare::default()).await?;
    let known = cluster.some_primary()?.address;
    let meet = command!["CLUSTER", "MEET", &known.host, known.port.to_string()];
    cluster.expect(&spare, meet, Expect::Ok).await?;
    cluster
        .until(cluster.limits().converge, "all nodes know the new node", async || {
            let view = agreed(cluster).await?;
            let found = view.node(&spare.id).filter(|node| node.is_usable()).cloned();
            ensure!(found.is_some(), format!("the node {}", spare.id), "{}", view.signature());
            // The new node itself was not asked before it was in the view.
            let own = cluster.view_of(&spare).await?;
            ensure!(own.signature() == view.signature(), view.signature(), "{}", own.signature());
            Ok(())
        })
        .await?;
    cluster.topology().node(&spare.id).cloned().ok_or_else(|| Stop::broken("find the new node in the view"))
}

/// Gives all slots of a primary without keys to another, slot by slot as an operator would, and asks nobody whether
/// they have learned it.
pub(in crate::code) async fn hand_over(cluster: &Cluster, from: &Node, to: &Node) -> Outcome {
    let keys = cluster.call(from, command!["DBSIZE"]).await?;
    if !Expect::Integer(0).admits(&keys) {
        return Err(Stop::skip("needs a primary without keys, since its slots are given away without them"));
    }
    let slots = cluster.slots_of(from);
    for words in [["IMPORTING", from.id.as_str()], ["NODE", to.id.as_str()]] {
        let set = |slot: &Slot| command!["CLUSTER", "SETSLOT", slot.to_string(), words[0], words[1]];
        for chunk in slots.chunks(1_000) {
            let replies = cluster.pipeline(to, &chunk.iter().map(set).collect::<Vec<_>>()).await?;
            let refused = replies.iter().find(|reply| !Expect::Ok.admits(reply));
            ensure!(refused.is_none(), format!("OK to CLUSTER SETSLOT .. {}", words[0]), "{refused:?}");
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_majority_is_gone_when_half_are_away() {
        for (primaries, away) in [(1, 1), (2, 1), (3, 2), (4, 2), (5, 3), (6, 3), (7, 4)] {
            assert_eq!(too_many(primaries), away, "of {primaries}");
            assert!(primaries - away <= primaries / 2, "of {primaries}");
            assert!(primaries - (away - 1) > primaries / 2, "of {primaries}");
        }
    }
}
