//! Nodes that work, and that no other node may take for dead: under load, and after a short pause.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use wire::{Node, NodeId, Topology};

use crate::cluster::Cluster;
use crate::code::failover::observe::agreed;
use crate::code::failover::writer::Writers;
use crate::code::failover::written::Policy;
use crate::code_check::{CodeCheck, check};
use crate::ensure;
use crate::need::Need;
use crate::outcome::{Outcome, Stop};
use crate::words::{line, seconds};

/// The checks of this file.
pub(super) const CHECKS: &[CodeCheck] = &[check("down/no-false-alarm")
    .title("No node flags another as fail? or fail in ten node timeouts under load, nor after a pause below the node timeout")
    .should("failure-detection")
    .covers(&["down.no-false-fail", "down.pause-below-timeout"])
    .shape(3, 1)
    .needs(&[Need::PauseNode, Need::SetConfig])
    .body(|cluster| Box::pin(no_false_alarm(cluster)))];

/// The node timeouts under load.
const CALM: u32 = 10;
/// The node timeouts after the pause.
const AFTERMATH: u32 = 2;
/// How often the check begins, at most: again after each alarm that a slow node may have caused.
const ATTEMPTS: usize = 4;
/// For how many node timeouts after a silence an alarm may come from it.
const ECHO: u32 = 2;
/// The shortest node timeout that the check sets. Nodes look at their timeouts ten times in a second.
const SHORTEST: Duration = Duration::from_millis(300);
/// The node timeout of the nodes.
const SETTING: &str = "cluster-node-timeout";

/// Ten node timeouts of most clusters are too long for a check, so the nodes get a shorter one.
fn brief(node_timeout: Duration) -> Duration {
    (node_timeout * 3 / 10).max(SHORTEST).min(node_timeout)
}

async fn no_false_alarm(cluster: &Cluster) -> Outcome {
    let nodes = cluster.nodes();
    let node_timeout = brief(cluster.limits().node_timeout);
    let slots = cluster.primaries().iter().map(|primary| cluster.slot_of(primary)).collect::<Outcome<Vec<_>>>()?;
    for node in &nodes {
        cluster.set_config(node, SETTING, &node_timeout.as_millis().to_string()).await?;
    }
    let watch = || Watch::new(cluster, &nodes, node_timeout);
    let under_load = attempts(cluster, &nodes, async || watch().calm(&nodes, CALM * node_timeout).await);
    Writers::new(cluster, &slots, Policy::NothingIsLost).during(under_load).await?;
    attempts(cluster, &nodes, async || short_pause(watch(), &nodes).await).await
}

/// Tries again while an attempt is skipped because the machine was too busy.
async fn attempts(cluster: &Cluster, nodes: &[Node], attempt: impl AsyncFn() -> Outcome) -> Outcome {
    for _ in 1..ATTEMPTS {
        match attempt().await {
            Err(Stop::Skip(_)) => {}
            judged => return judged,
        }
        let settled = cluster.until(cluster.limits().converge, "no node suspects another one any more", async || {
            for node in nodes {
                let accused = accused_by(&cluster.view_of(node).await?);
                ensure!(accused.is_none(), expected_of(node), "{}", line(accused.as_ref()));
            }
            Ok(())
        });
        settled.await?;
    }
    attempt().await
}

/// Pauses a primary for less than the node timeout.
async fn short_pause(mut watch: Watch<'_>, nodes: &[Node]) -> Outcome {
    let (cluster, node_timeout) = (watch.cluster, watch.node_timeout);
    let before = agreed(cluster).await?.signature();
    let paused = cluster.some_primary()?;
    let watchers: Vec<Node> = nodes.iter().filter(|node| node.id != paused.id).cloned().collect();
    watch.ask(&paused).await?;
    let heard = Instant::now();
    cluster.pause(&paused).await?;
    let during = watch.calm(&watchers, node_timeout * 2 / 5).await;
    cluster.resume(&paused).await?;
    watch.ask(&paused).await?;
    if heard.elapsed() > node_timeout * 4 / 5 {
        return Err(too_busy(heard.elapsed(), node_timeout));
    }
    during?;
    watch.calm(nodes, AFTERMATH * node_timeout).await?;
    let after = agreed(cluster).await?.signature();
    ensure!(after == before, format!("the same roles and slots as before the pause: {before}"), "{after}");
    Ok(())
}

/// Looks for nodes that suspect others, and remembers how long each node was silent.
struct Watch<'a> {
    cluster: &'a Cluster,
    node_timeout: Duration,
    heard: BTreeMap<NodeId, Heard>,
}

/// When rct had the last reply from a node, and the longest wait for one of late.
struct Heard {
    last: Instant,
    longest: Duration,
    longest_ended: Instant,
}

impl<'a> Watch<'a> {
    fn new(cluster: &'a Cluster, nodes: &[Node], node_timeout: Duration) -> Self {
        let now = Instant::now();
        let heard = || Heard { last: now, longest: Duration::ZERO, longest_ended: now };
        Self { cluster, node_timeout, heard: nodes.iter().map(|node| (node.id, heard())).collect() }
    }

    /// Requires for `span` that none of the watchers suspects any node.
    ///
    /// # Errors
    /// Skip, if an alarm may be right, because the machine is busy: for rct too, the watcher and the node that it
    /// suspects were silent for a node timeout, both together.
    async fn calm(&mut self, watchers: &[Node], span: Duration) -> Outcome {
        let cluster = self.cluster;
        let quiet = cluster.throughout(span, "no node suspects another one", async || {
            let mut alarm = None;
            for watcher in watchers {
                let accused = accused_by(&self.ask(watcher).await?);
                alarm = alarm.or(accused.map(|accused| (watcher, accused)));
            }
            let Some((watcher, accused)) = alarm else { return Ok(()) };
            let silence = self.silence_of(watcher) + self.silence_of(&accused);
            match silence >= self.node_timeout {
                true => Err(too_busy(silence, self.node_timeout)),
                false => Err(Stop::mismatch(expected_of(watcher), line(Some(&accused)))),
            }
        });
        quiet.await
    }

    /// The view of a node, whose reply ends its silence.
    async fn ask(&mut self, node: &Node) -> Outcome<Topology> {
        let view = self.cluster.view_of(node).await?;
        let memory = ECHO * self.node_timeout;
        if let Some(heard) = self.heard.get_mut(&node.id) {
            let silence = heard.last.elapsed();
            heard.last = Instant::now();
            if silence > heard.longest || heard.longest_ended.elapsed() > memory {
                (heard.longest, heard.longest_ended) = (silence, heard.last);
            }
        }
        Ok(view)
    }

    /// The longest silence of a node of late.
    fn silence_of(&self, node: &Node) -> Duration {
        self.heard.get(&node.id).map_or(Duration::ZERO, |heard| heard.longest.max(heard.last.elapsed()))
    }
}

/// The machine is too busy to tell a false alarm from a true one.
fn too_busy(silence: Duration, node_timeout: Duration) -> Stop {
    let both = format!("nodes were silent for {}, and the node timeout is {}", seconds(silence), seconds(node_timeout));
    Stop::skip(format!("{both}: the machine is too busy to tell a false alarm from a true one"))
}

/// A node that a view suspects or takes for failed.
fn accused_by(view: &Topology) -> Option<Node> {
    view.nodes.iter().find(|node| node.is_suspected() || node.is_failed()).cloned()
}

fn expected_of(watcher: &Node) -> String {
    format!("no node flagged fail? or fail in CLUSTER NODES of {}", watcher.address)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_node_timeout_is_short_but_never_longer_than_before() {
        let milliseconds = Duration::from_millis;
        for (before, during) in [(1_000, 300), (15_000, 4_500), (500, 300), (200, 200)] {
            assert_eq!(brief(milliseconds(before)), milliseconds(during));
        }
    }
}
