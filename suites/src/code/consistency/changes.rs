//! Views after a change: at once on the node that acknowledged it, and soon on all nodes.

use std::time::Instant;

use wire::{Command, Node, NodeId, Protocol, Slot, SlotRange, command, parse_nodes, parse_shards, parse_slots};

use super::one_node::{Owners, owners_by_nodes, owners_by_shards, owners_by_slots};
use crate::cluster::Cluster;
use crate::code::topology::judge_ranges;
use crate::code_check::{CodeCheck, check};
use crate::control::Spare;
use crate::ensure;
use crate::expect::{Expect, Kind};
use crate::need::Need;
use crate::outcome::{Outcome, Stop};
use crate::session::Session;
use crate::words::or;

pub(super) const CHECKS: &[CodeCheck] = &[
    check("consistency/changes-show-at-once")
        .title("CLUSTER SLOTS, NODES and SHARDS show a change at once after ADDSLOTS, DELSLOTS or SETSLOT NODE")
        .must("CLUSTER SLOTS")
        .covers(&["consistency.no-stale-reads-of-config", "topology.slots-no-overlap"])
        .shape(2, 0)
        .needs(&[Need::MoveSlot])
        .body(|cluster| Box::pin(changes_show_at_once(cluster))),
    check("consistency/views-converge")
        .title("All nodes soon agree again after a slot moves, a replica takes over, and a node joins and leaves")
        .must("hash-slots-configuration-propagation")
        .covers(&["consistency.converges-in-bound"])
        .shape(2, 1)
        .needs(&[Need::MoveSlot, Need::ChangeRoles, Need::FreshNode])
        .body(|cluster| Box::pin(views_converge(cluster))),
];

async fn changes_show_at_once(cluster: &Cluster) -> Outcome {
    let (owner, slot) = inner_empty_slot(cluster).await?;
    let number = slot.to_string();
    for protocol in [Protocol::Resp2, Protocol::Resp3] {
        let mut session = cluster.session_in(&owner, protocol).await?;
        let views = views(cluster).await?;
        change(&mut session, &owner, command!["CLUSTER", "DELSLOTS", &number], &views, (slot, None)).await?;
        change(&mut session, &owner, command!["CLUSTER", "ADDSLOTS", &number], &views, (slot, Some(owner.id))).await?;
    }
    let taker = cluster.non_owner(slot)?;
    cluster.open_slot(slot, &owner, &taker).await?;
    for node in [&taker, &owner] {
        let mut session = cluster.session(node).await?;
        let assign = command!["CLUSTER", "SETSLOT", &number, "NODE", taker.id];
        change(&mut session, node, assign, &views(cluster).await?, (slot, Some(taker.id))).await?;
    }
    cluster.owned(slot, &taker).await
}

/// A slot without keys in the middle of a range, so that a change of it splits the range.
async fn inner_empty_slot(cluster: &Cluster) -> Outcome<(Node, Slot)> {
    for _ in 0..SLOTS_TRIED {
        let owner = cluster.some_primary()?;
        let slot = cluster.slot_of(&owner)?;
        let is_inner = |range: &SlotRange| range.start < slot && slot < range.end;
        let count = command!["CLUSTER", "COUNTKEYSINSLOT", slot.to_string()];
        if owner.slots.iter().any(is_inner) && cluster.call(&owner, count).await?.integer() == Some(0) {
            return Ok((owner, slot));
        }
    }
    Err(Stop::skip("the check needs a slot without keys in the middle of a range"))
}

/// The number of slots that are tried until one has no keys.
const SLOTS_TRIED: usize = 100;

async fn views(cluster: &Cluster) -> Outcome<Vec<(Command, Expect)>> {
    let mut views = vec![
        (command!["CLUSTER", "SLOTS"], Expect::Kind(Kind::Array)),
        (command!["CLUSTER", "NODES"], Expect::Kind(Kind::Text)),
    ];
    if cluster.has_shards().await? {
        views.push((command!["CLUSTER", "SHARDS"], Expect::Kind(Kind::Array)));
    }
    Ok(views)
}

/// Asks for the views, so that the server may cache them, then changes the cluster and asks again at once.
async fn change(
    session: &mut Session,
    node: &Node,
    command: Command,
    views: &[(Command, Expect)],
    (slot, owner): (Slot, Option<NodeId>),
) -> Outcome {
    session.expect_all(views).await?;
    let after = |name: &str| format!("CLUSTER {name} of {} after {command}", node.address);
    let sent: Vec<_> = [(command.clone(), Expect::Ok)].into_iter().chain(views.iter().cloned()).collect();
    let replies = session.expect_all(&sent).await?;
    let unreadable = |name: &str, problem: String| Stop::mismatch(after(name), problem);
    let entries = parse_slots(replies[1].value()).map_err(|e| unreadable("SLOTS", e.to_string()))?;
    judge_ranges(node, &entries)?;
    let view = parse_nodes(&replies[2].text().unwrap_or_default()).map_err(|e| unreadable("NODES", e.to_string()))?;
    let mut found = vec![("SLOTS", owners_by_slots(&entries)), ("NODES", owners_by_nodes(&view))];
    if let Some(reply) = replies.get(3) {
        let shards = parse_shards(reply.value()).map_err(|e| unreadable("SHARDS", e.to_string()))?;
        found.push(("SHARDS", owners_by_shards(&shards)));
    }
    for (name, owners) in found {
        let owners: Owners = owners.map_err(|problem| unreadable(name, problem))?;
        let shown = owners[usize::from(slot.number())];
        ensure!(
            shown == owner,
            format!("{} of slot {slot} in {}", or(owner, "no owner"), after(name)),
            "{}",
            or(shown, "no owner")
        );
    }
    Ok(())
}

async fn views_converge(cluster: &Cluster) -> Outcome {
    let (owner, slot) = inner_empty_slot(cluster).await?;
    let taker = cluster.non_owner(slot)?;
    cluster.open_slot(slot, &owner, &taker).await?;
    let started = Instant::now();
    cluster.assign_slot(slot, &owner, &taker).await?;
    agree(cluster, "agreement on a moved slot", started).await?;

    let started = Instant::now();
    cluster.failover(&cluster.replica_of(&owner)?, None).await?;
    agree(cluster, "agreement on a promoted replica", started).await?;

    let joined = cluster.start_spare(Spare::default()).await?;
    let started = Instant::now();
    cluster.meet(&joined).await?;
    agree(cluster, "agreement on a new node", started).await?;

    let started = Instant::now();
    let members: Vec<Node> = cluster.nodes().into_iter().filter(|node| node.id != joined.id).collect();
    cluster.expect(&joined, command!["CLUSTER", "RESET"], Expect::Ok).await?;
    for node in &members {
        cluster.expect(node, command!["CLUSTER", "FORGET", joined.id], Expect::Ok).await?;
    }
    cluster.live().set_topology(wire::Topology { nodes: members });
    agree(cluster, "agreement on a node that left", started).await
}

/// Waits until CLUSTER SLOTS and NODES of all nodes agree, and measures the time since `started`.
async fn agree(cluster: &Cluster, what: &str, started: Instant) -> Outcome {
    let look = async || {
        let view = cluster.live().agreed_view().await?;
        let unclear = |problem| Stop::mismatch("one owner at most for each slot", problem);
        let expected = owners_by_nodes(&view).map_err(unclear)?;
        for node in &view.nodes {
            let owners = owners_by_slots(&cluster.slots_view(node).await?).map_err(unclear)?;
            let different = Slot::all().zip(owners.iter().zip(&expected)).find(|(_, (found, known))| found != known);
            if let Some((slot, (found, known))) = different {
                return Err(Stop::mismatch(
                    format!("{} as owner of slot {slot} in CLUSTER SLOTS of {}", or(*known, "no node"), node.address),
                    or(*found, "no owner"),
                ));
            }
        }
        Ok(view)
    };
    let view = cluster.until(cluster.limits().converge, what, look).await?;
    cluster.measure(what, started.elapsed());
    cluster.live().set_topology(view);
    Ok(())
}
