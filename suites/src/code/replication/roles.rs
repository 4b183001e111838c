//! Roles of nodes: ROLE, CLUSTER REPLICATE and CLUSTER RESET.

use wire::{Node, Slot, Topology, command};

use crate::cluster::Cluster;
use crate::code_check::{CodeCheck, check};
use crate::control::Spare;
use crate::ensure;
use crate::expect::{Expect, Kind};
use crate::need::Need;
use crate::outcome::{Outcome, Stop};
use crate::words::{line, list, or};

pub(super) const CHECKS: &[CodeCheck] = &[
    check("replication/role-agrees-with-nodes")
        .title("ROLE of each node reports the role and the primary that CLUSTER NODES gives the node")
        .must("ROLE")
        .covers(&["replication.role-values"])
        .shape(1, 1)
        .body(|cluster| Box::pin(role_agrees_with_nodes(cluster))),
    check("replication/replica-changes-its-primary")
        .title("CLUSTER REPLICATE gives a replica another primary, whose data replaces the old data")
        .must("CLUSTER REPLICATE")
        .covers(&["replication.switch-primary"])
        .shape(3, 1)
        .needs(&[Need::ChangeRoles])
        .body(|cluster| Box::pin(replica_changes_its_primary(cluster))),
    check("replication/replica-redirects-its-old-shard")
        .title("A replica that changed its primary redirects reads of its old shard, also on READONLY connections")
        .should("CLUSTER REPLICATE")
        .covers(&["readonly.re-replicate"])
        .shape(3, 1)
        .needs(&[Need::ChangeRoles])
        .body(|cluster| Box::pin(replica_redirects_its_old_shard(cluster))),
    check("replication/replica-follows-its-shard")
        .title("A replica follows the new primary when another replica replaces its primary")
        .should("CLUSTER REPLICATE")
        .covers(&["replication.replica-of-replica"])
        .shape(3, 1)
        .needs(&[Need::ChangeRoles])
        // In older servers, a replica that heard of the demotion before the promotion kept its old primary.
        .servers(&["redis >=7.0", "valkey"])
        .body(|cluster| Box::pin(replica_follows_its_shard(cluster))),
    check("replication/empty-node-becomes-a-replica-and-back")
        .title("CLUSTER REPLICATE makes an empty node a replica that has the data and is in CLUSTER SLOTS; CLUSTER RESET makes it empty again")
        .must("CLUSTER REPLICATE")
        .covers(&["replication.add-replica", "replication.replica-flag-cleared-on-reset"])
        .shape(3, 1)
        .needs(&[Need::FreshNode])
        .body(|cluster| Box::pin(empty_node_becomes_a_replica(cluster))),
];

async fn role_agrees_with_nodes(cluster: &Cluster) -> Outcome {
    for node in cluster.visited() {
        let view = cluster.view_of(&node).await?;
        let myself = view.myself().ok_or_else(|| {
            Stop::mismatch(format!("a line of {} in its own CLUSTER NODES", node.address), line(None))
        })?;
        let expected = format!("{} as the primary of {} in its own CLUSTER NODES", or(node.primary, "-"), node.address);
        ensure!(myself.primary == node.primary, expected, "{}", or(myself.primary, "-"));
        let flag = if node.primary.is_some() { "slave" } else { "master" };
        ensure!(
            myself.has_flag(flag),
            format!("the flag {flag} for {} in its own CLUSTER NODES", node.address),
            "the flags {}",
            list(&myself.flags)
        );
        role(cluster, &node, &view).await?;
    }
    Ok(())
}

/// Requires that ROLE of a node agrees with a view of the cluster.
async fn role(cluster: &Cluster, node: &Node, view: &Topology) -> Outcome {
    let any = |kind: Kind| Expect::Kind(kind);
    let primary = view.node(&node.id).and_then(|seen| seen.primary).and_then(|id| view.node(&id));
    let expect = match primary {
        None => Expect::Items(vec![Expect::text("master"), any(Kind::Integer), any(Kind::Array)]),
        Some(Node { address, .. }) => {
            let ports = cluster.replication_ports(node, address).await;
            let expect = |port: &u16| {
                Expect::Items(vec![
                    Expect::text("slave"),
                    Expect::text(&address.host),
                    Expect::Integer((*port).into()),
                    any(Kind::Text),
                    any(Kind::Integer),
                ])
            };
            match &ports[..] {
                [port] => expect(port),
                ports => Expect::AnyOf(ports.iter().map(expect).collect()),
            }
        }
    };
    cluster.expect(node, command!["ROLE"], expect).await?;
    Ok(())
}

/// A shard's primary and replica, one of its slots, and a key in it.
struct Shard {
    primary: Node,
    replica: Node,
    slot: Slot,
    key: String,
}

impl Shard {
    async fn new(cluster: &Cluster, primary: Node) -> Outcome<Self> {
        // Checks compare the number of keys in the slot, so it must have none of others.
        let (slot, replica) = (cluster.empty_slot_of(&primary).await?, cluster.replica_of(&primary)?);
        let key = cluster.keys().fresh(slot);
        cluster.expect(&primary, command!["SET", &key, "v"], Expect::Ok).await?;
        cluster.replicated(&primary).await?;
        Ok(Self { primary, replica, slot, key })
    }

    /// Two shards, whose replicas do not migrate to other primaries during the check.
    async fn two(cluster: &Cluster) -> Outcome<(Self, Self)> {
        let one = Self::new(cluster, cluster.some_primary()?).await?;
        let other = Self::new(cluster, cluster.non_owner(one.slot)?).await?;
        for node in [&one.replica, &other.replica] {
            match cluster.set_config(node, "cluster-migration-barrier", "100").await {
                // A server without this setting has no replica migration.
                Ok(()) | Err(Stop::Skip(_)) => {}
                Err(stop) => return Err(stop),
            }
        }
        Ok((one, other))
    }
}

async fn replica_changes_its_primary(cluster: &Cluster) -> Outcome {
    let (old, new) = Shard::two(cluster).await?;
    replicate(cluster, &old.replica, &new.primary).await?;
    role(cluster, &old.replica, &cluster.topology()).await?;
    has_data_of(cluster, &old.replica, &new, &old).await?;
    // One replica for each primary again.
    replicate(cluster, &old.replica, &old.primary).await?;
    role(cluster, &old.replica, &cluster.topology()).await?;
    has_data_of(cluster, &old.replica, &old, &new).await
}

/// Waits until a replica has the data of one shard and none of another one.
async fn has_data_of(cluster: &Cluster, replica: &Node, shard: &Shard, not: &Shard) -> Outcome {
    let mut reader = cluster.readonly_session(replica).await?;
    let count = |slot: Slot| command!["CLUSTER", "COUNTKEYSINSLOT", slot.to_string()];
    cluster
        .until(cluster.limits().restart, "the replica has the data of its new primary, and only that", async || {
            reader.expect(command!["GET", &shard.key], Expect::text("v")).await?;
            reader.expect(count(shard.slot), Expect::Integer(1)).await?;
            reader.expect(count(not.slot), Expect::Integer(0)).await?;
            Ok(())
        })
        .await
}

async fn replica_redirects_its_old_shard(cluster: &Cluster) -> Outcome {
    let (old, new) = Shard::two(cluster).await?;
    let mover = &old.replica;
    let mut reader = cluster.readonly_session(mover).await?;
    let read_old = command!["GET", &old.key];
    reader.expect(&read_old, Expect::text("v")).await?;
    replicate(cluster, mover, &new.primary).await?;
    reader.expect(&read_old, Expect::moved(old.slot, &old.primary)).await?;
    // One replica for each primary again.
    replicate(cluster, mover, &old.primary).await
}

async fn replica_follows_its_shard(cluster: &Cluster) -> Outcome {
    let (old, new) = Shard::two(cluster).await?;
    let mover = &old.replica;
    let mut reader = cluster.readonly_session(mover).await?;
    replicate(cluster, mover, &new.primary).await?;
    cluster.failover(&new.replica, None).await?;
    copies(cluster, mover, &new.replica).await?;
    role(cluster, mover, &cluster.topology()).await?;
    cluster.expect(&new.replica, command!["SET", &new.key, "w"], Expect::Ok).await?;
    let follows =
        cluster.until(cluster.limits().restart, "the replica has the data of the promoted node", async || {
            reader.expect(command!["GET", &new.key], Expect::text("w")).await
        });
    follows.await?;
    // The replica would keep the key until it has copied its old primary again.
    cluster.expect(&new.replica, command!["DEL", &new.key], Expect::Integer(1)).await?;
    cluster
        .until(cluster.limits().replicate, "the replica deletes the key of the promoted node", async || {
            reader.expect(command!["GET", &new.key], Expect::Null).await
        })
        .await?;
    // One replica for each primary again.
    replicate(cluster, mover, &old.primary).await
}

async fn replicate(cluster: &Cluster, replica: &Node, primary: &Node) -> Outcome {
    cluster.expect(replica, command!["CLUSTER", "REPLICATE", primary.id], Expect::Ok).await?;
    copies(cluster, replica, primary).await
}

/// Waits until every node knows a node as a replica of a primary.
async fn copies(cluster: &Cluster, replica: &Node, primary: &Node) -> Outcome {
    cluster
        .until(cluster.limits().converge, "every node knows the new primary of the replica", async || {
            let view = cluster.live().agreed_view().await?;
            let found = view.node(&replica.id).and_then(|node| node.primary);
            ensure!(
                found == Some(primary.id),
                format!("{} as a replica of {}", replica.address, primary.id),
                "{}",
                or(found, "a primary")
            );
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
            let seen = view.node(&spare.id).ok_or_else(|| {
                Stop::mismatch(format!("{} in CLUSTER NODES of {}", spare.address, node.address), line(None))
            })?;
            let fine = seen.has_flag("slave") && seen.primary == Some(shard.primary.id);
            ensure!(
                fine,
                format!("{} as a replica of {} in CLUSTER NODES of {}", spare.address, shard.primary.id, node.address),
                "{}",
                line(Some(seen))
            );
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
        let listed = cluster.until(cluster.limits().converge, "CLUSTER SLOTS lists the new replica", async || {
            let entries = cluster.slots_view(node).await?;
            let entry = entries.iter().find(|entry| entry.range.contains(shard.slot));
            let ids: Vec<_> = entry.into_iter().flat_map(|entry| &entry.nodes).filter_map(|node| node.id).collect();
            let replicas = ids.get(1..).unwrap_or_default();
            ensure!(
                replicas.contains(&spare.id),
                format!("{} after the primary in CLUSTER SLOTS of {}", spare.id, node.address),
                "{}",
                list(&ids)
            );
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

/// Resets a replica, and requires that it becomes a primary without slots and data.
async fn reset_empties(cluster: &Cluster, replica: &Node) -> Outcome {
    cluster.expect(replica, command!["CLUSTER", "RESET"], Expect::Ok).await?;
    let view = cluster.view_of(replica).await?;
    let myself = view
        .myself()
        .ok_or_else(|| Stop::mismatch(format!("a line of {} in its own CLUSTER NODES", replica.address), line(None)))?;
    let empty = myself.has_flag("master") && myself.primary.is_none() && myself.slots.is_empty();
    ensure!(
        empty,
        format!("{} as a primary without slots after CLUSTER RESET", replica.address),
        "{}",
        line(Some(myself))
    );
    cluster.expect(replica, command!["DBSIZE"], Expect::Integer(0)).await?;
    let role = Expect::Items(vec![Expect::text("master"), Expect::Kind(Kind::Integer), Expect::Kind(Kind::Array)]);
    cluster.expect(replica, command!["ROLE"], role).await?;
    Ok(())
}
