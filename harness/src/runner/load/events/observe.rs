//! Asks all nodes for their own views during an event, and notes what they show for the first time.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use futures_util::future::join_all;
use suites::{LiveCluster, NodeState};
use tokio::time::timeout;
use wire::{Address, Connection, Node, NodeId, Slot, Topology, command, parse_nodes};

use crate::record::{Seen, Sighting};

/// How long a node may take to show its view.
const ANSWER_LIMIT: Duration = Duration::from_millis(200);

/// Connections to all nodes, on which nothing but their views is asked.
#[derive(Default)]
pub(super) struct Viewers {
    kept: BTreeMap<Address, Connection>,
}

impl Viewers {
    /// The view of each node that runs and answers in time.
    pub(super) async fn views(&mut self, live: &LiveCluster, nodes: &[Address]) -> Vec<(Address, Topology)> {
        let is_running = |node: &&Address| matches!(live.control.state(node), NodeState::Running | NodeState::Unknown);
        let asked = nodes.iter().filter(is_running).map(|node| {
            let kept = self.kept.remove(node);
            async move {
                let look = async {
                    let mut connection = match kept {
                        Some(connection) => connection,
                        None => Connection::open(&live.options(node)).await.ok()?,
                    };
                    let reply = connection.call(&command!["CLUSTER", "NODES"]).await.ok()?;
                    let view = parse_nodes(&reply.text()?).ok()?;
                    Some((connection, live.in_use(view)))
                };
                (node, timeout(ANSWER_LIMIT, look).await.ok().flatten())
            }
        });
        let mut views = Vec::new();
        for (node, answer) in join_all(asked).await {
            if let Some((connection, view)) = answer {
                self.kept.insert(node.clone(), connection);
                views.push((node.clone(), view));
            }
        }
        views
    }
}

/// What the nodes have shown since an event began.
pub(super) struct Watched {
    /// The nodes that the event acts on; others may be suspected only in consequence.
    subjects: BTreeSet<NodeId>,
    /// The first slot of each affected shard, and its owner when the event began.
    owners: Vec<(Slot, Option<NodeId>)>,
    /// The replicas when the event began; only they are promoted.
    replicas: BTreeSet<NodeId>,
    /// The state on which all nodes agreed last.
    agreed_on: String,
    is_agreed: bool,
    noted: BTreeSet<(Seen, NodeId)>,
}

impl Watched {
    pub(super) fn new(view: &Topology, nodes: &[Node], slots: &[Slot]) -> Self {
        Self {
            subjects: nodes.iter().map(|node| node.id).collect(),
            owners: slots.iter().map(|&slot| (slot, view.owner(slot).map(|node| node.id))).collect(),
            replicas: view.nodes.iter().filter(|node| node.primary.is_some()).map(|node| node.id).collect(),
            agreed_on: state(view),
            is_agreed: true,
            noted: BTreeSet::new(),
        }
    }

    /// Adds to `seen` what views show for the first time. Returns those sightings.
    ///
    /// An agreement that did not last is taken back.
    pub(super) fn look(&mut self, at_s: f64, views: &[(Address, Topology)], seen: &mut Vec<Sighting>) -> Vec<Sighting> {
        let mut news = Vec::new();
        for (by, view) in views {
            for node in &view.nodes {
                let state = match node {
                    node if !self.subjects.contains(&node.id) || node.is_myself() => None,
                    node if node.is_failed() => Some(Seen::Failed),
                    node if node.is_suspected() => Some(Seen::Suspected),
                    _ => None,
                };
                if let Some(state) = state.filter(|&state| self.noted.insert((state, node.id))) {
                    news.push(sighting(at_s, state, node, by));
                }
            }
            for (slot, owner) in &self.owners {
                let Some(heir) = view.owner(*slot).filter(|heir| Some(heir.id) != *owner) else { continue };
                if self.replicas.contains(&heir.id) && self.noted.insert((Seen::Promoted, heir.id)) {
                    news.push(sighting(at_s, Seen::Promoted, heir, by));
                }
            }
        }
        let states: BTreeSet<String> = views.iter().map(|(_, view)| state(view)).collect();
        let is_suspected = |view: &Topology| view.nodes.iter().any(Node::is_suspected);
        let is_agreed = states.len() == 1 && !views.iter().any(|(_, view)| is_suspected(view));
        let now = states.into_iter().next().unwrap_or_default();
        if !is_agreed {
            seen.retain(|sighting| sighting.state != Seen::Agreed);
        } else if !self.is_agreed || now != self.agreed_on {
            seen.retain(|sighting| sighting.state != Seen::Agreed);
            self.agreed_on = now;
            news.push(Sighting { at_s, state: Seen::Agreed, node: None, by: None });
        }
        self.is_agreed = is_agreed;
        news.sort_by_key(|sighting| sighting.state);
        seen.extend(news.iter().cloned());
        news
    }

    /// Whether all nodes agree at present.
    pub(super) fn is_agreed(&self) -> bool {
        self.is_agreed
    }
}

fn sighting(at_s: f64, state: Seen, node: &Node, by: &Address) -> Sighting {
    Sighting { at_s, state, node: Some(node.address.to_string()), by: Some(by.to_string()) }
}

/// What all nodes must agree on: nodes, roles, slots, and which nodes have failed.
fn state(view: &Topology) -> String {
    let failed: BTreeSet<NodeId> = view.nodes.iter().filter(|node| node.is_failed()).map(|node| node.id).collect();
    failed.into_iter().fold(view.signature(), |state, node| state + "failed " + node.as_str() + "\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    const PRIMARY: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
    const REPLICA: &str = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";
    const OTHER: &str = "cccccccccccccccccccccccccccccccccccccccc";

    /// The view of the other primary, with the flags of the first one, and perhaps its replica promoted.
    fn view(flags: &str, is_promoted: bool) -> Topology {
        let (one, two) = if is_promoted { ("", "0-99") } else { ("0-99", "") };
        let replica = if is_promoted { "master -".to_owned() } else { format!("slave {PRIMARY}") };
        let text = format!(
            "{PRIMARY} h:1@2 {flags} - 0 0 1 connected {one}\n{REPLICA} h:3@4 {replica} 0 0 2 connected {two}\n\
             {OTHER} h:5@6 myself,master - 0 0 3 connected 100-16383"
        );
        parse_nodes(&text).unwrap()
    }

    #[test]
    fn a_failover_is_noted_from_the_suspicion_to_the_agreement() {
        let before = view("master", false);
        let subject = before.node(&PRIMARY.parse().unwrap()).unwrap().clone();
        let mut watched = Watched::new(&before, &[subject], &[Slot::new(0).unwrap()]);
        let mut seen = Vec::new();
        let both = |one: &Topology, other: &Topology| {
            [(Address::new("h", 5), one.clone()), (Address::new("h", 7), other.clone())]
        };
        let steps = [
            ("master", false, "master", false),
            ("master,fail?", false, "master", false),
            ("master,fail", false, "master,fail", false),
            ("master,fail", true, "master,fail", false),
            ("master,fail", true, "master,fail", true),
        ];
        for (step, (one, is_promoted, other, other_knows)) in steps.into_iter().enumerate() {
            watched.look(step as f64, &both(&view(one, is_promoted), &view(other, other_knows)), &mut seen);
        }
        let states: Vec<_> = seen.iter().map(|sighting| (sighting.at_s, sighting.state)).collect();
        let wanted = [(1.0, Seen::Suspected), (2.0, Seen::Failed), (3.0, Seen::Promoted), (4.0, Seen::Agreed)];
        assert_eq!(states, wanted);
        assert_eq!((seen[0].node.as_deref(), seen[0].by.as_deref()), (Some("h:1"), Some("h:5")));
        assert_eq!(seen[2].node.as_deref(), Some("h:3"));
    }

    #[test]
    fn what_changes_nothing_leaves_no_trace() {
        let before = view("master", false);
        let mut watched = Watched::new(&before, &[], &[]);
        let mut seen = Vec::new();
        assert!(watched.look(1.0, &[(Address::new("h", 5), before.clone())], &mut seen).is_empty());
        assert!(watched.is_agreed() && seen.is_empty());
    }
}
