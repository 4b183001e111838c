//! CLUSTER FAILOVER while the primary works: roles, epochs, data, and the clients of the old primary.

use std::time::{Duration, Instant};

use wire::{Node, command};

use super::observe::{answered, epoch_rose, highest_epoch, owned, state_is};
use super::participants::Participants;
use super::writer::Writers;
use super::written::Policy;
use crate::cluster::Cluster;
use crate::code_check::{CodeCheck, check};
use crate::ensure;
use crate::expect::Expect;
use crate::need::Need;
use crate::outcome::{Outcome, Stop};
use crate::words::or;

/// The checks of this file.
pub(super) const CHECKS: &[CodeCheck] = &[
    check("failover/manual-swaps-roles")
        .title("CLUSTER FAILOVER swaps the roles of replica and primary with a greater epoch and without a restart")
        .must("manual-failover")
        .covers(&[
            "failover.manual-ok",
            "failover.manual-epoch",
            "failover.manual-old-becomes-replica",
            "failover.myid-preserved",
        ])
        .shape(3, 1)
        .needs(&[Need::ChangeRoles])
        .body(|cluster| Box::pin(swaps_roles(cluster))),
    check("failover/manual-loses-no-write")
        .title("A manual failover loses no acknowledged write, and clients see only a pause and then MOVED")
        .must("manual-failover")
        .covers(&["failover.manual-no-lost-writes", "failover.manual-short-pause"])
        .shape(1, 1)
        .needs(&[Need::ChangeRoles])
        .body(|cluster| Box::pin(loses_no_write(cluster))),
    check("failover/manual-releases-blocked-client")
        .title("A primary releases a blocked client with an error when it is demoted")
        .must("CLUSTER FAILOVER")
        .covers(&["failover.manual-blocked-client"])
        .shape(1, 1)
        .needs(&[Need::ChangeRoles])
        .body(|cluster| Box::pin(releases_blocked_client(cluster))),
    check("failover/manual-refuses-queued-transaction")
        .title("EXEC answers MOVED and changes nothing if the primary was demoted after the commands were queued")
        .must("CLUSTER FAILOVER")
        .covers(&["failover.manual-queued-multi"])
        .shape(1, 1)
        .needs(&[Need::ChangeRoles])
        .body(|cluster| Box::pin(refuses_queued_transaction(cluster))),
    check("failover/manual-gives-up")
        .title("A manual failover times out if the replica cannot catch up, and then the primary accepts writes again")
        .should("CLUSTER FAILOVER")
        .covers(&["failover.manual-timeout"])
        .shape(1, 1)
        .needs(&[Need::ChangeRoles, Need::SetConfig])
        .body(|cluster| Box::pin(gives_up(cluster))),
];

async fn swaps_roles(cluster: &Cluster) -> Outcome {
    let participants = Participants::draw(cluster)?;
    let Participants { primary, replica, .. } = &participants;
    let nodes = cluster.nodes();
    let key = cluster.keys().fresh(cluster.slot_of(primary)?);
    cluster.expect(primary, command!["SET", &key, "before"], Expect::Ok).await?;
    let before = highest_epoch(cluster, &nodes).await?;
    let process = run_id(cluster, primary).await?;
    let took = cluster.failover(replica, None).await?;
    cluster.measure("switched", took);

    owned(cluster, &nodes, replica, &primary.slots).await?;
    epoch_rose(cluster, &nodes, replica, before).await?;
    let topology = cluster.topology();
    let demoted = topology.node(&primary.id).and_then(|node| node.primary);
    ensure!(
        demoted == Some(replica.id),
        format!("{} as a replica of {}", primary.address, replica.id),
        "{}",
        or(demoted, "a primary")
    );
    for node in [primary, replica] {
        cluster.expect(node, command!["CLUSTER", "MYID"], Expect::text(node.id.as_str())).await?;
    }
    answered(cluster, replica, command!["GET", &key], Expect::text("before")).await?;
    answered(cluster, replica, command!["SET", &key, "after"], Expect::Ok).await?;
    cluster.replicated(replica).await?;
    let mut reader = cluster.session(primary).await?;
    reader.expect(command!["READONLY"], Expect::Ok).await?;
    reader.expect(command!["GET", &key], Expect::text("after")).await?;
    let now = run_id(cluster, primary).await?;
    ensure!(now == process, format!("the run_id {process} of {} as before", primary.address), "{now}");
    Ok(())
}

async fn run_id(cluster: &Cluster, node: &Node) -> Outcome<String> {
    let id = cluster.info(node, &command!["INFO", "server"]).await?.remove("run_id");
    id.ok_or_else(|| Stop::skip("the server reports no run_id in INFO"))
}

/// The number of keys, each of which has its own writer.
const WRITERS: usize = 4;
/// The number of acknowledged writes of each writer before the failover, and again after it.
const WRITES: u64 = 20;

async fn loses_no_write(cluster: &Cluster) -> Outcome {
    let participants = Participants::draw(cluster)?;
    let Participants { primary, replica, .. } = &participants;
    let slots = (0..WRITERS).map(|_| cluster.slot_of(primary)).collect::<Outcome<Vec<_>>>()?;
    let writers = Writers::new(cluster, &slots, Policy::NothingIsLost);
    writers
        .during(async {
            writers.acknowledged(WRITES).await?;
            let took = cluster.failover(replica, None).await?;
            cluster.measure("switched", took);
            writers.acknowledged(WRITES).await
        })
        .await?;
    cluster.measure("stall", writers.longest_stall());
    writers.saw_only(&["MOVED"])?;
    for (slot, key) in writers.keys() {
        let get = command!["GET", key];
        cluster.expect(primary, get, Expect::error(format!("MOVED {slot} {}", replica.endpoint))).await?;
    }
    writers.read_back().await
}

async fn releases_blocked_client(cluster: &Cluster) -> Outcome {
    let Participants { primary, replica, .. } = Participants::draw(cluster)?;
    let slot = cluster.slot_of(&primary)?;
    let key = cluster.keys().fresh(slot);
    let mut blocked = cluster.session(&primary).await?;
    let reply = blocked.call(command!["CLIENT", "ID"]).await?;
    let id = reply.integer().ok_or_else(|| Stop::mismatch("an integer from CLIENT ID", reply.to_string()))?;
    blocked.send(command!["BLPOP", &key, "0"]).await?;
    cluster
        .until(cluster.limits().reply, "the client is blocked", async || {
            let list = cluster.expect(&primary, command!["CLIENT", "LIST"], Expect::NoError).await?;
            let text = list.text().unwrap_or_default();
            let line = text.lines().find(|line| line.starts_with(&format!("id={id} "))).unwrap_or_default();
            ensure!(
                line.contains(" cmd=blpop"),
                format!("client {id} with cmd=blpop in CLIENT LIST"),
                "{}",
                or(Some(line).filter(|line| !line.is_empty()), "no line of this client")
            );
            Ok(())
        })
        .await?;
    cluster.failover(&replica, None).await?;
    let released = blocked.receive().await?;
    let unblocked = Expect::error("UNBLOCKED");
    let moved = Expect::error(format!("MOVED {slot} {}", replica.endpoint));
    let expected = match cluster.server() {
        old if old.is("redis <8.0") || old.is("valkey <9.0") => unblocked,
        new if new.is("valkey >=9.0") => moved,
        _ => Expect::AnyOf(vec![unblocked, moved]),
    };
    blocked.require(format!("BLPOP {key} 0"), &expected, &released)
}

async fn refuses_queued_transaction(cluster: &Cluster) -> Outcome {
    let Participants { primary, replica, .. } = Participants::draw(cluster)?;
    let slot = cluster.slot_of(&primary)?;
    let key = cluster.keys().fresh(slot);
    let mut client = cluster.session(&primary).await?;
    client.expect(command!["MULTI"], Expect::Ok).await?;
    client.expect(command!["SET", &key, "v"], Expect::Queued).await?;
    cluster.failover(&replica, None).await?;
    client.expect(command!["EXEC"], Expect::error(format!("MOVED {slot} {}", replica.endpoint))).await?;
    answered(cluster, &replica, command!["GET", &key], Expect::Null).await?;
    client.expect(command!["PING"], Expect::text("PONG")).await.map(drop)
}

/// The setting of the timeout of manual failovers (since Valkey 8.1).
const TIMEOUT_SETTING: &str = "cluster-manual-failover-timeout";
/// The value that the check sets.
const SHORT_TIMEOUT: Duration = Duration::from_secs(1);
/// The timeout of servers without that setting (page of CLUSTER FAILOVER).
const USUAL_TIMEOUT: Duration = Duration::from_secs(5);
/// How much later than its timeout an attempt may end: both nodes check the time several times in a second.
const TIMEOUT_MARGIN: Duration = Duration::from_millis(500);

async fn gives_up(cluster: &Cluster) -> Outcome {
    let Participants { primary, replica, .. } = Participants::draw(cluster)?;
    let key = cluster.keys().fresh(cluster.slot_of(&primary)?);
    let timeout = shorten_timeout(cluster, &[&primary, &replica]).await?;
    cluster.cut_replication(&replica, &primary).await?;
    cluster.expect(&primary, command!["SET", &key, "missed by the replica"], Expect::Ok).await?;
    let started = Instant::now();
    cluster.expect(&replica, command!["CLUSTER", "FAILOVER"], Expect::Ok).await?;
    cluster
        .until(cluster.limits().failover, "the primary accepts writes again", async || {
            // A write waits while the primary is paused, which may be longer than the limit of a reply.
            let mut client = cluster.session(&primary).await?;
            client.expect(command!["SET", &key, "after"], Expect::Ok).await
        })
        .await?;
    cluster.measure("resumed", started.elapsed());
    // The write may have come before the pause, so rct waits for the end of the attempt before the replica catches up.
    tokio::time::sleep((timeout + TIMEOUT_MARGIN).saturating_sub(started.elapsed())).await;
    cluster.restore_replication(&replica).await?;
    cluster.replicated(&primary).await?;
    cluster
        .throughout(TIMEOUT_MARGIN, "the replica is not promoted any more", async || {
            let found = cluster.view_of(&replica).await?.node(&replica.id).and_then(|node| node.primary);
            ensure!(
                found == Some(primary.id),
                format!("{} still as a replica of {}", replica.address, primary.id),
                "{}",
                or(found, "a primary")
            );
            cluster.expect(&primary, command!["SET", &key, "again"], Expect::Ok).await.map(drop)
        })
        .await?;
    state_is(cluster, &[primary, replica], "ok").await
}

/// Shortens the timeout of manual failovers if the server has such a setting, and returns the timeout.
async fn shorten_timeout(cluster: &Cluster, nodes: &[&Node]) -> Outcome<Duration> {
    for node in nodes {
        match cluster.set_config(node, TIMEOUT_SETTING, &SHORT_TIMEOUT.as_millis().to_string()).await {
            Ok(()) => {}
            Err(Stop::Skip(_)) => return Ok(USUAL_TIMEOUT),
            Err(stop) => return Err(stop),
        }
    }
    Ok(SHORT_TIMEOUT)
}
