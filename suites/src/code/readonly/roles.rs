//! Open connections of a node that changes its role.

use wire::{Node, Slot, command};

use crate::cluster::Cluster;
use crate::code_check::{CodeCheck, check};
use crate::expect::Expect;
use crate::need::Need;
use crate::outcome::Outcome;

pub(super) const CHECKS: &[CodeCheck] = &[
    check("readonly/demoted-primary-redirects")
        .title("A demoted primary redirects commands and queued transactions on open connections, except reads after READONLY")
        .must("scaling-reads-using-replica-nodes")
        .covers(&["readonly.after-demotion", "transactions.role-changed"])
        .shape(3, 1)
        .needs(&[Need::ChangeRoles])
        .body(|cluster| Box::pin(demoted_primary_redirects(cluster))),
    check("readonly/promoted-replica-serves-in-full")
        .title("A promoted replica serves reads and writes on its open READONLY connections")
        .should("scaling-reads-using-replica-nodes")
        .covers(&["readonly.after-promotion"])
        .shape(3, 1)
        .needs(&[Need::ChangeRoles])
        .body(|cluster| Box::pin(promoted_replica_serves_in_full(cluster))),
];

/// A shard that is about to fail over, with a key that both of its nodes have.
struct Shard {
    old: Node,
    new: Node,
    slot: Slot,
    key: String,
}

impl Shard {
    async fn new(cluster: &Cluster) -> Outcome<Self> {
        let old = cluster.some_primary()?;
        let new = cluster.replica_of(&old)?;
        let slot = cluster.slot_of(&old)?;
        let key = cluster.keys().named(slot, "key");
        cluster.expect(&old, command!["SET", &key, "before"], Expect::Ok).await?;
        cluster.replicated(&old).await?;
        Ok(Self { old, new, slot, key })
    }

    async fn fail_over(&self, cluster: &Cluster) -> Outcome {
        let time = cluster.failover(&self.new, None).await?;
        cluster.measure("manual failover", time);
        Ok(())
    }
}

async fn demoted_primary_redirects(cluster: &Cluster) -> Outcome {
    let shard = Shard::new(cluster).await?;
    let queued = cluster.keys().named(shard.slot, "queued");
    let (get, set) = (command!["GET", &shard.key], command!["SET", &shard.key, "after"]);
    let mut plain = cluster.session(&shard.old).await?;
    plain.expect(&get, Expect::text("before")).await?;
    let mut readonly = cluster.readonly_session(&shard.old).await?;
    readonly.expect(&get, Expect::text("before")).await?;
    let mut transaction = cluster.session(&shard.old).await?;
    transaction.expect(command!["MULTI"], Expect::Ok).await?;
    transaction.expect(command!["SET", &queued, "v"], Expect::Queued).await?;
    transaction.expect(&get, Expect::Queued).await?;

    shard.fail_over(cluster).await?;

    let moved = Expect::moved(shard.slot, &shard.new);
    transaction.expect(command!["EXEC"], moved.clone()).await?;
    cluster.expect(&shard.new, command!["EXISTS", &queued], Expect::Integer(0)).await?;
    plain.expect(&get, moved.clone()).await?;
    plain.expect(&set, moved.clone()).await?;
    readonly.expect(&set, moved.clone()).await?;
    cluster.expect(&shard.new, &set, Expect::Ok).await?;
    // The demoted node may have to load the data of its new primary first, so the check waits.
    let served = cluster.until(
        cluster.limits().restart,
        "the demoted node serves reads on its READONLY connection",
        async || readonly.expect(&get, Expect::text("after")).await,
    );
    served.await?;
    plain.expect(&get, moved).await?;
    Ok(())
}

async fn promoted_replica_serves_in_full(cluster: &Cluster) -> Outcome {
    let shard = Shard::new(cluster).await?;
    let (get, set) = (command!["GET", &shard.key], command!["SET", &shard.key, "after"]);
    let mut readonly = cluster.readonly_session(&shard.new).await?;
    readonly.expect(&get, Expect::text("before")).await?;
    readonly.expect(&set, Expect::moved(shard.slot, &shard.old)).await?;

    shard.fail_over(cluster).await?;

    readonly.expect(&get, Expect::text("before")).await?;
    readonly.expect(&set, Expect::Ok).await?;
    readonly.expect(&get, Expect::text("after")).await?;
    Ok(())
}
