//! What performs the events of a run, and remembers what must be undone.

use std::cell::RefCell;
use std::rc::Rc;

use loadgen::shards::Shards;
use suites::{Cluster, ClusterSettings, Keys, LiveCluster, NodeState, Outcome, Stop};
use wire::{Node, Topology};

/// What performs the events of a run, and remembers what must be undone.
pub(super) struct Performer {
    pub(super) live: Rc<LiveCluster>,
    pub(super) shards: Rc<Shards>,
    pub(super) cluster: Cluster,
    /// Nodes that joined the cluster and are in it.
    pub(super) added: RefCell<Vec<Node>>,
    /// Nodes that had to leave the cluster.
    pub(super) removed: RefCell<Vec<Node>>,
}

impl Performer {
    pub(super) fn new(live: &Rc<LiveCluster>, shards: &Rc<Shards>, seed: u64) -> Self {
        let keys = Keys::new("events", "fault", 0);
        Self {
            live: Rc::clone(live),
            shards: Rc::clone(shards),
            cluster: Cluster::new(ClusterSettings { live: Rc::clone(live), keys, seed }),
            added: RefCell::default(),
            removed: RefCell::default(),
        }
    }

    /// The view of the cluster now: the one on which its nodes agree, or else that of the first node that answers.
    pub(super) async fn view(&self) -> Outcome<Topology> {
        if let Ok(view) = self.live.agreed_view().await {
            return Ok(view);
        }
        for node in &self.live.topology().nodes {
            let (NodeState::Running | NodeState::Unknown) = self.live.control.state(&node.address) else { continue };
            if let Ok(view) = self.live.view_of(node).await {
                return Ok(self.live.in_use(view));
            }
        }
        Err(Stop::broken("no node of the cluster answers"))
    }
}
