//! Key specifications, COMMAND GETKEYS and the routing of commands name the same keys.

use std::collections::BTreeSet;

use wire::{Command, command};

use super::reply;
use crate::cluster::Cluster;
use crate::code::sweep::{self, Call, Unconfirmed};
use crate::code_check::{CodeCheck, check};
use crate::commands::CommandEntry;
use crate::ensure;
use crate::expect::{Expect, text_of};
use crate::outcome::{Outcome, Stop};
use crate::words::list;

pub(super) const CHECKS: &[CodeCheck] = &[
    check("introspection/key-specs-find-known-keys")
        .title("The key specifications of well-known commands and COMMAND GETKEYS find the keys that rct knows")
        .should("key-specs")
        .covers(&["introspection.key-specs", "introspection.getkeys", "introspection.keyspec-step"])
        .commands(&["COMMAND GETKEYS"])
        .body(|cluster| Box::pin(key_specs_find_known_keys(cluster))),
    check("introspection/key-specs-agree-with-getkeys")
        .title("For every command, its key specifications find the keys that COMMAND GETKEYS returns")
        .should("key-specs")
        .covers(&["introspection.key-specs"])
        .servers(&["redis >=7.0", "valkey"])
        .commands(&["COMMAND GETKEYS"])
        .body(|cluster| Box::pin(key_specs_agree_with_getkeys(cluster))),
];

/// Calls with their keys, by the pages of the commands.
const KNOWN: [(&str, &[&str]); 24] = [
    ("SET a 1 EX 100", &["a"]),
    ("MSET a 1 b 2", &["a", "b"]),
    ("MSETEX 2 a 1 b 2 EX 100", &["a", "b"]),
    ("DEL a b c", &["a", "b", "c"]),
    ("RENAME a b", &["a", "b"]),
    ("COPY a b REPLACE", &["a", "b"]),
    ("BITOP AND a b c", &["a", "b", "c"]),
    ("OBJECT FREQ a", &["a"]),
    ("MEMORY USAGE a SAMPLES 5", &["a"]),
    ("XREAD COUNT 2 BLOCK 10 STREAMS a b 0 0", &["a", "b"]),
    ("XREADGROUP GROUP g c COUNT 1 STREAMS a b > >", &["a", "b"]),
    ("XINFO CONSUMERS a g", &["a"]),
    ("ZUNIONSTORE a 2 b c WEIGHTS 1 2", &["a", "b", "c"]),
    ("ZUNION 2 a b WITHSCORES", &["a", "b"]),
    ("ZINTERCARD 2 a b LIMIT 5", &["a", "b"]),
    ("LMPOP 2 a b LEFT COUNT 3", &["a", "b"]),
    ("BZMPOP 1 2 a b MIN", &["a", "b"]),
    ("BLMOVE a b LEFT RIGHT 0", &["a", "b"]),
    ("EVAL script 2 a b c", &["a", "b"]),
    ("EVALSHA_RO sha 1 a b", &["a"]),
    ("FCALL name 2 a b c", &["a", "b"]),
    ("GEOSEARCHSTORE a b FROMMEMBER m BYRADIUS 1 m ASC", &["a", "b"]),
    ("GEORADIUS a 1 1 1 m STORE b", &["a", "b"]),
    ("MIGRATE h 1 \"\" 0 100 COPY KEYS a b", &["a", "b"]),
];

async fn key_specs_find_known_keys(cluster: &Cluster) -> Outcome {
    let table = reply::table(cluster).await?;
    let node = cluster.some_primary()?;
    let mut wrong = Vec::new();
    for (line, keys) in KNOWN {
        let call = Command::parse(line).map_err(|error| Stop::broken(error.to_string()))?;
        let words: Vec<String> = call.args().iter().map(|word| String::from_utf8_lossy(word).into_owned()).collect();
        let Some(entry) = table.find(&words[..2].join(" ")).or_else(|| table.find(&words[0])) else { continue };
        let wanted: BTreeSet<String> = keys.iter().map(|key| (*key).to_owned()).collect();
        let question = call.args().iter().fold(command!["COMMAND", "GETKEYS"], Command::arg);
        let reply = cluster.call(&node, question).await?;
        let named: BTreeSet<String> = reply.items().unwrap_or_default().iter().filter_map(text_of).collect();
        if named != wanted {
            wrong.push(format!("COMMAND GETKEYS {line}: {reply}"));
        }
        if let Some(found) = by_specs(entry, &call).filter(|found| *found != wanted) {
            wrong.push(format!("key specifications for {line}: {}", list(found)));
        }
    }
    ensure!(
        wrong.is_empty(),
        format!("the keys of {} well-known commands from {}", KNOWN.len(), node.address),
        "{}",
        wrong.join("; ")
    );
    Ok(())
}

/// The keys that the specifications of a command find in a call; `None` if they do not tell all.
fn by_specs(entry: &CommandEntry, call: &Command) -> Option<BTreeSet<String>> {
    let specs = &entry.key_specs;
    if specs.is_empty() || !specs.iter().all(|spec| spec.is_complete()) {
        return None;
    }
    let mut found = BTreeSet::new();
    for spec in specs.iter().filter(|spec| spec.means_keys()) {
        // A specification that does not fit the call finds no key, which the comparison then shows.
        let positions = spec.positions(call.args()).unwrap_or_default();
        found.extend(
            positions.iter().filter_map(|at| call.args().get(*at)).map(|key| String::from_utf8_lossy(key).into_owned()),
        );
    }
    Some(found)
}

/// The least number of commands to test; the oldest servers with key specifications have some 160 with keys.
const LEAST: usize = 100;
/// The least share of the commands with keys for which rct must have built a call, in percent.
const SHARE: usize = 99;

async fn key_specs_agree_with_getkeys(cluster: &Cluster) -> Outcome {
    let node = cluster.some_primary()?;
    let table = reply::table(cluster).await?;
    let plan = sweep::plan(cluster, &node, &[1, 2, 3], LEAST).await?;
    plan.report_share(cluster);
    cluster.transcript().note(&node.address, plan.share());
    let names = ["first", "second", "third"];
    let calls = plan.calls(|count| names[..count].iter().map(|name| (*name).to_owned()).collect());
    let agreed = calls.iter().filter_map(|call| disagreement(table.find(&call.name)?, call, &names));
    let unconfirmed = plan.unconfirmed().iter().filter_map(|call| contradiction(table.find(&call.name)?, call));
    let wrong: Vec<String> = agreed.chain(unconfirmed).collect();
    ensure!(
        wrong.is_empty(),
        format!("key specifications that find the keys of COMMAND GETKEYS for each of {} calls", calls.len()),
        "{}",
        wrong.join("; ")
    );
    if plan.built_percent() < SHARE {
        return Err(Stop::broken(format!(
            "rct must build calls for {SHARE} % of the commands with keys; {}",
            plan.share()
        )));
    }
    cluster.expect(&node, command!["COMMAND", "GETKEYS", "GET", "a"], Expect::Length(1)).await.map(drop)
}

/// What the specifications of a command find in a call, if it is not what COMMAND GETKEYS confirmed.
fn disagreement(entry: &CommandEntry, call: &Call, names: &[&str]) -> Option<String> {
    let found = by_specs(entry, &call.command)?;
    let wanted = call.command.args().iter().filter(|word| names.iter().any(|name| name.as_bytes() == word.as_slice()));
    let wanted: BTreeSet<String> = wanted.map(|word| String::from_utf8_lossy(word).into_owned()).collect();
    (found != wanted).then(|| format!("{}: {}", call.command, list(found)))
}

/// What the specifications of a command find in a call, if COMMAND GETKEYS returned something else.
fn contradiction(entry: &CommandEntry, call: &Unconfirmed) -> Option<String> {
    let found = by_specs(entry, &call.command)?;
    let differs = found != call.returned;
    differs.then(|| format!("{}: {}, not {}", call.command, list(found), list(&call.returned)))
}
