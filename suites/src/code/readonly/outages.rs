//! What a replica serves without its primary, without a majority, or without a replication link.

use std::time::{Duration, Instant};

use wire::{Command, Node, command};

use crate::cluster::Cluster;
use crate::code_check::{CodeCheck, check};
use crate::ensure;
use crate::expect::Expect;
use crate::need::Need;
use crate::outcome::{Outcome, Stop};
use crate::session::Session;

pub(super) const CHECKS: &[CodeCheck] = &[
    check("readonly/expired-key-reads-as-missing")
        .title("A replica treats an expired key as missing, even before its primary has deleted it")
        .should("how-redis-replication-deals-with-expires-on-keys")
        .covers(&["readonly.expired-key-nil"])
        .shape(2, 1)
        .needs(&[Need::PauseNode])
        .body(|cluster| Box::pin(expired_key_reads_as_missing(cluster))),
    check("readonly/minority-is-refused")
        .title("A replica that is cut off from a majority of the primaries answers CLUSTERDOWN to READONLY reads")
        .should("availability")
        .covers(&["readonly.minority-replica"])
        .shape(3, 1)
        .needs(&[Need::PauseNode])
        .body(|cluster| Box::pin(minority_is_refused(cluster))),
    check("readonly/stale-data-may-be-refused")
        .title("With replica-serve-stale-data no, a replica without a link answers MASTERDOWN; it then catches up without a full sync")
        .may("replica-serve-stale-data")
        .covers(&["readonly.masterdown", "replication.partial-resync"])
        .shape(1, 1)
        .needs(&[Need::SetConfig])
        .body(|cluster| Box::pin(stale_data_may_be_refused(cluster))),
    check("readonly/flush-is-refused")
        .title("A replica answers READONLY to FLUSHALL and FLUSHDB, and takes over a FLUSHALL from its primary")
        .must("FLUSHALL")
        .covers(&["readonly.flush-refused", "replication.deletes-propagate"])
        .shape(1, 1)
        .needs(&[Need::RiskNode])
        .body(|cluster| Box::pin(flush_is_refused(cluster))),
];

/// The number of attempts on a machine that is too busy to judge the rule.
const TRIES: usize = 5;

async fn expired_key_reads_as_missing(cluster: &Cluster) -> Outcome {
    for _ in 0..TRIES {
        // A primary that was paused for too long may have lost its role.
        cluster.refresh().await?;
        let primary = cluster.some_primary()?;
        let replica = cluster.replica_of(&primary)?;
        let mut reader = cluster.readonly_session(&replica).await?;
        let key = cluster.keys().fresh(cluster.slot_of(&primary)?);
        // The whole attempt takes less than the node timeout, so that no node suspects the primary.
        let life = cluster.limits().node_timeout / 3;
        let set = command!["SET", &key, "v", "PX", life.as_millis().to_string()];
        cluster.expect(&primary, set, Expect::Ok).await?;
        cluster.replicated(&primary).await?;

        cluster.pause(&primary).await?;
        let paused = Instant::now();
        let expired = expires(cluster, &mut reader, &key, life).await;
        let in_time = paused.elapsed() < cluster.limits().node_timeout;
        cluster.resume(&primary).await?;
        match expired {
            Ok(true) => return Ok(()),
            Err(stop) if in_time => return Err(stop),
            Ok(false) | Err(_) => {}
        }
    }
    Err(Stop::skip("the node timeout is too short for this machine to judge the rule; use a longer --node-timeout"))
}

/// Whether a key is visible first and missing once it expires; `false` if it was never visible.
async fn expires(cluster: &Cluster, reader: &mut Session, key: &str, life: Duration) -> Outcome<bool> {
    let get = command!["GET", key];
    if reader.call(&get).await?.is_null() {
        return Ok(false);
    }
    let gone = cluster.until(life + life / 2, "the expired key reads as missing", async || {
        reader.expect(&get, Expect::Null).await?;
        reader.expect(command!["EXISTS", key], Expect::Integer(0)).await?;
        reader.expect(command!["TTL", key], Expect::Integer(-2)).await
    });
    gone.await.map(|_| true)
}

async fn minority_is_refused(cluster: &Cluster) -> Outcome {
    let primary = cluster.some_primary()?;
    let replica = cluster.replica_of(&primary)?;
    let slot = cluster.slot_of(&primary)?;
    let key = cluster.keys().fresh(slot);
    cluster.expect(&primary, command!["SET", &key, "v"], Expect::Ok).await?;
    cluster.replicated(&primary).await?;
    let mut reader = cluster.readonly_session(&replica).await?;
    reader.expect(command!["GET", &key], Expect::text("v")).await?;

    let others: Vec<Node> = cluster.primaries().into_iter().filter(|node| node.id != primary.id).collect();
    for other in &others {
        cluster.pause(other).await?;
    }
    let started = Instant::now();
    let refused = refused_in_the_end(cluster, &mut reader, &command!["GET", &key]).await;
    for other in &others {
        cluster.resume(other).await?;
    }
    refused?;
    cluster.measure("minority noticed", started.elapsed());
    let served = cluster.until(cluster.limits().failover, "reads and writes are served again", async || {
        // The others may have marked each other as failed when they resumed.
        cluster.refresh().await?;
        cluster.expect(&cluster.owner(slot)?, command!["DEL", &key], Expect::NoError).await?;
        reader.expect(command!["GET", &key], Expect::Null).await
    });
    served.await?;
    Ok(())
}

/// Reads until the reply is CLUSTERDOWN; until then the reply must be the value.
async fn refused_in_the_end(cluster: &Cluster, reader: &mut Session, get: &Command) -> Outcome {
    let mut wrong = None;
    let refused =
        cluster.until(cluster.limits().failover, "the replica notices that it is in a minority", async || {
            let reply = reader.call(get).await?;
            let either = Expect::AnyOf(vec![Expect::text("v"), Expect::error("CLUSTERDOWN")]);
            if let Err(stop) = reader.require(get.to_string(), &either, &reply) {
                wrong.get_or_insert(stop);
            }
            reader.require(get.to_string(), &Expect::error("CLUSTERDOWN"), &reply)
        });
    refused.await?;
    wrong.map_or(Ok(()), Err)
}

async fn stale_data_may_be_refused(cluster: &Cluster) -> Outcome {
    let primary = cluster.some_primary()?;
    let replica = cluster.replica_of(&primary)?;
    let slot = cluster.slot_of(&primary)?;
    let (key, later) = (cluster.keys().fresh(slot), cluster.keys().fresh(slot));
    cluster.expect(&primary, command!["SET", &key, "v"], Expect::Ok).await?;
    cluster.replicated(&primary).await?;
    let before = full_copies(cluster, &primary).await?;
    cluster.set_config(&replica, "replica-serve-stale-data", "no").await?;

    let mut reader = cluster.readonly_session(&replica).await?;
    // Both commands at once, because the replica connects again as soon as it can.
    let lose_link = (command!["CLIENT", "KILL", "TYPE", "master"], Expect::Integer(1));
    reader.expect_all(&[lose_link, (command!["GET", &key], Expect::error("MASTERDOWN"))]).await?;

    cluster.expect(&primary, command!["SET", &later, "w"], Expect::Ok).await?;
    let back = cluster.until(cluster.limits().restart, "the replica serves its data again", async || {
        reader.expect(command!["GET", &key], Expect::text("v")).await?;
        reader.expect(command!["GET", &later], Expect::text("w")).await
    });
    back.await?;
    let after = full_copies(cluster, &primary).await?;
    ensure!(
        after == before,
        format!("sync_full:{before} of {}, as before it lost the link", primary.address),
        "sync_full:{after}"
    );
    Ok(())
}

async fn full_copies(cluster: &Cluster, primary: &Node) -> Outcome<String> {
    let info = cluster.info(primary, &command!["INFO", "stats"]).await?;
    info.get("sync_full").cloned().ok_or_else(|| Stop::skip("the server reports no sync_full in INFO"))
}

async fn flush_is_refused(cluster: &Cluster) -> Outcome {
    let primary = cluster.some_primary()?;
    let replica = cluster.replica_of(&primary)?;
    let key = cluster.keys().fresh(cluster.slot_of(&primary)?);
    cluster.expect(&primary, command!["SET", &key, "v"], Expect::Ok).await?;
    cluster.replicated(&primary).await?;
    let mut plain = cluster.session(&replica).await?;
    let mut readonly = cluster.readonly_session(&replica).await?;
    for flush in ["FLUSHALL", "FLUSHDB"] {
        for session in [&mut plain, &mut readonly] {
            session.expect(command![flush], Expect::error("READONLY")).await?;
        }
        readonly.expect(command!["GET", &key], Expect::text("v")).await?;
    }
    if cluster.live().findings.is_external {
        return Err(Stop::skip("FLUSHALL at a primary would delete the keys of others; its replica refused it"));
    }
    cluster.expect(&primary, command!["FLUSHALL"], Expect::Ok).await?;
    let empty = cluster.until(cluster.limits().replicate, "FLUSHALL reaches the replica", async || {
        readonly.expect(command!["DBSIZE"], Expect::Integer(0)).await
    });
    empty.await?;
    Ok(())
}
