//! FLUSHALL and FLUSHDB empty one shard.

use wire::{Command, command};

use super::population::{Home, has_exactly, listed, populate};
use crate::cluster::Cluster;
use crate::code_check::{CodeCheck, check};
use crate::expect::Expect;
use crate::need::Need;
use crate::outcome::Outcome;

// Nobody else may have keys on a cluster that is flushed.
pub(super) const CHECKS: &[CodeCheck] = &[check("keyspace/flush-is-local")
    .title("FLUSHALL and FLUSHDB empty the primary and its replicas, and leave the keys of other primaries")
    .must("FLUSHALL")
    .covers(&["keyspace.flush-local", "keyspace.randomkey-local"])
    .shape(2, 0)
    .needs(&[Need::NewCluster])
    .body(|cluster| Box::pin(flush_is_local(cluster)))];

/// The number of keys on each primary.
const KEYS: usize = 20;

async fn flush_is_local(cluster: &Cluster) -> Outcome {
    let mut forms = vec![command!["FLUSHALL"], command!["FLUSHDB"], command!["FLUSHALL", "ASYNC"]];
    if cluster.server().is("redis >=6.2") || !cluster.server().is("redis") {
        forms.push(command!["FLUSHDB", "SYNC"]);
    }
    for form in forms {
        flush(cluster, &form).await?;
    }
    Ok(())
}

async fn flush(cluster: &Cluster, form: &Command) -> Outcome {
    let homes = populate(cluster, KEYS, &[]).await?;
    let Some((flushed, others)) = homes.split_first() else { return Ok(()) };
    let replicas = cluster.replicas_of(&flushed.primary);
    for replica in &replicas {
        cluster.expect(replica, form, Expect::error("READONLY")).await?;
    }
    cluster.expect(&flushed.primary, form, Expect::Ok).await?;
    for node in std::iter::once(&flushed.primary).chain(&replicas) {
        let emptied = cluster.until(cluster.limits().replicate, "the node has no key", async || {
            cluster.expect(node, command!["DBSIZE"], Expect::Integer(0)).await?;
            cluster.expect(node, command!["RANDOMKEY"], Expect::Null).await
        });
        emptied.await?;
    }
    for Home { primary, keys } in others {
        has_exactly(keys, &listed(cluster, primary).await?, "KEYS", primary)
            .map_err(|stop| stop.with_note(format!("{form} was sent to {}", flushed.primary.address)))?;
        cluster.expect(primary, command!["FLUSHALL"], Expect::Ok).await?;
    }
    Ok(())
}
