//! A command that gets CROSSSLOT changes nothing, and CROSSSLOT takes precedence over MOVED.

use wire::{Command, Node, Reply, Slot, command};

use crate::cluster::Cluster;
use crate::code_check::{CodeCheck, check};
use crate::ensure;
use crate::expect::Expect;
use crate::outcome::{Outcome, Stop};

/// Every check of this file.
pub(super) const CHECKS: &[CodeCheck] = &[
    check("crossslot/no-effect")
        .title("A write that is rejected because its keys are in two slots changes no key")
        .must("multi-keys-operations")
        .covers(&["crossslot.no-effect"])
        .body(|cluster| Box::pin(no_effect(cluster))),
    check("crossslot/before-moved")
        .title("A node answers CROSSSLOT, not MOVED, to keys of two slots of another node")
        .should("multi-keys-operations")
        .covers(&["crossslot.before-moved", "errors.precedence-crossslot-moved"])
        .shape(2, 0)
        .body(|cluster| Box::pin(before_moved(cluster))),
    check("crossslot/before-moved-over-two-nodes")
        .title("A node answers CROSSSLOT, not MOVED, to keys that belong to two other nodes")
        .should("multi-keys-operations")
        .covers(&["crossslot.before-moved"])
        .shape(3, 0)
        .body(|cluster| Box::pin(before_moved_over_two_nodes(cluster))),
];

async fn no_effect(cluster: &Cluster) -> Outcome {
    let node = cluster.some_primary()?;
    let slots = cluster.two_slots_of(&node)?;
    let keys = Keys { cluster, slots };
    keys.fill(&node).await?;
    let before = keys.dumps(&node).await?;
    for command in keys.rejected_writes() {
        if cluster.may_have(&command.name()).await? {
            cluster.expect(&node, command, Expect::error("CROSSSLOT")).await?;
        }
    }
    let after = keys.dumps(&node).await?;
    for ((command, before), after) in keys.all_dumps().iter().zip(&before).zip(&after) {
        ensure!(
            before.bytes() == after.bytes(),
            format!("{before} in reply to {command}, as before the rejected writes"),
            "{after}"
        );
    }
    Ok(())
}

/// Keys of each type, with the same names in two slots of one node.
struct Keys<'a> {
    cluster: &'a Cluster,
    slots: (Slot, Slot),
}

/// The last parts of the names of the keys; nothing writes the key `absent`.
const TYPES: [&str; 6] = ["text", "list", "set", "zset", "hll", "absent"];

impl Keys<'_> {
    fn one(&self, name: &str) -> String {
        self.cluster.keys().named(self.slots.0, name)
    }

    fn other(&self, name: &str) -> String {
        self.cluster.keys().named(self.slots.1, name)
    }

    async fn fill(&self, node: &Node) -> Outcome {
        for (at, key) in [Self::one, Self::other].iter().enumerate() {
            let (number, member) = (at.to_string(), format!("member-{at}"));
            for command in [
                command!["SET", key(self, "text"), &member],
                command!["RPUSH", key(self, "list"), "b", &member],
                command!["SADD", key(self, "set"), "m", &member],
                command!["ZADD", key(self, "zset"), "1", "m", &number, &member],
                command!["PFADD", key(self, "hll"), "m", &member],
            ] {
                self.cluster.expect(node, command, Expect::NoError).await?;
            }
        }
        Ok(())
    }

    fn all_dumps(&self) -> Vec<Command> {
        TYPES.iter().flat_map(|name| [self.one(name), self.other(name)]).map(|key| command!["DUMP", key]).collect()
    }

    async fn dumps(&self, node: &Node) -> Outcome<Vec<Reply>> {
        let replies = self.cluster.pipeline(node, &self.all_dumps()).await?;
        match replies.iter().find(|reply| reply.error().is_some()) {
            Some(error) => Err(Stop::mismatch(format!("the dump of a key from {}", node.address), error.to_string())),
            None => Ok(replies),
        }
    }

    fn rejected_writes(&self) -> Vec<Command> {
        let (one, other) = (|name: &str| self.one(name), |name: &str| self.other(name));
        vec![
            command!["MSET", one("text"), "x", other("text"), "y"],
            command!["MSETNX", one("absent"), "x", other("absent"), "y"],
            command!["DEL", one("text"), other("text")],
            command!["UNLINK", one("list"), other("list")],
            command!["RENAME", one("text"), other("text")],
            command!["RENAMENX", one("text"), other("absent")],
            command!["COPY", one("set"), other("absent")],
            command!["SMOVE", one("set"), other("set"), "member-0"],
            command!["RPOPLPUSH", one("list"), other("list")],
            command!["LMOVE", one("list"), other("list"), "LEFT", "LEFT"],
            command!["BLPOP", one("list"), other("list"), "1"],
            command!["BZPOPMIN", one("zset"), other("zset"), "1"],
            command!["SORT", one("list"), "ALPHA", "STORE", other("absent")],
            command!["SUNIONSTORE", one("set"), other("set")],
            command!["SINTERSTORE", other("absent"), one("set")],
            command!["ZUNIONSTORE", one("zset"), "2", one("zset"), other("zset")],
            command!["ZRANGESTORE", other("zset"), one("zset"), "0", "0"],
            command!["BITOP", "NOT", other("text"), one("text")],
            command!["PFMERGE", one("hll"), other("hll")],
        ]
    }
}

async fn before_moved(cluster: &Cluster) -> Outcome {
    let owner = cluster.some_primary()?;
    let (first, second) = cluster.two_slots_of(&owner)?;
    let node = cluster.non_owner(first)?;
    rejects(cluster, &node, first, second).await
}

async fn before_moved_over_two_nodes(cluster: &Cluster) -> Outcome {
    let mut primaries = cluster.primaries();
    let nodes: Vec<Node> = (0..3).map_while(|_| primaries.pop()).collect();
    let [node, one, other] = nodes.as_slice() else {
        return Err(Stop::skip("the check needs three primaries with slots"));
    };
    rejects(cluster, node, cluster.slot_of(one)?, cluster.slot_of(other)?).await
}

async fn rejects(cluster: &Cluster, node: &Node, first: Slot, second: Slot) -> Outcome {
    let (one, other) = (cluster.keys().fresh(first), cluster.keys().fresh(second));
    for command in
        [command!["MGET", &one, &other], command!["DEL", &one, &other], command!["MSET", &one, "v", &other, "v"]]
    {
        cluster.expect(node, command, Expect::error("CROSSSLOT")).await?;
    }
    Ok(())
}
