//! Who is down while a slot has no owner or its owner is dead, and what settings change about it.

use std::time::Duration;

use wire::{Node, command};

use super::lost_slot::{LostSlot, refuses_all, require_full_coverage};
use crate::cluster::Cluster;
use crate::code::blocked::block;
use crate::code::failover::observe::{answered, flagged, state_is};
use crate::code_check::{CodeCheck, check};
use crate::control::Restart;
use crate::expect::Expect;
use crate::need::Need;
use crate::outcome::Outcome;

/// The checks of this file.
pub(super) const CHECKS: &[CodeCheck] = &[
    check("down/others-keep-serving")
        .title("CLUSTER DELSLOTS on one node is known to no other node: the others serve and redirect as before")
        .should("CLUSTER DELSLOTS")
        .covers(&["down.local-knowledge"])
        .shape(2, 0)
        .needs(&[Need::MoveSlot, Need::SetConfig])
        .body(|cluster| Box::pin(others_keep_serving(cluster))),
    check("down/dead-owner-with-partial-coverage")
        .title("With partial coverage, slots of a dead primary are redirected to it, and all others are served")
        .should("availability")
        .covers(&["down.partial-coverage-dead-owner"])
        .shape(3, 0)
        .needs(&[Need::KillNode, Need::RestartNode, Need::SetConfig])
        .body(|cluster| Box::pin(dead_owner(cluster))),
    check("down/reads-when-down")
        .title("A node that is down serves reads and refuses writes if cluster-allow-reads-when-down is yes")
        .may("cluster-allow-reads-when-down")
        .covers(&["down.reads-when-down"])
        .shape(2, 0)
        .needs(&[Need::MoveSlot, Need::SetConfig])
        .body(|cluster| Box::pin(reads_when_down(cluster))),
    check("down/blocked-clients-are-released")
        .title("Clients that are blocked on keys get CLUSTERDOWN when the cluster goes down")
        .should("availability")
        .covers(&["down.blocked-clients"])
        .shape(2, 0)
        .needs(&[Need::MoveSlot, Need::SetConfig])
        .body(|cluster| Box::pin(blocked_clients(cluster))),
];

/// How long the other nodes must not hear of the lost slot; nodes exchange messages several times in it.
const HEARSAY: Duration = Duration::from_millis(500);

async fn others_keep_serving(cluster: &Cluster) -> Outcome {
    require_full_coverage(cluster, "yes").await?;
    let slots = LostSlot::draw(cluster)?;
    let others: Vec<Node> = cluster.primaries().into_iter().filter(|node| node.id != slots.node.id).collect();
    let (lost, foreign) = (cluster.keys().fresh(slots.lost), cluster.keys().fresh(slots.foreign));
    let owner = cluster.owner(slots.foreign)?;
    slots.lose(cluster, "fail").await?;
    let serve = async || {
        state_is(cluster, &others, "ok").await?;
        for node in &others {
            let moved = Expect::moved(slots.lost, &slots.node);
            cluster.expect(node, command!["GET", &lost], moved).await?;
        }
        cluster.expect(&owner, command!["SET", &foreign, "v"], Expect::Ok).await.map(drop)
    };
    cluster.throughout(HEARSAY, "the other nodes serve and redirect as before", serve).await?;
    slots.give_back(cluster).await
}

async fn dead_owner(cluster: &Cluster) -> Outcome {
    require_full_coverage(cluster, "no").await?;
    let dead = cluster.some_primary()?;
    let replicas = cluster.replicas_of(&dead);
    let mut survivors = cluster.nodes();
    survivors.retain(|node| node.id != dead.id && replicas.iter().all(|replica| replica.id != node.id));
    let slot = cluster.slot_of(&dead)?;
    let lost = cluster.keys().fresh(slot);
    for node in replicas.iter().chain([&dead]) {
        cluster.kill(node).await?;
    }
    flagged(cluster, &survivors, &dead, "fail").await?;
    state_is(cluster, &survivors, "ok").await?;
    for node in &survivors {
        answered(cluster, node, command!["GET", &lost], Expect::moved(slot, &dead)).await?;
        answered(cluster, node, command!["SET", &lost, "v"], Expect::moved(slot, &dead)).await?;
    }
    for primary in survivors.iter().filter(|node| node.primary.is_none() && !node.slots.is_empty()) {
        let key = cluster.keys().fresh(cluster.slot_of(primary)?);
        cluster.expect(primary, command!["SET", &key, "v"], Expect::Ok).await?;
        cluster.expect(primary, command!["GET", &key], Expect::text("v")).await?;
    }
    cluster.restart(&dead, Restart::WithData).await?;
    cluster
        .until(cluster.limits().restart, "the returned primary serves its slots", async || {
            cluster.expect(&dead, command!["GET", &lost], Expect::Null).await.map(drop)
        })
        .await
}

async fn reads_when_down(cluster: &Cluster) -> Outcome {
    require_full_coverage(cluster, "yes").await?;
    let slots = LostSlot::draw(cluster)?;
    let node = &slots.node;
    cluster.set_config(node, "cluster-allow-reads-when-down", "yes").await?;
    let (one, two) = (cluster.keys().named(slots.kept, "one"), cluster.keys().named(slots.kept, "two"));
    let foreign = cluster.keys().fresh(slots.foreign);
    let owner = cluster.owner(slots.foreign)?;
    cluster.expect(node, command!["SET", &one, "v"], Expect::Ok).await?;
    slots.lose(cluster, "fail").await?;
    let down = || Expect::error("CLUSTERDOWN");
    // Redis 6.0 takes every EXEC for a write.
    let executed = if cluster.server().is("redis <6.2") { down() } else { Expect::Items(vec![Expect::text("v")]) };
    let served = [
        (command!["GET", &one], Expect::text("v")),
        (command!["GET", &two], Expect::Null),
        (command!["MGET", &one, &two], Expect::Items(vec![Expect::text("v"), Expect::Null])),
        (command!["EXISTS", &one, &two], Expect::Integer(1)),
        (command!["TYPE", &one], Expect::text("string")),
        (command!["SET", &one, "w"], down()),
        (command!["DEL", &two], down()),
        (command!["EXPIRE", &one, "100"], down()),
        (command!["LPUSH", &two, "v"], down()),
        (command!["GET", &foreign], Expect::moved(slots.foreign, &owner)),
        (command!["MULTI"], Expect::Ok),
        (command!["GET", &one], Expect::Queued),
        (command!["EXEC"], executed),
        (command!["MULTI"], Expect::Ok),
        (command!["SET", &one, "w"], down()),
        (command!["EXEC"], Expect::error("EXECABORT")),
    ];
    cluster.session(node).await?.expect_all(&served).await?;
    refuses_all(cluster, node, slots.lost).await?;
    slots.give_back(cluster).await?;
    answered(cluster, node, command!["GET", &one], Expect::text("v")).await
}

async fn blocked_clients(cluster: &Cluster) -> Outcome {
    require_full_coverage(cluster, "yes").await?;
    let slots = LostSlot::draw(cluster)?;
    let node = &slots.node;
    let commands = [
        command!["BLPOP", cluster.keys().fresh(slots.kept), "0"],
        command!["BZPOPMIN", cluster.keys().fresh(slots.kept), "0"],
        command!["XREAD", "BLOCK", "0", "STREAMS", cluster.keys().fresh(slots.kept), "$"],
    ];
    let clients = block(cluster, node, &commands).await?;
    slots.lose(cluster, "fail").await?;
    for (mut client, command) in clients.into_iter().zip(&commands) {
        let reply = client.receive().await?;
        client.require(command, &Expect::error("CLUSTERDOWN"), &reply)?;
        client.expect(command!["PING"], Expect::text("PONG")).await?;
    }
    slots.give_back(cluster).await
}
