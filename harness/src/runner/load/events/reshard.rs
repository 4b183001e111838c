//! Moves slots under load, and lets nodes join and leave.

use suites::until::until;
use suites::{LiveCluster, Outcome, Spare, Stop, ensure};
use wire::{Command, Connection, Node, NodeId, Reply, Slot, Topology, bytes_of, command, items_of, parse_info};

use super::performer::Performer;
use super::select::slots_of;

/// The most keys that one MIGRATE moves. Few, because clients of both nodes wait for it.
const MIGRATE_KEYS: usize = 100;

/// Moves slots with SETSLOT and MIGRATE, and waits until every node knows their new owner.
///
/// # Errors
/// The first step that a node refused.
pub(super) async fn migrate(live: &LiveCluster, slots: &[Slot], from: &Node, to: &Node) -> Outcome {
    epochs_spread(live).await?;
    let (mut source, mut target) = (Link::open(live, from).await?, Link::open(live, to).await?);
    for slot in slots {
        let number = slot.to_string();
        target.demand(&command!["CLUSTER", "SETSLOT", &number, "IMPORTING", from.id]).await?;
        source.demand(&command!["CLUSTER", "SETSLOT", &number, "MIGRATING", to.id]).await?;
        move_keys(live, &mut source, *slot, to).await?;
        let assign = command!["CLUSTER", "SETSLOT", &number, "NODE", to.id];
        target.demand(&assign).await?;
        // A source without slots may already be a replica of the target, and then refuses this.
        source.call(&assign).await?;
    }
    owned(live, slots, to.id).await
}

/// Waits until every node knows the config epochs of all primaries: otherwise a slot could be lost with its keys.
async fn epochs_spread(live: &LiveCluster) -> Outcome {
    let what = "every node knows the config epochs of all primaries";
    until(live.limits.converge, live.limits.poll, what, async || live.epochs_are_known().await).await
}

/// Moves all keys of a slot. A key that a client deletes meanwhile is no mistake.
async fn move_keys(live: &LiveCluster, source: &mut Link<'_>, slot: Slot, to: &Node) -> Outcome {
    let timeout = live.limits.reply.as_millis().to_string();
    loop {
        let list = command!["CLUSTER", "GETKEYSINSLOT", slot.to_string(), MIGRATE_KEYS.to_string()];
        let reply = source.demand(&list).await?;
        let keys: Vec<&[u8]> = reply.items().unwrap_or_default().iter().filter_map(bytes_of).collect();
        if keys.is_empty() {
            return Ok(());
        }
        let (host, port) = (&to.address.host, to.address.port.to_string());
        let mut migrate = command!["MIGRATE", host, port, "", "0", &timeout];
        if let Some(password) = &live.access.password {
            migrate = match &live.access.username {
                Some(user) => migrate.arg("AUTH2").arg(user).arg(password.expose()),
                None => migrate.arg("AUTH").arg(password.expose()),
            };
        }
        let migrate = keys.into_iter().fold(migrate.arg("KEYS"), |migrate: Command, key| migrate.arg(key));
        source.demand(&migrate).await?;
    }
}

/// Moves slots with CLUSTER MIGRATESLOTS, and waits until every node knows their new owner.
///
/// # Errors
/// A node refused the migration, or it failed.
pub(super) async fn migrate_atomically(live: &LiveCluster, slots: &[Slot], from: &Node, to: &Node) -> Outcome {
    let mut source = Link::open(live, from).await?;
    let mut ask = command!["CLUSTER", "MIGRATESLOTS", "SLOTSRANGE"];
    for run in slots.chunk_by(|one, other| one.number() + 1 == other.number()) {
        if let (Some(first), Some(last)) = (run.first(), run.last()) {
            ask = ask.arg(first.to_string()).arg(last.to_string());
        }
    }
    source.demand(&ask.arg("NODE").arg(to.id)).await?;
    let moved = until(live.limits.failover, live.limits.poll, "the slots have moved", async || {
        let reply = source.demand(&command!["CLUSTER", "GETSLOTMIGRATIONS"]).await?;
        match latest_migration(&reply).as_deref() {
            Some("success") => Ok(None),
            Some(state @ ("failed" | "cancelled")) => Ok(Some(format!("the migration ended as {state}: {reply}"))),
            other => Err(Stop::mismatch("a migration that has ended", other.unwrap_or("no migration"))),
        }
    });
    match moved.await? {
        None => owned(live, slots, to.id).await,
        Some(failure) => Err(Stop::broken(failure)),
    }
}

/// The state of the first migration in the reply to CLUSTER GETSLOTMIGRATIONS, which lists the latest first.
fn latest_migration(reply: &Reply) -> Option<String> {
    let fields = items_of(reply.items()?.first()?)?;
    let text = |value| bytes_of(value).map(|bytes| String::from_utf8_lossy(bytes).into_owned());
    let at = fields.iter().position(|field| text(field).as_deref() == Some("state"))?;
    text(fields.get(at + 1)?)
}

/// Waits until every running node names this owner of all slots.
async fn owned(live: &LiveCluster, slots: &[Slot], owner: NodeId) -> Outcome {
    until(live.limits.converge, live.limits.poll, "every node knows the new owner of the slots", async || {
        let view = live.agreed_view().await?;
        let owners = view.slot_owners();
        let missing = slots.iter().filter(|slot| owners[usize::from(slot.number())] != Some(owner)).count();
        ensure!(missing == 0, format!("{owner} as the owner of {} slots", slots.len()), "{missing} with another owner");
        live.set_topology(view);
        Ok(())
    })
    .await
}

/// Starts a node, lets it join the cluster, and moves an equal share of the slots to it.
///
/// # Errors
/// The node does not start or join, or slots do not move.
pub(super) async fn add_node(performer: &Performer) -> Outcome {
    let node = performer.cluster.start_spare(Spare::default()).await?;
    performer.cluster.meet(&node).await?;
    performer.added.borrow_mut().push(node.clone());
    serves(&performer.live, &node).await?;
    let view = performer.view().await?;
    let givers: Vec<&Node> = view.primaries().filter(|giver| giver.is_usable() && !giver.slots.is_empty()).collect();
    for giver in &givers {
        let owned = slots_of(giver).count();
        let share: Vec<Slot> = slots_of(giver).take(owned / (givers.len() + 1)).collect();
        migrate(&performer.live, &share, giver, &node).await?;
    }
    Ok(())
}

/// Waits until a node that has joined serves: for two seconds after its start, a primary regards the cluster as down.
async fn serves(live: &LiveCluster, node: &Node) -> Outcome {
    until(live.limits.restart, live.limits.poll, "the new node serves", async || {
        let reply = live.ask(node, &command!["CLUSTER", "INFO"]).await?;
        let state = parse_info(&reply.text().unwrap_or_default()).remove("cluster_state").unwrap_or_default();
        ensure!(state == "ok", format!("cluster_state:ok of {}", node.address), "cluster_state:{state}");
        Ok(())
    })
    .await
}

/// Moves the slots of a node to the other primaries, and lets all nodes forget it.
///
/// # Errors
/// Slots do not move, or a node goes on to know it.
pub(super) async fn remove_node(performer: &Performer, node: &Node, view: &Topology) -> Outcome {
    let takers: Vec<&Node> =
        view.primaries().filter(|taker| taker.id != node.id && taker.is_usable() && !taker.slots.is_empty()).collect();
    let slots: Vec<Slot> = view.node(&node.id).into_iter().flat_map(slots_of).collect();
    if !slots.is_empty() {
        if takers.is_empty() {
            return Err(Stop::broken("no other primary could take over the slots"));
        }
        for (share, taker) in slots.chunks(slots.len().div_ceil(takers.len())).zip(&takers) {
            migrate(&performer.live, share, node, taker).await?;
        }
    }
    performer.added.borrow_mut().retain(|added| added.id != node.id);
    performer.removed.borrow_mut().push(node.clone());
    forget(&performer.live, node, takers.first().copied()).await
}

/// Lets all other nodes forget a node without slots, and then the node forget them. Its replicas go to another primary.
///
/// # Errors
/// A node refuses.
pub(super) async fn forget(live: &LiveCluster, node: &Node, heir: Option<&Node>) -> Outcome {
    until(live.limits.converge, live.limits.poll, "no node knows the removed node", async || {
        for other in live.topology().nodes.iter().filter(|other| other.id != node.id) {
            let own = live.view_of(other).await?;
            if own.node(&node.id).is_none() {
                continue;
            }
            let myself = own.myself().and_then(|myself| myself.primary);
            if let (Some(heir), true) = (heir, myself == Some(node.id)) {
                live.ask(other, &command!["CLUSTER", "REPLICATE", heir.id]).await?;
            }
            let reply = live.ask(other, &command!["CLUSTER", "FORGET", node.id]).await?;
            ensure!(reply.error().is_none(), format!("OK from {} to CLUSTER FORGET", other.address), "{reply}");
        }
        Ok(())
    })
    .await?;
    // So that it does not go on to ping nodes that ignore it.
    Link::open(live, node).await?.demand(&command!["CLUSTER", "RESET", "SOFT"]).await?;
    let mut left = (*live.topology()).clone();
    left.nodes.retain(|other| other.id != node.id);
    live.set_topology(left);
    Ok(())
}

/// A connection to a node, for many commands.
pub(super) struct Link<'a> {
    live: &'a LiveCluster,
    node: &'a Node,
    connection: Connection,
}

impl<'a> Link<'a> {
    pub(super) async fn open(live: &'a LiveCluster, node: &'a Node) -> Outcome<Self> {
        match Connection::open(&live.options(&node.address)).await {
            Ok(connection) => Ok(Self { live, node, connection }),
            Err(error) => Err(live.judge(&node.address, error, "(opening a connection)").await),
        }
    }

    async fn call(&mut self, command: &Command) -> Outcome<Reply> {
        match self.connection.call(command).await {
            Ok(reply) => Ok(reply),
            Err(error) => Err(self.live.judge(&self.node.address, error, &command.to_string()).await),
        }
    }

    /// Sends a command that must be answered without an error.
    pub(super) async fn demand(&mut self, command: &Command) -> Outcome<Reply> {
        let reply = self.call(command).await?;
        match reply.error() {
            None => Ok(reply),
            Some(error) => {
                let address = &self.node.address;
                Err(Stop::mismatch(format!("no error from {address} to {}", brief(command)), error.to_string()))
            }
        }
    }
}

/// The first words of a command, without keys and passwords.
fn brief(command: &Command) -> String {
    command.to_string().split(' ').take(3).collect::<Vec<_>>().join(" ")
}
