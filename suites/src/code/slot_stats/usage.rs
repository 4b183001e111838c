//! The metrics that CLUSTER SLOT-STATS has while `cluster-slot-stats-enabled` is yes.

use wire::{Node, Slot, command};

use super::stats::{SINCE, SlotStats, slot_stats, stats_of};
use crate::cluster::Cluster;
use crate::code::motion::route::Route;
use crate::code_check::{CodeCheck, check};
use crate::ensure;
use crate::expect::Expect;
use crate::need::Need;
use crate::outcome::Outcome;
use crate::words::list;

pub(super) const CHECKS: &[CodeCheck] = &[
    check("slot-stats/usage-is-counted-by-slot")
        .title("Commands add CPU time and network bytes to their own slot only, while the server counts usage")
        .may("CLUSTER SLOT-STATS")
        .covers(&["slot-stats.extra-metrics"])
        .needs(&[Need::SetConfig])
        .servers(&SINCE)
        .commands(&["CLUSTER SLOT-STATS"])
        .body(|cluster| Box::pin(usage_is_counted_by_slot(cluster))),
    check("slot-stats/usage-restarts-with-a-new-owner")
        .title("The counters of a slot are zero after the slot has moved away and come back")
        .may("CLUSTER SLOT-STATS")
        .covers(&["slot-stats.reset-on-move"])
        .shape(2, 0)
        .needs(&[Need::MoveSlot, Need::SetConfig])
        .servers(&SINCE)
        .commands(&["CLUSTER SLOT-STATS"])
        .body(|cluster| Box::pin(usage_restarts_with_a_new_owner(cluster))),
];

/// The setting that makes a server count usage.
const SETTING: &str = "cluster-slot-stats-enabled";
/// The metrics that a server has only while it counts usage.
const USAGE: [&str; 3] = ["cpu-usec", "network-bytes-in", "network-bytes-out"];
/// The length of the value that is written and read.
const BYTES: usize = 10_000;

async fn usage_is_counted_by_slot(cluster: &Cluster) -> Outcome {
    let primary = cluster.some_primary()?;
    cluster.set_config(&primary, SETTING, "yes").await?;
    let used = cluster.empty_slot_of(&primary).await?;
    let idle = cluster.empty_slot_of(&primary).await?;
    if used == idle {
        return Err(crate::Stop::skip("the check needs two slots without keys on one primary"));
    }
    let before = [stats_of(cluster, &primary, used).await?, stats_of(cluster, &primary, idle).await?];
    use_slot(cluster, &primary, used).await?;
    let after = [stats_of(cluster, &primary, used).await?, stats_of(cluster, &primary, idle).await?];
    let least = i64::try_from(BYTES).unwrap_or(i64::MAX);
    for (metric, least) in [("cpu-usec", 1), ("network-bytes-in", least), ("network-bytes-out", least)] {
        let [own, other] = [0, 1].map(|at: usize| after[at].of(metric) - before[at].of(metric));
        ensure!(
            own >= least && before[0].of(metric) >= 0,
            format!("{metric} of slot {used} at least {least} higher after SET and GET on {}", primary.address),
            "{}, before {}",
            after[0].of(metric),
            before[0].of(metric)
        );
        ensure!(
            other == 0,
            format!("{metric} of the idle slot {idle} as before on {}", primary.address),
            "{other} more"
        );
        let first = slot_stats(cluster, &primary, &["ORDERBY", metric, "LIMIT", "2", "DESC"]).await?;
        let values: Vec<i64> = first.iter().map(|entry| entry.of(metric)).collect();
        ensure!(
            values.len() == 2 && values[0] >= values[1] && values[0] >= least,
            format!("two slots in descending order of {metric} in CLUSTER SLOT-STATS of {}", primary.address),
            "{}",
            list(values)
        );
    }
    cluster.set_config(&primary, SETTING, "no").await?;
    for metric in USAGE {
        let order = command!["CLUSTER", "SLOT-STATS", "ORDERBY", metric];
        cluster.expect(&primary, order, Expect::error("ERR")).await?;
    }
    let only: Vec<String> = stats_of(cluster, &primary, used).await?.metrics.into_keys().collect();
    ensure!(
        only == ["key-count"],
        format!("only key-count in CLUSTER SLOT-STATS of {} while {SETTING} is no", primary.address),
        "{}",
        list(only)
    );
    Ok(())
}

/// Writes, reads and deletes a long value, so that the slot is empty again.
async fn use_slot(cluster: &Cluster, owner: &Node, slot: Slot) -> Outcome {
    let key = cluster.keys().fresh(slot);
    cluster.expect(owner, command!["SET", &key, "x".repeat(BYTES)], Expect::Ok).await?;
    cluster.expect(owner, command!["GET", &key], Expect::NoError).await?;
    cluster.expect(owner, command!["DEL", &key], Expect::Integer(1)).await.map(drop)
}

async fn usage_restarts_with_a_new_owner(cluster: &Cluster) -> Outcome {
    let source = cluster.some_primary()?;
    let slot = cluster.empty_slot_of(&source).await?;
    let route = Route { slot, target: cluster.non_owner(slot)?, source };
    for node in [&route.source, &route.target] {
        cluster.set_config(node, SETTING, "yes").await?;
    }
    use_slot(cluster, &route.source, slot).await?;
    cluster.move_slot(slot, &route.source, &route.target).await?;
    is_unused(&stats_of(cluster, &route.target, slot).await?, &route.target)?;
    let number = slot.to_string();
    let left = slot_stats(cluster, &route.source, &["SLOTSRANGE", &number, &number]).await?;
    ensure!(
        left.is_empty(),
        format!("no statistics of slot {slot} from {}, which lost the slot", route.source.address),
        "{} entries",
        left.len()
    );
    cluster.move_slot(slot, &route.target, &route.source).await?;
    is_unused(&stats_of(cluster, &route.source, slot).await?, &route.source)
}

fn is_unused(stats: &SlotStats, node: &Node) -> Outcome {
    let values = USAGE.map(|metric| stats.of(metric));
    ensure!(
        values == [0; 3],
        format!("0 for {} of slot {} on {}, its new owner", list(USAGE), stats.slot, node.address),
        "{}",
        list(values)
    );
    Ok(())
}
