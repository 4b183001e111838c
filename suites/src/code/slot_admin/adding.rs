//! CLUSTER ADDSLOTS and ADDSLOTSRANGE on a node that belongs to no cluster.

use wire::{Command, command};

use super::lines::refuses;
use super::own::{owns, ranges};
use crate::cluster::Cluster;
use crate::code_check::{CodeCheck, check};
use crate::expect::Expect;
use crate::need::Need;
use crate::outcome::Outcome;

/// The checks of this file.
pub(super) const CHECKS: &[CodeCheck] = &[
    check("slot-admin/addslots-assigns")
        .title("CLUSTER ADDSLOTS assigns all named slots, and the node shows them at once")
        .must("CLUSTER ADDSLOTS")
        .covers(&["slot-admin.addslots-ok"])
        .needs(&[Need::FreshNode])
        .body(|cluster| Box::pin(addslots_assigns(cluster))),
    check("slot-admin/addslots-refuses-owned-slots")
        .title("CLUSTER ADDSLOTS refuses a slot that has an owner, and assigns none of the named slots")
        .must("CLUSTER ADDSLOTS")
        .covers(&["slot-admin.addslots-busy", "slot-admin.addslots-atomic"])
        .needs(&[Need::FreshNode])
        .body(|cluster| Box::pin(addslots_refuses(cluster, OWNED))),
    check("slot-admin/addslots-refuses-duplicates")
        .title("CLUSTER ADDSLOTS refuses a slot that is named twice, and assigns none of the named slots")
        .must("CLUSTER ADDSLOTS")
        .covers(&["slot-admin.addslots-duplicate", "slot-admin.addslots-atomic"])
        .needs(&[Need::FreshNode])
        .body(|cluster| Box::pin(addslots_refuses(cluster, TWICE))),
    check("slot-admin/addslots-refuses-wrong-numbers")
        .title("CLUSTER ADDSLOTS refuses what is no slot number, and assigns none of the named slots")
        .must("CLUSTER ADDSLOTS")
        .covers(&["slot-admin.addslots-range-check", "slot-admin.addslots-atomic"])
        .needs(&[Need::FreshNode])
        .body(|cluster| Box::pin(addslots_refuses(cluster, WRONG))),
    check("slot-admin/addslotsrange-assigns")
        .title("CLUSTER ADDSLOTSRANGE assigns each range with both its ends")
        .must("CLUSTER ADDSLOTSRANGE")
        .covers(&["slot-admin.addslotsrange"])
        .needs(&[Need::FreshNode])
        .commands(ADDSLOTSRANGE)
        .servers(RANGES_SINCE)
        .body(|cluster| Box::pin(addslotsrange_assigns(cluster))),
    check("slot-admin/addslotsrange-refuses-wrong-ranges")
        .title("CLUSTER ADDSLOTSRANGE refuses incomplete, reversed, overlapping and owned ranges, and assigns no slot")
        .must("CLUSTER ADDSLOTSRANGE")
        .covers(&["slot-admin.addslotsrange-errors"])
        .needs(&[Need::FreshNode])
        .commands(ADDSLOTSRANGE)
        .servers(RANGES_SINCE)
        .body(|cluster| Box::pin(addslots_refuses(cluster, RANGES))),
];

const ADDSLOTSRANGE: &[&str] = &["CLUSTER ADDSLOTSRANGE"];
/// The servers with ADDSLOTSRANGE and DELSLOTSRANGE.
pub(super) const RANGES_SINCE: &[&str] = &["redis >=7.0", "valkey"];

/// The slots that the node has before it refuses others.
const OWN: &str = "CLUSTER ADDSLOTS 0 700 16383";

const OWNED: &[&str] =
    &["CLUSTER ADDSLOTS 0", "CLUSTER ADDSLOTS 16383", "CLUSTER ADDSLOTS 699 700", "CLUSTER ADDSLOTS 699 701 16383 702"];

const TWICE: &[&str] = &[
    "CLUSTER ADDSLOTS 1 1",
    "CLUSTER ADDSLOTS 16382 5 16382",
    "CLUSTER ADDSLOTS 1 2 3 4 5 6 7 8 2",
    "CLUSTER ADDSLOTS 1 01",
];

const WRONG: &[&str] = &[
    "CLUSTER ADDSLOTS 16384",
    "CLUSTER ADDSLOTS -1",
    "CLUSTER ADDSLOTS 1 2 16384",
    "CLUSTER ADDSLOTS 16384 1 2",
    "CLUSTER ADDSLOTS 1 65537",
    "CLUSTER ADDSLOTS 1 4294967298",
    "CLUSTER ADDSLOTS 1 two",
    "CLUSTER ADDSLOTS 1 2.0",
    "CLUSTER ADDSLOTS 1 \"\"",
    "CLUSTER ADDSLOTS 1 2-3",
];

const RANGES: &[&str] = &[
    "CLUSTER ADDSLOTSRANGE 1",
    "CLUSTER ADDSLOTSRANGE 1 2 3",
    "CLUSTER ADDSLOTSRANGE 2 1",
    "CLUSTER ADDSLOTSRANGE 1 2 9 8",
    "CLUSTER ADDSLOTSRANGE 1 5 5 9",
    "CLUSTER ADDSLOTSRANGE 1 9 3 4",
    "CLUSTER ADDSLOTSRANGE 3 3 3 3",
    "CLUSTER ADDSLOTSRANGE 16382 16384",
    "CLUSTER ADDSLOTSRANGE -1 1",
    "CLUSTER ADDSLOTSRANGE 1 2 x 4",
    "CLUSTER ADDSLOTSRANGE 699 701",
    "CLUSTER ADDSLOTSRANGE 5 9 16383 16383",
];

async fn addslots_assigns(cluster: &Cluster) -> Outcome {
    let node = cluster.empty_node().await?;
    cluster.expect(&node, command!["CLUSTER", "ADDSLOTS", "5"], Expect::Ok).await?;
    owns(cluster, &node, &ranges(&[(5, 5)])).await?;
    let several = "CLUSTER ADDSLOTS 16383 0 6 8 16381 4";
    cluster.expect(&node, Command::new(several.split(' ')), Expect::Ok).await?;
    owns(cluster, &node, &ranges(&[(0, 0), (4, 6), (8, 8), (16_381, 16_381), (16_383, 16_383)])).await?;
    // All others: as many words as one command can need.
    let have = [5, 16_383, 0, 6, 8, 16_381, 4];
    let rest = (0..16_384).filter(|slot| !have.contains(slot));
    let rest = rest.fold(command!["CLUSTER", "ADDSLOTS"], |add, slot: u16| add.arg(slot.to_string()));
    cluster.expect(&node, rest, Expect::Ok).await?;
    owns(cluster, &node, &ranges(&[(0, 16_383)])).await
}

async fn addslots_refuses(cluster: &Cluster, lines: &[&str]) -> Outcome {
    let node = cluster.empty_node().await?;
    cluster.expect(&node, Command::new(OWN.split(' ')), Expect::Ok).await?;
    refuses(cluster, &node, &[], lines).await
}

async fn addslotsrange_assigns(cluster: &Cluster) -> Outcome {
    let node = cluster.empty_node().await?;
    let add = |line: &str| Command::new(format!("CLUSTER ADDSLOTSRANGE {line}").split(' '));
    cluster.expect(&node, add("10 12"), Expect::Ok).await?;
    owns(cluster, &node, &ranges(&[(10, 12)])).await?;
    cluster.expect(&node, add("16383 16383 0 0 20 21 13 13"), Expect::Ok).await?;
    owns(cluster, &node, &ranges(&[(0, 0), (10, 13), (20, 21), (16_383, 16_383)])).await?;
    cluster.expect(&node, add("1 9 14 19 22 16382"), Expect::Ok).await?;
    owns(cluster, &node, &ranges(&[(0, 16_383)])).await
}
