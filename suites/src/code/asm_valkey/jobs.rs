//! The jobs that CLUSTER GETSLOTMIGRATIONS lists, and what a node refuses while one runs.

use wire::{Slot, command};

use crate::cluster::Cluster;
use crate::code::motion::engine::ATOMIC;
use crate::code::motion::job::{Job, TERMINAL, ended, job, jobs, migrate_slots, migrate_slots_command};
use crate::code::motion::route::Route;
use crate::code_check::{CodeCheck, check};
use crate::ensure;
use crate::expect::{Expect, Kind};
use crate::need::Need;
use crate::outcome::Outcome;
use crate::words::{list, or};

/// The checks of this file.
pub(super) const CHECKS: &[CodeCheck] = &[
    check("asm-valkey/job-has-its-fields")
        .title("CLUSTER GETSLOTMIGRATIONS lists each job with its fields, the newest first, at both ends with one name")
        .may("CLUSTER GETSLOTMIGRATIONS")
        .covers(&["asm-valkey.status-fields", "asm-valkey.terminal-states", "asm-valkey.same-name-both-sides"])
        .shape(2, 0)
        .needs(&[Need::MoveSlot])
        .commands(&["CLUSTER MIGRATESLOTS"])
        .servers(&["valkey >=9.0"])
        .body(|cluster| Box::pin(job_has_its_fields(cluster))),
    check("asm-valkey/running-job-excludes-others")
        .title(
            "While a job moves a slot, SETSLOT and another CLUSTER MIGRATESLOTS are refused, and clients see no change",
        )
        .may("CLUSTER MIGRATESLOTS")
        .covers(&["asm-valkey.exclusive-with-setslot", "asm-valkey.already-migrating", "asm-valkey.no-ask"])
        .shape(2, 0)
        .needs(&[Need::MoveSlot])
        .commands(&["CLUSTER MIGRATESLOTS"])
        .servers(&["valkey >=9.0"])
        .body(|cluster| Box::pin(running_job_excludes_others(cluster))),
    check("asm-valkey/open-slot-is-refused")
        .title("CLUSTER MIGRATESLOTS refuses a slot that SETSLOT has opened at the source")
        .may("CLUSTER MIGRATESLOTS")
        .covers(&["asm-valkey.exclusive-with-setslot"])
        .shape(2, 0)
        .needs(&[Need::MoveSlot])
        .commands(&["CLUSTER MIGRATESLOTS"])
        .servers(&["valkey >=9.0"])
        .body(|cluster| Box::pin(open_slot_is_refused(cluster))),
    check("asm-valkey/cancelled-job-changes-nothing")
        .title("CLUSTER CANCELSLOTMIGRATIONS ends the jobs of a node as cancelled; slot and keys stay with the source")
        .may("CLUSTER CANCELSLOTMIGRATIONS")
        .covers(&["asm-valkey.cancel", "asm-valkey.terminal-states"])
        .shape(2, 0)
        .needs(&[Need::MoveSlot])
        .commands(&["CLUSTER MIGRATESLOTS"])
        .servers(&["valkey >=9.0"])
        .body(|cluster| Box::pin(cancelled_job_changes_nothing(cluster))),
    check("asm-valkey/log-has-a-bound")
        .title("The log of a node keeps no more ended jobs than cluster-slot-migration-log-max-len")
        .may("cluster-slot-migration-log-max-len")
        .covers(&["asm-valkey.log-bound"])
        .shape(2, 0)
        .needs(&[Need::MoveSlot, Need::SetConfig])
        .commands(&["CLUSTER MIGRATESLOTS"])
        .servers(&["valkey >=9.0"])
        .body(|cluster| Box::pin(log_has_a_bound(cluster))),
];

/// The fields that every entry has at both ends.
const FIELDS: [&str; 11] = [
    "name",
    "operation",
    "slot_ranges",
    "target_node",
    "source_node",
    "create_time",
    "last_update_time",
    "last_ack_time",
    "state",
    "message",
    "cow_size",
];
/// The ended jobs that the log may keep.
const LOG_LENGTH: usize = 2;

async fn job_has_its_fields(cluster: &Cluster) -> Outcome {
    let route = Route::draw(cluster)?;
    let Route { slot, source, target } = &route;
    let name = migrate_slots(cluster, std::slice::from_ref(slot), source, target).await?;
    let exported = ended(cluster, source, &name).await?;
    let imported = ended(cluster, target, &name).await?;
    for (job, operation) in [(&exported, "EXPORT"), (&imported, "IMPORT")] {
        has_fields(cluster, job)?;
        for (field, wanted) in [
            ("operation", operation.to_owned()),
            ("state", "success".to_owned()),
            ("slot_ranges", format!("{slot}-{slot}")),
            ("source_node", source.id.to_string()),
            ("target_node", target.id.to_string()),
            ("message", String::new()),
        ] {
            let found = job.fields.get(field);
            ensure!(
                found == Some(&wanted),
                format!("{field} {wanted:?} in the job {name}"),
                "{}",
                or(found, "no field")
            );
        }
    }
    cluster.owned(*slot, target).await?;
    let back = migrate_slots(cluster, std::slice::from_ref(slot), target, source).await?;
    ended(cluster, target, &back).await?;
    ended(cluster, source, &back).await?;
    for node in [source, target] {
        let newest: Vec<String> = jobs(cluster, node).await?.into_iter().take(2).map(|job| job.name).collect();
        let wanted = [back.clone(), name.clone()];
        ensure!(newest == wanted, format!("the jobs {} first on {}", list(&wanted), node.address), "{}", list(&newest));
    }
    cluster.owned(*slot, source).await
}

fn has_fields(cluster: &Cluster, job: &Job) -> Outcome {
    let newer = cluster.server().is("valkey >=9.1").then_some("remaining_repl_size");
    for field in FIELDS.into_iter().chain(newer) {
        ensure!(
            job.fields.contains_key(field),
            format!("the field {field} in the job {}", job.name),
            "the fields {}",
            list(job.fields.keys())
        );
    }
    let is_id = job.name.len() == 40 && job.name.bytes().all(|byte| byte.is_ascii_alphanumeric());
    ensure!(is_id, "a name of 40 letters and digits", "{}", job.name);
    ensure!(TERMINAL.contains(&job.state.as_str()), "success, failed or cancelled", "{job}");
    Ok(())
}

async fn running_job_excludes_others(cluster: &Cluster) -> Outcome {
    let route = Route::draw(cluster)?;
    let Route { slot, source, target } = &route;
    let key = route.key(cluster, "k");
    cluster.expect(source, command!["SET", &key, "v"], Expect::Ok).await?;
    let start = migrate_slots_command(&[*slot], target);
    let setslot = |words: &[&str]| {
        words.iter().fold(command!["CLUSTER", "SETSLOT", slot.to_string()], |command, word| command.arg(word))
    };
    let refused = || Expect::error("ERR");
    // In one go, so that the job still runs.
    let sent = [
        (start.clone(), Expect::Ok),
        (start, refused()),
        (setslot(&["MIGRATING", target.id.as_str()]), refused()),
        (setslot(&["STABLE"]), refused()),
        (command!["GET", &key], Expect::text("v")),
        (command!["GET", route.key(cluster, "none")], Expect::Null),
        (command!["MGET", &key, route.key(cluster, "none")], Expect::Items(vec![Expect::text("v"), Expect::Null])),
        (command!["SET", &key, "w"], Expect::Ok),
    ];
    cluster.expect_all(source, &sent).await?;
    let name = jobs(cluster, source).await?.first().map(|job| job.name.clone()).unwrap_or_default();
    let done = ended(cluster, source, &name).await?;
    ensure!(done.state == "success", format!("the job {name} to end in success"), "{done}");
    cluster.owned(*slot, target).await?;
    cluster.expect(target, command!["GET", &key], Expect::text("w")).await?;
    (ATOMIC.move_slots)(cluster, std::slice::from_ref(slot), target, source).await
}

async fn open_slot_is_refused(cluster: &Cluster) -> Outcome {
    let route = Route::draw(cluster)?;
    let Route { slot, source, target } = &route;
    cluster.open_slot(*slot, source, target).await?;
    cluster.expect(source, migrate_slots_command(&[*slot], target), Expect::error("ERR")).await?;
    cluster.close_slot(*slot, source, target).await?;
    route.is_owned_by(cluster, source).await
}

async fn cancelled_job_changes_nothing(cluster: &Cluster) -> Outcome {
    let route = Route::draw(cluster)?;
    let Route { slot, source, target } = &route;
    let keys: Vec<String> = (0..50).map(|number| route.key(cluster, &format!("k{number}"))).collect();
    let writes: Vec<_> = keys.iter().map(|key| (command!["SET", key, "v"], Expect::Ok)).collect();
    cluster.expect_all(source, &writes).await?;
    let cancel = command!["CLUSTER", "CANCELSLOTMIGRATIONS"];
    cluster.expect(source, &cancel, Expect::error("ERR")).await?;
    let sent = [(migrate_slots_command(&[*slot], target), Expect::Ok), (cancel.clone(), Expect::Ok)];
    cluster.expect_all(source, &sent).await?;
    let name = jobs(cluster, source).await?.first().map(|job| job.name.clone()).unwrap_or_default();
    let done = ended(cluster, source, &name).await?;
    ensure!(done.state == "cancelled", format!("the job {name} to end as cancelled"), "{done}");
    cluster.expect(source, &cancel, Expect::error("ERR")).await?;
    has_only_keys_of_the_source(cluster, &route, &keys).await?;
    // If the target has heard of the job, it has ended there too.
    if let Ok(there) = job(cluster, target, &name).await {
        let there = ended(cluster, target, &there.name).await?;
        ensure!(there.state != "success", format!("the job {name} to fail on {}", target.address), "{there}");
    }
    route.is_owned_by(cluster, source).await
}

/// Requires that the source serves all the keys, and waits until the target has none of them.
pub(super) async fn has_only_keys_of_the_source(cluster: &Cluster, route: &Route, keys: &[String]) -> Outcome {
    let Route { slot, source, target } = route;
    let reads: Vec<_> = keys.iter().map(|key| (command!["GET", key], Expect::text("v"))).collect();
    cluster.expect_all(source, &reads).await?;
    cluster.expect(source, command!["SET", &keys[0], "v"], Expect::Ok).await?;
    cluster
        .until(cluster.limits().converge, "the target has dropped what it had imported", async || {
            has_no_keys(cluster, target, *slot).await
        })
        .await
}

/// Requires that a node has no key in a slot.
pub(super) async fn has_no_keys(cluster: &Cluster, node: &wire::Node, slot: Slot) -> Outcome {
    let count = command!["CLUSTER", "COUNTKEYSINSLOT", slot.to_string()];
    let reply = cluster.expect(node, count, Expect::Kind(Kind::Integer)).await?;
    ensure!(reply.integer() == Some(0), format!("no key in slot {slot} of {}", node.address), "{reply} keys");
    Ok(())
}

async fn log_has_a_bound(cluster: &Cluster) -> Outcome {
    let Route { slot, source, target } = Route::draw(cluster)?;
    cluster.set_config(&source, "cluster-slot-migration-log-max-len", &LOG_LENGTH.to_string()).await?;
    let mut newest = String::new();
    for _ in 0..LOG_LENGTH + 3 {
        let sent = [
            (migrate_slots_command(&[slot], &target), Expect::Ok),
            (command!["CLUSTER", "CANCELSLOTMIGRATIONS"], Expect::Ok),
        ];
        cluster.expect_all(&source, &sent).await?;
        newest = jobs(cluster, &source).await?.first().map(|job| job.name.clone()).unwrap_or_default();
        ended(cluster, &source, &newest).await?;
    }
    cluster
        .until(cluster.limits().converge, "the log has no more ended jobs than it may keep", async || {
            let log = jobs(cluster, &source).await?;
            let is_bound = log.len() <= LOG_LENGTH && log.first().is_some_and(|job| job.name == newest);
            ensure!(is_bound, format!("{LOG_LENGTH} jobs at most, {newest} first"), "{}", list(&log));
            Ok(())
        })
        .await
}
