//! Brings somebody else's cluster back to what it was, wherever a check left it: open slots closed, roles as before,
//! slots with their keys where they were.

use std::cell::Cell;
use std::rc::Rc;

use suites::until::until;
use suites::{Cluster, ClusterSettings, Keys, LiveCluster, NodeState, Outcome, Restart, Stop, ensure};
use wire::{Command, Direction, Node, NodeId, Slot, SlotRange, Topology, command};

use super::settle::Baseline;

/// Brings back every node that a check has left ended, paused or cut off.
///
/// # Errors
/// Broken, with the first that does not come back, after trying all.
pub async fn revive(live: &LiveCluster) -> Outcome {
    let mut trouble = None;
    for node in &live.topology().nodes {
        let revived = match live.control.state(&node.address) {
            NodeState::Ended(_) => live.control.restart(&node.address, Restart::WithData).await,
            NodeState::Paused => live.control.resume(&node.address).await,
            NodeState::CutOff => live.control.heal(&node.address).await,
            NodeState::Running | NodeState::Unknown => Ok(()),
        };
        trouble = trouble.or(revived.err());
    }
    trouble.map_or(Ok(()), |error| Err(Stop::broken(format!("bring a node back: {error}"))))
}

/// Mends until roles and owners are as before and all nodes agree on them. Keys of others are moved with their slots;
/// ours were deleted when the check ended. Epochs stay as high as they have become. Gives whether a replica had taken
/// over a shard.
///
/// # Errors
/// What is not as before when the limits are over.
pub async fn restore(live: &Rc<LiveCluster>, before: &Baseline) -> Outcome<bool> {
    let failed_back = Cell::new(false);
    live.ask_anew();
    let cluster = Cluster::new(ClusterSettings { live: Rc::clone(live), keys: Keys::new("restore", "", 0), seed: 0 });
    let mended = until(live.limits.failover, live.limits.poll, "the cluster is as it was", async || {
        // First, since keys move only where the cluster is not down.
        reclaim_slots(live, before).await?;
        close_slots(&cluster).await?;
        let view = live.agreed_view().await?;
        give_roles_back(&cluster, before, &view, &failed_back).await?;
        give_slots_back(&cluster, before, &view).await?;
        // Anew, since what was given back has changed it.
        let view = live.agreed_view().await?;
        let now = Baseline::of_view(&view);
        ensure!(
            now.primaries == before.primaries,
            format!("the roles as before: {}", before.roles()),
            "{}",
            now.roles()
        );
        ensure!(now.owners == before.owners, "the owners of all slots as before", "{}", view.signature());
        live.set_topology(view);
        Ok(())
    });
    mended.await.map(|()| failed_back.get())
}

/// Closes what each primary has open, first where slots leave: then the owner takes back the keys that went already.
/// Replicas of Valkey hear of it from their primary.
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

/// Lets each primary take what was its own and now is nobody's, by its own view: it may be the only one that gave it up.
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

/// Promotes old primaries again, and lets replicas copy whom they copied.
async fn give_roles_back(cluster: &Cluster, before: &Baseline, view: &Topology, failed_back: &Cell<bool>) -> Outcome {
    for node in &view.nodes {
        match (before.primaries.get(&node.id), node.primary) {
            (Some(None), Some(source)) => match view.primaries().find(|heir| holds_slots_of(before, heir, node)) {
                Some(heir) if heir.id == source => {
                    failed_back.set(true);
                    cluster.failover(node, None).await?;
                }
                // Promoted where it is it would take the slots of another shard.
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

/// Whether all slots that a primary has now, and it has some, were those of `node`.
fn holds_slots_of(before: &Baseline, primary: &Node, node: &Node) -> bool {
    let mut slots = primary.slots.iter().flat_map(SlotRange::slots).peekable();
    slots.peek().is_some() && slots.all(|slot| before.owners[usize::from(slot.number())] == Some(node.id))
}

/// Moves slots with their keys back to their old owners, once these are primaries.
async fn give_slots_back(cluster: &Cluster, before: &Baseline, view: &Topology) -> Outcome {
    for (slot, (wanted, found)) in Slot::all().zip(before.owners.iter().zip(view.slot_owners())) {
        let wanted = wanted.filter(|wanted| is_primary(view, wanted)).and_then(|wanted| view.node(&wanted));
        let found = found.and_then(|found| view.node(&found));
        if let (Some(wanted), Some(found)) = (wanted, found)
            && wanted.id != found.id
            // A replica that took over its primary's slots gives them back with the role.
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

/// What each node that can be reached says of the cluster.
async fn own_views(live: &LiveCluster) -> Outcome<Vec<(Node, Topology)>> {
    let mut views = Vec::new();
    for node in &live.topology().nodes {
        if let NodeState::Running | NodeState::Unknown = live.control.state(&node.address) {
            views.push((node.clone(), live.view_of(node).await?));
        }
    }
    Ok(views)
}

/// Asks for what the server must do.
async fn demand(live: &LiveCluster, node: &Node, command: &Command) -> Outcome {
    let reply = live.ask(node, command).await?;
    match reply.error() {
        None => Ok(()),
        Some(error) => Err(Stop::mismatch(format!("OK from {} to {command}", node.address), error.to_string())),
    }
}
