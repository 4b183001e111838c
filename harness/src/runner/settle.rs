//! Whether a cluster is fit for the next check after one that disturbed it.

use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::future::join_all;
use suites::until::until;
use suites::words;
use suites::{LiveCluster, NodeState, Outcome, OwnChanges, Snapshot, ensure};
use wire::{Address, Node, NodeId, OpenSlot, Slot, Topology, command};

/// The roles and slot owners that a cluster must have again after a check.
#[derive(Debug, Clone)]
pub struct Baseline {
    /// The owner of each slot.
    pub owners: Vec<Option<NodeId>>,
    /// Every node, with the primary that it replicates; `None` for a primary.
    pub primaries: BTreeMap<NodeId, Option<NodeId>>,
    /// The slots that somebody else was moving, with the node on whose own line each was.
    pub open: Vec<(NodeId, OpenSlot)>,
    /// What each node said of itself.
    lines: Snapshot,
    /// The address of each node in the view of each node.
    addresses: BTreeMap<NodeId, BTreeMap<NodeId, Address>>,
}

/// Two baselines are equal if roles, slots and open slots are: epochs and times change.
impl PartialEq for Baseline {
    fn eq(&self, other: &Self) -> bool {
        (&self.owners, &self.primaries, &self.open) == (&other.owners, &other.primaries, &other.open)
    }
}

impl Baseline {
    /// Waits until all nodes agree, asks them for their roles, slots and open slots, and takes these as the view of rct:
    /// somebody else may have changed them since the last check.
    ///
    /// # Errors
    /// As [`LiveCluster::agreed_view`], when the limit `converge` is over.
    pub async fn of(live: &LiveCluster) -> Outcome<Self> {
        until(live.limits.converge, live.limits.poll, "all nodes agree", async || {
            let view = live.agreed_view().await?;
            let mut baseline = Self::of_view(&view);
            let own = live.own_views().await?;
            let lines: Vec<Node> = own.iter().filter_map(|(_, view)| view.myself().cloned()).collect();
            baseline.open = open_slots(&lines);
            baseline.lines = Snapshot::of(lines);
            baseline.addresses = addresses(&own);
            live.set_topology(view);
            live.set_open_slots(baseline.open.iter().map(|(_, open)| open.slot).collect());
            Ok(baseline)
        })
        .await
    }

    /// Returns the roles and owners of a view.
    #[must_use]
    pub fn of_view(view: &Topology) -> Self {
        let primaries = view.nodes.iter().map(|node| (node.id, node.primary)).collect();
        Self {
            owners: view.slot_owners(),
            primaries,
            open: Vec::new(),
            lines: Snapshot::default(),
            addresses: BTreeMap::new(),
        }
    }

    /// Waits until each node knows all others by the same addresses as before, for a node timeout at most.
    ///
    /// A node that announced another address for a check has its setting back, but others hear of it only with its next
    /// message.
    pub async fn addresses_return(&self, live: &LiveCluster) {
        let limits = live.limits;
        let returned = until(limits.node_timeout, limits.poll, "all nodes know the addresses as before", async || {
            let now = addresses(&live.own_views().await?);
            ensure!(now == self.addresses, "the addresses as before", "others");
            Ok(())
        });
        // If not, somebody else may have changed them.
        returned.await.ok();
    }

    /// Takes over what somebody else did to slots since then, while a check ran that changed only `own`.
    pub async fn take_over(&mut self, live: &LiveCluster, own: &OwnChanges) {
        let now = live.snapshot().await;
        for (slot, owner) in self.lines.taken_by_others(&now, own) {
            self.owners[usize::from(slot.number())] = owner;
            self.open.retain(|(_, open)| open.slot != slot);
        }
        if own.nodes.is_empty() {
            // Nodes that the check does not touch forget and open no slot by themselves.
            let open = open_slots(now.lines());
            self.open.retain(|(_, open)| own.slots.contains(&open.slot));
            self.open.extend(open.into_iter().filter(|(_, open)| !own.slots.contains(&open.slot)));
        }
    }

    /// Returns whether somebody was moving a slot.
    #[must_use]
    pub fn is_open(&self, slot: Slot) -> bool {
        self.open.iter().any(|(_, open)| open.slot == slot)
    }

    /// Returns all roles in one line, for a message.
    #[must_use]
    pub fn roles(&self) -> String {
        let role = |(node, primary): (&NodeId, &Option<NodeId>)| match primary {
            Some(primary) => format!("{node} replica of {primary}"),
            None => format!("{node} primary"),
        };
        self.primaries.iter().map(role).collect::<Vec<_>>().join(", ")
    }
}

/// The address of each node in each of these views.
fn addresses(views: &[(Node, Topology)]) -> BTreeMap<NodeId, BTreeMap<NodeId, Address>> {
    let of_view = |view: &Topology| view.nodes.iter().map(|node| (node.id, node.address.clone())).collect();
    views.iter().map(|(node, view)| (node.id, of_view(view))).collect()
}

/// The open slots on nodes' own lines.
fn open_slots<'a>(lines: impl IntoIterator<Item = &'a Node>) -> Vec<(NodeId, OpenSlot)> {
    lines.into_iter().flat_map(|node| node.open.iter().map(|open| (node.id, *open))).collect()
}

/// Returns whether every node of the view runs and answers.
pub async fn is_alive(live: &LiveCluster) -> bool {
    let topology = live.topology();
    let is_over = |node: &Node| {
        matches!(live.control.state(&node.address), NodeState::Ended(_) | NodeState::Paused | NodeState::CutOff)
    };
    let answered = topology.nodes.iter().map(async |node| !is_over(node) && live.answers(&node.address).await);
    join_all(answered).await.into_iter().all(|answers| answers)
}

/// Waits until a cluster that rct started is fit for the next check.
///
/// Then all nodes run and agree, every slot is served, every primary has its replicas in sync, and no key is left.
///
/// # Errors
/// What is still not in order after `limit`.
pub async fn fit_again(live: &LiveCluster, nodes: usize, limit: Duration) -> Outcome {
    live.forget_connections();
    until(limit, live.limits.poll, "the cluster is fit for the next check", async || {
        let view = live.agreed_view().await?;
        ensure!(view.nodes.len() == nodes, format!("{nodes} nodes"), "{} nodes", view.nodes.len());
        for node in &view.nodes {
            ensure!(node.connected, format!("{} connected", node.address), "{}", words::line(Some(node)));
            undisturbed(live, node).await?;
        }
        for node in &view.nodes {
            healthy(live, node).await?;
            unreported(live, node, &view).await?;
        }
        let owned = view.slot_owners().iter().filter(|owner| owner.is_some()).count();
        ensure!(owned == Slot::all().len(), "every slot owned", "{owned} slots owned");
        let primaries: Vec<&Node> = view.primaries().collect();
        ensure!(
            primaries.len() == usize::from(live.shape.primaries)
                && primaries.iter().all(|p| view.replicas_of(&p.id).count() == usize::from(live.shape.replicas)),
            live.shape.to_string(),
            "{}",
            words::view(&view)
        );
        live.set_topology(view);
        Ok(())
    })
    .await
}

/// Requires that a node has no open slot, and takes no other node for failed. Only its own view shows that: a replica may
/// keep a slot open that its primary has closed, and as long as one node takes another for failed, it reports that to all.
async fn undisturbed(live: &LiveCluster, node: &Node) -> Outcome {
    let own = live.view_of(node).await?;
    let open = own.myself().map(|myself| myself.open.as_slice()).unwrap_or_default();
    ensure!(open.is_empty(), format!("no open slot on {}", node.address), "{}", words::open_slots(open));
    let failed = own.nodes.iter().find(|other| other.is_suspected() || !other.is_usable());
    ensure!(failed.is_none(), format!("no failed node in the view of {}", node.address), "{}", words::line(failed));
    Ok(())
}

/// Requires that a node holds no report of a failed node. A report stays for two node timeouts, and one more could make
/// a majority.
async fn unreported(live: &LiveCluster, node: &Node, view: &Topology) -> Outcome {
    for other in view.nodes.iter().filter(|other| other.id != node.id) {
        let reports = live.ask(node, &command!["CLUSTER", "COUNT-FAILURE-REPORTS", other.id]).await?.integer();
        // A server without this subcommand answers an error, which is no count.
        ensure!(
            reports.is_none_or(|count| count == 0),
            format!("no failure report of {} on {}", other.address, node.address),
            "{} failure reports",
            words::or(reports, "no number of")
        );
    }
    Ok(())
}

/// Requires that a node serves all slots, holds no key, and follows its primary.
async fn healthy(live: &LiveCluster, node: &Node) -> Outcome {
    let state = live.ask(node, &command!["CLUSTER", "INFO"]).await?;
    let state = wire::parse_info(&state.text().unwrap_or_default());
    let state = words::or(state.get("cluster_state"), "missing");
    ensure!(state == "ok", format!("cluster_state:ok of {}", node.address), "cluster_state:{state}");
    let keys = live.ask(node, &command!["DBSIZE"]).await?.integer();
    ensure!(keys == Some(0), format!("no key on {}", node.address), "{} keys", words::or(keys, "an unknown number of"));
    if node.primary.is_some() {
        let replication = live.info(node, "replication").await?;
        let linked = replication.get("master_link_status").is_some_and(|status| status == "up");
        ensure!(linked, format!("the replication link of {} up", node.address), "down");
    }
    Ok(())
}
