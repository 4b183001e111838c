//! CLUSTER FORGET.

use std::time::Duration;

use wire::{Node, NodeId, command};

use super::company::{company, hearsay, knows, replicate};
use super::lines::Answer::{Okay, On, Refused};
use super::lines::{Answer, answers, refuses};
use crate::cluster::Cluster;
use crate::code_check::{CodeCheck, check};
use crate::expect::Expect;
use crate::need::Need;
use crate::outcome::{Outcome, Stop};

/// The checks of this file.
pub(super) const CHECKS: &[CodeCheck] = &[
    check("slot-admin/forget-keeps-a-node-away")
        .title("Nodes that got CLUSTER FORGET do not hear of the node again, although it still knows them")
        .must("CLUSTER FORGET")
        .covers(&["slot-admin.forget-ok", "slot-admin.forget-ban"])
        .needs(&[Need::FreshNode])
        .body(|cluster| Box::pin(forget_keeps_away(cluster))),
    check("slot-admin/forgotten-node-stays-away")
        .title("A forgotten node that still runs does not introduce itself again, also after the ban on it")
        .may("CLUSTER FORGET")
        .covers(&["slot-admin.forget-stays"])
        .needs(&[Need::FreshNode, Need::SetConfig])
        .body(|cluster| Box::pin(forgotten_stays_away(cluster))),
    check("slot-admin/forget-is-gossiped")
        .title("A node that got CLUSTER FORGET tells the others, which forget the node too")
        .may("CLUSTER FORGET")
        .covers(&["slot-admin.forget-gossip"])
        .needs(&[Need::FreshNode])
        .servers(&["redis >=7.2", "valkey"])
        .body(|cluster| Box::pin(forget_is_gossiped(cluster))),
    check("slot-admin/forget-twice")
        .title("CLUSTER FORGET of a node that was just forgotten answers OK since Redis 7.2, and an error before")
        .may("CLUSTER FORGET")
        .covers(&["slot-admin.forget-twice"])
        .needs(&[Need::FreshNode])
        .servers(&["redis", "valkey"])
        .body(|cluster| Box::pin(forget_twice(cluster))),
    check("slot-admin/forget-refuses")
        .title("CLUSTER FORGET refuses unknown nodes, the node itself, and the primary of a replica")
        .must("CLUSTER FORGET")
        .covers(&["slot-admin.forget-errors"])
        .needs(&[Need::FreshNode])
        .body(|cluster| Box::pin(forget_refuses(cluster))),
];

fn ids(nodes: &[&Node]) -> Vec<NodeId> {
    let mut ids: Vec<NodeId> = nodes.iter().map(|node| node.id).collect();
    ids.sort();
    ids
}

async fn forget_keeps_away(cluster: &Cluster) -> Outcome {
    let nodes = company::<3>(cluster).await?;
    forget_everywhere(cluster, &nodes, hearsay(cluster)).await?;
    knows(cluster, &nodes[2], &ids(&nodes.each_ref())).await
}

/// The handshake timeouts during which a forgotten node may try to come back.
const TRIES: u32 = 4;

async fn forgotten_stays_away(cluster: &Cluster) -> Outcome {
    let nodes = company::<3>(cluster).await?;
    for node in &nodes {
        match cluster.set_config(node, "cluster-blacklist-ttl", "1").await {
            // Redis has no such setting, so there the ban of 60 s lasts longer than the check.
            Ok(()) | Err(Stop::Skip(_)) => {}
            Err(stop) => return Err(stop),
        }
    }
    let handshake = cluster.limits().node_timeout.max(Duration::from_secs(1));
    forget_everywhere(cluster, &nodes, handshake * TRIES).await
}

/// Lets the first two nodes forget the third one, and requires that it stays away for `span`.
async fn forget_everywhere(cluster: &Cluster, [one, other, forgotten]: &[Node; 3], span: Duration) -> Outcome {
    let rest = ids(&[one, other]);
    let forget = command!["CLUSTER", "FORGET", forgotten.id];
    cluster.expect(one, &forget, Expect::Ok).await?;
    knows(cluster, one, &rest).await?;
    // Since Redis 7.2, the second node may have forgotten it already, and answers OK all the same.
    cluster.expect(other, &forget, Expect::Ok).await?;
    let away = cluster.throughout(span, "the forgotten node stays away", async || {
        knows(cluster, one, &rest).await?;
        knows(cluster, other, &rest).await
    });
    away.await
}

async fn forget_is_gossiped(cluster: &Cluster) -> Outcome {
    let [one, other, forgotten] = &company::<3>(cluster).await?;
    cluster.expect(one, command!["CLUSTER", "FORGET", forgotten.id], Expect::Ok).await?;
    let rest = ids(&[one, other]);
    let told = cluster.until(cluster.limits().converge, "the other node forgets the node too", async || {
        knows(cluster, other, &rest).await?;
        knows(cluster, one, &rest).await
    });
    told.await
}

async fn forget_twice(cluster: &Cluster) -> Outcome {
    const AGAIN: Answer = On("redis <7.2", &Refused, &Okay);
    let [one, other] = &company::<2>(cluster).await?;
    let id = other.id.to_string();
    let forget = "CLUSTER FORGET {id}";
    answers(cluster, one, &[("{id}", &id)], &[(forget, Okay), (forget, AGAIN), (forget, AGAIN)]).await?;
    knows(cluster, one, &[one.id]).await
}

async fn forget_refuses(cluster: &Cluster) -> Outcome {
    let [primary, replica] = &company::<2>(cluster).await?;
    replicate(cluster, replica, primary).await?;
    let (primary_id, replica_id) = (primary.id.to_string(), replica.id.to_string());
    let names = [("{primary}", primary_id.as_str()), ("{replica}", replica_id.as_str())];
    let everywhere = ["CLUSTER FORGET {nobody}", "CLUSTER FORGET \"\""];
    refuses(cluster, primary, &names, &[everywhere[0], everywhere[1], "CLUSTER FORGET {primary}"]).await?;
    let on_replica = [everywhere[0], everywhere[1], "CLUSTER FORGET {replica}", "CLUSTER FORGET {primary}"];
    refuses(cluster, replica, &names, &on_replica).await
}
