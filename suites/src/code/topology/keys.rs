//! CLUSTER COUNTKEYSINSLOT and CLUSTER GETKEYSINSLOT.

use std::collections::BTreeSet;

use wire::{Command, Node, Reply, Slot, bytes_of, command};

use crate::cluster::Cluster;
use crate::code_check::{CodeCheck, check};
use crate::ensure;
use crate::expect::{Expect, Kind};
use crate::outcome::{Outcome, Stop};
use crate::words::list;

pub(super) const CHECKS: &[CodeCheck] = &[
    check("topology/countkeys")
        .title("CLUSTER COUNTKEYSINSLOT counts each written and deleted key, and returns 0 for a slot of another node")
        .must("CLUSTER COUNTKEYSINSLOT")
        .covers(&["topology.countkeys-basic"])
        .shape(2, 0)
        .body(|cluster| Box::pin(countkeys(cluster))),
    check("topology/getkeys")
        .title("CLUSTER GETKEYSINSLOT returns different keys of the slot, as many as requested or as there are")
        .must("CLUSTER GETKEYSINSLOT")
        .covers(&["topology.getkeys-basic"])
        .body(|cluster| Box::pin(getkeys(cluster))),
    check("topology/countkeys-sum-is-dbsize")
        .title("The key counts of all slots of a node add up to DBSIZE")
        .must("CLUSTER COUNTKEYSINSLOT")
        .covers(&["topology.countkeys-sum-dbsize"])
        .body(|cluster| Box::pin(countkeys_sum_is_dbsize(cluster))),
    check("topology/countkeys-on-replica")
        .title("A replica in sync counts as many keys in a slot as its primary")
        .should("CLUSTER COUNTKEYSINSLOT")
        .covers(&["topology.countkeys-replica"])
        .shape(1, 1)
        .body(|cluster| Box::pin(countkeys_on_replica(cluster))),
];

/// The number of slots that are tried, because another client might use the same slot at the same time.
const ATTEMPTS: u32 = 3;
/// The number of keys that are written into a slot.
const KEYS: usize = 5;

async fn countkeys(cluster: &Cluster) -> Outcome {
    in_some_slot(cluster, countkeys_in).await
}

async fn getkeys(cluster: &Cluster) -> Outcome {
    in_some_slot(cluster, getkeys_in).await
}

/// Tries a rule in one slot after another until it holds.
async fn in_some_slot(cluster: &Cluster, rule: impl AsyncFn(&Cluster, &Node, Slot) -> Outcome) -> Outcome {
    let mut last = Ok(());
    for _ in 0..ATTEMPTS {
        let owner = cluster.some_primary()?;
        last = rule(cluster, &owner, cluster.slot_of(&owner)?).await;
        if last.is_ok() {
            break;
        }
    }
    last
}

async fn countkeys_in(cluster: &Cluster, owner: &Node, slot: Slot) -> Outcome {
    let keys: Vec<String> = (0..KEYS).map(|_| cluster.keys().fresh(slot)).collect();
    let mut commands = vec![count(slot)];
    for key in &keys {
        commands.extend([command!["SET", key, "v"], count(slot)]);
    }
    for key in &keys {
        commands.extend([command!["DEL", key], count(slot)]);
    }
    let replies = cluster.pipeline(owner, &commands).await?;
    let counts = replies.iter().step_by(2).map(integer).collect::<Outcome<Vec<i64>>>()?;
    let steps = (0..=KEYS).chain((0..KEYS).rev());
    let expected: Vec<i64> = steps.map(|step| counts[0] + step as i64).collect();
    ensure!(
        counts == expected && counts[0] >= 0,
        format!("the counts {} for slot {slot} of {} during {KEYS} SET and {KEYS} DEL", list(&expected), owner.address),
        "{}",
        list(&counts)
    );
    let stranger = cluster.non_owner(slot)?;
    cluster.expect(owner, command!["SET", &keys[0], "v"], Expect::Ok).await?;
    cluster.expect(&stranger, count(slot), Expect::Integer(0)).await?;
    Ok(())
}

async fn getkeys_in(cluster: &Cluster, owner: &Node, slot: Slot) -> Outcome {
    let own: BTreeSet<Vec<u8>> = (0..KEYS).map(|_| cluster.keys().fresh(slot).into_bytes()).collect();
    let set: Vec<_> = own.iter().map(|key| (command!["SET", key, "v"], Expect::Ok)).collect();
    cluster.expect_all(owner, &set).await?;
    let total = integer(&cluster.call(owner, count(slot)).await?)?;
    for wanted in [0, 1, KEYS as i64 - 1, total, total + 10] {
        let list = command!["CLUSTER", "GETKEYSINSLOT", slot.to_string(), wanted.to_string()];
        let reply = cluster.expect(owner, list, Expect::Kind(Kind::Array)).await?;
        let items = reply.items().unwrap_or_default();
        let keys: BTreeSet<&[u8]> = items.iter().filter_map(bytes_of).collect();
        let expected = wanted.min(total);
        ensure!(
            items.len() as i64 == expected && keys.len() == items.len(),
            format!("{expected} different keys in CLUSTER GETKEYSINSLOT {slot} {wanted} of {}", owner.address),
            "{reply}"
        );
        ensure!(
            keys.iter().all(|key| Slot::of(key) == slot),
            format!("only keys of slot {slot} in CLUSTER GETKEYSINSLOT {slot} {wanted} of {}", owner.address),
            "{reply}"
        );
        let found = own.iter().filter(|key| keys.contains(key.as_slice())).count();
        ensure!(
            wanted < total || found == own.len(),
            format!("the {KEYS} written keys among all keys of slot {slot} on {}", owner.address),
            "{found} of them"
        );
    }
    Ok(())
}

async fn countkeys_sum_is_dbsize(cluster: &Cluster) -> Outcome {
    let node = cluster.some_primary()?;
    for _ in 0..KEYS {
        let key = cluster.keys().fresh(cluster.slot_of(&node)?);
        cluster.expect(&node, command!["SET", &key, "v"], Expect::Ok).await?;
    }
    // In a transaction, no other client can write between the counts.
    let mut session = cluster.session(&node).await?;
    session.expect(command!["MULTI"], Expect::Ok).await?;
    let counts: Vec<_> = Slot::all().map(|slot| (count(slot), Expect::Queued)).collect();
    if session.call(&counts[0].0).await?.error().is_some() {
        return Err(Stop::skip(
            "the server refuses CLUSTER in a transaction, so other clients could write between the counts",
        ));
    }
    session.expect_all(&counts[1..]).await?;
    session.expect(command!["DBSIZE"], Expect::Queued).await?;
    let reply = session.expect(command!["EXEC"], Expect::Length(counts.len() + 1)).await?;
    let numbers = reply.items().unwrap_or_default().iter().map(|item| match item {
        wire::Value::Int(number) => *number,
        _ => -1,
    });
    let mut numbers: Vec<i64> = numbers.collect();
    let size = numbers.pop().unwrap_or(-1);
    let (sum, wrong) = (numbers.iter().sum::<i64>(), numbers.iter().filter(|number| **number < 0).count());
    ensure!(
        sum == size && wrong == 0 && size >= KEYS as i64,
        format!("key counts of all slots of {} that add up to its DBSIZE, {size}", node.address),
        "a sum of {sum}, and {wrong} slots without a count"
    );
    Ok(())
}

async fn countkeys_on_replica(cluster: &Cluster) -> Outcome {
    let primary = cluster.some_primary()?;
    let slot = cluster.slot_of(&primary)?;
    for _ in 0..KEYS {
        cluster.expect(&primary, command!["SET", cluster.keys().fresh(slot), "v"], Expect::Ok).await?;
    }
    let look = async || {
        let expected = integer(&cluster.call(&primary, count(slot)).await?)?;
        ensure!(
            expected >= KEYS as i64,
            format!("a count of {KEYS} or more keys in slot {slot} of {}", primary.address),
            "{expected}"
        );
        for replica in cluster.replicas_of(&primary) {
            cluster.expect(&replica, count(slot), Expect::Integer(expected)).await?;
        }
        Ok(())
    };
    cluster.until(cluster.limits().replicate, "every replica counts as many keys as its primary", look).await
}

fn count(slot: Slot) -> Command {
    command!["CLUSTER", "COUNTKEYSINSLOT", slot.to_string()]
}

fn integer(reply: &Reply) -> Outcome<i64> {
    reply.integer().ok_or_else(|| Stop::mismatch("an integer in reply to CLUSTER COUNTKEYSINSLOT", reply.to_string()))
}
