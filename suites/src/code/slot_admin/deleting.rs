//! CLUSTER DELSLOTS, DELSLOTSRANGE and FLUSHSLOTS on a node that belongs to no cluster.

use wire::{Command, command};

use super::adding::RANGES_SINCE;
use super::lines::refuses;
use super::own::{owns, ranges};
use crate::cluster::Cluster;
use crate::code_check::{CodeCheck, check};
use crate::expect::Expect;
use crate::need::Need;
use crate::outcome::Outcome;

/// The checks of this file.
pub(super) const CHECKS: &[CodeCheck] = &[
    check("slot-admin/delslots-deletes")
        .title("CLUSTER DELSLOTS takes exactly the named slots from the node")
        .must("CLUSTER DELSLOTS")
        .covers(&["slot-admin.delslots-ok"])
        .needs(&[Need::FreshNode])
        .body(|cluster| Box::pin(delslots_deletes(cluster))),
    check("slot-admin/delslots-refuses")
        .title("CLUSTER DELSLOTS refuses slots without owner, duplicates and wrong numbers, and deletes no slot")
        .must("CLUSTER DELSLOTS")
        .covers(&["slot-admin.delslots-errors"])
        .needs(&[Need::FreshNode])
        .body(|cluster| Box::pin(delslots_refuses(cluster, SLOTS))),
    check("slot-admin/delslotsrange-deletes")
        .title("CLUSTER DELSLOTSRANGE takes each range with both its ends from the node")
        .must("CLUSTER DELSLOTSRANGE")
        .covers(&["slot-admin.delslotsrange"])
        .needs(&[Need::FreshNode])
        .commands(DELSLOTSRANGE)
        .servers(RANGES_SINCE)
        .body(|cluster| Box::pin(delslotsrange_deletes(cluster))),
    check("slot-admin/delslotsrange-refuses-wrong-ranges")
        .title("CLUSTER DELSLOTSRANGE refuses incomplete, reversed, overlapping and unassigned ranges, and deletes no slot")
        .must("CLUSTER DELSLOTSRANGE")
        .covers(&["slot-admin.delslotsrange"])
        .needs(&[Need::FreshNode])
        .commands(DELSLOTSRANGE)
        .servers(RANGES_SINCE)
        .body(|cluster| Box::pin(delslots_refuses(cluster, RANGES))),
    check("slot-admin/flushslots-deletes-all")
        .title("CLUSTER FLUSHSLOTS takes all slots from a node without keys, and works without slots too")
        .must("CLUSTER FLUSHSLOTS")
        .covers(&["slot-admin.flushslots"])
        .needs(&[Need::FreshNode])
        .body(|cluster| Box::pin(flushslots_deletes_all(cluster))),
];

const DELSLOTSRANGE: &[&str] = &["CLUSTER DELSLOTSRANGE"];

/// The slots that the node has before it refuses to delete others.
const OWN: &str = "CLUSTER ADDSLOTS 0 1 2 700 16383";

const SLOTS: &[&str] = &[
    "CLUSTER DELSLOTS 3",
    "CLUSTER DELSLOTS 0 1 3",
    "CLUSTER DELSLOTS 16382 16383",
    "CLUSTER DELSLOTS 0 0",
    "CLUSTER DELSLOTS 0 1 2 700 0",
    "CLUSTER DELSLOTS 0 16384",
    "CLUSTER DELSLOTS -1 0",
    "CLUSTER DELSLOTS 0 65536",
    "CLUSTER DELSLOTS 0 one",
    "CLUSTER DELSLOTS 0 \"\"",
];

const RANGES: &[&str] = &[
    "CLUSTER DELSLOTSRANGE 0",
    "CLUSTER DELSLOTSRANGE 0 1 2",
    "CLUSTER DELSLOTSRANGE 1 0",
    "CLUSTER DELSLOTSRANGE 0 0 2 1",
    "CLUSTER DELSLOTSRANGE 0 1 1 2",
    "CLUSTER DELSLOTSRANGE 0 2 1 1",
    "CLUSTER DELSLOTSRANGE 0 3",
    "CLUSTER DELSLOTSRANGE 699 700",
    "CLUSTER DELSLOTSRANGE 0 1 16383 16384",
    "CLUSTER DELSLOTSRANGE -1 0",
    "CLUSTER DELSLOTSRANGE 0 two",
];

async fn delslots_deletes(cluster: &Cluster) -> Outcome {
    let node = cluster.empty_node().await?;
    cluster.expect(&node, Command::new(OWN.split(' ')), Expect::Ok).await?;
    let delete = |line: &str| Command::new(format!("CLUSTER DELSLOTS {line}").split(' '));
    cluster.expect(&node, delete("1"), Expect::Ok).await?;
    owns(cluster, &node, &ranges(&[(0, 0), (2, 2), (700, 700), (16_383, 16_383)])).await?;
    cluster.expect(&node, delete("16383 0 700"), Expect::Ok).await?;
    owns(cluster, &node, &ranges(&[(2, 2)])).await?;
    // What was deleted can be assigned again.
    cluster.expect(&node, command!["CLUSTER", "ADDSLOTS", "700", "0"], Expect::Ok).await?;
    owns(cluster, &node, &ranges(&[(0, 0), (2, 2), (700, 700)])).await
}

async fn delslots_refuses(cluster: &Cluster, lines: &[&str]) -> Outcome {
    let node = cluster.empty_node().await?;
    cluster.expect(&node, Command::new(OWN.split(' ')), Expect::Ok).await?;
    refuses(cluster, &node, &[], lines).await
}

async fn delslotsrange_deletes(cluster: &Cluster) -> Outcome {
    let node = cluster.empty_node().await?;
    cluster.expect(&node, command!["CLUSTER", "ADDSLOTSRANGE", "0", "16383"], Expect::Ok).await?;
    let delete = |line: &str| Command::new(format!("CLUSTER DELSLOTSRANGE {line}").split(' '));
    cluster.expect(&node, delete("10 12"), Expect::Ok).await?;
    owns(cluster, &node, &ranges(&[(0, 9), (13, 16_383)])).await?;
    cluster.expect(&node, delete("16383 16383 0 0 20 29"), Expect::Ok).await?;
    owns(cluster, &node, &ranges(&[(1, 9), (13, 19), (30, 16_382)])).await
}

async fn flushslots_deletes_all(cluster: &Cluster) -> Outcome {
    let node = cluster.empty_node().await?;
    let flush = command!["CLUSTER", "FLUSHSLOTS"];
    cluster.expect(&node, &flush, Expect::Ok).await?;
    cluster.expect(&node, Command::new(OWN.split(' ')), Expect::Ok).await?;
    cluster.expect(&node, &flush, Expect::Ok).await?;
    owns(cluster, &node, &[]).await?;
    cluster.expect(&node, Command::new(OWN.split(' ')), Expect::Ok).await?;
    owns(cluster, &node, &ranges(&[(0, 2), (700, 700), (16_383, 16_383)])).await
}
