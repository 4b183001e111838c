//! Performs the actions: chooses the nodes as the cluster is when the event begins, and does to them what it says.

use std::time::Duration;

use futures_util::future::join_all;
use suites::until::until;
use suites::{Outcome, Restart, Stop, ensure};
use tokio::time::sleep;
use wire::{Node, Topology};

use super::fault::{Action, FailoverKind, MoveBy, On};
use super::migrate;
use super::performer::Performer;
use super::reshard;
use super::select::{Planned, primary, replicas, shard_of, slots_of};

/// An event with its nodes.
pub(super) struct Chosen {
    /// What rct does, as a sentence without a subject.
    pub(super) action: String,
    pub(super) nodes: Vec<Node>,
    pub(super) view: Topology,
}

impl Performer {
    /// Chooses the nodes of an event.
    pub(super) async fn choose(&self, planned: &Planned) -> Outcome<Chosen> {
        let view = self.view().await?;
        let shard = planned.shards.first().copied();
        let nodes = match &planned.fault.action {
            Action::Kill(on, _) | Action::Pause(on, _) | Action::Restart(on) | Action::Isolate(on, _) => {
                vec![self.node(on, shard, &view)?]
            }
            Action::Stop(..) => {
                let shard = needed(shard)?;
                primary(&view, &self.shards, shard)
                    .into_iter()
                    .chain(replicas(&view, &self.shards, shard))
                    .cloned()
                    .collect()
            }
            Action::Failover(_, on) => vec![self.candidate(on, needed(shard)?, &view)?],
            Action::Move(..) => {
                let both = planned.shards.iter().filter_map(|&shard| primary(&view, &self.shards, shard));
                both.cloned().collect()
            }
            Action::AddNode => Vec::new(),
            Action::RemoveNode(On::Primary) => match self.added.borrow().last() {
                Some(added) => vec![added.clone()],
                None => vec![self.node(&On::Primary, shard, &view)?],
            },
            Action::RemoveNode(on) => vec![self.node(on, shard, &view)?],
            Action::RollingRestart => {
                let mut nodes: Vec<Node> = view.nodes.iter().filter(|node| node.is_usable()).cloned().collect();
                nodes.sort_by_key(|node| node.primary.is_none());
                nodes
            }
        };
        let action = self.describe(&planned.fault.action, &nodes, &view);
        Ok(Chosen { action, nodes, view })
    }

    /// Performs an event to its end, which may be the end of a pause.
    pub(super) async fn perform(&self, action: &Action, chosen: &Chosen) -> Outcome {
        let nodes = &chosen.nodes;
        match action {
            Action::Kill(_, span) => {
                self.cluster.kill(first(nodes)?).await?;
                self.start_again(nodes, *span).await
            }
            Action::Pause(_, span) => {
                self.cluster.pause(first(nodes)?).await?;
                sleep(*span).await;
                self.cluster.resume(first(nodes)?).await
            }
            Action::Restart(_) => self.cluster.restart(first(nodes)?, Restart::WithData).await,
            Action::Isolate(_, span) => {
                self.cluster.isolate(first(nodes)?).await?;
                sleep(*span).await;
                self.cluster.heal(first(nodes)?).await
            }
            Action::Stop(_, span) => {
                let stopped = join_all(nodes.iter().map(|node| self.cluster.stop(node))).await;
                stopped.into_iter().collect::<Outcome>()?;
                self.start_again(nodes, *span).await
            }
            Action::Failover(kind, _) => {
                let option = match kind {
                    FailoverKind::Agreed => None,
                    FailoverKind::Force => Some("FORCE"),
                    FailoverKind::Takeover => Some("TAKEOVER"),
                };
                self.cluster.failover(first(nodes)?, option).await.map(drop)
            }
            Action::Move(slots, by) => {
                let [source, target] = nodes.as_slice() else { return Err(Stop::broken("a shard has no primary")) };
                let slots: Vec<_> = slots_of(source).take(usize::from(*slots)).collect();
                match by {
                    MoveBy::Migrate => migrate::migrate(&self.live, &slots, source, target).await,
                    MoveBy::Atomic => migrate::migrate_atomically(&self.live, &slots, source, target).await,
                }
            }
            Action::AddNode => reshard::add_node(self).await,
            Action::RemoveNode(_) => reshard::remove_node(self, first(nodes)?, &chosen.view).await,
            Action::RollingRestart => self.restart_all(nodes).await,
        }
    }

    async fn start_again(&self, nodes: &[Node], span: Option<Duration>) -> Outcome {
        let Some(span) = span else { return Ok(()) };
        sleep(span).await;
        for node in nodes {
            self.cluster.restart(node, Restart::WithData).await?;
        }
        Ok(())
    }

    /// Restarts one node after the other. Each must be in sync and known as usable before the next one.
    async fn restart_all(&self, nodes: &[Node]) -> Outcome {
        for node in nodes {
            self.cluster.restart(node, Restart::WithData).await?;
            let limits = self.live.limits;
            until(limits.restart + limits.failover, limits.poll, "the restarted node serves again", async || {
                let view = self.live.agreed_view().await?;
                let own = view.node(&node.id);
                let is_usable = view.nodes.iter().all(|node| node.is_usable() && !node.is_suspected());
                ensure!(own.is_some() && is_usable, "a cluster without failed nodes", "a node that is failed");
                let replication = self.live.info(node, "replication").await?;
                let is_linked = replication.get("master_link_status").is_none_or(|status| status == "up");
                ensure!(is_linked, format!("the replication link of {} up", node.address), "down");
                self.live.set_topology(view);
                Ok(())
            })
            .await?;
        }
        Ok(())
    }

    fn node(&self, on: &On, shard: Option<usize>, view: &Topology) -> Outcome<Node> {
        let found = match on {
            On::Primary | On::Shard(_) => primary(view, &self.shards, needed(shard)?),
            On::Replica => replicas(view, &self.shards, needed(shard)?).next(),
            On::Node(address) => view.nodes.iter().find(|node| node.address == *address),
        };
        found.cloned().ok_or_else(|| Stop::broken(format!("the cluster has no such {on} now")))
    }

    /// The replica to promote: the named one, or one of the shard.
    fn candidate(&self, on: &On, shard: usize, view: &Topology) -> Outcome<Node> {
        let named = match on {
            On::Node(address) => view.nodes.iter().find(|node| node.address == *address && node.primary.is_some()),
            _ => None,
        };
        let candidate = named.or_else(|| replicas(view, &self.shards, shard).next());
        candidate.cloned().ok_or_else(|| Stop::broken(format!("shard {} has no replica now", shard + 1)))
    }

    fn describe(&self, action: &Action, nodes: &[Node], view: &Topology) -> String {
        let shown = |node: &Node| {
            let role = if node.primary.is_some() { "replica" } else { "primary" };
            match shard_of(view, &self.shards, node) {
                Some(shard) => format!("{}, a {role} of shard {}", node.address, shard + 1),
                None => format!("{}, a {role} without slots", node.address),
            }
        };
        let shown: Vec<String> = nodes.iter().map(shown).collect();
        let only = shown.first().map_or("no node", String::as_str);
        match action {
            Action::Kill(..) => format!("kill {only}"),
            Action::Pause(..) => format!("pause {only}"),
            Action::Restart(_) => format!("restart {only}"),
            Action::Isolate(..) => format!("isolate {only}"),
            Action::Stop(..) => format!("stop {}", shown.join(" and ")),
            Action::Failover(..) => format!("promote {only}"),
            Action::Move(slots, _) => format!("move {slots} slots: {}", shown.join(" -> ")),
            Action::AddNode => "add a node".to_owned(),
            Action::RemoveNode(_) => format!("remove {only}"),
            Action::RollingRestart => format!("restart {} nodes one after the other", nodes.len()),
        }
    }
}

fn first(nodes: &[Node]) -> Outcome<&Node> {
    nodes.first().ok_or_else(|| Stop::broken("the cluster has no such node now"))
}

fn needed(shard: Option<usize>) -> Outcome<usize> {
    shard.ok_or_else(|| Stop::broken("the event affects no shard"))
}
