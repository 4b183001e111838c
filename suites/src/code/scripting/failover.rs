//! What is left of scripts and functions when a replica takes over.

use wire::command;

use super::library::{call, load};
use crate::cluster::Cluster;
use crate::code::failover::observe::answered;
use crate::code::failover::participants::Participants;
use crate::code_check::{CodeCheck, check};
use crate::expect::{Expect, Kind};
use crate::need::Need;
use crate::outcome::Outcome;

/// Every check of this file.
pub(super) const CHECKS: &[CodeCheck] = &[
    check("scripting/functions-survive-a-failover")
        .title("The promoted replica runs the functions of its old primary, and the demoted node still has them")
        .must("functions-intro")
        .covers(&["scripting.functions-survive-failover"])
        .shape(3, 1)
        .needs(&[Need::ChangeRoles])
        .commands(&["FCALL"])
        .body(|cluster| Box::pin(functions_survive_a_failover(cluster))),
    check("scripting/digests-after-a-failover")
        .title("After a failover EVALSHA runs the script or answers NOSCRIPT, and runs it once EVAL has sent it again")
        .should("eval-intro")
        .covers(&["scripting.noscript-after-failover"])
        .shape(3, 1)
        .needs(&[Need::ChangeRoles])
        .body(|cluster| Box::pin(digests_after_a_failover(cluster))),
];

const CODE: &str = "
redis.register_function('{lib}_write', function(keys, args) return redis.call('SET', keys[1], args[1]) end)
redis.register_function{function_name='{lib}_read', flags={'no-writes'},
  callback=function(keys, args) return redis.call('GET', keys[1]) end}
";

async fn functions_survive_a_failover(cluster: &Cluster) -> Outcome {
    let Participants { primary, replica, .. } = Participants::draw(cluster)?;
    let key = cluster.keys().fresh(cluster.slot_of(&primary)?);
    load(cluster, &primary, CODE).await?;
    cluster.expect(&primary, call(cluster, "FCALL", "write", &[&key], &["before"]), Expect::Ok).await?;
    cluster.replicated(&primary).await?;
    cluster.failover(&replica, None).await?;
    answered(cluster, &replica, call(cluster, "FCALL", "read", &[&key], &[]), Expect::text("before")).await?;
    answered(cluster, &replica, call(cluster, "FCALL", "write", &[&key], &["after"]), Expect::Ok).await?;
    let mut reader = cluster.readonly_session(&primary).await?;
    let read = call(cluster, "FCALL_RO", "read", &[&key], &[]);
    cluster
        .until(cluster.limits().restart, "the demoted node runs the function on the new value", async || {
            reader.expect(&read, Expect::text("after")).await.map(drop)
        })
        .await
}

async fn digests_after_a_failover(cluster: &Cluster) -> Outcome {
    let Participants { primary, replica, .. } = Participants::draw(cluster)?;
    let key = cluster.keys().fresh(cluster.slot_of(&primary)?);
    let script = format!("return {{redis.call('INCR', KEYS[1]), '{}'}}", cluster.keys().plain());
    let answer = |count: i64| Expect::Items(vec![Expect::Integer(count), Expect::text(cluster.keys().plain())]);
    let digest = cluster.expect(&primary, command!["SCRIPT", "LOAD", &script], Expect::Kind(Kind::Text)).await?;
    let run = command!["EVALSHA", digest.text().unwrap_or_default().as_bytes(), "1", &key];
    cluster.expect(&primary, &run, answer(1)).await?;
    cluster.replicated(&primary).await?;
    cluster.failover(&replica, None).await?;
    // Servers before 7.0 replicate scripts; others need not (eval-intro, "Script replication").
    let either = Expect::AnyOf(vec![answer(2), Expect::error("NOSCRIPT")]);
    let reply = cluster.expect(&replica, &run, either).await?;
    let done = if reply.error().is_some() { 1 } else { 2 };
    cluster.expect(&replica, command!["EVAL", &script, "1", &key], answer(done + 1)).await?;
    cluster.expect(&replica, &run, answer(done + 2)).await?;
    cluster.expect(&primary, &run, Expect::error("MOVED")).await.map(drop)
}
