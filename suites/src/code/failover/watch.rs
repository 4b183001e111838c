//! What nodes say of each other while and after something happens to one of them.

use std::rc::Rc;
use std::time::Duration;

use wire::{Command, Node, Reply, Slot, SlotRange, Topology, command};

use crate::cluster::Cluster;
use crate::ensure;
use crate::expect::Expect;
use crate::outcome::{Outcome, Stop};

/// How long a replica that could win takes at most from the failure of its primary to its promotion: a fixed delay of
/// 500 ms, up to 500 ms by chance, and the votes (cluster specification, "Replica election and promotion").
///
/// Only for what must not happen; what must happen has the limit `failover`.
pub(in crate::code) const ELECTION: Duration = Duration::from_millis(1_500);

/// The view that all running nodes share at this moment, taken over as our own.
pub(in crate::code) async fn agreed(cluster: &Cluster) -> Outcome<Rc<Topology>> {
    let view = cluster.live().agreed_view().await?;
    cluster.live().set_topology(view);
    Ok(cluster.topology())
}

/// Waits until each of `viewers` shows `subject` with a flag such as `fail`.
pub(in crate::code) async fn flagged(cluster: &Cluster, viewers: &[Node], subject: &Node, flag: &str) -> Outcome {
    let what = format!("{} is flagged {flag}", subject.address);
    cluster
        .until(cluster.limits().failover, &what, async || {
            for viewer in viewers {
                let flags = flags_of(cluster, viewer, subject).await?;
                ensure!(flags.iter().any(|own| own == flag), shown(viewer, subject, flag), "flags {}", flags.join(","));
            }
            Ok(())
        })
        .await
}

/// The flags of `subject` in the view of `viewer`.
pub(in crate::code) async fn flags_of(cluster: &Cluster, viewer: &Node, subject: &Node) -> Outcome<Vec<String>> {
    let view = cluster.view_of(viewer).await?;
    let seen = view.node(&subject.id).map(|node| node.flags.clone());
    seen.ok_or_else(|| Stop::mismatch(shown(viewer, subject, "any"), "no line of it"))
}

fn shown(viewer: &Node, subject: &Node, flag: &str) -> String {
    format!("CLUSTER NODES of {} with {} flagged {flag}", viewer.address, subject.address)
}

/// Waits until a replica has all that its primary had at the call, on a link that is up, whatever others think of it.
pub(in crate::code) async fn follows(cluster: &Cluster, replica: &Node, primary: &Node) -> Outcome {
    let info = command!["INFO", "replication"];
    let offset = |text: Option<&String>| text.and_then(|text| text.parse::<u64>().ok()).unwrap_or(0);
    let written = offset(cluster.info(primary, &info).await?.get("master_repl_offset"));
    let port = primary.address.port.to_string();
    let what = format!("{} follows {}", replica.address, primary.address);
    cluster
        .until(cluster.limits().failover, &what, async || {
            let fields = cluster.info(replica, &info).await?;
            let field = |name: &str| fields.get(name).map_or("", String::as_str);
            let link = (field("role"), field("master_port"), field("master_link_status"));
            ensure!(link == ("slave", port.as_str(), "up"), format!("a slave of port {port}, its link up"), "{link:?}");
            let reached = offset(fields.get("slave_repl_offset"));
            ensure!(reached >= written, format!("{} at offset {written}", replica.address), "{reached}");
            Ok(())
        })
        .await
}

/// Waits until all running nodes agree on a replica as the new owner of a dead primary's slots: any of its replicas may
/// win.
pub(in crate::code) async fn heir(cluster: &Cluster, primary: &Node) -> Outcome<Node> {
    let slot = primary.slots.first().map(|range| range.start).ok_or_else(|| Stop::broken("find a slot"))?;
    cluster
        .until(cluster.limits().failover, "every node knows an heir of the dead primary", async || {
            let view = agreed(cluster).await?;
            let owner = view.owner(slot).filter(|owner| owner.id != primary.id).cloned();
            owner.ok_or_else(|| {
                Stop::mismatch(format!("a replica of {} in its place", primary.address), view.signature())
            })
        })
        .await
}

/// A field of CLUSTER INFO of a node.
pub(in crate::code) async fn cluster_info(cluster: &Cluster, node: &Node, field: &str) -> Outcome<String> {
    let mut fields = cluster.info(node, &command!["CLUSTER", "INFO"]).await?;
    fields.remove(field).ok_or_else(|| {
        Stop::mismatch(format!("{field} in CLUSTER INFO of {}", node.address), format!("the fields {fields:?}"))
    })
}

/// A field of CLUSTER INFO of a node that is a number.
pub(in crate::code) async fn cluster_number(cluster: &Cluster, node: &Node, field: &str) -> Outcome<u64> {
    let text = cluster_info(cluster, node, field).await?;
    text.parse().map_err(|_| Stop::mismatch(format!("a number in {field} of {}", node.address), text))
}

/// Holds the `cluster_state` of each of `nodes` against `state`.
pub(in crate::code) async fn state_is(cluster: &Cluster, nodes: &[Node], state: &str) -> Outcome {
    for node in nodes {
        let found = cluster_info(cluster, node, "cluster_state").await?;
        ensure!(found == state, format!("cluster_state:{state} of {}", node.address), "cluster_state:{found}");
    }
    Ok(())
}

/// The greatest epoch that any of `nodes` knows of, config epochs and current epochs alike.
pub(in crate::code) async fn highest_epoch(cluster: &Cluster, nodes: &[Node]) -> Outcome<u64> {
    let mut highest = 0;
    for node in nodes {
        let seen = cluster.view_of(node).await?.nodes.iter().map(|node| node.config_epoch).max();
        let current = cluster_number(cluster, node, "cluster_current_epoch").await?;
        highest = highest.max(current).max(seen.unwrap_or(0));
    }
    Ok(highest)
}

/// The greatest config epoch that any of `nodes` knows of a primary.
pub(in crate::code) async fn highest_config_epoch(cluster: &Cluster, nodes: &[Node]) -> Outcome<u64> {
    let mut highest = 0;
    for node in nodes {
        let view = cluster.view_of(node).await?;
        highest = highest.max(view.primaries().map(|node| node.config_epoch).max().unwrap_or(0));
    }
    Ok(highest)
}

/// Waits until all of `nodes` know one and the same config epoch of `promoted`, greater than `before`, and one and the
/// same current epoch that is not less.
pub(in crate::code) async fn epoch_rose(cluster: &Cluster, nodes: &[Node], promoted: &Node, before: u64) -> Outcome {
    cluster
        .until(cluster.limits().converge, "all nodes know the new epochs", async || {
            let own = cluster_number(cluster, promoted, "cluster_my_epoch").await?;
            ensure!(own > before, format!("cluster_my_epoch of {} above {before}", promoted.address), "{own}");
            let current = cluster_number(cluster, promoted, "cluster_current_epoch").await?;
            ensure!(
                current >= own,
                format!("cluster_current_epoch of {} not below {own}", promoted.address),
                "{current}"
            );
            for node in nodes {
                let seen = cluster.view_of(node).await?.node(&promoted.id).map(|node| node.config_epoch);
                let of = format!("config epoch {own} of {} in the view of {}", promoted.address, node.address);
                ensure!(seen == Some(own), of, "{seen:?}");
                let known = cluster_number(cluster, node, "cluster_current_epoch").await?;
                ensure!(known == current, format!("cluster_current_epoch {current} of {}", node.address), "{known}");
            }
            Ok(())
        })
        .await
}

/// Waits until NODES of each of `nodes` shows `owner` with exactly the slots of `ranges`.
pub(in crate::code) async fn owned(cluster: &Cluster, nodes: &[Node], owner: &Node, ranges: &[SlotRange]) -> Outcome {
    cluster
        .until(cluster.limits().failover, "all nodes know the slots' owner", async || {
            for node in nodes {
                let view = cluster.view_of(node).await?;
                let slots = view.node(&owner.id).map(|node| slots_of(&node.slots)).unwrap_or_default();
                let of = format!("{} in the view of {}", owner.address, node.address);
                ensure!(
                    slots == slots_of(ranges),
                    format!("the slots {} at {of}", listed(ranges)),
                    "{}",
                    view.signature()
                );
            }
            Ok(())
        })
        .await
}

/// Waits until MOVED, SLOTS and SHARDS of each of `nodes` name `owner`, and nowhere `dead`, for the slots of `ranges`.
pub(in crate::code) async fn redirected(
    cluster: &Cluster,
    nodes: &[Node],
    owner: &Node,
    dead: &Node,
    ranges: &[SlotRange],
) -> Outcome {
    let slots = slots_of(ranges);
    cluster
        .until(cluster.limits().converge, "all nodes send clients to the new owner", async || {
            for node in nodes {
                moved(cluster, node, owner, &slots).await?;
                slots_name(cluster, node, owner, dead, &slots).await?;
                shards_name(cluster, node, owner, dead, &slots).await?;
            }
            Ok(())
        })
        .await
}

/// Sends a command until the answer is not CLUSTERDOWN, as it may be for a while after a change, and gives the answer.
pub(in crate::code) async fn answer(cluster: &Cluster, node: &Node, command: &Command) -> Outcome<Reply> {
    cluster
        .until(cluster.limits().failover, "the node serves again", async || {
            let reply = cluster.call(node, command).await?;
            let down = Expect::error("CLUSTERDOWN").admits(&reply);
            ensure!(!down, format!("an answer to {command} of {}", node.address), "{reply}");
            Ok(reply)
        })
        .await
}

/// As [`answer`], and holds the answer against an expectation.
pub(in crate::code) async fn answered(cluster: &Cluster, node: &Node, command: Command, expect: Expect) -> Outcome {
    let reply = answer(cluster, node, &command).await?;
    ensure!(expect.admits(&reply), format!("{expect} to {command} of {}", node.address), "{reply}");
    Ok(())
}

/// The view of a node that suspects nobody but `away`. Where it suspects others the machine is too busy for a look.
pub(in crate::code) async fn calm_view(cluster: &Cluster, viewer: &Node, away: &[Node]) -> Outcome<Topology> {
    let view = cluster.view_of(viewer).await?;
    let suspected = view.nodes.iter().filter(|node| node.is_suspected() || node.is_failed());
    match suspected.into_iter().find(|node| away.iter().all(|away| away.id != node.id)) {
        Some(node) => Err(Stop::broken(format!("look: {} takes the living {} for dead", viewer.address, node.address))),
        None => Ok(view),
    }
}

/// Slots that are tried by MOVED: the edges of the range and a few between.
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
    ensure!(!listed, format!("{of} without the dead node {}", dead.id), "an entry with it");
    for slot in slots {
        let first = entries.iter().find(|entry| entry.range.contains(*slot)).and_then(|entry| entry.nodes.first());
        let (id, port) = (first.and_then(|node| node.id), first.map(|node| node.port));
        let right = id == Some(owner.id) && port == Some(owner.address.port);
        ensure!(right, format!("{of}: slot {slot} at {} {}", owner.address, owner.id), "{first:?}");
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
    let shard = shard.ok_or_else(|| Stop::mismatch(format!("{of} with {}", owner.id), "no such node"))?;
    ensure!(
        slots_of(&shard.slots) == slots,
        format!("{of}: the slots of {}", owner.address),
        "{}",
        listed(&shard.slots)
    );
    let role = shard.nodes.iter().find(|node| node.id == owner.id).map(|node| node.role.as_str());
    ensure!(role == Some("master"), format!("{of}: role master of {}", owner.address), "{role:?}");
    let healthy =
        shards.iter().flat_map(|shard| &shard.nodes).find(|node| node.id == dead.id && node.health == "online");
    ensure!(healthy.is_none(), format!("{of}: the dead node {} not online", dead.address), "{healthy:?}");
    Ok(())
}

/// The slots of ranges, in order.
pub(in crate::code) fn slots_of(ranges: &[SlotRange]) -> Vec<Slot> {
    let mut slots: Vec<Slot> = ranges.iter().flat_map(SlotRange::slots).collect();
    slots.sort();
    slots
}

fn listed(ranges: &[SlotRange]) -> String {
    ranges.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")
}
