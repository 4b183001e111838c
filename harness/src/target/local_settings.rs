//! What the servers of the target `local` are told: once for their life, and otherwise while they form a cluster.

use wire::{Access, Address};

use super::BringUp;
use super::ports::BUS_OFFSET;
use super::settings::Settings;

/// How a cluster is formed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pace {
    /// With frequent pings and without the servers' delay for primaries that come back; see [`super::bootstrap`].
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

/// What differs while the cluster is formed.
const NODE_TIMEOUT: &str = "cluster-node-timeout";
const FULL_COVERAGE: &str = "cluster-require-full-coverage";

/// The settings of a node for its life, but for its port.
pub(super) fn node_settings(request: &BringUp, access: &Access) -> Settings {
    let mut settings = server_settings(access);
    settings.extend([
        ("cluster-enabled", "yes"),
        ("cluster-config-file", "nodes.conf"),
        (NODE_TIMEOUT, &request.node_timeout.as_millis().to_string()),
        (FULL_COVERAGE, "yes"),
    ]);
    settings.extend(request.settings.iter().map(|(name, value)| (name.as_str(), value.as_str())));
    settings
}

/// The settings of any server, in a cluster or not.
pub(super) fn server_settings(access: &Access) -> Settings {
    let mut settings = Settings::default();
    settings.extend([
        ("bind", "127.0.0.1"),
        ("daemonize", "no"),
        // What was acknowledged is in the system's hands, so a killed server that starts again still has it.
        ("appendonly", "yes"),
        ("save", ""),
        // A replica that is sent its data by way of a file is in use at once, otherwise only when it next reports, which
        // is once a second; nor is it to look once a second whether the file has come.
        ("repl-diskless-sync", "no"),
        ("repl-diskless-load", "on-empty-db"),
    ]);
    if let Some(password) = &access.password {
        settings.set_word("requirepass", password.expose());
        settings.set_word("masterauth", password.expose());
    }
    settings
}

/// The settings of the server that primaries-to-be copy for a moment; it shall never get round to sending its data.
pub(super) fn warmer_settings(request: &BringUp, access: &Access) -> Settings {
    let mut settings = node_settings(request, access);
    settings.extend([("repl-diskless-sync", "yes"), ("repl-diskless-sync-delay", "3600"), ("appendonly", "no")]);
    settings
}

/// What a server is told that listens on a hidden port, behind a proxy that listens on the one it announces.
pub(super) fn behind_proxy(announced: &Address, hidden: u16, settings: &Settings) -> Vec<(&'static str, String)> {
    let port = announced.port.to_string();
    let mut told = vec![("port", hidden.to_string()), ("replica-announce-port", port.clone())];
    if settings.value("cluster-enabled").is_some() {
        told.extend([("cluster-port", (announced.port + BUS_OFFSET).to_string()), ("cluster-announce-port", port)]);
    }
    told
}

/// What holds instead while the cluster is formed.
pub(super) fn while_forming(pace: Pace, request: &BringUp) -> Vec<(&'static str, String)> {
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

/// What has to be set when the cluster is formed, so that every node has its settings.
pub(super) fn once_formed(pace: Pace, request: &BringUp, settings: &Settings) -> Vec<(&'static str, String)> {
    let differing = while_forming(pace, request).into_iter();
    differing.filter_map(|(name, _)| Some((name, settings.value(name)?.to_owned()))).collect()
}
