//! A new node that belongs to no cluster, and a single node that serves all slots.

use wire::{Command, Node, Slot, SlotRange, command};

use super::info::{cluster_info, number};
use super::peers::replicas;
use crate::cluster::Cluster;
use crate::code_check::{CodeCheck, check};
use crate::control::Spare;
use crate::ensure;
use crate::expect::Expect;
use crate::need::Need;
use crate::outcome::{Outcome, Stop};
use crate::words::{list, view};

pub(super) const CHECKS: &[CodeCheck] = &[
    check("topology/nothing-is-an-empty-array")
        .title("CLUSTER SLOTS without slots and CLUSTER REPLICAS without replicas return empty arrays")
        .must("CLUSTER SLOTS")
        .covers(&["topology.slots-empty", "topology.replicas-format"])
        .needs(&[Need::FreshNode])
        .body(|cluster| Box::pin(nothing_is_an_empty_array(cluster))),
    check("topology/fresh-node")
        .title("A new node knows only itself, has no address and no slots, and reports the cluster state fail")
        .should("CLUSTER NODES")
        .covers(&["topology.fresh-node"])
        .needs(&[Need::FreshNode])
        .body(|cluster| Box::pin(fresh_node(cluster))),
    check("topology/one-node-serves-all")
        .title("A single node that gets all slots reports the cluster state ok and serves keys of every slot")
        .should("CLUSTER ADDSLOTS")
        .covers(&["topology.single-node-full"])
        .needs(&[Need::FreshNode])
        .body(|cluster| Box::pin(one_node_serves_all(cluster))),
];

async fn nothing_is_an_empty_array(cluster: &Cluster) -> Outcome {
    let node = cluster.start_spare(Spare::default()).await?;
    cluster.expect(&node, command!["CLUSTER", "SLOTS"], Expect::Length(0)).await?;
    let listed = replicas(cluster, &node, "REPLICAS", &node).await?;
    ensure!(
        listed.nodes.is_empty(),
        format!("no lines in CLUSTER REPLICAS of {}, which has no replicas", node.address),
        "{}",
        view(&listed)
    );
    Ok(())
}

async fn fresh_node(cluster: &Cluster) -> Outcome {
    let node = cluster.start_spare(Spare::default()).await?;
    let info = cluster_info(cluster, &node).await?;
    let state = info.get("cluster_state").map_or("no such field", String::as_str);
    let counts = (number(&info, "cluster_slots_assigned", &node)?, number(&info, "cluster_known_nodes", &node)?);
    ensure!(
        state == "fail" && counts == (0, 1),
        format!("cluster_state:fail, cluster_slots_assigned:0 and cluster_known_nodes:1 of {}", node.address),
        "cluster_state:{state}, cluster_slots_assigned:{} and cluster_known_nodes:{}",
        counts.0,
        counts.1
    );
    let seen = cluster.view_of(&node).await?;
    let alone = seen.nodes.len() == 1 && seen.myself().is_some_and(|own| own.id == node.id && own.slots.is_empty());
    let expected = format!("only its own line, without slots, in CLUSTER NODES of {}", node.address);
    ensure!(alone, expected, "{}", view(&seen));
    let told = cluster.config(&node, "cluster-announce-ip").await?;
    let host = seen.myself().map(|own| own.address.host.clone()).unwrap_or_default();
    ensure!(
        host == told,
        format!("the host {told:?}, as in cluster-announce-ip, in CLUSTER NODES"),
        "the host {host:?}"
    );
    cluster.expect(&node, command!["CLUSTER", "SLOTS"], Expect::Length(0)).await?;
    if cluster.has_shards().await? {
        let shards = cluster.shards_view(&node).await?;
        let [shard] = &shards[..] else {
            return Err(Stop::mismatch(
                format!("one shard in CLUSTER SHARDS of {}", node.address),
                format!("{} shards", shards.len()),
            ));
        };
        let ids: Vec<_> = shard.nodes.iter().map(|listed| listed.id).collect();
        ensure!(
            shard.slots.is_empty() && ids == [node.id],
            format!("a shard of {} alone, without slots, in its CLUSTER SHARDS", node.id),
            "a shard of {} with the slots {}",
            list(&ids),
            list(&shard.slots)
        );
    }
    Ok(())
}

async fn one_node_serves_all(cluster: &Cluster) -> Outcome {
    let node = cluster.start_spare(Spare::default()).await?;
    let add = Slot::all().fold(command!["CLUSTER", "ADDSLOTS"], |add, slot| add.arg(slot.to_string()));
    cluster.expect(&node, add, Expect::Ok).await?;
    // A node that has just started waits for a while before it reports cluster_state:ok.
    cluster
        .until(cluster.limits().restart, "the single node reports cluster_state:ok", async || {
            is_ok(cluster, &node).await
        })
        .await?;
    let all = SlotRange::new(Slot::all().next().unwrap_or(Slot::MAX), Slot::MAX);
    let seen = cluster.view_of(&node).await?;
    let own: Vec<SlotRange> = seen.nodes.iter().flat_map(|node| node.slots.clone()).collect();
    ensure!(
        own.iter().copied().eq(all),
        format!("all slots as one range in CLUSTER NODES of {}", node.address),
        "{}",
        list(&own)
    );
    let sent: Vec<(Command, Expect)> = Slot::all()
        .flat_map(|slot| {
            let key = slot.tag(0);
            [
                (command!["SET", &key, slot.to_string()], Expect::Ok),
                (command!["GET", &key], Expect::text(slot.to_string())),
            ]
        })
        .collect();
    cluster.expect_all(&node, &sent).await?;
    Ok(())
}

async fn is_ok(cluster: &Cluster, node: &Node) -> Outcome {
    let info = cluster_info(cluster, node).await?;
    let state = info.get("cluster_state").map_or("no such field", String::as_str);
    let counts = (number(&info, "cluster_slots_ok", node)?, number(&info, "cluster_size", node)?);
    ensure!(
        state == "ok" && counts == (16_384, 1),
        format!("cluster_state:ok, cluster_slots_ok:16384 and cluster_size:1 of {}", node.address),
        "cluster_state:{state}, cluster_slots_ok:{} and cluster_size:{}",
        counts.0,
        counts.1
    );
    Ok(())
}
