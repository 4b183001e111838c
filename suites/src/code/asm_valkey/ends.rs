//! Jobs that end because something happened to one of their nodes.

use wire::{Node, Slot, command};

use super::jobs::has_only_keys_of_the_source;
use crate::cluster::Cluster;
use crate::code::motion::engine::ATOMIC;
use crate::code::motion::job::{Job, ended, job, migrate_slots};
use crate::code::motion::route::Route;
use crate::code_check::{CodeCheck, check};
use crate::control::Restart;
use crate::ensure;
use crate::expect::Expect;
use crate::need::Need;
use crate::outcome::{Outcome, Stop};

/// The checks of this file.
pub(super) const CHECKS: &[CodeCheck] = &[
    check("asm-valkey/replica-is-no-target")
        .title("A job whose target is a replica fails with a message, and the slot stays")
        .may("CLUSTER MIGRATESLOTS")
        .covers(&["asm-valkey.replica-target-fails", "asm-valkey.terminal-states"])
        .shape(2, 1)
        .needs(&[Need::MoveSlot])
        .commands(&["CLUSTER MIGRATESLOTS"])
        .servers(&["valkey >=9.0"])
        .body(|cluster| Box::pin(replica_is_no_target(cluster))),
    check("asm-valkey/death-of-the-target-ends-the-job")
        .title("If the target is killed, the job fails, and after its restart the target has no key of the slot")
        .may("atomic-slot-migration")
        .covers(&["asm-valkey.fails-on-failover"])
        .shape(2, 0)
        .needs(&[Need::MoveSlot, Need::KillNode])
        .commands(&["CLUSTER MIGRATESLOTS"])
        .servers(&["valkey >=9.0"])
        .body(|cluster| Box::pin(death_of_the_target(cluster))),
    check("asm-valkey/failover-ends-the-job")
        .title("A failover of the source makes the job fail, and no key is lost")
        .may("atomic-slot-migration")
        .covers(&["asm-valkey.fails-on-failover"])
        .shape(2, 1)
        .needs(&[Need::MoveSlot, Need::ChangeRoles])
        .commands(&["CLUSTER MIGRATESLOTS"])
        .servers(&["valkey >=9.0"])
        .body(|cluster| Box::pin(failover_of_the_source(cluster))),
];

/// The keys that a job would move.
const KEYS: usize = 200;
/// How many large values make a job take longer.
const LARGE_VALUES: usize = 60;
/// The size of a large value, in bytes.
pub(super) const LARGE_BYTES: i64 = 300_000;
/// How often rct tries to disturb a job before it has ended.
pub(super) const TRIES: usize = 10;

/// Writes keys, and returns them.
pub(super) async fn write_keys(cluster: &Cluster, route: &Route) -> Outcome<Vec<String>> {
    let keys: Vec<String> = (0..KEYS).map(|number| route.key(cluster, &format!("k{number}"))).collect();
    let writes: Vec<_> = keys.iter().map(|key| (command!["SET", key, "v"], Expect::Ok)).collect();
    cluster.expect_all(&route.source, &writes).await?;
    Ok(keys)
}

/// Writes large values too, so that a job takes longer; `large0` is the first one.
pub(super) async fn write_large_values(cluster: &Cluster, route: &Route) -> Outcome {
    let write = |number| {
        let key = route.key(cluster, &format!("large{number}"));
        (command!["SETRANGE", key, (LARGE_BYTES - 1).to_string(), "x"], Expect::Integer(LARGE_BYTES))
    };
    let writes: Vec<_> = (0..LARGE_VALUES).map(write).collect();
    cluster.expect_all(&route.source, &writes).await.map(drop)
}

/// Requires that a job has failed, and says why.
pub(super) fn has_failed(job: &Job) -> Outcome {
    ensure!(job.state == "failed", format!("the job {} to fail", job.name), "{job}");
    let message = job.fields.get("message").map_or("", String::as_str);
    ensure!(!message.is_empty(), format!("a message in the failed job {}", job.name), "an empty one");
    Ok(())
}

async fn replica_is_no_target(cluster: &Cluster) -> Outcome {
    let route = Route::with_replicas(cluster)?;
    let keys = write_keys(cluster, &route).await?;
    for primary in [&route.source, &route.target] {
        let replica = cluster.replica_of(primary)?;
        let name = migrate_slots(cluster, &[route.slot], &route.source, &replica).await?;
        has_failed(&ended(cluster, &route.source, &name).await?)?;
    }
    has_only_keys_of_the_source(cluster, &route, &keys).await?;
    route.is_owned_by(cluster, &route.source).await
}

async fn death_of_the_target(cluster: &Cluster) -> Outcome {
    for _ in 0..TRIES {
        let route = Route::draw(cluster)?;
        let Route { slot, source, target } = &route;
        let keys = write_keys(cluster, &route).await?;
        write_large_values(cluster, &route).await?;
        let name = migrate_slots(cluster, &[*slot], source, target).await?;
        cluster.kill(target).await?;
        let done = ended(cluster, source, &name).await?;
        cluster.restart(target, Restart::WithData).await?;
        serves_again(cluster, target).await?;
        if done.state != "success" {
            has_failed(&done)?;
            return has_only_keys_of_the_source(cluster, &route, &keys).await;
        }
        comes_back(cluster, *slot, target, source).await?;
    }
    Err(ended_too_early())
}

/// Moves a slot back whose job ended before rct could disturb it.
async fn comes_back(cluster: &Cluster, slot: Slot, from: &Node, to: &Node) -> Outcome {
    cluster.owned(slot, from).await?;
    (ATOMIC.move_slots)(cluster, &[slot], from, to).await
}

/// Why a check cannot be judged whose jobs all ended by themselves.
pub(super) fn ended_too_early() -> Stop {
    Stop::skip(format!("each of {TRIES} jobs ended before rct could disturb it"))
}

/// Waits until a restarted primary reports cluster_state:ok.
async fn serves_again(cluster: &Cluster, node: &Node) -> Outcome {
    cluster
        .until(cluster.limits().restart, "the restarted node reports cluster_state:ok", async || {
            for node in cluster.nodes() {
                let info = cluster.info(&node, &command!["CLUSTER", "INFO"]).await?;
                let state = info.get("cluster_state").map_or("", String::as_str);
                ensure!(state == "ok", format!("cluster_state:ok of {}", node.address), "{state}");
            }
            cluster.expect(node, command!["PING"], Expect::NoError).await.map(drop)
        })
        .await
}

async fn failover_of_the_source(cluster: &Cluster) -> Outcome {
    for _ in 0..TRIES {
        let mut route = Route::with_replicas(cluster)?;
        let Route { slot, source, target } = route.clone();
        let keys = write_keys(cluster, &route).await?;
        write_large_values(cluster, &route).await?;
        cluster.replicated(&source).await?;
        let heir = cluster.replica_of(&source)?;
        let name = migrate_slots(cluster, &[slot], &source, &target).await?;
        // It takes the slots at once, while the job has hardly begun.
        cluster.failover(&heir, Some("TAKEOVER")).await?;
        let done = ended(cluster, &source, &name).await?;
        let there = match job(cluster, &target, &name).await {
            Ok(there) => Some(ended(cluster, &target, &there.name).await?),
            Err(_) => None,
        };
        // The target may have the slot already, while the source still waits for it to say so.
        if there.is_some_and(|there| there.state == "success") {
            comes_back(cluster, slot, &target, &heir).await?;
            continue;
        }
        ensure!(done.state == "failed", format!("the job {name} to fail"), "{done}");
        route.source = heir;
        return has_only_keys_of_the_source(cluster, &route, &keys).await;
    }
    Err(ended_too_early())
}
