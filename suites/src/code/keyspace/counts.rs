//! DBSIZE, INFO keyspace, RANDOMKEY and WAIT are about one node, and no node has keys of another one.

use wire::{Command, Node, Slot, Value, command};

use super::population::{Home, populate};
use crate::cluster::Cluster;
use crate::code_check::{CodeCheck, check};
use crate::ensure;
use crate::expect::{Expect, text_of};
use crate::outcome::{Outcome, Stop};
use crate::words::list;

pub(super) const CHECKS: &[CodeCheck] = &[
    check("keyspace/dbsize-counts-own-keys")
        .title(
            "DBSIZE rises by each key that is written to the node, falls by each deleted key, and ignores other nodes",
        )
        .must("DBSIZE")
        .covers(&["keyspace.dbsize-local"])
        .shape(2, 0)
        .body(|cluster| Box::pin(dbsize_counts_own_keys(cluster))),
    check("keyspace/info-keyspace-is-dbsize")
        .title("INFO keyspace and DBSIZE give the same number of keys, on primaries and replicas")
        .should("INFO")
        .covers(&["keyspace.info-keyspace"])
        .body(|cluster| Box::pin(info_keyspace_is_dbsize(cluster))),
    check("keyspace/randomkey-is-local")
        .title("RANDOMKEY returns a key of the node's own shard, on primaries and replicas")
        .must("RANDOMKEY")
        .covers(&["keyspace.randomkey-local"])
        .shape(2, 0)
        .body(|cluster| Box::pin(randomkey_is_local(cluster))),
    check("keyspace/wait-counts-own-replicas")
        .title("WAIT counts only replicas of the primary that it is sent to")
        .must("WAIT")
        .covers(&["keyspace.wait-local"])
        .shape(2, 1)
        .body(|cluster| Box::pin(wait_counts_own_replicas(cluster))),
    check("keyspace/no-foreign-keys")
        .title("A node holds keys only in slots of its own shard")
        .should("CLUSTER COUNTKEYSINSLOT")
        .covers(&["keyspace.foreign-key-in-store"])
        .shape(2, 0)
        .body(|cluster| Box::pin(no_foreign_keys(cluster))),
];

/// The number of keys on each primary.
const KEYS: usize = 20;
/// How often rct asks a node for a random key.
const DRAWS: usize = 50;
/// The timeout of a WAIT that too few replicas can satisfy.
const SHORT_WAIT: &str = "150";

async fn dbsize_counts_own_keys(cluster: &Cluster) -> Outcome {
    // Other nodes have keys of the check, too.
    populate(cluster, KEYS, &[]).await?;
    for primary in cluster.visited_primaries() {
        let slot = cluster.slot_of(&primary)?;
        let keys: Vec<String> = (0..KEYS).map(|_| cluster.keys().fresh(slot)).collect();
        let writes = keys.iter().map(|key| command!["SET", key, "v"]);
        let deletes = keys.iter().map(|key| command!["DEL", key]);
        let mut sent = vec![command!["DBSIZE"]];
        sent.extend(writes.chain(deletes).flat_map(|change| [change, command!["DBSIZE"]]));
        // Other clients cannot write in the middle of a transaction, and their keys do not expire there.
        let replies = transaction(cluster, &primary, sent).await?;
        let sizes: Vec<i64> = replies.iter().step_by(2).map(number).collect();
        let least = sizes[0];
        let risen = i64::try_from(KEYS).unwrap_or(i64::MAX);
        let wanted: Vec<i64> = (0..=risen).chain((0..risen).rev()).map(|more| least.saturating_add(more)).collect();
        ensure!(
            sizes == wanted && least >= risen,
            format!("the sizes {} in reply to DBSIZE after each SET and DEL on {}", list(&wanted), primary.address),
            "{}",
            list(&sizes)
        );
    }
    Ok(())
}

/// Runs commands in a transaction, and returns their replies.
async fn transaction(cluster: &Cluster, node: &Node, commands: Vec<Command>) -> Outcome<Vec<Value>> {
    let mut session = cluster.session(node).await?;
    session.expect(command!["MULTI"], Expect::Ok).await?;
    let count = commands.len();
    let queued: Vec<_> = commands.into_iter().map(|command| (command, Expect::Queued)).collect();
    session.expect_all(&queued).await?;
    let reply = session.expect(command!["EXEC"], Expect::Length(count)).await?;
    Ok(reply.items().unwrap_or_default().to_vec())
}

fn number(value: &Value) -> i64 {
    if let Value::Int(number) = value { *number } else { -1 }
}

async fn info_keyspace_is_dbsize(cluster: &Cluster) -> Outcome {
    let homes = populate(cluster, KEYS, &[]).await?;
    for Home { primary, .. } in &homes {
        cluster.replicated(primary).await?;
        for node in std::iter::once(primary.clone()).chain(cluster.replicas_of(primary)) {
            let replies = transaction(cluster, &node, vec![command!["DBSIZE"], command!["INFO", "keyspace"]]).await?;
            let size = number(&replies[0]);
            let fields = wire::parse_info(&text_of(&replies[1]).unwrap_or_default());
            let entry = fields.get("db0").cloned().unwrap_or_default();
            let keys = entry.split(',').find_map(|part| part.strip_prefix("keys=")?.parse::<i64>().ok());
            ensure!(
                keys == Some(size) && size > 0,
                format!("db0:keys={size} in INFO keyspace of {}, as DBSIZE says", node.address),
                "db0:{entry}"
            );
        }
    }
    Ok(())
}

async fn randomkey_is_local(cluster: &Cluster) -> Outcome {
    for Home { primary, .. } in populate(cluster, KEYS, &[]).await? {
        cluster.replicated(&primary).await?;
        let own = cluster.all_slots_of(&primary);
        for node in std::iter::once(primary.clone()).chain(cluster.replicas_of(&primary)) {
            let draws = vec![command!["RANDOMKEY"]; DRAWS];
            for reply in cluster.pipeline(&node, &draws).await? {
                let key = reply.bytes_value();
                let slot = key.map(Slot::of);
                ensure!(
                    slot.is_some_and(|slot| own.binary_search(&slot).is_ok() || cluster.is_open(slot)),
                    format!("a key in a slot of {} in reply to RANDOMKEY from {}", primary.address, node.address),
                    "{reply}"
                );
            }
        }
    }
    Ok(())
}

async fn wait_counts_own_replicas(cluster: &Cluster) -> Outcome {
    let all: usize = cluster.primaries().iter().map(|primary| cluster.replicas_of(primary).len()).sum();
    for primary in cluster.visited_primaries() {
        let own = i64::try_from(cluster.replicas_of(&primary).len()).unwrap_or(i64::MAX);
        let key = cluster.keys().fresh(cluster.slot_of(&primary)?);
        let mut session = cluster.session(&primary).await?;
        session.expect(command!["SET", &key, "v"], Expect::Ok).await?;
        let wait = command!["WAIT", own.to_string(), "1000"];
        let counted = cluster.until(cluster.limits().replicate, "every replica has the write", async || {
            session.expect(&wait, Expect::Integer(own)).await
        });
        counted.await?;
        // Replicas of other primaries never have this write.
        let most = Expect::AnyOf((0..=own).map(Expect::Integer).collect());
        session.expect(command!["WAIT", all.to_string(), SHORT_WAIT], most).await?;
    }
    Ok(())
}

async fn no_foreign_keys(cluster: &Cluster) -> Outcome {
    populate(cluster, KEYS, &[]).await?;
    for primary in cluster.visited_primaries() {
        let own = cluster.all_slots_of(&primary);
        let foreign = |slot: &Slot| own.binary_search(slot).is_err() && !cluster.is_open(*slot);
        let slots: Vec<Slot> = Slot::all().filter(foreign).collect();
        for node in std::iter::once(primary.clone()).chain(cluster.replicas_of(&primary)) {
            // Another check may provoke a server with a defect, which then deletes its keys.
            let clean = cluster.until(cluster.limits().reply, "the node has no key of another shard", async || {
                has_none(cluster, &node, &slots).await
            });
            clean.await?;
        }
    }
    Ok(())
}

async fn has_none(cluster: &Cluster, node: &Node, slots: &[Slot]) -> Outcome {
    let count = |slot: &Slot| command!["CLUSTER", "COUNTKEYSINSLOT", slot.to_string()];
    let counts: Vec<Command> = slots.iter().map(count).collect();
    let replies = cluster.pipeline(node, &counts).await?;
    for (slot, reply) in slots.iter().zip(&replies) {
        let found = reply.integer().ok_or_else(|| Stop::mismatch("an integer", reply.to_string()))?;
        ensure!(
            found == 0,
            format!("no key in slot {slot} of {}, which belongs to another shard", node.address),
            "{found} keys"
        );
    }
    Ok(())
}
