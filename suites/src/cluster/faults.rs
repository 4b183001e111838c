//! Acts on nodes and slots, each noted in the transcript.

use std::time::{Duration, Instant};

use wire::{Address, Node, Slot, Topology, command};

use super::Cluster;
use super::acts::stop;
use crate::control::{Restart, Spare};
use crate::ensure;
use crate::expect::Expect;
use crate::outcome::{Outcome, Stop};

/// The spare servers that one check may start.
const SPARES: u32 = 8;
/// What is awaited of a failover.
const PROMOTED: &str = "every node knows the promoted replica as primary";
/// How long one attempt at a manual failover may take; servers give up after 5 s themselves.
const FAILOVER_ATTEMPT: Duration = Duration::from_secs(6);
/// The keys that one MIGRATE call moves.
const MIGRATE_KEYS: usize = 100;

impl Cluster {
    /// Ends a node's process without warning.
    ///
    /// # Errors
    /// Skip, where the target cannot; broken, where it failed to. So for all acts on nodes.
    pub async fn kill(&self, node: &Node) -> Outcome {
        self.act(node, "kill", self.live.control.kill(&node.address)).await
    }

    /// Asks a node to end and waits until it has.
    ///
    /// # Errors
    /// As [`Cluster::kill`].
    pub async fn stop(&self, node: &Node) -> Outcome {
        self.act(node, "stop", self.live.control.stop(&node.address)).await
    }

    /// Starts a node again, until it answers.
    ///
    /// # Errors
    /// As [`Cluster::kill`].
    pub async fn restart(&self, node: &Node, how: Restart) -> Outcome {
        let what = if how == Restart::WithData { "restart" } else { "restart without data" };
        self.sessions.borrow_mut().retain(|(id, _), _| *id != node.id);
        self.act(node, what, self.live.control.restart(&node.address, how)).await
    }

    /// Stops a node's process for a while.
    ///
    /// # Errors
    /// As [`Cluster::kill`].
    pub async fn pause(&self, node: &Node) -> Outcome {
        self.act(node, "pause", self.live.control.pause(&node.address)).await
    }

    /// Lets a paused node go on.
    ///
    /// # Errors
    /// As [`Cluster::kill`].
    pub async fn resume(&self, node: &Node) -> Outcome {
        self.act(node, "resume", self.live.control.resume(&node.address)).await
    }

    /// Cuts a node off from the others.
    ///
    /// # Errors
    /// As [`Cluster::kill`].
    pub async fn isolate(&self, node: &Node) -> Outcome {
        self.act(node, "isolate", self.live.control.isolate(&node.address)).await
    }

    /// Joins a node that was cut off to the others again.
    ///
    /// # Errors
    /// As [`Cluster::kill`].
    pub async fn heal(&self, node: &Node) -> Outcome {
        self.act(node, "heal", self.live.control.heal(&node.address)).await
    }

    /// Starts one more server, known to no cluster, and gives it as a node as it sees itself; a standalone server
    /// gets an id of zeros.
    ///
    /// # Errors
    /// As [`Cluster::kill`].
    pub async fn start_spare(&self, spare: Spare) -> Outcome<Node> {
        self.spares.set(self.spares.get() + 1);
        if self.spares.get() > SPARES {
            return Err(Stop::broken(format!("start a spare node: a check may start {SPARES}")));
        }
        let standalone = spare.standalone;
        let address = self.live.control.start_spare(spare).await.map_err(stop)?;
        self.transcript.note(&address, "start a spare node");
        let mut node = stranger(address)?;
        if !standalone {
            let reply = self.session(&node).await?.expect(command!["CLUSTER", "MYID"], Expect::NoError).await?;
            let id = reply.text().and_then(|id| id.parse().ok());
            node.id = id.ok_or_else(|| Stop::broken("read the id of a spare node"))?;
        }
        Ok(node)
    }

    /// Makes a new node and all others that run know each other (CLUSTER MEET). Repeated until they do, since a
    /// handshake that a busy machine delays is given up without a word.
    ///
    /// # Errors
    /// A mismatch, where MEET is refused or they do not know each other within the limit `converge`.
    pub async fn meet(&self, newcomer: &Node) -> Outcome {
        let member = self.some_primary()?;
        let Address { host, port } = &newcomer.address;
        let meet = command!["CLUSTER", "MEET", host, port.to_string()];
        let members = self.nodes();
        self.until(self.limits().converge, "the new node and the others know each other", async || {
            self.expect(&member, &meet, Expect::Ok).await?;
            let own = self.view_of(newcomer).await?;
            for node in &members {
                let view = self.view_of(node).await?;
                let known = |view: &Topology, id| view.node(id).is_some_and(Node::is_usable);
                let both = known(&view, &newcomer.id) && known(&own, &node.id);
                ensure!(
                    both,
                    format!("{} and {} in each other's view", node.address, newcomer.address),
                    "no such line"
                );
            }
            Ok(())
        })
        .await
    }

    /// Moves a slot with its keys, by SETSLOT and MIGRATE, and waits until every node knows the new owner.
    ///
    /// # Errors
    /// A mismatch, where the server refuses a step or the nodes do not agree in time.
    pub async fn move_slot(&self, slot: Slot, from: &Node, to: &Node) -> Outcome {
        self.open_slot(slot, from, to).await?;
        self.move_keys(slot, from, to).await?;
        self.assign_slot(slot, from, to).await
    }

    /// Opens a slot between its owner and another node: SETSLOT IMPORTING there, then MIGRATING here.
    ///
    /// # Errors
    /// A mismatch, where the server refuses a step.
    pub async fn open_slot(&self, slot: Slot, from: &Node, to: &Node) -> Outcome {
        let number = slot.to_string();
        let importing = command!["CLUSTER", "SETSLOT", &number, "IMPORTING", from.id];
        self.expect(to, importing, Expect::Ok).await?;
        let migrating = command!["CLUSTER", "SETSLOT", &number, "MIGRATING", to.id];
        self.expect(from, migrating, Expect::Ok).await?;
        Ok(())
    }

    /// Gives an open slot to its new owner (SETSLOT NODE on both sides) and waits until every node knows it.
    ///
    /// # Errors
    /// A mismatch, where the server refuses a step or the nodes do not agree in time.
    pub async fn assign_slot(&self, slot: Slot, from: &Node, to: &Node) -> Outcome {
        for node in [to, from] {
            let assign = command!["CLUSTER", "SETSLOT", slot.to_string(), "NODE", to.id];
            self.expect(node, assign, Expect::Ok).await?;
        }
        self.owned(slot, to).await
    }

    /// Waits until every node that runs names a node as a slot's owner.
    ///
    /// # Errors
    /// A mismatch after the limit `converge`.
    pub async fn owned(&self, slot: Slot, owner: &Node) -> Outcome {
        self.until(self.limits().converge, "every node names the slot's new owner", async || {
            let view = self.live.agreed_view().await?;
            let found = view.owner(slot).map(|node| node.id);
            ensure!(found == Some(owner.id), format!("owner {}", owner.id), "{found:?}");
            self.live.set_topology(view);
            Ok(())
        })
        .await
    }

    /// Moves the keys of a slot to another node by MIGRATE.
    ///
    /// # Errors
    /// A mismatch, where the server refuses a step.
    pub async fn move_keys(&self, slot: Slot, from: &Node, to: &Node) -> Outcome {
        let timeout = self.limits().reply.as_millis().to_string();
        let Address { host, port } = to.address.clone();
        loop {
            let list = command!["CLUSTER", "GETKEYSINSLOT", slot.to_string(), MIGRATE_KEYS.to_string()];
            let reply = self.expect(from, list, Expect::Kind(crate::expect::Kind::Array)).await?;
            let keys: Vec<&[u8]> = reply.items().unwrap_or_default().iter().filter_map(wire::bytes_of).collect();
            if keys.is_empty() {
                return Ok(());
            }
            let mut migrate = command!["MIGRATE", &host, port.to_string(), "", "0", &timeout, "KEYS"];
            for key in keys {
                migrate = migrate.arg(key);
            }
            self.expect(from, migrate, Expect::Ok).await?;
        }
    }

    /// Sends CLUSTER FAILOVER to a replica, with an option or without, and waits until every node knows it as the
    /// primary; gives the time that took. Sent again where an attempt ends without a word: primaries vote but once in
    /// two node timeouts on the same primary's place (cluster specification, "Replica election and promotion").
    ///
    /// # Errors
    /// A mismatch, where the server refuses or the change does not come within the limit `failover`.
    pub async fn failover(&self, replica: &Node, option: Option<&str>) -> Outcome<Duration> {
        let started = Instant::now();
        let mut command = command!["CLUSTER", "FAILOVER"];
        if let Some(option) = option {
            command = command.arg(option);
        }
        self.expect(replica, &command, Expect::Ok).await?;
        let mut sent = Instant::now();
        self.until(self.limits().failover, PROMOTED, async || {
            if sent.elapsed() >= FAILOVER_ATTEMPT {
                sent = Instant::now();
                self.call(replica, &command).await?;
            }
            self.see_promoted(replica).await
        })
        .await?;
        Ok(started.elapsed())
    }

    /// Waits until every node that runs knows a replica as a primary with slots.
    ///
    /// # Errors
    /// A mismatch after the limit `failover`.
    pub async fn promoted(&self, replica: &Node) -> Outcome {
        self.until(self.limits().failover, PROMOTED, async || self.see_promoted(replica).await).await
    }

    async fn see_promoted(&self, replica: &Node) -> Outcome {
        let view = self.live.agreed_view().await?;
        let slots = view.node(&replica.id).filter(|node| node.primary.is_none()).map_or(0, |node| node.slots.len());
        ensure!(slots > 0, format!("{} a primary with slots", replica.address), "{}", view.signature());
        self.live.set_topology(view);
        Ok(())
    }

    pub(super) fn note(&self, node: &Node, what: &str) {
        self.transcript.note(&node.address, what);
    }
}

/// A node of which only the address is known.
fn stranger(address: Address) -> Outcome<Node> {
    let line = format!("{} {address}@0 master - 0 0 0 connected", "0".repeat(40));
    let parsed = wire::parse_nodes(&line).map_err(|error| Stop::broken(error.to_string()))?;
    parsed.nodes.into_iter().next().ok_or_else(|| Stop::broken("describe a spare node"))
}
