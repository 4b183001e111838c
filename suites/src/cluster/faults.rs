//! Faults of nodes, and changes of slots and roles. Each is noted in the transcript.

use std::time::{Duration, Instant};

use wire::{Address, Command, Node, NodeId, Slot, Topology, command};

use super::Cluster;
use super::actions::stop;
use crate::control::{Restart, Spare};
use crate::ensure;
use crate::expect::Expect;
use crate::outcome::{Outcome, Stop};
use crate::words::{line, or};

/// The largest number of servers that one check may start.
const SPARES: u32 = 8;
/// What rct awaits after a failover.
const PROMOTED: &str = "every node knows the promoted replica as primary";
/// The limit of one attempt at a manual failover; servers themselves give up after 5 s.
pub(crate) const FAILOVER_ATTEMPT: Duration = Duration::from_secs(6);
/// The largest number of keys that one MIGRATE call moves.
const MIGRATE_KEYS: usize = 100;

impl Cluster {
    /// Kills a node's process without warning.
    ///
    /// # Errors
    /// Skip, if the target cannot do it; broken, if the target failed.
    pub async fn kill(&self, node: &Node) -> Outcome {
        self.shards_settled().await;
        self.perform(node, "kill", self.live.control.kill(&node.address)).await
    }

    /// Waits until every node has each replica in the shard of its primary, before the first fault of the check.
    ///
    /// Nodes learn shard ids from each other, and some servers write ids that do not fit together into their
    /// `nodes.conf` if they end before that; then they do not start again (valkey-io/valkey#774). Other checks judge
    /// CLUSTER SHARDS, so a server that never shows it is not waited for any longer than that.
    async fn shards_settled(&self) {
        if !self.own_changes().faults.is_empty() || self.server().is("redis <7.0") {
            return;
        }
        let topology = self.topology();
        let replicas: Vec<&Node> = topology.nodes.iter().filter(|node| node.primary.is_some()).collect();
        let settled =
            self.until(self.limits().node_timeout, "every replica is in the shard of its primary", async || {
                for node in self.running() {
                    let reply = self.live.ask(&node, &command!["CLUSTER", "SHARDS"]).await?;
                    let Ok(shards) = wire::parse_shards(reply.value()) else { return Ok(()) };
                    let shard_of =
                        |id: &NodeId| shards.iter().position(|shard| shard.nodes.iter().any(|node| node.id == *id));
                    let stray =
                        replicas.iter().find(|node| node.primary.is_some_and(|id| shard_of(&id) != shard_of(&node.id)));
                    ensure!(stray.is_none(), "each replica in the shard of its primary", "one elsewhere");
                }
                Ok(())
            });
        // Whether it is so or not: the check goes on.
        let _settled = settled.await;
    }

    /// Asks a node to end and waits until its process has ended.
    ///
    /// # Errors
    /// As [`Cluster::kill`].
    pub async fn stop(&self, node: &Node) -> Outcome {
        self.perform(node, "stop", self.live.control.stop(&node.address)).await
    }

    /// Starts a node again and waits until it answers.
    ///
    /// # Errors
    /// As [`Cluster::kill`].
    pub async fn restart(&self, node: &Node, how: Restart) -> Outcome {
        let what = if how == Restart::WithData { "restart" } else { "restart without data" };
        self.sessions.borrow_mut().retain(|(id, _), _| *id != node.id);
        self.perform(node, what, self.live.control.restart(&node.address, how)).await
    }

    /// Pauses a node's process.
    ///
    /// # Errors
    /// As [`Cluster::kill`].
    pub async fn pause(&self, node: &Node) -> Outcome {
        self.perform(node, "pause", self.live.control.pause(&node.address)).await
    }

    /// Resumes a paused node.
    ///
    /// # Errors
    /// As [`Cluster::kill`].
    pub async fn resume(&self, node: &Node) -> Outcome {
        self.perform(node, "resume", self.live.control.resume(&node.address)).await
    }

    /// Cuts a node off from the others.
    ///
    /// # Errors
    /// As [`Cluster::kill`].
    pub async fn isolate(&self, node: &Node) -> Outcome {
        self.perform(node, "isolate", self.live.control.isolate(&node.address)).await
    }

    /// Connects a node that was cut off to the others again.
    ///
    /// # Errors
    /// As [`Cluster::kill`].
    pub async fn heal(&self, node: &Node) -> Outcome {
        self.perform(node, "heal", self.live.control.heal(&node.address)).await
    }

    /// Starts one more server that belongs to no cluster, and returns it as a node.
    ///
    /// The id of a standalone server is all zeros.
    ///
    /// # Errors
    /// As [`Cluster::kill`].
    pub async fn start_spare(&self, spare: Spare) -> Outcome<Node> {
        self.spares.set(self.spares.get() + 1);
        if self.spares.get() > SPARES {
            return Err(Stop::broken(format!("the check starts more than {SPARES} servers, which is the limit")));
        }
        let standalone = spare.standalone;
        let address = self.live.control.start_spare(spare).await.map_err(stop)?;
        self.transcript.note(&address, "start another server");
        let mut node = node_at(address)?;
        if !standalone {
            let reply = self.session(&node).await?.expect(command!["CLUSTER", "MYID"], Expect::NoError).await?;
            let id = reply.text().and_then(|id| id.parse().ok());
            node.id = id.ok_or_else(|| {
                Stop::broken(format!("the started server {} sent no node id in reply to CLUSTER MYID", node.address))
            })?;
        }
        Ok(node)
    }

    /// Joins a new node to the cluster (CLUSTER MEET) and waits until all nodes know it.
    ///
    /// The command is repeated, because servers silently give up a handshake that a busy machine delays.
    ///
    /// # Errors
    /// A mismatch, if MEET is refused or the nodes do not know each other within the limit `converge`.
    pub async fn meet(&self, newcomer: &Node) -> Outcome {
        let member = self.some_primary()?;
        let Address { host, port } = &newcomer.address;
        let meet = command!["CLUSTER", "MEET", host, port.to_string()];
        let members = self.nodes();
        self.until(self.limits().converge, "the new node and all others know each other", async || {
            self.expect(&member, &meet, Expect::Ok).await?;
            let own = self.view_of(newcomer).await?;
            for node in &members {
                let view = self.view_of(node).await?;
                let known = |view: &Topology, id| view.node(id).is_some_and(Node::is_usable);
                let both = known(&view, &newcomer.id) && known(&own, &node.id);
                ensure!(
                    both,
                    format!("{} and {} in each other's CLUSTER NODES", node.address, newcomer.address),
                    "a view without the other node"
                );
            }
            Ok(())
        })
        .await
    }

    /// Moves a slot and its keys with SETSLOT and MIGRATE, and waits until every node knows the new owner.
    ///
    /// # Errors
    /// A mismatch, if the server refuses a step or the nodes do not agree in time.
    pub async fn move_slot(&self, slot: Slot, from: &Node, to: &Node) -> Outcome {
        self.open_slot(slot, from, to).await?;
        self.move_keys(slot, from, to).await?;
        self.assign_slot(slot, from, to).await
    }

    /// Opens a slot: SETSLOT IMPORTING on the new owner, then SETSLOT MIGRATING on the present one.
    ///
    /// # Errors
    /// A mismatch, if the server refuses a step.
    pub async fn open_slot(&self, slot: Slot, from: &Node, to: &Node) -> Outcome {
        self.open_importing(slot, from, to).await?;
        let migrating = command!["CLUSTER", "SETSLOT", slot.to_string(), "MIGRATING", to.id];
        self.expect(from, migrating, Expect::Ok).await?;
        Ok(())
    }

    /// Closes an open slot with SETSLOT NODE on both nodes, and waits until every node knows the new owner.
    ///
    /// # Errors
    /// A mismatch, if the server refuses a step or the nodes do not agree in time.
    pub async fn assign_slot(&self, slot: Slot, from: &Node, to: &Node) -> Outcome {
        for node in [to, from] {
            let assign = command!["CLUSTER", "SETSLOT", slot.to_string(), "NODE", to.id];
            self.expect(node, assign, Expect::Ok).await?;
        }
        self.owned(slot, to).await
    }

    /// Waits until every running node names this owner of a slot.
    ///
    /// # Errors
    /// A mismatch after the limit `converge`.
    pub async fn owned(&self, slot: Slot, owner: &Node) -> Outcome {
        self.until(self.limits().converge, "every node names the new owner of the slot", async || {
            let view = self.live.agreed_view().await?;
            let found = view.owner(slot).map(|node| node.id);
            ensure!(
                found == Some(owner.id),
                format!("{} as the owner of slot {slot}", owner.id),
                "{}",
                or(found, "no owner")
            );
            self.live.set_topology(view);
            Ok(())
        })
        .await
    }

    /// Moves all keys of a slot to another node with MIGRATE.
    ///
    /// # Errors
    /// A mismatch, if the server refuses a step or keeps a key that it has moved.
    pub async fn move_keys(&self, slot: Slot, from: &Node, to: &Node) -> Outcome {
        let mut moved: Vec<Vec<u8>> = Vec::new();
        loop {
            let list = command!["CLUSTER", "GETKEYSINSLOT", slot.to_string(), MIGRATE_KEYS.to_string()];
            let reply = self.expect(from, list, Expect::Kind(crate::expect::Kind::Array)).await?;
            let keys = reply.items().unwrap_or_default().iter().filter_map(wire::bytes_of);
            let keys: Vec<Vec<u8>> = keys.map(<[u8]>::to_vec).collect();
            if keys.is_empty() {
                return Ok(());
            }
            ensure!(
                keys != moved,
                format!("{} without the keys that MIGRATE has moved", from.address),
                "{} of these keys in CLUSTER GETKEYSINSLOT {slot}",
                keys.len()
            );
            self.expect(from, self.migrate_command(to, &keys, &[]), Expect::Ok).await?;
            moved = keys;
        }
    }

    /// Promotes a replica with CLUSTER FAILOVER, and waits until every node knows it as primary.
    ///
    /// Returns the time from the command until then. The command is sent again if an attempt ends silently: a primary
    /// votes only once in two node timeouts for replicas of the same primary (cluster specification, "Replica election
    /// and promotion").
    ///
    /// # Errors
    /// A mismatch, if the server refuses the command or no promotion follows within the limit `failover`.
    pub async fn failover(&self, replica: &Node, option: Option<&str>) -> Outcome<Duration> {
        let started = Instant::now();
        let mut command = command!["CLUSTER", "FAILOVER"];
        if let Some(option) = option {
            command = command.arg(option);
        }
        if option.is_none() && self.server().is("redis <6.2.2") {
            self.leave_offset_zero(replica).await?;
        }
        self.fail_over(replica, &command, PROMOTED, async || self.see_promoted(replica).await).await?;
        Ok(started.elapsed())
    }

    /// Promotes a replica with CLUSTER FAILOVER, and waits until the replica knows itself as primary.
    ///
    /// For a failover during a migration: a node that imports a slot may not learn the new owner. A replica that took
    /// over with the votes of an earlier election has too small an epoch, and soon gives the slots back (redis#8753). So
    /// the wait ends only when the replica's epoch is above that of its old primary.
    ///
    /// # Errors
    /// A mismatch, if the server refuses the command or no promotion follows within the limit `failover`.
    pub async fn take_over(&self, replica: &Node) -> Outcome {
        let topology = self.topology();
        let old = match replica.primary.and_then(|id| topology.node(&id)) {
            Some(primary) => self.view_of(primary).await?.myself().map_or(0, |own| own.config_epoch),
            None => 0,
        };
        self.fail_over(replica, &command!["CLUSTER", "FAILOVER"], "the replica has taken over", async || {
            let view = self.view_of(replica).await?;
            let own = view.myself().filter(|own| own.primary.is_none() && !own.slots.is_empty());
            ensure!(own.is_some(), format!("{} as a primary with slots", replica.address), "{}", line(view.myself()));
            let epoch = own.map_or(0, |own| own.config_epoch);
            ensure!(epoch > old, format!("a config epoch of {} above {old}", replica.address), "{epoch}");
            Ok(())
        })
        .await
    }

    /// Sends CLUSTER FAILOVER until the promotion shows, since an attempt may end silently.
    async fn fail_over(
        &self,
        replica: &Node,
        command: &Command,
        what: &str,
        seen: impl AsyncFn() -> Outcome,
    ) -> Outcome {
        self.expect(replica, command, Expect::Ok).await?;
        let mut sent = Instant::now();
        self.until(self.limits().failover, what, async || {
            if sent.elapsed() >= FAILOVER_ATTEMPT {
                sent = Instant::now();
                self.call(replica, command).await?;
            }
            seen().await
        })
        .await
    }

    /// Writes a key to the primary of a replica: at the replication offset 0, a manual failover hangs on old servers
    /// (redis#8651).
    async fn leave_offset_zero(&self, replica: &Node) -> Outcome {
        let topology = self.topology();
        let Some(primary) = replica.primary.and_then(|id| topology.node(&id)) else { return Ok(()) };
        let key = self.keys().fresh(self.slot_of(primary)?);
        // A primary that refuses it will be judged by the failover.
        self.call(primary, command!["SET", &key, "v"]).await?;
        Ok(())
    }

    /// Waits until every running node knows a replica as a primary with slots.
    ///
    /// # Errors
    /// A mismatch after the limit `failover`.
    pub async fn promoted(&self, replica: &Node) -> Outcome {
        self.until(self.limits().failover, PROMOTED, async || self.see_promoted(replica).await).await
    }

    async fn see_promoted(&self, replica: &Node) -> Outcome {
        let view = self.live.agreed_view().await?;
        let slots = view.node(&replica.id).filter(|node| node.primary.is_none()).map_or(0, |node| node.slots.len());
        ensure!(slots > 0, format!("{} as a primary with slots", replica.address), "{}", line(view.node(&replica.id)));
        self.live.set_topology(view);
        Ok(())
    }

    pub(super) fn note(&self, node: &Node, what: &str) {
        self.transcript.note(&node.address, what);
    }
}

/// A node of which only the address is known.
fn node_at(address: Address) -> Outcome<Node> {
    let line = format!("{} {address}@0 master - 0 0 0 connected", "0".repeat(40));
    let parsed = wire::parse_nodes(&line).map_err(|error| Stop::broken(error.to_string()))?;
    parsed.nodes.into_iter().next().ok_or_else(|| Stop::broken("rct cannot describe the server that it started"))
}
