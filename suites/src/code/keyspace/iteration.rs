//! KEYS and SCAN list the keys of one node.

use std::collections::BTreeSet;

use wire::command;

use super::population::{Home, Walk, has_all, has_exactly, has_only, listed, populate};
use crate::cluster::Cluster;
use crate::code_check::{CodeCheck, check};
use crate::ensure;
use crate::expect::{Expect, Kind, text_of};
use crate::outcome::Outcome;

pub(super) const CHECKS: &[CodeCheck] = &[
    check("keyspace/keys-are-local")
        .title("KEYS lists each key of the node once and no key of another node, on primaries and replicas")
        .must("KEYS")
        .covers(&["keyspace.keys-local"])
        .shape(2, 0)
        .body(|cluster| Box::pin(keys_are_local(cluster))),
    check("keyspace/scan-is-local-and-complete")
        .title("SCAN ends, returns every key that is there all the time, and returns no key of another node")
        .must("SCAN")
        .covers(&["keyspace.scan-local"])
        .shape(2, 0)
        .body(|cluster| Box::pin(scan_is_local_and_complete(cluster))),
    check("keyspace/scan-with-type")
        .title("SCAN with TYPE returns every key of that type and no other key")
        .must("SCAN")
        .covers(&["keyspace.scan-local"])
        .body(|cluster| Box::pin(scan_with_type(cluster))),
    check("keyspace/scan-of-a-remote-key-finds-nothing")
        .title("SCAN with a pattern that only a key of another node matches ends without a key and is not redirected")
        .should("SCAN")
        .covers(&["keyspace.scan-tag-remote"])
        .shape(2, 0)
        .body(|cluster| Box::pin(scan_of_a_remote_key_finds_nothing(cluster))),
    check("keyspace/scan-accepts-a-cursor-of-another-node")
        .title("SCAN with a cursor of another node is no error, ends, and returns only keys of its own node")
        .should("SCAN")
        .covers(&["keyspace.scan-cursor-per-node"])
        .shape(2, 0)
        .body(|cluster| Box::pin(scan_accepts_a_cursor_of_another_node(cluster))),
];

/// The number of keys on each primary: several pages of SCAN.
const KEYS: usize = 150;

async fn keys_are_local(cluster: &Cluster) -> Outcome {
    for Home { primary, keys } in populate(cluster, KEYS, &[]).await? {
        has_exactly(&keys, &listed(cluster, &primary).await?, "KEYS", &primary)?;
        for replica in cluster.replicas_of(&primary) {
            let copied =
                cluster.until(cluster.limits().replicate, "the replica has all keys of its primary", async || {
                    has_exactly(&keys, &listed(cluster, &replica).await?, "KEYS", &replica)
                });
            copied.await?;
        }
    }
    Ok(())
}

async fn scan_is_local_and_complete(cluster: &Cluster) -> Outcome {
    for Home { primary, keys } in populate(cluster, KEYS, &[]).await? {
        let slot = cluster.slot_of(&primary)?;
        let passing: BTreeSet<String> = (0..KEYS * 4).map(|_| cluster.keys().fresh(slot)).collect();
        let mut writer = cluster.session(&primary).await?;
        let passing_keys: Vec<&String> = passing.iter().collect();
        let mut walk = Walk::on(cluster, &primary, None).await?;
        // Keys that come and go make the server resize its tables during the walk.
        let found = walk.finish_with("0", async |page| {
            let chunk = passing_keys.chunks(KEYS / 2).nth(page / 2).unwrap_or_default();
            let name = if page % 2 == 0 { "SET" } else { "DEL" };
            let change = |key: &String| if name == "SET" { command!["SET", key, "v"] } else { command!["DEL", key] };
            let changes: Vec<_> = chunk.iter().map(|key| (change(key), Expect::NoError)).collect();
            writer.expect_all(&changes).await.map(drop)
        });
        let found = found.await?;
        has_all(&keys, &found, "SCAN", &primary)?;
        has_only(&keys.union(&passing).cloned().collect(), &found, "SCAN", &primary)?;
    }
    Ok(())
}

async fn scan_with_type(cluster: &Cluster) -> Outcome {
    let homes = populate(cluster, KEYS, &[]).await?;
    let Some(Home { primary, keys: texts }) = homes.first() else { return Ok(()) };
    let slot = cluster.slot_of(primary)?;
    let lists: BTreeSet<String> = (0..KEYS).map(|_| cluster.keys().fresh(slot)).collect();
    let writes: Vec<_> = lists.iter().map(|key| (command!["RPUSH", key, "v"], Expect::Integer(1))).collect();
    cluster.expect_all(primary, &writes).await?;
    for (kind, wanted) in [("list", &lists), ("string", texts)] {
        let found = Walk::on(cluster, primary, Some(kind)).await?.finish("0").await?;
        has_all(wanted, &found, &format!("SCAN with TYPE {kind}"), primary)?;
        has_only(wanted, &found, &format!("SCAN with TYPE {kind}"), primary)?;
    }
    let none = Walk::on(cluster, primary, Some("stream")).await?.finish("0").await?;
    has_only(&BTreeSet::new(), &none, "SCAN with TYPE stream", primary)
}

/// A server that finds the slot of a pattern skips all other slots, and some servers have no table for a foreign slot.
async fn scan_of_a_remote_key_finds_nothing(cluster: &Cluster) -> Outcome {
    let homes = populate(cluster, KEYS / 10, &[]).await?;
    for Home { primary, keys } in &homes {
        for key in homes.iter().filter(|home| home.primary.id != primary.id).filter_map(|home| home.keys.first()) {
            let tag = key.split('}').next().unwrap_or_default();
            for pattern in [key.clone(), format!("{tag}}}*"), format!("*{tag}}}*")] {
                let mut cursor = "0".to_owned();
                let mut session = cluster.session(primary).await?;
                for _ in 0..KEYS {
                    let scan = command!["SCAN", &cursor, "MATCH", &pattern, "COUNT", "100000"];
                    let expect = Expect::Items(vec![Expect::Kind(Kind::Text), Expect::Length(0)]);
                    let reply = session.expect(scan, expect).await?;
                    cursor = reply.items().and_then(|items| text_of(items.first()?)).unwrap_or_default();
                    if cursor == "0" {
                        break;
                    }
                }
                ensure!(
                    cursor == "0",
                    format!("the cursor 0 within {KEYS} calls of SCAN MATCH {pattern} on {}", primary.address),
                    "the cursor {cursor}"
                );
            }
        }
        // The same pattern finds the key where it is.
        let own = keys.first().cloned().unwrap_or_default();
        let found = Walk::on(cluster, primary, None).await?.finish("0").await?;
        has_all(&BTreeSet::from([own]), &found, "SCAN", primary)?;
    }
    Ok(())
}

async fn scan_accepts_a_cursor_of_another_node(cluster: &Cluster) -> Outcome {
    let homes = populate(cluster, KEYS, &[]).await?;
    for (nth, home) in homes.iter().enumerate() {
        let other = &homes[(nth + 1) % homes.len()];
        let mut walk = Walk::on(cluster, &home.primary, None).await?;
        let first = walk.step("0").await?;
        let second = walk.step(&first.cursor).await?;
        for alien in [&first.cursor, &second.cursor] {
            let found = Walk::on(cluster, &other.primary, None).await?.finish(alien).await?;
            has_only(&other.keys, &found, "SCAN with a cursor of another node", &other.primary)?;
        }
        // The walk of the first node goes on as if nothing had happened.
        let mut found = [first.keys, second.keys].concat();
        if second.cursor != "0" {
            found.extend(walk.finish(&second.cursor).await?);
        }
        has_all(&home.keys, &found, "SCAN", &home.primary)?;
    }
    Ok(())
}
