//! Scripts and functions that run too long, what their node answers meanwhile, and what the cluster sees of it.

use wire::{Command, Node, command};

use super::library::{call, load};
use crate::cluster::Cluster;
use crate::code::failover::observe::calm_view;
use crate::code_check::{CodeCheck, check};
use crate::ensure;
use crate::expect::Expect;
use crate::need::Need;
use crate::outcome::Outcome;
use crate::session::Session;
use crate::words::line;

/// Every check of this file.
pub(super) const CHECKS: &[CodeCheck] = &[
    check("scripting/busy-node")
        .title("A node whose script runs too long answers BUSY until SCRIPT KILL, and stays a healthy member of its cluster")
        .may("eval-intro")
        .covers(&["scripting.script-timeout-busy"])
        .shape(2, 1)
        .needs(&[Need::SetConfig, Need::RiskNode])
        .body(|cluster| Box::pin(busy_node(cluster))),
    check("scripting/script-that-wrote-is-not-killed")
        .title("SCRIPT KILL answers UNKILLABLE if the script has written, and the script runs to its end")
        .may("SCRIPT KILL")
        .covers(&["scripting.unkillable"])
        .needs(&[Need::SetConfig, Need::RiskNode])
        .body(|cluster| Box::pin(script_that_wrote_is_not_killed(cluster))),
    check("scripting/busy-function")
        .title("FUNCTION KILL ends a function that runs too long; SCRIPT KILL does not")
        .may("FUNCTION KILL")
        .covers(&["scripting.function-kill"])
        .needs(&[Need::SetConfig, Need::RiskNode])
        .commands(&["FCALL"])
        .body(|cluster| Box::pin(busy_function(cluster))),
];

/// The time after which a node is busy, in milliseconds.
const BUSY_AFTER_MS: &str = "50";
/// A script that runs for as many seconds as its argument says, by the clock of the server. It ends by itself, so that
/// a server that cannot kill it works again.
const LONG: &str = "local start = redis.call('TIME')[1]
repeat until redis.call('TIME')[1] - start > tonumber(ARGV[1])";
/// A function that does the same.
const LONG_FUNCTION: &str = "redis.register_function('{lib}_long', function(keys, args)
  local start = redis.call('TIME')[1]
  repeat until redis.call('TIME')[1] - start > tonumber(args[1])
end)";
/// A script that writes, runs for two to three seconds by the clock of the server, and writes again.
const WRITES: &str = "redis.call('SET', KEYS[1], 'started')
local start = redis.call('TIME')[1]
repeat until redis.call('TIME')[1] - start > 2
return redis.call('SET', KEYS[1], 'ended')";

/// The time that the long scripts run at most, in seconds: longer than any check looks at them.
fn longest_s(cluster: &Cluster) -> String {
    (cluster.limits().node_timeout * 2 + cluster.limits().reply * 2).as_secs().to_string()
}

/// Starts a command that keeps its node busy, and waits until the node says so.
async fn keep_busy(cluster: &Cluster, node: &Node, command: Command) -> Outcome<Session> {
    let mut runner = cluster.session(node).await?;
    runner.send(command).await?;
    cluster
        .until(cluster.limits().reply, "the node is busy", async || {
            cluster.expect(node, command!["DBSIZE"], Expect::error("BUSY")).await.map(drop)
        })
        .await?;
    Ok(runner)
}

async fn busy_node(cluster: &Cluster) -> Outcome {
    let node = cluster.some_primary()?;
    let key = cluster.keys().fresh(cluster.slot_of(&node)?);
    cluster.set_config(&node, "lua-time-limit", BUSY_AFTER_MS).await?;
    let mut others = cluster.nodes();
    others.retain(|other| other.id != node.id);
    cluster.expect(&node, command!["SCRIPT", "KILL"], Expect::error("NOTBUSY")).await?;
    let mut runner = keep_busy(cluster, &node, command!["EVAL", LONG, "0", longest_s(cluster)]).await?;
    let refused = async {
        for command in [command!["GET", &key], command!["SET", &key, "v"], command!["EVAL", "return 1", "0"]] {
            cluster.expect(&node, command, Expect::error("BUSY")).await?;
        }
        Ok(())
    };
    let refused = refused.await;
    let healthy =
        cluster.throughout(cluster.limits().node_timeout * 2, "the busy node is healthy to all others", async || {
            cluster.expect(&node, command!["GET", &key], Expect::error("BUSY")).await?;
            for other in &others {
                let seen = cluster.view_of(other).await?.node(&node.id).cloned();
                let is_fine = |seen: &Node| seen.primary.is_none() && !seen.slots.is_empty() && !seen.is_failed();
                ensure!(
                    seen.as_ref().is_some_and(is_fine),
                    format!("{} as a primary with slots in CLUSTER NODES of {}", node.address, other.address),
                    "{}",
                    line(seen.as_ref())
                );
                // A suspicion alone may come from a machine that is too slow.
                calm_view(cluster, other, &[]).await?;
            }
            Ok(())
        });
    let healthy = healthy.await;
    // The script ends, whatever the nodes have answered.
    cluster.expect(&node, command!["SCRIPT", "KILL"], Expect::Ok).await?;
    let ended = runner.receive().await?;
    runner.require("EVAL (a script that runs too long)", &Expect::error("ERR"), &ended)?;
    refused?;
    healthy?;
    cluster.expect(&node, command!["SET", &key, "v"], Expect::Ok).await?;
    runner.expect(command!["GET", &key], Expect::text("v")).await.map(drop)
}

async fn script_that_wrote_is_not_killed(cluster: &Cluster) -> Outcome {
    let node = cluster.some_primary()?;
    let key = cluster.keys().fresh(cluster.slot_of(&node)?);
    cluster.set_config(&node, "lua-time-limit", BUSY_AFTER_MS).await?;
    let mut runner = keep_busy(cluster, &node, command!["EVAL", WRITES, "1", &key]).await?;
    let killed = cluster.expect(&node, command!["SCRIPT", "KILL"], Expect::error("UNKILLABLE")).await;
    let ended = runner.receive().await?;
    killed?;
    runner.require("EVAL (a script that writes)", &Expect::Ok, &ended)?;
    cluster.expect(&node, command!["GET", &key], Expect::text("ended")).await.map(drop)
}

async fn busy_function(cluster: &Cluster) -> Outcome {
    let node = cluster.some_primary()?;
    cluster.set_config(&node, "lua-time-limit", BUSY_AFTER_MS).await?;
    load(cluster, &node, LONG_FUNCTION).await?;
    let mut runner = keep_busy(cluster, &node, call(cluster, "FCALL", "long", &[], &[&longest_s(cluster)])).await?;
    let refused = cluster.expect(&node, command!["SCRIPT", "KILL"], Expect::error("BUSY")).await;
    cluster.expect(&node, command!["FUNCTION", "KILL"], Expect::Ok).await?;
    let ended = runner.receive().await?;
    refused?;
    runner.require("FCALL (a function that runs too long)", &Expect::error("ERR"), &ended)?;
    cluster.expect(&node, command!["FUNCTION", "KILL"], Expect::error("NOTBUSY")).await?;
    cluster.expect(&node, command!["PING"], Expect::text("PONG")).await.map(drop)
}
