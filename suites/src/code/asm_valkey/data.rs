//! What an atomic migration moves and what it does not, and when clients notice.

use wire::{Protocol, command, items_of};

use crate::cluster::Cluster;
use crate::code::motion::engine::ATOMIC;
use crate::code::motion::job::{TERMINAL, ended, job, migrate_slots};
use crate::code::motion::route::Route;
use crate::code_check::{CodeCheck, check};
use crate::ensure;
use crate::expect::{Expect, Kind, text_of};
use crate::need::Need;
use crate::outcome::{Outcome, Stop};

/// The checks of this file.
pub(super) const CHECKS: &[CodeCheck] = &[
    check("asm-valkey/importing-keys-are-hidden")
        .title("Until the slot is handed over, the target shows none of its keys in DBSIZE, SCAN and KEYS")
        .may("atomic-slot-migration")
        .covers(&["asm-valkey.hidden-while-importing"])
        .shape(2, 0)
        .needs(&[Need::MoveSlot])
        .commands(&["CLUSTER MIGRATESLOTS"])
        .servers(&["valkey >=9.0"])
        .body(|cluster| Box::pin(importing_keys_are_hidden(cluster))),
    check("asm-valkey/replicas-of-the-target-follow")
        .title("When a job has ended, the replicas of the target have its keys and list the job")
        .may("atomic-slot-migration")
        .covers(&["asm-valkey.replicas-follow"])
        .shape(2, 1)
        .needs(&[Need::MoveSlot])
        .commands(&["CLUSTER MIGRATESLOTS"])
        .servers(&["valkey >=9.0"])
        .body(|cluster| Box::pin(replicas_follow(cluster))),
    check("asm-valkey/functions-stay")
        .title("Functions do not move with a slot")
        .may("atomic-slot-migration")
        .covers(&["asm-valkey.functions-not-moved"])
        .shape(2, 0)
        .needs(&[Need::MoveSlot])
        .commands(&["CLUSTER MIGRATESLOTS"])
        .servers(&["valkey >=9.0"])
        .body(|cluster| Box::pin(functions_stay(cluster))),
    check("asm-valkey/tracking-clients-are-told")
        .title("A client that tracks keys is told to forget the keys that have left")
        .may("atomic-slot-migration")
        .covers(&["asm-valkey.tracking"])
        .shape(2, 0)
        .needs(&[Need::MoveSlot])
        .commands(&["CLUSTER MIGRATESLOTS"])
        .servers(&["valkey >=9.0"])
        .body(|cluster| Box::pin(tracking_clients_are_told(cluster))),
    check("asm-valkey/shard-subscribers-are-told")
        .title("A shard subscriber at the source gets sunsubscribe when the slot of its channel has left")
        .may("atomic-slot-migration")
        .covers(&["asm-valkey.shard-pubsub"])
        .shape(2, 0)
        .needs(&[Need::MoveSlot])
        .commands(&["CLUSTER MIGRATESLOTS"])
        .servers(&["valkey >=9.0"])
        .body(|cluster| Box::pin(shard_subscribers_are_told(cluster))),
];

/// The keys that move while the target is watched.
const KEYS: usize = 2_000;

async fn importing_keys_are_hidden(cluster: &Cluster) -> Outcome {
    let route = Route::draw(cluster)?;
    let Route { slot, source, target } = &route;
    let writes: Vec<_> =
        (0..KEYS).map(|number| (command!["SET", route.key(cluster, &format!("k{number}")), "v"], Expect::Ok)).collect();
    cluster.expect_all(source, &writes).await?;
    let size = cluster.expect(target, command!["DBSIZE"], Expect::Kind(Kind::Integer)).await?;
    let is_quiet = !cluster.live().findings.is_external;
    let pattern = format!("{}*", cluster.keys().run_prefix());
    let name = migrate_slots(cluster, std::slice::from_ref(slot), source, target).await?;
    let started = std::time::Instant::now();
    let mut looks = 0;
    loop {
        if started.elapsed() > cluster.limits().failover {
            return Err(Stop::mismatch(format!("the job {name} to end in time"), "a job that still runs"));
        }
        let commands = [
            command!["MULTI"],
            command!["CLUSTER", "MYID"],
            command!["DBSIZE"],
            command!["SCAN", "0", "MATCH", &pattern, "COUNT", "100000"],
            command!["EXEC"],
        ];
        let replies = cluster.pipeline(target, &commands).await?;
        // Read after the look: if the job still runs now, it ran then.
        let Ok(running) = job(cluster, target, &name).await else { continue };
        if TERMINAL.contains(&running.state.as_str()) || running.state.contains("failover") {
            break;
        }
        looks += 1;
        let items = replies.last().and_then(|exec| exec.items()).unwrap_or_default();
        let scanned = items.get(2).and_then(items_of).and_then(|scan| scan.get(1)).and_then(items_of);
        let keys =
            scanned.unwrap_or_default().iter().filter_map(text_of).filter(|key| cluster.keys().owns(key)).count();
        ensure!(
            keys == 0,
            format!("no key of slot {slot} in SCAN of {} while it imports", target.address),
            "{keys} keys"
        );
        if is_quiet {
            let found = items.get(1).cloned();
            let wanted = size.value().clone();
            ensure!(found.as_ref() == Some(&wanted), format!("DBSIZE {wanted:?} of {}", target.address), "{found:?}");
        }
    }
    cluster.owned(*slot, target).await?;
    let count = command!["CLUSTER", "COUNTKEYSINSLOT", slot.to_string()];
    cluster.expect(target, count, Expect::AtLeast(KEYS as i64)).await?;
    cluster.transcript().note(&target.address, format!("looked {looks} times while the target imported"));
    (ATOMIC.move_slots)(cluster, std::slice::from_ref(slot), target, source).await
}

async fn replicas_follow(cluster: &Cluster) -> Outcome {
    let route = Route::with_replicas(cluster)?;
    let Route { slot, source, target } = &route;
    let keys: Vec<String> = (0..20).map(|number| route.key(cluster, &format!("k{number}"))).collect();
    for key in &keys {
        cluster.expect(source, command!["SET", key, "v"], Expect::Ok).await?;
    }
    let name = migrate_slots(cluster, std::slice::from_ref(slot), source, target).await?;
    ended(cluster, source, &name).await?;
    cluster.owned(*slot, target).await?;
    for replica in cluster.replicas_of(target) {
        let mut session = cluster.readonly_session(&replica).await?;
        cluster
            .until(cluster.limits().replicate, "the replica of the target has the keys and lists the job", async || {
                for key in &keys {
                    session.expect(command!["GET", key], Expect::text("v")).await?;
                }
                let job = job(cluster, &replica, &name).await?;
                ensure!(job.operation == "IMPORT" && job.state == "success", "IMPORT in state success", "{job}");
                Ok(())
            })
            .await?;
    }
    for replica in cluster.replicas_of(source) {
        let mut session = cluster.readonly_session(&replica).await?;
        session.expect(command!["GET", &keys[0]], Expect::moved(*slot, target)).await?;
    }
    (ATOMIC.move_slots)(cluster, std::slice::from_ref(slot), target, source).await
}

async fn functions_stay(cluster: &Cluster) -> Outcome {
    let Route { slot, source, target } = Route::draw(cluster)?;
    let name = cluster.keys().plain().replace([':', '.', '-'], "_");
    let code = format!("#!lua name={name}\nserver.register_function('{name}', function(keys, args) return 'here' end)");
    cluster.expect(&source, command!["FUNCTION", "LOAD", &code], Expect::NoError).await?;
    (ATOMIC.move_slots)(cluster, std::slice::from_ref(&slot), &source, &target).await?;
    cluster.expect(&source, command!["FCALL", &name, "0"], Expect::text("here")).await?;
    cluster.expect(&target, command!["FUNCTION", "LIST", "LIBRARYNAME", &name], Expect::Length(0)).await?;
    cluster.expect(&source, command!["FUNCTION", "DELETE", &name], Expect::Ok).await?;
    (ATOMIC.move_slots)(cluster, std::slice::from_ref(&slot), &target, &source).await
}

async fn tracking_clients_are_told(cluster: &Cluster) -> Outcome {
    let route = Route::draw(cluster)?;
    let Route { slot, source, target } = &route;
    let key = route.key(cluster, "k");
    cluster.expect(source, command!["SET", &key, "v"], Expect::Ok).await?;
    let mut session = cluster.session_in(source, Protocol::Resp3).await?;
    session.expect(command!["CLIENT", "TRACKING", "on"], Expect::Ok).await?;
    session.expect(command!["GET", &key], Expect::text("v")).await?;
    (ATOMIC.move_slots)(cluster, std::slice::from_ref(slot), source, target).await?;
    let push = session.receive().await?;
    let is_told = push.push_kind().as_deref() == Some("invalidate") && push.to_string().contains(&key);
    ensure!(is_told, format!("a push that invalidates {key}"), "{push}");
    (ATOMIC.move_slots)(cluster, std::slice::from_ref(slot), target, source).await
}

async fn shard_subscribers_are_told(cluster: &Cluster) -> Outcome {
    let route = Route::draw(cluster)?;
    let Route { slot, source, target } = &route;
    let channel = route.key(cluster, "channel");
    let mut session = cluster.session_in(source, Protocol::Resp3).await?;
    session.send(command!["SSUBSCRIBE", &channel]).await?;
    let first = session.receive().await?;
    ensure!(first.push_kind().as_deref() == Some("ssubscribe"), "the push ssubscribe", "{first}");
    (ATOMIC.move_slots)(cluster, std::slice::from_ref(slot), source, target).await?;
    let push = session.receive().await?;
    let is_told = push.push_kind().as_deref() == Some("sunsubscribe") && push.to_string().contains(&channel);
    ensure!(is_told, format!("the push sunsubscribe for {channel}"), "{push}");
    session.expect(command!["PING"], Expect::NoError).await?;
    (ATOMIC.move_slots)(cluster, std::slice::from_ref(slot), target, source).await
}
