//! Scripts on a slot that is half moved or has no owner, and while the cluster is down.

use wire::{Protocol, command};

use crate::cluster::Cluster;
use crate::code::gap::Gap;
use crate::code::motion::stage::Stage;
use crate::code::motion::talk::Answer::{Error, Integer, MovedToSource, Okay, Text};
use crate::code::motion::talk::At::{Source, Target};
use crate::code::motion::talk::{Talk, holds, talk};
use crate::code_check::{CodeCheck, check};
use crate::expect::Expect;
use crate::need::Need;
use crate::outcome::Outcome;

/// Every check of this file.
pub(super) const CHECKS: &[CodeCheck] = &[
    check("scripting/asking-reaches-the-importing-slot")
        .title("EVAL and EVALSHA after ASKING use the declared keys of a slot that the node imports")
        .must("ask-redirection")
        .covers(&["scripting.asking-eval"])
        .shape(2, 0)
        .needs(&[Need::MoveSlot])
        .body(|cluster| Box::pin(holds(cluster, Stage::HalfMoved, ASKING))),
    check("scripting/undeclared-key-that-has-moved")
        .title("A script on the source of an open slot fails with ERR, not ASK, when it touches an undeclared key that has moved")
        .should("eval-intro")
        .covers(&["scripting.migrating-undeclared"])
        .shape(2, 0)
        .needs(&[Need::MoveSlot])
        .body(|cluster| Box::pin(holds(cluster, Stage::HalfMoved, MIGRATING))),
    check("scripting/slot-without-owner")
        .title("A script that touches an undeclared key of a slot without an owner fails with ERR, and other scripts run")
        .may("eval-intro")
        .covers(&["scripting.unbound-slot-in-script"])
        .shape(2, 0)
        .needs(&[Need::MoveSlot, Need::SetConfig])
        .body(|cluster| Box::pin(slot_without_owner(cluster))),
    check("scripting/cluster-down")
        .title("While the cluster is down, a command with an undeclared key fails in a script with ERR; with reads allowed, only writes do")
        .should("eval-intro")
        .covers(&["scripting.down-in-script"])
        .shape(2, 0)
        .needs(&[Need::MoveSlot, Need::SetConfig])
        .body(|cluster| Box::pin(cluster_down(cluster))),
];

const GET: &str = "return redis.call('GET', ARGV[1])";
const SET: &str = "return redis.call('SET', ARGV[1], 'v')";

const ASKING: &[Talk] = &[
    talk(
        Target,
        &[
            ("EVAL \"return redis.call('GET', KEYS[1])\" 1 {gone}", MovedToSource),
            ("ASKING", Okay),
            ("EVAL \"return redis.call('GET', KEYS[1])\" 1 {gone}", Text("v")),
            // ASKING holds for one command.
            ("EVALSHA d3c21d0c2b9ca22f82737626a27bcaf5d288f99f 1 {gone}", MovedToSource),
            ("ASKING", Okay),
            ("EVALSHA d3c21d0c2b9ca22f82737626a27bcaf5d288f99f 1 {gone}", Text("v")),
            ("ASKING", Okay),
            ("EVAL \"return redis.call('APPEND', KEYS[1], 'w')\" 1 {gone2}", Integer(2)),
            ("ASKING", Okay),
            ("GET {gone2}", Text("vw")),
        ],
    ),
    talk(
        Target,
        &[
            ("ASKING", Okay),
            (
                "EVAL \"redis.call('GET', KEYS[1]); return redis.call('EXISTS', KEYS[1], KEYS[2])\" 2 {gone} {gone2}",
                Integer(2),
            ),
        ],
    )
    .resp3(),
];

const MIGRATING: &[Talk] = &[
    talk(
        Source,
        &[
            ("EVAL \"return redis.call('GET', ARGV[1])\" 0 {gone}", Error("ERR")),
            ("EVAL \"return redis.call('GET', ARGV[1])\" 1 {here} {gone}", Error("ERR")),
            ("EVAL \"return redis.call('SET', ARGV[1], 'x')\" 1 {here} {none}", Error("ERR")),
            // What is present may be used.
            ("EVAL \"return redis.call('GET', ARGV[1])\" 1 {here} {here2}", Text("v")),
        ],
    ),
    talk(Source, &[("EVAL \"return redis.pcall('GET', ARGV[1]).err and 'caught'\" 1 {here} {gone}", Text("caught"))])
        .resp3(),
];

async fn slot_without_owner(cluster: &Cluster) -> Outcome {
    let gap = Gap::with_cluster_up(cluster).await?;
    let (lost, kept) = (cluster.keys().named(gap.lost, "lost"), cluster.keys().named(gap.kept, "kept"));
    for protocol in [Protocol::Resp2, Protocol::Resp3] {
        let mut session = cluster.session_in(&gap.node, protocol).await?;
        for (command, expect) in [
            (command!["EVAL", GET, "0", &lost], Expect::error("ERR")),
            (command!["EVAL", GET, "1", &kept, &lost], Expect::error("ERR")),
            (command!["EVAL", SET, "0", &lost], Expect::error("ERR")),
            // A declared key is judged before the script starts.
            (command!["EVAL", GET, "1", &lost, &kept], Expect::error("CLUSTERDOWN")),
            (command!["EVAL", SET, "1", &kept, &kept], Expect::Ok),
            (command!["EVAL", GET, "0", &kept], Expect::text("v")),
        ] {
            session.expect(command, expect).await?;
        }
    }
    gap.close(cluster).await
}

async fn cluster_down(cluster: &Cluster) -> Outcome {
    let gap = Gap::with_cluster_down(cluster).await?;
    let node = gap.node.clone();
    let key = cluster.keys().named(gap.kept, "kept");
    for (command, expect) in [
        (command!["EVAL", GET, "0", &key], Expect::error("ERR")),
        (command!["EVAL", SET, "0", &key], Expect::error("ERR")),
        (command!["EVAL", GET, "1", &key, &key], Expect::error("CLUSTERDOWN")),
        (command!["EVAL", "return redis.call('PING')", "0"], Expect::text("PONG")),
    ] {
        cluster.expect(&node, command, expect).await?;
    }
    cluster.set_config(&node, "cluster-allow-reads-when-down", "yes").await?;
    for (command, expect) in [
        (command!["EVAL", GET, "0", &key], Expect::Null),
        (command!["EVAL", SET, "0", &key], Expect::error("ERR")),
        (command!["GET", &key], Expect::Null),
    ] {
        cluster.expect(&node, command, expect).await?;
    }
    gap.close(cluster).await?;
    cluster.expect(&node, command!["EVAL", GET, "0", &key], Expect::Null).await.map(drop)
}
