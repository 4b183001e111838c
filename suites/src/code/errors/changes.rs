//! Subcommands that change the cluster, with wrong arguments: the server refuses each and changes nothing.
//!
//! A server that accepted one of these calls would lose slots or nodes, so the checks run alone on a cluster.

use wire::{Command, Node, command};

use super::arguments::{misspelt, misspelt_numbers, stranger};
use crate::cluster::Cluster;
use crate::code_check::{CodeCheck, check};
use crate::ensure;
use crate::need::Need;
use crate::outcome::{Mismatch, Outcome, Stop};
use crate::words::{list, open_slots, or};

/// Every check of this file.
pub(super) const CHECKS: &[CodeCheck] = &[
    check("errors/refused-changes-change-nothing")
        .title("CLUSTER subcommands refuse wrong arguments and unknown node ids, and then change nothing")
        .must("CLUSTER")
        .covers(&["errors.subcommand-arity", "errors.unknown-node-id"])
        .shape(2, 0)
        .needs(&[Need::RiskNode])
        .body(|cluster| Box::pin(refused_changes(cluster))),
    check("errors/misspelt-changes-change-nothing")
        .title("CLUSTER subcommands refuse misspelt node ids and slot numbers, and then change nothing")
        .should("CLUSTER")
        .covers(&["errors.short-id", "errors.integer-parsing"])
        .shape(2, 0)
        .needs(&[Need::RiskNode])
        .body(|cluster| Box::pin(misspelt_changes(cluster))),
    check("errors/setslot-refuses-extra-words")
        .title("CLUSTER SETSLOT refuses unknown words after its arguments")
        // Clients send no such words; only an operator could make this mistake.
        .should("CLUSTER SETSLOT")
        .covers(&["errors.subcommand-arity"])
        .shape(2, 0)
        .needs(&[Need::RiskNode])
        .body(|cluster| Box::pin(setslot_refuses_extra_words(cluster))),
];

async fn refused_changes(cluster: &Cluster) -> Outcome {
    let (node, other) = two_primaries(cluster)?;
    let slot = cluster.slot_of(&node)?.to_string();
    let (id, nobody) = (other.id.to_string(), stranger());
    let lines = [
        "ADDSLOTS",
        "DELSLOTS",
        "ADDSLOTSRANGE 1",
        "DELSLOTSRANGE 1",
        "FLUSHSLOTS x",
        "BUMPEPOCH x",
        "SAVECONFIG x",
        "FAILOVER x",
        "FAILOVER FORCE x",
        "RESET x",
        "RESET HARD x",
        "SET-CONFIG-EPOCH",
        "SET-CONFIG-EPOCH 1 2",
        "SET-CONFIG-EPOCH -1",
        "MEET",
        "MEET 127.0.0.1",
        "MEET 127.0.0.1 1 2 x",
        "MEET no-address 1",
        "FORGET",
        "FORGET {id} x",
        "FORGET {nobody}",
        "REPLICATE",
        "REPLICATE {id} x",
        "REPLICATE {nobody}",
        "SETSLOT",
        "SETSLOT {slot}",
        "SETSLOT {slot} x",
        "SETSLOT {slot} NODE",
        "SETSLOT {slot} NODE {nobody}",
        "SETSLOT {slot} MIGRATING",
        "SETSLOT {slot} MIGRATING {nobody}",
        "SETSLOT {slot} IMPORTING {nobody}",
    ];
    let fill = |line: &str| line.replace("{id}", &id).replace("{nobody}", &nobody).replace("{slot}", &slot);
    let calls: Vec<Command> =
        lines.iter().map(|line| Command::new(format!("CLUSTER {}", fill(line)).split(' '))).collect();
    all_refused(cluster, &node, &calls).await
}

async fn misspelt_changes(cluster: &Cluster) -> Outcome {
    let (node, other) = two_primaries(cluster)?;
    let slot = cluster.slot_of(&node)?;
    let number = slot.to_string();
    let mut calls = Vec::new();
    for id in misspelt(&other.id, cluster) {
        calls.push(command!["CLUSTER", "FORGET", &id]);
        calls.push(command!["CLUSTER", "REPLICATE", &id]);
        calls.push(command!["CLUSTER", "SETSLOT", &number, "MIGRATING", &id]);
        calls.push(command!["CLUSTER", "SETSLOT", &number, "NODE", &id]);
    }
    for number in misspelt_numbers(slot.number()) {
        calls.push(command!["CLUSTER", "DELSLOTS", &number]);
        calls.push(command!["CLUSTER", "ADDSLOTS", &number]);
        calls.push(command!["CLUSTER", "SETSLOT", &number, "STABLE"]);
        calls.push(command!["CLUSTER", "DELSLOTSRANGE", &number, &number]);
    }
    all_refused(cluster, &node, &calls).await
}

async fn setslot_refuses_extra_words(cluster: &Cluster) -> Outcome {
    let (node, other) = two_primaries(cluster)?;
    let slot = cluster.slot_of(&node)?.to_string();
    let set = |words: [&str; 3]| command!["CLUSTER", "SETSLOT", &slot, words[0], words[1], words[2]];
    let id = other.id.to_string();
    let calls = [
        command!["CLUSTER", "SETSLOT", &slot, "STABLE", "x"],
        set(["STABLE", "x", "y"]),
        set(["MIGRATING", &id, "x"]),
        set(["NODE", &node.id.to_string(), "x"]),
    ];
    all_refused(cluster, &node, &calls).await
}

fn two_primaries(cluster: &Cluster) -> Outcome<(Node, Node)> {
    let node = cluster.some_primary()?;
    let other = cluster.non_owner(cluster.slot_of(&node)?)?;
    Ok((node, other))
}

/// Requires that the server refuses every call, and that no node's view changes.
async fn all_refused(cluster: &Cluster, node: &Node, calls: &[Command]) -> Outcome {
    // Until then, a node may give itself another epoch.
    cluster.epochs_spread().await;
    let before = views_of_all(cluster).await?;
    let replies = cluster.pipeline(node, calls).await?;
    let taken = calls.iter().zip(&replies).filter(|(_, reply)| reply.error().is_none_or(|error| error.code != "ERR"));
    let taken: Vec<String> = taken.map(|(call, reply)| format!("{call}: {reply}")).collect();
    if !taken.is_empty() {
        return Err(Stop::Mismatch(Box::new(Mismatch {
            to: Some(node.address.to_string()),
            expected: format!("error ERR in reply to each of {} wrong calls", calls.len()),
            received: taken.join("; "),
            ..Mismatch::default()
        })));
    }
    let after = views_of_all(cluster).await?;
    ensure!(before == after, format!("CLUSTER NODES of every node as before the refused calls: {before}"), "{after}");
    Ok(())
}

/// What each node says of all nodes, without what changes by itself.
async fn views_of_all(cluster: &Cluster) -> Outcome<String> {
    let mut views = Vec::new();
    for node in cluster.visited() {
        let mut lines: Vec<String> = cluster.view_of(&node).await?.nodes.iter().map(line).collect();
        lines.sort();
        views.push(format!("{} sees {}", node.address, lines.join("; ")));
    }
    Ok(views.join(". "))
}

fn line(node: &Node) -> String {
    let Node { id, role, primary, config_epoch, slots, open, .. } = node;
    format!(
        "{id}: {role}, primary {}, config epoch {config_epoch}, slots {}, {}",
        or(*primary, "-"),
        list(slots),
        open_slots(open)
    )
}
