//! Jobs between two servers of a check's own, because what ends them would harm the data of others.

use wire::{Command, Slot, command};

use super::ends::{LARGE_BYTES, TRIES, ended_too_early, has_failed, write_keys, write_large_values};
use super::jobs::{has_no_keys, has_only_keys_of_the_source};
use crate::cluster::Cluster;
use crate::code::motion::job::{ended, job, jobs, migrate_slots, migrate_slots_command};
use crate::code::motion::pair::pair;
use crate::code::motion::route::Route;
use crate::code::users::as_user;
use crate::code_check::{CodeCheck, check};
use crate::ensure;
use crate::expect::Expect;
use crate::need::Need;
use crate::outcome::Outcome;

/// The checks of this file.
pub(super) const CHECKS: &[CodeCheck] = &[
    check("asm-valkey/flush-ends-the-job")
        .title("FLUSHALL or FLUSHDB at the source or the target makes the job fail, and the slot stays with the source")
        .may("atomic-slot-migration")
        .covers(&["asm-valkey.fails-on-flush"])
        .needs(&[Need::FreshNode])
        .commands(&["CLUSTER MIGRATESLOTS"])
        .servers(&["valkey >=9.0"])
        .body(|cluster| Box::pin(flush_ends_the_job(cluster))),
    check("asm-valkey/full-target-ends-the-job")
        .title("If the target has no memory for the keys, the job fails, and the source goes on serving them")
        .may("atomic-slot-migration")
        .covers(&["asm-valkey.fails-on-oom"])
        .needs(&[Need::FreshNode])
        .commands(&["CLUSTER MIGRATESLOTS"])
        .servers(&["valkey >=9.0"])
        .body(|cluster| Box::pin(full_target_ends_the_job(cluster))),
    check("asm-valkey/needs-all-databases")
        .title("A user who may not use all databases can neither start nor cancel jobs")
        .may("CLUSTER MIGRATESLOTS")
        .covers(&["asm-valkey.acl"])
        .needs(&[Need::FreshNode])
        .commands(&["CLUSTER MIGRATESLOTS"])
        .servers(&["valkey >=9.1"])
        .body(|cluster| Box::pin(needs_all_databases(cluster))),
];

/// What the target may use more memory than before, in bytes: less than the large values take.
const ROOM_BYTES: u64 = 1_000_000;

async fn flush_ends_the_job(cluster: &Cluster) -> Outcome {
    let route = pair(cluster, &[]).await?;
    for flush in [command!["FLUSHALL"], command!["FLUSHDB"], command!["FLUSHALL", "ASYNC"]] {
        write_keys(cluster, &route).await?;
        // In one go, so that the job still runs.
        let sent = [(migrate_slots_command(&[route.slot], &route.target), Expect::Ok), (flush.clone(), Expect::Ok)];
        cluster.expect_all(&route.source, &sent).await?;
        let name = jobs(cluster, &route.source).await?.first().map(|job| job.name.clone()).unwrap_or_default();
        has_failed(&ended(cluster, &route.source, &name).await?)?;
        has_no_keys(cluster, &route.target, route.slot).await?;
        flush_the_target(cluster, &route, &flush).await?;
    }
    Ok(())
}

/// Moves a slot and flushes the target meanwhile. If the job has ended before that, it tries another slot.
async fn flush_the_target(cluster: &Cluster, pair: &Route, flush: &Command) -> Outcome {
    let Route { source, target, .. } = pair;
    for _ in 0..TRIES {
        let slot = cluster.pick(Slot::all().filter(|slot| *slot != pair.slot).collect());
        let route = Route { slot: slot.unwrap_or(pair.slot), ..pair.clone() };
        let keys = write_keys(cluster, &route).await?;
        let name = migrate_slots(cluster, &[route.slot], source, target).await?;
        let listed = async || job(cluster, target, &name).await;
        cluster.until(cluster.limits().converge, "the target lists the job", listed).await?;
        cluster.expect(target, flush, Expect::Ok).await?;
        let done = ended(cluster, target, &name).await?;
        if done.state == "success" {
            // The flush came too late only if it has deleted the keys that had arrived.
            has_no_keys(cluster, target, route.slot).await?;
            continue;
        }
        has_failed(&done)?;
        has_failed(&ended(cluster, source, &name).await?)?;
        return has_only_keys_of_the_source(cluster, &route, &keys).await;
    }
    Err(ended_too_early())
}

async fn full_target_ends_the_job(cluster: &Cluster) -> Outcome {
    let route = pair(cluster, &[]).await?;
    let Route { slot, source, target } = &route;
    let keys = write_keys(cluster, &route).await?;
    write_large_values(cluster, &route).await?;
    let memory = cluster.info(target, &command!["INFO", "memory"]).await?;
    let used: u64 = memory.get("used_memory").and_then(|used| used.parse().ok()).unwrap_or(0);
    cluster.set_config(target, "maxmemory", &(used + ROOM_BYTES).to_string()).await?;
    let name = migrate_slots(cluster, &[*slot], source, target).await?;
    for node in [source, target] {
        has_failed(&ended(cluster, node, &name).await?)?;
    }
    has_only_keys_of_the_source(cluster, &route, &keys).await?;
    cluster.expect(source, command!["STRLEN", route.key(cluster, "large0")], Expect::Integer(LARGE_BYTES)).await?;
    // With enough memory, the same job succeeds.
    cluster.set_config(target, "maxmemory", "0").await?;
    let name = migrate_slots(cluster, &[*slot], source, target).await?;
    let done = ended(cluster, target, &name).await?;
    ensure!(done.state == "success", format!("the job {name} to succeed without maxmemory"), "{done}");
    cluster.expect(target, command!["GET", &keys[0]], Expect::text("v")).await.map(drop)
}

async fn needs_all_databases(cluster: &Cluster) -> Outcome {
    let route = pair(cluster, &[("cluster-databases", "2")]).await?;
    let start = migrate_slots_command(&[route.slot], &route.target);
    let cancel = command!["CLUSTER", "CANCELSLOTMIGRATIONS"];
    for databases in ["db=0", "db=1"] {
        let rules = ["~*", "+@all", "resetdbs", databases];
        as_user(cluster, &route.source, &rules, async |session| {
            session.expect(&start, Expect::error("NOPERM")).await?;
            session.expect(&cancel, Expect::error("NOPERM")).await?;
            Ok(())
        })
        .await?;
    }
    let started = jobs(cluster, &route.source).await?.len();
    ensure!(started == 0, format!("no job on {}", route.source.address), "{started} jobs");
    as_user(cluster, &route.source, &["~*", "+@all", "alldbs"], async |session| {
        session.expect(&cancel, Expect::error("ERR")).await?;
        session.expect(&start, Expect::Ok).await.map(drop)
    })
    .await
}
