//! CLUSTER REPLICATE among nodes that belong to no cluster.

use wire::{Node, command};

use super::company::{alone, company, replicate};
use super::lines::refuses;
use super::own::{own_line, own_state};
use crate::cluster::Cluster;
use crate::code_check::{CodeCheck, check};
use crate::ensure;
use crate::expect::Expect;
use crate::need::Need;
use crate::outcome::{Outcome, Stop};
use crate::words::line;

/// The checks of this file.
pub(super) const CHECKS: &[CodeCheck] = &[
    check("slot-admin/replicate-refuses")
        .title("CLUSTER REPLICATE refuses unknown nodes, the node itself, replicas as primaries, and owners of slots")
        .must("CLUSTER REPLICATE")
        .covers(&["slot-admin.replicate-errors"])
        .needs(&[Need::FreshNode])
        .body(|cluster| Box::pin(replicate_refuses(cluster))),
    check("slot-admin/replicate-the-same-again")
        .title("CLUSTER REPLICATE with the present primary answers OK, and the replica stays one")
        .should("CLUSTER REPLICATE")
        .covers(&["slot-admin.replicate-same"])
        .needs(&[Need::FreshNode])
        .body(|cluster| Box::pin(replicate_the_same(cluster))),
    check("slot-admin/replicate-no-one")
        .title("CLUSTER REPLICATE NO ONE makes a replica an empty primary with a shard id of its own")
        .may("CLUSTER REPLICATE")
        .covers(&["slot-admin.replicate-no-one"])
        .needs(&[Need::FreshNode])
        .servers(&["valkey >=9.0"])
        .body(|cluster| Box::pin(replicate_no_one(cluster))),
];

async fn replicate_refuses(cluster: &Cluster) -> Outcome {
    let [primary, replica, owner] = &company::<3>(cluster).await?;
    replicate(cluster, replica, primary).await?;
    let ids = [primary, replica, owner].map(|node| node.id.to_string());
    let names = [("{primary}", ids[0].as_str()), ("{replica}", ids[1].as_str()), ("{owner}", ids[2].as_str())];
    let knows_replica = cluster.until(cluster.limits().converge, "the third node knows the replica", async || {
        let found = cluster.view_of(owner).await?.node(&replica.id).and_then(|seen| seen.primary);
        ensure!(found.is_some(), format!("{} as a replica in CLUSTER NODES", replica.address), "a primary");
        Ok(())
    });
    knows_replica.await?;
    let empty = ["CLUSTER REPLICATE {nobody}", "CLUSTER REPLICATE {owner}", "CLUSTER REPLICATE {replica}"];
    refuses(cluster, owner, &names, &empty).await?;
    refuses(cluster, replica, &names, &["CLUSTER REPLICATE {nobody}", "CLUSTER REPLICATE {replica}"]).await?;
    cluster.expect(owner, command!["CLUSTER", "ADDSLOTS", "16383"], Expect::Ok).await?;
    refuses(cluster, owner, &names, &["CLUSTER REPLICATE {primary}"]).await
}

async fn replicate_the_same(cluster: &Cluster) -> Outcome {
    let [primary, replica] = &company::<2>(cluster).await?;
    replicate(cluster, replica, primary).await?;
    let before = own_state(cluster, replica).await?;
    let again = command!["CLUSTER", "REPLICATE", primary.id];
    for _ in 0..2 {
        cluster.expect(replica, &again, Expect::Ok).await?;
        let after = own_state(cluster, replica).await?;
        ensure!(
            after == before,
            format!("CLUSTER NODES of {} as before {again}: {before}", replica.address),
            "{after}"
        );
    }
    Ok(())
}

async fn shard_id(cluster: &Cluster, node: &Node) -> Outcome<String> {
    let reply = cluster.expect(node, command!["CLUSTER", "MYSHARDID"], Expect::NoError).await?;
    let id = reply.text().map(std::borrow::Cow::into_owned);
    id.ok_or_else(|| Stop::mismatch("a text in reply to CLUSTER MYSHARDID", reply.to_string()))
}

async fn replicate_no_one(cluster: &Cluster) -> Outcome {
    let [primary, replica] = &company::<2>(cluster).await?;
    replicate(cluster, replica, primary).await?;
    let of_primary = shard_id(cluster, primary).await?;
    let joined = cluster.until(cluster.limits().converge, "both nodes are in one shard", async || {
        let own = shard_id(cluster, replica).await?;
        ensure!(own == of_primary, format!("the shard id {of_primary} of {}", replica.address), "{own}");
        Ok(())
    });
    joined.await?;
    let no_one = command!["CLUSTER", "REPLICATE", "NO", "ONE"];
    cluster.expect(replica, &no_one, Expect::Ok).await?;
    let own = own_line(cluster, replica).await?;
    let is_free = own.primary.is_none() && own.has_flag("master") && own.slots.is_empty();
    ensure!(is_free, format!("{} as a primary without slots", replica.address), "{}", line(Some(&own)));
    let now = shard_id(cluster, replica).await?;
    ensure!(now != of_primary, format!("a shard id of {} other than {of_primary}", replica.address), "{now}");
    // A primary stays one, though Valkey gives it a new shard id, too.
    cluster.expect(primary, &no_one, Expect::Ok).await?;
    let own = own_line(cluster, primary).await?;
    let is_primary = own.id == primary.id && own.primary.is_none() && own.has_flag("master");
    ensure!(is_primary, format!("{} as a primary, as before {no_one}", primary.address), "{}", line(Some(&own)));
    cluster.expect(replica, command!["CLUSTER", "RESET"], Expect::Ok).await?;
    alone(cluster, replica, replica.id).await
}
