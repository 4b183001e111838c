//! Replicas that share a primary: whom they follow after a failover, and how soon the best of them stands.

use std::time::{Duration, Instant};

use wire::{Node, command};

use super::observe::{agreed, follows};
use super::participants::Participants;
use crate::cluster::Cluster;
use crate::code_check::{CodeCheck, check};
use crate::ensure;
use crate::expect::Expect;
use crate::need::Need;
use crate::outcome::Outcome;
use crate::words::{line, or, seconds};

/// The checks of this file.
pub(super) const CHECKS: &[CodeCheck] = &[
    check("failover/sibling-follows-a-manual-failover")
        .title("After a manual failover, the other replica and the old primary replicate the promoted one")
        .may("CLUSTER FAILOVER")
        .covers(&["failover.sibling-follows"])
        .shape(3, 1)
        .needs(&[Need::ChangeRoles, Need::SetConfig])
        .body(|cluster| Box::pin(sibling_follows(cluster))),
    check("failover/best-replica-stands-at-once")
        .title("A replica that has all data stands for election without the delay of 500 ms")
        .may("replica-election-and-promotion")
        .covers(&["failover.best-ranked-at-once"])
        .shape(3, 1)
        .needs(&[Need::KillNode])
        .servers(&["valkey >=9.1"])
        .body(|cluster| Box::pin(stands_at_once(cluster))),
];

async fn sibling_follows(cluster: &Cluster) -> Outcome {
    let (Participants { primary, replica, .. }, sibling) = Participants::draw_with_two_replicas(cluster).await?;
    cluster.failover(&replica, None).await?;
    let what = "the sibling and the old primary replicate the promoted node";
    let followed = cluster.until(cluster.limits().converge, what, async || {
        let view = agreed(cluster).await?;
        for node in [&sibling, &primary] {
            let found = view.node(&node.id).and_then(|seen| seen.primary);
            let expected = format!("{} as a replica of {}", node.address, replica.id);
            ensure!(found == Some(replica.id), expected, "{}", or(found, "a primary"));
        }
        Ok(())
    });
    followed.await?;
    let key = cluster.keys().fresh(cluster.slot_of(&replica)?);
    cluster.expect(&replica, command!["SET", &key, "v"], Expect::Ok).await?;
    for node in [&sibling, &primary] {
        follows(cluster, node, &replica).await?;
    }
    Ok(())
}

/// The fixed delay of the cluster specification before a replica stands ("Replica election and promotion").
const FIXED_DELAY: Duration = Duration::from_millis(500);

async fn stands_at_once(cluster: &Cluster) -> Outcome {
    let Participants { primary, replica, .. } = Participants::draw(cluster)?;
    cluster.replicated(&primary).await?;
    cluster.kill(&primary).await?;
    let mut failed: Option<Instant> = None;
    let promoted = cluster.until(cluster.limits().failover, "the replica is promoted", async || {
        let view = cluster.view_of(&replica).await?;
        if view.node(&primary.id).is_some_and(Node::is_failed) {
            failed.get_or_insert_with(Instant::now);
        }
        let own = view.myself().filter(|own| own.has_flag("master"));
        ensure!(own.is_some(), format!("{} as a primary", replica.address), "{}", line(view.myself()));
        Ok(failed.map(|at| at.elapsed()).unwrap_or_default())
    });
    let took = promoted.await?;
    cluster.measure("promoted", took);
    ensure!(
        took < FIXED_DELAY,
        format!("{} as a primary within {} after it saw the failure", replica.address, seconds(FIXED_DELAY)),
        "after {}",
        seconds(took)
    );
    cluster.promoted(&replica).await
}
