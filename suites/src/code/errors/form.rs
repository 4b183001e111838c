//! The form of errors: the first word, and the end of the line.

use wire::{Command, Kind, Node, Slot, command};

use crate::cluster::Cluster;
use crate::code_check::{CodeCheck, check};
use crate::control::Spare;
use crate::expect::Expect;
use crate::need::Need;
use crate::outcome::{Mismatch, Outcome, Stop};

/// Every check of this file.
pub(super) const CHECKS: &[CodeCheck] = &[
    check("errors/known-first-word")
        .title("Each error starts with the word by which clients tell errors apart")
        .must("RESP simple errors")
        .covers(&["errors.prefix-class"])
        .shape(2, 0)
        .body(|cluster| Box::pin(known_first_word(cluster))),
    check("errors/one-line")
        .title("An error is one line, even if it repeats text of the command")
        .must("RESP simple errors")
        .covers(&["errors.one-line"])
        .body(|cluster| Box::pin(one_line(cluster))),
    check("errors/unknown-subcommand-is-named")
        .title("The error for an unknown CLUSTER subcommand names the subcommand")
        .must("CLUSTER")
        .covers(&["errors.unknown-subcommand"])
        .body(|cluster| Box::pin(unknown_subcommand_is_named(cluster))),
    check("errors/cluster-disabled")
        .title("A server without cluster support refuses CLUSTER and ASKING")
        .should("CLUSTER")
        .covers(&["errors.cluster-disabled", "ask.asking-cluster-disabled"])
        .needs(&[Need::StandaloneNode])
        .body(|cluster| Box::pin(cluster_disabled(cluster))),
];

async fn known_first_word(cluster: &Cluster) -> Outcome {
    let node = cluster.some_primary()?;
    let (one, other) = cluster.two_slots_of(&node)?;
    let remote = cluster.slot_of(&cluster.non_owner(one)?)?;
    let keys = Keys {
        text: cluster.keys().named(one, "text"),
        other: cluster.keys().fresh(other),
        remote: cluster.keys().fresh(remote),
    };
    cluster.expect(&node, command!["SET", &keys.text, "v"], Expect::Ok).await?;
    let in_script = if cluster.server().is("redis <7.0") { "ERR" } else { "WRONGTYPE" };
    let provocations = provocations(&keys, one, in_script);
    let commands: Vec<Command> = provocations.iter().map(|(command, _)| command.clone()).collect();
    let replies = cluster.pipeline(&node, &commands).await?;
    for ((command, word), reply) in provocations.iter().zip(&replies) {
        if reply.error().is_none_or(|error| error.code != *word) && command.name() != "MULTI" {
            return Err(mismatch(&node, command, &format!("an error that starts with {word}"), reply.to_string()));
        }
    }
    Ok(())
}

struct Keys {
    text: String,
    other: String,
    remote: String,
}

/// Wrong commands with the first word of the error to each; `in_script` is the word for an error inside a script.
fn provocations(keys: &Keys, slot: Slot, in_script: &'static str) -> Vec<(Command, &'static str)> {
    let Keys { text, other, remote } = keys;
    vec![
        (command!["NO-SUCH-COMMAND"], "ERR"),
        (command!["GET"], "ERR"),
        (command!["GET", remote], "MOVED"),
        (command!["MGET", text, other], "CROSSSLOT"),
        (command!["LPUSH", text, "x"], "WRONGTYPE"),
        (command!["INCR", text], "ERR"),
        (command!["SET", text, "v", "NO-SUCH-OPTION"], "ERR"),
        (command!["EXPIRE", text, "soon"], "ERR"),
        (command!["RESTORE", text, "0", "no payload"], "BUSYKEY"),
        (command!["RESTORE", absent_beside(text), "0", "no payload"], "ERR"),
        (command!["OBJECT", "NO-SUCH-SUBCOMMAND", text], "ERR"),
        (command!["EVALSHA", "0".repeat(40), "1", text], "NOSCRIPT"),
        (command!["EVAL", "this is no script", "0"], "ERR"),
        (command!["EVAL", "return redis.call('LPUSH', KEYS[1], 'x')", "1", text], in_script),
        (command!["XGROUP", "CREATE", text, "g", "$"], "WRONGTYPE"),
        (command!["XREADGROUP", "GROUP", "g", "c", "STREAMS", absent_beside(text), ">"], "NOGROUP"),
        (command!["EXEC"], "ERR"),
        (command!["HELLO", "9"], "NOPROTO"),
        (command!["SELECT", "no number"], "ERR"),
        (command!["CONFIG", "SET", "no-such-setting", "1"], "ERR"),
        (command!["CLUSTER", "NO-SUCH-SUBCOMMAND"], "ERR"),
        (command!["CLUSTER", "COUNTKEYSINSLOT", "16384"], "ERR"),
        (command!["CLUSTER", "COUNTKEYSINSLOT", "no number"], "ERR"),
        (command!["CLUSTER", "GETKEYSINSLOT", slot.to_string(), "-1"], "ERR"),
        (command!["CLUSTER", "REPLICAS", "0".repeat(40)], "ERR"),
        (command!["CLUSTER", "COUNT-FAILURE-REPORTS", "no id"], "ERR"),
        (command!["MULTI"], "OK"),
        (command!["GET", remote], "MOVED"),
        (command!["EXEC"], "EXECABORT"),
    ]
}

/// The name of a key in the same slot that no command writes.
fn absent_beside(key: &str) -> String {
    format!("{key}:absent")
}

async fn one_line(cluster: &Cluster) -> Outcome {
    let node = cluster.some_primary()?;
    // A client would read each of them as further replies if a server repeated it unchanged.
    for trap in ["line\r\nbreak", "\r\n+OK\r\n:1\r\n", "feed\n-ERR second\n", "carriage\rreturn"] {
        for command in [
            command![trap, "x"],
            command!["NO-SUCH-COMMAND", trap],
            command!["CLUSTER", trap],
            command!["CLUSTER", "REPLICAS", trap],
            command!["CLUSTER", "COUNT-FAILURE-REPORTS", trap],
            command!["CLUSTER", "COUNTKEYSINSLOT", trap],
            command!["OBJECT", trap, "x"],
            command!["EVAL", "return redis.error_reply('ERR ' .. ARGV[1])", "0", trap],
        ] {
            stays_one_line(cluster, &node, &command).await?;
        }
    }
    Ok(())
}

/// Requires that the reply is an error on one line, and that the next reply belongs to the next command.
async fn stays_one_line(cluster: &Cluster, node: &Node, command: &Command) -> Outcome {
    let mut session = cluster.session(node).await?;
    let replies = session.pipeline(&[command.clone(), command!["PING"]]).await?;
    let [reply, ping] = replies.as_slice() else {
        return Err(Stop::broken("rct did not read two replies to two commands"));
    };
    let text = reply.error().map(|error| error.text);
    let is_line = text.is_some_and(|text| !text.contains(['\r', '\n'])) && reply.kind() == Kind::Error;
    if !is_line || !Expect::text("PONG").admits(ping) {
        let received = format!("the bytes {}, and then {ping}", reply.bytes().escape_ascii());
        return Err(mismatch(node, command, "an error on one line, and PONG in reply to the next command", received));
    }
    Ok(())
}

async fn unknown_subcommand_is_named(cluster: &Cluster) -> Outcome {
    let node = cluster.some_primary()?;
    for name in ["no-such-subcommand", "SLOT", "KEYSLOTS"] {
        let command = command!["CLUSTER", name];
        let reply = cluster.expect(&node, &command, Expect::error("ERR")).await?;
        let text = reply.error().map(|error| error.text).unwrap_or_default();
        if !text.to_lowercase().contains(&name.to_lowercase()) {
            return Err(mismatch(&node, &command, &format!("an error that names {name}"), reply.to_string()));
        }
    }
    Ok(())
}

async fn cluster_disabled(cluster: &Cluster) -> Outcome {
    let node = cluster.start_spare(Spare { standalone: true, ..Spare::default() }).await?;
    let mut session = cluster.session(&node).await?;
    for line in ["CLUSTER INFO", "CLUSTER NODES", "CLUSTER SLOTS", "CLUSTER MYID", "CLUSTER ADDSLOTS 1", "ASKING"] {
        let command = Command::new(line.split(' '));
        session.expect(&command, Expect::error("ERR")).await?;
    }
    session.expect(command!["PING"], Expect::text("PONG")).await?;
    Ok(())
}

fn mismatch(node: &Node, command: &Command, expected: &str, received: String) -> Stop {
    Stop::Mismatch(Box::new(Mismatch {
        sent: Some(command.to_string()),
        to: Some(node.address.to_string()),
        expected: expected.to_owned(),
        received,
        ..Mismatch::default()
    }))
}
