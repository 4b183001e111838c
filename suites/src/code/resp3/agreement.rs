//! RESP2 and RESP3 carry the same information, and a connection may switch between them.

use wire::{Command, Kind, Node, Protocol, Value, command};

use crate::cluster::Cluster;
use crate::code_check::{CodeCheck, check};
use crate::ensure;
use crate::expect::{Expect, text_of};
use crate::outcome::Outcome;
use crate::session::Session;
use crate::words;

pub(super) const CHECKS: &[CodeCheck] = &[
    check("resp3/topology-is-the-same")
        .title("Topology commands carry the same information in RESP2 and RESP3, on every node")
        .must("HELLO")
        .covers(&["resp3.both-agree"])
        .shape(2, 0)
        .body(|cluster| Box::pin(topology_is_the_same(cluster))),
    check("resp3/commands-are-the-same")
        .title("COMMAND carries the same information in RESP2 and RESP3")
        .must("COMMAND")
        .covers(&["resp3.both-agree"])
        .body(|cluster| Box::pin(commands_are_the_same(cluster))),
    check("resp3/switching-keeps-readonly")
        .title("HELLO changes the form of later replies, and a READONLY connection stays READONLY")
        .should("HELLO")
        .covers(&["resp3.switch-mid-connection"])
        .shape(1, 1)
        .in_resp2()
        .body(|cluster| Box::pin(switching_keeps_readonly(cluster))),
    check("resp3/every-node-greets")
        .title("Every node answers HELLO, AUTH and CLIENT SETNAME itself, in both protocols")
        .must("HELLO")
        .covers(&["resp3.hello-cluster-not-redirected"])
        .shape(2, 0)
        .body(|cluster| Box::pin(every_node_greets(cluster))),
];

/// The fields whose values change by themselves from one reply to the next.
const VOLATILE: [&str; 4] = ["replication-offset", "send-buffer-allocated", "send-buffer-used", "create-time"];
/// What such lines of CLUSTER INFO begin with.
const COUNTERS: [&str; 2] = ["cluster_stats_", "total_cluster_links"];
/// The words of a line of CLUSTER NODES that change by themselves: when PING was sent and PONG came.
const TIMES: std::ops::Range<usize> = 4..6;

async fn topology_is_the_same(cluster: &Cluster) -> Outcome {
    for node in cluster.visited() {
        let mut commands = vec![
            command!["CLUSTER", "SLOTS"],
            command!["CLUSTER", "NODES"],
            command!["CLUSTER", "INFO"],
            command!["CLUSTER", "MYID"],
            command!["CLUSTER", "KEYSLOT", "foo"],
            command!["CLUSTER", "COUNT-FAILURE-REPORTS", node.id],
        ];
        for name in ["SHARDS", "LINKS", "MYSHARDID"] {
            if !cluster.server().is("redis <7.0") && cluster.may_have(&format!("CLUSTER {name}")).await? {
                commands.push(command!["CLUSTER", name]);
            }
        }
        if let Some(primary) = cluster.primaries().first() {
            commands.push(command!["CLUSTER", "REPLICAS", primary.id]);
        }
        agree(cluster, &node, &commands).await?;
    }
    Ok(())
}

async fn commands_are_the_same(cluster: &Cluster) -> Outcome {
    let node = cluster.some_primary()?;
    let sent =
        [command!["COMMAND"], command!["COMMAND", "COUNT"], command!["COMMAND", "INFO", "get", "no-such-command"]];
    agree(cluster, &node, &sent).await
}

/// Requires that a node gives the same information in both protocols.
async fn agree(cluster: &Cluster, node: &Node, commands: &[Command]) -> Outcome {
    let mut two = cluster.session_in(node, Protocol::Resp2).await?;
    let mut three = cluster.session_in(node, Protocol::Resp3).await?;
    for command in commands {
        // Nodes hear news from each other between the two replies.
        let same = cluster.until(cluster.limits().reply, "both protocols carry the same information", async || {
            let [old, new] = [leaves(two.call(command).await?.value()), leaves(three.call(command).await?.value())];
            let differs = old.iter().zip(&new).find(|(old, new)| old != new);
            ensure!(
                old.len() == new.len() && differs.is_none(),
                format!(
                    "{} in reply to {command} from {} in RESP3, as in RESP2",
                    differs.map_or_else(|| format!("{} values", old.len()), |(old, _)| old.clone()),
                    node.address
                ),
                "{}",
                differs.map_or_else(|| format!("{} values", new.len()), |(_, new)| new.clone())
            );
            Ok(())
        });
        same.await?;
    }
    Ok(())
}

/// All strings and numbers of a reply in order, with the lengths of its arrays; a map counts as a flat array.
fn leaves(value: &Value) -> Vec<String> {
    let mut found = Vec::new();
    collect(value, &mut found);
    let mut kept = Vec::with_capacity(found.len());
    let mut skip = false;
    for leaf in found {
        if !std::mem::replace(&mut skip, VOLATILE.contains(&leaf.as_str())) {
            kept.push(leaf);
        }
    }
    kept
}

fn collect(value: &Value, found: &mut Vec<String>) {
    if let Value::Map(pairs) = value {
        found.push(format!("an array of {}", pairs.len() * 2));
        for (key, value) in pairs {
            collect(key, found);
            collect(value, found);
        }
    } else if let Some(items) = wire::items_of(value) {
        found.push(format!("an array of {}", items.len()));
        items.iter().for_each(|item| collect(item, found));
    } else if let Some(text) = text_of(value) {
        found.extend(text.lines().map(stable).filter(|line| !COUNTERS.iter().any(|counter| line.starts_with(counter))));
    } else {
        found.push(wire::describe(value));
    }
}

/// A line without the times of CLUSTER NODES.
fn stable(line: &str) -> String {
    let words: Vec<&str> = line.split(' ').collect();
    if words.len() < 8 || words[0].len() != 40 {
        return line.to_owned();
    }
    let kept = words.iter().enumerate().filter(|(at, _)| !TIMES.contains(at)).map(|(_, word)| *word);
    kept.collect::<Vec<_>>().join(" ")
}

async fn switching_keeps_readonly(cluster: &Cluster) -> Outcome {
    let primary = cluster.some_primary()?;
    let replica = cluster.replica_of(&primary)?;
    let key = cluster.keys().fresh(cluster.slot_of(&primary)?);
    cluster.expect(&primary, command!["HSET", &key, "field", "v"], Expect::Integer(1)).await?;
    cluster.replicated(&primary).await?;
    let mut session = cluster.readonly_session(&replica).await?;
    reads(&mut session, &key, Kind::Array).await?;
    for (version, form) in
        [("3", Kind::Map), ("3", Kind::Map), ("2", Kind::Array), ("3", Kind::Map), ("2", Kind::Array)]
    {
        session.expect(command!["HELLO", version], Expect::NoError).await?;
        reads(&mut session, &key, form).await?;
    }
    session.expect(command!["READWRITE"], Expect::Ok).await?;
    session.expect(command!["HELLO", "3"], Expect::NoError).await?;
    session.expect(command!["HGETALL", &key], Expect::error("MOVED")).await.map(drop)
}

/// Requires that a READONLY connection reads the hash, in the form of its protocol.
async fn reads(session: &mut Session, key: &str, form: Kind) -> Outcome {
    let reply = session.expect(command!["HGETALL", key], Expect::NoError).await?;
    ensure!(
        reply.kind() == form,
        format!("{} in reply to HGETALL from {}", words::kind(form), session.address()),
        "{}: {reply}",
        words::kind(reply.kind())
    );
    Ok(())
}

async fn every_node_greets(cluster: &Cluster) -> Outcome {
    let name = cluster.keys().check().to_owned();
    let has_info = cluster.server().is("redis >=7.2") || cluster.server().is("valkey");
    for node in cluster.visited() {
        let mut session = cluster.session(&node).await?;
        for version in ["2", "3"] {
            session.expect(command!["HELLO", version, "SETNAME", &name], Expect::NoError).await?;
            session.expect(command!["CLIENT", "GETNAME"], Expect::text(&name)).await?;
            session.expect(command!["CLIENT", "SETNAME", format!("{name}-{version}")], Expect::Ok).await?;
            session.expect(command!["CLIENT", "GETNAME"], Expect::text(format!("{name}-{version}"))).await?;
            if has_info {
                session.expect(command!["CLIENT", "SETINFO", "LIB-NAME", "rct"], Expect::Ok).await?;
            }
            let refused = Expect::error("WRONGPASS");
            session.expect(command!["AUTH", cluster.keys().plain(), "no-such-password"], refused).await?;
        }
    }
    Ok(())
}
