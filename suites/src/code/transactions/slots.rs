//! Transactions whose slot moves to another node, or is not served, before EXEC.

use wire::{Node, Slot, command};

use crate::cluster::Cluster;
use crate::code_check::{CodeCheck, check};
use crate::ensure;
use crate::expect::Expect;
use crate::need::Need;
use crate::outcome::Outcome;
use crate::session::Session;

pub(super) const CHECKS: &[CodeCheck] = &[
    check("transactions/slot-leaves-before-exec")
        .title("EXEC runs no queued command once the slot, or a watched key of it, is moving to another node")
        .must("live-reconfiguration")
        .covers(&["transactions.owner-changed", "transactions.watch-migrated", "transactions.execabort"])
        .shape(2, 0)
        .needs(&[Need::MoveSlot])
        .body(|cluster| Box::pin(slot_leaves_before_exec(cluster))),
    check("transactions/down-cluster-aborts")
        .title("While the cluster is down, queueing a command with a key answers CLUSTERDOWN and aborts EXEC; an empty EXEC works")
        .must("availability")
        .covers(&["transactions.down-queue", "transactions.execabort", "transactions.empty-exec"])
        .needs(&[Need::MoveSlot])
        .body(|cluster| Box::pin(down_cluster_aborts(cluster))),
    check("transactions/down-cluster-may-serve-reads")
        .title("A down cluster with cluster-allow-reads-when-down runs a transaction of reads, but refuses writes")
        .may("cluster-allow-reads-when-down")
        .covers(&["transactions.down-reads-allowed"])
        .needs(&[Need::MoveSlot, Need::SetConfig])
        // EXEC counts as a command that reads since Redis 6.2.
        .servers(&["redis >=6.2", "valkey"])
        .body(|cluster| Box::pin(down_cluster_may_serve_reads(cluster))),
];

/// A slot that moves, its keys, and the nodes from which and to which it moves.
struct Move {
    slot: Slot,
    source: Node,
    target: Node,
    present: String,
    watched: String,
    elsewhere: String,
}

async fn slot_leaves_before_exec(cluster: &Cluster) -> Outcome {
    let source = cluster.some_primary()?;
    let (slot, other_slot) = cluster.two_slots_of(&source)?;
    let target = cluster.non_owner(slot)?;
    let keys = cluster.keys();
    let (present, watched) = (keys.named(slot, "present"), keys.named(slot, "watched"));
    let elsewhere = keys.named(other_slot, "elsewhere");
    let moved = Move { slot, source, target, present, watched, elsewhere };
    for key in [&moved.present, &moved.watched] {
        cluster.expect(&moved.source, command!["SET", key, "v"], Expect::Ok).await?;
    }

    let mut queued = moved.queue(cluster, &[], &moved.present).await?;
    let mut watching = moved.queue(cluster, &[&moved.watched], &moved.present).await?;
    let mut watching_elsewhere = moved.queue(cluster, &[&moved.watched], &moved.elsewhere).await?;
    let mut watching_open = moved.queue(cluster, &[&moved.watched], &moved.watched).await?;

    cluster.open_slot(slot, &moved.source, &moved.target).await?;
    moved.missing_key_aborts(cluster).await?;
    cluster.move_keys(slot, &moved.source, &moved.target).await?;
    let redirect = |word: &str| Expect::error(format!("{word} {slot} {}", moved.target.address));
    watching_open
        .expect(command!["EXEC"], Expect::AnyOf(vec![Expect::Null, redirect("ASK"), redirect("MOVED")]))
        .await?;
    cluster.assign_slot(slot, &moved.source, &moved.target).await?;

    queued.expect(command!["EXEC"], redirect("MOVED")).await?;
    watching.expect(command!["EXEC"], Expect::AnyOf(vec![Expect::Null, redirect("MOVED")])).await?;
    watching_elsewhere.expect(command!["EXEC"], Expect::Null).await?;
    cluster.expect(&moved.source, command!["EXISTS", &moved.elsewhere], Expect::Integer(0)).await?;
    for key in [&moved.present, &moved.watched] {
        cluster.expect(&moved.target, command!["GET", key], Expect::text("v")).await?;
    }
    cluster.move_slot(slot, &moved.target, &moved.source).await
}

impl Move {
    /// A session with watched keys, in which a write to `key` is queued.
    async fn queue(&self, cluster: &Cluster, watch: &[&String], key: &str) -> Outcome<Session> {
        let mut session = cluster.session(&self.source).await?;
        for key in watch {
            session.expect(command!["WATCH", key], Expect::Ok).await?;
        }
        session.expect(command!["MULTI"], Expect::Ok).await?;
        session.expect(command!["SET", key, "queued"], Expect::Queued).await?;
        Ok(session)
    }

    /// Runs a transaction with a present and a missing key of the open slot, which must have no effect.
    ///
    /// If the server refuses the missing key when it is queued, EXEC aborts; if not, EXEC refuses it.
    async fn missing_key_aborts(&self, cluster: &Cluster) -> Outcome {
        let mut session = self.queue(cluster, &[], &self.present).await?;
        let ask = Expect::error(format!("ASK {} {}", self.slot, self.target.address));
        let read = command!["GET", cluster.keys().named(self.slot, "missing")];
        let reply = session.expect(&read, Expect::AnyOf(vec![Expect::Queued, ask.clone()])).await?;
        let refusal = match reply.error() {
            Some(_) => Expect::error("EXECABORT"),
            None => Expect::AnyOf(vec![ask, Expect::error("TRYAGAIN")]),
        };
        session.expect(command!["EXEC"], refusal).await?;
        cluster.expect(&self.source, command!["GET", &self.present], Expect::text("v")).await?;
        Ok(())
    }
}

/// A node that has deleted one of its slots and therefore reports the cluster as down.
struct Down {
    node: Node,
    /// A key in a slot that the node still owns.
    key: String,
    /// The slot that the node deleted.
    slot: Slot,
}

impl Down {
    async fn make(cluster: &Cluster) -> Outcome<Self> {
        let node = cluster.some_primary()?;
        let (kept, slot) = cluster.two_slots_of(&node)?;
        let key = cluster.keys().fresh(kept);
        cluster.expect(&node, command!["SET", &key, "v"], Expect::Ok).await?;
        cluster.expect(&node, command!["CLUSTER", "DELSLOTS", slot.to_string()], Expect::Ok).await?;
        let down = cluster.until(cluster.limits().converge, "the node reports cluster_state:fail", async || {
            let info = cluster.info(&node, &command!["CLUSTER", "INFO"]).await?;
            let state = info.get("cluster_state").map_or("", String::as_str);
            ensure!(
                state == "fail",
                format!("cluster_state:fail of {}, which deleted a slot", node.address),
                "cluster_state:{state}"
            );
            Ok(())
        });
        down.await?;
        Ok(Self { node, key, slot })
    }

    async fn restore(&self, cluster: &Cluster) -> Outcome {
        cluster.expect(&self.node, command!["CLUSTER", "ADDSLOTS", self.slot.to_string()], Expect::Ok).await?;
        let served = cluster.until(cluster.limits().converge, "the node serves its keys again", async || {
            cluster.expect(&self.node, command!["GET", &self.key], Expect::text("v")).await
        });
        served.await?;
        Ok(())
    }
}

async fn down_cluster_aborts(cluster: &Cluster) -> Outcome {
    let down = Down::make(cluster).await?;
    let mut session = cluster.session(&down.node).await?;
    for command in [command!["GET", &down.key], command!["SET", &down.key, "w"]] {
        session.expect(command!["MULTI"], Expect::Ok).await?;
        session.expect(command!["PING"], Expect::Queued).await?;
        session.expect(command, Expect::error("CLUSTERDOWN")).await?;
        session.expect(command!["EXEC"], Expect::error("EXECABORT")).await?;
    }
    session.expect(command!["MULTI"], Expect::Ok).await?;
    session.expect(command!["EXEC"], Expect::Items(Vec::new())).await?;
    session.expect(command!["MULTI"], Expect::Ok).await?;
    session.expect(command!["PING"], Expect::Queued).await?;
    session.expect(command!["EXEC"], Expect::Items(vec![Expect::text("PONG")])).await?;
    down.restore(cluster).await
}

async fn down_cluster_may_serve_reads(cluster: &Cluster) -> Outcome {
    let down = Down::make(cluster).await?;
    cluster.set_config(&down.node, "cluster-allow-reads-when-down", "yes").await?;
    let mut session = cluster.session(&down.node).await?;
    let get = command!["GET", &down.key];
    session.expect(command!["MULTI"], Expect::Ok).await?;
    session.expect(&get, Expect::Queued).await?;
    session.expect(command!["EXEC"], Expect::Items(vec![Expect::text("v")])).await?;
    session.expect(command!["MULTI"], Expect::Ok).await?;
    session.expect(&get, Expect::Queued).await?;
    session.expect(command!["SET", &down.key, "w"], Expect::error("CLUSTERDOWN")).await?;
    session.expect(command!["EXEC"], Expect::error("EXECABORT")).await?;
    session.expect(&get, Expect::text("v")).await?;
    down.restore(cluster).await
}
