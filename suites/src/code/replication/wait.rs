//! WAIT, WAITAOF and min-replicas-to-write: how a primary counts its replicas.

use std::time::{Duration, Instant};

use wire::{Node, command};

use crate::cluster::Cluster;
use crate::code_check::{CodeCheck, check};
use crate::ensure;
use crate::expect::{Expect, Kind};
use crate::need::Need;
use crate::outcome::{Outcome, Stop};
use crate::session::Session;

pub(super) const CHECKS: &[CodeCheck] = &[
    check("replication/wait-counts-replicas")
        .title("WAIT returns how many replicas have the connection's last write, and waits until its timeout if too few have it")
        .must("WAIT")
        .covers(&["replication.wait-count"])
        .shape(1, 1)
        .body(|cluster| Box::pin(wait_counts_replicas(cluster))),
    check("replication/wait-does-not-count-a-stopped-replica")
        .title("WAIT returns 0 after its timeout while every replica is stopped, and counts them once they resume")
        .must("WAIT")
        .covers(&["replication.wait-replica-down", "replication.wait-count"])
        .shape(3, 1)
        .needs(&[Need::PauseNode])
        .body(|cluster| Box::pin(wait_does_not_count_a_stopped_replica(cluster))),
    check("replication/waitaof-counts-fsyncs")
        .title("WAITAOF counts local and replica fsyncs, and refuses to wait for a local fsync without an AOF")
        .may("WAITAOF")
        .covers(&["replication.waitaof"])
        .commands(&["WAITAOF"])
        .servers(&["redis >=7.2", "valkey"])
        .body(|cluster| Box::pin(waitaof_counts_fsyncs(cluster))),
    check("replication/too-few-replicas-refuse-writes")
        .title("A primary with unmet min-replicas-to-write answers NOREPLICAS to writes, but MOVED for remote keys")
        .may("min-replicas-to-write")
        .covers(&["replication.no-replicas-writes"])
        .shape(3, 1)
        .needs(&[Need::SetConfig])
        .body(|cluster| Box::pin(too_few_replicas_refuse_writes(cluster))),
];

/// The timeout of a WAIT that too few replicas can satisfy.
const TIMEOUT: Duration = Duration::from_millis(500);
/// How much earlier than its timeout such a WAIT may end, because servers count in milliseconds.
const EARLY: Duration = Duration::from_millis(20);
/// How much later than its timeout it may end.
const LATE: Duration = Duration::from_secs(3);
/// The number of attempts if it ends later or with fewer replicas, as on a busy machine.
const TRIES: usize = 4;

async fn wait_counts_replicas(cluster: &Cluster) -> Outcome {
    let primary = cluster.some_primary()?;
    let count = count(&cluster.replicas_of(&primary));
    let key = cluster.keys().fresh(cluster.slot_of(&primary)?);
    let mut session = cluster.session(&primary).await?;
    session.expect(command!["SET", &key, "v"], Expect::Ok).await?;
    let all = command!["WAIT", count.to_string(), "1000"];
    let acknowledged = cluster.until(cluster.limits().replicate, "every replica acknowledges the write", async || {
        session.expect(&all, Expect::Integer(count)).await
    });
    acknowledged.await?;
    // Some servers count any command as a write, so writes of other clients may delay the count.
    let some = Expect::AnyOf((0..=count).map(Expect::Integer).collect());
    session.expect(command!["WAIT", "0", "1000"], some).await?;
    run_out(&mut session, count + 1, count).await?;
    // A connection that wrote nothing need not wait.
    cluster.session(&primary).await?.expect(&all, Expect::Integer(count)).await?;
    Ok(())
}

fn count(nodes: &[Node]) -> i64 {
    i64::try_from(nodes.len()).unwrap_or(i64::MAX)
}

/// Sends a WAIT for more replicas than can acknowledge; it must end at its timeout, with the number that did.
async fn run_out(session: &mut Session, wanted: i64, acknowledged: i64) -> Outcome {
    let wait = command!["WAIT", wanted.to_string(), TIMEOUT.as_millis().to_string()];
    let (mut took, mut counted) = (Duration::ZERO, 0);
    for _ in 0..TRIES {
        let started = Instant::now();
        counted = session.expect(&wait, Expect::Kind(Kind::Integer)).await?.integer().unwrap_or_default();
        took = started.elapsed();
        ensure!(counted <= acknowledged, format!("{wait} to return {acknowledged} at most"), "{counted}");
        ensure!(
            took + EARLY >= TIMEOUT,
            format!("{wait} to end at its timeout"),
            "a reply after {} ms",
            took.as_millis()
        );
        if counted == acknowledged && took <= TIMEOUT + LATE {
            return Ok(());
        }
    }
    Err(Stop::mismatch(
        format!("{wait} to return {acknowledged} at its timeout"),
        format!("{counted} after {} ms", took.as_millis()),
    ))
}

async fn wait_does_not_count_a_stopped_replica(cluster: &Cluster) -> Outcome {
    let primary = cluster.some_primary()?;
    let replicas = cluster.replicas_of(&primary);
    let key = cluster.keys().fresh(cluster.slot_of(&primary)?);
    cluster.replicated(&primary).await?;
    for replica in &replicas {
        cluster.pause(replica).await?;
    }
    let mut session = cluster.session(&primary).await?;
    let stopped = async {
        session.expect(command!["SET", &key, "v"], Expect::Ok).await?;
        run_out(&mut session, 1, 0).await
    };
    let stopped = stopped.await;
    for replica in &replicas {
        cluster.resume(replica).await?;
    }
    stopped?;
    let all = command!["WAIT", count(&replicas).to_string(), "1000"];
    let again = cluster.until(cluster.limits().restart, "every replica acknowledges again", async || {
        session.expect(&all, Expect::Integer(count(&replicas))).await
    });
    again.await?;
    for replica in &replicas {
        cluster.readonly_session(replica).await?.expect(command!["GET", &key], Expect::text("v")).await?;
    }
    Ok(())
}

async fn waitaof_counts_fsyncs(cluster: &Cluster) -> Outcome {
    let primary = cluster.some_primary()?;
    let key = cluster.keys().fresh(cluster.slot_of(&primary)?);
    let keeps_aof = cluster.config(&primary, "appendonly").await? == "yes";
    let mut session = cluster.session(&primary).await?;
    session.expect(command!["SET", &key, "v"], Expect::Ok).await?;
    let number = || Expect::Kind(Kind::Integer);
    session.expect(command!["WAITAOF", "0", "0", "100"], Expect::Items(vec![number(), number()])).await?;
    session.expect(command!["WAITAOF", "2", "0", "100"], Expect::error("ERR")).await?;
    if !keeps_aof {
        session.expect(command!["WAITAOF", "1", "0", "100"], Expect::error("ERR")).await?;
        return Ok(());
    }
    let synced = cluster.until(cluster.limits().replicate, "the write is in the AOF of the primary", async || {
        session.expect(command!["WAITAOF", "1", "0", "1000"], Expect::Items(vec![Expect::Integer(1), number()])).await
    });
    synced.await?;
    Ok(())
}

/// A number of replicas that no cluster has.
const TOO_MANY: &str = "100";

async fn too_few_replicas_refuse_writes(cluster: &Cluster) -> Outcome {
    let primary = cluster.some_primary()?;
    let slot = cluster.slot_of(&primary)?;
    let other = cluster.non_owner(slot)?;
    let other_slot = cluster.slot_of(&other)?;
    let (key, remote) = (cluster.keys().fresh(slot), cluster.keys().fresh(other_slot));
    cluster.set_config(&primary, "min-replicas-to-write", TOO_MANY).await?;
    cluster.expect(&primary, command!["SET", &key, "v"], Expect::error("NOREPLICAS")).await?;
    cluster.expect(&primary, command!["GET", &key], Expect::Null).await?;
    cluster.expect(&primary, command!["SET", &remote, "v"], Expect::moved(other_slot, &other)).await?;
    cluster.expect(&other, command!["SET", &key, "v"], Expect::moved(slot, &primary)).await?;
    cluster.expect(&other, command!["SET", &remote, "v"], Expect::Ok).await?;
    Ok(())
}
