//! Restores a cluster given by address after a check: closes open slots, gives roles back, and moves slots with their
//! keys back to their owners.

use std::cell::Cell;
use std::rc::Rc;

use suites::until::until;
use suites::words;
use suites::{Cluster, ClusterSettings, Keys, LiveCluster, NodeState, Outcome, Restart, Stop, ensure};
use wire::{Command, Direction, Node, NodeId, Slot, SlotRange, Topology, command};

use super::settle::Baseline;

/// Restarts, resumes or reconnects every node that a check left ended, paused or cut off.
///
/// # Errors
/// Broken, with the first node that does not come back; all others are tried too.
pub async fn revive(live: &LiveCluster) -> Outcome {
    let mut problem = None;
    for node in &live.topology().nodes {
        let revived = match live.control.state(&node.address) {
            NodeState::Ended(_) => live.control.restart(&node.address, Restart::WithData).await,
            NodeState::Paused => live.control.resume(&node.address).await,
            NodeState::CutOff => live.control.heal(&node.address).await,
            NodeState::Running | NodeState::Unknown => Ok(()),
        };
        problem = problem.or(revived.err());
    }
    problem.map_or(Ok(()), |error| Err(Stop::broken(format!("cannot bring a node back: {error}"))))
}

/// Repairs the cluster until roles and slot owners are as before and all nodes agree on them.
///
/// Keys of others move with their slots; rct's own keys were deleted when the check ended. rct cannot lower config epochs
/// again. Returns whether a replica had taken over a shard.
///
/// # Errors
/// What is still different when the limit is over.
pub async fn restore(live: &Rc<LiveCluster>, before: &Baseline) -> Outcome<bool> {
    let failed_back = Cell::new(false);
    live.forget_connections();
    let cluster = Cluster::new(ClusterSettings { live: Rc::clone(live), keys: Keys::new("restore", "", 0), seed: 0 });
    let restored = until(live.limits.failover, live.limits.poll, "the cluster is as it was", async || {
        // First: keys cannot move while the cluster is down.
        reclaim_slots(live, before).await?;
        close_slots(&cluster).await?;
        let view = live.agreed_view().await?;
        give_roles_back(&cluster, before, &view, &failed_back).await?;
        give_slots_back(&cluster, before, &view).await?;
        // Again: the steps above have changed the view.
        let view = live.agreed_view().await?;
        let now = Baseline::of_view(&view);
        ensure!(
            now.primaries == before.primaries,
            format!("the roles as before: {}", before.roles()),
            "{}",
            now.roles()
        );
        ensure!(now.owners == before.owners, "the owners of all slots as before", "{}", words::view(&view));
        live.set_topology(view);
        Ok(())
    });
    restored.await.map(|()| failed_back.get())
}

/// Closes the open slots of each primary: first those that migrate, then those that import. The owner takes back the
/// keys that had moved already. On Valkey, a replica closes its slots with its primary.
async fn close_slots(cluster: &Cluster) -> Outcome {
    for direction in [Direction::Migrating, Direction::Importing] {
        for (node, own) in own_views(cluster.live()).await? {
            let primary = own.myself().filter(|myself| myself.primary.is_none());
            for open in primary.into_iter().flat_map(|myself| &myself.open).filter(|open| open.direction == direction) {
                let owner = own.owner(open.slot).filter(|owner| owner.id != node.id);
                if let (Direction::Importing, Some(owner)) = (direction, owner) {
                    cluster.move_keys(open.slot, &node, owner).await?;
                }
                let stable = command!["CLUSTER", "SETSLOT", open.slot.to_string(), "STABLE"];
                demand(cluster.live(), &node, &stable).await?;
            }
        }
    }
    Ok(())
}

/// Lets each primary take back the slots that it owned before and that, in its own view, nobody owns now. It may be the
/// only node with that view.
async fn reclaim_slots(live: &LiveCluster, before: &Baseline) -> Outcome {
    for (node, own) in own_views(live).await? {
        let owners = own.slot_owners();
        let lost = Slot::all().zip(before.owners.iter().zip(owners));
        let lost: Vec<Slot> = lost
            .filter(|(_, (wanted, found))| **wanted == Some(node.id) && found.is_none())
            .map(|(slot, _)| slot)
            .collect();
        let is_primary = own.myself().is_some_and(|myself| myself.primary.is_none());
        if is_primary && !lost.is_empty() {
            let add = lost.iter().fold(command!["CLUSTER", "ADDSLOTS"], |add: Command, slot| add.arg(slot.to_string()));
            demand(live, &node, &add).await?;
        }
    }
    Ok(())
}

/// Promotes the old primaries again, and attaches each replica to its old primary.
async fn give_roles_back(cluster: &Cluster, before: &Baseline, view: &Topology, failed_back: &Cell<bool>) -> Outcome {
    for node in &view.nodes {
        match (before.primaries.get(&node.id), node.primary) {
            (Some(None), Some(source)) => match view.primaries().find(|heir| holds_slots_of(before, heir, node)) {
                Some(heir) if heir.id == source => {
                    failed_back.set(true);
                    cluster.failover(node, None).await?;
                }
                // A promotion here would take the slots of another shard.
                Some(heir) => demand(cluster.live(), node, &command!["CLUSTER", "REPLICATE", heir.id]).await?,
                None => {}
            },
            (Some(Some(wanted)), found)
                if found != Some(*wanted) && is_primary(view, wanted) && node.slots.is_empty() =>
            {
                demand(cluster.live(), node, &command!["CLUSTER", "REPLICATE", wanted]).await?;
            }
            _ => {}
        }
    }
    Ok(())
}

/// Returns whether a primary has slots, and all of them belonged to `node` before.
fn holds_slots_of(before: &Baseline, primary: &Node, node: &Node) -> bool {
    let mut slots = primary.slots.iter().flat_map(SlotRange::slots).peekable();
    slots.peek().is_some() && slots.all(|slot| before.owners[usize::from(slot.number())] == Some(node.id))
}

/// Moves slots with their keys back to their old owners, as soon as these are primaries again.
async fn give_slots_back(cluster: &Cluster, before: &Baseline, view: &Topology) -> Outcome {
    for (slot, (wanted, found)) in Slot::all().zip(before.owners.iter().zip(view.slot_owners())) {
        let wanted = wanted.filter(|wanted| is_primary(view, wanted)).and_then(|wanted| view.node(&wanted));
        let found = found.and_then(|found| view.node(&found));
        if let (Some(wanted), Some(found)) = (wanted, found)
            && wanted.id != found.id
            // A replica that took over its primary's slots gives them back together with the role.
            && before.primaries.get(&found.id) == Some(&None)
        {
            cluster.move_slot(slot, found, wanted).await?;
        }
    }
    Ok(())
}

fn is_primary(view: &Topology, id: &NodeId) -> bool {
    view.node(id).is_some_and(|node| node.primary.is_none())
}

/// Returns the own view of every node that can be reached.
async fn own_views(live: &LiveCluster) -> Outcome<Vec<(Node, Topology)>> {
    let mut views = Vec::new();
    for node in &live.topology().nodes {
        if let NodeState::Running | NodeState::Unknown = live.control.state(&node.address) {
            views.push((node.clone(), live.view_of(node).await?));
        }
    }
    Ok(views)
}

/// Sends a command that must be answered without an error.
async fn demand(live: &LiveCluster, node: &Node, command: &Command) -> Outcome {
    let reply = live.ask(node, command).await?;
    match reply.error() {
        None => Ok(()),
        Some(error) => Err(Stop::mismatch(format!("OK from {} to {command}", node.address), error.to_string())),
    }
}
