//! The nodes that take part in a failover, and how a check prepares them.

use wire::{Node, Slot, command};

use super::observe::agreed;
use crate::cluster::Cluster;
use crate::ensure;
use crate::expect::Expect;
use crate::outcome::{Outcome, Stop};
use crate::words::{difference, line, or};

/// The primary that a check is about to disturb, one of its replicas, and all other nodes.
pub(in crate::code) struct Participants {
    /// The primary.
    pub(in crate::code) primary: Node,
    /// One of its replicas.
    pub(in crate::code) replica: Node,
    /// All other nodes, also further replicas of the primary.
    pub(in crate::code) others: Vec<Node>,
}

impl Participants {
    /// Chooses a random primary that has a replica.
    pub(in crate::code) fn draw(cluster: &Cluster) -> Outcome<Self> {
        let mut primaries = cluster.primaries();
        primaries.retain(|primary| !cluster.replicas_of(primary).is_empty());
        let primary = cluster.pick(primaries).ok_or_else(|| Stop::skip("the check needs a primary with a replica"))?;
        let replica = cluster.replica_of(&primary)?;
        Ok(Self::of(cluster, primary, replica))
    }

    /// Chooses a random primary with a replica, and gives it a second one from another shard if it has only one.
    pub(in crate::code) async fn draw_with_two_replicas(cluster: &Cluster) -> Outcome<(Self, Node)> {
        let participants = Self::draw(cluster)?;
        let own = cluster.replicas_of(&participants.primary);
        let second = match own.iter().find(|node| node.id != participants.replica.id) {
            Some(second) => second.clone(),
            None => {
                let others = participants.others.iter().filter(|node| node.primary.is_some()).cloned().collect();
                let second = cluster.pick(others).ok_or_else(|| Stop::skip("the check needs a second replica"))?;
                attach(cluster, &second, &participants.primary).await?;
                second
            }
        };
        cluster.replicated(&participants.primary).await?;
        Ok((Self::of(cluster, participants.primary, participants.replica), second))
    }

    /// All nodes except the primary.
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

/// The smallest number of primaries whose absence leaves no majority.
pub(in crate::code) fn too_many(primaries: usize) -> usize {
    primaries - primaries / 2
}

/// Makes a replica or an empty primary a replica of another primary, and waits until it has the data.
pub(in crate::code) async fn attach(cluster: &Cluster, replica: &Node, primary: &Node) -> Outcome {
    send_data_at_once(cluster, primary).await?;
    cluster.expect(replica, command!["CLUSTER", "REPLICATE", &primary.id], Expect::Ok).await?;
    cluster
        .until(cluster.limits().converge, "all nodes know the replica's new primary", async || {
            let view = agreed(cluster).await?;
            let found = view.node(&replica.id).and_then(|node| node.primary);
            ensure!(
                found == Some(primary.id),
                format!("{} as a replica of {}", replica.address, primary.id),
                "{}",
                or(found, "a primary")
            );
            Ok(())
        })
        .await?;
    cluster.replicated(primary).await
}

/// Makes a primary start a full synchronisation at once, without a delay for further replicas.
async fn send_data_at_once(cluster: &Cluster, primary: &Node) -> Outcome {
    match cluster.set_config(primary, "repl-diskless-sync-delay", "0").await {
        Err(Stop::Skip(_)) => Ok(()),
        set => set,
    }
}

/// Starts a server and joins it to the cluster as a primary without slots.
pub(in crate::code) async fn add_empty_primary(cluster: &Cluster) -> Outcome<Node> {
    let spare = cluster.start_spare(crate::control::Spare::default()).await?;
    let known = cluster.some_primary()?.address;
    let meet = command!["CLUSTER", "MEET", &known.host, known.port.to_string()];
    cluster.expect(&spare, meet, Expect::Ok).await?;
    cluster
        .until(cluster.limits().converge, "all nodes know the new node", async || {
            let view = agreed(cluster).await?;
            let found = view.node(&spare.id).filter(|node| node.is_usable()).cloned();
            ensure!(
                found.is_some(),
                format!("{} in CLUSTER NODES of all nodes", spare.id),
                "{}",
                line(view.node(&spare.id))
            );
            // The agreed view does not include the view of the new node before all others know the node.
            let own = cluster.view_of(&spare).await?;
            let (others, new) = difference(&view, &own);
            let expected = format!("the same CLUSTER NODES from {} and all other nodes", spare.address);
            ensure!(
                own.signature() == view.signature(),
                expected,
                "only from the others: {others}; only from {}: {new}",
                spare.address
            );
            Ok(())
        })
        .await?;
    cluster
        .topology()
        .node(&spare.id)
        .cloned()
        .ok_or_else(|| Stop::broken(format!("the new node {} is not in the view of the cluster", spare.address)))
}

/// Gives all slots of a primary without keys to another primary, slot by slot as an operator would.
///
/// It does not wait until the other nodes know it.
pub(in crate::code) async fn hand_over(cluster: &Cluster, from: &Node, to: &Node) -> Outcome {
    let keys = cluster.call(from, command!["DBSIZE"]).await?;
    if !Expect::Integer(0).admits(&keys) {
        return Err(Stop::skip("the check needs a primary without keys, because it gives the slots away without keys"));
    }
    let slots = cluster.all_slots_of(from);
    if let Some(open) = slots.iter().find(|slot| cluster.is_open(**slot)) {
        return Err(Stop::skip(format!("the check gives all slots away, but somebody else is moving slot {open}")));
    }
    cluster.epochs_spread().await;
    for words in [["IMPORTING", from.id.as_str()], ["NODE", to.id.as_str()]] {
        let set = |slot: &Slot| command!["CLUSTER", "SETSLOT", slot.to_string(), words[0], words[1]];
        for chunk in slots.chunks(1_000) {
            let replies = cluster.pipeline(to, &chunk.iter().map(set).collect::<Vec<_>>()).await?;
            let refused = replies.iter().find(|reply| !Expect::Ok.admits(reply));
            ensure!(refused.is_none(), format!("OK to CLUSTER SETSLOT ... {}", words[0]), "{}", or(refused, "OK"));
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
