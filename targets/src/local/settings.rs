//! The settings of the servers of the target `local`: the permanent ones, and those while a cluster is formed.

use std::path::PathBuf;

use suites::TlsPorts;
use wire::Access;

use crate::bootstrap::pace::{FULL_COVERAGE, FormingPace, NODE_TIMEOUT, while_forming};
use crate::bootstrap::plan::BUS_OFFSET;
use crate::local::certificates::Certificates;
use crate::local::config_file::Settings;
use crate::target::BringUp;

/// What the servers of a cluster have in common, and how rct reaches them.
pub(crate) struct ServerSetup {
    /// The program that each of them runs.
    pub(crate) program: PathBuf,
    /// The password and the TLS settings of rct.
    pub(crate) access: Access,
    /// The TLS ports, and the files for them, if the servers speak TLS.
    pub(crate) tls: Option<(TlsPorts, Certificates)>,
}

impl ServerSetup {
    /// The TLS ports of each server.
    pub(crate) fn tls_ports(&self) -> Option<TlsPorts> {
        self.tls.as_ref().map(|(ports, _)| *ports)
    }
}

/// The ports of a server for clients. The first one is for TLS if the server has any such port, and is the one by which
/// nodes know each other.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ClientPorts {
    /// The port that rct uses.
    pub(crate) main: u16,
    /// The port without TLS besides.
    pub(crate) plain: Option<u16>,
}

/// The permanent settings of a node, except its ports.
pub(crate) fn node_settings(request: &BringUp, setup: &ServerSetup) -> Settings {
    let mut settings = server_settings(setup);
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
pub(crate) fn server_settings(setup: &ServerSetup) -> Settings {
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
    if let Some((_, certificates)) = &setup.tls {
        certificates.add_to(&mut settings);
    }
    if let Some(password) = &setup.access.password {
        settings.set_word("requirepass", password.expose());
        settings.set_word("masterauth", password.expose());
    }
    settings
}

/// The settings of the warmer (see [`crate::bootstrap::form`]), which must never send its data.
pub(crate) fn warmer_settings(request: &BringUp, setup: &ServerSetup) -> Settings {
    let mut settings = node_settings(request, setup);
    settings.extend([("repl-diskless-sync", "yes"), ("repl-diskless-sync-delay", "3600"), ("appendonly", "no")]);
    settings
}

/// The settings of the ports on which a server listens.
pub(crate) fn port_settings(tls: Option<TlsPorts>, ports: ClientPorts) -> Vec<(&'static str, String)> {
    let main = ports.main.to_string();
    match tls {
        None => vec![("port", main)],
        // Port 0 is no port.
        Some(_) => vec![("tls-port", main), ("port", ports.plain.unwrap_or_default().to_string())],
    }
}

/// The port settings of a server behind a proxy: it listens on hidden ports and announces those of the proxy.
pub(crate) fn behind_proxy(
    tls: Option<TlsPorts>,
    announced: ClientPorts,
    hidden: ClientPorts,
    settings: &Settings,
) -> Vec<(&'static str, String)> {
    let port = announced.main.to_string();
    let mut ports = port_settings(tls, hidden);
    ports.push(("replica-announce-port", port.clone()));
    if settings.value("cluster-enabled").is_some() {
        ports.push(("cluster-port", (announced.main + BUS_OFFSET).to_string()));
        ports.push((if tls.is_some() { "cluster-announce-tls-port" } else { "cluster-announce-port" }, port));
        ports.extend(announced.plain.map(|plain| ("cluster-announce-port", plain.to_string())));
    }
    ports
}

/// The settings that rct must set after a cluster is formed, because they had other values meanwhile.
pub(crate) fn once_formed(pace: FormingPace, request: &BringUp, settings: &Settings) -> Vec<(&'static str, String)> {
    let differing = while_forming(pace, request).into_iter();
    differing.filter_map(|(name, _)| Some((name, settings.value(name)?.to_owned()))).collect()
}
