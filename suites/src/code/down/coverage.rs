//! Slots without an owner, dead primaries, and nodes that belong to no cluster.

use std::time::Instant;

use wire::{Node, Slot, command};

use super::lost_slot::{LostSlot, refuses_all, require_full_coverage};
use crate::cluster::Cluster;
use crate::code::failover::observe::{answered, calm_view, cluster_info, cluster_number, flagged, state_is};
use crate::code::failover::participants::Participants;
use crate::code_check::{CodeCheck, check};
use crate::control::{Restart, Spare};
use crate::ensure;
use crate::expect::Expect;
use crate::need::Need;
use crate::outcome::Outcome;

/// The checks of this file.
pub(super) const CHECKS: &[CodeCheck] = &[
    check("down/slot-without-owner")
        .title("While a slot has no owner, commands with keys get CLUSTERDOWN and commands without keys work")
        .must("availability")
        .covers(&["down.unbound-slot", "down.keyless-served", "down.reassign-recovers"])
        .shape(2, 0)
        .needs(&[Need::MoveSlot, Need::SetConfig])
        .body(|cluster| Box::pin(slot_without_owner(cluster))),
    check("down/no-redirect-while-down")
        .title("A node whose cluster is down answers CLUSTERDOWN, not MOVED, also for keys of other nodes")
        .should("availability")
        .covers(&["down.foreign-slots-too"])
        .shape(2, 0)
        .needs(&[Need::MoveSlot, Need::SetConfig])
        .body(|cluster| Box::pin(no_redirect_while_down(cluster))),
    check("down/partial-coverage")
        .title("Only the slot without an owner is down if cluster-require-full-coverage is no")
        .must("availability")
        .covers(&["down.partial-coverage"])
        .shape(2, 0)
        .needs(&[Need::MoveSlot, Need::SetConfig])
        .body(|cluster| Box::pin(partial_coverage(cluster))),
    check("down/dead-primary-without-replica")
        .title("The cluster is down after a primary without replicas dies, until it returns with its data")
        .must("availability")
        .covers(&["down.dead-primary-no-replica", "down.recovers-on-return"])
        .shape(3, 0)
        .needs(&[Need::KillNode, Need::RestartNode, Need::SetConfig])
        .body(|cluster| Box::pin(dead_primary_without_replica(cluster))),
    check("down/dead-replicas-are-harmless")
        .title("The cluster stays ok and serves every slot after its replicas die")
        .must("availability")
        .covers(&["down.replica-fail-harmless"])
        .shape(2, 1)
        .needs(&[Need::KillNode])
        .body(|cluster| Box::pin(dead_replicas_are_harmless(cluster))),
    check("down/node-without-slots-known")
        .title("A node that knows the owner of no slot answers CLUSTERDOWN to commands with keys")
        .must("availability")
        .covers(&["down.fresh-node-unserved"])
        .needs(&[Need::FreshNode])
        .body(|cluster| Box::pin(node_without_slots_known(cluster))),
];

async fn slot_without_owner(cluster: &Cluster) -> Outcome {
    require_full_coverage(cluster, "yes").await?;
    let slots = LostSlot::draw(cluster)?;
    let node = &slots.node;
    slots.lose(cluster, "fail").await?;
    refuses_all(cluster, node, slots.lost).await?;
    refuses_all(cluster, node, slots.kept).await?;
    serves_without_keys(cluster, node).await?;
    slots.give_back(cluster).await?;
    let key = cluster.keys().fresh(slots.lost);
    cluster
        .until(cluster.limits().converge, "the slot is served again", async || {
            cluster.expect(node, command!["SET", &key, "v"], Expect::Ok).await.map(drop)
        })
        .await
}

/// Requires that the node serves commands without keys.
async fn serves_without_keys(cluster: &Cluster, node: &Node) -> Outcome {
    let mut session = cluster.session(node).await?;
    for (command, expect) in [
        (command!["PING"], Expect::text("PONG")),
        (command!["DBSIZE"], Expect::AtLeast(0)),
        (command!["TIME"], Expect::Length(2)),
        (command!["PUBLISH", cluster.keys().plain(), "v"], Expect::AtLeast(0)),
        (command!["CLUSTER", "MYID"], Expect::text(node.id.as_str())),
        (command!["CLUSTER", "KEYSLOT", "foo"], Expect::Integer(12_182)),
        (command!["CLUSTER", "SLOTS"], Expect::Kind(crate::expect::Kind::Array)),
        (command!["CLUSTER", "NODES"], Expect::Kind(crate::expect::Kind::Text)),
        (command!["EVAL", "return 7", "0"], Expect::Integer(7)),
        (command!["MULTI"], Expect::Ok),
        (command!["PING"], Expect::Queued),
        (command!["EXEC"], Expect::Items(vec![Expect::text("PONG")])),
    ] {
        session.expect(command, expect).await?;
    }
    Ok(())
}

async fn no_redirect_while_down(cluster: &Cluster) -> Outcome {
    require_full_coverage(cluster, "yes").await?;
    let slots = LostSlot::draw(cluster)?;
    slots.lose(cluster, "fail").await?;
    refuses_all(cluster, &slots.node, slots.foreign).await?;
    slots.give_back(cluster).await
}

async fn partial_coverage(cluster: &Cluster) -> Outcome {
    require_full_coverage(cluster, "no").await?;
    let slots = LostSlot::draw(cluster)?;
    slots.lose(cluster, "ok").await?;
    refuses_all(cluster, &slots.node, slots.lost).await?;
    let (kept, foreign) = (cluster.keys().fresh(slots.kept), cluster.keys().fresh(slots.foreign));
    answered(cluster, &slots.node, command!["SET", &kept, "v"], Expect::Ok).await?;
    answered(cluster, &slots.node, command!["GET", &kept], Expect::text("v")).await?;
    let owner = cluster.owner(slots.foreign)?;
    let moved = Expect::error(format!("MOVED {} {}", slots.foreign, owner.endpoint));
    answered(cluster, &slots.node, command!["GET", &foreign], moved).await?;
    slots.give_back(cluster).await
}

async fn dead_primary_without_replica(cluster: &Cluster) -> Outcome {
    require_full_coverage(cluster, "yes").await?;
    let dead = cluster.some_primary()?;
    let replicas = cluster.replicas_of(&dead);
    let mut survivors = cluster.nodes();
    survivors.retain(|node| node.id != dead.id && replicas.iter().all(|replica| replica.id != node.id));
    let key = cluster.keys().fresh(cluster.slot_of(&dead)?);
    cluster.expect(&dead, command!["SET", &key, "kept"], Expect::Ok).await?;
    cluster.expect(&dead, command!["SAVE"], Expect::Ok).await?;
    let slots = cluster.primaries().iter().map(|primary| cluster.slot_of(primary)).collect::<Outcome<Vec<_>>>()?;
    let lost = cluster.all_slots_of(&dead).len() as u64;

    let died = Instant::now();
    for node in replicas.iter().chain([&dead]) {
        cluster.kill(node).await?;
    }
    flagged(cluster, &survivors, &dead, "fail").await?;
    cluster
        .until(cluster.limits().failover, "all nodes report the cluster as down", async || {
            state_is(cluster, &survivors, "fail").await?;
            for node in &survivors {
                let failed = cluster_number(cluster, node, "cluster_slots_fail").await?;
                ensure!(
                    failed == lost,
                    format!("cluster_slots_fail:{lost} of {}", node.address),
                    "cluster_slots_fail:{failed}"
                );
            }
            Ok(())
        })
        .await?;
    cluster.measure("down", died.elapsed());
    for node in &survivors {
        for slot in &slots {
            refuses_all(cluster, node, *slot).await?;
        }
    }

    let back = Instant::now();
    cluster.restart(&dead, Restart::WithData).await?;
    cluster
        .until(cluster.limits().restart, "the returned primary serves its data", async || {
            state_is(cluster, &survivors, "ok").await?;
            state_is(cluster, std::slice::from_ref(&dead), "ok").await?;
            cluster.expect(&dead, command!["GET", &key], Expect::text("kept")).await?;
            cluster.expect(&dead, command!["SET", &key, "again"], Expect::Ok).await.map(drop)
        })
        .await?;
    cluster.measure("recovered", back.elapsed());
    Ok(())
}

async fn dead_replicas_are_harmless(cluster: &Cluster) -> Outcome {
    Participants::draw(cluster)?;
    let primaries = cluster.primaries();
    let dead: Vec<Node> = primaries.iter().flat_map(|primary| cluster.replicas_of(primary)).collect();
    let keys: Vec<(Node, String)> = primaries
        .iter()
        .map(|primary| Ok((primary.clone(), cluster.keys().fresh(cluster.slot_of(primary)?))))
        .collect::<Outcome<_>>()?;
    for replica in &dead {
        cluster.kill(replica).await?;
    }
    let well = async || {
        for (primary, key) in &keys {
            calm_view(cluster, primary, &dead).await?;
            let state = cluster_info(cluster, primary, "cluster_state").await?;
            ensure!(state == "ok", format!("cluster_state:ok of {}", primary.address), "cluster_state:{state}");
            for count in ["cluster_slots_pfail", "cluster_slots_fail"] {
                let found = cluster_number(cluster, primary, count).await?;
                ensure!(found == 0, format!("{count}:0 of {}", primary.address), "{count}:{found}");
            }
            cluster.expect(primary, command!["SET", key, "v"], Expect::Ok).await?;
        }
        Ok(())
    };
    // The cluster must serve all the time: before the replicas are suspected, then, and after they are marked as failed.
    let marked = async {
        for replica in &dead {
            flagged(cluster, &primaries, replica, "fail").await?;
        }
        Ok(())
    };
    tokio::select! {
        marked = marked => marked?,
        broken = cluster.throughout(cluster.limits().failover * 2, "the primaries serve and report cluster_state:ok", well) => broken?,
    }
    cluster.until(cluster.limits().failover, "the primaries serve and report cluster_state:ok", well).await
}

async fn node_without_slots_known(cluster: &Cluster) -> Outcome {
    let fresh = cluster.start_spare(Spare::default()).await?;
    let state = cluster_info(cluster, &fresh, "cluster_state").await?;
    ensure!(
        state == "fail",
        format!("cluster_state:fail of {}, which belongs to no cluster", fresh.address),
        "cluster_state:{state}"
    );
    for slot in [Slot::of("foo"), Slot::of(""), Slot::MAX] {
        refuses_all(cluster, &fresh, slot).await?;
    }
    Ok(())
}
