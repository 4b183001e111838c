//! Which of the selected checks share a cluster, and which run alone.

use std::rc::Rc;

use suites::{Check, Need};

/// The selected checks, divided by how they run.
#[derive(Debug, Clone, Default)]
pub struct CheckPlan {
    /// Checks that do not disturb a cluster; they run at the same time on one.
    pub shared: Vec<Rc<Check>>,
    /// Checks that disturb a cluster; each has one for itself.
    pub alone: Vec<Rc<Check>>,
}

impl CheckPlan {
    /// Divides the selection. Of the checks that run alone the longest come first, so that the run does not end with one
    /// of them. Those that may leave damage come last, so that few checks meet it.
    pub fn of(selected: Vec<Rc<Check>>) -> Self {
        let (mut alone, shared): (Vec<_>, Vec<_>) = selected.into_iter().partition(|check| check.disturbs());
        alone.sort_by_key(|check| (check.needs.contains(&Need::RiskNode), std::cmp::Reverse(weight(check))));
        Self { shared, alone }
    }
}

/// Returns roughly how long a check takes, as a number to compare: a check that kills a node waits for a failover.
pub fn weight(check: &Check) -> u32 {
    let needs = |need: &Need| check.needs.contains(need);
    let nodes = u32::from(check.shape.nodes());
    if needs(&Need::KillNode) {
        100 + nodes
    } else if needs(&Need::PauseNode) || needs(&Need::IsolateNode) {
        90 + nodes
    } else if needs(&Need::RestartNode) {
        80
    } else {
        nodes
    }
}
