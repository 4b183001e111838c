//! What nodes say of each other during and after a failover.

use std::rc::Rc;
use std::time::Duration;

use wire::{Command, Node, Reply, Slot, SlotRange, Topology, command};

use crate::cluster::Cluster;
use crate::ensure;
use crate::expect::Expect;
use crate::outcome::{Outcome, Stop};
use crate::words::{line, list, or};

/// The longest time from the failure of a primary to the promotion of a replica that wins its first election.
///
/// It is a fixed delay of 500 ms, a random one of up to 500 ms, and the votes (cluster specification, "Replica election
/// and promotion"). It is only for promotions that must not happen; others have the limit `failover`.
pub(in crate::code) const ELECTION: Duration = Duration::from_millis(1_500);

/// The view on which all running nodes agree at this moment; it becomes the view of rct.
pub(in crate::code) async fn agreed(cluster: &Cluster) -> Outcome<Rc<Topology>> {
    let view = cluster.live().agreed_view().await?;
    cluster.live().set_topology(view);
    Ok(cluster.topology())
}

/// Waits until each of `viewers` shows `subject` with a flag such as `fail`.
pub(in crate::code) async fn flagged(cluster: &Cluster, viewers: &[Node], subject: &Node, flag: &str) -> Outcome {
    let what = format!("{} has the flag {flag}", subject.address);
    cluster
        .until(cluster.limits().failover, &what, async || {
            for viewer in viewers {
                let flags = flags_of(cluster, viewer, subject).await?;
                ensure!(
                    flags.iter().any(|own| own == flag),
                    shown(viewer, subject, flag),
                    "the flags {}",
                    list(&flags)
                );
            }
            Ok(())
        })
        .await
}

/// The flags of `subject` in the view of `viewer`.
pub(in crate::code) async fn flags_of(cluster: &Cluster, viewer: &Node, subject: &Node) -> Outcome<Vec<String>> {
    let view = cluster.view_of(viewer).await?;
    let seen = view.node(&subject.id).map(|node| node.flags.clone());
    seen.ok_or_else(|| {
        Stop::mismatch(format!("a line of {} in CLUSTER NODES of {}", subject.address, viewer.address), "no such line")
    })
}

fn shown(viewer: &Node, subject: &Node, flag: &str) -> String {
    format!("the flag {flag} for {} in CLUSTER NODES of {}", subject.address, viewer.address)
}

/// Waits until a replica is linked to its primary and has everything that the primary had at the start of the wait.
///
/// It asks only these two nodes.
pub(in crate::code) async fn follows(cluster: &Cluster, replica: &Node, primary: &Node) -> Outcome {
    let info = command!["INFO", "replication"];
    let offset = |text: Option<&String>| text.and_then(|text| text.parse::<u64>().ok()).unwrap_or(0);
    let written = offset(cluster.info(primary, &info).await?.get("master_repl_offset"));
    let port = primary.address.port.to_string();
    let what = format!("{} replicates {} and has its data", replica.address, primary.address);
    cluster
        .until(cluster.limits().failover, &what, async || {
            let fields = cluster.info(replica, &info).await?;
            let field = |name: &str| fields.get(name).map_or("", String::as_str);
            let link = (field("role"), field("master_port"), field("master_link_status"));
            ensure!(
                link == ("slave", port.as_str(), "up"),
                format!("role:slave, master_port:{port} and master_link_status:up of {}", replica.address),
                "role:{}, master_port:{} and master_link_status:{}",
                link.0,
                link.1,
                link.2
            );
            let reached = offset(fields.get("slave_repl_offset"));
            ensure!(
                reached >= written,
                format!("slave_repl_offset:{written} or more of {}", replica.address),
                "slave_repl_offset:{reached}"
            );
            Ok(())
        })
        .await
}

/// Waits until all running nodes agree on the new owner of a dead primary's slots, and returns it.
///
/// Any of the replicas may win.
pub(in crate::code) async fn successor(cluster: &Cluster, primary: &Node) -> Outcome<Node> {
    let slot = primary
        .slots
        .first()
        .map(|range| range.start)
        .ok_or_else(|| Stop::broken(format!("the primary {} has no slot", primary.address)))?;
    cluster
        .until(cluster.limits().failover, "every node knows the successor of the dead primary", async || {
            let view = agreed(cluster).await?;
            let owner = view.owner(slot).filter(|owner| owner.id != primary.id).cloned();
            owner.ok_or_else(|| {
                Stop::mismatch(format!("another owner of the slots of {}", primary.address), line(view.owner(slot)))
            })
        })
        .await
}

/// A field of a node's CLUSTER INFO.
pub(in crate::code) async fn cluster_info(cluster: &Cluster, node: &Node, field: &str) -> Outcome<String> {
    let mut fields = cluster.info(node, &command!["CLUSTER", "INFO"]).await?;
    fields.remove(field).ok_or_else(|| {
        Stop::mismatch(
            format!("{field} in CLUSTER INFO of {}", node.address),
            format!("only the fields {}", list(fields.keys())),
        )
    })
}

/// A field of a node's CLUSTER INFO that is a number.
pub(in crate::code) async fn cluster_number(cluster: &Cluster, node: &Node, field: &str) -> Outcome<u64> {
    let text = cluster_info(cluster, node, field).await?;
    text.parse().map_err(|_| Stop::mismatch(format!("a number in {field} of {}", node.address), text))
}

/// Requires this `cluster_state` of each of `nodes`.
pub(in crate::code) async fn state_is(cluster: &Cluster, nodes: &[Node], state: &str) -> Outcome {
    for node in nodes {
        let found = cluster_info(cluster, node, "cluster_state").await?;
        ensure!(found == state, format!("cluster_state:{state} of {}", node.address), "cluster_state:{found}");
    }
    Ok(())
}

/// The greatest epoch that any of `nodes` knows, among config epochs and current epochs.
pub(in crate::code) async fn highest_epoch(cluster: &Cluster, nodes: &[Node]) -> Outcome<u64> {
    let mut highest = 0;
    for node in nodes {
        let seen = cluster.view_of(node).await?.nodes.iter().map(|node| node.config_epoch).max();
        let current = cluster_number(cluster, node, "cluster_current_epoch").await?;
        highest = highest.max(current).max(seen.unwrap_or(0));
    }
    Ok(highest)
}

/// The greatest config epoch of a primary that any of `nodes` knows.
pub(in crate::code) async fn highest_config_epoch(cluster: &Cluster, nodes: &[Node]) -> Outcome<u64> {
    let mut highest = 0;
    for node in nodes {
        let view = cluster.view_of(node).await?;
        highest = highest.max(view.primaries().map(|node| node.config_epoch).max().unwrap_or(0));
    }
    Ok(highest)
}

/// Waits until all of `nodes` agree on the epochs after a promotion.
///
/// The config epoch of `promoted` must be greater than `before`, and the current epoch must not be less than it.
pub(in crate::code) async fn epoch_rose(cluster: &Cluster, nodes: &[Node], promoted: &Node, before: u64) -> Outcome {
    cluster
        .until(cluster.limits().converge, "all nodes know the new epochs", async || {
            let own = cluster_number(cluster, promoted, "cluster_my_epoch").await?;
            ensure!(own > before, format!("a cluster_my_epoch above {before} of {}", promoted.address), "{own}");
            let current = cluster_number(cluster, promoted, "cluster_current_epoch").await?;
            ensure!(
                current >= own,
                format!("a cluster_current_epoch of {own} or more of {}", promoted.address),
                "{current}"
            );
            for node in nodes {
                let seen = cluster.view_of(node).await?.node(&promoted.id).map(|node| node.config_epoch);
                let of = format!("the config epoch {own} of {} in CLUSTER NODES of {}", promoted.address, node.address);
                ensure!(seen == Some(own), of, "{}", or(seen, "no line of this node"));
                let known = cluster_number(cluster, node, "cluster_current_epoch").await?;
                ensure!(
                    known == current,
                    format!("cluster_current_epoch:{current} of {}", node.address),
                    "cluster_current_epoch:{known}"
                );
            }
            Ok(())
        })
        .await
}

/// Waits until CLUSTER NODES of each of `nodes` shows `owner` with exactly the slots of `ranges`.
pub(in crate::code) async fn owned(cluster: &Cluster, nodes: &[Node], owner: &Node, ranges: &[SlotRange]) -> Outcome {
    cluster
        .until(cluster.limits().failover, "all nodes know the owner of the slots", async || {
            for node in nodes {
                let view = cluster.view_of(node).await?;
                let slots = view.node(&owner.id).map(|node| slots_of(&node.slots)).unwrap_or_default();
                let of = format!("{} in CLUSTER NODES of {}", owner.address, node.address);
                ensure!(
                    slots == slots_of(ranges),
                    format!("the slots {} of {of}", list(ranges)),
                    "{}",
                    line(view.node(&owner.id))
                );
            }
            Ok(())
        })
        .await
}

/// Waits until MOVED, CLUSTER SLOTS and CLUSTER SHARDS of each of `nodes` name `owner` for the slots of `ranges`.
///
/// None of them may name `dead` any more.
pub(in crate::code) async fn redirected(
    cluster: &Cluster,
    nodes: &[Node],
    owner: &Node,
    dead: &Node,
    ranges: &[SlotRange],
) -> Outcome {
    let slots = slots_of(ranges);
    cluster
        .until(cluster.limits().converge, "all nodes name the new owner to clients", async || {
            for node in nodes {
                moved(cluster, node, owner, &slots).await?;
                slots_name(cluster, node, owner, dead, &slots).await?;
                shards_name(cluster, node, owner, dead, &slots).await?;
            }
            Ok(())
        })
        .await
}

/// Sends a command until the reply is not CLUSTERDOWN, which it may be for a while after a change; returns the reply.
pub(in crate::code) async fn answer(cluster: &Cluster, node: &Node, command: &Command) -> Outcome<Reply> {
    cluster
        .until(cluster.limits().failover, "the node serves again", async || {
            let reply = cluster.call(node, command).await?;
            let down = Expect::error("CLUSTERDOWN").admits(&reply);
            ensure!(!down, format!("a reply other than CLUSTERDOWN to {command} from {}", node.address), "{reply}");
            Ok(reply)
        })
        .await
}

/// As [`answer`], and compares the reply with an expectation.
pub(in crate::code) async fn answered(cluster: &Cluster, node: &Node, command: Command, expect: Expect) -> Outcome {
    let reply = answer(cluster, node, &command).await?;
    let expect = cluster.live().as_named_by(&node.address, &expect).unwrap_or(expect);
    ensure!(expect.admits(&reply), format!("{expect} in reply to {command} from {}", node.address), "{reply}");
    Ok(())
}

/// The view of a node that suspects no other nodes than `away`.
///
/// If it suspects others, the machine is too busy, and the observation fails as broken.
pub(in crate::code) async fn calm_view(cluster: &Cluster, viewer: &Node, away: &[Node]) -> Outcome<Topology> {
    let view = cluster.view_of(viewer).await?;
    let suspected = view.nodes.iter().filter(|node| node.is_suspected() || node.is_failed());
    match suspected.into_iter().find(|node| away.iter().all(|away| away.id != node.id)) {
        Some(node) => Err(Stop::broken(format!(
            "{} suspects {}, which works; the machine may be too busy",
            viewer.address, node.address
        ))),
        None => Ok(view),
    }
}

/// The number of slots whose redirects are checked: the first, the last, and some between.
const SLOTS_TRIED: usize = 7;

async fn moved(cluster: &Cluster, node: &Node, owner: &Node, slots: &[Slot]) -> Outcome {
    if node.id == owner.id {
        return Ok(());
    }
    let step = (slots.len() / SLOTS_TRIED).max(1);
    for slot in slots.iter().step_by(step).chain(slots.last()) {
        let get = command!["GET", cluster.keys().named(*slot, "moved")];
        cluster.expect(node, get, Expect::error(format!("MOVED {slot} {}", owner.endpoint))).await?;
    }
    Ok(())
}

async fn slots_name(cluster: &Cluster, node: &Node, owner: &Node, dead: &Node, slots: &[Slot]) -> Outcome {
    let entries = cluster.slots_view(node).await?;
    let of = format!("CLUSTER SLOTS of {}", node.address);
    let listed = entries.iter().any(|entry| entry.nodes.iter().any(|node| node.id == Some(dead.id)));
    ensure!(!listed, format!("{of} without the dead node {}", dead.id), "a range that lists it");
    for slot in slots {
        let first = entries.iter().find(|entry| entry.range.contains(*slot)).and_then(|entry| entry.nodes.first());
        let (id, port) = (first.and_then(|node| node.id), first.map(|node| node.port));
        let right = id == Some(owner.id) && port == Some(owner.address.port);
        ensure!(
            right,
            format!("{} ({}) first for slot {slot} in {of}", owner.id, owner.address),
            "{}",
            or(
                first.map(|node| format!("{} with port {}", or(node.id, "a node without id"), node.port)),
                "no range with this slot"
            )
        );
    }
    Ok(())
}

async fn shards_name(cluster: &Cluster, node: &Node, owner: &Node, dead: &Node, slots: &[Slot]) -> Outcome {
    if !cluster.has_shards().await? {
        return Ok(());
    }
    let shards = cluster.shards_view(node).await?;
    let of = format!("CLUSTER SHARDS of {}", node.address);
    let shard = shards.iter().find(|shard| shard.nodes.iter().any(|node| node.id == owner.id));
    let shard = shard.ok_or_else(|| Stop::mismatch(format!("{} in {of}", owner.id), "no such node"))?;
    ensure!(
        slots_of(&shard.slots) == slots,
        format!("exactly the {} slots of {} in {of}", slots.len(), owner.address),
        "{}",
        list(&shard.slots)
    );
    let role = shard.nodes.iter().find(|node| node.id == owner.id).map(|node| node.role.as_str());
    ensure!(role == Some("master"), format!("the role master of {} in {of}", owner.address), "{}", or(role, "no role"));
    let healthy =
        shards.iter().flat_map(|shard| &shard.nodes).find(|node| node.id == dead.id && node.health == "online");
    ensure!(healthy.is_none(), format!("{} not online in {of}, because it is dead", dead.address), "the health online");
    Ok(())
}

/// The slots of ranges in order.
pub(in crate::code) fn slots_of(ranges: &[SlotRange]) -> Vec<Slot> {
    let mut slots: Vec<Slot> = ranges.iter().flat_map(SlotRange::slots).collect();
    slots.sort();
    slots
}
