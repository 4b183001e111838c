//! How quickly a cluster is formed, and what its nodes are told meanwhile.

use crate::target::BringUp;

/// How a cluster is formed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pace {
    /// With frequent pings and without the servers' delay for primaries that come back; see [`crate::bootstrap::form`].
    Brisk,
    /// As the servers do by themselves: for machines so busy that nodes would take each other for dead.
    Calm,
}

/// A node is pinged when its last answer is half of this old. Nodes look ten times a second whom to ping, so this makes
/// them ping everybody each time.
const BRISK_NODE_TIMEOUT_MS: f64 = 180.0;
/// With n nodes there are n² pings a round, which a large cluster on one machine must be given time for.
const BRISK_NODE_TIMEOUT_MS_PER_PAIR: f64 = 0.5;
/// For nodes so slow that they took each other for dead.
const CALM_NODE_TIMEOUT_MS: f64 = 2000.0;
const CALM_NODE_TIMEOUT_MS_PER_PAIR: f64 = 2.0;
const NODE_TIMEOUT_MS_MAX: f64 = 10_000.0;

/// The setting of how long a node may keep silent before others suspect it.
pub(crate) const NODE_TIMEOUT: &str = "cluster-node-timeout";
/// The setting of whether a cluster with a slot that nobody serves is down.
pub(crate) const FULL_COVERAGE: &str = "cluster-require-full-coverage";

/// What holds instead while the cluster is formed.
pub(crate) fn while_forming(pace: Pace, request: &BringUp) -> Vec<(&'static str, String)> {
    let pairs = f64::from(request.shape.nodes()).powi(2);
    let timeout = |timeout_ms: f64| (NODE_TIMEOUT, format!("{:.0}", timeout_ms.min(NODE_TIMEOUT_MS_MAX)));
    match pace {
        // The primaries are healthy with the slots that they have until they know of the others.
        Pace::Brisk => {
            let timeout_ms = BRISK_NODE_TIMEOUT_MS.max(pairs * BRISK_NODE_TIMEOUT_MS_PER_PAIR);
            vec![timeout(timeout_ms), (FULL_COVERAGE, "no".to_owned())]
        }
        Pace::Calm => vec![timeout(CALM_NODE_TIMEOUT_MS + pairs * CALM_NODE_TIMEOUT_MS_PER_PAIR)],
    }
}
