//! The empty key, and patterns that contain a hash tag.

use std::collections::BTreeSet;

use wire::{Node, Slot, command};

use super::keyslot::keyslot;
use crate::cluster::Cluster;
use crate::code_check::{CodeCheck, check};
use crate::ensure;
use crate::expect::{Expect, Kind, text_of};
use crate::outcome::{Outcome, Stop};
use crate::words::list;

pub(super) const CHECKS: &[CodeCheck] = &[
    check("slots/empty-key")
        .title("The empty key hashes to slot 0 and can be written, read and deleted there")
        .should("key-distribution-model")
        .covers(&["slots.empty-key"])
        .body(|cluster| Box::pin(empty_key(cluster))),
    check("slots/patterns-with-tags")
        .title("KEYS and SCAN find every key that matches a pattern, with or without a hash tag in the pattern")
        .should("SCAN")
        .covers(&["slots.pattern-tag"])
        .commands(&["KEYS", "SCAN"])
        .body(|cluster| Box::pin(patterns_with_tags(cluster))),
];

async fn empty_key(cluster: &Cluster) -> Outcome {
    let owner = cluster.owner(Slot::of(""))?;
    if cluster.call(&owner, command!["EXISTS", ""]).await?.integer() == Some(1) {
        return Err(Stop::skip("the cluster has an empty key that is not from rct"));
    }
    cluster.keys().adopt("");
    let sent = [
        (keyslot(b""), Expect::Integer(0)),
        (command!["SET", "", "v"], Expect::Ok),
        (command!["GET", ""], Expect::text("v")),
        (command!["DEL", ""], Expect::Integer(1)),
        (command!["GET", ""], Expect::Null),
    ];
    cluster.expect_all(&owner, &sent).await?;
    Ok(())
}

/// The largest number of keys of a node that is searched, so that other clients need not wait too long.
const KEYS_SEARCHED: i64 = 100_000;
/// The COUNT of one SCAN call.
const SCAN_COUNT: usize = 1_000;

async fn patterns_with_tags(cluster: &Cluster) -> Outcome {
    let tag = cluster.slot_of(&cluster.some_primary()?)?.tag(0);
    let (run, check) = (cluster.keys().run_prefix(), cluster.keys().check());
    let [one, two, middle, late, empty] = [
        format!("{run}{{{tag}}}{check}:1"),
        format!("{run}{{{tag}}}{check}:2"),
        format!("{run}x{{{tag}}}{check}:1"),
        format!("{run}{{other}}{check}:{{{tag}}}1"),
        format!("{run}{{}}{{{tag}}}{check}:1"),
    ];
    for key in [&one, &two, &middle, &late, &empty] {
        cluster.keys().adopt(key);
        cluster.expect(&cluster.owner(Slot::of(key))?, command!["SET", key, "v"], Expect::Ok).await?;
    }
    let cases: [(String, &[&String]); 7] = [
        (format!("{run}{{{tag}}}{check}:*"), &[&one, &two]),
        (format!("{run}\\{{{tag}}}{check}:*"), &[&one, &two]),
        (format!("{run}?{{{tag}}}{check}:*"), &[&middle]),
        (format!("{run}[x]{{{tag}}}{check}:*"), &[&middle]),
        (format!("{run}*{{{tag}}}{check}:*"), &[&one, &two, &middle, &empty]),
        (format!("{run}{{}}{{{tag}}}{check}:*"), &[&empty]),
        (format!("{run}{{*}}{check}:*"), &[&one, &two, &late, &empty]),
    ];
    for (pattern, keys) in &cases {
        for node in cluster.visited_primaries() {
            let here = |key: &&&String| cluster.owner(Slot::of(key)).is_ok_and(|owner| owner.id == node.id);
            let expected: BTreeSet<String> = keys.iter().filter(here).map(ToString::to_string).collect();
            for (command, found) in
                [("KEYS", keys_of(cluster, &node, pattern).await?), ("SCAN", scan(cluster, &node, pattern).await?)]
            {
                ensure!(
                    found == expected,
                    format!("{command} {pattern} on {} to return {}", node.address, list(&expected)),
                    "{}",
                    list(&found)
                );
            }
        }
    }
    Ok(())
}

async fn keys_of(cluster: &Cluster, node: &Node, pattern: &str) -> Outcome<BTreeSet<String>> {
    let size = cluster.expect(node, command!["DBSIZE"], Expect::Kind(Kind::Integer)).await?;
    if size.integer() > Some(KEYS_SEARCHED) {
        return Err(Stop::skip(format!("{} has more than {KEYS_SEARCHED} keys, too many to search", node.address)));
    }
    let reply = cluster.expect(node, command!["KEYS", pattern], Expect::Kind(Kind::Array)).await?;
    Ok(reply.items().unwrap_or_default().iter().filter_map(text_of).collect())
}

async fn scan(cluster: &Cluster, node: &Node, pattern: &str) -> Outcome<BTreeSet<String>> {
    let mut found = BTreeSet::new();
    let mut cursor = "0".to_owned();
    for _ in 0..=KEYS_SEARCHED {
        let command = command!["SCAN", &cursor, "MATCH", pattern, "COUNT", SCAN_COUNT.to_string()];
        let reply = cluster.expect(node, command, Expect::Length(2)).await?;
        let items = reply.items().unwrap_or_default();
        found.extend(items.iter().skip(1).filter_map(wire::items_of).flatten().filter_map(text_of));
        cursor = items.first().and_then(text_of).unwrap_or_default();
        if cursor == "0" {
            return Ok(found);
        }
    }
    Err(Stop::mismatch(
        format!("SCAN on {} to end", node.address),
        format!("cursor {cursor} after {KEYS_SEARCHED} calls"),
    ))
}
