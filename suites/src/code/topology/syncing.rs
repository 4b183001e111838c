//! Replicas that have no data yet, or that are loading it.

use wire::{Command, Node, NodeId, Reply, command, parse_nodes, parse_shards, parse_slots};

use crate::cluster::Cluster;
use crate::code_check::{CodeCheck, check};
use crate::control::Spare;
use crate::ensure;
use crate::expect::Expect;
use crate::need::Need;
use crate::outcome::{Outcome, Stop};
use crate::words::{list, or};

pub(super) const CHECKS: &[CodeCheck] = &[
    check("topology/replica-without-data")
        .title("CLUSTER SLOTS lists a replica only once it has its primary's data")
        .should("CLUSTER SLOTS")
        .covers(&["topology.slots-unsynced-replica-omitted"])
        .shape(2, 0)
        .needs(&[Need::FreshNode, Need::ChangeRoles])
        .servers(&["redis >=7.0", "valkey"])
        .body(|cluster| Box::pin(replica_without_data(cluster))),
    check("topology/answers-while-loading")
        .title("A node that loads its data answers SLOTS and SHARDS, and since Valkey 8.0 also NODES, INFO and MYID")
        .should("CLUSTER SHARDS")
        .covers(&["topology.shards-during-loading"])
        .shape(2, 1)
        .needs(&[Need::ChangeRoles, Need::SetConfig])
        .commands(&["CLUSTER SHARDS"])
        .servers(&["redis >=7.2", "valkey"])
        .body(|cluster| Box::pin(answers_while_loading(cluster))),
];

async fn replica_without_data(cluster: &Cluster) -> Outcome {
    let primary = cluster.some_primary()?;
    let key = cluster.keys().fresh(cluster.slot_of(&primary)?);
    let members = cluster.nodes();
    let replica = cluster.start_spare(Spare::default()).await?;
    cluster.meet(&replica).await?;
    // The primary refuses this password, so the replica gets no data.
    let password = cluster.config(&replica, "masterauth").await?;
    let set_password = |password: &str| command!["CONFIG", "SET", "masterauth", password];
    cluster.expect(&replica, set_password("rct-wrong-password"), Expect::Ok).await?;
    cluster.expect(&replica, command!["CLUSTER", "REPLICATE", primary.id], Expect::Ok).await?;

    let known = async || {
        for node in &members {
            let copied = cluster.view_of(node).await?.node(&replica.id).and_then(|replica| replica.primary);
            ensure!(
                copied == Some(primary.id),
                format!("{} as a replica of {} in CLUSTER NODES of {}", replica.id, primary.id, node.address),
                "{}",
                or(copied, "a primary, or no such node")
            );
        }
        Ok(())
    };
    cluster.until(cluster.limits().converge, "every node knows the new replica", known).await?;
    for node in &members {
        let listed = listed(cluster, node, &primary).await?;
        ensure!(
            !listed.contains(&replica.id),
            format!("no replica without data in CLUSTER SLOTS of {}", node.address),
            "{}, which contains {}",
            list(&listed),
            replica.id
        );
    }

    cluster.expect(&replica, set_password(&password), Expect::Ok).await?;
    let synced = async || {
        cluster.expect(&primary, command!["SET", &key, "v"], Expect::Ok).await?;
        for node in &members {
            let listed = listed(cluster, node, &primary).await?;
            ensure!(
                listed.contains(&replica.id),
                format!("the replica {} in CLUSTER SLOTS of {}", replica.id, node.address),
                "{}",
                list(&listed)
            );
        }
        Ok(())
    };
    cluster.until(cluster.limits().restart, "every node lists the replica once it has the data", synced).await?;
    leave(cluster, &replica, &members).await
}

/// The nodes of a primary's ranges in CLUSTER SLOTS.
async fn listed(cluster: &Cluster, viewer: &Node, primary: &Node) -> Outcome<Vec<NodeId>> {
    let entries = cluster.slots_view(viewer).await?;
    let own = entries.iter().filter(|entry| entry.nodes.first().and_then(|first| first.id) == Some(primary.id));
    let ids: Vec<NodeId> = own.flat_map(|entry| &entry.nodes).filter_map(|node| node.id).collect();
    ensure!(
        !ids.is_empty(),
        format!("ranges of {} in CLUSTER SLOTS of {}", primary.id, viewer.address),
        "no such range"
    );
    Ok(ids)
}

/// Removes a node from the cluster again.
async fn leave(cluster: &Cluster, node: &Node, members: &[Node]) -> Outcome {
    cluster.expect(node, command!["CLUSTER", "RESET"], Expect::Ok).await?;
    for member in members {
        cluster.expect(member, command!["CLUSTER", "FORGET", node.id], Expect::Ok).await?;
    }
    Ok(())
}

/// The number of keys that the node loads.
const KEYS: usize = 250;
/// The size of each key, in bytes; more than a node loads before it serves its clients again.
const KEY_BYTES: usize = 2_048;
/// The delay for each key that the node loads, in microseconds.
const KEY_LOAD_DELAY_US: &str = "4000";

async fn answers_while_loading(cluster: &Cluster) -> Outcome {
    let home = cluster.some_primary()?;
    let node = cluster.replica_of(&home)?;
    let away = cluster.non_owner(cluster.slot_of(&home)?)?;
    let slot = cluster.slot_of(&away)?;
    let set = |_| (command!["SET", cluster.keys().fresh(slot), "v".repeat(KEY_BYTES)], Expect::Ok);
    cluster.expect_all(&away, &(0..KEYS).map(set).collect::<Vec<_>>()).await?;
    for (name, value) in [
        ("repl-diskless-load", "disabled"),
        ("loading-process-events-interval-bytes", "1024"),
        ("key-load-delay", KEY_LOAD_DELAY_US),
    ] {
        cluster.set_config(&node, name, value).await?;
    }
    // A replica that changes its primary loads all data of the new one.
    cluster.expect(&node, command!["CLUSTER", "REPLICATE", away.id], Expect::Ok).await?;
    let looked = async || look_while_loading(cluster, &node).await;
    cluster.until(cluster.limits().restart, "the node reports loading:1", looked).await??;
    cluster.expect(&node, command!["CONFIG", "SET", "key-load-delay", "0"], Expect::Ok).await?;
    back_home(cluster, &node, &home).await
}

/// Sends the topology commands to a node at once.
///
/// The outer outcome says whether the node was loading all the time, and the inner one whether its replies are right.
async fn look_while_loading(cluster: &Cluster, node: &Node) -> Outcome<Outcome> {
    let state = command!["INFO", "persistence"];
    let mut sent = vec![state.clone(), command!["CLUSTER", "SLOTS"], command!["CLUSTER", "SHARDS"]];
    if !cluster.server().is("redis") && !cluster.server().is("valkey <8.0") {
        sent.extend([command!["CLUSTER", "NODES"], command!["CLUSTER", "INFO"], command!["CLUSTER", "MYID"]]);
    }
    sent.push(state);
    let mut replies = cluster.pipeline(node, &sent).await?;
    let ends = [replies.pop(), Some(replies.remove(0))];
    let loading = ends.iter().flatten().all(|reply| reply.text().is_some_and(|text| text.contains("\nloading:1\r\n")));
    ensure!(
        loading,
        format!("loading:1 of {} before and after the topology commands", node.address),
        "loading:0 before or after them"
    );
    let wrong = sent[1..].iter().zip(&replies).find(|(command, reply)| !shows(command, reply, node));
    Ok(match wrong {
        None => Ok(()),
        Some((command, reply)) => Err(Stop::mismatch(
            format!("the usual reply to {command} from {} while it loads", node.address),
            reply.to_string(),
        )),
    })
}

/// Whether the reply to a topology command is right, as far as it concerns the node itself.
fn shows(command: &Command, reply: &Reply, node: &Node) -> bool {
    let text = reply.text().unwrap_or_default();
    match command.args()[1].as_slice() {
        b"SLOTS" => parse_slots(reply.value()).is_ok_and(|entries| !entries.is_empty()),
        b"SHARDS" => parse_shards(reply.value())
            .is_ok_and(|shards| shards.iter().flat_map(|shard| &shard.nodes).any(|listed| listed.id == node.id)),
        b"NODES" => parse_nodes(&text).is_ok_and(|view| view.myself().is_some_and(|own| own.id == node.id)),
        b"INFO" => text.contains("cluster_state:"),
        _ => text == node.id.as_str(),
    }
}

async fn back_home(cluster: &Cluster, node: &Node, home: &Node) -> Outcome {
    let back = async || {
        let replicate = command!["CLUSTER", "REPLICATE", home.id];
        cluster.expect(node, replicate, Expect::Ok).await?;
        let view = cluster.live().agreed_view().await?;
        let copied = view.node(&node.id).and_then(|node| node.primary);
        ensure!(
            copied == Some(home.id),
            format!("{} as a replica of {}", node.address, home.id),
            "{}",
            or(copied, "a primary")
        );
        Ok(())
    };
    cluster.until(cluster.limits().converge, "the node is a replica of its first primary again", back).await?;
    cluster.replicated(home).await
}
