//! What the servers of the target `local` are told: once for their life, and otherwise while they form a cluster.

use wire::{Access, Address};

use crate::bootstrap::pace::{FULL_COVERAGE, NODE_TIMEOUT, Pace, while_forming};
use crate::bootstrap::plan::BUS_OFFSET;
use crate::local::config_file::Settings;
use crate::target::BringUp;

/// The settings of a node for its life, but for its port.
pub(crate) fn node_settings(request: &BringUp, access: &Access) -> Settings {
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
pub(crate) fn server_settings(access: &Access) -> Settings {
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
pub(crate) fn warmer_settings(request: &BringUp, access: &Access) -> Settings {
    let mut settings = node_settings(request, access);
    settings.extend([("repl-diskless-sync", "yes"), ("repl-diskless-sync-delay", "3600"), ("appendonly", "no")]);
    settings
}

/// What a server is told that listens on a hidden port, behind a proxy that listens on the one it announces.
pub(crate) fn behind_proxy(announced: &Address, hidden: u16, settings: &Settings) -> Vec<(&'static str, String)> {
    let port = announced.port.to_string();
    let mut told = vec![("port", hidden.to_string()), ("replica-announce-port", port.clone())];
    if settings.value("cluster-enabled").is_some() {
        told.extend([("cluster-port", (announced.port + BUS_OFFSET).to_string()), ("cluster-announce-port", port)]);
    }
    told
}

/// What has to be set when the cluster is formed, so that every node has its settings.
pub(crate) fn once_formed(pace: Pace, request: &BringUp, settings: &Settings) -> Vec<(&'static str, String)> {
    let differing = while_forming(pace, request).into_iter();
    differing.filter_map(|(name, _)| Some((name, settings.value(name)?.to_owned()))).collect()
}
