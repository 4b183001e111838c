//! The suite `connection` in Rust: databases, protocols, and the table of commands.

use wire::{Command, Kind, Node, Protocol, Reply, Value, command};

use crate::cluster::Cluster;
use crate::code_check::{CodeCheck, check};
use crate::commands::CommandTable;
use crate::ensure;
use crate::expect::{Expect, field_of, text_of};
use crate::outcome::{Outcome, Stop};
use crate::words::{self, list};

pub(super) const CHECKS: [&[CodeCheck]; 1] = [&[
    check("connection/other-databases-are-refused")
        .title("SELECT, MOVE and COPY refuse an unavailable database, and the connection keeps its own database")
        .must("SELECT")
        .covers(&["multi-db.select-other", "multi-db.move-swapdb", "multi-db.copy-db"])
        .body(|cluster| Box::pin(other_databases_are_refused(cluster))),
    check("connection/hello-tells-the-mode")
        .title("HELLO reports the protocol, the mode cluster and the node's role, in both protocols")
        .must("HELLO")
        .covers(&["resp3.hello-mode"])
        .shape(1, 1)
        .body(|cluster| Box::pin(hello_tells_the_mode(cluster))),
    check("connection/hello-of-an-unknown-version")
        .title("HELLO refuses an unknown protocol version, and the connection keeps its protocol")
        .must("HELLO")
        .covers(&["resp3.noproto"])
        // HELLO without a version, which tells the protocol, exists since Redis 6.2.
        .servers(&["redis >=6.2", "valkey"])
        .body(|cluster| Box::pin(hello_of_an_unknown_version(cluster))),
    check("connection/same-errors-in-resp3")
        .title("An error has the same bytes in RESP3 as in RESP2")
        .must("RESP simple errors")
        .covers(&["resp3.same-errors"])
        .shape(2, 0)
        .body(|cluster| Box::pin(same_errors_in_resp3(cluster))),
    check("connection/command-table")
        .title("COMMAND INFO returns the arity and the key positions that clients need for routing")
        .should("COMMAND INFO")
        .covers(&["introspection.command-info-cluster", "introspection.movablekeys"])
        .commands(&["COMMAND INFO"])
        .body(|cluster| Box::pin(command_table(cluster))),
]];

async fn other_databases_are_refused(cluster: &Cluster) -> Outcome {
    let node = cluster.some_primary()?;
    let other = databases(&cluster.call(&node, command!["CONFIG", "GET", "cluster-databases"]).await?);
    let key = cluster.keys().fresh(cluster.slot_of(&node)?);
    let refused = || Expect::error("ERR");
    let sent = [
        (command!["SET", &key, "v"], Expect::Ok),
        (command!["SELECT", &other], refused()),
        (command!["SELECT", "-1"], refused()),
        (command!["GET", &key], Expect::text("v")),
        (command!["MOVE", &key, &other], refused()),
        (command!["COPY", &key, format!("{key}:copy"), "DB", &other], refused()),
        (command!["GET", &key], Expect::text("v")),
    ];
    let mut known = Vec::new();
    for (command, expect) in sent {
        if cluster.may_have(&command.name()).await? {
            known.push((command, expect));
        }
    }
    cluster.session(&node).await?.expect_all(&known).await?;
    Ok(())
}

/// The number of the first database that does not exist; 1 on a server without the setting `cluster-databases`.
fn databases(config: &Reply) -> String {
    field_of(config.value(), "cluster-databases").and_then(text_of).unwrap_or_else(|| "1".to_owned())
}

async fn hello_tells_the_mode(cluster: &Cluster) -> Outcome {
    for node in cluster.visited() {
        for (version, form) in [(2, Kind::Array), (3, Kind::Map)] {
            let reply = cluster.session(&node).await?.call(command!["HELLO", version.to_string()]).await?;
            let is_right = reply.kind() == form
                && field_of(reply.value(), "mode").and_then(text_of).as_deref() == Some("cluster")
                && field_of(reply.value(), "role").and_then(text_of).as_deref() == Some(role(&node))
                && matches!(field_of(reply.value(), "proto"), Some(Value::Int(proto)) if *proto == version);
            ensure!(
                is_right,
                format!(
                    "mode cluster, role {1} and proto {version} in reply to HELLO {version} from {0}",
                    node.address,
                    role(&node)
                ),
                "{reply}"
            );
        }
    }
    Ok(())
}

async fn hello_of_an_unknown_version(cluster: &Cluster) -> Outcome {
    let node = cluster.some_primary()?;
    for (protocol, form) in [(Protocol::Resp2, Kind::Array), (Protocol::Resp3, Kind::Map)] {
        for version in ["1", "4"] {
            let mut session = cluster.session_in(&node, protocol).await?;
            session.expect(command!["HELLO", version], Expect::error("NOPROTO")).await?;
            let reply = session.call(command!["HELLO"]).await?;
            ensure!(
                reply.kind() == form,
                format!("{} in reply to HELLO from {}, as before HELLO {version}", words::kind(form), node.address),
                "{}: {reply}",
                words::kind(reply.kind())
            );
        }
    }
    Ok(())
}

fn role(node: &Node) -> &'static str {
    if node.primary.is_none() { "master" } else { "replica" }
}

async fn same_errors_in_resp3(cluster: &Cluster) -> Outcome {
    let node = cluster.some_primary()?;
    let (one, other) = cluster.two_slots_of(&node)?;
    let remote = cluster.slot_of(&cluster.non_owner(one)?)?;
    let [text, other, remote] = [one, other, remote].map(|slot| cluster.keys().fresh(slot));
    cluster.expect(&node, command!["SET", &text, "v"], Expect::Ok).await?;
    let commands = [
        command!["NO-SUCH-COMMAND"],
        command!["GET"],
        command!["GET", &remote],
        command!["SET", &remote, "v"],
        command!["MGET", &text, &other],
        command!["LPUSH", &text, "x"],
        command!["EVALSHA", "0".repeat(40), "1", &text],
        command!["CLUSTER", "NO-SUCH-SUBCOMMAND"],
        command!["CLUSTER", "COUNTKEYSINSLOT", "16384"],
        command!["MULTI"],
        command!["MGET", &text, &other],
        command!["EXEC"],
    ];
    let two = cluster.session_in(&node, Protocol::Resp2).await?.pipeline(&commands).await?;
    let three = cluster.session_in(&node, Protocol::Resp3).await?.pipeline(&commands).await?;
    for (command, (two, three)) in commands.iter().zip(two.iter().zip(&three)) {
        ensure!(
            two.bytes() == three.bytes(),
            format!(
                "the bytes {} in reply to {command} from {} in RESP3, as in RESP2",
                two.bytes().escape_ascii(),
                node.address
            ),
            "the bytes {}",
            three.bytes().escape_ascii()
        );
    }
    Ok(())
}

/// Commands with their arity, and with the positions of the first and last key and the step between keys.
const TABLE: [(&str, i64, [i64; 3]); 12] = [
    ("ASKING", 1, [0, 0, 0]),
    ("READONLY", 1, [0, 0, 0]),
    ("READWRITE", 1, [0, 0, 0]),
    ("CLUSTER", -2, [0, 0, 0]),
    ("GET", 2, [1, 1, 1]),
    ("SET", -3, [1, 1, 1]),
    ("DEL", -2, [1, -1, 1]),
    ("MGET", -2, [1, -1, 1]),
    ("MSET", -3, [1, -1, 2]),
    ("RENAME", 3, [1, 2, 1]),
    ("BLPOP", -3, [1, -2, 1]),
    ("BITOP", -4, [2, -1, 1]),
];
/// Commands whose key positions depend on their arguments.
const MOVABLE: [&str; 3] = ["EVAL", "XREADGROUP", "SORT"];

async fn command_table(cluster: &Cluster) -> Outcome {
    let names = TABLE.iter().map(|(name, ..)| *name).chain(MOVABLE);
    let question = Command::new(["COMMAND", "INFO"].into_iter().chain(names));
    let reply = cluster.call(&cluster.some_primary()?, &question).await?;
    let unread = |why: String| Stop::mismatch(format!("the entries of these commands in reply to {question}"), why);
    let table = CommandTable::parse(reply.value()).map_err(unread)?;
    let entry = |name: &str| {
        table.find(name).ok_or_else(|| {
            Stop::mismatch(format!("an entry of {name} in reply to COMMAND INFO"), "no such entry".to_owned())
        })
    };
    for (name, arity, keys) in TABLE {
        let entry = entry(name)?;
        let found = [entry.first_key, entry.last_key, entry.key_step];
        ensure!(
            entry.arity == arity && found == keys,
            format!("arity {arity} and key positions {} for {name} in COMMAND INFO", list(keys)),
            "arity {} and key positions {}",
            entry.arity,
            list(found)
        );
    }
    for name in MOVABLE {
        let entry = entry(name)?;
        let is_movable = entry.flags.iter().any(|flag| flag == "movablekeys");
        ensure!(
            is_movable,
            format!("the flag movablekeys for {name} in COMMAND INFO"),
            "the flags {}",
            list(&entry.flags)
        );
    }
    Ok(())
}
