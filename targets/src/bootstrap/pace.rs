//! How quickly a cluster is formed, and which settings its nodes have meanwhile.

use crate::target::BringUp;

/// How a cluster is formed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FormingPace {
    /// With frequent pings, and without the two seconds that a starting primary waits: see [`crate::bootstrap::form`].
    Fast,
    /// Without shortcuts: for a machine so busy that the nodes would mark each other as failed.
    Calm,
}

/// The node timeout of [`FormingPace::Fast`]. A node pings another one whose last answer is older than half of it.
///
/// Nodes decide ten times a second whom to ping, so this makes them ping every node each time.
const FAST_NODE_TIMEOUT_MS: f64 = 180.0;
/// How much the node timeout grows per pair of nodes, because n nodes send n² pings per round.
const FAST_NODE_TIMEOUT_MS_PER_PAIR: f64 = 0.5;
/// The node timeout of [`FormingPace::Calm`].
const CALM_NODE_TIMEOUT_MS: f64 = 2000.0;
const CALM_NODE_TIMEOUT_MS_PER_PAIR: f64 = 2.0;
const NODE_TIMEOUT_MS_MAX: f64 = 10_000.0;

/// The setting that says how long a node may be silent before the others suspect it.
pub(crate) const NODE_TIMEOUT: &str = "cluster-node-timeout";
/// The setting that says whether the cluster is down when one slot has no owner.
pub(crate) const FULL_COVERAGE: &str = "cluster-require-full-coverage";

/// The settings that the nodes have while the cluster is formed.
pub(crate) fn while_forming(pace: FormingPace, request: &BringUp) -> Vec<(&'static str, String)> {
    let pairs = f64::from(request.shape.nodes()).powi(2);
    let timeout = |timeout_ms: f64| (NODE_TIMEOUT, format!("{:.0}", timeout_ms.min(NODE_TIMEOUT_MS_MAX)));
    match pace {
        // A primary is healthy with its own slots alone, before it knows the other primaries.
        FormingPace::Fast => {
            let timeout_ms = FAST_NODE_TIMEOUT_MS.max(pairs * FAST_NODE_TIMEOUT_MS_PER_PAIR);
            vec![timeout(timeout_ms), (FULL_COVERAGE, "no".to_owned())]
        }
        FormingPace::Calm => vec![timeout(CALM_NODE_TIMEOUT_MS + pairs * CALM_NODE_TIMEOUT_MS_PER_PAIR)],
    }
}
