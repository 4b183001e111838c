//! Gives a cluster back what events took: processes, nodes, slots and roles.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::{Duration, Instant};

use suites::until::until;
use suites::{LiveCluster, NodeState, Outcome, ensure};
use wire::{Node, NodeId, Slot, Topology, command};

use super::migrate::migrate;
use super::performer::Performer;
use super::reshard::forget;
use crate::runner::restore::{restore, revive};
use crate::runner::settle::Baseline;

/// How long nodes ignore a node that they forgot, unless `cluster-blacklist-ttl` says otherwise.
const IGNORED_FOR: Duration = Duration::from_secs(60);
/// How long all nodes must know a node again: several of their pings, with which they let each other forget nodes.
const KNOWN_FOR: Duration = Duration::from_secs(3);
/// How often rct tells the nodes to meet a node that they do not know.
const MEET_EVERY: Duration = Duration::from_millis(200);

/// Undoes all events of a run; `before` and `view` are how the cluster was.
///
/// # Errors
/// What is still different when the limits are over.
pub(super) async fn undo(performer: &Performer, before: &Baseline, view: &Rc<Topology>) -> Outcome {
    let live = &performer.live;
    let added: Vec<Node> = performer.added.take();
    let removed: Vec<Node> = performer.removed.take();
    // All nodes that there are, so that those which left are found again.
    let mut all = (**view).clone();
    all.nodes.extend(added.iter().cloned());
    live.set_topology(all.clone());
    live.forget_connections();
    revive(live).await?;
    for node in removed.iter().filter(|node| view.node(&node.id).is_some()) {
        take_back(live, node).await?;
    }
    if let Some(view) = settled(live).await? {
        give_slots_back(live, before, &view).await?;
    }
    for node in &added {
        let now = live.agreed_view().await?;
        forget(live, node, now.primaries().find(|other| other.id != node.id)).await?;
        live.control.kill(&node.address).await.ok();
    }
    live.set_topology((**view).clone());
    restore(live, before).await?;
    performer.cluster.tidy().await
}

/// Lets a node that had to leave join again. Each node must be told, because nodes ignore what they forgot.
///
/// Nodes of Redis 8 and Valkey 9 also make each other forget the node again until [`IGNORED_FOR`] is over.
async fn take_back(live: &LiveCluster, node: &Node) -> Outcome {
    let (host, port) = (node.address.host.clone(), node.address.port.to_string());
    let mut known_since = None;
    until(IGNORED_FOR + live.limits.converge, MEET_EVERY, "all nodes know the node that left", async || {
        let mut missing = 0;
        for other in live.topology().nodes.iter().filter(|other| other.id != node.id) {
            let knows = live.view_of(other).await?.node(&node.id).is_some_and(Node::is_usable);
            let is_known = live.view_of(node).await?.node(&other.id).is_some_and(Node::is_usable);
            if !knows || !is_known {
                missing += 1;
                live.ask(other, &command!["CLUSTER", "MEET", &host, &port]).await?;
            }
        }
        if missing > 0 {
            known_since = None;
        }
        ensure!(missing == 0, format!("{} known to all nodes", node.address), "{missing} nodes that do not know it");
        let known_for = known_since.get_or_insert_with(Instant::now).elapsed();
        ensure!(known_for >= KNOWN_FOR, format!("{} known for {KNOWN_FOR:?}", node.address), "{known_for:?}");
        Ok(())
    })
    .await
}

/// Waits until all nodes agree, so that slots can move; `None` if they do not, which is then for [`restore`].
async fn settled(live: &LiveCluster) -> Outcome<Option<Topology>> {
    let agreed = until(live.limits.failover, live.limits.poll, "all nodes agree", async || {
        for node in &live.topology().nodes {
            let state = live.control.state(&node.address);
            ensure!(!matches!(state, NodeState::Ended(_)), "all nodes up", "{} down", node.address);
        }
        let view = live.agreed_view().await?;
        let failed = view.nodes.iter().find(|node| !node.is_usable() || node.is_suspected());
        ensure!(failed.is_none(), "all nodes usable", "a node that has failed");
        Ok(view)
    });
    Ok(agreed.await.ok())
}

/// Moves slots back to the shards that owned them: many at a time, while [`restore`] moves each by itself.
async fn give_slots_back(live: &LiveCluster, before: &Baseline, view: &Topology) -> Outcome {
    let mut moves: BTreeMap<(NodeId, NodeId), Vec<Slot>> = BTreeMap::new();
    for (slot, (wanted, found)) in Slot::all().zip(before.owners.iter().zip(view.slot_owners())) {
        let (Some(wanted), Some(found)) = (wanted, found) else { continue };
        if let Some(heir) = heir(before, view, wanted).filter(|heir| heir.id != found) {
            moves.entry((found, heir.id)).or_default().push(slot);
        }
    }
    for ((from, to), slots) in moves {
        if let (Some(from), Some(to)) = (view.node(&from), view.node(&to)) {
            migrate(live, &slots, from, to).await?;
        }
    }
    Ok(())
}

/// The primary that stands for an old primary now: itself, or the replica of it that took over.
fn heir<'a>(before: &Baseline, view: &'a Topology, wanted: &NodeId) -> Option<&'a Node> {
    let node = view.node(wanted)?;
    let Some(primary) = node.primary else { return Some(node) };
    let is_own = before.primaries.get(&primary) == Some(&Some(*wanted));
    // A replica of a stranger has lost its shard; `restore` gives it its role back first.
    view.node(&primary).filter(|_| is_own)
}
