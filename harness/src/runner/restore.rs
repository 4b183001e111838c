//! Restores a cluster given by address after a check: closes the slots that the check opened, gives roles back, moves
//! slots with their keys back to their owners, and opens the slots again that somebody else was moving.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use suites::until::until;
use suites::words;
use suites::{Cluster, ClusterSettings, Keys, LiveCluster, NodeState, Outcome, Restart, Stop, ensure};
use wire::{Command, Direction, Node, NodeId, OpenSlot, Slot, SlotRange, Topology, command};

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
        close_slots(&cluster, before).await?;
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
        reopen_slots(live, before).await?;
        live.set_topology(view);
        Ok(())
    });
    restored.await.map(|()| failed_back.get())
}

/// Closes the slots of each primary that a check opened: first those that migrate, then those that import. The owner
/// takes back the keys that had moved already. On Valkey, a replica closes its slots with its primary.
async fn close_slots(cluster: &Cluster, before: &Baseline) -> Outcome {
    for direction in [Direction::Migrating, Direction::Importing] {
        for (node, own) in cluster.live().own_views().await? {
            let primary = own.myself().filter(|myself| myself.primary.is_none());
            let opened = primary.into_iter().flat_map(|myself| &myself.open).filter(|open| !before.is_open(open.slot));
            for open in opened.filter(|open| open.direction == direction) {
                let owner = own.owner(open.slot).filter(|owner| owner.id != node.id);
                if let (Direction::Importing, Some(owner)) = (direction, owner) {
                    cluster.move_keys(open.slot, &node, owner).await?;
                }
                let stable = command!["CLUSTER", "SETSLOT", open.slot.to_string(), "STABLE"];
                demand(cluster.live(), &node, &stable).await?;
            }
            unblock_slots(cluster.live(), &node, &own, before).await?;
        }
    }
    Ok(())
}

/// Closes the slots that a node imports for somebody else while it does not know their owner: until then, it takes over
/// no news of the slot from other nodes. [`reopen_slots`] opens them again.
async fn unblock_slots(live: &LiveCluster, node: &Node, own: &Topology, before: &Baseline) -> Outcome {
    let imports = |open: &&OpenSlot| open.direction == Direction::Importing && before.is_open(open.slot);
    let primary = own.myself().filter(|myself| myself.primary.is_none());
    for open in primary.into_iter().flat_map(|myself| &myself.open).filter(imports) {
        let owner = own.owner(open.slot).map(|owner| owner.id);
        if owner != before.owners[usize::from(open.slot.number())] {
            demand(live, node, &command!["CLUSTER", "SETSLOT", open.slot.to_string(), "STABLE"]).await?;
        }
    }
    Ok(())
}

/// Opens the slots again that somebody else was moving, as they were: a primary forgets them when it becomes a replica.
///
/// A replica shows them only on servers that send them to replicas, and it has them from its primary.
async fn reopen_slots(live: &LiveCluster, before: &Baseline) -> Outcome {
    if before.open.is_empty() {
        return Ok(());
    }
    for (node, own) in live.own_views().await? {
        let Some(myself) = own.myself() else { continue };
        let wanted: Vec<OpenSlot> =
            before.open.iter().filter(|(id, _)| *id == node.id).map(|(_, open)| *open).collect();
        let primary = myself.primary.and_then(|id| live.topology().node(&id).cloned());
        let primary = primary.as_ref().unwrap_or(&node);
        for open in wanted.iter().filter(|open| !myself.open.contains(open)) {
            let direction = if open.direction == Direction::Migrating { "MIGRATING" } else { "IMPORTING" };
            let set = command!["CLUSTER", "SETSLOT", open.slot.to_string(), direction, open.peer];
            demand(live, primary, &set).await?;
        }
        let is_foreign = |open: &&OpenSlot| before.is_open(open.slot) && wanted.iter().all(|own| own.slot != open.slot);
        for open in myself.open.iter().filter(|_| myself.primary.is_none()).filter(is_foreign) {
            demand(live, primary, &command!["CLUSTER", "SETSLOT", open.slot.to_string(), "STABLE"]).await?;
        }
    }
    let now = Baseline::of(live).await?;
    for wanted in &before.open {
        ensure!(
            now.open.contains(wanted),
            format!("{} on the own line of {}, as before", words::open_slots(&[wanted.1]), wanted.0),
            "{}",
            words::open_slots(
                &now.open.iter().filter(|(id, _)| *id == wanted.0).map(|(_, open)| *open).collect::<Vec<_>>()
            )
        );
    }
    Ok(())
}

/// Lets each primary take back the slots that, in its own view, nobody owns now. It may be the only node with that view,
/// so the slots are those that it owned before, and those that most other nodes call its own.
async fn reclaim_slots(live: &LiveCluster, before: &Baseline) -> Outcome {
    let views = live.own_views().await?;
    let owners: Vec<(NodeId, Vec<Option<NodeId>>)> =
        views.iter().map(|(node, view)| (node.id, view.slot_owners())).collect();
    for ((node, view), (_, own)) in views.iter().zip(&owners) {
        if view.myself().is_none_or(|myself| myself.primary.is_some()) {
            continue;
        }
        let others: Vec<_> = owners.iter().filter(|(id, _)| *id != node.id).map(|(_, owners)| owners).collect();
        let is_lost = |slot: &Slot| {
            let index = usize::from(slot.number());
            let agreeing = others.iter().filter(|owners| owners[index] == Some(node.id)).count();
            own[index].is_none() && (before.owners[index] == Some(node.id) || agreeing * 2 > others.len())
        };
        let lost: BTreeSet<Slot> = Slot::all().filter(is_lost).collect();
        if !lost.is_empty() {
            let add = lost.iter().fold(command!["CLUSTER", "ADDSLOTS"], |add: Command, slot| add.arg(slot.to_string()));
            demand(live, node, &add).await?;
            live.forget_gaps(&BTreeMap::from([(node.address.clone(), lost)])).await;
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

/// Sends a command that must be answered without an error.
async fn demand(live: &LiveCluster, node: &Node, command: &Command) -> Outcome {
    let reply = live.ask(node, command).await?;
    match reply.error() {
        None => Ok(()),
        Some(error) => Err(Stop::mismatch(format!("OK from {} to {command}", node.address), error.to_string())),
    }
}
