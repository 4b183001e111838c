//! Functions belong to one primary and its replicas.

use wire::command;

use super::library::{call, load, name};
use crate::cluster::Cluster;
use crate::code_check::{CodeCheck, check};
use crate::expect::Expect;
use crate::outcome::Outcome;

/// Every check of this file.
pub(super) const CHECKS: &[CodeCheck] = &[
    check("scripting/functions-stay-in-their-shard")
        .title("FUNCTION LOAD reaches the asked primary and its replicas only, until each other primary gets it too")
        .must("functions-intro")
        .covers(&["scripting.functions-per-primary"])
        .shape(2, 1)
        .commands(&["FCALL"])
        .body(|cluster| Box::pin(functions_stay_in_their_shard(cluster))),
    check("scripting/functions-run-on-replicas")
        .title("A replica runs read-only functions after READONLY, and redirects or refuses the other calls")
        .must("FCALL_RO")
        .covers(&["scripting.eval-ro", "scripting.no-writes-flag-replica"])
        .shape(2, 1)
        .commands(&["FCALL"])
        .body(|cluster| Box::pin(functions_run_on_replicas(cluster))),
];

/// A function that reads its key, and one that may write it.
const CODE: &str = "
redis.register_function{function_name='{lib}_read', flags={'no-writes'},
  callback=function(keys, args) return redis.call('GET', keys[1]) end}
redis.register_function('{lib}_write', function(keys, args) return redis.call('SET', keys[1], args[1]) end)
redis.register_function{function_name='{lib}_echo', flags={'no-writes'}, callback=function(keys, args) return args[1] end}
";

async fn functions_stay_in_their_shard(cluster: &Cluster) -> Outcome {
    let first = cluster.some_primary()?;
    let slot = cluster.slot_of(&first)?;
    let second = cluster.non_owner(slot)?;
    let listed = command!["FUNCTION", "LIST", "LIBRARYNAME", name(cluster)];
    let echo = || call(cluster, "FCALL", "echo", &[], &["hello"]);
    load(cluster, &first, CODE).await?;
    cluster.expect(&first, echo(), Expect::text("hello")).await?;
    cluster.replicated(&first).await?;
    for replica in cluster.replicas_of(&first) {
        cluster.expect(&replica, &listed, Expect::Length(1)).await?;
        cluster.expect(&replica, echo(), Expect::text("hello")).await?;
    }
    let mut elsewhere = cluster.replicas_of(&second);
    elsewhere.push(second.clone());
    for node in &elsewhere {
        cluster.expect(node, &listed, Expect::Length(0)).await?;
        cluster.expect(node, echo(), Expect::error("ERR")).await?;
    }
    load(cluster, &second, CODE).await?;
    cluster.replicated(&second).await?;
    for node in &elsewhere {
        cluster.expect(node, echo(), Expect::text("hello")).await?;
    }
    // One primary forgets the library, and the other one keeps it.
    cluster.expect(&first, command!["FUNCTION", "DELETE", name(cluster)], Expect::Ok).await?;
    cluster.expect(&first, echo(), Expect::error("ERR")).await?;
    cluster.expect(&second, echo(), Expect::text("hello")).await.map(drop)
}

async fn functions_run_on_replicas(cluster: &Cluster) -> Outcome {
    let primary = cluster.some_primary()?;
    let (replica, slot) = (cluster.replica_of(&primary)?, cluster.slot_of(&primary)?);
    let other = cluster.non_owner(slot)?;
    let foreign = cluster.slot_of(&other)?;
    let (key, remote) = (cluster.keys().fresh(slot), cluster.keys().fresh(foreign));
    load(cluster, &primary, CODE).await?;
    cluster.expect(&primary, call(cluster, "FCALL", "write", &[&key], &["v"]), Expect::Ok).await?;
    cluster.replicated(&primary).await?;
    let refused =
        || Expect::AnyOf(vec![Expect::error("READONLY"), Expect::error("ERR"), Expect::moved(slot, &primary)]);
    let mut session = cluster.session(&replica).await?;
    for (command, expect) in [
        (call(cluster, "FCALL_RO", "read", &[&key], &[]), Expect::moved(slot, &primary)),
        (command!["READONLY"], Expect::Ok),
        (call(cluster, "FCALL_RO", "read", &[&key], &[]), Expect::text("v")),
        (call(cluster, "FCALL", "read", &[&key], &[]), Expect::text("v")),
        (call(cluster, "FCALL_RO", "read", &[&remote], &[]), Expect::moved(foreign, &other)),
        (call(cluster, "FCALL_RO", "write", &[&key], &["w"]), refused()),
        (call(cluster, "FCALL", "write", &[&key], &["w"]), refused()),
        (command!["GET", &key], Expect::text("v")),
        (command!["MULTI"], Expect::Ok),
        (call(cluster, "FCALL_RO", "read", &[&key], &[]), Expect::Queued),
        (command!["EXEC"], Expect::Items(vec![Expect::text("v")])),
        (command!["READWRITE"], Expect::Ok),
        (call(cluster, "FCALL_RO", "read", &[&key], &[]), Expect::moved(slot, &primary)),
    ] {
        session.expect(command, expect).await?;
    }
    Ok(())
}
