//! The form of errors: their first word, and that they are one line.

use wire::{Command, Kind, Node, Slot, command};

use crate::check::{CodeCheck, Level, Need, Shape};
use crate::cluster::Cluster;
use crate::control::Spare;
use crate::ensure;
use crate::expect::Expect;
use crate::outcome::{Mismatch, Outcome, Stop};

/// Every check of this file.
pub(super) const CHECKS: &[CodeCheck] = &[
    CodeCheck {
        id: "errors/known-first-word",
        title: "Each error begins with one of the words that clients branch on",
        level: Level::Must,
        spec: "RESP simple errors",
        statements: &["errors.prefix-class"],
        shape: Shape::new(2, 0),
        needs: &[],
        servers: &[],
        source: (file!(), line!()),
        body: |cluster| Box::pin(known_first_word(cluster)),
    },
    CodeCheck {
        id: "errors/one-line",
        title: "An error is one line, also where it repeats what it was sent",
        level: Level::Must,
        spec: "RESP simple errors",
        statements: &["errors.one-line"],
        shape: Shape::new(1, 0),
        needs: &[],
        servers: &[],
        source: (file!(), line!()),
        body: |cluster| Box::pin(one_line(cluster)),
    },
    CodeCheck {
        id: "errors/unknown-subcommand-is-named",
        title: "An unknown subcommand is an error that names it",
        level: Level::Must,
        spec: "CLUSTER",
        statements: &["errors.unknown-subcommand"],
        shape: Shape::new(1, 0),
        needs: &[],
        servers: &[],
        source: (file!(), line!()),
        body: |cluster| Box::pin(unknown_subcommand_is_named(cluster)),
    },
    CodeCheck {
        id: "errors/cluster-disabled",
        title: "A server without cluster support refuses CLUSTER and ASKING",
        level: Level::Should,
        spec: "CLUSTER",
        statements: &["errors.cluster-disabled"],
        shape: Shape::new(1, 0),
        needs: &[Need::StandaloneNode],
        servers: &[],
        source: (file!(), line!()),
        body: |cluster| Box::pin(cluster_disabled(cluster)),
    },
];

/// The first words that clients know, those of single commands at the end.
const FIRST_WORDS: [&str; 28] = [
    "ERR",
    "MOVED",
    "ASK",
    "TRYAGAIN",
    "CROSSSLOT",
    "CLUSTERDOWN",
    "EXECABORT",
    "READONLY",
    "NOREPLICAS",
    "MASTERDOWN",
    "LOADING",
    "BUSY",
    "NOSCRIPT",
    "NOAUTH",
    "NOPERM",
    "WRONGPASS",
    "WRONGTYPE",
    "OOM",
    "MISCONF",
    "UNBLOCKED",
    "BUSYKEY",
    "IOERR",
    "NOPROTO",
    "REDIRECT",
    "BUSYGROUP",
    "NOGROUP",
    "NOSUB",
    "NOTBUSY",
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
    let provocations = provocations(&keys, one);
    let replies = cluster.pipeline(&node, &provocations).await?;
    for (command, reply) in provocations.iter().zip(&replies) {
        let Some(error) = reply.error() else { continue };
        if !FIRST_WORDS.contains(&error.code.as_str()) {
            return Err(mismatch(
                &node,
                command,
                "an error that begins with a word that clients know",
                reply.to_string(),
            ));
        }
    }
    let accepted: Vec<String> = provocations
        .iter()
        .zip(&replies)
        .filter(|(command, reply)| command.name() != "MULTI" && reply.error().is_none())
        .map(|(command, reply)| format!("{command}: {reply}"))
        .collect();
    ensure!(accepted.is_empty(), "an error to every wrong command", "{}", accepted.join("; "));
    Ok(())
}

struct Keys {
    text: String,
    other: String,
    remote: String,
}

fn provocations(keys: &Keys, slot: Slot) -> Vec<Command> {
    let Keys { text, other, remote } = keys;
    vec![
        command!["NO-SUCH-COMMAND"],
        command!["GET"],
        command!["GET", remote],
        command!["MGET", text, other],
        command!["LPUSH", text, "x"],
        command!["INCR", text],
        command!["SET", text, "v", "NO-SUCH-OPTION"],
        command!["EXPIRE", text, "soon"],
        command!["RESTORE", text, "0", "no payload"],
        command!["OBJECT", "NO-SUCH-SUBCOMMAND", text],
        command!["EVALSHA", "0".repeat(40), "1", text],
        command!["EVAL", "this is no script", "0"],
        command!["EVAL", "return redis.call('LPUSH', KEYS[1], 'x')", "1", text],
        command!["XGROUP", "CREATE", text, "g", "$"],
        command!["XREADGROUP", "GROUP", "g", "c", "STREAMS", absent_beside(text), ">"],
        command!["EXEC"],
        command!["HELLO", "9"],
        command!["SELECT", "no number"],
        command!["CONFIG", "SET", "no-such-setting", "1"],
        command!["CLUSTER", "NO-SUCH-SUBCOMMAND"],
        command!["CLUSTER", "COUNTKEYSINSLOT", "16384"],
        command!["CLUSTER", "COUNTKEYSINSLOT", "no number"],
        command!["CLUSTER", "GETKEYSINSLOT", slot.to_string(), "-1"],
        command!["CLUSTER", "REPLICAS", "0".repeat(40)],
        command!["CLUSTER", "COUNT-FAILURE-REPORTS", "no id"],
        command!["MULTI"],
        command!["GET", remote],
        command!["EXEC"],
    ]
}

/// A key beside another one, that nobody makes.
fn absent_beside(key: &str) -> String {
    format!("{key}:absent")
}

async fn one_line(cluster: &Cluster) -> Outcome {
    let node = cluster.some_primary()?;
    // Each would be taken for further replies if a server repeated it as it is.
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

/// The reply is an error without line ends inside, and the next reply is that of the next command.
async fn stays_one_line(cluster: &Cluster, node: &Node, command: &Command) -> Outcome {
    let mut session = cluster.session(node).await?;
    let replies = session.pipeline(&[command.clone(), command!["PING"]]).await?;
    let [reply, ping] = replies.as_slice() else { return Err(Stop::broken("read two replies")) };
    let text = reply.error().map(|error| error.text);
    let is_line = text.is_some_and(|text| !text.contains(['\r', '\n'])) && reply.kind() == Kind::Error;
    if !is_line || !Expect::text("PONG").admits(ping) {
        let received = format!("{} and then {ping}", reply.bytes().escape_ascii());
        return Err(mismatch(node, command, "an error of one line, and PONG to the PING after it", received));
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
