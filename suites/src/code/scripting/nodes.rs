//! Scripts belong to one node, and see the cluster as its clients do.

use wire::{Protocol, Topology, command, parse_nodes, parse_slots};

use crate::cluster::Cluster;
use crate::code_check::{CodeCheck, check};
use crate::ensure;
use crate::expect::{Expect, Kind};
use crate::outcome::{Outcome, Stop};

/// Every check of this file.
pub(super) const CHECKS: &[CodeCheck] = &[
    check("scripting/scripts-stay-on-their-node")
        .title("SCRIPT LOAD and SCRIPT EXISTS concern the asked primary; another primary answers NOSCRIPT until it gets the script")
        .should("eval-intro")
        .covers(&["scripting.script-load-per-node", "scripting.noscript-prefix"])
        .shape(2, 0)
        .body(|cluster| Box::pin(scripts_stay_on_their_node(cluster))),
    check("scripting/cluster-commands-in-scripts")
        .title("CLUSTER SLOTS, NODES, SHARDS and KEYSLOT answer a script as they answer a client, on every node")
        .should("CLUSTER SLOTS")
        .covers(&["scripting.cluster-commands-in-script"])
        .shape(2, 1)
        .body(|cluster| Box::pin(cluster_commands_in_scripts(cluster))),
];

async fn scripts_stay_on_their_node(cluster: &Cluster) -> Outcome {
    let first = cluster.some_primary()?;
    let second = cluster.non_owner(cluster.slot_of(&first)?)?;
    // A node may know a script from an earlier check, so this one is the check's own.
    let script = format!("return '{}'", cluster.keys().plain());
    let answer = Expect::text(cluster.keys().plain());
    let load = command!["SCRIPT", "LOAD", &script];
    let digest = cluster.expect(&first, &load, Expect::Kind(Kind::Text)).await?;
    let digest = digest.text().unwrap_or_default().into_owned();
    let exists = command!["SCRIPT", "EXISTS", &digest, "ffffffffffffffffffffffffffffffffffffffff"];
    let known = |known: i64| Expect::Items(vec![Expect::Integer(known), Expect::Integer(0)]);
    let run = command!["EVALSHA", &digest, "0"];
    cluster.expect(&first, &exists, known(1)).await?;
    cluster.expect(&first, &run, answer.clone()).await?;
    // The digest may be in upper case.
    cluster.expect(&first, command!["EVALSHA", digest.to_uppercase(), "0"], answer.clone()).await?;
    cluster.expect(&second, &exists, known(0)).await?;
    cluster.expect(&second, &run, Expect::error("NOSCRIPT")).await?;
    // EVAL makes the script known, as SCRIPT LOAD does.
    cluster.expect(&second, command!["EVAL", &script, "0"], answer.clone()).await?;
    cluster.expect(&second, &exists, known(1)).await?;
    cluster.expect(&second, &run, answer).await?;
    cluster.expect(&second, &load, Expect::text(&digest)).await.map(drop)
}

async fn cluster_commands_in_scripts(cluster: &Cluster) -> Outcome {
    let has_shards = cluster.has_shards().await?;
    for node in cluster.visited() {
        let mut session = cluster.session_in(&node, Protocol::Resp2).await?;
        let script = "return redis.call('CLUSTER', 'SLOTS')";
        let asked = session.expect(command!["CLUSTER", "SLOTS"], Expect::Kind(Kind::Array)).await?;
        let called = session.expect(command!["EVAL", script, "0"], Expect::Kind(Kind::Array)).await?;
        let read = |reply: &wire::Reply| parse_slots(reply.value()).map_err(|error| malformed("CLUSTER SLOTS", &error));
        ensure!(
            read(&asked)? == read(&called)?,
            format!("the entries of CLUSTER SLOTS inside a script on {}: {asked}", node.address),
            "{called}"
        );
        let script = "return redis.call('CLUSTER', 'NODES')";
        let called = session.expect(command!["EVAL", script, "0"], Expect::Kind(Kind::Text)).await?;
        let seen =
            parse_nodes(&called.text().unwrap_or_default()).map_err(|error| malformed("CLUSTER NODES", &error))?;
        let owners = |view: &Topology| view.nodes.iter().map(|node| (node.id, node.slots.clone())).collect::<Vec<_>>();
        let own = cluster.whole_view_of(&node).await?;
        let (mut inside, mut outside) = (owners(&seen), owners(&own));
        inside.sort_by_key(|(id, _)| id.to_string());
        outside.sort_by_key(|(id, _)| id.to_string());
        ensure!(
            inside == outside,
            format!("the nodes of CLUSTER NODES of {}: {outside:?}", node.address),
            "{inside:?}"
        );
        let script = "return redis.call('CLUSTER', 'KEYSLOT', ARGV[1])";
        session.expect(command!["EVAL", script, "0", "foo"], Expect::Integer(12_182)).await?;
        if has_shards {
            let shards = cluster.shards_view(&node).await?.len();
            let script = "return #redis.call('CLUSTER', 'SHARDS')";
            session.expect(command!["EVAL", script, "0"], Expect::AtLeast(shards as i64)).await?;
        }
    }
    Ok(())
}

fn malformed(command: &str, error: &wire::TopologyError) -> Stop {
    Stop::mismatch(format!("the documented form of {command} inside a script"), error.to_string())
}
