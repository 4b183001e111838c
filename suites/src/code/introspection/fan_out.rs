//! The tips of commands for several nodes are true: rct sends each command to the nodes that its tip names, combines the
//! replies as the other tip says, and compares the result with what it knows.

use wire::{Command, Node, Reply, command};

use super::reply;
use crate::cluster::Cluster;
use crate::code_check::{CodeCheck, check};
use crate::commands::{CommandEntry, CommandTable};
use crate::ensure;
use crate::expect::{Expect, text_of};
use crate::need::Need;
use crate::outcome::{Outcome, Stop};

pub(super) const CHECKS: &[CodeCheck] = &[
    check("introspection/tips-name-the-right-nodes")
        .title("The tips of commands that clients must send to several nodes name these nodes and the way to combine replies")
        .must("command-tips")
        .covers(&["introspection.tips"])
        .servers(&["redis >=7.0", "valkey"])
        .body(|cluster| Box::pin(tips_name_the_right_nodes(cluster))),
    check("introspection/tips-hold-for-keys")
        .title("DBSIZE, KEYS, EXISTS, TOUCH and DEL give the true result when rct follows their tips")
        .must("command-tips")
        .covers(&["introspection.tips", "keyspace.dbsize-local", "keyspace.keys-local"])
        .shape(2, 0)
        // Other clients would change the number of keys.
        .needs(&[Need::SetConfig])
        .servers(&["redis >=7.0", "valkey"])
        .body(|cluster| Box::pin(tips_hold_for_keys(cluster))),
    check("introspection/tips-hold-for-scripts")
        .title("SCRIPT LOAD, SCRIPT EXISTS, FUNCTION LOAD and FUNCTION DELETE reach all shards when rct follows their tips")
        .must("command-tips")
        .covers(&["introspection.tips"])
        .shape(2, 0)
        .servers(&["redis >=7.0", "valkey"])
        .body(|cluster| Box::pin(tips_hold_for_scripts(cluster))),
    check("introspection/tips-hold-for-nodes")
        .title("PING, WAIT, CLIENT SETNAME, CONFIG SET and ACL SETUSER succeed everywhere when rct follows their tips")
        .must("command-tips")
        .covers(&["introspection.tips"])
        .shape(2, 1)
        .needs(&[Need::SetConfig])
        // Redis 7.0 declares no tips for users and names of connections.
        .servers(&["redis >=7.2", "valkey"])
        .body(|cluster| Box::pin(tips_hold_for_nodes(cluster))),
];

/// Commands with the tips that follow from what they do. A server need not have all of these commands.
const TIPS: [(&str, &str, Option<&str>); 17] = [
    ("DBSIZE", "all_shards", Some("agg_sum")),
    ("KEYS", "all_shards", None),
    ("FLUSHALL", "all_shards", Some("all_succeeded")),
    ("FLUSHDB", "all_shards", Some("all_succeeded")),
    ("WAIT", "all_shards", Some("agg_min")),
    ("PING", "all_shards", Some("all_succeeded")),
    ("SCRIPT LOAD", "all_nodes", Some("all_succeeded")),
    ("SCRIPT FLUSH", "all_nodes", Some("all_succeeded")),
    ("SCRIPT EXISTS", "all_shards", Some("agg_logical_and")),
    ("FUNCTION LOAD", "all_shards", Some("all_succeeded")),
    ("FUNCTION DELETE", "all_shards", Some("all_succeeded")),
    ("CONFIG SET", "all_nodes", Some("all_succeeded")),
    ("ACL SETUSER", "all_nodes", Some("all_succeeded")),
    ("DEL", "multi_shard", Some("agg_sum")),
    ("EXISTS", "multi_shard", Some("agg_sum")),
    ("TOUCH", "multi_shard", Some("agg_sum")),
    ("MGET", "multi_shard", None),
];

/// The number of keys on each primary.
const KEYS: usize = 10;

async fn tips_name_the_right_nodes(cluster: &Cluster) -> Outcome {
    let table = reply::table(cluster).await?;
    declares_tips(&table)?;
    let mut wrong = Vec::new();
    for (name, request, response) in TIPS {
        let Some(entry) = table.find(name) else { continue };
        if name == "ACL SETUSER" && cluster.server().is("redis <7.2") {
            continue;
        }
        let found = (entry.tip("request_policy"), entry.tip("response_policy"));
        if found != (Some(request), response) {
            let shown = |tip: Option<&str>| tip.unwrap_or("none").to_owned();
            wrong.push(format!("{name}: {} and {}", shown(found.0), shown(found.1)));
        }
    }
    ensure!(
        wrong.is_empty(),
        "the documented request_policy and response_policy for each command that concerns several nodes",
        "{}",
        wrong.join("; ")
    );
    Ok(())
}

fn declares_tips(table: &CommandTable) -> Outcome {
    if table.entries().iter().any(|entry| entry.tip("request_policy").is_some()) {
        return Ok(());
    }
    Err(Stop::skip("the server declares no command tips"))
}

/// The nodes to which the request policy of a command sends it.
async fn nodes_of(cluster: &Cluster, name: &str) -> Outcome<Vec<Node>> {
    let table = reply::table(cluster).await?;
    declares_tips(&table)?;
    match table.find(name).and_then(|entry| entry.tip("request_policy")) {
        Some("all_nodes") => Ok(cluster.visited()),
        Some("all_shards") => Ok(cluster.visited_primaries()),
        other => Err(Stop::mismatch(
            format!("request_policy all_nodes or all_shards for {name} in the COMMAND table"),
            other.unwrap_or("no request_policy"),
        )),
    }
}

/// Sends a command to the nodes of its request policy, and combines the replies by its response policy.
async fn fan_out(cluster: &Cluster, name: &str, sent: &Command) -> Outcome<Combined> {
    let table = reply::table(cluster).await?;
    let mut replies = Vec::new();
    for node in nodes_of(cluster, name).await? {
        replies.push(cluster.expect(&node, sent, Expect::NoError).await?);
    }
    let policy = table.find(name).and_then(|entry: &CommandEntry| entry.tip("response_policy"));
    let numbers = || replies.iter().filter_map(Reply::integer);
    match policy {
        Some("agg_sum") => Ok(Combined::Number(numbers().sum())),
        Some("agg_min") => Ok(Combined::Number(numbers().min().unwrap_or(-1))),
        Some("agg_logical_and") => Ok(Combined::Flags(logical_and(&replies))),
        Some("all_succeeded") => Ok(Combined::Done),
        None => Ok(Combined::Lists(
            replies.iter().flat_map(|reply| reply.items().unwrap_or_default()).filter_map(text_of).collect(),
        )),
        Some(other) => Err(Stop::mismatch(
            format!("a response_policy of {name} that combines replies without knowing the command"),
            other,
        )),
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Combined {
    Number(i64),
    Flags(Vec<bool>),
    Lists(Vec<String>),
    Done,
}

/// Whether all replies, which are arrays of 0 and 1, have a 1 at each place.
fn logical_and(replies: &[Reply]) -> Vec<bool> {
    let flags = |reply: &Reply| -> Vec<bool> {
        reply.items().unwrap_or_default().iter().map(|item| matches!(item, wire::Value::Int(1))).collect()
    };
    let mut all = replies.iter().map(flags);
    let first = all.next().unwrap_or_default();
    all.fold(first, |one, other| one.iter().zip(&other).map(|(one, other)| *one && *other).collect())
}

fn is(found: &Combined, wanted: &Combined, sent: &Command) -> Outcome {
    ensure!(found == wanted, format!("{wanted:?} as the combined replies to {sent}"), "{found:?}");
    Ok(())
}

async fn tips_hold_for_keys(cluster: &Cluster) -> Outcome {
    let mut keys = Vec::new();
    for primary in cluster.visited_primaries() {
        for _ in 0..KEYS {
            keys.push(cluster.keys().fresh(cluster.slot_of(&primary)?));
        }
    }
    let count = i64::try_from(keys.len()).unwrap_or(i64::MAX);
    let size = command!["DBSIZE"];
    let Combined::Number(before) = fan_out(cluster, "DBSIZE", &size).await? else {
        return Err(Stop::mismatch("response_policy agg_sum for DBSIZE", "another one"));
    };
    for key in &keys {
        cluster.expect(&cluster.owner(wire::Slot::of(key))?, command!["SET", key, "v"], Expect::Ok).await?;
    }
    is(&fan_out(cluster, "DBSIZE", &size).await?, &Combined::Number(before + count), &size)?;
    let pattern = command!["KEYS", crate::code::keyspace::population::pattern(cluster)];
    let Combined::Lists(mut found) = fan_out(cluster, "KEYS", &pattern).await? else {
        return Err(Stop::mismatch("no response_policy for KEYS", "another one"));
    };
    found.sort();
    keys.sort();
    is(&Combined::Lists(found), &Combined::Lists(keys.clone()), &pattern)?;
    for name in ["EXISTS", "TOUCH", "DEL"] {
        let mut sum = 0;
        for node in cluster.visited_primaries() {
            for key in keys.iter().filter(|key| cluster.owner(wire::Slot::of(key)).is_ok_and(|own| own.id == node.id)) {
                let reply = cluster.expect(&node, command![name, key], Expect::Integer(1)).await?;
                sum += reply.integer().unwrap_or_default();
            }
        }
        is(&Combined::Number(sum), &Combined::Number(count), &command![name])?;
    }
    is(&fan_out(cluster, "DBSIZE", &size).await?, &Combined::Number(before), &size)
}

async fn tips_hold_for_scripts(cluster: &Cluster) -> Outcome {
    // A script that nobody else has.
    let script = format!("return '{}'", cluster.keys().plain());
    let load = command!["SCRIPT", "LOAD", &script];
    let sha =
        cluster.expect(&cluster.some_primary()?, &load, Expect::NoError).await?.text().unwrap_or_default().into_owned();
    is(&fan_out(cluster, "SCRIPT LOAD", &load).await?, &Combined::Done, &load)?;
    let exists = command!["SCRIPT", "EXISTS", &sha, "0".repeat(40)];
    is(&fan_out(cluster, "SCRIPT EXISTS", &exists).await?, &Combined::Flags(vec![true, false]), &exists)?;

    let name = cluster.keys().plain().replace(|letter: char| !letter.is_ascii_alphanumeric(), "_");
    let code = format!("#!lua name={name}\nredis.register_function('{name}', function() return 1 end)");
    let load = command!["FUNCTION", "LOAD", &code];
    is(&fan_out(cluster, "FUNCTION LOAD", &load).await?, &Combined::Done, &load)?;
    let listed = present(cluster, &name, 1).await;
    let delete = command!["FUNCTION", "DELETE", &name];
    let deleted = fan_out(cluster, "FUNCTION DELETE", &delete).await;
    listed?;
    is(&deleted?, &Combined::Done, &delete)?;
    present(cluster, &name, 0).await
}

/// Waits until every node lists a library, or none does: a replica gets it from its primary.
async fn present(cluster: &Cluster, name: &str, libraries: usize) -> Outcome {
    for node in cluster.visited() {
        let what = if libraries > 0 { "the node has the library" } else { "the node no longer has the library" };
        let settled = cluster.until(cluster.limits().replicate, what, async || {
            let list = command!["FUNCTION", "LIST", "LIBRARYNAME", name];
            cluster.expect(&node, list, Expect::Length(libraries)).await.map(drop)
        });
        settled.await?;
    }
    Ok(())
}

async fn tips_hold_for_nodes(cluster: &Cluster) -> Outcome {
    let ping = command!["PING"];
    is(&fan_out(cluster, "PING", &ping).await?, &Combined::Done, &ping)?;
    let wait = command!["WAIT", "0", "100"];
    let least =
        cluster.visited_primaries().iter().map(|primary| cluster.replicas_of(primary).len()).min().unwrap_or_default();
    let Combined::Number(found) = fan_out(cluster, "WAIT", &wait).await? else {
        return Err(Stop::mismatch("response_policy agg_min for WAIT", "another one"));
    };
    ensure!(
        usize::try_from(found).is_ok_and(|found| found <= least),
        format!("at most {least}, the least number of replicas of a primary, as the combined replies to {wait}"),
        "{found}"
    );
    let name = command!["CLIENT", "SETNAME", cluster.keys().check()];
    is(&fan_out(cluster, "CLIENT SETNAME", &name).await?, &Combined::Done, &name)?;
    for node in cluster.visited() {
        cluster.expect(&node, command!["CLIENT", "GETNAME"], Expect::text(cluster.keys().check())).await?;
    }
    settings_everywhere(cluster).await?;
    users_everywhere(cluster).await
}

/// The setting is the same on all nodes after CONFIG SET by its tips.
async fn settings_everywhere(cluster: &Cluster) -> Outcome {
    let setting = "slowlog-max-len";
    for node in nodes_of(cluster, "CONFIG SET").await? {
        cluster.set_config(&node, setting, "129").await?;
    }
    for node in cluster.visited() {
        let value = cluster.config(&node, setting).await?;
        ensure!(value == "129", format!("{setting} 129 on {}", node.address), "{value}");
    }
    Ok(())
}

/// A user exists on all nodes after ACL SETUSER by its tips, and on none after ACL DELUSER.
async fn users_everywhere(cluster: &Cluster) -> Outcome {
    let name = cluster.keys().plain();
    for node in cluster.visited() {
        cluster.adopt_user(&node, &name);
    }
    let make = command!["ACL", "SETUSER", &name, "on", "nopass", "-@all", "+ping"];
    is(&fan_out(cluster, "ACL SETUSER", &make).await?, &Combined::Done, &make)?;
    for node in cluster.visited() {
        cluster.expect(&node, command!["ACL", "GETUSER", &name], Expect::Kind(crate::expect::Kind::Map)).await?;
    }
    let delete = command!["ACL", "DELUSER", &name];
    is(&fan_out(cluster, "ACL DELUSER", &delete).await?, &Combined::Done, &delete)?;
    for node in cluster.visited() {
        cluster.expect(&node, command!["ACL", "GETUSER", &name], Expect::Null).await?;
    }
    Ok(())
}
