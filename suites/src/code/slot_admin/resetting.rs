//! CLUSTER RESET and SAVECONFIG, and what a node refuses while it has keys.

use wire::{Command, Node, command};

use super::company::{acquainted, alone, company, hearsay, meet, replicate, strangers};
use super::lines::refuses;
use super::own::{own_line, own_state};
use crate::cluster::Cluster;
use crate::code_check::{CodeCheck, check};
use crate::control::Restart;
use crate::ensure;
use crate::expect::Expect;
use crate::need::Need;
use crate::outcome::Outcome;
use crate::words::or;

/// The checks of this file.
pub(super) const CHECKS: &[CodeCheck] = &[
    check("slot-admin/soft-reset")
        .title("CLUSTER RESET drops slots, role and known nodes, and keeps the id and the epochs")
        .must("CLUSTER RESET")
        .covers(&["slot-admin.reset-soft", "slot-admin.meet-not-silent"])
        .needs(&[Need::FreshNode])
        .body(|cluster| Box::pin(soft_reset(cluster))),
    check("slot-admin/hard-reset")
        .title("CLUSTER RESET HARD also gives the node a new id, and the epoch 0")
        .must("CLUSTER RESET")
        .covers(&["slot-admin.reset-hard"])
        .needs(&[Need::FreshNode])
        .body(|cluster| Box::pin(hard_reset(cluster))),
    check("slot-admin/reset-refuses-other-words")
        .title("CLUSTER RESET refuses words other than HARD and SOFT, and changes nothing")
        .must("CLUSTER RESET")
        .covers(&["slot-admin.reset-errors"])
        .needs(&[Need::FreshNode])
        .body(|cluster| Box::pin(reset_refuses(cluster))),
    check("slot-admin/primary-with-keys")
        .title("A primary with a key refuses CLUSTER RESET, FLUSHSLOTS, REPLICATE, and SETSLOT NODE for the key's slot")
        .must("CLUSTER RESET")
        .covers(&[
            "slot-admin.reset-errors",
            "slot-admin.flushslots",
            "slot-admin.replicate-errors",
            "slot-admin.setslot-node-errors",
        ])
        .needs(&[Need::FreshNode])
        .body(|cluster| Box::pin(primary_with_keys(cluster))),
    check("slot-admin/saveconfig-saves")
        .title("CLUSTER SAVECONFIG answers OK, and slots, id and epoch survive a kill")
        .may("CLUSTER SAVECONFIG")
        .covers(&["slot-admin.saveconfig"])
        .needs(&[Need::FreshNode, Need::KillNode, Need::RestartNode])
        .body(|cluster| Box::pin(saveconfig_saves(cluster))),
];

/// The config epoch that nodes get before they are reset.
const EPOCH: &str = "7";

/// Two nodes: the first one has an epoch and slots, and the second one is its replica.
async fn shard(cluster: &Cluster) -> Outcome<[Node; 2]> {
    let nodes: [Node; 2] = strangers(cluster).await?;
    let [primary, replica] = &nodes;
    cluster.expect(primary, command!["CLUSTER", "SET-CONFIG-EPOCH", EPOCH], Expect::Ok).await?;
    cluster.expect(primary, command!["CLUSTER", "ADDSLOTS", "0", "1", "16383"], Expect::Ok).await?;
    acquainted(cluster, &nodes, async || cluster.expect(primary, meet(replica), Expect::Ok).await.map(drop)).await?;
    replicate(cluster, replica, primary).await?;
    Ok(nodes)
}

/// The own config epoch and the current epoch in CLUSTER INFO of a node.
async fn epochs(cluster: &Cluster, node: &Node) -> Outcome<[String; 2]> {
    let info = cluster.info(node, &command!["CLUSTER", "INFO"]).await?;
    Ok(["cluster_my_epoch", "cluster_current_epoch"].map(|field| or(info.get(field), "missing")))
}

async fn soft_reset(cluster: &Cluster) -> Outcome {
    let [primary, replica] = &shard(cluster).await?;
    cluster.expect(replica, command!["CLUSTER", "RESET"], Expect::Ok).await?;
    // The primary still knows the node, and sends it messages. Only MEET may introduce them again.
    let span = hearsay(cluster);
    let stays = cluster.throughout(span, "a reset node stays alone while another node sends it messages", async || {
        alone(cluster, replica, replica.id).await
    });
    stays.await?;
    let before = epochs(cluster, primary).await?;
    cluster.expect(primary, command!["CLUSTER", "RESET", "SOFT"], Expect::Ok).await?;
    alone(cluster, primary, primary.id).await?;
    let after = epochs(cluster, primary).await?;
    ensure!(
        after == before && after[0] == EPOCH,
        format!("my epoch {EPOCH} and current epoch {} of {} as before the reset", before[1], primary.address),
        "my epoch {} and current epoch {}",
        after[0],
        after[1]
    );
    Ok(())
}

async fn hard_reset(cluster: &Cluster) -> Outcome {
    let nodes = shard(cluster).await?;
    for node in nodes.iter().rev() {
        cluster.expect(node, command!["CLUSTER", "RESET", "HARD"], Expect::Ok).await?;
        let own = own_line(cluster, node).await?;
        ensure!(own.id != node.id, format!("a new id of {} after CLUSTER RESET HARD", node.address), "{}", own.id);
        alone(cluster, node, own.id).await?;
        let found = epochs(cluster, node).await?;
        ensure!(
            found == ["0", "0"] && own.config_epoch == 0,
            format!("the epochs 0 of {} after CLUSTER RESET HARD", node.address),
            "my epoch {}, current epoch {}, and config epoch {} in CLUSTER NODES",
            found[0],
            found[1],
            own.config_epoch
        );
    }
    Ok(())
}

async fn reset_refuses(cluster: &Cluster) -> Outcome {
    let node = cluster.empty_node().await?;
    cluster.expect(&node, command!["CLUSTER", "ADDSLOTS", "5"], Expect::Ok).await?;
    let wrong = ["CLUSTER RESET x", "CLUSTER RESET SOFTLY", "CLUSTER RESET \"\"", "CLUSTER RESET HARD SOFT"];
    refuses(cluster, &node, &[], &wrong).await
}

async fn primary_with_keys(cluster: &Cluster) -> Outcome {
    let [node, other] = &company::<2>(cluster).await?;
    let add = wire::Slot::all().fold(command!["CLUSTER", "ADDSLOTS"], |add: Command, slot| add.arg(slot.to_string()));
    cluster.expect(node, add, Expect::Ok).await?;
    let key = cluster.keys().plain();
    // A new node waits for some time until it accepts writes.
    let written = cluster.until(cluster.limits().restart, "the node accepts writes", async || {
        cluster.expect(node, command!["SET", &key, "v"], Expect::Ok).await
    });
    written.await?;
    let id = other.id.to_string();
    let lines = [
        "CLUSTER RESET",
        "CLUSTER RESET SOFT",
        "CLUSTER RESET HARD",
        "CLUSTER FLUSHSLOTS",
        "CLUSTER REPLICATE {other}",
        "CLUSTER SETSLOT {slot} NODE {other}",
    ];
    let slot = wire::Slot::of(&key).to_string();
    refuses(cluster, node, &[("{other}", &id), ("{slot}", &slot)], &lines).await?;
    cluster.expect(node, command!["GET", &key], Expect::text("v")).await?;
    // Without the key, the node takes them.
    cluster.expect(node, command!["DEL", &key], Expect::Integer(1)).await?;
    cluster.expect(node, command!["CLUSTER", "FLUSHSLOTS"], Expect::Ok).await?;
    cluster.expect(node, command!["CLUSTER", "RESET"], Expect::Ok).await?;
    alone(cluster, node, node.id).await
}

async fn saveconfig_saves(cluster: &Cluster) -> Outcome {
    let node = cluster.empty_node().await?;
    cluster.expect(&node, command!["CLUSTER", "SET-CONFIG-EPOCH", EPOCH], Expect::Ok).await?;
    cluster.expect(&node, command!["CLUSTER", "ADDSLOTS", "0", "5", "16383"], Expect::Ok).await?;
    let before = own_state(cluster, &node).await?;
    cluster.expect(&node, command!["CLUSTER", "SAVECONFIG"], Expect::Ok).await?;
    cluster.kill(&node).await?;
    cluster.restart(&node, Restart::WithData).await?;
    let after = own_state(cluster, &node).await?;
    ensure!(after == before, format!("CLUSTER NODES of {} as before the kill: {before}", node.address), "{after}");
    Ok(())
}
