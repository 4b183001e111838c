//! Why a check cannot be judged on a cluster: the reason of a SKIP.

use suites::{Check, Fault, LiveCluster, Need, ServerRange, Shape};
use targets::Target;

/// Returns why a check cannot be judged on this cluster, or `None` if it can.
pub async fn obstacle(check: &Check, live: &LiveCluster, may_disturb: bool) -> Option<String> {
    // A check draws a primary with enough replicas, if there is one.
    let replicas = live.findings.replicas_at_most.unwrap_or(live.shape.replicas);
    let largest = Shape { replicas, ..live.shape };
    if let Some(reason) = obstacle_before(check, Some(largest), &live.server) {
        return Some(reason);
    }
    if let Some(ports) = check.tls_ports()
        && live.control.tls_ports() != Some(ports)
    {
        return Some("this target starts no servers with TLS ports".to_owned());
    }
    if check.disturbs() && !may_disturb {
        let what = check.needs.iter().find(|need| need.disturbs()).map_or(String::new(), ToString::to_string);
        return Some(format!("it would disturb the cluster ({what}); --allow-disruption permits that"));
    }
    if let (true, Some(reason)) = (check.disturbs(), &live.findings.cannot_restore) {
        return Some(format!("rct could not restore the cluster after it: {reason}"));
    }
    if let (Some(slot), true) = (live.first_open_slot(), check.needs.iter().any(Need::may_change_roles)) {
        return Some(format!(
            "somebody else is moving slot {slot}, and nodes forget that when their roles change; finish that first"
        ));
    }
    for need in &check.needs {
        let fault = match need {
            Need::KillNode => Fault::Kill,
            Need::PauseNode => Fault::Pause,
            Need::RestartNode => Fault::Restart,
            Need::IsolateNode => Fault::Isolate,
            Need::FreshNode | Need::StandaloneNode => Fault::Spare,
            Need::EmptyShard => Fault::Discard,
            Need::NewCluster if live.findings.is_external => {
                return Some("this target cannot start a new cluster".to_owned());
            }
            Need::Command(name) => match live.commands().await {
                Ok(table) if !table.has(name) => return Some(format!("{} has no command {name}", live.server)),
                _ => continue,
            },
            _ => continue,
        };
        if !live.control.offers(fault) {
            return Some(format!("this target cannot {fault}"));
        }
    }
    None
}

/// Returns why a target cannot bring up the cluster that a check needs, as far as the shape and the version of the server
/// do not matter.
pub async fn obstacle_of_target(check: &Check, target: &dyn Target) -> Option<String> {
    check.tls_ports()?;
    target.without_tls().await.map(str::to_owned)
}

/// Returns why a check cannot be judged on a cluster of this shape and server, as far as rct can tell before the cluster
/// is up.
pub fn obstacle_before(check: &Check, shape: Option<Shape>, server: &suites::Server) -> Option<String> {
    if !ServerRange::admit(&check.servers, server) {
        let ranges: Vec<String> = check.servers.iter().map(ToString::to_string).collect();
        return Some(format!("the rule holds on {}; this is {server}", ranges.join(", ")));
    }
    match shape {
        Some(shape) if !shape.holds(check.shape) => {
            Some(format!("it needs a cluster of at least {}; this is {shape}", check.shape))
        }
        _ => None,
    }
}
