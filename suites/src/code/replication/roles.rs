//! Who copies whom: ROLE, CLUSTER REPLICATE and CLUSTER RESET.

use wire::{Node, Slot, Topology, command};

use crate::check::{CodeCheck, Level, Need, Shape};
use crate::cluster::Cluster;
use crate::control::Spare;
use crate::ensure;
use crate::expect::{Expect, Kind};
use crate::outcome::{Outcome, Stop};
use crate::session::Session;

pub(super) const CHECKS: &[CodeCheck] = &[
    CodeCheck {
        id: "replication/role-agrees-with-nodes",
        title: "ROLE of each node is master or slave, of the primary that CLUSTER NODES names",
        level: Level::Must,
        spec: "ROLE",
        statements: &["replication.role-values"],
        shape: Shape::new(1, 1),
        needs: &[],
        servers: &[],
        source: (file!(), line!()),
        body: |cluster| Box::pin(role_agrees_with_nodes(cluster)),
    },
    CodeCheck {
        id: "replication/replica-changes-its-primary",
        title: "CLUSTER REPLICATE gives a replica another primary, whose data and redirects replace the old, and a \
                replica whose primary is demoted follows the promoted node",
        level: Level::Must,
        spec: "CLUSTER REPLICATE",
        statements: &["replication.switch-primary", "readonly.re-replicate", "replication.replica-of-replica"],
        shape: Shape::new(3, 1),
        needs: &[Need::ChangeRoles, Need::SetConfig],
        servers: &[],
        source: (file!(), line!()),
        body: |cluster| Box::pin(replica_changes_its_primary(cluster)),
    },
    CodeCheck {
        id: "replication/empty-node-becomes-a-replica-and-back",
        title: "CLUSTER REPLICATE makes an empty node a replica with its primary's data, listed in SLOTS; CLUSTER RESET \
                makes it an empty primary again",
        level: Level::Must,
        spec: "CLUSTER REPLICATE",
        statements: &["replication.add-replica", "replication.replica-flag-cleared-on-reset"],
        shape: Shape::new(3, 1),
        needs: &[Need::FreshNode],
        servers: &[],
        source: (file!(), line!()),
        body: |cluster| Box::pin(empty_node_becomes_a_replica(cluster)),
    },
];

async fn role_agrees_with_nodes(cluster: &Cluster) -> Outcome {
    for node in cluster.nodes() {
        let view = cluster.view_of(&node).await?;
        let myself = view.myself().ok_or_else(|| Stop::mismatch("a line of the node itself", view.signature()))?;
        ensure!(myself.primary == node.primary, format!("primary {:?}", node.primary), "{:?}", myself.primary);
        let flag = if node.primary.is_some() { "slave" } else { "master" };
        ensure!(myself.has_flag(flag), format!("the flag {flag} of {}", node.address), "{:?}", myself.flags);
        role(cluster, &node, &view).await?;
    }
    Ok(())
}

/// Holds ROLE of a node against a view of the cluster.
async fn role(cluster: &Cluster, node: &Node, view: &Topology) -> Outcome {
    let any = |kind: Kind| Expect::Kind(kind);
    let primary = view.node(&node.id).and_then(|seen| seen.primary).and_then(|id| view.node(&id));
    let expect = match primary {
        None => Expect::Items(vec![Expect::text("master"), any(Kind::Integer), any(Kind::Array)]),
        Some(Node { address, .. }) => Expect::Items(vec![
            Expect::text("slave"),
            Expect::text(&address.host),
            Expect::Integer(address.port.into()),
            any(Kind::Text),
            any(Kind::Integer),
        ]),
    };
    cluster.expect(node, command!["ROLE"], expect).await?;
    Ok(())
}

/// A shard's primary, one of its slots, and a key in it.
struct Shard {
    primary: Node,
    slot: Slot,
    key: String,
}

impl Shard {
    async fn new(cluster: &Cluster, primary: Node) -> Outcome<Self> {
        let slot = cluster.slot_of(&primary)?;
        let key = cluster.keys().fresh(slot);
        cluster.expect(&primary, command!["SET", &key, "v"], Expect::Ok).await?;
        cluster.replicated(&primary).await?;
        Ok(Self { primary, slot, key })
    }

    /// Holds that a READONLY session serves this shard, its data copied, and not another.
    async fn is_served(&self, cluster: &Cluster, reader: &mut Session, not: &Shard) -> Outcome {
        let served = cluster.until(cluster.limits().restart, "the replica has its new primary's data", async || {
            reader.expect(command!["GET", &self.key], Expect::text("v")).await?;
            let count = |slot: Slot| command!["CLUSTER", "COUNTKEYSINSLOT", slot.to_string()];
            reader.expect(count(self.slot), Expect::Integer(1)).await?;
            reader.expect(count(not.slot), Expect::Integer(0)).await
        });
        served.await?;
        reader.expect(command!["GET", &not.key], Expect::moved(not.slot, &not.primary)).await?;
        Ok(())
    }
}

async fn replica_changes_its_primary(cluster: &Cluster) -> Outcome {
    let old = Shard::new(cluster, cluster.some_primary()?).await?;
    let new = Shard::new(cluster, cluster.non_owner(old.slot)?).await?;
    let (mover, stayer) = (cluster.replica_of(&old.primary)?, cluster.replica_of(&new.primary)?);
    // Replica migration would give the old primary a replica again.
    for node in [&mover, &stayer] {
        match cluster.set_config(node, "cluster-migration-barrier", "100").await {
            Ok(()) | Err(Stop::Skip(_)) => {}
            Err(stop) => return Err(stop),
        }
    }
    let mut reader = cluster.readonly_session(&mover).await?;
    reader.expect(command!["GET", &old.key], Expect::text("v")).await?;

    replicate(cluster, &mover, &new.primary).await?;
    new.is_served(cluster, &mut reader, &old).await?;
    role(cluster, &mover, &cluster.topology()).await?;

    cluster.failover(&stayer, None).await?;
    copies(cluster, &mover, &stayer).await?;
    role(cluster, &mover, &cluster.topology()).await?;
    cluster.expect(&stayer, command!["SET", &new.key, "w"], Expect::Ok).await?;
    let follows = cluster.until(cluster.limits().restart, "the replica has the promoted node's data", async || {
        reader.expect(command!["GET", &new.key], Expect::text("w")).await
    });
    follows.await?;

    // One replica for each primary again.
    replicate(cluster, &mover, &old.primary).await?;
    old.is_served(cluster, &mut reader, &Shard { primary: stayer, ..new }).await
}

async fn replicate(cluster: &Cluster, replica: &Node, primary: &Node) -> Outcome {
    cluster.expect(replica, command!["CLUSTER", "REPLICATE", primary.id], Expect::Ok).await?;
    copies(cluster, replica, primary).await
}

/// Waits until every node knows a replica as one of a primary.
async fn copies(cluster: &Cluster, replica: &Node, primary: &Node) -> Outcome {
    cluster
        .until(cluster.limits().converge, "every node knows the replica's new primary", async || {
            let view = cluster.live().agreed_view().await?;
            let found = view.node(&replica.id).and_then(|node| node.primary);
            ensure!(found == Some(primary.id), format!("{} a replica of {}", replica.address, primary.id), "{found:?}");
            cluster.live().set_topology(view);
            Ok(())
        })
        .await
}

async fn empty_node_becomes_a_replica(cluster: &Cluster) -> Outcome {
    let shard = Shard::new(cluster, cluster.some_primary()?).await?;
    let members = cluster.nodes();
    let spare = cluster.start_spare(Spare::default()).await?;
    cluster.meet(&spare).await?;
    cluster.expect(&spare, command!["CLUSTER", "REPLICATE", shard.primary.id], Expect::Ok).await?;

    for node in members.iter().chain([&spare]) {
        let known = cluster.until(cluster.limits().converge, "every node knows the new replica", async || {
            let view = cluster.view_of(node).await?;
            let seen =
                view.node(&spare.id).ok_or_else(|| Stop::mismatch("a line of the new node", view.signature()))?;
            let fine = seen.has_flag("slave") && seen.primary == Some(shard.primary.id);
            ensure!(fine, format!("a slave of {}", shard.primary.id), "{:?} of {:?}", seen.flags, seen.primary);
            Ok(())
        });
        known.await?;
    }
    let mut reader = cluster.readonly_session(&spare).await?;
    let copied = cluster.until(cluster.limits().restart, "the new replica has its primary's data", async || {
        reader.expect(command!["GET", &shard.key], Expect::text("v")).await
    });
    copied.await?;
    for node in members.iter().chain([&spare]) {
        let listed = cluster.until(cluster.limits().converge, "SLOTS lists the new replica", async || {
            let entries = cluster.slots_view(node).await?;
            let entry = entries.iter().find(|entry| entry.range.contains(shard.slot));
            let ids: Vec<_> = entry.into_iter().flat_map(|entry| &entry.nodes).filter_map(|node| node.id).collect();
            let replicas = ids.get(1..).unwrap_or_default();
            ensure!(replicas.contains(&spare.id), format!("{} after the primary", spare.id), "{ids:?}");
            Ok(())
        });
        listed.await?;
    }
    reset_empties(cluster, &spare).await?;
    for node in &members {
        cluster.call(node, command!["CLUSTER", "FORGET", spare.id]).await?;
    }
    cluster.stop(&spare).await
}

/// CLUSTER RESET makes a replica an empty primary that serves nothing.
async fn reset_empties(cluster: &Cluster, replica: &Node) -> Outcome {
    cluster.expect(replica, command!["CLUSTER", "RESET"], Expect::Ok).await?;
    let view = cluster.view_of(replica).await?;
    let myself = view.myself().ok_or_else(|| Stop::mismatch("a line of the node itself", view.signature()))?;
    let empty = myself.has_flag("master") && myself.primary.is_none() && myself.slots.is_empty();
    ensure!(empty, "a primary without slots after CLUSTER RESET", "{}", view.signature());
    cluster.expect(replica, command!["DBSIZE"], Expect::Integer(0)).await?;
    let role = Expect::Items(vec![Expect::text("master"), Expect::Kind(Kind::Integer), Expect::Kind(Kind::Array)]);
    cluster.expect(replica, command!["ROLE"], role).await?;
    Ok(())
}
