//! Lets nodes join and leave under load, with their share of the slots.

use suites::until::until;
use suites::{LiveCluster, Outcome, Spare, Stop, ensure};
use wire::{Node, Slot, Topology, command, parse_info};

use super::link::Link;
use super::migrate::migrate;
use super::performer::Performer;
use super::select::slots_of;

/// Starts a node, lets it join the cluster, and moves an equal share of the slots to it.
///
/// # Errors
/// The node does not start or join, or slots do not move.
pub(super) async fn add_node(performer: &Performer) -> Outcome {
    let node = performer.cluster.start_spare(Spare::default()).await?;
    performer.cluster.meet(&node).await?;
    performer.added.borrow_mut().push(node.clone());
    serves(&performer.live, &node).await?;
    let view = performer.view().await?;
    let givers: Vec<&Node> = view.primaries().filter(|giver| giver.is_usable() && !giver.slots.is_empty()).collect();
    for giver in &givers {
        let owned = slots_of(giver).count();
        let share: Vec<Slot> = slots_of(giver).take(owned / (givers.len() + 1)).collect();
        migrate(&performer.live, &share, giver, &node).await?;
    }
    Ok(())
}

/// Waits until a node that has joined serves: for two seconds after its start, a primary regards the cluster as down.
async fn serves(live: &LiveCluster, node: &Node) -> Outcome {
    until(live.limits.restart, live.limits.poll, "the new node serves", async || {
        let reply = live.ask(node, &command!["CLUSTER", "INFO"]).await?;
        let state = parse_info(&reply.text().unwrap_or_default()).remove("cluster_state").unwrap_or_default();
        ensure!(state == "ok", format!("cluster_state:ok of {}", node.address), "cluster_state:{state}");
        Ok(())
    })
    .await
}

/// Moves the slots of a node to the other primaries, and lets all nodes forget it.
///
/// # Errors
/// Slots do not move, or a node goes on to know it.
pub(super) async fn remove_node(performer: &Performer, node: &Node, view: &Topology) -> Outcome {
    let takers: Vec<&Node> =
        view.primaries().filter(|taker| taker.id != node.id && taker.is_usable() && !taker.slots.is_empty()).collect();
    let slots: Vec<Slot> = view.node(&node.id).into_iter().flat_map(slots_of).collect();
    if !slots.is_empty() {
        if takers.is_empty() {
            return Err(Stop::broken("no other primary could take over the slots"));
        }
        for (share, taker) in slots.chunks(slots.len().div_ceil(takers.len())).zip(&takers) {
            migrate(&performer.live, share, node, taker).await?;
        }
    }
    performer.added.borrow_mut().retain(|added| added.id != node.id);
    performer.removed.borrow_mut().push(node.clone());
    forget(&performer.live, node, takers.first().copied()).await
}

/// Lets all other nodes forget a node without slots, and then the node forget them. Its replicas go to another primary.
///
/// # Errors
/// A node refuses.
pub(super) async fn forget(live: &LiveCluster, node: &Node, heir: Option<&Node>) -> Outcome {
    until(live.limits.converge, live.limits.poll, "no node knows the removed node", async || {
        for other in live.topology().nodes.iter().filter(|other| other.id != node.id) {
            let own = live.view_of(other).await?;
            if own.node(&node.id).is_none() {
                continue;
            }
            let myself = own.myself().and_then(|myself| myself.primary);
            if let (Some(heir), true) = (heir, myself == Some(node.id)) {
                live.ask(other, &command!["CLUSTER", "REPLICATE", heir.id]).await?;
            }
            let reply = live.ask(other, &command!["CLUSTER", "FORGET", node.id]).await?;
            ensure!(reply.error().is_none(), format!("OK from {} to CLUSTER FORGET", other.address), "{reply}");
        }
        Ok(())
    })
    .await?;
    // So that it does not go on to ping nodes that ignore it.
    Link::open(live, node).await?.demand(command!["CLUSTER", "RESET", "SOFT"]).await?;
    let mut left = (*live.topology()).clone();
    left.nodes.retain(|other| other.id != node.id);
    live.set_topology(left);
    Ok(())
}
