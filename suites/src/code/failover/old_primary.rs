//! The return of a dead primary after a failover: its first replies, and its new role.

use std::time::{Duration, Instant};

use wire::{Node, Protocol, Slot, command};

use super::observe::{agreed, answered, flagged, follows, successor};
use super::participants::Participants;
use crate::cluster::Cluster;
use crate::code_check::{CodeCheck, check};
use crate::control::Restart;
use crate::ensure;
use crate::expect::Expect;
use crate::need::Need;
use crate::outcome::{Outcome, Stop};
use crate::words;

/// The checks of this file.
pub(super) const CHECKS: &[CodeCheck] = &[check("failover/old-primary-returns-as-replica")
    .title("A returning primary serves none of its old slots, and becomes a replica of their new owner")
    .must("how-nodes-rejoin-the-cluster")
    .covers(&["failover.old-rejoins-replica", "failover.update-msg", "failover.myid-preserved"])
    .shape(3, 1)
    .needs(&[Need::KillNode, Need::RestartNode, Need::PauseNode])
    .body(|cluster| Box::pin(returns_as_replica(cluster)))];

async fn returns_as_replica(cluster: &Cluster) -> Outcome {
    let Participants { primary, .. } = &Participants::draw(cluster)?;
    let slot = cluster.slot_of(primary)?;
    let key = cluster.keys().fresh(slot);
    cluster.expect(primary, command!["SET", &key, "before"], Expect::Ok).await?;
    cluster.replicated(primary).await?;
    cluster.kill(primary).await?;
    let participants = Participants::of(cluster, primary.clone(), successor(cluster, primary).await?);
    let Participants { primary, replica, .. } = &participants;
    flagged(cluster, &participants.survivors(), primary, "fail").await?;

    // While its successor is paused, only other nodes can tell the returning node that it has lost its slots.
    cluster.pause(replica).await?;
    let back = Instant::now();
    let (restarted, answers) = futures_util::future::join(
        cluster.restart(primary, Restart::WithData),
        first_answers(cluster, primary, replica, slot, &key),
    )
    .await;
    cluster.resume(replica).await?;
    restarted?;
    answers?;
    cluster.measure("corrected", back.elapsed());
    rejoined(cluster, &participants).await?;
    cluster.measure("rejoined", back.elapsed());

    for node in [primary, replica] {
        cluster.expect(node, command!["CLUSTER", "MYID"], Expect::text(node.id.as_str())).await?;
    }
    answered(cluster, replica, command!["GET", &key], Expect::text("before")).await?;
    answered(cluster, primary, command!["SET", &key, "x"], Expect::error(format!("MOVED {slot} {}", replica.endpoint)))
        .await?;
    agreed(cluster).await.map(drop)
}

/// The pause between two attempts to reach a node that starts.
const PAUSE: Duration = Duration::from_millis(2);

/// Writes and reads on the returning node from its first connection on, until it redirects both to the new owner.
///
/// Until then the node may refuse commands, but must never serve them.
async fn first_answers(cluster: &Cluster, old: &Node, new: &Node, slot: Slot, key: &str) -> Outcome {
    let started = Instant::now();
    let refusals = ["MOVED", "CLUSTERDOWN", "LOADING"].map(Expect::error);
    let moved = Expect::error(format!("MOVED {slot} {}", cluster.live().endpoint_named_by(&old.address, new)));
    let mut last = "no connection to the node".to_owned();
    while started.elapsed() < cluster.limits().restart {
        tokio::time::sleep(PAUSE).await;
        let Ok(mut session) = cluster.try_session(old, Protocol::Resp2).await else { continue };
        // A node that starts may close a connection that it has just accepted.
        while let Ok(written) = session.try_call(command!["SET", key, "stale"]).await
            && let Ok(read) = session.try_call(command!["GET", key]).await
        {
            for (sent, reply) in [("SET", &written), ("GET", &read)] {
                session.require(format!("{sent} {key}"), &Expect::AnyOf(refusals.to_vec()), reply)?;
            }
            if moved.admits(&written) && moved.admits(&read) {
                return Ok(());
            }
            if started.elapsed() >= cluster.limits().restart {
                break;
            }
            last = written.to_string();
            tokio::time::sleep(PAUSE).await;
        }
    }
    Err(Stop::mismatch(format!("{moved} from {}, which has returned", old.address), last))
}

/// Waits until all nodes know the old primary as a working replica of the new one, and it has the new one's data.
async fn rejoined(cluster: &Cluster, participants: &Participants) -> Outcome {
    let Participants { primary, replica, .. } = participants;
    cluster
        .until(cluster.limits().restart, "the old primary is a working replica of the new one", async || {
            for viewer in participants.survivors().iter().chain([primary]) {
                let view = cluster.view_of(viewer).await?;
                let line = view.node(&primary.id);
                let right = line.is_some_and(|node| {
                    node.has_flag("slave")
                        && !node.is_failed()
                        && !node.is_suspected()
                        && node.primary == Some(replica.id)
                });
                let expected = format!(
                    "{} as a working replica of {} in CLUSTER NODES of {}",
                    primary.address, replica.id, viewer.address
                );
                ensure!(right, expected, "{}", words::line(line));
            }
            Ok(())
        })
        .await?;
    follows(cluster, primary, replica).await
}
