//! The settings of the servers of the target `local`: the permanent ones, and those while a cluster is formed.

use wire::{Access, Address};

use crate::bootstrap::pace::{FULL_COVERAGE, FormingPace, NODE_TIMEOUT, while_forming};
use crate::bootstrap::plan::BUS_OFFSET;
use crate::local::config_file::Settings;
use crate::target::BringUp;

/// The permanent settings of a node, except its port.
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

/// The settings of every server, with or without cluster support.
pub(crate) fn server_settings(access: &Access) -> Settings {
    let mut settings = Settings::default();
    settings.extend([
        ("bind", "127.0.0.1"),
        ("daemonize", "no"),
        // The system has every acknowledged write, so a server that was killed still has it after a restart.
        ("appendonly", "yes"),
        ("save", ""),
        // With a file, a primary uses a replica at once; without one, only after its next report, once a second. The
        // replica itself loads without a file, because it checks for one only once a second.
        ("repl-diskless-sync", "no"),
        ("repl-diskless-load", "on-empty-db"),
    ]);
    if let Some(password) = &access.password {
        settings.set_word("requirepass", password.expose());
        settings.set_word("masterauth", password.expose());
    }
    settings
}

/// The settings of the warmer (see [`crate::bootstrap::form`]), which must never send its data.
pub(crate) fn warmer_settings(request: &BringUp, access: &Access) -> Settings {
    let mut settings = node_settings(request, access);
    settings.extend([("repl-diskless-sync", "yes"), ("repl-diskless-sync-delay", "3600"), ("appendonly", "no")]);
    settings
}

/// The port settings of a server behind a proxy: it listens on a hidden port and announces the port of the proxy.
pub(crate) fn behind_proxy(announced: &Address, hidden: u16, settings: &Settings) -> Vec<(&'static str, String)> {
    let port = announced.port.to_string();
    let mut ports = vec![("port", hidden.to_string()), ("replica-announce-port", port.clone())];
    if settings.value("cluster-enabled").is_some() {
        ports.extend([("cluster-port", (announced.port + BUS_OFFSET).to_string()), ("cluster-announce-port", port)]);
    }
    ports
}

/// The settings that rct must set after a cluster is formed, because they had other values meanwhile.
pub(crate) fn once_formed(pace: FormingPace, request: &BringUp, settings: &Settings) -> Vec<(&'static str, String)> {
    let differing = while_forming(pace, request).into_iter();
    differing.filter_map(|(name, _)| Some((name, settings.value(name)?.to_owned()))).collect()
}
