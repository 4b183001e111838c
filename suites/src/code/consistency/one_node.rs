//! The replies of one node to different commands agree.

use std::collections::BTreeSet;

use wire::{Node, NodeId, SLOT_COUNT, Shard, Slot, SlotRange, SlotsEntry, Topology};

use crate::cluster::Cluster;
use crate::code::topology::{cluster_info, number, replicas};
use crate::code_check::{CodeCheck, check};
use crate::ensure;
use crate::outcome::{Outcome, Stop};
use crate::words::{list, or};

pub(super) const CHECKS: &[CodeCheck] = &[
    check("consistency/full-coverage")
        .title("CLUSTER NODES, SLOTS and SHARDS each assign every slot from 0 to 16383 to exactly one owner")
        .must("key-distribution-model")
        .covers(&["consistency.full-coverage"])
        .body(|cluster| Box::pin(full_coverage(cluster))),
    check("consistency/nodes-and-slots")
        .title("CLUSTER NODES and CLUSTER SLOTS of a node name the same primary for each slot")
        .must("CLUSTER SLOTS")
        .covers(&["consistency.nodes-vs-slots"])
        .body(|cluster| Box::pin(nodes_and_slots(cluster))),
    check("consistency/slots-and-shards")
        .title("CLUSTER SLOTS and SHARDS of a node name the same primary for each slot, and SHARDS lists every node")
        .must("CLUSTER SHARDS")
        .covers(&["consistency.slots-vs-shards"])
        .commands(&["CLUSTER SHARDS"])
        .servers(&["redis >=7.0", "valkey"])
        .body(|cluster| Box::pin(slots_and_shards(cluster))),
    check("consistency/info-and-nodes")
        .title("CLUSTER INFO counts the slots, nodes and primaries that CLUSTER NODES of the same node lists")
        .must("CLUSTER INFO")
        .covers(&["consistency.info-vs-nodes"])
        .body(|cluster| Box::pin(info_and_nodes(cluster))),
    check("consistency/replicas-and-nodes")
        .title("CLUSTER REPLICAS lists exactly the replicas that CLUSTER NODES of the same node gives the primary")
        .must("CLUSTER REPLICAS")
        .covers(&["consistency.replicas-vs-nodes"])
        .shape(2, 1)
        .body(|cluster| Box::pin(replicas_and_nodes(cluster))),
];

async fn full_coverage(cluster: &Cluster) -> Outcome {
    for node in cluster.visited() {
        let mut views = vec![
            ("NODES", owners_by_nodes(&cluster.view_of(&node).await?)),
            ("SLOTS", owners_by_slots(&cluster.slots_view(&node).await?)),
        ];
        if cluster.has_shards().await? {
            views.push(("SHARDS", owners_by_shards(&cluster.shards_view(&node).await?)));
        }
        for (command, owners) in views {
            let owners = owners.map_err(|problem| two_owners(command, &node, problem))?;
            let orphan = Slot::all().zip(&owners).find(|(_, owner)| owner.is_none());
            ensure!(
                orphan.is_none(),
                format!("an owner for every slot in CLUSTER {command} of {}", node.address),
                "no owner of slot {}",
                orphan.map(|(slot, _)| slot.to_string()).unwrap_or_default()
            );
        }
    }
    Ok(())
}

async fn nodes_and_slots(cluster: &Cluster) -> Outcome {
    for node in cluster.visited() {
        let nodes = owners_by_nodes(&cluster.view_of(&node).await?).map_err(|p| two_owners("NODES", &node, p))?;
        let slots = owners_by_slots(&cluster.slots_view(&node).await?).map_err(|p| two_owners("SLOTS", &node, p))?;
        same_owners(&node, ("NODES", &nodes), ("SLOTS", &slots))?;
    }
    Ok(())
}

async fn slots_and_shards(cluster: &Cluster) -> Outcome {
    for node in cluster.visited() {
        let entries = cluster.slots_view(&node).await?;
        let shards = cluster.shards_view(&node).await?;
        let slots = owners_by_slots(&entries).map_err(|p| two_owners("SLOTS", &node, p))?;
        let by_shards = owners_by_shards(&shards).map_err(|p| two_owners("SHARDS", &node, p))?;
        same_owners(&node, ("SLOTS", &slots), ("SHARDS", &by_shards))?;
        let view = cluster.view_of(&node).await?;
        // A replica without an address is still listed with its primary, and a dead node may be listed or not.
        let findings = &cluster.live().findings;
        let is_known = |node: &&Node| !node.has_flag("handshake") && !findings.leaves_out(node);
        let known: BTreeSet<NodeId> = view.nodes.iter().filter(is_known).map(|node| node.id).collect();
        let left_out: BTreeSet<NodeId> =
            view.nodes.iter().filter(|node| !known.contains(&node.id)).map(|node| node.id).collect();
        let listed = shards.iter().flat_map(|shard| &shard.nodes).map(|node| node.id);
        let listed: BTreeSet<NodeId> = listed.filter(|id| !left_out.contains(id)).collect();
        ensure!(
            listed == known,
            format!("in CLUSTER SHARDS of {} the nodes of its CLUSTER NODES: {}", node.address, list(&known)),
            "{}",
            list(&listed)
        );
    }
    Ok(())
}

async fn info_and_nodes(cluster: &Cluster) -> Outcome {
    for node in cluster.visited() {
        let info = cluster_info(cluster, &node).await?;
        let view = cluster.whole_view_of(&node).await?;
        let slots: usize = view.nodes.iter().flat_map(|node| &node.slots).map(|range| range.slots().count()).sum();
        let serving = view.primaries().filter(|node| !node.slots.is_empty()).count();
        for (name, counted) in
            [("cluster_slots_assigned", slots), ("cluster_known_nodes", view.nodes.len()), ("cluster_size", serving)]
        {
            let said = number(&info, name, &node)?;
            ensure!(
                said == counted as u64,
                format!("{name}:{counted} of {}, as counted in its CLUSTER NODES", node.address),
                "{name}:{said}"
            );
        }
    }
    Ok(())
}

async fn replicas_and_nodes(cluster: &Cluster) -> Outcome {
    for asked in cluster.visited() {
        let view = cluster.view_of(&asked).await?;
        for primary in view.primaries().filter(|primary| !cluster.is_unvisited(primary)) {
            let expected: BTreeSet<NodeId> = view.replicas_of(&primary.id).map(|replica| replica.id).collect();
            let listed = replicas(cluster, &asked, "REPLICAS", primary).await?;
            let found: BTreeSet<NodeId> = listed.nodes.iter().map(|node| node.id).collect();
            ensure!(
                found == expected && listed.nodes.len() == expected.len(),
                format!(
                    "{} as the replicas of {} in CLUSTER REPLICAS of {}",
                    list(&expected),
                    primary.id,
                    asked.address
                ),
                "{} in {} lines",
                list(&found),
                listed.nodes.len()
            );
        }
    }
    Ok(())
}

/// The owner of each slot, at the index of its number.
pub(super) type Owners = Vec<Option<NodeId>>;

pub(super) fn owners_by_nodes(view: &Topology) -> Result<Owners, String> {
    owners(view.nodes.iter().flat_map(|node| node.slots.iter().map(|range| (*range, node.id))))
}

pub(super) fn owners_by_slots(entries: &[SlotsEntry]) -> Result<Owners, String> {
    owners(entries.iter().filter_map(|entry| Some((entry.range, entry.nodes.first()?.id?))))
}

pub(super) fn owners_by_shards(shards: &[Shard]) -> Result<Owners, String> {
    let primary = |shard: &Shard| shard.nodes.iter().find(|node| node.role == "master").map(|node| node.id);
    owners(shards.iter().flat_map(|shard| shard.slots.iter().filter_map(move |range| Some((*range, primary(shard)?)))))
}

fn owners(claims: impl Iterator<Item = (SlotRange, NodeId)>) -> Result<Owners, String> {
    let mut owners = vec![None; usize::from(SLOT_COUNT)];
    for (slot, claimant) in claims.flat_map(|(range, id)| range.slots().map(move |slot| (slot, id))) {
        if let Some(owner) = owners[usize::from(slot.number())].replace(claimant) {
            return Err(format!("slot {slot} of {owner} and of {claimant}"));
        }
    }
    Ok(owners)
}

fn two_owners(command: &str, node: &Node, problem: String) -> Stop {
    Stop::mismatch(format!("one owner at most for each slot in CLUSTER {command} of {}", node.address), problem)
}

fn same_owners(node: &Node, one: (&str, &Owners), other: (&str, &Owners)) -> Outcome {
    let different = Slot::all().zip(one.1.iter().zip(other.1)).find(|(_, (one, other))| one != other);
    match different {
        None => Ok(()),
        Some((slot, (first, second))) => Err(Stop::mismatch(
            format!("the same owner of slot {slot} in CLUSTER {} and {} of {}", one.0, other.0, node.address),
            format!("{} and {}", or(*first, "no owner"), or(*second, "no owner")),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slot_that_two_claim_is_found() {
        let id = |digit: &str| digit.repeat(40).parse::<NodeId>().unwrap();
        let range = |start, end| SlotRange::new(Slot::new(start).unwrap(), Slot::new(end).unwrap()).unwrap();
        let apart = owners([(range(0, 5), id("a")), (range(6, 9), id("b"))].into_iter()).unwrap();
        assert_eq!((apart[5], apart[6], apart[10]), (Some(id("a")), Some(id("b")), None));
        assert!(owners([(range(0, 5), id("a")), (range(5, 9), id("b"))].into_iter()).is_err());
    }
}
