//! Shard channels on a node that reports the cluster as down.

use wire::{Protocol, command};

use crate::cluster::Cluster;
use crate::code::gap::Gap;
use crate::code::messages::{confirmation, message};
use crate::code_check::{CodeCheck, check};
use crate::expect::Expect;
use crate::need::Need;
use crate::outcome::Outcome;

/// Every check of this file.
pub(super) const CHECKS: &[CodeCheck] = &[
    check("sharded-pubsub/works-while-the-cluster-is-down")
        .title("A node that reports the cluster as down serves the shard channels of its slots, unless it is told otherwise")
        .should("SSUBSCRIBE")
        .covers(&["sharded-pubsub.down-default"])
        .shape(2, 0)
        .needs(&[Need::MoveSlot, Need::SetConfig])
        .commands(&["SSUBSCRIBE"])
        .body(|cluster| Box::pin(works_while_the_cluster_is_down(cluster))),
    check("sharded-pubsub/refuses-while-the-cluster-is-down")
        .title("With cluster-allow-pubsubshard-when-down no, a node answers CLUSTERDOWN to shard commands while the cluster is down")
        .may("SSUBSCRIBE")
        .covers(&["sharded-pubsub.down-disallowed"])
        .shape(2, 0)
        .needs(&[Need::MoveSlot, Need::SetConfig])
        .commands(&["SSUBSCRIBE"])
        .body(|cluster| Box::pin(refuses_while_the_cluster_is_down(cluster))),
];

const ALLOWED: &str = "cluster-allow-pubsubshard-when-down";

async fn works_while_the_cluster_is_down(cluster: &Cluster) -> Outcome {
    let gap = Gap::with_cluster_down(cluster).await?;
    if cluster.config(&gap.node, ALLOWED).await? != "yes" {
        cluster.set_config(&gap.node, ALLOWED, "yes").await?;
    }
    let channel = cluster.keys().named(gap.kept, "channel");
    cluster.expect(&gap.node, command!["GET", &channel], Expect::error("CLUSTERDOWN")).await?;
    for protocol in [Protocol::Resp2, Protocol::Resp3] {
        let mut session = cluster.session_in(&gap.node, protocol).await?;
        session.expect(command!["SSUBSCRIBE", &channel], confirmation("ssubscribe", &channel, 1)).await?;
        cluster.expect(&gap.node, command!["SPUBLISH", &channel, "m"], Expect::Integer(1)).await?;
        session.expect_push(message("smessage", &channel, "m")).await?;
        session.expect(command!["SUNSUBSCRIBE"], confirmation("sunsubscribe", &channel, 0)).await?;
    }
    gap.close(cluster).await
}

async fn refuses_while_the_cluster_is_down(cluster: &Cluster) -> Outcome {
    let gap = Gap::with_cluster_down(cluster).await?;
    cluster.set_config(&gap.node, ALLOWED, "no").await?;
    let channel = cluster.keys().named(gap.kept, "channel");
    let down = || Expect::error("CLUSTERDOWN");
    let mut session = cluster.session(&gap.node).await?;
    session.expect(command!["SSUBSCRIBE", &channel], down()).await?;
    session.expect(command!["SPUBLISH", &channel, "m"], down()).await?;
    session.expect(command!["MULTI"], Expect::Ok).await?;
    session.expect(command!["SPUBLISH", &channel, "m"], down()).await?;
    session.expect(command!["EXEC"], Expect::error("EXECABORT")).await?;
    // Channels without a slot are not affected.
    session.expect(command!["PUBLISH", &channel, "m"], Expect::Integer(0)).await?;
    let node = gap.node.clone();
    gap.close(cluster).await?;
    cluster.expect(&node, command!["SPUBLISH", &channel, "m"], Expect::Integer(0)).await.map(drop)
}
