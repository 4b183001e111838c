//! The effects of a redirect: no change of data, only an entry in the statistics.

use std::collections::BTreeMap;

use wire::{Command, Node, command};

use crate::cluster::Cluster;
use crate::code::sweep;
use crate::code_check::{CodeCheck, check};
use crate::ensure;
use crate::expect::Expect;
use crate::outcome::Outcome;

/// Every check of this file.
pub(super) const CHECKS: &[CodeCheck] = &[
    check("moved/not-executed")
        .title("A redirected write changes nothing, neither on the node that redirects it nor on the owner")
        .must("moved-redirection")
        .covers(&["moved.not-executed"])
        .shape(2, 0)
        .body(|cluster| Box::pin(not_executed(cluster))),
    check("moved/counted-in-stats")
        .title("Each redirect increments errorstat_MOVED and rejected_calls of the command")
        .may("INFO")
        .covers(&["moved.stats"])
        .shape(2, 0)
        .servers(&["redis >=6.2", "valkey"])
        .body(|cluster| Box::pin(counted_in_stats(cluster))),
];

async fn not_executed(cluster: &Cluster) -> Outcome {
    let owner = cluster.some_primary()?;
    let slot = cluster.slot_of(&owner)?;
    let node = cluster.non_owner(slot)?;
    let key = |name: &str| cluster.keys().named(slot, name);
    let (text, list) = (key("text"), key("list"));
    cluster.expect(&owner, command!["SET", &text, "before"], Expect::Ok).await?;
    cluster.expect(&owner, command!["RPUSH", &list, "before"], Expect::Integer(1)).await?;

    let redirected = [
        command!["SET", &text, "after"],
        command!["APPEND", &text, "after"],
        command!["DEL", &text],
        command!["EXPIRE", &text, "1"],
        command!["RENAME", &text, key("renamed")],
        command!["RPUSH", &list, "after"],
        command!["LPOP", &list],
        command!["SET", key("new-text"), "after"],
        command!["INCR", key("new-number")],
        command!["HSET", key("new-hash"), "f", "v"],
        command!["SADD", key("new-set"), "m"],
        command!["ZADD", key("new-zset"), "1", "m"],
        command!["XADD", key("new-stream"), "*", "f", "v"],
        command!["EVAL", "return redis.call('SET', KEYS[1], 'after')", "1", key("new-script")],
    ];
    let moved = Expect::error(format!("MOVED {slot} {}", owner.endpoint));
    for command in &redirected {
        cluster.expect(&node, command, moved.clone()).await?;
    }

    let kept = sweep::leftovers(cluster, &node, slot).await?;
    ensure!(
        kept.is_empty(),
        format!("no key in slot {slot} of {}, which redirected the writes", node.address),
        "{}",
        kept.join(", ")
    );
    cluster.expect(&owner, command!["GET", &text], Expect::text("before")).await?;
    cluster.expect(&owner, command!["TTL", &text], Expect::Integer(-1)).await?;
    cluster.expect(&owner, command!["LRANGE", &list, "0", "-1"], Expect::Items(vec![Expect::text("before")])).await?;
    let names = ["renamed", "new-text", "new-number", "new-hash", "new-set", "new-zset", "new-stream", "new-script"];
    let exists = Command::new(["EXISTS".to_owned()].into_iter().chain(names.map(key)));
    cluster.expect(&owner, exists, Expect::Integer(0)).await?;
    Ok(())
}

/// The number of redirects; other checks may add to the counters at the same time.
const REDIRECTS: u64 = 7;

async fn counted_in_stats(cluster: &Cluster) -> Outcome {
    let owner = cluster.some_primary()?;
    let slot = cluster.slot_of(&owner)?;
    let node = cluster.non_owner(slot)?;
    let before = Counts::read(cluster, &node).await?;
    let commands: Vec<Command> =
        (0..REDIRECTS).map(|_| command!["GETRANGE", cluster.keys().fresh(slot), "0", "1"]).collect();
    for reply in cluster.pipeline(&node, &commands).await? {
        ensure!(Expect::error("MOVED").admits(&reply), format!("error MOVED {slot} from {}", node.address), "{reply}");
    }
    let after = Counts::read(cluster, &node).await?;
    ensure!(
        after.moved >= before.moved + REDIRECTS,
        format!("a count of {} or more in errorstat_MOVED after {REDIRECTS} redirects", before.moved + REDIRECTS),
        "{}",
        after.moved
    );
    ensure!(
        after.rejected >= before.rejected + REDIRECTS,
        format!("{} or more rejected_calls of GETRANGE after {REDIRECTS} redirects", before.rejected + REDIRECTS),
        "{}",
        after.rejected
    );
    Ok(())
}

struct Counts {
    moved: u64,
    rejected: u64,
}

impl Counts {
    async fn read(cluster: &Cluster, node: &Node) -> Outcome<Self> {
        let errors = cluster.info(node, &command!["INFO", "errorstats"]).await?;
        let commands = cluster.info(node, &command!["INFO", "commandstats"]).await?;
        Ok(Self {
            moved: count(&errors, "errorstat_MOVED", "count"),
            rejected: count(&commands, "cmdstat_getrange", "rejected_calls"),
        })
    }
}

/// A number in a line such as `cmdstat_get:calls=1,rejected_calls=2`; 0 if the line or the number is missing.
fn count(fields: &BTreeMap<String, String>, line: &str, name: &str) -> u64 {
    let pairs = fields.get(line).map(|line| line.split(',')).into_iter().flatten();
    let value = pairs.filter_map(|pair| pair.split_once('=')).find(|(key, _)| *key == name);
    value.and_then(|(_, value)| value.parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_read_from_their_line() {
        let fields =
            BTreeMap::from([("cmdstat_getrange".to_owned(), "calls=3,rejected_calls=7,failed_calls=0".to_owned())]);
        assert_eq!(count(&fields, "cmdstat_getrange", "rejected_calls"), 7);
        assert_eq!(count(&fields, "cmdstat_getrange", "calls"), 3);
        assert_eq!(count(&fields, "cmdstat_get", "calls"), 0);
    }
}
