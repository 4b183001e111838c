//! Lasting damage that a check left on a node of somebody else's cluster, such as scripts that no longer run.

use wire::{Node, command};

use super::LiveCluster;
use crate::control::NodeState;

/// What begins the answers of a node that only seems to be damaged: it loads, waits, or is at a limit.
const PASSING: [&str; 9] =
    ["LOADING", "MASTERDOWN", "CLUSTERDOWN", "BUSY", "OOM", "MISCONF", "NOREPLICAS", "NOPERM", "NOAUTH"];

impl LiveCluster {
    /// Looks for nodes that no longer run the script that they ran when rct came, remembers them, and returns what is
    /// wrong with each, as a sentence for the user.
    ///
    /// `check` is the check that has just failed.
    pub async fn look_for_damage(&self, check: &str) -> Vec<String> {
        let mut found = Vec::new();
        for node in &self.topology().nodes {
            let runs = matches!(self.control.state(&node.address), NodeState::Running | NodeState::Unknown);
            let Some(script) = self.abilities().await.of(&node.id).script.filter(|_| runs) else { continue };
            if self.is_damaged(node) {
                continue;
            }
            let reply = self.questions.ask(&self.options(&node.address), &command!["EVAL", script, "0"]).await;
            let error = reply.ok().and_then(|reply| reply.error());
            if let Some(error) = error.filter(|error| !PASSING.contains(&error.code.as_str())) {
                let what = format!(
                    "{} is damaged since {check}: it answers every script with {}; restart this node",
                    node.address, error.text
                );
                self.damages.borrow_mut().insert(node.id, what.clone());
                found.push(what);
            }
        }
        found
    }

    /// Whether a check has left damage on a node.
    #[must_use]
    pub fn is_damaged(&self, node: &Node) -> bool {
        self.damages.borrow().contains_key(&node.id)
    }

    /// What is wrong with the damaged node that a text names by its address; the first one if it names none.
    #[must_use]
    pub fn damage_behind(&self, to: Option<&str>) -> Option<String> {
        let damages = self.damages.borrow();
        let topology = self.topology();
        let mut known = damages.iter().filter_map(|(id, what)| Some((topology.node(id)?, what)));
        let found = match to {
            Some(to) => known.find(|(node, _)| to.split(' ').next() == Some(node.address.to_string().as_str())),
            None => known.next(),
        };
        found.map(|(_, what)| what.clone())
    }
}
