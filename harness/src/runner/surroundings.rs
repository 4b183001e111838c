//! Mismatches on a cluster of somebody else that say nothing of the server: its surroundings explain them.

use std::time::Duration;

use suites::environment::limit_shown;
use suites::{Closing, Cluster, LiveCluster, Mismatch};

/// What connections say that the server closed.
const CLOSED: [&str; 2] = ["is closed", "reset by peer"];

/// Which limit of the environment, or which damage of an earlier check, explains a mismatch, in words for the user.
///
/// What the check itself has set or brought about explains nothing. The clusters of rct have no such limits.
pub async fn explanation(mismatch: &Mismatch, cluster: &Cluster, took: Duration) -> Option<String> {
    let live = cluster.live();
    if !live.findings.is_external {
        return None;
    }
    let own = cluster.own_changes();
    if let Some(limit) = limit_shown(&mismatch.expected, &mismatch.received) {
        let is_own = match limit.settings {
            [] => !own.faults.is_empty(),
            settings => settings.iter().any(|setting| own.settings.contains(*setting)),
        };
        if !is_own {
            return Some(limit.advice.to_owned());
        }
    }
    if let Some(damage) = live.damage_behind(mismatch.to.as_deref()) {
        return Some(damage);
    }
    if CLOSED.iter().any(|words| mismatch.received.contains(words))
        && let Some(setting) = live.findings.closing.iter().find_map(|closing| closes(closing, took))
    {
        return Some(setting);
    }
    let is_own = own.settings.iter().any(|setting| setting.starts_with("maxmemory"));
    (!is_own && evicts(live).await).then(|| {
        "the server evicts keys because it has reached its maxmemory; raise it, or set maxmemory-policy noeviction"
            .to_owned()
    })
}

/// Why a setting may have closed a connection of a check that took this long.
fn closes(closing: &Closing, took: Duration) -> Option<String> {
    match closing {
        Closing::Idle(after) if took < *after => None,
        Closing::Idle(after) => Some(format!(
            "the server closes connections that are idle for {} s (timeout); set a longer timeout",
            after.as_secs()
        )),
        Closing::OutputBuffer(limits) => Some(format!(
            "the server closes connections with large replies (client-output-buffer-limit {limits}); raise the limits"
        )),
    }
}

/// Whether the servers have evicted keys since rct came.
async fn evicts(live: &LiveCluster) -> bool {
    let mut evicted = 0;
    for node in &live.topology().nodes {
        let stats = live.info(node, "stats").await.ok();
        evicted += stats.and_then(|stats| stats.get("evicted_keys")?.parse::<u64>().ok()).unwrap_or(0);
    }
    evicted > live.findings.evicted_keys
}
