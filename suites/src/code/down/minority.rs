//! Primaries without a majority, and the time until they serve again.

use std::time::{Duration, Instant};

use futures_util::future::try_join_all;
use wire::{Node, SlotRange, command};

use crate::cluster::Cluster;
use crate::code::failover::observe::{agreed, state_is};
use crate::code::failover::participants::too_many;
use crate::code_check::{CodeCheck, check};
use crate::ensure;
use crate::expect::Expect;
use crate::need::Need;
use crate::outcome::{Outcome, Stop};
use crate::words::{list, seconds};

/// The checks of this file.
pub(super) const CHECKS: &[CodeCheck] = &[
    check("down/minority-stops-writing")
        .title("A primary without a majority stops acknowledging writes, and after that every slot has one owner again")
        .must("write-safety")
        .covers(&["down.majority-loss-writes-bound", "down.heal"])
        .shape(3, 0)
        .needs(&[Need::PauseNode])
        .body(|cluster| Box::pin(minority_stops_writing(cluster))),
    check("down/rejoining-primary-waits")
        .title("A primary that finds its majority again waits for about a node timeout before it accepts writes")
        .should("write-safety")
        .covers(&["down.rejoin-delay"])
        .shape(3, 0)
        .needs(&[Need::PauseNode])
        .body(|cluster| Box::pin(rejoining_primary_waits(cluster))),
];

/// A primary whose majority is paused.
struct Minority {
    primary: Node,
    away: Vec<Node>,
    key: String,
}

impl Minority {
    /// Pauses just so many other primaries that one primary has no majority, and waits until it refuses writes.
    ///
    /// Returns the time from the pause to the last acknowledged write, too.
    async fn begin(cluster: &Cluster) -> Outcome<(Self, Duration)> {
        let primary = cluster.some_primary()?;
        let others = cluster.primaries().into_iter().filter(|node| node.id != primary.id);
        let away: Vec<Node> = others.take(too_many(cluster.primaries().len())).collect();
        if away.len() < too_many(cluster.primaries().len()) {
            return Err(Stop::skip("the check needs primaries that can be missing"));
        }
        let key = cluster.keys().fresh(cluster.slot_of(&primary)?);
        let minority = Self { primary, away, key };
        minority.writes(cluster, Expect::Ok).await?;
        try_join_all(minority.away.iter().map(|node| cluster.pause(node))).await?;
        let paused = Instant::now();
        let mut last = Duration::ZERO;
        let stopped = cluster.until(cluster.limits().converge, "the primary stops acknowledging writes", async || {
            let reply = cluster.call(&minority.primary, command!["SET", &minority.key, "v"]).await?;
            if Expect::Ok.admits(&reply) {
                last = paused.elapsed();
            }
            let refused = Expect::error("CLUSTERDOWN").admits(&reply);
            ensure!(refused, format!("error CLUSTERDOWN from {}", minority.primary.address), "{reply}");
            Ok(())
        });
        stopped.await?;
        Ok((minority, last))
    }

    async fn writes(&self, cluster: &Cluster, expect: Expect) -> Outcome {
        cluster.expect(&self.primary, command!["SET", &self.key, "v"], expect).await.map(drop)
    }

    /// Resumes the other primaries, and waits until they answer.
    async fn heal(&self, cluster: &Cluster) -> Outcome {
        try_join_all(self.away.iter().map(|node| cluster.resume(node))).await?;
        for node in &self.away {
            cluster.expect(node, command!["PING"], Expect::text("PONG")).await?;
        }
        Ok(())
    }
}

async fn minority_stops_writing(cluster: &Cluster) -> Outcome {
    let (minority, last) = Minority::begin(cluster).await?;
    cluster.measure("last-write", last);
    let silent = cluster.throughout(cluster.limits().node_timeout, "no write is acknowledged", async || {
        minority.writes(cluster, Expect::error("CLUSTERDOWN")).await
    });
    silent.await?;
    minority.heal(cluster).await?;
    let healed = cluster.until(cluster.limits().restart, "the cluster is whole again", async || {
        state_is(cluster, &cluster.nodes(), "ok").await?;
        one_owner_each(cluster).await?;
        minority.writes(cluster, Expect::Ok).await
    });
    healed.await
}

/// Requires that all nodes agree, and that no two nodes claim the same slot for themselves.
async fn one_owner_each(cluster: &Cluster) -> Outcome {
    let view = agreed(cluster).await?;
    let mut claimed = Vec::new();
    for node in &view.nodes {
        let own = cluster.view_of(node).await?.myself().filter(|own| own.primary.is_none()).cloned();
        claimed.extend(own.iter().flat_map(|own| &own.slots).flat_map(SlotRange::slots));
    }
    claimed.sort();
    let twice: Vec<_> = claimed.windows(2).filter(|pair| pair[0] == pair[1]).map(|pair| pair[0]).collect();
    ensure!(
        twice.is_empty(),
        "each slot claimed by one primary",
        "two primaries that claim the slots {}",
        list(&twice)
    );
    Ok(())
}

/// The bounds of the delay of a rejoining primary, which is the node timeout between them (cluster specification, "Write
/// safety", and the sources of both servers).
const REJOIN: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(5));
/// How much earlier the primary may count its delay from: it looks at its majority ten times in a second.
const REJOIN_MARGIN: Duration = Duration::from_millis(200);

async fn rejoining_primary_waits(cluster: &Cluster) -> Outcome {
    let (minority, _) = Minority::begin(cluster).await?;
    let healed = Instant::now();
    minority.heal(cluster).await?;
    let accepted = cluster.until(cluster.limits().restart, "the primary accepts writes again", async || {
        minority.writes(cluster, Expect::Ok).await?;
        Ok(healed.elapsed())
    });
    let waited = accepted.await?;
    cluster.measure("rejoined", waited);
    let least = cluster.limits().node_timeout.clamp(REJOIN.0, REJOIN.1).saturating_sub(REJOIN_MARGIN);
    ensure!(
        waited >= least,
        format!(
            "no write accepted by {} within {} after its majority is back",
            minority.primary.address,
            seconds(least)
        ),
        "a write accepted after {}",
        seconds(waited)
    );
    let whole = cluster.until(cluster.limits().restart, "all nodes report cluster_state:ok", async || {
        state_is(cluster, &cluster.nodes(), "ok").await
    });
    whole.await
}
