//! The table that COMMAND returns is complete, and its words have a meaning.

use wire::{Command, command};

use super::reply;
use crate::cluster::Cluster;
use crate::code_check::{CodeCheck, check};
use crate::commands::CommandEntry;
use crate::ensure;
use crate::expect::{Expect, text_of};
use crate::outcome::{Outcome, Stop};
use crate::words::list;

pub(super) const CHECKS: &[CodeCheck] = &[
    check("introspection/subcommands-exist")
        .title("The server accepts every subcommand that its COMMAND table lists, with as many words as the table says")
        .should("COMMAND INFO")
        .covers(&["introspection.subcommands"])
        .servers(&["redis >=7.0", "valkey"])
        .body(|cluster| Box::pin(subcommands_exist(cluster))),
    check("introspection/shard-channels-are-not-keys")
        .title("COMMAND marks shard channels as not_key, and COMMAND GETKEYS does not return them")
        .should("key-specs")
        .covers(&["introspection.shard-channel-spec"])
        .servers(&["redis >=7.0", "valkey"])
        .commands(&["SPUBLISH", "COMMAND GETKEYS"])
        .body(|cluster| Box::pin(shard_channels_are_not_keys(cluster))),
    check("introspection/policies-are-known")
        .title("Every request_policy and response_policy in the COMMAND table is one that the documentation names")
        .must("command-tips")
        .covers(&["introspection.tips"])
        .servers(&["redis >=7.0", "valkey"])
        .body(|cluster| Box::pin(policies_are_known(cluster))),
    check("introspection/every-node-has-the-same-table")
        .title("Every node returns the same COMMAND table")
        .should("COMMAND")
        .covers(&["introspection.subcommands"])
        .shape(2, 0)
        .body(|cluster| Box::pin(every_node_has_the_same_table(cluster))),
];

/// The policies that the page "Command tips" names.
const REQUEST_POLICIES: [&str; 4] = ["all_nodes", "all_shards", "multi_shard", "special"];
const RESPONSE_POLICIES: [&str; 8] =
    ["one_succeeded", "all_succeeded", "agg_logical_and", "agg_logical_or", "agg_min", "agg_max", "agg_sum", "special"];

/// Queues each subcommand in a transaction that is discarded: a server checks the name and the number of words first.
async fn subcommands_exist(cluster: &Cluster) -> Outcome {
    let table = reply::table(cluster).await?;
    let subcommands: Vec<&CommandEntry> = table.entries().iter().filter(|entry| entry.name.contains(' ')).collect();
    ensure!(!subcommands.is_empty(), "subcommands in the reply to COMMAND", "no subcommand");
    let mut session = cluster.session(&cluster.some_primary()?).await?;
    let mut sent = vec![command!["MULTI"]];
    sent.extend(subcommands.iter().map(|entry| with_enough_words(entry)));
    sent.push(command!["CLUSTER", "NO-SUCH-SUBCOMMAND"]);
    sent.push(command!["DISCARD"]);
    let replies = session.exchange(&sent).await?;
    if replies[subcommands.len() + 1].error().is_none() {
        return Err(Stop::skip(
            "the server queues unknown subcommands, so a transaction does not show which ones it has",
        ));
    }
    let is_refused =
        |text: &str| ["unknown subcommand", "wrong number of arguments"].iter().any(|part| text.contains(part));
    let refused = subcommands.iter().zip(&replies[1..]).filter_map(|(entry, reply)| {
        let error = reply.error()?;
        is_refused(&error.text.to_lowercase()).then(|| format!("{}: {}", entry.name, error.text))
    });
    let refused: Vec<String> = refused.collect();
    ensure!(
        refused.is_empty(),
        format!("no refusal of the {} subcommands in the COMMAND table of {}", subcommands.len(), session.address()),
        "{}",
        list(refused)
    );
    Ok(())
}

/// The subcommand with the least number of words that its arity allows.
fn with_enough_words(entry: &CommandEntry) -> Command {
    let names: Vec<&str> = entry.name.split(' ').collect();
    let words = usize::try_from(entry.arity.unsigned_abs()).unwrap_or_default().clamp(names.len(), 64);
    let fill = std::iter::repeat_n("1", words - names.len());
    Command::new(names.iter().copied().chain(fill))
}

async fn shard_channels_are_not_keys(cluster: &Cluster) -> Outcome {
    let table = reply::table(cluster).await?;
    let node = cluster.some_primary()?;
    for (name, words) in [("SPUBLISH", 2), ("SSUBSCRIBE", 1), ("SUNSUBSCRIBE", 1)] {
        let entry =
            table.find(name).ok_or_else(|| Stop::mismatch(format!("{name} in the COMMAND table"), "no such entry"))?;
        ensure!(
            !entry.key_specs.is_empty() && !entry.has_keys(),
            format!("key specifications with the flag not_key for {name} in the COMMAND table of {}", node.address),
            "{} key specifications, and {} of them without the flag",
            entry.key_specs.len(),
            entry.key_specs.iter().filter(|spec| spec.means_keys()).count()
        );
        let question = (0..words).fold(command!["COMMAND", "GETKEYS", name], |command, _| command.arg("a"));
        cluster.expect(&node, question, Expect::AnyOf(vec![Expect::error("ERR"), Expect::Length(0)])).await?;
    }
    Ok(())
}

async fn policies_are_known(cluster: &Cluster) -> Outcome {
    let table = reply::table(cluster).await?;
    for entry in table.entries() {
        for (tip, known) in [("request_policy", &REQUEST_POLICIES[..]), ("response_policy", &RESPONSE_POLICIES)] {
            let Some(value) = entry.tip(tip) else { continue };
            ensure!(known.contains(&value), format!("one of {} as {tip} of {}", list(known), entry.name), "{value}");
        }
        let only_response = entry.tip("response_policy").is_some() && entry.tip("request_policy").is_none();
        ensure!(
            !only_response,
            format!("a request_policy beside the response_policy of {}", entry.name),
            "no request_policy"
        );
    }
    Ok(())
}

async fn every_node_has_the_same_table(cluster: &Cluster) -> Outcome {
    let mut first: Option<(String, Vec<String>)> = None;
    for node in cluster.visited() {
        let reply = cluster.expect(&node, command!["COMMAND"], Expect::Kind(crate::expect::Kind::Array)).await?;
        let name = |entry: &wire::Value| wire::items_of(entry)?.first().and_then(text_of);
        // Servers list commands in an order that differs from process to process.
        let mut entries: Vec<String> =
            reply.items().unwrap_or_default().iter().map(|entry| sorted(entry, name(entry))).collect();
        entries.sort();
        let Some((address, wanted)) = &first else {
            first = Some((node.address.to_string(), entries));
            continue;
        };
        let differs = wanted.iter().zip(&entries).find(|(one, other)| one != other);
        ensure!(
            wanted.len() == entries.len() && differs.is_none(),
            format!("the COMMAND table of {address}, with {} commands, from {}", wanted.len(), node.address),
            "{} commands; the first difference is {}",
            entries.len(),
            differs.map_or("a missing command", |(_, other)| other.split(' ').next().unwrap_or_default())
        );
    }
    Ok(())
}

/// An entry as a text that begins with its name. Lists inside it are sorted, because their order has no meaning.
fn sorted(entry: &wire::Value, name: Option<String>) -> String {
    format!("{} {}", name.unwrap_or_default(), canonical(entry))
}

fn canonical(value: &wire::Value) -> String {
    match wire::items_of(value) {
        None => text_of(value).unwrap_or_else(|| wire::describe(value)),
        Some(items) => {
            let mut parts: Vec<String> = items.iter().map(canonical).collect();
            parts.sort();
            format!("[{}]", parts.join(" "))
        }
    }
}
